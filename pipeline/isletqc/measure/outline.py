"""What lies along the outline of each islet: exocrine tissue, and how sharply its light ends.

Takes a picture and its regions; gives for each label the mantle and the width of its border.

- mantle: share of exocrine tissue in the ring of 6 um (at least 1.5 px) just outside the islet,
  pixels of other islets left out.
- border width: light is averaged over all channels along lines of equal distance to the outline,
  1 px apart, 12 um (3 to 12 px) to both sides. The width is the step from the inner to the outer
  end over the steepest slope: sqrt(2 pi) sigma for an edge blurred by a Gaussian of sigma, 1.3 px
  for a perfect one. A gain or offset of the light cancels. None where there is hardly a step.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isletqc.records import EXOCRINE, Image, Islet, Regions

_RING_UM, _RING_PX = 6.0, 1.5
_REACH_UM = 12.0
_FEWEST_PX, _MOST_PX = 3, 12
_LEAST_STEP = 0.02  # of full scale
_ENDS = 2  # lines at each end whose mean is the level there
# How far the pixels of each line truly lie from a round outline, px: whole pixels lie in or out,
# and the nearest one is seldom straight across (mean of discs of 10 to 90 px, within 0.02).
_LINES_PX = np.array([0.645, 1.72, 2.62, 3.71, 4.78, *(np.arange(5, _MOST_PX) + 0.75)])

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


def room_px(um_per_px: float) -> int:
    """Give how far from an islet's bounding box pixels count for its mantle and border."""
    return int(np.ceil(max(_ring_px(um_per_px), _reach_px(um_per_px)))) + 1


def _reach_px(um_per_px: float) -> int:
    return int(np.clip(round(_REACH_UM / um_per_px), _FEWEST_PX, _MOST_PX))


def _ring_px(um_per_px: float) -> float:
    return max(_RING_UM / um_per_px, _RING_PX)


def _described(islet: Islet, box: tuple[slice, slice], image: Image, regions: Regions) -> Islet:
    um, room = regions.um_per_px, room_px(regions.um_per_px)
    reach, ring = _reach_px(um), _ring_px(um)
    crop = tuple(slice(max(side.start - room, 0), side.stop + room) for side in box)
    labels = regions.labels[crop]
    mine = (labels == islet.label).astype(np.uint8)
    outside = _distance(1 - mine) * ((labels == 0) | (mine > 0))
    light = _profile(image.pixels[crop], outside, _distance(mine), reach=reach)
    width = _width(light / image.full_scale)
    mantle = _mantle(regions.classes[crop], outside, ring) if image.stain == "dithizone" else None
    return replace(islet, mantle=mantle, border_width_um=None if width is None else width * um)


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
    """Mean light along each line, innermost first; not a number where a line is empty."""
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
    outward = _LINES_PX[: light.size // 2]
    step = abs(float(light[-_ENDS:].mean() - light[:_ENDS].mean()))
    slopes = np.diff(light) / np.diff(np.concatenate([-outward[::-1], outward]))
    # Not a number compares as false.
    return step / float(np.abs(slopes).max()) if step >= _LEAST_STEP else None
