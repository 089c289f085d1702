"""Draw immunofluorescence fields: nuclei, markers in nuclei or cytoplasm, exact truth.

A field has one channel of nuclear stain and one for each marker. Each cell is positive or negative
for each marker; positive cells shine with a lognormal brightness, negative ones with the faint glow
of tissue. Camera and optics add background, uneven staining, bleed-through from the channel before,
blur and noise. The truth is which pixel belongs to which nucleus, and which cell is positive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isletqc.synthetic.optics import blurred, smooth_noise

Plane = NDArray[np.float32]
Place = Literal["nucleus", "cytoplasm"]

FULL_SCALE = 4095
_LEVEL = 1000.0  # grey levels of a positive cell
_MOST_TRIES = 60


@dataclass(frozen=True, slots=True)
class DrawnMarker:
    """How one marker is drawn.

    Attributes
    ----------
    name : its channel
    fraction : of positive cells, met to the nearest whole cell
    place : where it shines
    variation : CV of the brightness of positive cells
    glow : brightness of negative cells over that of positive ones
    """

    name: str
    fraction: float
    place: Place = "nucleus"
    variation: float = 0.3
    glow: float = 0.08


@dataclass(frozen=True, slots=True)
class Camera:
    """What optics and camera add.

    Attributes
    ----------
    signal_to_noise : brightness of a positive cell over the noise of a pixel
    background : offset, as a share of a positive cell's brightness
    uneven : relative variation of the staining over the field
    bleed_through : share of the channel before that is seen in each marker's channel
    blur_um : SD of the blur
    """

    signal_to_noise: float = 20.0
    background: float = 0.2
    uneven: float = 0.1
    bleed_through: float = 0.02
    blur_um: float = 0.4


@dataclass(frozen=True, slots=True)
class CellField:
    """A drawn field with its truth.

    Attributes
    ----------
    pixels : (Y, X, C) uint16; channel 0 is the nuclear stain
    channels : ``("nuclei", *marker names)``
    labels : (Y, X) int32, 1..n, nuclei
    positive : for each marker (n,) bool, by label
    um_per_px : side of a pixel
    """

    pixels: NDArray[np.uint16]
    channels: tuple[str, ...]
    labels: NDArray[np.int32]
    positive: Mapping[str, NDArray[np.bool_]]
    um_per_px: float

    def fraction(self, *names: str) -> float:
        """Fraction of nuclei that are positive for all the named markers."""
        return float(np.all([self.positive[n] for n in names], axis=0).mean())


def immunofluorescence_field(
    seed: int,
    markers: Sequence[DrawnMarker],
    *,
    shape_yx: tuple[int, int] = (768, 768),
    um_per_px: float = 0.5,
    nuclei: int = 400,
    diameter_um: float = 8.0,
    camera: Camera | None = None,
) -> CellField:
    """Draw cells with markers.

    Parameters
    ----------
    seed : of every random draw
    markers : one channel each
    shape_yx, um_per_px : size of the picture in pixels, side of a pixel
    nuclei : how many are tried; where the field is full there are fewer
    diameter_um : mean diameter of a nucleus; SD 12 %
    camera : what optics and camera add; None takes the usual
    """
    rng = np.random.default_rng(seed)
    camera = camera or Camera()
    labels = _nuclei(rng, shape_yx, nuclei, diameter_um / um_per_px)
    count = int(labels.max())
    cells = _cells(labels, reach_px=2.5 / um_per_px)
    positive = {m.name: _chosen(rng, m.fraction, count) for m in markers}
    scenes = [_stained(rng, labels, np.exp(rng.normal(0, 0.15, count)))]
    for marker in markers:
        where = labels if marker.place == "nucleus" else np.where(labels > 0, 0, cells)
        scenes.append(_stained(rng, where, _levels(rng, marker, positive[marker.name])))
    pixels = np.stack(_photographed(rng, scenes, camera, um_per_px), axis=-1)
    arrays: tuple[NDArray[Any], ...] = (pixels, labels, *positive.values())
    for array in arrays:
        array.flags.writeable = False
    return CellField(pixels, ("nuclei", *(m.name for m in markers)), labels, positive, um_per_px)


def _chosen(rng: np.random.Generator, fraction: float, count: int) -> NDArray[np.bool_]:
    chosen = np.zeros(count, bool)
    chosen[rng.permutation(count)[: round(fraction * count)]] = True
    return chosen


def _nuclei(
    rng: np.random.Generator, shape_yx: tuple[int, int], count: int, diameter_px: float
) -> NDArray[np.int32]:
    """Lay ellipses that touch but hardly overlap; the first one owns a pixel."""
    labels = np.zeros(shape_yx, np.int32)
    placed: list[tuple[float, float, float]] = []
    for _ in range(count):
        radius = float(diameter_px / 2 * np.clip(rng.normal(1, 0.12), 0.7, 1.4))
        for _ in range(_MOST_TRIES):
            y, x = rng.uniform(radius + 1, np.array(shape_yx) - radius - 1)
            if all((y - b) ** 2 + (x - c) ** 2 > (0.97 * (radius + r)) ** 2 for b, c, r in placed):
                placed.append((float(y), float(x), radius))
                _lay(rng, labels, placed[-1], len(placed))
                break
    return labels


def _lay(
    rng: np.random.Generator,
    labels: NDArray[np.int32],
    place: tuple[float, float, float],
    number: int,
) -> None:
    cy, cx, radius = place
    stretch, turn = rng.uniform(1.0, 1.2), rng.uniform(0, np.pi)
    reach = int(radius * 1.3) + 2
    top, left = max(int(cy) - reach, 0), max(int(cx) - reach, 0)
    part = labels[top : int(cy) + reach + 1, left : int(cx) + reach + 1]
    y, x = np.mgrid[: part.shape[0], : part.shape[1]].astype(float)
    y, x = y + top - cy, x + left - cx
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    inside = (along / stretch) ** 2 + (across * stretch) ** 2 <= radius**2
    part[inside & (part == 0)] = number


def _cells(labels: NDArray[np.int32], reach_px: float) -> NDArray[np.int32]:
    """Nuclei grown by the cytoplasm around them, up to half-way to the next."""
    far, (rows, columns) = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    return np.asarray(np.where(far <= reach_px, labels[rows, columns], 0), np.int32)


def _levels(
    rng: np.random.Generator, marker: DrawnMarker, positive: NDArray[np.bool_]
) -> NDArray[np.float64]:
    log_sd = np.sqrt(np.log1p(marker.variation**2))
    bright = np.exp(rng.normal(-(log_sd**2) / 2, log_sd, positive.size))
    return np.asarray(np.where(positive, bright, marker.glow * bright))


def _stained(
    rng: np.random.Generator, where: NDArray[np.int32], levels: NDArray[np.float64]
) -> Plane:
    grain = 1 + 0.12 * smooth_noise(rng, (where.shape[0], where.shape[1]), 3.0)
    return np.asarray(np.concatenate([[0.0], levels])[where] * grain, np.float32)


def _photographed(
    rng: np.random.Generator, scenes: Sequence[Plane], camera: Camera, um_per_px: float
) -> list[NDArray[np.uint16]]:
    shape = scenes[0].shape[0], scenes[0].shape[1]
    pictures = []
    for k, scene in enumerate(scenes):
        light = scene + camera.bleed_through * scenes[k - 1] if k else scene
        light = light * (1 + camera.uneven * smooth_noise(rng, shape, 300.0))
        haze = camera.background * (1 + 0.5 * camera.uneven * smooth_noise(rng, shape, 300.0))
        seen = blurred(np.asarray(light + haze, np.float32), camera.blur_um / um_per_px)
        pictures.append(_exposed(rng, seen, camera.signal_to_noise))
    return pictures


def _exposed(rng: np.random.Generator, seen: Plane, signal_to_noise: float) -> NDArray[Any]:
    """Half of the noise at a positive cell is of light, half of the camera (in variance)."""
    variance = (0.5 + 0.5 * np.maximum(seen, 0)) / signal_to_noise**2
    noisy = seen + rng.standard_normal(seen.shape, dtype=np.float32) * np.sqrt(variance)
    grey = np.clip(np.rint(noisy * _LEVEL), 0, FULL_SCALE)
    return np.asarray(grey, np.uint16)
