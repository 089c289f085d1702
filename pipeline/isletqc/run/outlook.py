"""``isletqc plan``: from the results of a finished run to the aliquots that would clear them up.

For every limit that is in review: the chance of each verdict after 1, 2, 4 and 8 further aliquots
(``decide.plan``), or the reason why aliquots do not help.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypedDict

from isletqc.decide import plan

FURTHER = (1, 2, 4, 8)
CLEAR = 0.8
# What the pictures show is no figure of the lot: more pictures only add to it.
_SEEN = frozenset({"islet_count", "ieq_counted"})


@dataclass(frozen=True, slots=True)
class Open:
    """A limit in review; ``why`` says why further aliquots do not help, else it is empty.

    ``needed`` aliquots make the verdict clear with a chance of 80 % (None: not even 50 do);
    ``islets_each`` is the mean number of islets counted in an aliquot so far.
    """

    lot: str
    limit: str
    estimate: str
    value: float | None
    unit: str
    required: str
    probability: float | None
    aliquots: int
    islets_each: float | None
    needed: int | None
    outlooks: tuple[plan.Outlook, ...]
    why: str


def plans(document: Mapping[str, Any], further: Sequence[int] = FURTHER) -> tuple[Open, ...]:
    """List every limit in review with what further aliquots would do for it.

    Parameters
    ----------
    document : ``results.json`` of a finished run
    further : numbers of further aliquots to look at
    """
    assurance = document["protocol"]["assurance"]
    return tuple(
        _open(lot, criterion, assurance, further)
        for lot in document["lots"]
        for criterion in lot["criteria"]
        if criterion["verdict"] == "review" and not criterion["supportive"]
    )


def flags(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Say which lots are held back by flags, which no aliquot lifts."""
    return tuple(
        f"lot {lot['lot']}: flag {flag['name']}: {flag['message']}"
        for lot in document["lots"]
        if lot["verdict"] == "review"
        for flag in lot["flags"]
    )


def as_data(found: Sequence[Open], notes: Sequence[str]) -> dict[str, Any]:
    """Give plans as plain data for ``--json``."""
    return {"limits": [asdict(limit) for limit in found], "flags": list(notes), "clear_at": CLEAR}


def lines(found: Sequence[Open], notes: Sequence[str]) -> Iterator[str]:
    """Write plans for a terminal."""
    if not found:
        yield "no limit is in review"
    for limit in found:
        yield f"lot {limit.lot}: {limit.limit}: {limit.estimate} {limit.required}"
        if limit.why:
            yield f"  {limit.why}"
            continue
        yield (
            f"  now {_amount(limit.value, limit.unit)} from {_counted(limit.aliquots, 'aliquot')}; "
            f"met with probability {limit.probability:.1%}"
        )
        yield "  further aliquots   islets     pass     fail   still review"
        for seen in limit.outlooks:
            islets = "" if limit.islets_each is None else f"{seen.further * limit.islets_each:.0f}"
            yield (
                f"  {seen.further:>16} {islets:>8} {seen.passes:>8.0%} {seen.fails:>8.0%} "
                f"{seen.review:>14.0%}"
            )
        yield f"  {_needed(limit.needed)}"
    yield from (f"{note} (further aliquots do not lift it)" for note in notes)


def _open(
    lot: Mapping[str, Any], criterion: Mapping[str, Any], assurance: float, further: Sequence[int]
) -> Open:
    estimate = lot["estimates"].get(criterion["estimate"], {"rsd_parts": {}})
    parts = {name: rsd or 0.0 for name, rsd in estimate["rsd_parts"].items()}
    done = _aliquots(lot)
    why = _why_not(criterion, parts, done)
    counted = lot["estimates"]["islet_count"]["value"]
    chance = criterion["probability"]
    outlooks: tuple[plan.Outlook, ...] = ()
    needed = None
    if not why:
        outlooks = tuple(
            plan.outlook(chance, further=k, **_present(criterion, parts, done, assurance))
            for k in further
        )
        needed = plan.aliquots_for(CLEAR, chance, **_present(criterion, parts, done, assurance))
    return Open(
        lot=lot["lot"],
        limit=criterion["name"],
        estimate=criterion["estimate"],
        value=criterion["value"],
        unit=criterion["unit"],
        required=f"{criterion['relation']} {criterion['limit']:.10g} {criterion['unit']}",
        probability=chance,
        aliquots=done,
        islets_each=counted / done if counted is not None and done else None,
        needed=needed,
        outlooks=outlooks,
        why=why,
    )


class _Present(TypedDict):
    rsd_parts: Mapping[str, float]
    aliquots: int
    assurance: float
    log_ratio: float | None


def _present(
    criterion: Mapping[str, Any], parts: Mapping[str, float], aliquots: int, assurance: float
) -> _Present:
    value, limit = criterion["value"], criterion["limit"]
    ratio = math.log(value / limit) if value > 0 and limit > 0 else None
    if ratio is not None and criterion["relation"] in {"<=", "<"}:
        ratio = -ratio
    return _Present(rsd_parts=parts, aliquots=aliquots, assurance=assurance, log_ratio=ratio)


def _aliquots(lot: Mapping[str, Any]) -> int:
    """Count the specimens with sample pictures and without a failed one."""
    seen = {image["specimen"] for image in lot["images"] if image["role"] == "sample"}
    return sum(s["specimen"] in seen and not s["failure_count"] for s in lot["specimens"])


def _why_not(criterion: Mapping[str, Any], parts: Mapping[str, float], aliquots: int) -> str:
    if criterion["probability"] is None:
        return f"further aliquots do not decide it: {criterion['reason']}"
    if criterion["estimate"] in _SEEN:
        return "further aliquots do not decide it: it is about the objects in these pictures"
    if not aliquots or not set(parts) & plan.OWN_PARTS:
        return "further aliquots do not decide it: its error does not come from sampling"
    return ""


def _needed(needed: int | None) -> str:
    if needed is None:
        return (
            f"not even {plan.MOST} further aliquots give {CLEAR:.0%} chance of a clear verdict: "
            "the value is too near the limit for the errors that all aliquots share"
        )
    return f"{_counted(needed, 'further aliquot')}: {CLEAR:.0%} chance of a clear verdict"


def _amount(value: float | None, unit: str) -> str:
    """Write a figure to four digits, thousands apart; a share, of unit 1, as it is."""
    digits = "-" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return digits if unit == "1" else f"{digits} {unit}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
