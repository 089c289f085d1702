"""Proof by simulation that the chances told by ``isletqc plan`` come true.

Draws lots around a limit; those in review after their first aliquots are told their chances, then
judged again with the further ones. ``scripts/coverage --plan`` prints the table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from isletqc.decide import plan, spread
from isletqc.decide.lot import Aliquot
from isletqc.decide.totals import ieq_total
from isletqc.measure import ieq
from isletqc.protocol import Uncertainty
from isletqc.records import Lot

GIVEN = Uncertainty(pixel_size_rsd=0.01, aliquot_rsd=0.03, suspension_rsd=0.01)
SEGMENTATION_RSD, ASSURANCE = 0.08, 0.95
_ISLETS, _MEDIAN_UM, _LOG_SD = 60, 110, 0.35

Chances = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Foretold:
    """Mean chances to pass, to fail, to stay in review, as told and as they came.

    ``likely`` are the same of the half of the lots that were given the better chance to pass.
    """

    lots: int
    told: Chances
    came: Chances
    likely_told: Chances
    likely_came: Chances


def foretell(*, done: int, further: int, lots: int, seed: int) -> Foretold:
    """Simulate lots that are in review.

    Parameters
    ----------
    done, further : aliquots before and after the chances are told
    lots : in review, to draw
    seed : of the random numbers
    """
    rng = np.random.default_rng(seed)
    pairs: list[tuple[Chances, Chances]] = []
    while len(pairs) < lots:
        pair = _one(rng, done, further)
        if pair is not None:
            pairs.append(pair)
    told, came = (np.array(side) for side in zip(*pairs, strict=True))
    likely = told[:, 0] > np.median(told[:, 0])
    means = [part.mean(axis=0).tolist() for part in (told, came, told[likely], came[likely])]
    first, second, third, fourth = ((m[0], m[1], m[2]) for m in means)
    return Foretold(lots, first, second, third, fourth)


def _one(rng: np.random.Generator, done: int, further: int) -> tuple[Chances, Chances] | None:
    """Chances of one lot and what came; None where it is not in review."""
    # Truth at random around the limit on the logarithm, as the outlook takes it to be.
    islets = _ISLETS * math.exp(rng.uniform(-0.6, 0.6))
    rsd = math.hypot(3 * GIVEN.pixel_size_rsd, SEGMENTATION_RSD)
    scale = math.exp(math.sqrt(math.log1p(rsd**2)) * rng.standard_normal())
    limit = _ISLETS * 1000 * math.exp(3 * math.log(_MEDIAN_UM / 150) + 4.5 * _LOG_SD**2)
    aliquots = [_aliquot(rng, str(k), islets, scale) for k in range(done + further)]
    lot = Lot("simulated", (), suspension_ml=100.0)
    now, later = (
        ieq_total(lot, some, GIVEN, segmentation_rsd=SEGMENTATION_RSD)
        for some in (aliquots[:done], aliquots)
    )
    if now.values is None or later.values is None:
        return None
    chance = spread.chance(now.values, ">=", limit)
    if not 1 - ASSURANCE < chance < ASSURANCE:
        return None
    told = plan.outlook(
        chance,
        rsd_parts=now.estimate.rsd_parts,
        aliquots=done,
        assurance=ASSURANCE,
        further=further,
        log_ratio=math.log((now.estimate.value or 1.0) / limit),
    )
    sure = spread.chance(later.values, ">=", limit)
    passes, fails = float(sure >= ASSURANCE), float(sure <= 1 - ASSURANCE)
    return (told.passes, told.fails, told.review), (passes, fails, 1 - passes - fails)


def _aliquot(rng: np.random.Generator, name: str, islets: float, scale: float) -> Aliquot:
    caught = rng.poisson(islets * math.exp(GIVEN.aliquot_rsd * rng.standard_normal()))
    diameters_um = rng.lognormal(math.log(_MEDIAN_UM), _LOG_SD, caught)
    each = ieq.ieq(ieq.sphere_nl(diameters_um)) * scale
    return Aliquot(name, np.ones(caught), each, (), 100.0, 1.0)
