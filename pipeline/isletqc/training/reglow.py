"""Fluorescence crops -> the same field under another microscope: optics, haze, dye, camera.

Takes and gives brightness as a network's preparation does: 0 background, 1 brightest light.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]

_BRIGHTEST = 1.5


def glow_anew(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Change the look of (y, x, C) brightness; every channel on its own but for the optics."""
    pixels = _blurred(pixels, rng)
    planes = [_channel(plane, rng) for plane in np.moveaxis(pixels, -1, 0)]
    return np.clip(np.stack(planes, axis=-1), 0, _BRIGHTEST).astype(np.float32)


def _blurred(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    if rng.random() < 0.4:
        soft = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, 1.6))
        return np.asarray(soft, dtype=np.float32).reshape(pixels.shape)
    return pixels


def _channel(plane: Pixels, rng: np.random.Generator) -> Pixels:
    plane = plane ** np.float32(np.exp(rng.normal(0, 0.25)))
    if rng.random() < 0.5:
        plane = plane * _slope(plane.shape, rng)
    if rng.random() < 0.4:
        haze = cv2.GaussianBlur(plane, (0, 0), rng.uniform(4, 20))
        plane = plane + np.float32(rng.uniform(0, 0.5)) * haze
    plane = plane * np.float32(np.exp(rng.normal(0, 0.4)))
    return _camera(plane, rng)


def _slope(shape_yx: tuple[int, ...], rng: np.random.Generator) -> Pixels:
    down, across = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape_yx)
    slope = rng.normal(0, 0.15, 2).astype(np.float32)
    light = 1 + slope[0] * down[:, None] + slope[1] * across[None, :]
    return np.asarray(np.maximum(light, 0.1), dtype=np.float32)


def _camera(plane: Pixels, rng: np.random.Generator) -> Pixels:
    """Offset, shot noise and read noise, then few grey levels now and then."""
    plane = plane + np.float32(rng.normal(0, 0.03))
    if rng.random() < 0.6:
        shot = np.sqrt(np.maximum(plane, 0)) * np.float32(rng.uniform(0, 0.08))
        spread = shot + np.float32(rng.uniform(0.001, 0.04))
        plane = plane + spread * rng.standard_normal(plane.shape, dtype=np.float32)
    if rng.random() < 0.15:
        levels = np.float32(rng.integers(12, 64))
        plane = np.rint(plane * levels) / levels
    return np.asarray(plane, dtype=np.float32)
