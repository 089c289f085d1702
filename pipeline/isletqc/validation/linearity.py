"""A dilution series: whether the figures go in proportion with what was put in.

The design, and the quality figures R^2, proportionality index and coefficient of variation, are
those that the public summaries of ISO 20391-2:2019 name. The text of the standard was not read:
the formulas below are ours.

- Line through the origin, y = b f, weights 1/f because the variance of a count goes with the
  count: b = sum y / sum f
- R^2 = 1 - sum (y - b f)^2 / sum (y - mean y)^2
- Proportionality index PI = mean over the levels of |mean y - b f| / (b f), in percent; 0 is
  ideal. Repeats that scatter raise it by chance alone: ``noise_index`` is what to expect of a
  perfectly proportional method with the same scatter.
- Interval of the PI: percentiles of 2,000 bootstrap samples drawn within each level
- Lack of fit: F test of the levels' deviations against the scatter within the levels
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from isletqc.validation.components import variance_interval

BOOTSTRAPS, SEED = 2000, 20391
Numbers = NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Level:
    """One dilution: its repeats beside what the line expects."""

    fraction: float
    count: int
    mean: float
    expected: float
    deviation_percent: float
    cv_percent: float
    cv_interval: Interval


@dataclass(frozen=True, slots=True)
class Linearity:
    """A dilution series in figures; ``offset`` is the intercept of a line that is free to have one.

    ``cv_percent`` is the pooled coefficient of variation within the levels.
    """

    levels: tuple[Level, ...]
    slope: float
    slope_interval: Interval
    r2: float
    index_percent: float
    index_interval: Interval
    noise_index_percent: float
    cv_percent: float
    cv_interval: Interval
    offset: float
    offset_interval: Interval
    lack_of_fit: float
    residuals: tuple[float, ...]


def proportionality(fractions: ArrayLike, values: ArrayLike, *, confidence: float) -> Linearity:
    """Judge a dilution series.

    Parameters
    ----------
    fractions : (N,) what was put in, relative to the undiluted sample; over 0
    values : (N,) figures; at least two different fractions and two values at each
    confidence : of all intervals
    """
    f, y = np.asarray(fractions, float), np.asarray(values, float)
    levels = [y[f == fraction] for fraction in np.unique(f)]
    at = np.unique(f)
    slope = float(y.sum() / f.sum())
    rows = [_level(x, v, slope, confidence) for x, v in zip(at, levels, strict=True)]
    degrees = len(y) - len(at)
    cv2 = sum((v.size - 1) * (v.std(ddof=1) / v.mean()) ** 2 for v in levels) / degrees
    low, high = variance_interval(float(cv2), degrees, confidence)
    residuals = y - slope * f
    offset, reach = _offset(f, y, confidence)
    return Linearity(
        levels=tuple(rows),
        slope=slope,
        slope_interval=_slope_interval(f, residuals, slope, confidence),
        r2=1 - float((residuals**2).sum() / ((y - y.mean()) ** 2).sum()),
        index_percent=_index(at, levels),
        index_interval=_bootstrap(at, levels, confidence),
        noise_index_percent=_noise(at, levels, slope),
        cv_percent=100 * math.sqrt(cv2),
        cv_interval=(100 * math.sqrt(low), 100 * math.sqrt(high)),
        offset=offset,
        offset_interval=(offset - reach, offset + reach),
        lack_of_fit=_lack_of_fit(at, levels, slope),
        residuals=tuple(float(r) for r in residuals),
    )


def _level(fraction: float, values: Numbers, slope: float, confidence: float) -> Level:
    mean, variance = float(values.mean()), float(values.var(ddof=1))
    expected = slope * fraction
    low, high = variance_interval(variance, values.size - 1, confidence)
    return Level(
        fraction=float(fraction),
        count=values.size,
        mean=mean,
        expected=float(expected),
        deviation_percent=float(100 * (mean / expected - 1)),
        cv_percent=100 * math.sqrt(variance) / mean,
        cv_interval=(100 * math.sqrt(low) / mean, 100 * math.sqrt(high) / mean),
    )


def _slope_interval(f: Numbers, residuals: Numbers, slope: float, confidence: float) -> Interval:
    n = len(f)
    variance = float((residuals**2 / f).sum()) / (n - 1) / float(f.sum())
    reach = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * math.sqrt(variance)
    return slope - reach, slope + reach


def _index(at: Numbers, levels: list[Numbers]) -> float:
    slope = sum(v.sum() for v in levels) / sum(x * v.size for x, v in zip(at, levels, strict=True))
    away = [abs(v.mean() / (slope * x) - 1) for x, v in zip(at, levels, strict=True)]
    return 100 * float(np.mean(away))


def _bootstrap(at: Numbers, levels: list[Numbers], confidence: float) -> Interval:
    rng = np.random.default_rng(SEED)
    sizes = np.array([v.size for v in levels])
    means = np.array([rng.choice(v, (BOOTSTRAPS, v.size)).mean(axis=1) for v in levels])
    slopes = (means * sizes[:, None]).sum(axis=0) / (at * sizes).sum()
    indices = 100 * np.abs(means / (slopes * at[:, None]) - 1).mean(axis=0)
    low, high = np.quantile(indices, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _noise(at: Numbers, levels: list[Numbers], slope: float) -> float:
    """PI of a proportional method: mean absolute normal deviate of each level's mean."""
    sizes = np.array([v.size for v in levels])
    variances = np.array([v.var(ddof=1) for v in levels]) / sizes
    weights = at * sizes / (at * sizes).sum()
    # The line is drawn through the same repeats, so that each mean is partly its own measure.
    relative = variances / (slope * at) ** 2
    spread = relative * (1 - 2 * weights) + (weights**2 * relative).sum()
    return 100 * float(np.sqrt(2 / math.pi * np.maximum(spread, 0)).mean())


def _offset(f: Numbers, y: Numbers, confidence: float) -> tuple[float, float]:
    """Intercept of the weighted line that is free to have one, and half its interval."""
    w = 1 / f
    middle, mean = np.average(f, weights=w), np.average(y, weights=w)
    about = float((w * (f - middle) ** 2).sum())
    slope = float((w * (f - middle) * (y - mean)).sum()) / about
    offset = float(mean - slope * middle)
    variance = float((w * (y - offset - slope * f) ** 2).sum()) / (len(y) - 2)
    error = math.sqrt(variance * (1 / w.sum() + middle**2 / about))
    reach = float(stats.t.ppf((1 + confidence) / 2, len(y) - 2)) * error
    return offset, reach


def _lack_of_fit(at: Numbers, levels: list[Numbers], slope: float) -> float:
    """Chance of deviations as large as these, were the method proportional."""
    within = sum(((v - v.mean()) ** 2).sum() / x for x, v in zip(at, levels, strict=True))
    between = sum(v.size * (v.mean() - slope * x) ** 2 / x for x, v in zip(at, levels, strict=True))
    degrees = sum(v.size for v in levels) - len(at)
    if not within > 0:
        return 1.0 if not between > 0 else 0.0
    f = between / (len(at) - 1) / (within / degrees)
    return float(stats.f.sf(f, len(at) - 1, degrees))
