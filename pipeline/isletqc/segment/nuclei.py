"""Nuclear stain -> numbered nuclei, by a network, or without learning as follows.

1. Light of the background: a wide opening, smoothed; noise from neighbouring pixels. 2. Seeds:
blobs of the size of nuclei, as maxima of a difference of Gaussians over position and scale. Such a
difference is scale-normalised, so that a blob answers strongest at its own size; weaker answers
inside a blob that is taken already are dropped. 3. Watershed of the blob answer from the seeds,
inside everything clearly above the background. 4. Each nucleus ends where its own brightness has
fallen half-way to the background, so that dim nuclei keep their size beside bright ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from isletqc.protocol import Nuclei, Segmentation
from isletqc.records import BACKGROUND, ISLET, Image, Regions
from isletqc.segment import run
from isletqc.segment.channels import channel

Plane = NDArray[np.float32]
Labels = NDArray[np.int32]

_RATIO = 1.26  # between scales: three to the octave
_LEAST_PX = 7.0  # diameter of the smallest nucleus on the working grid
_CLEAR = 5.0  # times the noise
_GLOW = 0.06  # of the brightest
_WEAK = 0.12  # of the strong answers: weaker blobs are no nuclei
_APART = 0.9  # of the radius of a taken blob: no second seed nearer than this
_EDGE = 0.45  # between background and the nucleus's own brightness


@dataclass(frozen=True, slots=True)
class _Blob:
    y: int
    x: int
    radius_px: float


_CLASSICAL = Segmentation(method="classical")


def regions(
    image: Image, settings: Nuclei, method: Segmentation = _CLASSICAL, *, device: str = "auto"
) -> Regions:
    """Find the nuclei of a picture; class 2 is nucleus.

    Parameters
    ----------
    settings : channel of the nuclear stain and size of nuclei
    method : a network that finds nuclei, or the classical method of this module
    device : ``auto``, ``cpu`` or ``cuda``

    Raises
    ------
    UnsupportedPictureError
        The picture has no such channel.
    """
    plane = channel(image, settings.channel)
    if method.method == "network":
        alone = replace(image, pixels=plane[:, :, None], channels=("nuclei",))
        return _without_small(run.segment(alone, method, device=device), settings.diameter_um[0])
    labels = segment(plane, image.um_per_px, diameter_um=settings.diameter_um)
    classes = np.where(labels > 0, ISLET, BACKGROUND).astype(np.uint8)
    sure = np.full(labels.shape, 255, np.uint8)
    for array in (classes, labels, sure):
        array.flags.writeable = False
    return Regions(classes, labels, sure, image.um_per_px, "nuclei by blobs and watershed")


def _without_small(found: Regions, smallest_um: float) -> Regions:
    """Drop what is smaller than a nucleus, unless the picture's edge cuts it."""
    labels = found.labels
    areas = np.bincount(labels.ravel())
    keep = areas >= np.pi / 4 * (smallest_um / found.um_per_px) ** 2
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        keep[edge] = True
    keep[0] = False
    numbers = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
    labels = numbers[labels]
    classes = np.where(labels > 0, ISLET, BACKGROUND).astype(np.uint8)
    for array in (classes, labels):
        array.flags.writeable = False
    return replace(found, labels=labels, classes=classes)


def segment(
    plane: NDArray[Any], um_per_px: float, *, diameter_um: tuple[float, float] = (4.0, 16.0)
) -> Labels:
    """Find the nuclei in one plane of brightness.

    Parameters
    ----------
    plane : (Y, X) brightness of the nuclear stain, bright on dark
    um_per_px : side of a pixel
    diameter_um : smallest and largest nucleus

    Returns
    -------
    (Y, X) int32, 0 outside, 1..n without gaps in reading order of the seeds' rows
    """
    step = max(1, math.floor(diameter_um[0] / um_per_px / _LEAST_PX))
    shape = plane.shape[0], plane.shape[1]
    small = _shrink(np.ascontiguousarray(plane, np.float32), step)
    sizes_px = (diameter_um[0] / um_per_px / step, diameter_um[1] / um_per_px / step)
    labels = _labels(small, sizes_px)
    return labels if step == 1 else _grow(labels, step, shape)


def _labels(plane: Plane, sizes_px: tuple[float, float]) -> Labels:
    sigma_px = max(sizes_px[0] / 8, 0.6)
    smooth = _blur(plane, sigma_px)
    light = smooth - _background(smooth, sizes_px[1])
    floor = _floor(plane, light, sigma_px)
    answers = _answers(light, _sigmas(sizes_px))
    blobs = _blobs(answers, sizes_px, light > floor)
    if not blobs:
        return np.zeros(plane.shape, np.int32)
    seeds = np.zeros(plane.shape, np.int32)
    for number, blob in enumerate(blobs, start=1):
        seeds[blob.y, blob.x] = number
    best = np.max(answers, axis=0)
    parted = watershed(-best, seeds, mask=light > floor)  # type: ignore[no-untyped-call]
    return _trimmed(light, np.asarray(parted, np.int32), blobs, sizes_px)


def _shrink(plane: Plane, step: int) -> Plane:
    if step == 1:
        return plane
    size = (max(1, plane.shape[1] // step), max(1, plane.shape[0] // step))
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA))


def _grow(labels: Labels, step: int, shape_yx: tuple[int, int]) -> Labels:
    """Bring labels to the picture's own grid: each pixel takes that of the nearest."""
    rows = np.minimum(np.arange(shape_yx[0]) // step, labels.shape[0] - 1)
    columns = np.minimum(np.arange(shape_yx[1]) // step, labels.shape[1] - 1)
    return np.ascontiguousarray(labels[rows][:, columns])


def _blur(plane: Plane, sigma_px: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), max(sigma_px, 0.3)), np.float32)


