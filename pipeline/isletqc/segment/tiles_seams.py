"""Connected parts of a mask that is read in bands: parts that a seam cuts are joined again.

Each band is labelled on its own; labels that touch across a seam are one part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from isletqc.segment import tiles_disk
from isletqc.segment.tiles_disk import Plane

Masks = Callable[[slice], NDArray[np.bool_]]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts of a mask; number 0 is what lies outside.

    Attributes
    ----------
    numbers : (provisional labels + 1,) label in the plane -> number of its part
    areas_px : (parts + 1,)
    boxes_px : (parts + 1, 4) y0, x0, y1, x1; y1 and x1 one past the last pixel
    """

    numbers: Integers
    areas_px: Integers
    boxes_px: Integers


def label(masks: Masks, labels: Plane, *, band_px: int, connectivity: int) -> Parts:
    """Label the parts of a mask into a plane; ``Parts.numbers`` joins what seams cut.

    Parameters
    ----------
    masks : rows -> (rows, X) mask
    labels : (Y, X) int32 plane to write to
    connectivity : 4 or 8
    """
    stats, pairs = [np.zeros((1, 5), np.int64)], [np.zeros((0, 2), np.int64)]
    count, above = 0, np.zeros(labels.shape[1], np.int32)
    for part in tiles_disk.bands(labels.shape[0], band_px):
        mask = np.ascontiguousarray(masks(part)).view(np.uint8)
        found, own, figures, _ = cv2.connectedComponentsWithStats(mask, connectivity=connectivity)
        own = np.where(own > 0, own + count, 0).astype(np.int32)
        pairs.append(_touching(above, own[0], connectivity))
        own_stats = np.asarray(figures[1:], np.int64)
        own_stats[:, cv2.CC_STAT_TOP] += part.start
        stats.append(own_stats)
        tiles_disk.put(labels, (part,), own)
        count, above = count + found - 1, own[-1]
    return _joined(np.concatenate(stats), np.concatenate(pairs))


def _touching(above: NDArray[np.int32], below: NDArray[np.int32], connectivity: int) -> Integers:
    """Pairs of labels that touch across a seam."""
    shifts = (0,) if connectivity == 4 else (-1, 0, 1)
    padded = np.pad(above, 1)
    found = [np.stack([np.roll(padded, shift)[1:-1], below], axis=1) for shift in shifts]
    pairs = np.concatenate(found)
    return np.unique(pairs[(pairs > 0).all(axis=1)], axis=0).astype(np.int64)


def _joined(stats: Integers, pairs: Integers) -> Parts:
    size = len(stats)
    graph = sparse.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    # Label 0, which is no part, has no pair and stays alone and first.
    count, numbers = sparse.csgraph.connected_components(graph, directed=False)
    left, top, width, height, area = stats.T
    boxes = np.zeros((count, 4), np.int64)
    boxes[:, :2] = np.iinfo(np.int64).max
    for side, values in enumerate((top, left)):
        np.minimum.at(boxes[:, side], numbers, values)
    for side, values in enumerate((top + height, left + width), start=2):
        np.maximum.at(boxes[:, side], numbers, values)
    areas = np.bincount(numbers, area, count).astype(np.int64)
    return Parts(numbers.astype(np.int64), areas, boxes)
