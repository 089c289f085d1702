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

A limit from above is passed wrongly where the largest islets were not seen, so its probability is
read off more careful values (``cautious_sum``): the gamma distribution after one more islet with
twice the volume of the largest, and Hall's transformation with Student's t in place of the normal
law, as the variance V is itself known from few islets: degrees of freedom 2 V^2 / sum u^4
(Satterthwaite, doi 10.2307/3002019). The intervals do not use them.

Counts of islets have the exact Poisson interval; with none counted, the upper end is -ln 0.025 =
3.7 times the stated reference islet.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, gammaincinv, ndtri, stdtrit

from isletqc.records import Estimate, Relation

Values = NDArray[np.float64]

FROM_ABOVE: tuple[Relation, ...] = ("<=", "<")
_COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
# Even, so that half of the values lies on each side of the middle.
_NODES = 200
_BLUR_NODES = 101
# Volume of the islet that nobody saw, in those of the largest seen. Of 1, 1.5, 2, 2.5 and 3 the
# smallest that keeps false passes under 5 % for the heaviest law of ``decide.coverage``.
_UNSEEN = 2.0


@dataclass(frozen=True, slots=True)
class Known:
    """An estimate with the values behind its interval; ``values`` is None where there are none.

    ``above`` are more careful values for limits from above (<=); None takes ``values``.
    ``too_few`` says why such a limit cannot be passed at all; empty where it can.
    """

    estimate: Estimate
    values: Values | None = None
    above: Values | None = None
    too_few: str = ""


@dataclass(frozen=True, slots=True)
class Moments:
    """What a sum over counted objects tells: sum, sums of squares and cubes, largest summand."""

    total: float
    squares: float
    cubes: float
    largest: float


def moments(contributions: Values) -> Moments:
    """Take the moments of what each object adds, all 0 or more."""
    total, squares, cubes = (float((contributions**k).sum()) for k in (1, 2, 3))
    return Moments(total, squares, cubes, float(contributions.max(initial=0)))


def poisson_sum(
    found: Moments, *, reference: float, sized: bool = True, inflation: float = 1.0
) -> Values:
    """Spread of the expected sum of which the sum found is one outcome.

    Parameters
    ----------
    found : moments of what each counted object adds
    reference : what an islet would add; used only when none was counted
    sized : islets add their volumes, of which the largest may not have been seen; for mere
        counts False, which leaves Hall's bound out
    inflation : factor on the variance for aliquots that differ by more than chance

    Returns
    -------
    (200,) values, ascending
    """
    below, above = np.split(_probabilities(_NODES), 2)
    if not found.total > 0:
        return np.concatenate([np.zeros_like(below), gammaincinv(1.0, above) * reference])
    total, variance = found.total, found.squares * inflation
    lower = _gamma(total, variance, below)
    upper = _gamma(total + found.largest, variance + found.largest**2, above)
    if sized:
        skewness = found.cubes / found.squares**1.5
        upper = np.maximum(upper, _hall(total, variance, skewness, ndtri(above)))
    return np.concatenate([lower, upper])


def ends_of_sums(
    total: Values, squares: Values, cubes: Values, largest: Values, confidence: float
) -> tuple[Values, Values]:
    """Give the ends of the interval that ``poisson_sum`` leads to, for many sums at once.

    Parameters
    ----------
    total, squares, cubes, largest : (N,) as in ``Moments``; totals over 0
    confidence : of the intervals
    """
    tail = np.asarray((1 - confidence) / 2)
    lower = _gamma(total, squares, tail)
    gamma = _gamma(total + largest, squares + largest**2, 1 - tail)
    return lower, np.maximum(gamma, _hall(total, squares, cubes / squares**1.5, ndtri(1 - tail)))


