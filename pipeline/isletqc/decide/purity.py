"""Purity by each of its three definitions, and the interval of the one that the protocol names.

- area: islet area / (islet + exocrine area), all sizes of object
- volume: the same with each islet and each exocrine region taken as a sphere of its area
- count: islets that count / (those + exocrine clusters of countable size that touch no islet)

They differ widely on the same picture. Islet and exocrine tissue are two independent sums over
clusters that chance brought into the aliquot; the interval joins both spreads. A few large
exocrine clumps can carry most of the tissue, so that their number, not the islets', limits what
is known. The segmentation error multiplies the islets' sum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isletqc.decide import spread
from isletqc.decide.spread import Known, Moments
from isletqc.measure import ieq
from isletqc.protocol import Purity, Uncertainty
from isletqc.records import Estimate, Picture

DEFINITIONS = ("area", "volume", "count")

# Where no cluster of a tissue was seen, the bound on their number is one on clusters of 150 um.
_REFERENCE_UM2 = math.pi / 4 * ieq.IEQ_DIAMETER_UM**2


@dataclass(frozen=True, slots=True)
class _Tissue:
    """Both tissues in the measure of one definition; ``reference`` is that of one cluster."""

    islet: Moments
    exocrine: Moments
    reference: float
    sized: bool = True

    @property
    def fraction(self) -> float:
        return self.islet.total / (self.islet.total + self.exocrine.total)

    @property
    def empty(self) -> bool:
        return not self.islet.total + self.exocrine.total > 0


def purity(
    pictures: Sequence[Picture],
    definition: Purity | None,
    given: Uncertainty,
    *,
    segmentation_rsd: float,
) -> Known:
    """Estimate the purity by the protocol's definition, 0 to 1.

    Parameters
    ----------
    pictures : analysed sample pictures of the lot
    definition : None where the protocol has no purity
    given : confidence
    segmentation_rsd : of the total islet volume; two thirds of it are taken for areas
    """
    if definition is None:
        return _not_determined("not determined: the protocol defines no purity")
    tissue = _TISSUE[definition.definition](pictures)
    if tissue is None:
        return _not_determined("not determined: exocrine clusters were not measured")
    if tissue.empty:
        return _not_determined("not determined: no tissue seen")
    rsd = segmentation_rsd * _SEGMENTATION[definition.definition]
    islet, exocrine = (
        spread.poisson_sum(found, reference=tissue.reference, sized=tissue.sized)
        for found in (tissue.islet, tissue.exocrine)
    )
    values = spread.fraction_of_sums(spread.blur(islet, rsd), exocrine)
    low, high = spread.interval(values, given.confidence)
    parts = {"sampling": _sampling_rsd(tissue), "segmentation": (1 - tissue.fraction) * rsd}
    return Known(Estimate("purity", tissue.fraction, "1", low, high, rsd_parts=parts), values)


def by_definition(pictures: Sequence[Picture]) -> dict[str, float]:
    """Give the purity by each definition that can be had, 0 to 1."""
    tissues = {name: _TISSUE[name](pictures) for name in DEFINITIONS}
    return {name: t.fraction for name, t in tissues.items() if t is not None and not t.empty}


def _not_determined(reason: str) -> Known:
    return Known(Estimate("purity", None, "1", reason=reason))


def _sampling_rsd(tissue: _Tissue) -> float:
    """Relative standard deviation of the fraction, to first order."""
    found = ((m.squares, m.total) for m in (tissue.islet, tissue.exocrine) if m.total > 0)
    return (1 - tissue.fraction) * math.sqrt(sum(s / t**2 for s, t in found))


def _by_area(pictures: Sequence[Picture]) -> _Tissue | None:
    whole = sum(p.islet_area_um2 for p in pictures)
    labelled = [i.area_um2 for p in pictures for i in p.islets]
    found = spread.moments(np.array(labelled or [whole]))
    # The class map rules the sum, also where it holds specks without a label.
    islet = Moments(whole, found.squares, found.cubes, found.largest)
    return _Tissue(islet, _exocrine(pictures), _REFERENCE_UM2)


def _exocrine(pictures: Sequence[Picture]) -> Moments:
    """Moments of the areas of all exocrine regions."""
    each = [_exocrine_of(p) for p in pictures]
    return Moments(
        sum(m.total for m in each),
        sum(m.squares for m in each),
        sum(m.cubes for m in each),
        max((m.largest for m in each), default=0.0),
    )


def _exocrine_of(p: Picture) -> Moments:
    """Fill what was not measured with its bound: the least that is known of the clusters."""
    squares = p.exocrine_area_um2**2
    if p.exocrine_area_squares_um4 is not None:
        squares = p.exocrine_area_squares_um4
    cubes = squares**1.5 if p.exocrine_area_cubes_um6 is None else p.exocrine_area_cubes_um6
    largest = math.sqrt(squares) if p.exocrine_largest_um2 is None else p.exocrine_largest_um2
    return Moments(p.exocrine_area_um2, squares, cubes, largest)


def _by_volume(pictures: Sequence[Picture]) -> _Tissue | None:
    volumes = [p.exocrine_volume_nl for p in pictures]
    if None in volumes:
        return None
    islet = spread.moments(_sphere_nl([i.area_um2 for p in pictures for i in p.islets]))
    areas = _exocrine(pictures)
    # A sphere's volume goes with the area to the power 1.5, its square with the cube of the area.
    squares = float(_sphere_nl(1.0)) ** 2 * areas.cubes
    largest = float(_sphere_nl(areas.largest))
    exocrine = Moments(sum(v or 0.0 for v in volumes), squares, squares * largest, largest)
    return _Tissue(islet, exocrine, float(_sphere_nl(_REFERENCE_UM2)))


def _by_count(pictures: Sequence[Picture]) -> _Tissue | None:
    clusters = [p.exocrine_clusters for p in pictures]
    if None in clusters:
        return None
    islet = spread.moments(np.array([i.weight for p in pictures for i in p.counted]))
    alone = float(sum(c or 0 for c in clusters))
    exocrine = Moments(alone, alone, alone, min(alone, 1.0))
    return _Tissue(islet, exocrine, reference=1.0, sized=False)


def _sphere_nl(area_um2: ArrayLike) -> NDArray[np.float64]:
    return ieq.sphere_nl(2 * np.sqrt(np.asarray(area_um2, float) / math.pi))


_TISSUE = {"area": _by_area, "volume": _by_volume, "count": _by_count}
# Error of the islet sum for one of the total volume: area goes with its 2/3, a count with none.
_SEGMENTATION = {"area": 2 / 3, "volume": 1.0, "count": 0.0}
