"""The size law behind the counted islets: Weibull or lognormal.

Takes area-equivalent diameters that were counted only from a smallest size on; gives the law's
parameters by maximum likelihood for just that truncation, and how well the law fits by the
Kolmogorov-Smirnov distance. As the parameters come from the same islets, the usual tables of that
distance do not hold: its significance comes from samples drawn from the fitted law and fitted
again (parametric bootstrap, fixed seed). Both laws follow from growth models of islets
(Biophys J 2007;93:2655-2666).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_ndtr, ndtr, ndtri

Family = Literal["weibull", "lognormal"]

# Fewer islets do not tell a law.
FEWEST = 10

Floats = NDArray[np.float64]
# Shape, scale and distance, each (N,), of N samples in the rows of an array.
Fits = tuple[Floats, Floats, Floats]

_DRAWN_AT_ONCE = 1 << 15  # stays in the processor's cache
_SHAPES = (0.1, 50.0)
_CLOSE = 1e-6  # of the last step; what it leaves is of the order of its square
_MOST_STEPS = 60
_FARTHEST = 38.0  # spreads: no number is as small as the normal law's mass beyond
# Of the normal law behind the logarithms, in their own spreads about their own mean.
_LOWEST_MEAN = -30.0
_SPREADS = (0.05, 20.0)
_TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True, slots=True)
class SizeLaw:
    """A law of diameters in um, known from ``smallest_um`` up.

    ``shape`` and ``scale`` are k and lambda (um) of the Weibull law, sigma and exp(mu) (um) of the
    lognormal one, both of the law before truncation. ``ks`` is the greatest distance between the
    cumulative law and the islets.
    """

    family: Family
    shape: float
    scale: float
    smallest_um: float
    log_likelihood: float
    ks: float


def fit(diameters_um: ArrayLike, family: Family, *, smallest_um: float) -> SizeLaw | None:
    """Fit a size law by maximum likelihood.

    Parameters
    ----------
    diameters_um : (N,) diameters; those under ``smallest_um`` are left out
    family : ``weibull`` or ``lognormal``
    smallest_um : islets under it were not counted; 0 for none

    Returns
    -------
    SizeLaw or None
        None with fewer than 10 islets or with islets all of one size.
    """
    d = np.sort(np.asarray(diameters_um, float))
    d = d[d >= smallest_um]
    if d.size < FEWEST or d[0] == d[-1]:
        return None
    shape, scale, ks = (float(v[0]) for v in _FIT[family](d[None, :], smallest_um))
    law = SizeLaw(family, shape, scale, smallest_um, 0.0, ks)
    return replace(law, log_likelihood=_log_likelihood(law, d))


def cumulative(law: SizeLaw, diameter_um: ArrayLike) -> NDArray[np.float64]:
    """Fraction of the counted islets up to a diameter, by the law."""
    d = np.maximum(np.asarray(diameter_um, float), law.smallest_um)
    survivors = np.exp(_log_survivors(law, d) - _log_survivors(law, law.smallest_um))
    return np.asarray(1 - survivors)


def quantile(law: SizeLaw, probability: ArrayLike) -> NDArray[np.float64]:
    """Diameter in um up to which this fraction of the counted islets reaches, by the law."""
    survivors = float(_log_survivors(law, law.smallest_um))
    rest = np.asarray(probability, float)
    if law.family == "weibull":
        return np.asarray(law.scale * (-np.log1p(-rest) - survivors) ** (1 / law.shape))
    return np.asarray(law.scale * np.exp(-law.shape * ndtri(math.exp(survivors) * (1 - rest))))


def significance(law: SizeLaw, count: int, *, replicates: int = 199, seed: int = 0) -> float:
    """Chance of a Kolmogorov-Smirnov distance as large as the law's, were the law true.

    Parameters
    ----------
    law : fitted to ``count`` islets
    replicates : samples that are drawn and fitted
    seed : of the random numbers
    """
    rng = np.random.default_rng(seed)
    together = max(1, _DRAWN_AT_ONCE // count)
    better = 0
    for first in range(0, replicates, together):
        chances = np.sort(rng.random((min(together, replicates - first), count)), axis=1)
        drawn = np.maximum(quantile(law, chances), law.smallest_um)
        _, _, ks = _FIT[law.family](drawn, law.smallest_um)
        # Not a number, of islets all alike, compares as false.
        better += int(np.count_nonzero(ks < law.ks))
    return (replicates - better + 1) / (replicates + 1)


def _log_survivors(law: SizeLaw, diameter_um: ArrayLike) -> NDArray[np.float64]:
    d = np.asarray(diameter_um, float)
    if law.family == "weibull":
        return np.asarray(-((d / law.scale) ** law.shape))
    # The smallest size may be 0, whose logarithm is below everything.
    with np.errstate(divide="ignore"):
        return np.asarray(log_ndtr(-np.log(d / law.scale) / law.shape))


def _log_likelihood(law: SizeLaw, d: Floats) -> float:
    y = np.log(d / law.scale)
    if law.family == "weibull":
        density = math.log(law.shape) + law.shape * y - np.exp(law.shape * y)
    else:
        constant = math.log(law.shape) + math.log(2 * math.pi) / 2
        density = -((y / law.shape) ** 2) / 2 - constant
    untold = d.size * float(_log_survivors(law, law.smallest_um))
    return float((density - np.log(d)).sum()) - untold


def _weibull(d: Floats, smallest: float) -> Fits:
    """For a given shape the best scale has a formula; the best shape is the root of the score."""
    top = np.log(d[:, -1:])
    y = np.log(d) - top
    edge = math.log(max(smallest, _TINY)) - top[:, 0]
    # The spread of a Weibull law's logarithms is pi / sqrt(6) / k.
    k = np.clip(1.28 / np.maximum(y.std(axis=1), _TINY), *_SHAPES)
    low, high = (np.full_like(k, bound) for bound in _SHAPES)
    going = np.arange(len(k))
    for _ in range(_MOST_STEPS):
        score, slope = _score(k[going], y[going], edge[going])
        low[going] = np.where(score > 0, k[going], low[going])
        high[going] = np.where(score > 0, high[going], k[going])
        step = k[going] - score / slope
        safe = (step > low[going]) & (step < high[going])
        step = np.where(safe, step, (low[going] + high[going]) / 2)
        moved = np.abs(step / k[going] - 1) > _CLOSE
        k[going] = step
        going = going[moved]
        if not going.size:
            break
    powers, below = np.exp(k[:, None] * y), np.exp(k * edge)
    scale_k = powers.mean(axis=1) - below
    law = -np.expm1((below[:, None] - powers) / scale_k[:, None])
    return k, np.exp(top[:, 0]) * scale_k ** (1 / k), _distance(law)


def _score(k: Floats, y: Floats, edge: Floats) -> tuple[Floats, Floats]:
    """Slope of the mean log likelihood at a shape with its best scale, and the slope of that."""
    powers, below = np.exp(k[:, None] * y), np.exp(k * edge)
    n = y.shape[1]
    zero = powers.sum(axis=1) / n - below
    one = np.einsum("ij,ij->i", powers, y) / n - below * edge
    two = np.einsum("ij,ij,ij->i", powers, y, y) / n - below * edge**2
    return 1 / k + y.mean(axis=1) - one / zero, -1 / k**2 - two / zero + (one / zero) ** 2


def _lognormal(d: Floats, smallest: float) -> Fits:
    """Mean and spread of the logarithms, and where they are cut off, tell all of the law."""
    y = np.log(d)
    middle, spread = y.mean(axis=1), y.std(axis=1)
    edge = (math.log(max(smallest, _TINY)) - middle) / spread
    mu, sigma = _untruncated(edge)
    mu, sigma = middle + mu * spread, sigma * spread
    z = (mu[:, None] - y) / sigma[:, None]
    cut = (mu - math.log(max(smallest, _TINY))) / sigma
    return sigma, np.exp(mu), _distance(1 - ndtr(z) / ndtr(cut)[:, None])


def _untruncated(edge: Floats) -> tuple[Floats, Floats]:
    """Mean and spread of the normal law whose part above the edge has mean 0 and spread 1.

    Cohen's equation (Technometrics 1959;1:217-237) for the place of the edge, in spreads from the
    mean. Where the part falls more slowly than any normal law's the mean is held at its limit.
    """
    excess = np.maximum(-edge, _TINY)

    def too_low(h: Floats) -> NDArray[np.bool_]:
        mean = _hazard(h) - h
        return np.asarray((1 - h * mean) * excess**2 < (1 + excess**2) * mean**2)

    h = _bisected(too_low, -2 * excess - 10, np.full_like(edge, _FARTHEST))
    sigma = excess / (_hazard(h) - h)
    mu = edge - h * sigma
    whole, held = edge < -_FARTHEST, ~(mu > _LOWEST_MEAN)
    mu = np.where(whole, 0.0, np.where(held, _LOWEST_MEAN, mu))
    return mu, np.where(whole, 1.0, np.where(held, _spread_of_held(edge), sigma))


def _spread_of_held(edge: Floats) -> Floats:
    def too_small(log_sigma: Floats) -> NDArray[np.bool_]:
        sigma = np.exp(log_sigma)
        h = (edge - _LOWEST_MEAN) / sigma
        return np.asarray(1 + h * _hazard(h) < (1 + _LOWEST_MEAN**2) / sigma**2)

    low, high = (np.full_like(edge, math.log(bound)) for bound in _SPREADS)
    return np.asarray(np.exp(_bisected(too_small, low, high)))


def _hazard(h: Floats) -> Floats:
    """Density of the normal law at h over its mass beyond."""
    return np.asarray(np.exp(-(h**2) / 2 - log_ndtr(-h)) / math.sqrt(2 * math.pi))


def _bisected(too_low: Callable[[Floats], NDArray[np.bool_]], low: Floats, high: Floats) -> Floats:
    for _ in range(_MOST_STEPS):
        middle = (low + high) / 2
        below = too_low(middle)
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def _distance(law: Floats) -> Floats:
    """Greatest distance between the law at each row's islets, in order of size, and the islets."""
    steps = np.arange(law.shape[1] + 1) / law.shape[1]
    above, under = (steps[1:] - law).max(axis=1), (law - steps[:-1]).max(axis=1)
    return np.asarray(np.maximum(above, under))


_FIT = {"weibull": _weibull, "lognormal": _lognormal}