def _background(plane: Plane, largest_px: float) -> Plane:
    """Light without nuclei: a wide opening on a coarse grid, smoothed."""
    step = max(1, int(largest_px // 4))
    height, width = plane.shape
    size = (max(1, width // step), max(1, height // step))
    coarse = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    reach = 5
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    opened = cv2.GaussianBlur(cv2.morphologyEx(coarse, cv2.MORPH_OPEN, kernel), (0, 0), reach / 2)
    return np.asarray(cv2.resize(opened, (width, height), interpolation=cv2.INTER_LINEAR))


def _floor(plane: Plane, light: Plane, sigma_px: float) -> float:
    """Brightness from which a pixel is no background: above its noise and above faint glow."""
    steps = np.abs(np.diff(plane, axis=1))
    noise = float(np.median(steps)) * 1.4826 / math.sqrt(2) if steps.size else 0.0
    left = noise / max(2 * math.sqrt(math.pi) * sigma_px, 1.0)
    return max(_CLEAR * left, _GLOW * float(np.percentile(light, 99)))


def _sigmas(sizes_px: tuple[float, float]) -> list[float]:
    """Scales of blobs from the smallest to the largest: a disc answers at radius / sqrt 2."""
    low, high = (size / 2 / math.sqrt(2) for size in sizes_px)
    count = max(1, math.ceil(math.log(high / low) / math.log(_RATIO))) + 1
    return [low * _RATIO**k for k in range(count)]


def _answers(light: Plane, sigmas: Sequence[float]) -> NDArray[np.float32]:
    """(scales, Y, X) difference of Gaussians, high in the middle of blobs of that scale."""
    root = math.sqrt(_RATIO)
    return np.stack([_blur(light, s / root) - _blur(light, s * root) for s in sigmas])


def _blobs(
    answers: NDArray[np.float32], sizes_px: tuple[float, float], clear: NDArray[np.bool_]
) -> list[_Blob]:
    """Maxima over position and scale, the strongest first, none inside another; by rows."""
    sigmas = _sigmas(sizes_px)
    peaks = np.stack([a == cv2.dilate(a, np.ones((3, 3), np.uint8)) for a in answers])
    over = np.stack([answers[max(k - 1, 0) : k + 2].max(axis=0) for k in range(len(answers))])
    scale, y, x = np.nonzero(peaks & (answers >= over) & (answers > 0) & clear)
    if not len(scale):
        return []
    strength = answers[scale, y, x]
    keep = strength > _WEAK * float(np.percentile(strength, 90))
    order = np.argsort(-strength[keep], kind="stable")
    found = [
        _Blob(int(r), int(c), sigmas[s] * math.sqrt(2))
        for s, r, c in zip(*(v[keep][order] for v in (scale, y, x)), strict=True)
    ]
    return sorted(_apart(found), key=lambda b: (b.y, b.x))


def _apart(blobs: Sequence[_Blob]) -> list[_Blob]:
    """Leave out what lies inside a stronger blob; a coarse grid finds the neighbours."""
    cell = max(b.radius_px for b in blobs)
    grid: dict[tuple[int, int], list[_Blob]] = {}
    taken = []
    for blob in blobs:
        home = int(blob.y // cell), int(blob.x // cell)
        near = (
            other
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
            for other in grid.get((home[0] + dy, home[1] + dx), ())
        )
        if all(_clear_of(blob, other) for other in near):
            taken.append(blob)
            grid.setdefault(home, []).append(blob)
    return taken


def _clear_of(blob: _Blob, taken: _Blob) -> bool:
    gap = math.hypot(blob.y - taken.y, blob.x - taken.x)
    return gap > _APART * max(taken.radius_px, blob.radius_px)


def _trimmed(
    light: Plane, parted: Labels, blobs: Sequence[_Blob], sizes_px: tuple[float, float]
) -> Labels:
    """Cut each nucleus at half its own brightness; drop what has not the size of one."""
    result = np.zeros_like(parted)
    low, high = (math.pi / 4 * s**2 for s in (0.8 * sizes_px[0], 1.25 * sizes_px[1]))
    number = 0
    for label, box in enumerate(ndimage.find_objects(parted), start=1):
        if box is None:
            continue
        inside = parted[box] == label
        values = light[box]
        edge = _EDGE * float(np.percentile(values[_core(inside, box, blobs[label - 1])], 75))
        body = _piece(inside & (values > edge), box, blobs[label - 1])
        if low <= np.count_nonzero(body) <= high:
            number += 1
            result[box][body] = number
    return result


def _core(inside: NDArray[np.bool_], box: tuple[slice, slice], blob: _Blob) -> NDArray[np.bool_]:
    """Pixels of the nucleus near its seed, where its brightness is its own."""
    y, x = np.ogrid[: inside.shape[0], : inside.shape[1]]
    gap2 = (y + box[0].start - blob.y) ** 2 + (x + box[1].start - blob.x) ** 2
    near = inside & (gap2 <= max(blob.radius_px, 1.0) ** 2)
    return near if near.any() else inside


def _piece(body: NDArray[np.bool_], box: tuple[slice, slice], blob: _Blob) -> NDArray[np.bool_]:
    """Largest connected part, its holes filled."""
    parts, count = ndimage.label(body)
    if count == 0:
        return body
    largest = int(np.argmax(np.bincount(parts.ravel())[1:])) + 1
    return np.asarray(ndimage.binary_fill_holes(parts == largest), bool)
