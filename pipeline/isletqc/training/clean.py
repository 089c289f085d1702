"""Draft outlines -> training labels.

Automatic drafts lie a pixel or so off, and are wrong where clusters crowd. Each object's outline
is moved, as a whole, to the middle of the slope of the edge's mean intensity profile; objects that
cannot be trusted (ragged, tiny, faint) become regions that are neither rewarded nor punished.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from isletqc.segment.depth import depth_px

Labels = NDArray[np.int32]

_REACH_PX = 12
_STEP_PX = 0.5
_NEIGHBOUR_PX = 10
_OUTSIDE_PX = 5.0
_MAX_MOVE_PX = 3.0


@dataclass(frozen=True, slots=True)
class Trust:
    """What a draft object must show to be believed."""

    min_diameter_um: float = 45.0
    min_solidity: float = 0.93
    min_contrast: float = 0.08


def clean(
    grey: NDArray[np.uint8], drafts: Labels, um_per_px: float, trust: Trust
) -> tuple[Labels, NDArray[np.bool_]]:
    """Move outlines to the middle of their slope and mark what cannot be trusted.

    Parameters
    ----------
    grey : (Y, X) uint8
    drafts : (Y, X) int32, 0 outside

    Returns
    -------
    labels : (Y, X) int32, the trusted objects with their outlines moved
    ignore : (Y, X) bool, regions of objects that are not trusted
    """
    labels, ignore = np.zeros_like(drafts), np.zeros(drafts.shape, dtype=np.bool_)
    for number, box in enumerate(find_objects(drafts), start=1):
        if box is None:
            continue
        window = _grown(box, drafts.shape)
        mask = drafts[window] == number
        others = (drafts[window] > 0) & ~mask
        distance = _signed_distance(mask)
        edge = _edge(grey[window], distance, others)
        moved = distance <= (edge[0] if edge else 0.0)
        if edge and edge[1] >= trust.min_contrast and _shape_is_trusted(mask, um_per_px, trust):
            labels[window][moved & ~others] = number
        else:
            grown = distance <= 2
            ignore[window] |= grown & ~others
    return labels, ignore & (labels == 0)


def _grown(box: tuple[slice, slice], shape: tuple[int, ...]) -> tuple[slice, slice]:
    y, x = box
    return (
        slice(max(0, y.start - _REACH_PX), min(shape[0], y.stop + _REACH_PX)),
        slice(max(0, x.start - _REACH_PX), min(shape[1], x.stop + _REACH_PX)),
    )


def _signed_distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance to the outline in pixels, negative inside."""
    if mask.all():
        return np.full(mask.shape, -np.inf, dtype=np.float32)
    return np.where(mask, 0.5 - depth_px(mask), depth_px(~mask) - 0.5)


def _edge(
    grey: NDArray[np.uint8], distance: NDArray[np.float32], others: NDArray[np.bool_]
) -> tuple[float, float] | None:
    """Place of the middle of the slope (pixels from the outline) and contrast of the edge."""
    free = depth_px(~others) > _NEIGHBOUR_PX if others.any() else np.ones_like(others)
    places = np.arange(-7, 8 + _STEP_PX / 2, _STEP_PX)
    rings = [free & (np.abs(distance - place) <= _STEP_PX) for place in places]
    if min(int(ring.sum()) for ring in rings) < 12:
        return None
    profile = np.array([grey[ring].mean() for ring in rings])
    outside = float(profile[places >= _OUTSIDE_PX].mean())
    rim = int(np.argmin(np.where(places <= 2, profile, np.inf)))
    middle = (outside + profile[rim]) / 2
    above = np.flatnonzero(profile[rim:] >= middle)
    if not len(above) or above[0] == 0:
        return None
    k = rim + int(above[0])
    rise = (middle - profile[k - 1]) / (profile[k] - profile[k - 1])
    place = float(np.clip(places[k - 1] + rise * _STEP_PX, -_MAX_MOVE_PX, _MAX_MOVE_PX))
    return place, float((outside - profile[rim]) / max(outside, 1.0))


def _shape_is_trusted(mask: NDArray[np.bool_], um_per_px: float, trust: Trust) -> bool:
    area = float(mask.sum())
    diameter_um = 2 * np.sqrt(area / np.pi) * um_per_px
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=len)
    hull = cv2.contourArea(cv2.convexHull(outline))
    solidity = cv2.contourArea(outline) / max(hull, 1.0)
    return bool(diameter_um >= trust.min_diameter_um and solidity >= trust.min_solidity)
