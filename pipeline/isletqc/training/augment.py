"""Examples -> training crops: turned, scaled, relit, blurred and compressed at random.

A crop is taken at twice the working resolution and averaged down, so that its target is the share
of each pixel that a class covers: a network trained on it puts p = 0.5 on the outline itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from isletqc.segment.prepare import colour, glow_input
from isletqc.training.core_map import CoreMap, core_map
from isletqc.training.examples import IGNORE, Example
from isletqc.training.reglow import glow_anew

_FINER = 2

Pixels = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Crop:
    """One training crop.

    Attributes
    ----------
    pixels : (3, y, x) float32, as a network sees them
    cover : (classes, y, x) float32, share of each class, sum 1 where known
    core : (y, x) float32, 0 on outlines and contacts, 1 in the middle of an islet
    known : (y, x) float32, 1 where something is to be learned
    """

    pixels: Pixels
    cover: Pixels
    core: Pixels
    known: Pixels


@dataclass(frozen=True, slots=True)
class CropSettings:
    """Size of crops and meaning of their targets; ``class_values`` are the classes' map values."""

    side_px: int
    um_per_px: float
    core: CoreMap
    class_values: tuple[int, ...]
    scale_jitter: float = 0.3


def crop(example: Example, rng: np.random.Generator, settings: CropSettings) -> Crop:
    """Cut one augmented crop out of an example."""
    fine_px = settings.side_px * _FINER
    scale = float(np.exp(rng.uniform(-settings.scale_jitter, settings.scale_jitter)))
    fine_um = settings.um_per_px * scale / _FINER
    place = _place(example, rng, fine_um, fine_px)
    pixels = _look(example, place, fine_px, fine_um)
    labels = _warp(example.labels, place, fine_px, 0)
    classes = _warp(example.classes, place, fine_px, IGNORE)
    return Crop(
        pixels=np.ascontiguousarray(seen(example, pixels, rng).transpose(2, 0, 1)),
        cover=np.stack([_share(classes == value) for value in settings.class_values]),
        core=_share(core_map(labels, settings.um_per_px / _FINER, settings.core)),
        known=(_share(classes == IGNORE) == 0).astype(np.float32),
    )


def _place(
    example: Example, rng: np.random.Generator, fine_um: float, fine_px: int
) -> NDArray[np.float64]:
    """Affine map from crop to picture: turned, mirrored, scaled, often on objects."""
    factor = fine_um / example.um_per_px
    angle = rng.uniform(0, 2 * np.pi) if rng.random() < 0.5 else np.pi / 2 * rng.integers(4)
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    turn = factor * np.array(
        [[np.cos(angle), -np.sin(angle) * mirror], [np.sin(angle), np.cos(angle) * mirror]]
    )
    middle = _middle(example, rng, fine_px * factor / 2)
    return np.hstack((turn, (middle - turn @ np.full(2, (fine_px - 1) / 2))[:, None]))


def _middle(example: Example, rng: np.random.Generator, half_px: float) -> NDArray[np.float64]:
    """Centre of a crop, (x, y): near an object two times in three."""
    height, width = example.classes.shape
    size = np.array([width, height], dtype=np.float64)
    low, high = np.minimum(half_px, size / 2), np.maximum(size - half_px, size / 2)
    place = rng.uniform(low, high)
    for _ in range(6 if rng.random() < 0.67 else 0):
        x, y = place.astype(int)
        reach = max(1, int(half_px / 2))
        near = example.classes[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach]
        if ((near > 0) & (near != IGNORE)).any():
            break
        place = rng.uniform(low, high)
    return place


def _warp(
    values: NDArray[np.uint8] | NDArray[np.uint16],
    place: NDArray[np.float64],
    side_px: int,
    outside: int,
) -> NDArray[Any]:
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(values, place, (side_px, side_px), flags=flags, borderValue=outside)
    return np.asarray(warped)


def _look(example: Example, place: NDArray[np.float64], fine_px: int, fine_um: float) -> Pixels:
    """Picture values of the crop at working resolution, white at one."""
    source: NDArray[Any] = example.pixels
    coarse = fine_um / example.um_per_px
    if coarse > 1.5:  # blur first: a warp that skips pixels would alias
        source = np.asarray(cv2.blur(source, (round(coarse),) * 2), dtype=source.dtype)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fine = cv2.warpAffine(
        source, place, (fine_px, fine_px), flags=flags, borderMode=cv2.BORDER_REFLECT_101
    )
    small = cv2.resize(fine, (fine_px // _FINER,) * 2, interpolation=cv2.INTER_AREA)
    look: Pixels = np.asarray(small / np.float32(example.white), dtype=np.float32)
    return look.reshape(*small.shape[:2], -1)


def seen(example: Example, pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Show pixels (y, x, C) of an example as another microscope would, (y, x, 3)."""
    if example.fluorescent:
        return glow_input(glow_anew(pixels, rng))
    return relight(colour(pixels), rng)


def _share(mask: NDArray[np.bool_] | Pixels) -> Pixels:
    """Mean over each coarse pixel: of a mask, the share that it covers."""
    blocks = mask.reshape(mask.shape[0] // _FINER, _FINER, mask.shape[1] // _FINER, _FINER)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float32))


def relight(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Another microscope: optics first, then light, then camera; ends as a network's input."""
    pixels = _light(_optics(pixels, rng), rng)
    pixels = _compress(_noise(pixels, rng), rng)
    return np.clip(pixels * 2 - 1, -1, 2).astype(np.float32)


def _optics(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    if rng.random() < 0.35:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, 1.3)))
    if rng.random() < 0.15:
        soft = cv2.GaussianBlur(pixels, (0, 0), 1.2)
        pixels = pixels + rng.uniform(0.2, 1.0) * (pixels - soft)
    if rng.random() < 0.15:
        height, width = pixels.shape[:2]
        shrink = rng.uniform(1.2, 2.4)
        small = max(1, round(width / shrink)), max(1, round(height / shrink))
        coarse = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
        pixels = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))
    return pixels


def _light(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    gamma = np.exp(rng.normal(0, 0.15))
    gain = np.exp(rng.normal(0, 0.08)) * np.exp(rng.normal(0, 0.06, 3))
    dark = rng.uniform(-0.06, 0.15) if rng.random() < 0.5 else 0.0
    lit = np.maximum(pixels, 0) ** gamma * gain * (1 - dark) + dark
    if rng.random() < 0.5:
        down, across = (np.linspace(-1, 1, n, dtype=np.float32) for n in pixels.shape[:2])
        slope = rng.normal(0, 0.08, 2)
        lit = lit * (1 + slope[0] * down[:, None] + slope[1] * across[None, :])[:, :, None]
    if rng.random() < 0.1:
        lit = np.repeat(lit.mean(axis=2, keepdims=True), 3, axis=2)
    return np.asarray(lit, dtype=np.float32)


def _noise(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    if rng.random() < 0.5:
        grain = rng.normal(0, rng.uniform(0.002, 0.035), pixels.shape).astype(np.float32)
        pixels = pixels + grain
    return pixels


def _compress(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    if rng.random() < 0.3:
        byte = np.clip(pixels * 200, 0, 255).astype(np.uint8)
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))]
        _, packed = cv2.imencode(".jpg", byte, quality)
        unpacked = cv2.imdecode(packed, cv2.IMREAD_COLOR)
        pixels = np.asarray(unpacked, dtype=np.float32) * np.float32(1 / 200)
    return pixels
