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
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize
from scipy.special import log_ndtr, ndtri

Family = Literal["weibull", "lognormal"]

# Fewer islets do not tell a law.
FEWEST = 10


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
    shape, scale, log_likelihood = _FIT[family](d, smallest_um)
    law = SizeLaw(family, shape, scale, smallest_um, log_likelihood, 0.0)
    steps = np.arange(d.size + 1) / d.size
    at = cumulative(law, d)
    ks = max(float((steps[1:] - at).max()), float((at - steps[:-1]).max()))
    return SizeLaw(family, shape, scale, smallest_um, log_likelihood, ks)


def cumulative(law: SizeLaw, diameter_um: ArrayLike) -> NDArray[np.float64]:
    """Fraction of the counted islets up to a diameter, by the law."""
    d = np.maximum(np.asarray(diameter_um, float), law.smallest_um)
    survivors = np.exp(_log_survivors(law, d) - _log_survivors(law, law.smallest_um))
    return np.asarray(1 - survivors)


def quantile(law: SizeLaw, probability: ArrayLike) -> NDArray[np.float64]:
    """Diameter in um up to which this fraction of the counted islets reaches, by the law."""
    below = -math.expm1(float(_log_survivors(law, law.smallest_um)))
    p = below + (1 - below) * np.asarray(probability, float)
    if law.family == "weibull":
        return np.asarray(law.scale * (-np.log1p(-p)) ** (1 / law.shape))
    return np.asarray(law.scale * np.exp(law.shape * ndtri(p)))


def significance(law: SizeLaw, count: int, *, replicates: int = 199, seed: int = 0) -> float:
    """Chance of a Kolmogorov-Smirnov distance as large as the law's, were the law true.

    Parameters
    ----------
    law : fitted to ``count`` islets
    replicates : samples that are drawn and fitted
    seed : of the random numbers
    """
    rng = np.random.default_rng(seed)
    worse = 0
    for _ in range(replicates):
        drawn = quantile(law, rng.random(count))
        again = fit(drawn, law.family, smallest_um=law.smallest_um)
        worse += again is None or again.ks >= law.ks
    return (worse + 1) / (replicates + 1)


def _log_survivors(law: SizeLaw, diameter_um: ArrayLike) -> NDArray[np.float64]:
    d = np.asarray(diameter_um, float)
    if law.family == "weibull":
        return np.asarray(-((d / law.scale) ** law.shape))
    # The smallest size may be 0, whose logarithm is below everything.
    with np.errstate(divide="ignore"):
        return np.asarray(log_ndtr(-np.log(d / law.scale) / law.shape))


def _weibull(d: NDArray[np.float64], smallest: float) -> tuple[float, float, float]:
    """Shape, scale, log likelihood; for a given shape the best scale has a formula."""
    unit = float(d.mean())
    x, a = d / unit, smallest / unit

    def loss(log_shape: float) -> float:
        k = math.exp(log_shape)
        scale_k = float((x**k - a**k).mean())
        return -(math.log(k) + (k - 1) * float(np.log(x).mean()) - math.log(scale_k) - 1)

    best = optimize.minimize_scalar(loss, bounds=(math.log(0.1), math.log(50)), method="bounded")
    k = math.exp(float(best.x))
    scale = unit * float((x**k - a**k).mean()) ** (1 / k)
    return k, scale, -d.size * (float(best.fun) + math.log(unit))


def _lognormal(d: NDArray[np.float64], smallest: float) -> tuple[float, float, float]:
    y = np.log(d)
    middle, spread = float(y.mean()), float(y.std())
    edge = (math.log(smallest) - middle) / spread if smallest > 0 else -math.inf
    z = (y - middle) / spread

    def loss(parameters: NDArray[np.float64]) -> float:
        mu, sigma = float(parameters[0]), math.exp(float(parameters[1]))
        squares = float((((z - mu) / sigma) ** 2).mean()) / 2
        return squares + math.log(sigma) + float(log_ndtr((mu - edge) / sigma))

    best = optimize.minimize(
        loss, (0.0, 0.0), method="L-BFGS-B", bounds=((-30, 5), (math.log(0.05), math.log(20)))
    )
    mu, sigma = float(best.x[0]), math.exp(float(best.x[1]))
    constant = math.log(2 * math.pi) / 2 + math.log(spread) + middle
    return sigma * spread, math.exp(middle + mu * spread), -d.size * (float(best.fun) + constant)


_FIT = {"weibull": _weibull, "lognormal": _lognormal}
