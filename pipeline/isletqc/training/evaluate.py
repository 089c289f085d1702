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
from scipy.ndimage import center_of_mass
from scipy.optimize import linear_sum_assignment

Labels = NDArray[np.int32]

IOU_LEVELS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.9)
_IGNORED_SHARE = 0.5
_MOSTLY = 0.5


@dataclass(frozen=True, slots=True)
class Pair:
    """A true object, a found one, or the two where they match.

    Attributes
    ----------
    true_um, found_um : area-equivalent diameters; None where there is no such object
    iou : of the match; 0 where there is none
    centre_yx_px : of the true object, or of the found one where nothing is there
    """

    true_um: float | None
    found_um: float | None
    iou: float
    centre_yx_px: tuple[float, float]

    @property
    def volume_nl(self) -> tuple[float, float]:
        """True and found volume, of area-equivalent spheres."""
        return _sphere_nl(self.true_um or 0.0), _sphere_nl(self.found_um or 0.0)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How one picture, or several together, agree with their truth.

    Attributes
    ----------
    true_count, found_count : objects that count
    matched : objects matched at each of ``IOU_LEVELS``
    iou_sums : sum of the IoU of those matches
    true_volume_nl, found_volume_nl : totals by area-equivalent spheres
    true_area_um2, found_area_um2, shared_area_um2 : totals, and the part that both have
    splits : true objects that hold most of each of several found ones
    merges : found objects that hold most of each of several true ones
    pairs : every object that counts
    """

    true_count: int
    found_count: int
    matched: tuple[int, ...]
    iou_sums: tuple[float, ...]
    true_volume_nl: float
    found_volume_nl: float
    true_area_um2: float
    found_area_um2: float
    shared_area_um2: float = 0.0
    splits: int = 0
    merges: int = 0
    pairs: tuple[Pair, ...] = ()

    def f1(self, iou: float) -> float | None:
        """F1 at one of ``IOU_LEVELS``; None where there is nothing to find and nothing found."""
        both = self.true_count + self.found_count
        return 2 * self.matched[IOU_LEVELS.index(iou)] / both if both else None

    def precision(self, iou: float) -> float | None:
        """Share of the found objects that match; None where nothing was found."""
        return _share(self.matched[IOU_LEVELS.index(iou)], self.found_count)

    def recall(self, iou: float) -> float | None:
        """Share of the true objects that are matched; None where there is none."""
        return _share(self.matched[IOU_LEVELS.index(iou)], self.true_count)

    def panoptic_quality(self, iou: float) -> float | None:
        """F1 times the mean IoU of the matches (10.1109/CVPR.2019.00963)."""
        both = self.true_count + self.found_count
        return 2 * self.iou_sums[IOU_LEVELS.index(iou)] / both if both else None

    @property
    def mean_iou(self) -> float | None:
        """Mean IoU of the matches at 0.5."""
        place = IOU_LEVELS.index(0.5)
        return self.iou_sums[place] / self.matched[place] if self.matched[place] else None

    @property
    def dice(self) -> float | None:
        """Overlap of all that counts, whatever the objects: twice what is shared over both."""
        both = self.true_area_um2 + self.found_area_um2
        return 2 * self.shared_area_um2 / both if both else None

    @property
    def count_error(self) -> float | None:
        """Relative error of the count, signed."""
        return _relative(self.found_count, self.true_count)

    @property
    def volume_error(self) -> float | None:
        """Relative error of the total volume, and so of the islet equivalents, signed."""
        return _relative(self.found_volume_nl, self.true_volume_nl)

    @property
    def area_error(self) -> float | None:
        """Relative error of the total area, signed."""
        return _relative(self.found_area_um2, self.true_area_um2)


def _relative(found: float, true: float) -> float | None:
    return found / true - 1 if true else None


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


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
    shared = overlap[1:, 1:][keep][:, true_counts]
    pairs = _pairs(
        iou[keep][:, true_counts],
        (_Objects.of(found, keep, um_per_px), _Objects.of(true, true_counts, um_per_px)),
    )
    return _summed(
        pairs,
        shared_area_um2=float(shared.sum()) * um_per_px**2,
        splits=_held_apart(shared, found_px[1:][keep][:, None]),
        merges=_held_apart(shared.T, true_px[1:][true_counts][:, None]),
    )


def together(parts: Sequence[Agreement], *, pairs: bool = True) -> Agreement:
    """Pool pictures: sums of everything; ``pairs`` may be left out where only sums are wanted."""

    def total(name: str) -> float:
        return float(sum(getattr(p, name) for p in parts))

    return Agreement(
        true_count=sum(p.true_count for p in parts),
        found_count=sum(p.found_count for p in parts),
        matched=tuple(int(n) for n in np.sum([p.matched for p in parts], axis=0)),
        iou_sums=tuple(float(n) for n in np.sum([p.iou_sums for p in parts], axis=0)),
        true_volume_nl=total("true_volume_nl"),
        found_volume_nl=total("found_volume_nl"),
        true_area_um2=total("true_area_um2"),
        found_area_um2=total("found_area_um2"),
        shared_area_um2=total("shared_area_um2"),
        splits=sum(p.splits for p in parts),
        merges=sum(p.merges for p in parts),
        pairs=tuple(pair for p in parts for pair in p.pairs) if pairs else (),
    )


def of_size(whole: Agreement, low_um: float, high_um: float) -> Agreement:
    """Agreement on the true objects of one class of diameters, low <= d < high.

    A found object belongs to the class of the true one that it matches, or else to its own.
    """

    def inside(pair: Pair) -> bool:
        size = pair.found_um if pair.true_um is None else pair.true_um
        return size is not None and low_um <= size < high_um

    return _summed([pair for pair in whole.pairs if inside(pair)])


def _summed(
    pairs: Sequence[Pair], *, shared_area_um2: float = 0.0, splits: int = 0, merges: int = 0
) -> Agreement:
    true = np.array([p.true_um for p in pairs if p.true_um is not None])
    found = np.array([p.found_um for p in pairs if p.found_um is not None])
    ious = np.array([p.iou for p in pairs])
    return Agreement(
        true_count=len(true),
        found_count=len(found),
        matched=tuple(int((ious >= level).sum()) for level in IOU_LEVELS),
        iou_sums=tuple(float(ious[ious >= level].sum()) for level in IOU_LEVELS),
        true_volume_nl=float(sum(p.volume_nl[0] for p in pairs)),
        found_volume_nl=float(sum(p.volume_nl[1] for p in pairs)),
        true_area_um2=float(np.pi / 4 * (true**2).sum()),
        found_area_um2=float(np.pi / 4 * (found**2).sum()),
        shared_area_um2=shared_area_um2,
        splits=splits,
        merges=merges,
        pairs=tuple(pairs),
    )


@dataclass(frozen=True, slots=True)
class _Objects:
    """Diameters and centres of the objects that count."""

    diameters_um: list[float]
    centres_yx_px: list[tuple[float, float]]

    @staticmethod
    def of(labels: Labels, counts: NDArray[np.bool_], um_per_px: float) -> _Objects:
        numbers = np.flatnonzero(counts) + 1
        areas = np.bincount(labels.ravel(), minlength=len(counts) + 1)[numbers]
        centres = center_of_mass(labels > 0, labels, numbers) if numbers.size else []
        diameters = 2 * np.sqrt(areas / np.pi) * um_per_px
        return _Objects([float(d) for d in diameters], [(float(y), float(x)) for y, x in centres])


def _pairs(iou: NDArray[np.float64], objects: tuple[_Objects, _Objects]) -> list[Pair]:
    """Match objects; then follow the true ones that were missed and the found ones that are not."""
    found, true = objects
    matches = _match(iou)
    pairs = [
        Pair(true.diameters_um[t], found.diameters_um[f], float(iou[f, t]), true.centres_yx_px[t])
        for f, t in matches
    ]
    left_true = set(range(len(true.diameters_um))) - {t for _, t in matches}
    left_found = set(range(len(found.diameters_um))) - {f for f, _ in matches}
    pairs += [
        Pair(true.diameters_um[t], None, 0.0, true.centres_yx_px[t]) for t in sorted(left_true)
    ]
    return pairs + [
        Pair(None, found.diameters_um[f], 0.0, found.centres_yx_px[f]) for f in sorted(left_found)
    ]


def _held_apart(shared: NDArray[np.int64], own_px: NDArray[np.int64]) -> int:
    """Columns that hold most of each of several rows."""
    held = shared > _MOSTLY * own_px
    return int((held.sum(axis=0) > 1).sum())


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


def _match(iou: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pairs (found, true) of an IoU of at least 0.5, as many as possible.

    Above 0.5 an object has one possible partner at most, so that the pairs of any higher level are
    those of this one with at least that IoU.
    """
    if not iou.size:
        return []
    # one whole unit for each pair above the level outweighs any sum of overlaps
    gain = np.where(iou >= IOU_LEVELS[0], min(iou.shape) + iou, 0.0)
    rows, columns = linear_sum_assignment(gain, maximize=True)
    found = [(int(f), int(t)) for f, t in zip(rows, columns, strict=True)]
    return sorted((p for p in found if iou[p] >= IOU_LEVELS[0]), key=lambda p: p[1])


def _sphere_nl(diameter_um: float) -> float:
    """Volume of a sphere, nL (1 nL = 1e6 um3)."""
    return float(np.pi / 6 * diameter_um**3 / 1e6)
