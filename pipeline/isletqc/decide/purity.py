"""Purity by each of its three definitions, and the interval of the one that the protocol names.

- area: islet area / (islet + exocrine area), all sizes of object
- volume: the same with each islet and each exocrine region taken as a sphere of its area
- count: islets that count / (those + exocrine clusters of countable size that touch no islet)

They differ widely on the same picture. The interval is Jeffreys' for a fraction of as many equal
clusters as give the sampling variance of the unequal ones, which is
((1 - p)^2 sum a^2 + p^2 sum e^2) / (sum a + sum e)^2 with a the islets and e the exocrine regions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isletqc.decide import spread
from isletqc.decide.spread import Known
from isletqc.measure import ieq
from isletqc.protocol import Purity, Uncertainty
from isletqc.records import Estimate, Picture

DEFINITIONS = ("area", "volume", "count")


@dataclass(frozen=True, slots=True)
class _Tissue:
    """Sums and sums of squares of one measure over islets and over exocrine regions."""

    islet: float
    exocrine: float
    islet_squares: float
    exocrine_squares: float


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
    if not tissue.islet + tissue.exocrine > 0:
        return _not_determined("not determined: no tissue seen")
    fraction = tissue.islet / (tissue.islet + tissue.exocrine)
    # A wrong islet sum moves the fraction by p (1 - p) of its relative error.
    boundary = fraction * (1 - fraction) * segmentation_rsd * _SEGMENTATION[definition.definition]
    sampling = _variance(tissue, fraction)
    trials = _equal_clusters(tissue, fraction, sampling + boundary**2)
    values = spread.share(fraction * trials, trials)
    low, high = spread.interval(values, given.confidence)
    rsd = {"sampling": math.sqrt(sampling), "segmentation": boundary}
    parts = {name: sd / fraction for name, sd in rsd.items()} if fraction > 0 else {}
    return Known(Estimate("purity", fraction, "1", low, high, rsd_parts=parts), values)


def by_definition(pictures: Sequence[Picture]) -> dict[str, float]:
    """Give the purity by each definition that can be had, 0 to 1."""
    tissues = {name: _TISSUE[name](pictures) for name in DEFINITIONS}
    return {
        name: t.islet / (t.islet + t.exocrine)
        for name, t in tissues.items()
        if t is not None and t.islet + t.exocrine > 0
    }


def _not_determined(reason: str) -> Known:
    return Known(Estimate("purity", None, "1", reason=reason))


def _variance(tissue: _Tissue, fraction: float) -> float:
    whole = tissue.islet + tissue.exocrine
    squares = (1 - fraction) ** 2 * tissue.islet_squares + fraction**2 * tissue.exocrine_squares
    return squares / whole**2


def _equal_clusters(tissue: _Tissue, fraction: float, variance: float) -> float:
    """Count the clusters of equal size whose sampling variance would be the same."""
    if 0 < fraction < 1 and variance > 0:
        return fraction * (1 - fraction) / variance
    squares = tissue.islet_squares + tissue.exocrine_squares
    return (tissue.islet + tissue.exocrine) ** 2 / squares if squares > 0 else 1.0


def _by_area(pictures: Sequence[Picture]) -> _Tissue | None:
    areas = np.array([i.area_um2 for p in pictures for i in p.islets])
    islet = sum(p.islet_area_um2 for p in pictures)
    exocrine = sum(p.exocrine_area_um2 for p in pictures)
    squares = [p.exocrine_area_squares_um4 for p in pictures]
    # Without the clusters' own areas, as if each picture held a single one.
    exocrine_squares = sum(
        p.exocrine_area_um2**2 if s is None else s for p, s in zip(pictures, squares, strict=True)
    )
    return _Tissue(islet, exocrine, float((areas**2).sum()), exocrine_squares)


def _by_volume(pictures: Sequence[Picture]) -> _Tissue | None:
    volumes = [p.exocrine_volume_nl for p in pictures]
    squares = [p.exocrine_area_squares_um4 for p in pictures]
    areas = np.array([i.area_um2 for p in pictures for i in p.islets])
    islets = _sphere_nl(areas)
    exocrine = sum(v for v in volumes if v is not None)
    if None in volumes or None in squares:
        return None
    # sum v^2 with v ~ a^1.5 is at most this, whatever the clusters' areas a.
    most = sum(_sphere_nl(math.sqrt(s)) ** 2 for s in squares if s is not None)
    return _Tissue(
        float(islets.sum()), exocrine, float((islets**2).sum()), min(float(most), exocrine**2)
    )


def _by_count(pictures: Sequence[Picture]) -> _Tissue | None:
    clusters = [p.exocrine_clusters for p in pictures]
    if None in clusters:
        return None
    weights = np.array([i.weight for p in pictures for i in p.counted])
    alone = float(sum(c for c in clusters if c is not None))
    return _Tissue(float(weights.sum()), alone, float((weights**2).sum()), alone)


def _sphere_nl(area_um2: np.typing.ArrayLike) -> np.typing.NDArray[np.float64]:
    diameters_um = 2 * np.sqrt(np.asarray(area_um2, float) / math.pi)
    return ieq.sphere_nl(diameters_um)


_TISSUE = {"area": _by_area, "volume": _by_volume, "count": _by_count}
# Error of the islet sum for one of the total volume: area goes with its 2/3, a count with none.
_SEGMENTATION = {"area": 2 / 3, "volume": 1.0, "count": 0.0}
