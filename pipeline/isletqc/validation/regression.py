"""Straight lines through pairs of measurements that both have errors.

- Deming's regression, for a known ratio of the two error variances, with jackknife intervals
  (Linnet, Clin Chem 1993;39:424, doi 10.1093/clinchem/39.3.424)
- Passing and Bablok's regression, free of distributions, with its intervals and its cusum test of
  linearity (J Clin Chem Clin Biochem 1983;21:709, doi 10.1515/cclm.1983.21.11.709)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import kolmogorov

Numbers = NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """Test = intercept + slope x reference, each with its interval."""

    intercept: float
    slope: float
    intercept_interval: Interval
    slope_interval: Interval


@dataclass(frozen=True, slots=True)
class Cusum:
    """Passing and Bablok's test of linearity: largest cumulated score, and its chance."""

    statistic: float
    probability: float


def deming(x: ArrayLike, y: ArrayLike, *, error_ratio: float = 1.0, confidence: float) -> Line:
    """Fit Deming's line.

    Parameters
    ----------
    x, y : (N,) reference and test, N at least 3
    error_ratio : error variance of the reference over that of the test; over 0
    confidence : of the jackknife intervals (Student, N - 2 degrees of freedom)
    """
    a, b = np.asarray(x, float), np.asarray(y, float)
    n = len(a)
    whole = _deming(a, b, error_ratio)
    rest = np.array([_deming(np.delete(a, i), np.delete(b, i), error_ratio) for i in range(n)])
    errors = np.sqrt((n * whole - (n - 1) * rest).var(axis=0, ddof=1) / n)
    reach = stats.t.ppf((1 + confidence) / 2, n - 2) * errors
    (low_a, low_b), (high_a, high_b) = whole - reach, whole + reach
    return Line(
        float(whole[0]),
        float(whole[1]),
        (float(low_a), float(high_a)),
        (float(low_b), float(high_b)),
    )


def passing_bablok(x: ArrayLike, y: ArrayLike, *, confidence: float) -> Line:
    """Fit Passing and Bablok's line: the shifted median of the slopes between all pairs.

    Parameters
    ----------
    x, y : (N,) reference and test, N at least 3, positively related
    confidence : of the intervals
    """
    a, b = np.asarray(x, float), np.asarray(y, float)
    slopes = _slopes(a, b)
    count, shift = len(slopes), int((slopes < -1).sum())
    n = len(a)
    spread = stats.norm.ppf((1 + confidence) / 2) * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    # Rounded as in the paper; programs that take half ranks differ by one slope.
    first = max(round((count - spread) / 2), 1)
    last = count + 1 - first
    slope = _ranked(slopes, (count + 1) / 2 + shift)
    low, high = _ranked(slopes, first + shift), _ranked(slopes, last + shift)
    return Line(
        intercept=float(np.median(b - slope * a)),
        slope=slope,
        intercept_interval=(float(np.median(b - high * a)), float(np.median(b - low * a))),
        slope_interval=(low, high),
    )


def cusum(x: ArrayLike, y: ArrayLike, line: Line) -> Cusum:
    """Test whether the points scatter about the line without a bend."""
    a, b = np.asarray(x, float), np.asarray(y, float)
    residuals = b - line.intercept - line.slope * a
    above, below = int((residuals > 0).sum()), int((residuals < 0).sum())
    if not above or not below:
        return Cusum(0.0, 1.0)
    scores = np.where(residuals > 0, math.sqrt(below / above), -math.sqrt(above / below))
    scores[residuals == 0] = 0
    along = np.argsort(b + a / line.slope, kind="stable")
    largest = float(np.abs(np.cumsum(scores[along])).max()) / math.sqrt(below + 1)
    return Cusum(largest, float(kolmogorov(largest)))


def _deming(x: Numbers, y: Numbers, ratio: float) -> Numbers:
    dx, dy = x - x.mean(), y - y.mean()
    u, v, w = (dx * dx).sum(), ratio * (dy * dy).sum(), (dx * dy).sum()
    slope = (v - u + math.sqrt((u - v) ** 2 + 4 * ratio * w * w)) / (2 * ratio * w)
    return np.array([y.mean() - slope * x.mean(), slope])


def _slopes(x: Numbers, y: Numbers) -> Numbers:
    """Slopes between all pairs, ascending; same points and slopes of -1 tell nothing."""
    i, j = np.triu_indices(len(x), 1)
    dx, dy = x[i] - x[j], y[i] - y[j]
    told = (dx != 0) | (dy != 0)
    dx, dy = dx[told], dy[told]
    slopes = np.full(len(dx), math.inf)
    np.divide(dy, dx, out=slopes, where=dx != 0)
    return np.sort(slopes[slopes != -1])


def _ranked(ascending: Numbers, rank: float) -> float:
    """Value of a rank counted from 1; between two ranks their mean."""
    last = len(ascending)
    low, high = (min(max(int(f(rank)), 1), last) for f in (math.floor, math.ceil))
    return float((ascending[low - 1] + ascending[high - 1]) / 2)
