"""Proof by simulation that the intervals hold the truth as often as they say.

Draws lots of which everything is known: a suspension of islets of a given size law, aliquots
pipetted with their errors, islets caught by chance, volumes measured with a wrong pixel size and a
segmentation error. Estimates each lot exactly as a real one is estimated and compares with the
truth. ``scripts/coverage`` makes the full table, docs/coverage.md; a test holds a short one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from isletqc.decide import dispersion, spread
from isletqc.decide.lot import Aliquot
from isletqc.decide.totals import between_aliquots, ieq_total
from isletqc.measure import ieq
from isletqc.protocol import Uncertainty
from isletqc.records import Lot

ALIQUOT_UL, SUSPENSION_ML, DILUTION = 100.0, 250.0, 2.0
SMALLEST_UM, LARGEST_UM = 50.0, 500.0

# Human isolates by two laws of the same mean and standard deviation (99.9, 53.9 um), and clusters
# of 136 and 31 um; the coefficients of variation of the volume are 1.40, 2.25 and 0.76.
LAWS: dict[str, stats.rv_continuous] = {
    "Weibull": stats.weibull_min(1.93, scale=112.6),
    "lognormal": stats.lognorm(0.506, scale=np.exp(4.476)),
    "SC-islets": stats.lognorm(
        np.sqrt(np.log1p((31 / 136) ** 2)), scale=136 / np.sqrt(1 + (31 / 136) ** 2)
    ),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What is simulated.

    ``seen`` is the expected number of islets counted in all aliquots together;
    ``mixing_rsd`` the true spread of concentration between aliquots beyond chance.
    """

    law: str
    aliquots: int
    seen: int
    given: Uncertainty
    segmentation_rsd: float
    mixing_rsd: float = 0.0


@dataclass(frozen=True, slots=True)
class Tenth:
    """Lots whose stated probability lies in one tenth of 0 to 1: its sum, and how many met."""

    lots: int
    stated: float
    met: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """How the estimates of many simulated lots compare with the truth; shares from 0 to 1.

    ``held`` of the intervals hold the truth; the rest lies wholly above the truth
    (``too_high``) or below it (``too_low``). Of lots that stand exactly at a limit, ``false_pass``
    are passed and ``false_fail`` failed by a limit from below (>=), ``false_pass_upper`` are passed
    by one from above (<=). With limits spread by 25 % around the truth, ``mean_probability`` should
    be ``met``, the share of lots that truly meet theirs; ``wrongly_passed`` is the share of the
    other lots that are passed. ``at_least`` and ``at_most`` compare, for limits anywhere within a
    factor of 4.5, the probability stated for a limit from below and from above with how often it
    was met.
    """

    setting: Setting
    lots: int
    held: float
    too_high: float
    too_low: float
    false_pass: float
    false_fail: float
    false_pass_upper: float
    mean_probability: float
    met: float
    wrongly_passed: float
    called_badly_mixed: float
    at_least: tuple[Tenth, ...]
    at_most: tuple[Tenth, ...]


def cover(setting: Setting, *, lots: int, seed: int, assurance: float = 0.95) -> Coverage:
    """Simulate lots of one setting and see how often their intervals hold the truth.

    Parameters
    ----------
    setting : size law, aliquots, islets seen, errors
    lots : number of lots to draw
    seed : of the random numbers
    assurance : probability from which a limit is called met
    """
    rng = np.random.default_rng(seed)
    diameters_um = sizes_of(LAWS[setting.law], rng)
    mean_ieq = _mean_ieq(LAWS[setting.law])
    rows = np.array([_one(setting, diameters_um, mean_ieq, rng) for _ in range(lots)])
    low, high, at_limit, at_upper, near, near_met, mixed, above, below, truly_above = rows.T
    sure = near >= assurance
    return Coverage(
        setting=setting,
        lots=lots,
        held=float(np.mean((low <= 1) & (high >= 1))),
        too_high=float(np.mean(low > 1)),
        too_low=float(np.mean(high < 1)),
        false_pass=float(np.mean(at_limit >= assurance)),
        false_fail=float(np.mean(at_limit <= round(1 - assurance, 12))),
        false_pass_upper=float(np.mean(at_upper >= assurance)),
        mean_probability=float(near.mean()),
        met=float(near_met.mean()),
        wrongly_passed=float(sure[near_met == 0].mean()),
        called_badly_mixed=float(mixed.mean()),
        at_least=_tenths(above, truly_above),
        at_most=_tenths(below, 1 - truly_above),
    )


