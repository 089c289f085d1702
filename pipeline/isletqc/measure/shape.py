"""Shape of one islet from its mask: Feret diameter, circularity, solidity, volume by extrusion.

Takes a crop of one islet with a border of zeros; gives figures in pixels.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from isletqc.segment.depth import depth_squared_px2

# Extrusion takes a mask twice as wide as this, or wider, on a coarser grid.
_EXTRUSION_RADIUS_PX = 12


def figures(mask: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    """Feret diameter in px, circularity, solidity, extrusion volume in px^3; 0 for no pixel.

    Parameters
    ----------
    mask : (Y, X) 0 or 1, with a border of zeros
    """
    area = float(cv2.countNonZero(mask))
    if not area:
        return 0.0, 0.0, 0.0, 0.0
    hull = cv2.convexHull(_corners(mask)).reshape(-1, 2).astype(np.float64)
    gaps = hull[:, None, :] - hull[None, :, :]
    feret = math.sqrt(float((gaps * gaps).sum(axis=2).max()))
    x, y = hull.T
    hull_area = abs(float(x[:-1] @ y[1:] - y[:-1] @ x[1:] + x[-1] * y[0] - y[-1] * x[0])) / 2
    circularity = min(1.0, 4 * math.pi * area / crofton_perimeter(mask) ** 2)
    return feret, circularity, area / hull_area, extrusion_volume(mask)


def _corners(mask: NDArray[np.uint8]) -> NDArray[np.int32]:
    """(x, y) corners of the first and last pixel of each row; their hull is the mask's."""
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    past = mask.shape[1] - mask[rows, ::-1].argmax(axis=1)
    x = np.concatenate([first, first, past, past])
    y = np.concatenate([rows, rows + 1, rows, rows + 1])
    return np.stack([x, y], axis=1).astype(np.int32)


def crofton_perimeter(mask: NDArray[np.uint8]) -> float:
    """Perimeter in px by Crofton's formula over four directions.

    Parameters
    ----------
    mask : (Y, X) 0 or 1, with a border of zeros

    Notes
    -----
    The mean number of boundary crossings of lines 1 px apart (1/sqrt 2 px for the diagonals),
    times pi / 2. Errs by up to 5 % for straight edges between the directions, by far less for
    round outlines.
    """
    straight = np.count_nonzero(mask[1:] != mask[:-1])
    straight += np.count_nonzero(mask[:, 1:] != mask[:, :-1])
    diagonal = np.count_nonzero(mask[1:, 1:] != mask[:-1, :-1])
    diagonal += np.count_nonzero(mask[1:, :-1] != mask[:-1, 1:])
    return math.pi / 8 * (straight + diagonal / math.sqrt(2))


def extrusion_volume(mask: NDArray[np.uint8]) -> float:
    """Volume in px^3 by spherical extrusion of a mask (doi 10.5566/ias.1869).

    Parameters
    ----------
    mask : (Y, X) 0 or 1, with a border of zeros
    """
    radius2 = depth_squared_px2(mask)
    step = max(1, math.isqrt(int(radius2.max())) // _EXTRUSION_RADIUS_PX)
    small = _shrink(mask, step)
    if step > 1:
        radius2 = depth_squared_px2(small)
    reach = math.isqrt(int(radius2.max())) + 1
    radius2 = np.where(small, radius2, -np.float32(np.inf))
    height2 = _raise_parabola(_raise_parabola(radius2, reach).T, reach).T
    mean_height = step * float(np.sqrt(height2[small > 0]).mean(dtype=np.float64))
    return 2 * cv2.countNonZero(mask) * mean_height


def _shrink(mask: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """Put the mask on a grid of that step; a cell belongs to it when half of it does."""
    if step == 1:
        return mask
    gap_y, gap_x = (-side % step for side in mask.shape)
    even = np.pad(mask, ((gap_y // 2, -(-gap_y // 2)), (gap_x // 2, -(-gap_x // 2))))
    size_xy = (even.shape[1] // step, even.shape[0] // step)
    share = cv2.resize(even * np.uint8(255), size_xy, interpolation=cv2.INTER_AREA)
    return np.pad((share >= 128).astype(np.uint8), 1)


def _raise_parabola(height2: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """Along the first axis, the highest of all neighbours at distance k less k^2."""
    highest, lowered = height2.copy(), np.empty_like(height2)
    for k in range(1, min(reach, len(height2) - 1) + 1):
        np.subtract(height2, np.float32(k * k), out=lowered)
        np.maximum(highest[k:], lowered[:-k], out=highest[k:])
        np.maximum(highest[:-k], lowered[k:], out=highest[:-k])
    return highest