def cautious_sum(contributions: Values, *, inflation: float = 1.0) -> Values:
    """Spread of the expected sum for limits from above: its upper half lies higher.

    Parameters
    ----------
    contributions : (N,) what each counted islet adds, over 0; N at least 1
    inflation : as for ``poisson_sum``

    Returns
    -------
    (200,) values, ascending; the lower half is that of ``poisson_sum``
    """
    found = moments(contributions)
    total, variance = found.total, found.squares * inflation
    below, above = np.split(_probabilities(_NODES), 2)
    unseen = _UNSEEN * found.largest
    degrees = 2 * found.squares**2 / float((contributions**4).sum())
    upper = np.maximum(
        _gamma(total + unseen, variance + unseen**2, above),
        _hall(total, variance, found.cubes / found.squares**1.5, stdtrit(degrees, above)),
    )
    return np.concatenate([_gamma(total, variance, below), upper])


def fraction_of_sums(part: Values, rest: Values) -> Values:
    """Spread of part / (part + rest) of two independent sums."""
    part, rest = _thinned(part), _thinned(rest)
    return np.sort((part[:, None] / (part[:, None] + rest[None, :])).reshape(-1))


def share(successes: float, trials: float) -> Values:
    """Spread of a fraction: Jeffreys' Beta(successes + 1/2, trials - successes + 1/2)."""
    failures = trials - successes
    return np.asarray(betaincinv(successes + 0.5, failures + 0.5, _probabilities(_NODES)))


def student(value: float, standard_error: float, degrees: float) -> Values:
    """Spread of a mean: value plus standard error times Student's t."""
    t = stdtrit(degrees, _probabilities(_NODES))
    return np.asarray(value + standard_error * t)


def exactly(value: float) -> Values:
    """Spread of a figure that has no error of its own before ``blur``."""
    return np.array([value])


def blur(values: Values, rsd: float) -> Values:
    """Multiply by a lognormal error of relative standard deviation ``rsd``; not in order."""
    if rsd == 0:
        return values
    log_sd = np.sqrt(np.log1p(rsd**2))
    errors = np.exp(log_sd * ndtri(_probabilities(_BLUR_NODES)))
    return np.asarray(np.multiply.outer(values, errors).reshape(-1))


def interval(values: Values, confidence: float) -> tuple[float, float]:
    """Central interval that holds the share ``confidence`` of the values."""
    tail = (1 - confidence) / 2
    # Value i of n stands for the probability (i + 1/2) / n.
    low, high = np.quantile(values, [tail, 1 - tail], method="hazen")
    return float(low), float(high)


def chance(values: Values, relation: Relation, limit: float) -> float:
    """Probability that the figure meets the limit, 0 to 1."""
    return float(np.mean(meets(values, relation, limit)))


def probability(known: Known, relation: Relation, limit: float) -> float | None:
    """Probability that a figure meets the limit, 0 to 1; None where it has no values."""
    from_above = relation in FROM_ABOVE and known.above is not None
    values = known.above if from_above else known.values
    return None if values is None else chance(values, relation, limit)


def meets(values: Values, relation: Relation, limit: float) -> NDArray[np.bool_]:
    """Tell which values meet the limit."""
    return np.asarray(_COMPARE[relation](values, limit))


def _probabilities(count: int) -> Values:
    return np.asarray((np.arange(count) + 0.5) / count)


def _thinned(values: Values) -> Values:
    return np.asarray(np.quantile(values, _probabilities(_NODES), method="hazen"))


def _gamma(mean: float | Values, variance: float | Values, probability: Values) -> Values:
    return np.asarray(gammaincinv(mean**2 / variance, probability) * variance / mean)


def _hall(
    total: float | Values, variance: float | Values, skewness: float | Values, deviate: Values
) -> Values:
    """Upper confidence bounds by the cubic transformation of the studentised sum."""
    t = 3 / skewness * (np.cbrt(1 - skewness * (deviate + skewness / 6)) - 1)
    return np.asarray(total - np.sqrt(variance) * t)
