"""What is known of a figure: many values, all equally likely.

Intervals, and the probability that a limit is met (JCGM 106:2012), are read off the same values,
so that they cannot contradict each other. Values are quantiles at fixed probabilities, not random
draws: the same input gives the same bits.

Sums over counted islets are compound Poisson: chance decides how many islets reach the aliquot
and which. With u_i the contribution of islet i, T = sum u, V = sum u^2, K = sum u^3:

- below the middle, the gamma distribution with mean T and variance V
  (doi 10.1002/(SICI)1097-0258(19970415)16:7<791::AID-SIM500>3.0.CO;2-#);
- above it, the larger of two: the gamma distribution of T and V after one more islet as large as
  the largest, from the same paper, and Hall's transformation for skewed sums
  (J R Stat Soc B 1992;54:221-228). Few islets seldom show the largest kind there is, so
  the upper end needs both.

Counts of islets have the exact Poisson interval; with none counted, the upper end is -ln 0.025 =
3.7 times the stated reference islet.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import gammaincinv, ndtri

from isletqc.records import Estimate, Relation

Values = NDArray[np.float64]

_COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
# Even, so that half of the values lies on each side of the middle.
_NODES = 200
_BLUR_NODES = 101


@dataclass(frozen=True, slots=True)
class Known:
    """An estimate with the values behind its interval; ``values`` is None where there are none."""

    estimate: Estimate
    values: Values | None = None


def poisson_sum(
    contributions: Values, *, reference: float, sized: bool = True, inflation: float = 1.0
) -> Values:
    """Spread of the expected sum of which ``contributions`` is one outcome.

    Parameters
    ----------
    contributions : (N,) what each counted islet adds, over 0
    reference : what an islet would add; used only when none was counted
    sized : islets add their volumes, of which the largest may not have been seen; for mere
        counts False, which leaves Hall's bound out
    inflation : factor on the variance for aliquots that differ by more than chance

    Returns
    -------
    (200,) values, ascending
    """
    below, above = np.split(_probabilities(_NODES), 2)
    u = contributions[contributions > 0]
    if not u.size:
        return np.concatenate([np.zeros_like(below), gammaincinv(1.0, above) * reference])
    total, variance, cubes = (float((u**k).sum()) for k in (1, 2, 3))
    skewness = cubes / variance**1.5
    variance *= inflation
    largest = float(u.max())
    lower = _gamma(total, variance, below)
    upper = _gamma(total + largest, variance + largest**2, above)
    if sized:
        upper = np.maximum(upper, _hall(total, variance, skewness, above))
    return np.concatenate([lower, upper])


def share(successes: float, trials: float) -> Values:
    """Spread of a fraction: Jeffreys' Beta(successes + 1/2, trials - successes + 1/2)."""
    beta = stats.beta(successes + 0.5, trials - successes + 0.5)
    return np.asarray(beta.ppf(_probabilities(_NODES)))


def student(value: float, standard_error: float, degrees: float) -> Values:
    """Spread of a mean: value plus standard error times Student's t."""
    t = stats.t.ppf(_probabilities(_NODES), degrees)
    return np.asarray(value + standard_error * t)


def exactly(value: float) -> Values:
    """Spread of a figure that has no error of its own before ``blur``."""
    return np.array([value])


def blur(values: Values, rsd: float) -> Values:
    """Multiply by an independent lognormal error of relative standard deviation ``rsd``."""
    if rsd == 0:
        return np.sort(values)
    log_sd = np.sqrt(np.log1p(rsd**2))
    errors = np.exp(log_sd * ndtri(_probabilities(_BLUR_NODES)))
    return np.sort(np.multiply.outer(values, errors).reshape(-1))


def interval(values: Values, confidence: float) -> tuple[float, float]:
    """Central interval that holds the share ``confidence`` of the values."""
    tail = (1 - confidence) / 2
    # Value i of n stands for the probability (i + 1/2) / n.
    low, high = np.quantile(values, [tail, 1 - tail], method="hazen")
    return float(low), float(high)


def chance(values: Values, relation: Relation, limit: float) -> float:
    """Probability that the figure meets the limit, 0 to 1."""
    return float(np.mean(meets(values, relation, limit)))


def meets(values: Values, relation: Relation, limit: float) -> NDArray[np.bool_]:
    """Tell which values meet the limit."""
    return np.asarray(_COMPARE[relation](values, limit))


def _probabilities(count: int) -> Values:
    return np.asarray((np.arange(count) + 0.5) / count)


def _gamma(mean: float, variance: float, probability: Values) -> Values:
    return np.asarray(gammaincinv(mean**2 / variance, probability) * variance / mean)


def _hall(total: float, variance: float, skewness: float, probability: Values) -> Values:
    """Upper confidence bounds by the cubic transformation of the studentised sum."""
    z = ndtri(1 - probability)
    t = 3 / skewness * (np.cbrt(1 + skewness * (z - skewness / 6)) - 1)
    return np.asarray(total - np.sqrt(variance) * t)
