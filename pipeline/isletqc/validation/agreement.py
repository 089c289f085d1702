"""Two methods on the same samples: differences, limits of agreement, concordance.

- Limits of agreement with their intervals (Bland, Altman, Lancet 1986;1:307,
  doi 10.1016/S0140-6736(86)90837-8; Stat Methods Med Res 1999;8:135,
  doi 10.1177/096228029900800204), and the regression of the difference on the mean, which shows
  a bias that grows with the size
- Lin's concordance correlation with the interval of its z-transform (Biometrics 1989;45:255,
  doi 10.2307/2532051; corrected 2000;56:324, doi 10.1111/j.0006-341X.2000.00324.x)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Interval = tuple[float, float]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Differences test - reference: mean, limits, and slope of the difference on the mean."""

    count: int
    bias: float
    sd: float
    lower: float
    upper: float
    bias_interval: Interval
    lower_interval: Interval
    upper_interval: Interval
    slope: float
    slope_interval: Interval
    slope_probability: float
    middle: float


@dataclass(frozen=True, slots=True)
class Concordance:
    """Lin's coefficient = precision (Pearson's r) x accuracy (closeness to identity)."""

    coefficient: float
    interval: Interval
    precision: float
    accuracy: float


def bland_altman(
    reference: ArrayLike, test: ArrayLike, *, confidence: float, coverage: float = 0.95
) -> Agreement:
    """Compare two methods by their differences.

    Parameters
    ----------
    reference, test : (N,) paired, N at least 3
    confidence : of all intervals
    coverage : share of the differences that the limits are meant to hold
    """
    x, y = np.asarray(reference, float), np.asarray(test, float)
    differences, means = y - x, (x + y) / 2
    n, bias, sd = len(x), float(differences.mean()), float(differences.std(ddof=1))
    factor = float(stats.norm.ppf((1 + coverage) / 2))
    t = float(stats.t.ppf((1 + confidence) / 2, n - 1))
    bias_reach = t * sd / math.sqrt(n)
    limit_reach = t * sd * math.sqrt(1 / n + factor**2 / (2 * (n - 1)))
    lower, upper = bias - factor * sd, bias + factor * sd
    slope, slope_reach, probability = _trend(means, differences, confidence)
    return Agreement(
        count=n,
        bias=bias,
        sd=sd,
        lower=lower,
        upper=upper,
        bias_interval=(bias - bias_reach, bias + bias_reach),
        lower_interval=(lower - limit_reach, lower + limit_reach),
        upper_interval=(upper - limit_reach, upper + limit_reach),
        slope=slope,
        slope_interval=(slope - slope_reach, slope + slope_reach),
        slope_probability=probability,
        middle=float(means.mean()),
    )


def concordance(reference: ArrayLike, test: ArrayLike, *, confidence: float) -> Concordance:
    """Give Lin's concordance correlation coefficient of (N,) pairs, N at least 4."""
    x, y = np.asarray(reference, float), np.asarray(test, float)
    n, sx, sy = len(x), float(x.std()), float(y.std())
    r = float(np.corrcoef(x, y)[0, 1])
    shift2 = float(y.mean() - x.mean()) ** 2 / (sx * sy)
    accuracy = 2 / (sy / sx + sx / sy + shift2)
    c = r * accuracy
    # Rounding can leave perfect agreement a hair short of 1.
    if 1 - abs(c) < 1e-12 or r == 0:
        return Concordance(c, (c, c), r, accuracy)
    variance = (1 - r**2) * c**2 * (1 - c**2) / r**2
    variance += 2 * c**3 * (1 - c) * shift2 / r - c**4 * shift2**2 / (2 * r**2)
    error = math.sqrt(max(variance, 0.0) / (n - 2)) / (1 - c**2)
    reach = float(stats.norm.ppf((1 + confidence) / 2)) * error
    low, high = math.tanh(math.atanh(c) - reach), math.tanh(math.atanh(c) + reach)
    return Concordance(c, (low, high), r, accuracy)


def _trend(x: Numbers, y: Numbers, confidence: float) -> tuple[float, float, float]:
    """Slope of y on x, half its interval, and the chance of it where there is no trend."""
    if not np.ptp(x):
        return 0.0, 0.0, 1.0
    fit = stats.linregress(x, y)
    reach = stats.t.ppf((1 + confidence) / 2, len(x) - 2) * fit.stderr
    return float(fit.slope), float(reach), float(fit.pvalue)
