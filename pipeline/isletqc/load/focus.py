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
# Tiles count whose edges have a twentieth of the energy of the strongest.
_STRONG = 0.05
_OVER_NOISE = 3.0
_DRAWN_SHARE = 0.01
_QUIET_PERCENTILE = 10
_MIN_FALL, _WHOLLY_BLURRED = 0.15, 0.25
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


def sharpness(plane: Plane, px_um: float, *, drawn: Plane) -> Sharpness | None:
    """Measure the sharpness of the strong edges of a picture.

    Parameters
    ----------
    plane : (Y, X) float32, any scale of grey values
    px_um : side of its pixels, micrometres
    drawn : 2-D float32, the same field on any grid, above 0 where something was drawn onto the
        picture later, which is sharp however blurred the picture; such tiles are left out where
        there are others

    Returns
    -------
    Sharpness, or None where no tile holds an edge that stands out of the noise.
    """
    finest_um = max(_FINEST_UM, px_um)
    # Eight pixels at least, so that the coarsest plane still has one in each tile.
    tile_px = max(_TILE_UM / px_um, 8)
    tiles = tuple(max(1, round(length / tile_px)) for length in plane.shape)
    energies, noises = _energies(plane, px_um, finest_um, tiles)
    judged = _undrawn(drawn, tiles) & np.all(energies > 0, axis=0)
    judged &= energies[1] > _OVER_NOISE * noises[1]
    if not judged.any():
        return None
    strong = judged & (energies[1] > _STRONG * energies[1][judged].max())
    fine, middle, coarse = energies[:, strong]
    first, second = np.log(fine / middle), np.log(middle / coarse)
    # Where the energy hardly falls there is a slope of the light, or a blur of over five times the
    # finest scale, of which the steps of an 8-bit picture would make sharp edges.
    falls = np.where(second > _MIN_FALL, first / np.maximum(second, _MIN_FALL), _WHOLLY_BLURRED)
    ratio = float(np.median(falls))
    return Sharpness(ratio, finest_um * _blur_of(ratio))


def _energies(
    plane: Plane, px_um: float, finest_um: float, tiles: tuple[int, ...]
) -> tuple[Plane, list[float]]:
    """Measure the energy of the gradient by scale and tile, less that of noise; and the latter."""
    variance = _noise_variance(plane, tiles)
    step_um, reached_um = px_um, 0.0
    energies, noises = [], []
    for level in range(_SCALES):
        scale_um = finest_um * 2**level
        plane = _blurred(plane, math.sqrt(scale_um**2 - reached_um**2) / step_um)
        noises.append(variance * _noise_gain(scale_um, px_um, step_um))
        energies.append(_tiled(_gradient_energy(plane, step_um), tiles) - noises[-1])
        reached_um = scale_um
        if scale_um >= _SAFE_TO_THIN * step_um and min(plane.shape) >= 4:
            plane, step_um = np.ascontiguousarray(plane[::2, ::2]), 2 * step_um
    return np.asarray(energies, np.float32), noises


def _undrawn(drawn: Plane, tiles: tuple[int, ...]) -> NDArray[np.bool_]:
    rows, columns = tiles
    marked = cv2.resize(drawn, (columns, rows), interpolation=cv2.INTER_AREA) > _DRAWN_SHARE
    return np.asarray(marked if marked.all() else ~marked, bool)


def _blurred(plane: Plane, sigma_px: float) -> Plane:
    side = 2 * math.ceil(3 * sigma_px) + 1
    return np.asarray(cv2.GaussianBlur(plane, (side, side), sigma_px), np.float32)


def _gradient_energy(plane: Plane, step_um: float) -> Plane:
    across = cv2.Sobel(plane, cv2.CV_32F, 1, 0, ksize=1, scale=0.5 / step_um)
    down = cv2.Sobel(plane, cv2.CV_32F, 0, 1, ksize=1, scale=0.5 / step_um)
    return np.asarray(cv2.accumulateSquare(down, cv2.multiply(across, across)), np.float32)


def _tiled(values: Plane, tiles: tuple[int, ...]) -> Plane:
    """Average over tiles in rows and columns."""
    starts = [np.arange(n) * length // n for n, length in zip(tiles, values.shape, strict=True)]
    sums = np.add.reduceat(np.add.reduceat(values, starts[0], axis=0), starts[1], axis=1)
    sizes = [np.diff(s, append=length) for s, length in zip(starts, values.shape, strict=True)]
    return np.asarray(sums / np.outer(*sizes), np.float32)


def _noise_variance(plane: Plane, tiles: tuple[int, ...]) -> float:
    rough = cv2.filter2D(plane, -1, _NOISE_KERNEL)
    energy = np.asarray(cv2.multiply(rough, rough), np.float32)
    return float(np.percentile(_tiled(energy, tiles), _QUIET_PERCENTILE))


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
