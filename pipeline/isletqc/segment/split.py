"""Mask and core map -> instances: touching islets are parted along the valleys of the core map.

1. Connected components of the mask. 2. Seeds: the regions where the core map is high; one that
falls apart into large parts at a higher level gives way to them, for a network that is unsure of a
contact dips there, but not to the ground. 3. Only components with more than one seed go through a
watershed, each in its own crop; all others keep their component. 4. Specks are dropped and labels
are numbered without gaps, in reading order. Figures of components are taken over their own pixels,
which are few, not over the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

Mask = NDArray[np.bool_]
Labels = NDArray[np.int32]


SMALLEST_UM = 20.0  # diameter below which nothing is an islet


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """How high a core must be to seed an islet, and what is too small to be an object.

    Attributes
    ----------
    seed_levels : of the core map, rising; the first finds seeds, the others part them
    min_seed_diameter_um, min_part_diameter_um : of a seed, and of each part of a parted one
    """

    seed_levels: tuple[float, ...] = (0.3, 0.45, 0.6, 0.75, 0.9)
    min_seed_diameter_um: float = 8.0
    min_part_diameter_um: float = 24.0
    min_object_diameter_um: float = SMALLEST_UM
    max_hole_diameter_um: float = 22.0

    @staticmethod
    def of_size(smallest_um: float) -> SplitSettings:
        """Scale the settings to objects of another size; all diameters keep their proportion."""
        share = smallest_um / SMALLEST_UM
        islets = SplitSettings()
        return SplitSettings(
            min_seed_diameter_um=islets.min_seed_diameter_um * share,
            min_part_diameter_um=islets.min_part_diameter_um * share,
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
    filled = _without_holes(mask, disc_px(settings.max_hole_diameter_um, um_per_px))
    return part(filled, core, um_per_px, settings)


def part(
    mask: Mask, core: NDArray[np.float32], um_per_px: float, settings: SplitSettings
) -> Labels:
    """Give each islet of a mask without holes its number; otherwise as ``split``."""
    inside = np.flatnonzero(mask)
    components = _components(mask)
    seeds = _seeds(mask, core, um_per_px, settings)
    parted = _watershed_where_needed(components, seeds, core)
    return _renumber(parted, inside, disc_px(settings.min_object_diameter_um, um_per_px))


def _components(mask: Mask) -> Labels:
    """Label 4-connected components."""
    flat = np.ascontiguousarray(mask).view(np.uint8)
    _, labels = cv2.connectedComponents(flat, connectivity=4)
    return np.asarray(labels, dtype=np.int32)


def disc_px(diameter_um: float, um_per_px: float) -> float:
    """Pixels of a disc."""
    return float(np.pi / 4 * (diameter_um / um_per_px) ** 2)


def _without_holes(mask: Mask, max_area_px: float) -> Mask:
    holes = _components(~mask).ravel()
    # The first is the ground, most of the picture: its pixels are not looked at one by one.
    ground = 1 if np.count_nonzero(holes == 1) > max_area_px else 0
    within = np.flatnonzero(holes > ground)
    numbers = holes[within]
    filled = mask.copy()
    filled.ravel()[within[(np.bincount(numbers) <= max_area_px)[numbers]]] = True
    return filled


def _seeds(
    mask: Mask, core: NDArray[np.float32], um_per_px: float, settings: SplitSettings
) -> Labels:
    """Find where islets are deepest; numbered without gaps."""
    lowest, *higher = settings.seed_levels
    least_seed_px = disc_px(settings.min_seed_diameter_um, um_per_px)
    seeds = _large(_components(mask & (core > lowest)), least_seed_px)
    least_px = disc_px(settings.min_part_diameter_um, um_per_px)
    count = int(seeds.max(initial=0))
    for number, box in enumerate(ndimage.find_objects(seeds), start=1):
        whole = seeds[box] == number
        if np.count_nonzero(whole) < 2 * least_px:
            continue
        parts = whole.astype(np.int32)
        for level in higher:
            high = whole & (core[box] > level)
            if np.count_nonzero(high) < 2 * least_px:
                break  # nor can any higher level part it
            pieces = _components(high)
            if pieces.max() > 1:
                parts = _parted(parts, _large(pieces, least_px))
        # The first part keeps the number, so that there are no gaps.
        numbers = np.array([0, number, *range(count + 1, count + int(parts.max()))], dtype=np.int32)
        seeds[box][whole] = numbers[parts[whole]]
        count += len(numbers) - 2
    return seeds


def _large(labels: Labels, min_area_px: float) -> Labels:
    """Keep the components of at least this area, in place, numbered without gaps."""
    inside = np.flatnonzero(labels > 0)
    keep = np.bincount(labels.ravel()[inside], minlength=1) >= min_area_px
    keep[0] = False
    numbers = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
    labels.ravel()[inside] = numbers[labels.ravel()[inside]]
    return labels


def _parted(seeds: Labels, parts: Labels) -> Labels:
    """Seeds, but for those that hold several parts: there the parts."""
    if parts.max(initial=0) < 2:
        return seeds
    home = seeds.ravel()[_first_index(parts.ravel(), np.flatnonzero(parts > 0))[1:]]
    apart = np.bincount(home, minlength=int(seeds.max(initial=0)) + 1) > 1
    if not apart.any():
        return seeds
    inside = np.flatnonzero(seeds > 0)
    whole, part = seeds.ravel()[inside], parts.ravel()[inside]
    above = len(apart)
    mixed = np.where(apart[whole], np.where(part > 0, part + above, 0), whole)
    used = np.bincount(mixed) > 0
    used[0] = False
    numbers = np.where(used, np.cumsum(used), 0).astype(np.int32)
    result = np.zeros_like(seeds)
    result.ravel()[inside] = numbers[mixed]
    return result


def _watershed_where_needed(components: Labels, seeds: Labels, core: NDArray[np.float32]) -> Labels:
    # A seed lies inside one component, so its first pixel tells which.
    first = _first_index(seeds.ravel(), np.flatnonzero(seeds > 0))
    home = components.ravel()[first[1:]]
    crowded = np.flatnonzero(np.bincount(home, minlength=1) > 1)
    if not crowded.size:
        return components
    # Numbers above those of all components; those of seeds differ already.
    above = int(components.max())
    result = components.copy()
    boxes = ndimage.find_objects(components)
    for number in crowded:
        box = boxes[number - 1]
        inside = components[box] == number
        marks = np.where(inside, seeds[box], 0)
        parts = watershed(-core[box], marks, mask=inside)  # type: ignore[no-untyped-call]
        result[box][inside] = above + parts[inside]
    return result


def _first_index(flat: Labels, inside: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of the first pixel, in reading order, of each label 0..n without gaps.

    ``inside`` are the indices, ascending, of all pixels of a label above 0.
    """
    numbers = flat[inside]
    first = np.zeros(int(numbers.max(initial=0)) + 1, dtype=np.int64)
    first[numbers[::-1]] = inside[::-1]  # the last write is the first pixel
    return first


def _renumber(labels: Labels, inside: NDArray[np.int64], min_area_px: float) -> Labels:
    numbers = labels.ravel()[inside]
    counts = np.bincount(numbers, minlength=1)
    keep = counts >= max(1.0, min_area_px)
    keep[0] = False
    kept = np.flatnonzero(keep)
    order = np.argsort(_first_index(labels.ravel(), inside)[kept], kind="stable")
    table = np.zeros(len(counts), dtype=np.int32)
    table[kept[order]] = np.arange(1, len(kept) + 1)
    renumbered = np.zeros(labels.shape, dtype=np.int32)
    renumbered.ravel()[inside] = table[numbers]
    return renumbered
