"""Image -> Regions, by the method that the protocol names.

Probabilities come at the method's working pixel size and are interpolated to the picture's own
grid before a class is chosen, so that outlines lie between working pixels, not on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from isletqc import assets
from isletqc.protocol import Segmentation
from isletqc.records import BACKGROUND, CLASS_NAMES, ISLET, Image, Regions, Stain
from isletqc.segment import classical, learned
from isletqc.segment.prepare import network_input
from isletqc.segment.split import SplitSettings, split

Maps = NDArray[np.float32]

CLASSICAL_VOLUME_RSD = 0.20
_DEFAULT_VOLUME_RSD = 0.10


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """What a run records about the method that segmented its pictures."""

    name: str
    title: str
    stain: Stain | None
    sha256: str
    um_per_px: float
    volume_rsd: float


def network_facts(name: str) -> NetworkFacts:
    """Facts of a shipped network.

    Raises
    ------
    MissingWeightsError
        The network is not installed.
    """
    trained = learned.load(assets.model(name), learned.choose_device("cpu"))
    return NetworkFacts(
        name=name,
        title=trained.facts.get("title", name),
        stain=cast("Stain | None", trained.facts.get("stain")),
        sha256=trained.sha256,
        um_per_px=trained.um_per_px,
        volume_rsd=learned.figures(trained.facts).get("volume_rsd", _DEFAULT_VOLUME_RSD),
    )


def method_facts(settings: Segmentation) -> NetworkFacts:
    """Facts of the method that a protocol names; the classical one has no weights."""
    if settings.method == "network":
        return network_facts(settings.network)
    return NetworkFacts(
        "classical", "Thresholds and watershed", None, "", classical.UM_PER_PX, CLASSICAL_VOLUME_RSD
    )


def device_name(device: str) -> str:
    """Name the device that ``segment`` would use: ``cpu`` or ``cuda``."""
    return learned.choose_device(device).type


def segment(image: Image, settings: Segmentation, *, device: str = "auto") -> Regions:
    """Find the islets of a picture.

    Parameters
    ----------
    image : grey or RGB
    settings : method and network
    device : ``auto``, ``cpu`` or ``cuda``

    Raises
    ------
    MissingWeightsError, UnsupportedPictureError, UsageError
    """
    if settings.method == "classical":
        probabilities, core = classical.predict(
            image.pixels, image.um_per_px, full_scale=image.full_scale, stain=image.stain
        )
        return _regions(image, probabilities, core, "classical")
    trained = learned.load(assets.model(settings.network), learned.choose_device(device))
    return segment_with(image, trained)


def segment_with(image: Image, trained: learned.TrainedNetwork) -> Regions:
    """Find the islets of a picture by a network in memory."""
    prepared = network_input(
        image.pixels,
        image.um_per_px,
        full_scale=image.full_scale,
        working_um_per_px=trained.um_per_px,
    )
    probabilities, core = learned.predict(trained, prepared)
    classes = trained.network.architecture.classes
    return _regions(image, _all_classes(probabilities, classes), core, f"network {trained.name}")


def _all_classes(probabilities: Maps, names: tuple[str, ...]) -> Maps:
    """Probabilities in the order of the class map; a class that the network lacks has none."""
    if names == CLASS_NAMES:
        return probabilities
    empty = np.zeros(probabilities.shape[:2], dtype=np.float32)
    columns = [
        probabilities[:, :, names.index(name)] if name in names else empty for name in CLASS_NAMES
    ]
    return np.stack(columns, axis=-1)


def _regions(image: Image, probabilities: Maps, core: Maps, method: str) -> Regions:
    fine = _interpolate(probabilities, image.shape_yx)
    classes, probability = _decide(fine)
    labels = split(
        classes == ISLET, _interpolate(core, image.shape_yx), image.um_per_px, SplitSettings()
    )
    classes[(classes == ISLET) & (labels == 0)] = BACKGROUND
    classes[labels > 0] = ISLET
    for array in (classes, labels, probability):
        array.flags.writeable = False
    return Regions(classes, labels, probability, image.um_per_px, method)


def _interpolate(maps: Maps, shape_yx: tuple[int, int]) -> Maps:
    if maps.shape[:2] == shape_yx:
        return maps
    shrinking = shape_yx[0] < maps.shape[0]
    method = cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(maps, shape_yx[::-1], interpolation=method))


def _decide(fine: Maps) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Most probable class of each pixel, and that probability in 1/255."""
    classes = fine.argmax(axis=2).astype(np.uint8)
    probability = np.clip(fine.max(axis=2) * 255 + 0.5, 0, 255).astype(np.uint8)
    return classes, probability
