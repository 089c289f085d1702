"""Mask and core map -> instances: touching islets are parted along the valleys of the core map.

1. Connected components of the mask. 2. Seeds: the regions where the core map is high. 3. Only
components with more than one seed go through a watershed, each in its own crop; all others keep
their component. 4. Specks are dropped and labels are numbered without gaps, in reading order.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import watershed

Mask = NDArray[np.bool_]
Labels = NDArray[np.int32]


SMALLEST_UM = 20.0  # diameter below which nothing is an islet


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """How high a core must be to seed an islet, and what is too small to be an object."""

    seed_level: float = 0.5
    min_seed_diameter_um: float = 8.0
    min_object_diameter_um: float = SMALLEST_UM
    max_hole_diameter_um: float = 22.0

    @staticmethod
    def of_size(smallest_um: float) -> SplitSettings:
        """Scale the settings to objects of another size; seeds and holes keep their proportion to it."""
        share = smallest_um / SMALLEST_UM
        islets = SplitSettings()
        return SplitSettings(
            min_seed_diameter_um=islets.min_seed_diameter_um * share,
            min_object_diameter_um=smallest_um,
            max_hole_diameter_um=islets.max_hole_diameter_um * share,
        )


def split(
    mask: Mask, core: NDArray[np.float32], um_per_px: float, settings: SplitSettings
) -> Labels:
    """Give each islet of a mask its number.

    Parameters
    ----------
    mask : (Y, X) bool, True in islets
    core : (Y, X) float32, high inside each islet, low at outlines and contacts
    um_per_px : side of a pixel

    Returns
    -------
    (Y, X) int32, 0 outside, 1..n in reading order of first pixels
    """
    mask = _without_holes(mask, _disc_px(settings.max_hole_diameter_um, um_per_px))
    components, stats = _components(mask)
    seeds = _seeds(mask & (core > settings.seed_level), settings, um_per_px)
    parted = _watershed_where_needed(components, stats, seeds, core)
    return _renumber(parted, _disc_px(settings.min_object_diameter_um, um_per_px))


def _components(mask: Mask) -> tuple[Labels, Labels]:
    """Label 4-connected components; stats are left, top, width, height and area of each."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    return np.asarray(labels, dtype=np.int32), np.asarray(stats, dtype=np.int32)


def _disc_px(diameter_um: float, um_per_px: float) -> float:
    return float(np.pi / 4 * (diameter_um / um_per_px) ** 2)


def _without_holes(mask: Mask, max_area_px: float) -> Mask:
    holes, stats = _components(~mask)
    small = stats[:, cv2.CC_STAT_AREA] <= max_area_px
    small[0] = False
    return mask | small[holes] if small.any() else mask


def _seeds(high: Mask, settings: SplitSettings, um_per_px: float) -> Labels:
    seeds, stats = _components(high)
    keep = stats[:, cv2.CC_STAT_AREA] >= _disc_px(settings.min_seed_diameter_um, um_per_px)
    keep[0] = False
    numbers = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
    return np.asarray(numbers[seeds])


def _watershed_where_needed(
    components: Labels, stats: Labels, seeds: Labels, core: NDArray[np.float32]
) -> Labels:
    # A seed lies inside one component, so its first pixel tells which.
    home = components.ravel()[_first_index(seeds)[1:]]
    crowded = np.flatnonzero(np.bincount(home, minlength=len(stats)) > 1)
    result = components.copy()
    following = len(stats)
    for number in crowded:
        left, top, width, height, _area = stats[number]
        y, x = slice(top, top + height), slice(left, left + width)
        inside = components[y, x] == number
        numbers, local = np.unique(np.where(inside, seeds[y, x], 0), return_inverse=True)
        parts = watershed(-core[y, x], local.reshape(inside.shape), mask=inside)  # type: ignore[no-untyped-call]
        result[y, x][inside] = following + parts[inside]
        following += len(numbers)
    return result


def _first_index(labels: Labels) -> NDArray[np.int64]:
    """Index of the first pixel, in reading order, of each label 0..n without gaps."""
    flat = labels.ravel()
    first = np.zeros(int(flat.max(initial=0)) + 1, dtype=np.int64)
    first[flat[::-1]] = np.arange(flat.size - 1, -1, -1)  # the last write is the first pixel
    return first


def _renumber(labels: Labels, min_area_px: float) -> Labels:
    counts = np.bincount(labels.ravel())
    keep = counts >= max(1.0, min_area_px)
    keep[0] = False
    kept = np.flatnonzero(keep)
    order = np.argsort(_first_index(labels)[kept], kind="stable")
    renumbered = np.zeros(len(counts), dtype=np.int32)
    renumbered[kept[order]] = np.arange(1, len(kept) + 1)
    return renumbered[labels]