def held_by_sampling(law: str, seen: int, *, lots: int, seed: int) -> tuple[float, float, float]:
    """Shares of intervals that hold the truth, lie above it and below it; no error but sampling.

    Much faster than ``cover``: one aliquot, and nothing but the spread of its sum.

    Parameters
    ----------
    law : name of a size law
    seen : expected number of islets counted
    lots, seed : as for ``cover``
    """
    rng = np.random.default_rng(seed)
    truth = seen * _mean_ieq(LAWS[law])
    # None seen is one seen: at 20 expected that is one lot in 500 million.
    counts = np.maximum(rng.poisson(seen, lots), 1)
    each = ieq.ieq(ieq.sphere_nl(sizes_of(LAWS[law], rng)(int(counts.sum()))))
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    total, squares, cubes = (np.add.reduceat(each**k, first) for k in (1, 2, 3))
    largest = np.maximum.reduceat(each, first)
    low, high = spread.ends_of_sums(total, squares, cubes, largest, 0.95)
    return (
        float(np.mean((low <= truth) & (truth <= high))),
        float(np.mean(low > truth)),
        float(np.mean(high < truth)),
    )


def _tenths(stated: NDArray[np.float64], met: NDArray[np.float64]) -> tuple[Tenth, ...]:
    place = np.minimum((10 * stated).astype(int), 9)
    inside = [place == k for k in range(10)]
    return tuple(Tenth(int(i.sum()), float(stated[i].sum()), int(met[i].sum())) for i in inside)


def _one(
    setting: Setting,
    diameters_um: Callable[[int], NDArray[np.float64]],
    mean_ieq: float,
    rng: np.random.Generator,
) -> tuple[float, ...]:
    """Draw one lot; interval and probabilities relative to its true total."""
    given = setting.given

    def wrong(rsd: float) -> float:
        return float(np.exp(np.sqrt(np.log1p(rsd**2)) * rng.standard_normal()))

    scale = wrong(given.pixel_size_rsd) ** 3 * wrong(setting.segmentation_rsd)
    diluted = wrong(given.dilution_rsd)
    per_aliquot = setting.seen / setting.aliquots
    aliquots = []
    for k in range(setting.aliquots):
        caught = wrong(given.aliquot_rsd) * wrong(setting.mixing_rsd) / diluted
        sizes = diameters_um(int(rng.poisson(per_aliquot * caught)))
        seen = ieq.ieq(ieq.sphere_nl(sizes)) * scale
        aliquots.append(Aliquot(str(k), np.ones(seen.size), seen, (), ALIQUOT_UL, DILUTION))
    to_lot = DILUTION * SUSPENSION_ML * 1000 / ALIQUOT_UL * wrong(given.suspension_rsd)
    truth = per_aliquot * mean_ieq * to_lot
    lot = Lot("simulated", (), suspension_ml=SUSPENSION_ML)
    found = ieq_total(lot, aliquots, given, segmentation_rsd=setting.segmentation_rsd)
    mixing = between_aliquots(lot, aliquots, given).get("IEQ", dispersion.NONE)
    near, far = truth * wrong(0.25), truth * float(np.exp(rng.uniform(-1.5, 1.5)))
    return (
        (found.estimate.ci_low or 0.0) / truth,
        (found.estimate.ci_high or 0.0) / truth,
        *_passes(found, truth),
        _passes(found, near)[0],
        truth >= near,
        mixing.excessive,
        *_passes(found, far),
        truth >= far,
    )


def _passes(found: spread.Known, limit: float) -> tuple[float, float]:
    """Probability of a limit from below and from above; one that cannot pass has at most a half."""
    from_below = spread.probability(found, ">=", limit) or 0.0
    from_above = spread.probability(found, "<=", limit) or 0.0
    return from_below, min(from_above, 0.5) if found.too_few else from_above


def sizes_of(
    law: stats.rv_continuous, rng: np.random.Generator
) -> Callable[[int], NDArray[np.float64]]:
    """Give a function that draws so many diameters, um, from a law between 50 and 500 um."""
    first, last = law.cdf(SMALLEST_UM), law.cdf(LARGEST_UM)
    table_um = law.ppf(np.linspace(first, last, 20_001))
    places = np.linspace(0, 1, table_um.size)
    return lambda count: np.interp(rng.random(count), places, table_um)


def _mean_ieq(law: stats.rv_continuous) -> float:
    diameters_um = np.linspace(SMALLEST_UM, LARGEST_UM, 20_001)
    density = law.pdf(diameters_um)
    volume = ieq.ieq(ieq.sphere_nl(diameters_um))
    return float((volume * density).sum() / density.sum())
