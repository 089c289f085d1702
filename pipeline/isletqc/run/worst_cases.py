"""The objects whose volume a segmentation got most wrong, cut out of their pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from isletqc.records import Image
from isletqc.report.overlay import encode_jpeg
from isletqc.training.evaluate import Pair

Labels = NDArray[np.int32]

TRUE_RGB, FOUND_RGB = (0, 158, 115), (213, 94, 0)
_SIDE_PX = 220
_AROUND = 2.2  # times the object's diameter
_LEAST_UM = 60.0


@dataclass(frozen=True, slots=True)
class Case:
    """One object: where it is, what is wrong, by how much, and how it looks (a JPEG)."""

    image: str
    what: str
    volume_error_nl: float
    jpeg: bytes


def worst(
    image: Image, found: Labels, true: Labels, pairs: Sequence[Pair], *, name: str, most: int
) -> tuple[Case, ...]:
    """Cut out the ``most`` objects whose volume is most wrong, worst first."""

    def off(pair: Pair) -> float:
        return abs(_error_nl(pair))

    chosen = sorted(pairs, key=off, reverse=True)[:most]
    return tuple(
        Case(name, _what(pair), _error_nl(pair), _cut(image, found, true, pair)) for pair in chosen
    )


def _error_nl(pair: Pair) -> float:
    true, found = pair.volume_nl
    return found - true


def _what(pair: Pair) -> str:
    if pair.found_um is None:
        return f"{pair.true_um:.0f} um, not found as one"
    if pair.true_um is None:
        return f"{pair.found_um:.0f} um, no such object"
    true, found = pair.volume_nl
    return f"{pair.true_um:.0f} um, volume {100 * (found / true - 1):+.0f} %, IoU {pair.iou:.2f}"


def _cut(image: Image, found: Labels, true: Labels, pair: Pair) -> bytes:
    size_um = max(pair.true_um or 0, pair.found_um or 0, _LEAST_UM) * _AROUND
    half = size_um / image.um_per_px / 2
    window = tuple(
        slice(max(0, round(middle - half)), min(length, round(middle + half) + 1))
        for middle, length in zip(pair.centre_yx_px, image.shape_yx, strict=True)
    )
    canvas = _enlarged(_shown(image.pixels[window]))
    height, width = canvas.shape[:2]
    for labels, rgb in ((true, TRUE_RGB), (found, FOUND_RGB)):
        grown = cv2.resize(
            labels[window].astype(np.float32), (width, height), interpolation=cv2.INTER_NEAREST
        )
        canvas[_edges(np.asarray(grown))] = rgb
    return encode_jpeg(canvas[:, :, ::-1], 80, full_colour=True)


def _shown(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Colour for the screen; of fluorescence the first channel is green, the second magenta."""
    light = pixels.astype(np.float32)
    low, high = np.percentile(light, (0.5, 99.8))
    light = np.clip((light - low) * (255 / max(float(high - low), 1e-6)), 0, 255)
    if light.shape[2] == 2:
        light = np.stack((light[..., 1], light[..., 0], light[..., 1]), axis=-1)
    elif light.shape[2] != 3:
        light = np.repeat(light[..., :1], 3, axis=2)
    return np.ascontiguousarray(light.astype(np.uint8))


def _enlarged(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = _SIDE_PX / max(pixels.shape[:2])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size, interpolation=how), dtype=np.uint8)


def _edges(labels: NDArray[Any]) -> NDArray[np.bool_]:
    edges = np.zeros(labels.shape, dtype=np.bool_)
    edges[1:] |= labels[1:] != labels[:-1]
    edges[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    return edges
