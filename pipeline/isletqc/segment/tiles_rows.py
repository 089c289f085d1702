"""Resampling by rows, for a picture that is read in parts: what OpenCV gives for the whole of it.

Shrinking takes the area mean: along rows OpenCV does it, down the columns the same sums are
taken here, in the same order and precision, so that the bits agree. Enlarging is cubic
(a = -0.75) with exact positions and agrees to rounding, some 1e-7.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Rows = Callable[[int, int], NDArray[Any]]

_CUBIC = -0.75
_NEGLIGIBLE = 1e-3  # OpenCV leaves out a smaller share of a pixel


def shrunk(
    rows: Rows, shape_yx: tuple[int, int], small_yx: tuple[int, int], part: slice
) -> NDArray[Any]:
    """Give some rows of a picture at a smaller size: what `cv2.INTER_AREA` gives for the whole.

    Parameters
    ----------
    rows : from y0 to y1 -> (y1 - y0, X, C) uint8 or uint16 pixels
    shape_yx, small_yx : sizes of the picture, before and after
    part : rows at the smaller size
    """
    down, across = shape_yx[0] / small_yx[0], shape_yx[1] / small_yx[1]
    first = math.floor(part.start * down)
    source = rows(first, min(shape_yx[0], math.ceil(part.stop * down) + 1))
    if shape_yx == small_yx:
        return source[: part.stop - part.start]
    if down == int(down) and across == int(across):
        whole = source[: round((part.stop - part.start) * down)]
        return _resized(whole, (part.stop - part.start, small_yx[1]), whole.dtype)
    narrow = _narrowed(source, small_yx[1])
    means = np.stack(
        [_mean(narrow, y, down, shape_yx[0], first) for y in range(part.start, part.stop)]
    )
    return np.clip(np.rint(means), 0, np.iinfo(source.dtype).max).astype(source.dtype)


def _resized(pixels: NDArray[Any], size_yx: tuple[int, int], dtype: Any) -> NDArray[Any]:
    found = cv2.resize(
        pixels.astype(dtype, copy=False), size_yx[::-1], interpolation=cv2.INTER_AREA
    )
    return np.asarray(found).reshape(*size_yx, pixels.shape[2])


def _narrowed(pixels: NDArray[Any], width: int) -> Floats:
    step = pixels.shape[1] / width
    if step == int(step):
        # OpenCV has a way of its own for whole steps, which it does not take for the whole picture.
        share = np.float32(1 / step)
        columns = (pixels[:, k :: int(step)] * share for k in range(int(step)))
        return np.asarray(sum(columns, np.zeros((), np.float32)))
    return _resized(pixels, (pixels.shape[0], width), np.float32)


def _mean(narrow: Floats, y: int, step: float, height: int, first: int) -> Floats:
    """Mean over the rows, whole and in part, that one row at the smaller size covers."""
    top, bottom = y * step, y * step + step
    covered = min(step, height - top)
    whole_from = math.ceil(top)
    whole_to = min(math.floor(bottom), height - 1)
    whole_from = min(whole_from, whole_to)
    shares = [(k, 1 / covered) for k in range(whole_from, whole_to)]
    if whole_from - top > _NEGLIGIBLE:
        shares.insert(0, (whole_from - 1, (whole_from - top) / covered))
    if bottom - whole_to > _NEGLIGIBLE:
        shares.append((whole_to, min(bottom - whole_to, 1.0, covered) / covered))
    parts = [narrow[k - first] * np.float32(share) for k, share in shares]
    return np.asarray(sum(parts[1:], parts[0]))


def enlarged(
    planes: Callable[[slice], Floats],
    small_yx: tuple[int, int],
    shape_yx: tuple[int, int],
    part: slice,
) -> Floats:
    """Give some rows of planes at a larger size, as cubic interpolation of the whole would.

    Parameters
    ----------
    planes : rows at the smaller size -> (C, rows, x)
    small_yx, shape_yx : sizes before and after
    part : rows at the larger size
    """
    if shape_yx == small_yx:
        return planes(part)
    places, weights = _cubic(small_yx[0], shape_yx[0], part)
    first, last = int(places.min()), int(places.max()) + 1
    wide = _weighted(planes(slice(first, last)), *_cubic(small_yx[1], shape_yx[1]), axis=2)
    return _weighted(wide, places - first, weights, axis=1)


def _weighted(planes: Floats, places: NDArray[np.intp], weights: Floats, axis: int) -> Floats:
    shape = (-1, 1) if axis == 1 else (-1,)
    out = planes.take(places[0], axis=axis)
    out *= weights[0].reshape(shape)
    for place, weight in zip(places[1:], weights[1:], strict=True):
        part = planes.take(place, axis=axis)
        part *= weight.reshape(shape)
        out += part
    return np.asarray(out)


def _cubic(small: int, large: int, part: slice | None = None) -> tuple[NDArray[np.intp], Floats]:
    """Give the four neighbours of each position at the larger size, and their weights."""
    span = part or slice(0, large)
    at = (np.arange(span.start, span.stop) + 0.5) * (small / large) - 0.5
    before = np.floor(at).astype(np.intp)
    x, a = at - before, _CUBIC
    one = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a
    two = ((a + 2) * x - (a + 3)) * x * x + 1
    three = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1
    weights = np.stack([one, two, three, 1 - one - two - three])
    places = np.clip(np.stack([before - 1, before, before + 1, before + 2]), 0, small - 1)
    return places, weights.astype(np.float32)
