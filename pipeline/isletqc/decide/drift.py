"""How the clusters of one culture grow: sizes by day, and the slope of the mean diameter.

Takes the sample pictures of a lot whose specimens have several days. A day's mean diameter has the
larger of two variances: that of its clusters, and that between its pictures. The slope is the
weighted least-squares line through the days' means; where the days scatter about the line by more
than that, their scatter widens it. Student's t has the degrees of freedom of Welch and
Satterthwaite. Pixel size and outline are wrong in the same proportion on all days, so they scale
the slope. The slope holds for the days seen; fusion makes jumps that a line does not foresee.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isletqc.decide import spread
from isletqc.decide.lot import sample_pictures_by_day
from isletqc.decide.sizes import sizes
from isletqc.decide.spread import Known, Values
from isletqc.protocol import Protocol, Sizing, Uncertainty
from isletqc.records import DayFigures, Estimate, Lot, Picture

_NAME, _UNIT = "diameter_slope_um_per_day", "um/day"
_SIZES = Sizing(oversize_um=())


@dataclass(frozen=True, slots=True)
class _Mean:
    """A day's mean diameter with its variance and what that variance is worth."""

    day: float
    mean_um: float
    variance_um2: float
    degrees: float


def days(lot: Lot, protocol: Protocol, *, segmentation_rsd: float) -> tuple[DayFigures, ...]:
    """Sizes on each day of a brightfield culture; empty where it was seen on one day only."""
    found = sample_pictures_by_day(lot)
    if protocol.stain != "brightfield" or len(found) < 2:
        return ()
    given = protocol.uncertainty
    return tuple(
        _figures(day, pictures, given, segmentation_rsd) for day, pictures in found.items()
    )


def slope(lot: Lot, given: Uncertainty, *, segmentation_rsd: float) -> Known | None:
    """Change of the mean diameter in um per day; None where the lot has fewer than two days.

    Parameters
    ----------
    lot : its specimens carry the days
    given : confidence and pixel size error
    segmentation_rsd : of the total islet volume; a third of it falls to the diameter
    """
    found = sample_pictures_by_day(lot)
    if len(found) < 2:
        return None
    means = [m for day, pictures in found.items() if (m := _mean(day, pictures)) is not None]
    if len(means) < 2:
        reason = "not determined: fewer than two days with at least two islets that count"
        return Known(Estimate(_NAME, None, _UNIT, reason=reason))
    value, error, degrees = _line(means)
    common = {"pixel size": given.pixel_size_rsd, "segmentation": segmentation_rsd / 3}
    rsd = math.sqrt(sum(r**2 for r in common.values()))
    values = spread.blur(spread.student(value, error, degrees), rsd)
    parts = ({"sampling": error / abs(value)} if value else {}) | common
    ends = spread.interval(values, given.confidence)
    return Known(Estimate(_NAME, value, _UNIT, *ends, rsd_parts=parts), values)


def _figures(
    day: float, pictures: Sequence[Picture], given: Uncertainty, segmentation_rsd: float
) -> DayFigures:
    counted = [i for p in pictures for i in p.counted]
    found = sizes(counted, _SIZES, given, segmentation_rsd=segmentation_rsd)
    return DayFigures(
        day=day,
        picture_count=len(pictures),
        islet_count=len(counted),
        diameter_mean=_day_mean(day, pictures, given, segmentation_rsd)
        or found["diameter_mean_um"].estimate,
        diameter_median=found["diameter_median_um"].estimate,
        quartiles_um=_quartiles([i.diameter_um for i in counted], [i.weight for i in counted]),
    )


def _day_mean(
    day: float, pictures: Sequence[Picture], given: Uncertainty, segmentation_rsd: float
) -> Estimate | None:
    mean = _mean(day, pictures)
    if mean is None:
        return None
    common = {"pixel size": given.pixel_size_rsd, "segmentation": segmentation_rsd / 3}
    rsd = math.sqrt(sum(r**2 for r in common.values()))
    error = math.sqrt(mean.variance_um2)
    values = spread.blur(spread.student(mean.mean_um, error, mean.degrees), rsd)
    ends = spread.interval(values, given.confidence)
    parts = {"sampling": error / mean.mean_um} | common
    return Estimate("diameter_mean_um", mean.mean_um, "um", *ends, rsd_parts=parts)


def _quartiles(
    diameters_um: Sequence[float], weights: Sequence[float]
) -> tuple[float, float] | None:
    if not diameters_um:
        return None
    order = np.argsort(diameters_um, kind="stable")
    w = np.asarray(weights)[order]
    ranks = (np.cumsum(w) - w / 2) / w.sum()
    low, high = np.interp([0.25, 0.75], ranks, np.asarray(diameters_um)[order])
    return float(low), float(high)


def _mean(day: float, pictures: Sequence[Picture]) -> _Mean | None:
    """Mean over all clusters of the day; None with fewer than two."""
    seen = [_columns(p) for p in pictures if p.counted]
    d, w = (np.concatenate(c) for c in zip(*seen, strict=True)) if seen else (np.empty(0),) * 2
    if len(d) < 2:
        return None
    whole = float(w.sum())
    mean = float(d @ w) / whole
    worth = whole**2 / float((w**2).sum())
    within = worth / max(worth - 1, 0.5) * float((w**2 * (d - mean) ** 2).sum()) / whole**2
    count = len(seen)
    gaps = sum(float(wp @ (dp - mean)) ** 2 for dp, wp in seen)
    between = count / (count - 1) * gaps / whole**2 if count > 1 else 0.0
    degrees = count - 1 if between > within else worth - 1
    return _Mean(day, mean, max(within, between), max(degrees, 1.0))


def _columns(picture: Picture) -> tuple[Values, Values]:
    return (
        np.array([i.diameter_um for i in picture.counted]),
        np.array([i.weight for i in picture.counted]),
    )


def _line(means: Sequence[_Mean]) -> tuple[float, float, float]:
    """Slope, its standard error and its degrees of freedom."""
    x = np.array([m.day for m in means])
    y = np.array([m.mean_um for m in means])
    # Clusters all of one size would weigh without bound.
    v = np.maximum([m.variance_um2 for m in means], 1e-6)
    w = 1 / v
    centred = x - float(np.average(x, weights=w))
    whole = float((w * centred**2).sum())
    factors = w * centred / whole
    value = float(factors @ y)
    rest = y - float(np.average(y, weights=w)) - value * centred
    free = len(means) - 2
    scatter = float((w * rest**2).sum()) / free if free else 0.0
    if scatter > 1:
        return value, math.sqrt(scatter / whole), float(free)
    parts = factors**2 * v
    degrees = float(parts.sum() ** 2 / (parts**2 / [m.degrees for m in means]).sum())
    return value, math.sqrt(1 / whole), degrees
