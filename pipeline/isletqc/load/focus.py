"""How blurred are the edges of a picture, in micrometres, whatever its contrast and content.

Takes a grey picture and its pixel size; gives a sharpness between 1 (sharp) and 0.25 (wholly
blurred) and the blur that it stands for. The energy of the gradient is taken at three scales
``s0``, ``2 s0`` and ``4 s0`` (4, 8, 16 um, or from one pixel on where pixels are larger). Blurred
by ``b``, a structure of any shape keeps ``(b^2 + s^2)^-n`` of its energy, with ``n`` from 1/2 for
a long edge to 2 for a point. The ratio of the two falls, ``log(E0/E1) / log(E1/E2)``, is free of
``n`` and of contrast. It is taken tile by tile where edges are strong, and the median is the
answer: half of the tiles may hold a scale bar or a cluster out of the plane. The energy of white
noise, estimated in quiet tiles (Immerkaer, doi:10.1006/cviu.1996.0060), is taken off. Idea of
measuring blur by more blur: Zhuo and Sim, doi:10.1016/j.patcog.2011.03.009.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_FINEST_UM = 4.0
_SCALES = 3
_TILE_UM = 250.0
# Tiles count whose edges have a tenth of the energy of the strongest tenth of tiles.
_STRONG, _STRONG_PERCENTILE = 0.1, 90
_QUIET_PERCENTILE = 10
_MIN_FALL = 0.05
# Blurred by this many pixels, a plane loses nothing when every second pixel is dropped.
_SAFE_TO_THIN = 1.6
_BLURS = np.geomspace(0.05, 30, 300)
_NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sharpness:
    """``ratio``: 1 sharp to 0.25 blurred; ``blur_um``: standard deviation of the blur."""

    ratio: float
    blur_um: float


def sharpness(plane: Plane, px_um: float) -> Sharpness | None:
    """Measure the sharpness of the strong edges of a picture.

    Parameters
    ----------
    plane : (Y, X) float32, any scale of grey values
    px_um : side of its pixels, micrometres

    Returns
    -------
    Sharpness, or None where no tile holds an edge that stands out of the noise.
    """
    finest_um = max(_FINEST_UM, px_um)
    fine, middle, coarse = _energies(plane, px_um, finest_um)
    top = float(np.percentile(middle, _STRONG_PERCENTILE))
    strong = (middle > _STRONG * top) & (fine > 0) & (coarse > 0)
    if top <= 0 or not strong.any():
        return None
    first = np.log(fine[strong] / middle[strong])
    second = np.maximum(np.log(middle[strong] / coarse[strong]), _MIN_FALL)
    ratio = float(np.median(first / second))
    return Sharpness(ratio, finest_um * _blur_of(ratio))


def _energies(plane: Plane, px_um: float, finest_um: float) -> list[Plane]:
    """Measure the mean energy of the gradient in each tile, less that of noise, by scale."""
    tiles = (
        max(1, round(plane.shape[1] * px_um / _TILE_UM)),
        max(1, round(plane.shape[0] * px_um / _TILE_UM)),
    )
    noise = _noise_variance(plane, tiles)
    step_um, reached_um, energies = px_um, 0.0, []
    for level in range(_SCALES):
        scale_um = finest_um * 2**level
        plane = _blurred(plane, math.sqrt(scale_um**2 - reached_um**2) / step_um)
        energy = _tiled(_gradient_energy(plane, step_um), tiles)
        energies.append(energy - noise * _noise_gain(scale_um, px_um, step_um))
        reached_um = scale_um
        if scale_um >= _SAFE_TO_THIN * step_um and min(plane.shape) >= 4:
            plane, step_um = np.ascontiguousarray(plane[::2, ::2]), 2 * step_um
    return energies


def _blurred(plane: Plane, sigma_px: float) -> Plane:
    side = 2 * math.ceil(3 * sigma_px) + 1
    return np.asarray(cv2.GaussianBlur(plane, (side, side), sigma_px), np.float32)


def _gradient_energy(plane: Plane, step_um: float) -> Plane:
    across = cv2.Sobel(plane, cv2.CV_32F, 1, 0, ksize=1, scale=0.5 / step_um)
    down = cv2.Sobel(plane, cv2.CV_32F, 0, 1, ksize=1, scale=0.5 / step_um)
    return np.asarray(across * across + down * down, np.float32)


def _tiled(values: Plane, tiles: tuple[int, int]) -> Plane:
    return np.asarray(cv2.resize(values, tiles, interpolation=cv2.INTER_AREA), np.float32)


def _noise_variance(plane: Plane, tiles: tuple[int, int]) -> float:
    rough = cv2.filter2D(plane, -1, _NOISE_KERNEL)
    return float(np.percentile(_tiled(rough * rough, tiles), _QUIET_PERCENTILE))


def _noise_gain(scale_um: float, px_um: float, step_um: float) -> float:
    """Energy that central differences see of white noise of variance 1, blurred to a scale."""
    sigma_px, step_px = scale_um / px_um, step_um / px_um
    kept = 1 / (4 * math.pi * sigma_px**2)
    return kept * (1 - math.exp(-((step_px / sigma_px) ** 2))) / step_um**2


def _blur_of(ratio: float) -> float:
    """Find the blur, in units of the finest scale, that gives a ratio."""
    b2 = _BLURS**2
    ratios = np.log((b2 + 4) / (b2 + 1)) / np.log((b2 + 16) / (b2 + 4))
    return float(np.interp(-ratio, -ratios, _BLURS))
