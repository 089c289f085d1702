"""Shape, border, integrity and mantle of a lot's islets: numbers that describe, and no score.

Means are over the islets that count, by their border weights, with Student's interval of the mean.
Mantled islets have exocrine tissue along more than the protocol's share of their outline; their
share is told by number and by islet equivalents, with the interval of a share in which every
islet counts by its weight (``decide.shares``). What broke off or never was an islet shows as
objects too small to count, per islet and by area; specks under 20 um get no outline at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from isletqc.decide import spread
from isletqc.decide.shares import Shares, share
from isletqc.decide.spread import Known
from isletqc.protocol import Sizing
from isletqc.records import Estimate, Islet, Picture

_FEWEST = 2
_MEANS: dict[str, tuple[str, Callable[[Islet], float | None]]] = {
    "circularity_mean": ("1", lambda i: i.circularity),
    "solidity_mean": ("1", lambda i: i.solidity),
    "axis_ratio_mean": ("1", lambda i: i.minor_axis_um / i.major_axis_um),
    "border_width_mean_um": ("um", lambda i: i.border_width_um),
}


def morphology(pictures: Sequence[Picture], sizing: Sizing, confidence: float) -> dict[str, Known]:
    """Describe the islets of a lot.

    Parameters
    ----------
    pictures : its analysed sample pictures
    sizing : from which share of the outline on an islet is mantled
    confidence : of the intervals

    Returns
    -------
    dict
        ``circularity_mean``, ``solidity_mean``, ``axis_ratio_mean`` (minor over major),
        ``border_width_mean_um``; ``mantled_fraction`` and ``mantled_ieq_share`` where the stain
        shows exocrine tissue; ``small_objects_per_islet`` and ``small_objects_area_share``, which
        have no interval.
    """
    counted = [i for p in pictures for i in p.counted]
    found = [_mean(n, counted, confidence) for n in _MEANS]
    if any(i.mantle is not None for i in counted):
        found += [
            _mantled("mantled_fraction", pictures, sizing, confidence),
            _mantled("mantled_ieq_share", pictures, sizing, confidence, by_ieq=True),
        ]
    return {k.estimate.name: k for k in (*found, *_small(pictures, sizing))}


def _mean(name: str, islets: Sequence[Islet], confidence: float) -> Known:
    unit, figure = _MEANS[name]
    seen = [(v, i.weight) for i in islets if (v := figure(i)) is not None]
    if not seen:
        reason = "not determined: no islet counted" if not islets else "not determined: no border"
        return Known(Estimate(name, None, unit, reason=reason))
    values, weights = np.array(seen).T
    mean = float(np.average(values, weights=weights))
    if len(values) < _FEWEST:
        return Known(Estimate(name, mean, unit, reason="one islet gives no interval"))
    worth = float(weights.sum() ** 2 / (weights**2).sum())
    squares = float((weights**2 * (values - mean) ** 2).sum()) * worth / max(worth - 1, 0.5)
    error = float(np.sqrt(squares) / weights.sum())
    known = spread.student(mean, error, max(worth - 1, 1.0))
    low, high = spread.interval(known, confidence)
    parts = {"sampling": error / mean} if mean else {}
    return Known(Estimate(name, mean, unit, low, high, rsd_parts=parts), known)


def _mantled(
    name: str,
    pictures: Sequence[Picture],
    sizing: Sizing,
    confidence: float,
    *,
    by_ieq: bool = False,
) -> Known:
    groups = []
    for picture in pictures:
        known = [(i.mantle, i.weight * (i.ieq if by_ieq else 1)) for i in picture.counted
                 if i.mantle is not None]  # fmt: skip
        if known:
            mantle, weights = np.array(known).T
            groups.append(Shares((mantle > sizing.mantled_share).astype(float), weights))
    found = share(groups)
    values, parts = found.spread({})
    low, high = spread.interval(values, confidence)
    return Known(Estimate(name, found.value, "1", low, high, rsd_parts=parts), values)


def _small(pictures: Sequence[Picture], sizing: Sizing) -> list[Known]:
    """Objects under the smallest size that counts."""
    whole = [i for p in pictures for i in p.islets]
    small = [i for i in whole if i.diameter_um < sizing.min_diameter_um]
    counted = sum(p.islet_count for p in pictures)
    area = sum(i.area_um2 for i in whole)
    figures = {
        "small_objects_per_islet": len(small) / counted if counted > 0 else None,
        "small_objects_area_share": sum(i.area_um2 for i in small) / area if area > 0 else None,
    }
    return [
        Known(
            Estimate(
                name,
                value,
                "1",
                reason="not determined: no islet counted" if value is None else "description",
            )
        )
        for name, value in figures.items()
    ]
