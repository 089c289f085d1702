"""A lot's estimates against the limits of its protocol.

For each limit: the probability that it is met, from the same distribution as the interval
(conformity assessment, JCGM 106:2012). Met with at least the protocol's assurance: pass; missed
with at least that: fail; between: review. What could not be determined is never guessed and never
passes. A limit on ``islet_count`` is about what the pictures show: its probability is that at
least so many of the counted objects are islets, by the mean class probability of each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from isletqc.decide import assays, drift, markers, plan, spread
from isletqc.decide.estimate import conventions, estimates
from isletqc.decide.flags import flags
from isletqc.decide.lot import aliquots, sample_pictures
from isletqc.decide.spread import Known, meets
from isletqc.decide.totals import between_aliquots
from isletqc.protocol import Limit, Protocol
from isletqc.records import (
    Criterion,
    CriterionVerdict,
    Estimate,
    Flag,
    Lot,
    LotVerdict,
    Verdict,
)

_INFUSIONS = ("first", "later")
# Figures that are smaller when a picture is missing.
_SEEN = ("islet_count", "ieq_counted")

_Judgement = tuple[float | None, CriterionVerdict, str]


def judge(lot: Lot, protocol: Protocol, *, segmentation_rsd: float) -> Verdict:
    """Judge a lot.

    Parameters
    ----------
    lot : its pictures, failures and what the sheet says
    protocol : definitions, errors, assurance and limits
    segmentation_rsd : relative standard deviation of the total islet volume from the network's
        validation. What the method states for a picture takes its place; a figure in the protocol
        stands for the pictures without, and is the least for the lot.

    Returns
    -------
    Verdict
        ``fail`` when any limit is missed; else ``review`` when any limit is undecided or any
        flag is up; else ``pass``; without a limit and a flag ``not judged``.
    """
    rsd = _segmentation_rsd(lot, protocol, segmentation_rsd)
    known = estimates(lot, protocol, segmentation_rsd=rsd)
    mixing = between_aliquots(lot, aliquots(lot), protocol.uncertainty)
    raised = flags(lot, protocol, known, mixing=mixing)
    criteria = tuple(
        _entered(lot, limit) if limit.entered else _criterion(lot, limit, known, protocol.assurance)
        for limit in protocol.limits
    )
    verdict, reason = combine(criteria, raised)
    return Verdict(
        lot=lot,
        verdict=verdict,
        reason=reason,
        criteria=criteria,
        estimates={n: k.estimate for n, k in known.items()} | assays.estimates(lot.assays),
        conventions=conventions(lot, protocol),
        flags=raised,
        days=drift.days(lot, protocol, segmentation_rsd=rsd),
        markers=markers.thresholds(lot, protocol.markers) if protocol.markers else (),
    )


def combine(criteria: Sequence[Criterion], raised: Sequence[Flag]) -> tuple[LotVerdict, str]:
    """Join the criteria and flags of a lot into its verdict and the reason for it."""
    binding = [c for c in criteria if not c.supportive]
    missed = [c.name for c in binding if c.verdict == "fail"]
    if missed:
        return "fail", f"missed: {', '.join(missed)}"
    open_points = [f"undecided: {c.name}" for c in binding if c.verdict == "review"]
    open_points += [f"flag: {f.name}" for f in raised]
    if open_points:
        return "review", "; ".join(dict.fromkeys(open_points))
    if not binding:
        return "not judged", "the protocol has no limit that decides"
    if not any(c.verdict == "pass" for c in binding):
        return "review", "no limit of the protocol applies to this lot"
    return "pass", "all limits met"


def _segmentation_rsd(lot: Lot, protocol: Protocol, of_network: float) -> float:
    stated = protocol.uncertainty.segmentation_rsd
    general = of_network if stated is None else stated
    of_pictures = [
        (general if p.volume_rsd is None else p.volume_rsd, p.ieq) for p in sample_pictures(lot)
    ]
    whole = sum(ieq for _, ieq in of_pictures)
    # Pictures of one lot share light and stain: their errors are taken as common, not averaged out.
    here = sum(rsd * ieq for rsd, ieq in of_pictures) / whole if whole > 0 else general
    return here if stated is None else max(stated, here)


def _criterion(lot: Lot, limit: Limit, known: Mapping[str, Known], assurance: float) -> Criterion:
    found = known.get(limit.estimate, _unknown(limit))
    probability, verdict, reason = _not_applicable(lot, limit) or _judged(
        lot, limit, found, assurance
    )
    return Criterion(
        name=limit.name,
        estimate=found.estimate,
        relation=limit.relation,
        limit=limit.limit,
        probability=probability,
        verdict=verdict,
        reason=reason,
        source=limit.source,
        supportive=limit.supportive,
    )


def _entered(lot: Lot, limit: Limit) -> Criterion:
    judged = assays.judge(lot, limit)
    other = _not_applicable(lot, limit)
    return judged if other is None else replace(judged, verdict=other[1], reason=other[2])


def _unknown(limit: Limit) -> Known:
    reason = f"not determined: there is no estimate of the name {limit.estimate}"
    return Known(Estimate(limit.estimate, None, limit.unit, reason=reason))


def _not_applicable(lot: Lot, limit: Limit) -> _Judgement | None:
    """Judge a limit for another infusion, or for one that the sheet does not name."""
    infusion = (lot.infusion or "").strip().lower()
    if limit.infusion is None or infusion == limit.infusion:
        return None
    if infusion in _INFUSIONS:
        return None, "not applicable", f"for the {limit.infusion} infusion; this is the {infusion}"
    found = f"says {lot.infusion!r}" if infusion else "does not say which infusion it is"
    return None, "review", f"for the {limit.infusion} infusion; the sheet {found}"


def _judged(lot: Lot, limit: Limit, found: Known, assurance: float) -> _Judgement:
    estimate = found.estimate
    if estimate.value is None:
        return None, "review", estimate.reason
    if limit.unit != estimate.unit:
        reason = f"limit is in {limit.unit}, the estimate in {estimate.unit}; correct the protocol"
        return None, "review", reason
    if limit.estimate == "islet_count":
        probability = _seen(lot, limit)
    elif found.values is None:
        return None, "review", "the estimate has no interval: " + estimate.reason
    else:
        probability = spread.probability(found, limit.relation, limit.limit) or 0.0
    verdict = _decide(probability, assurance)
    if verdict == "pass" and found.too_few and limit.relation in spread.FROM_ABOVE:
        return probability, "review", found.too_few
    if verdict == "fail" and lot.failures and limit.estimate in _SEEN:
        return probability, "review", "missed by the pictures at hand, but not all were analysed"
    return probability, verdict, _because(lot, limit, estimate, probability, assurance)


def _decide(probability: float, assurance: float) -> CriterionVerdict:
    if probability >= assurance:
        return "pass"
    # Rounded, as 1 - 0.95 is a little over 0.05.
    return "fail" if probability <= round(1 - assurance, 12) else "review"


def _because(
    lot: Lot, limit: Limit, estimate: Estimate, probability: float, assurance: float
) -> str:
    verdict = _decide(probability, assurance)
    if verdict == "pass":
        return f"met with probability {_percent(probability)}"
    if verdict == "fail":
        return f"missed with probability {_percent(1 - probability)}"
    so_far = f"met with probability {_percent(probability)} only, {assurance:.0%} needed"
    return f"{so_far}; {_advice(lot, limit, estimate, assurance)}"


def _advice(lot: Lot, limit: Limit, estimate: Estimate, assurance: float) -> str:
    if limit.estimate == "islet_count":
        return "look whether the counted objects are islets"
    own = {n: r for n, r in estimate.rsd_parts.items() if n in plan.OWN_PARTS}
    common = {n: r for n, r in estimate.rsd_parts.items() if n not in plan.OWN_PARTS}
    if not own:
        return "more aliquots do not change it"
    further = plan.further_aliquots(
        estimate.value or 0.0,
        limit.limit,
        rsd_parts=estimate.rsd_parts,
        aliquots=len(aliquots(lot)),
        assurance=assurance,
    )
    if further is not None:
        more = "1 further aliquot" if further == 1 else f"{further} further aliquots"
        return f"{more} would decide it if the estimate stays"
    shared = plan.expected_rsd(common, 1, 0)
    return (
        f"not even {plan.MOST} further aliquots would decide it: the errors that all aliquots "
        f"share are {shared:.1%}, too much so near the limit"
    )


def _seen(lot: Lot, limit: Limit) -> float:
    """Probability that the number of islets among the counted objects meets the limit."""
    sure = [i.probability for p in sample_pictures(lot) for i in p.counted]
    # Numbers beyond the limit need not be told apart: the last entry holds them all.
    chances = _sum_of_coins(sure, most=max(math.floor(limit.limit) + 1, 1))
    met = meets(np.arange(len(chances), dtype=float), limit.relation, limit.limit)
    return min(float(chances[met].sum()), 1.0)


def _sum_of_coins(chances: Sequence[float], most: int) -> NDArray[np.float64]:
    """Distribution of the number of successes in trials of unlike chances, up to ``most``."""
    number = np.zeros(most + 1)
    number[0] = 1
    for p in chances:
        moved = p * number
        number -= moved
        number[1:] += moved[:-1]
        number[-1] += moved[-1]
    return number


def _percent(probability: float) -> str:
    """Write a probability without rounding it to certainty."""
    if probability > 0.999:
        return "over 99.9 %"
    return f"{100 * probability:.1f} %" if probability >= 0.001 else "under 0.1 %"
