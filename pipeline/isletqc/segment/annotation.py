"""Scale bars in white boxes that a camera program burnt into the picture.

Such a box is a rectangle of full white, wider than high, with straight edges. Its frame and its
shadow look like tissue to any method, so nothing in and right around it is taken for an object.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_WHITE = 0.97  # of full scale; JPEG leaves white a little short of it
_MIN_WIDTH_TO_HEIGHT = 2.5
_MIN_HEIGHT_PX = 8
_MAX_SHARE = 0.05  # of the picture
_MIN_EDGE = 0.9  # of each edge of the box must be white
_MIN_FILLED = 0.6  # of the box must be white: the rest is its bar and text
_AROUND = 0.3  # of the box's height: its frame and shadow
_FRAME_PX = 3  # a frame's line may keep the outermost rows from being white


def boxes(pixels: NDArray[Any], full_scale: float) -> list[tuple[slice, slice]]:
    """Find burnt-in white boxes.

    Parameters
    ----------
    pixels : (Y, X, C)
    full_scale : value of a saturated pixel

    Returns
    -------
    Windows (y, x) that hold each box with its frame and shadow
    """
    marked = white(pixels, full_scale)
    if not marked.any():
        return []
    _, _, stats, _ = cv2.connectedComponentsWithStats(marked, connectivity=4)
    left, top, width, height, _ = stats[1:].T
    sides = np.stack([top, left, top + height, left + width], axis=1)
    return [grown(window) for window in windows(sides, marked.size) if is_box(marked[window])]


def windows(boxes_px: NDArray[Any], picture_px: int) -> list[tuple[slice, slice]]:
    """Windows of those white parts, (N, 4) y0, x0, y1, x1, that have the proportions of a box."""
    return [
        (slice(y0, y1), slice(x0, x1))
        for y0, x0, y1, x1 in boxes_px.tolist()
        if _has_proportions(x1 - x0, y1 - y0, picture_px)
    ]


def white(pixels: NDArray[Any], full_scale: float) -> NDArray[np.uint8]:
    """Mark with 1 where all channels are white."""
    least = _WHITE * full_scale
    if pixels.dtype.kind == "u" and pixels.shape[2] in {1, 3}:
        top = float(np.iinfo(pixels.dtype).max)
        count = pixels.shape[2]
        found = cv2.inRange(pixels, (math.ceil(least),) * count, (top,) * count)
        return np.asarray(found > 0, dtype=np.uint8)
    return np.asarray((pixels >= least).all(axis=2), dtype=np.uint8)


def _has_proportions(width: int, height: int, picture_px: int) -> bool:
    long_enough = height >= _MIN_HEIGHT_PX and width >= _MIN_WIDTH_TO_HEIGHT * height
    return long_enough and width * height <= _MAX_SHARE * picture_px


def is_box(white: NDArray[np.uint8]) -> bool:
    """Tell whether a white part, cut out along its sides, is a filled box."""
    edges = (white[0], white[-1], white[:, 0], white[:, -1])
    straight = all(edge.mean() >= _MIN_EDGE for edge in edges)
    return straight and bool(white.mean() >= _MIN_FILLED)


def grown(window: tuple[slice, slice]) -> tuple[slice, slice]:
    """Widen the window of a box by its frame and shadow."""
    y, x = window
    around = _FRAME_PX + round(_AROUND * (y.stop - y.start))
    return (
        slice(max(0, y.start - around), y.stop + around),
        slice(max(0, x.start - around), x.stop + around),
    )
