"""Image -> Regions, by the method that the protocol names.

Probabilities come at the method's working pixel size and are interpolated to the picture's own
grid before a class is chosen, so that outlines lie between working pixels, not on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from isletqc import assets
from isletqc.protocol import Segmentation
from isletqc.records import BACKGROUND, CLASS_NAMES, ISLET, Image, Regions, Stain
from isletqc.segment import annotation, classical, fluorescence, learned, likeness, views
from isletqc.segment.prepare import (
    FLUORESCENT,
    glow_network_input,
    network_input,
    refuse_coarse,
)
from isletqc.segment.split import SMALLEST_UM, SplitSettings, split

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
    image : grey or RGB; for live/dead pictures the live and the dead channel
    settings : method and network
    device : ``auto``, ``cpu`` or ``cuda``

    Raises
    ------
    MissingWeightsError, PictureTooLargeError, UnsupportedPictureError, UsageError
    """
    refuse_coarse(
        image.shape_yx,
        image.um_per_px,
        method_facts(settings).um_per_px,
        max_megapixels=settings.max_megapixels,
    )
    if settings.method == "classical" and image.stain == "live-dead":
        islet, core = fluorescence.predict(image.pixels, image.um_per_px)
        both = {BACKGROUND: 1 - islet, ISLET: islet}
        return _regions(image, both, core, "classical fluorescence")
    if settings.method == "classical":
        classes, core = classical.predict(
            image.pixels, image.um_per_px, full_scale=image.full_scale, stain=image.stain
        )
        planes = {value: (classes == value).astype(np.float32) for value in range(3)}
        return _regions(image, planes, core, "classical")
    trained = learned.load(assets.model(settings.network), learned.choose_device(device))
    return segment_with(image, trained, uncertainty=settings.uncertainty)


def segment_with(
    image: Image, trained: learned.TrainedNetwork, *, uncertainty: bool = False
) -> Regions:
    """Find the islets of a picture by a network in memory.

    With ``uncertainty`` five other views of the picture are segmented too, which takes six times
    as long, and the spread of each islet's volume and of their sum is stated.
    """
    if not uncertainty:
        return _once(image, trained, _prepared(image, trained))
    regions, raw = segment_six_ways(image, trained)
    factor = learned.figures(trained.facts).get("spread_factor", views.USUAL_FACTOR)
    rsd = views.stated(raw, factor)
    return replace(
        regions,
        volume_rsd=views.joint(regions.labels, rsd),
        islet_volume_rsd=tuple(float(one) for one in rsd),
    )


def segment_six_ways(
    image: Image, trained: learned.TrainedNetwork
) -> tuple[Regions, NDArray[np.float64]]:
    """Find the islets of a picture, and how far the volume of each depends on the view.

    Returns
    -------
    Regions and the raw spread of islets 1..n, as ``segment.views`` defines it
    """
    prepared = _prepared(image, trained)
    regions = _once(image, trained, prepared)
    seen = [
        _network_regions(image, trained, view).labels for view in views.others(trained, prepared)
    ]
    return regions, views.spread(regions.labels, seen)


def _prepared(image: Image, trained: learned.TrainedNetwork) -> Maps:
    prepare = glow_network_input if trained.facts.get("stain") in FLUORESCENT else network_input
    return prepare(
        image.pixels,
        image.um_per_px,
        full_scale=image.full_scale,
        working_um_per_px=trained.um_per_px,
    )


def _once(image: Image, trained: learned.TrainedNetwork, prepared: Maps) -> Regions:
    predicted = learned.predict(trained, prepared)
    alike = likeness.likeness(trained.cloud, predicted.point) if trained.cloud else None
    return replace(_network_regions(image, trained, predicted), likeness=alike)


def _network_regions(
    image: Image, trained: learned.TrainedNetwork, predicted: learned.Prediction
) -> Regions:
    names = trained.network.architecture.classes
    planes = {
        CLASS_NAMES.index(name): np.ascontiguousarray(predicted.probabilities[..., k])
        for k, name in enumerate(names)
    }
    settings = SplitSettings.of_size(float(trained.facts.get("smallest_um", SMALLEST_UM)))
    return _regions(image, planes, predicted.core, f"network {trained.name}", settings)


def _regions(
    image: Image,
    planes: Mapping[int, Maps],
    core: Maps,
    method: str,
    settings: SplitSettings = SplitSettings(),  # noqa: B008 - frozen
) -> Regions:
    fine = {value: _interpolate(plane, image.shape_yx) for value, plane in planes.items()}
    classes, probability = decide(fine)
    for box in annotation.boxes(image.pixels, image.full_scale):
        classes[box] = BACKGROUND
    islet = classes == ISLET
    labels = split(islet, _interpolate(core, image.shape_yx), image.um_per_px, settings)
    np.copyto(classes, BACKGROUND, where=islet)
    np.copyto(classes, ISLET, where=labels > 0)
    for array in (classes, labels, probability):
        array.flags.writeable = False
    return Regions(classes, labels, probability, image.um_per_px, method)


def _interpolate(plane: Maps, shape_yx: tuple[int, int]) -> Maps:
    if plane.shape == shape_yx:
        return plane
    shrinking = shape_yx[0] < plane.shape[0]
    method = cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(plane, shape_yx[::-1], interpolation=method))


def decide(fine: Mapping[int, Maps]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Give the most probable class of each pixel, and that probability in 1/255."""
    shape = next(iter(fine.values())).shape
    best = np.zeros(shape, dtype=np.float32)
    classes = np.zeros(shape, dtype=np.uint8)
    for value, plane in fine.items():
        np.copyto(classes, value, where=plane > best)
        np.maximum(best, plane, out=best)
    best *= 255
    best += np.float32(0.5)
    return classes, np.minimum(best, 255, out=best).astype(np.uint8)
