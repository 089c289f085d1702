"""What lies along the outline of each islet: exocrine tissue, and how sharply its light ends.

Takes a picture and its regions; gives for each label the mantle and the width of its border.

- mantle: share of exocrine tissue in the ring of 6 um (at least 1.5 px) just outside the islet,
  pixels of other islets left out.
- border width: light is averaged over all channels along lines of equal distance to the outline,
  1 px apart, 12 um (3 to 12 px) to both sides. The width is the step from the inner to the outer
  end over the steepest slope: sqrt(2 pi) sigma for an edge blurred by a Gaussian of sigma, 1 px
  for a perfect one. A gain or offset of the light cancels. None where there is hardly a step.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isletqc.records import EXOCRINE, ISLET, Image, Islet, Regions

_RING_UM, _RING_PX = 6.0, 1.5
_REACH_UM = 12.0
# A single cell and its blur; nothing smaller gets a label (``segment.split``).
_SINGLE_CELL_UM = 20.0
_FEWEST_PX, _MOST_PX = 3, 12
_LEAST_STEP = 0.02  # of full scale
_ENDS = 2  # lines at each end whose mean is the level there

Floats = NDArray[np.float64]


def described(islets: tuple[Islet, ...], image: Image, regions: Regions) -> tuple[Islet, ...]:
    """Fill the mantle and the border width of islets, by their labels.

    Parameters
    ----------
    islets : some or all of the picture's
    image : the picture; a mantle is told only where its stain shows exocrine tissue (dithizone)
    regions : its classes and labels
    """
    boxes = ndimage.find_objects(regions.labels)
    return tuple(_described(i, boxes[i.label - 1], image, regions) for i in islets)


def _described(islet: Islet, box: tuple[slice, slice], image: Image, regions: Regions) -> Islet:
    um = regions.um_per_px
    reach = int(np.clip(round(_REACH_UM / um), _FEWEST_PX, _MOST_PX))
    ring = max(_RING_UM / um, _RING_PX)
    room = int(np.ceil(max(ring, reach))) + 1
    crop = tuple(slice(max(side.start - room, 0), side.stop + room) for side in box)
    labels = regions.labels[crop]
    mine = (labels == islet.label).astype(np.uint8)
    outside = _distance(1 - mine) * ((labels == 0) | (mine > 0))
    light = _profile(image.pixels[crop], outside, _distance(mine), reach=reach)
    width = _width(light / image.full_scale)
    mantle = _mantle(regions.classes[crop], outside, ring) if image.stain == "dithizone" else None
    return replace(islet, mantle=mantle, border_width_um=None if width is None else width * um)


def single_cells(regions: Regions) -> int:
    """Count specks of islet tissue that have no label and are no wider than 20 um."""
    loose = ((regions.classes == ISLET) & (regions.labels == 0)).astype(np.uint8)
    if not loose.any():
        return 0
    count, numbers, stats, _ = cv2.connectedComponentsWithStats(loose, connectivity=8)
    # Crumbs along an islet's outline belong to it.
    islets = cv2.dilate((regions.labels > 0).astype(np.uint8), np.ones((3, 3), np.uint8))
    beside = np.zeros(count, bool)
    beside[numbers[islets > 0]] = True
    most_px = np.pi / 4 * (_SINGLE_CELL_UM / regions.um_per_px) ** 2
    free = (stats[1:, cv2.CC_STAT_AREA] <= most_px) & ~beside[1:]
    return int(np.count_nonzero(free))


def _distance(mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Depth of each pixel in the mask, px; by OpenCV's whole-number method, the same everywhere."""
    return np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 5), np.float32)


def _mantle(
    classes: NDArray[np.uint8], outside: NDArray[np.float32], ring_px: float
) -> float | None:
    around = classes[(outside > 0) & (outside <= ring_px)]
    return float(np.mean(around == EXOCRINE)) if around.size else None


def _profile(
    pixels: NDArray[np.generic],
    outside: NDArray[np.float32],
    inside: NDArray[np.float32],
    *,
    reach: int,
) -> Floats:
    """Mean light along each line, innermost first; (2 reach,), not a number where a line is empty."""
    # The outline runs half a pixel before the middle of the first pixel on either side.
    signed = np.where(inside > 0, 0.5 - inside, outside - 0.5)
    near = ((outside > 0) | (inside > 0)) & (np.abs(signed) < reach)
    line = np.floor(signed[near]).astype(np.intp) + reach
    light = pixels[near].mean(axis=1, dtype=np.float64)
    number = np.bincount(line, minlength=2 * reach)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.bincount(line, light, 2 * reach) / number)


def _width(light: Floats) -> float | None:
    """Step over the steepest slope, px; None where the step is small or a line is empty."""
    step = abs(float(light[-_ENDS:].mean() - light[:_ENDS].mean()))
    steepest = float(np.abs(np.diff(light)).max())
    # Not a number compares as false.
    return max(step / steepest, 1.0) if step >= _LEAST_STEP else None
