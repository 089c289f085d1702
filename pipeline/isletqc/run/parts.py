"""Geometry of corrections: pieces of a mask, cuts along a line, partings between two points.

Takes crops; gives crops. Pieces hang together by sides or corners.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from isletqc.errors import EditError
from isletqc.segment.depth import depth_px

PaintAction = Literal["paint", "erase", "add"]
Mask = NDArray[np.bool_]
Labels = NDArray[np.int32]


def count(mask: Mask) -> int:
    """Give the number of pieces of a mask."""
    return int(cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0]) - 1


def apart(labels: Labels, touched: Sequence[int], *, next_label: int, crumb_px: float) -> Labels:
    """Give numbers to the pieces of islets that paint or an eraser parted.

    Parameters
    ----------
    labels : (Y, X) that holds all of each touched islet
    touched : numbers of the islets to look at; the largest piece of each keeps its number
    crumb_px : smaller pieces, the largest apart, are erased
    """
    result = labels.copy()
    for number in touched:
        pieces, areas = _pieces(labels == number)
        largest = int(areas[1:].argmax()) + 1 if len(areas) > 2 else 0
        for piece in range(1, len(areas) if largest else 0):
            if piece == largest:
                continue
            keeps = areas[piece] >= crumb_px
            result[pieces == piece] = next_label if keeps else 0
            next_label += int(keeps)
    return result


def line_mask(shape_yx: tuple[int, ...], line_yx_px: Sequence[tuple[float, float]]) -> Mask:
    """Draw a line, one pixel wide, of two points or more."""
    if len(line_yx_px) < 2:
        raise EditError("a line needs two points or more: draw it across the islet")
    corners = np.array([pixel(point)[::-1] for point in line_yx_px], np.int32)
    canvas = np.zeros(shape_yx[:2], np.uint8)
    cv2.polylines(canvas, [corners.reshape(-1, 1, 2)], isClosed=False, color=1)
    return np.asarray(canvas > 0)


def cut(inside: Mask, line_yx_px: Sequence[tuple[float, float]], crumb_px: float) -> Labels:
    """Cut a mask along a line; pixels under the line go to the nearest piece.

    Returns
    -------
    (Y, X) int32, 1..n for the n >= 2 pieces

    Raises
    ------
    EditError
        The line does not cut the mask into two pieces or more that are no crumbs.
    """
    line = line_mask(inside.shape, line_yx_px)
    # A line that steps over corners parts pieces that hang together by sides only.
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(
        (inside & ~line).astype(np.uint8), connectivity=4
    )
    kept = [k for k in range(1, len(stats)) if stats[k, cv2.CC_STAT_AREA] >= crumb_px]
    if len(kept) < 2:
        raise EditError(
            "the line does not cut the islet in two: draw it right across, from outside to outside"
        )
    return _grown(np.where(np.isin(pieces, kept), pieces, 0), inside)


def watershed_between(inside: Mask, seeds_yx: Sequence[tuple[int, int]], crumb_px: float) -> Labels:
    """Part a mask at the waist between points inside it.

    Returns
    -------
    (Y, X) int32, the piece of each point numbered from 1

    Raises
    ------
    EditError
        The points are the same, or there is no waist between them.
    """
    markers = np.zeros(inside.shape, np.int32)
    for number, (y, x) in enumerate(seeds_yx, 1):
        markers[y, x] = number
    depth = depth_px(np.pad(inside, 1))[1:-1, 1:-1]
    found = watershed(-depth, markers, mask=inside, connectivity=2)  # type: ignore[no-untyped-call]
    pieces = np.asarray(found, np.int32)
    areas = [np.count_nonzero(pieces == number) for number in range(1, len(seeds_yx) + 1)]
    if min(areas) < max(crumb_px, 1) or sum(areas) < np.count_nonzero(inside):
        raise EditError(
            "there is no waist between the two clicks: click in the middle of each half, "
            "or draw a line"
        )
    return pieces


def region_at(mask: Mask, yx: tuple[int, int]) -> tuple[tuple[int, int, int, int], Mask]:
    """Give box and crop of the piece of a mask that holds a pixel."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    number = int(pieces[yx])
    x, y, width, height = stats[number, :4].tolist()
    return (y, x, y + height, x + width), pieces[y : y + height, x : x + width] == number


def pixel(yx_px: tuple[float, float]) -> tuple[int, int]:
    """Give the pixel that holds a point; the centres of pixels are whole numbers."""
    return math.floor(yx_px[0] + 0.5), math.floor(yx_px[1] + 0.5)


def _pieces(mask: Mask) -> tuple[Labels, NDArray[np.int32]]:
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return np.asarray(pieces, np.int32), np.asarray(stats[:, cv2.CC_STAT_AREA])


def _grown(pieces: Labels, inside: Mask) -> Labels:
    """Give every pixel of a mask to the piece from which it is soonest reached; number from 1."""
    flat = np.zeros(inside.shape, np.uint8)
    found = watershed(flat, pieces, mask=inside, connectivity=2)  # type: ignore[no-untyped-call]
    if np.any(inside & (found == 0)):  # an islet of several pieces, some of them off the line
        _, nearest = ndimage.distance_transform_edt(found == 0, return_indices=True)
        found = found[tuple(nearest)]
    order = np.unique(found[inside])
    return np.where(inside, np.searchsorted(order, found) + 1, 0).astype(np.int32)
