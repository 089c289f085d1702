"""Two clusters grown together: the waist of an outline.

Takes the mask of one object, gives its neck ratio: the width of its waist over the width of the
narrower of the two lobes that the waist parts. Two equal discs of diameter D whose centres lie d
apart have the ratio sqrt(1 - (d / D)^2): near 0 where they just touch, 1 where they are one.

1. Concavities of the outline that are deep enough to be no roughness. 2. Each pair of them may be
the two ends of a waist, if both lobes hold their share of the area. 3. Widths are taken along the
waist; the pair with the smallest ratio is the waist. A cleft on one side only is no waist.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isletqc.records import Islet

# Shallower concavities are the roughness of single cells at the surface.
MIN_DEPTH_UM = 4.0
MIN_DEPTH_SHARE = 0.05
MIN_LOBE_SHARE = 0.15
_MOST_CONCAVITIES = 6
_PIXEL_DEPTH = 1.5
_FIXED_POINT = 256  # OpenCV gives depths in 1/256 px

Points = NDArray[np.float64]


def neck_ratio(mask: NDArray[np.uint8], um_per_px: float) -> float | None:
    """Width of the waist over the width of the narrower lobe.

    Parameters
    ----------
    mask : (Y, X) 0 or 1, one object
    um_per_px : side of a pixel

    Returns
    -------
    float or None
        Over 0; None where the outline has no waist.
    """
    area_px = float(cv2.countNonZero(mask))
    diameter_px = 2 * math.sqrt(area_px / math.pi)
    floor_um = max(MIN_DEPTH_UM, MIN_DEPTH_SHARE * diameter_px * um_per_px)
    ends = _concavities(mask, max(floor_um / um_per_px, _PIXEL_DEPTH))
    if len(ends) < 2:
        return None
    y, x = np.nonzero(mask)
    pixels = np.stack([y, x], axis=1).astype(float)
    ratios = [_ratio(pixels, p, q) for p, q in combinations(ends, 2)]
    return min((r for r in ratios if r is not None), default=None)


def judge(
    islets: Iterable[Islet], labels: NDArray[np.int32], *, um_per_px: float, max_neck_ratio: float
) -> tuple[Islet, ...]:
    """Say of each islet whether it is two clusters grown together.

    Parameters
    ----------
    islets : of one picture, ``label`` pointing into ``labels``
    labels : (Y, X), 0 outside
    um_per_px : side of a pixel
    max_neck_ratio : an object with a waist up to this ratio is fused
    """
    ratios = neck_ratios(labels, um_per_px)

    def judged(islet: Islet) -> Islet:
        ratio = ratios.get(islet.label)
        return replace(islet, neck_ratio=ratio, fused=ratio is not None and ratio <= max_neck_ratio)

    return tuple(map(judged, islets))


def neck_ratios(labels: NDArray[np.int32], um_per_px: float) -> Mapping[int, float]:
    """Neck ratio of each labelled object that has a waist, by label."""
    found = ((k, neck_ratio(mask, um_per_px)) for k, mask in _masks(labels))
    return {label: ratio for label, ratio in found if ratio is not None}


def _masks(labels: NDArray[np.int32]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None:
            yield label, np.pad((labels[box] == label).astype(np.uint8), 1)


def _concavities(mask: NDArray[np.uint8], min_depth_px: float) -> list[Points]:
    """Deepest points (y, x) of the outline's concavities, the deepest first."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=len, default=np.zeros((0, 1, 2), np.int32))
    if len(outline) < 4:
        return []
    hull = np.sort(cv2.convexHull(outline, returnPoints=False), axis=0)[::-1]
    defects = cv2.convexityDefects(outline, hull)
    if defects is None:
        return []
    rows = defects.reshape(-1, 4)
    deep = rows[rows[:, 3] >= min_depth_px * _FIXED_POINT]
    order = np.argsort(-deep[:, 3], kind="stable")[:_MOST_CONCAVITIES]
    points = outline.reshape(-1, 2)[:, ::-1].astype(float)
    return [points[k] for k in deep[order, 2]]


def _ratio(pixels: Points, p: Points, q: Points) -> float | None:
    """Waist from p to q over the narrower lobe, both along the waist; None where it parts none."""
    along = q - p
    length = float(np.hypot(*along))
    if length == 0:
        return None
    along = along / length
    offsets = pixels - p
    side = offsets[:, 0] * along[1] - offsets[:, 1] * along[0] > 0
    reach = offsets @ along
    least = MIN_LOBE_SHARE * len(pixels)
    lobes = [reach[side], reach[~side]]
    if min(map(len, lobes)) < least:
        return None
    # A pixel is as wide as itself: n pixels in a row have centres n - 1 apart.
    return (length + 1) / (min(float(np.ptp(lobe)) for lobe in lobes) + 1)
