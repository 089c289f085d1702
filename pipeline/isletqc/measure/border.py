"""Islets at the edge of the picture: which count, and for how many.

A picture that shows a part of the drop cuts islets, and large islets more often. Counting all of
them over-states the number, counting only the whole ones favours small islets. Both rules below
give each islet that counts a weight so that sums over a picture are unbiased for its whole area:

- counting frame, in its form with one associated point for each islet (the upper left corner of
  its bounding box): an islet counts when that point lies in the picture but not in a guard zone
  along the right and lower edge (after Gundersen, J Microsc 1977;111:219-223, from memory).
- Miles-Lantuejoul: every islet that is wholly inside counts W H / ((W - w)(H - h)), the inverse
  of the chance that an islet of its extent is wholly inside.

An islet that covers the outermost row or column of pixels may go on outside: it is not whole.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Rule = Literal["none", "counting-frame", "miles-lantuejoul"]

# The guard must be as wide as the largest islet; islets up to 500 um are reported.
GUARD_UM = 500.0


def touches(boxes_px: NDArray[np.int64], shape_yx: tuple[int, int]) -> NDArray[np.bool_]:
    """Which bounding boxes reach the outermost pixels of the picture.

    Parameters
    ----------
    boxes_px : (N, 4) y0, x0, y1, x1 of each islet; y1 and x1 are one past the last pixel
    shape_yx : height and width of the picture, px
    """
    height, width = shape_yx
    y0, x0, y1, x1 = boxes_px.T
    return np.asarray((y0 <= 0) | (x0 <= 0) | (y1 >= height) | (x1 >= width))


def weights(
    boxes_px: NDArray[np.int64], shape_yx: tuple[int, int], rule: Rule, *, um_per_px: float
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Weight of each islet under the rule, and why it is left out ("" when it counts).

    Parameters
    ----------
    boxes_px : (N, 4) y0, x0, y1, x1; y1 and x1 are one past the last pixel
    shape_yx : height and width of the picture, px
    rule : ``none`` where the whole drop is in the picture
    um_per_px : side of a pixel; the guard zone is 500 um wide, at most half of the picture
    """
    if rule == "none":
        return np.ones(len(boxes_px)), ("",) * len(boxes_px)
    if rule == "counting-frame":
        return _counting_frame(boxes_px, shape_yx, um_per_px)
    return _miles_lantuejoul(boxes_px, shape_yx)


def _counting_frame(
    boxes_px: NDArray[np.int64], shape_yx: tuple[int, int], um_per_px: float
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    guard_px = int(np.ceil(GUARD_UM / um_per_px))
    # The first row and column are the exclusion lines, so the frame begins one pixel inside.
    frame_y, frame_x = (max(side - max(guard_px, 1), side // 2) for side in shape_yx)
    y0, x0 = boxes_px[:, 0], boxes_px[:, 1]
    reasons = np.full(len(boxes_px), "", dtype=object)
    reasons[(y0 >= frame_y) | (x0 >= frame_x)] = "begins in the guard zone of the counting frame"
    reasons[(y0 <= 0) | (x0 <= 0)] = "touches the upper or left edge of the counting frame"
    stands_for = shape_yx[0] * shape_yx[1] / max((frame_y - 1) * (frame_x - 1), 1)
    return np.where(reasons == "", stands_for, 0.0), tuple(reasons)


def _miles_lantuejoul(
    boxes_px: NDArray[np.int64], shape_yx: tuple[int, int]
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    height, width = shape_yx
    cut = touches(boxes_px, shape_yx)
    y0, x0, y1, x1 = boxes_px.T
    # Whole and off the outermost pixels: one position fewer along each side.
    free = np.maximum((height - 1 - (y1 - y0)) * (width - 1 - (x1 - x0)), 1)
    reasons = tuple("touches the edge of the picture" if c else "" for c in cut)
    return np.where(cut, 0.0, height * width / free), reasons
