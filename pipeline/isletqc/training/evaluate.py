"""Found islets against true ones: matching, counts, areas and volumes.

Objects match one to one so that the sum of their overlaps (intersection over union, IoU) above a
threshold is greatest. Regions to ignore are neither rewarded nor punished: a found object that lies
mostly in them is dropped before matching.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Labels = NDArray[np.int32]

IOU_LEVELS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.9)
_IGNORED_SHARE = 0.5
_BETWEEN = 1.0


@dataclass(frozen=True, slots=True)
class Agreement:
    """How one picture, or several together, agree with their truth.

    Attributes
    ----------
    true_count, found_count : objects that count
    matched : objects matched at each of ``IOU_LEVELS``
    iou_sum : sum of the IoU of the matches at 0.5
    true_volume_nl, found_volume_nl : totals by area-equivalent spheres
    true_area_um2, found_area_um2 : totals
    """

    true_count: int
    found_count: int
    matched: tuple[int, ...]
    iou_sum: float
    true_volume_nl: float
    found_volume_nl: float
    true_area_um2: float
    found_area_um2: float

    def f1(self, iou: float) -> float | None:
        """F1 at one of ``IOU_LEVELS``; None where there is nothing to find and nothing found."""
        both = self.true_count + self.found_count
        return 2 * self.matched[IOU_LEVELS.index(iou)] / both if both else None

    @property
    def mean_iou(self) -> float | None:
        """Mean IoU of the matches at 0.5."""
        matches = self.matched[IOU_LEVELS.index(0.5)]
        return self.iou_sum / matches if matches else None

    @property
    def count_error(self) -> float | None:
        """Relative error of the count, signed."""
        return _relative(self.found_count, self.true_count)

    @property
    def volume_error(self) -> float | None:
        """Relative error of the total volume, signed."""
        return _relative(self.found_volume_nl, self.true_volume_nl)

    @property
    def area_error(self) -> float | None:
        """Relative error of the total area, signed."""
        return _relative(self.found_area_um2, self.true_area_um2)


def _relative(found: float, true: float) -> float | None:
    return found / true - 1 if true else None


def agreement(
    found: Labels,
    true: Labels,
    um_per_px: float,
    *,
    ignore: NDArray[np.bool_] | None = None,
    min_diameter_um: float = 50.0,
) -> Agreement:
    """Compare one picture's found labels with its true ones.

    Parameters
    ----------
    found, true : (Y, X) int32, 0 outside
    ignore : (Y, X) bool
    min_diameter_um : smaller true objects count as ignored; smaller found ones are dropped unless
        they match a true one. An object on the border line of the size limit is therefore never
        punished by its neighbour class.
    """
    found, true = _compact(found), _compact(true)
    overlap = _overlap(found, true)
    found_px, true_px = np.bincount(found.ravel()), np.bincount(true.ravel())
    iou = overlap[1:, 1:] / (found_px[1:, None] + true_px[None, 1:] - overlap[1:, 1:])
    least_px = np.pi / 4 * (min_diameter_um / um_per_px) ** 2
    true_counts = true_px[1:] >= least_px
    keep = _found_that_counts(found, found_px, overlap, iou, (ignore, true_counts, least_px))
    iou = iou[keep][:, true_counts]
    matched = tuple(len(_match(iou, level)) for level in IOU_LEVELS)
    pixel_um2 = um_per_px**2
    areas = (true_px[1:][true_counts] * pixel_um2, found_px[1:][keep] * pixel_um2)
    return Agreement(
        int(true_counts.sum()),
        int(keep.sum()),
        matched,
        float(sum(_match(iou, 0.5))),
        *(_volume_nl(area) for area in areas),
        *(float(area.sum()) for area in areas),
    )


def together(parts: Sequence[Agreement]) -> Agreement:
    """Pool pictures: sums of counts, matches, areas and volumes."""
    return Agreement(
        sum(p.true_count for p in parts),
        sum(p.found_count for p in parts),
        tuple(int(n) for n in np.sum([p.matched for p in parts], axis=0)),
        sum(p.iou_sum for p in parts),
        sum(p.true_volume_nl for p in parts),
        sum(p.found_volume_nl for p in parts),
        sum(p.true_area_um2 for p in parts),
        sum(p.found_area_um2 for p in parts),
    )


def _compact(labels: Labels) -> Labels:
    values, inverse = np.unique(labels, return_inverse=True)
    shift = 0 if values[0] == 0 else 1
    return (inverse.reshape(labels.shape) + shift).astype(np.int32)


def _overlap(found: Labels, true: Labels) -> NDArray[np.int64]:
    columns = int(true.max()) + 1
    pairs = found.astype(np.int64) * columns + true
    counts = np.bincount(pairs.ravel(), minlength=(int(found.max()) + 1) * columns)
    table: NDArray[np.int64] = counts.reshape(-1, columns)
    return table


def _found_that_counts(
    found: Labels,
    found_px: NDArray[np.int64],
    overlap: NDArray[np.int64],
    iou: NDArray[np.float64],
    rules: tuple[NDArray[np.bool_] | None, NDArray[np.bool_], float],
) -> NDArray[np.bool_]:
    """Large enough, or matching a true object; not mostly in ignored or too small true regions."""
    ignore, true_counts, least_px = rules
    matches = (iou[:, true_counts] >= 0.5).any(axis=1)
    ignored = overlap[1:, 1:][:, ~true_counts].sum(axis=1).astype(np.float64)
    if ignore is not None:
        free = ignore & (found > 0)
        ignored += np.bincount(found[free], minlength=len(found_px))[1:]
    keep: NDArray[np.bool_] = matches | (
        (found_px[1:] >= least_px) & (ignored <= _IGNORED_SHARE * found_px[1:])
    )
    return keep


def _match(iou: NDArray[np.float64], level: float) -> list[float]:
    """IoU of each matched pair at this level, matched so that as many as possible match."""
    if not iou.size:
        return []
    # one whole unit for each pair above the level outweighs any sum of overlaps
    gain = np.where(iou >= level, min(iou.shape) * _BETWEEN + iou, 0.0)
    rows, columns = linear_sum_assignment(gain, maximize=True)
    return [float(v) for v in iou[rows, columns] if v >= level]


def _volume_nl(areas_um2: NDArray[np.floating]) -> float:
    """Total volume of area-equivalent spheres, nL (1 nL = 1e6 um3)."""
    return float(np.sum(4 / 3 / np.sqrt(np.pi) * areas_um2**1.5) / 1e6)
