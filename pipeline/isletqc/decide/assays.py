"""Limits on assays that people type in: endotoxin, sterility, stimulation index.

Nothing is computed. A figure stands as it was entered, with who entered it; it has no interval and
no probability, as nobody stated its uncertainty. A bound (``< 0.05``) meets a limit only where the
whole side that it leaves open meets it. What was not entered cannot be judged and never passes.
"""

from __future__ import annotations

from collections.abc import Sequence

from isletqc.decide import spread
from isletqc.protocol import Limit
from isletqc.records import Assay, Criterion, CriterionVerdict, Estimate, Lot

PREFIX = "entered_"


def estimates(assays: Sequence[Assay]) -> dict[str, Estimate]:
    """Show each assay as it was entered, under ``entered_<name>``."""
    return {f"{PREFIX}{a.name}": _shown(a) for a in assays}


def judge(lot: Lot, limit: Limit) -> Criterion:
    """Hold a limit that says ``entered`` against the lot's assay of that name."""
    assay = next((a for a in lot.assays if a.name == limit.estimate), None)
    verdict, reason = _judged(assay, limit, lot.assays)
    missing = Estimate(f"{PREFIX}{limit.estimate}", None, limit.unit, reason=reason)
    return Criterion(
        name=limit.name,
        estimate=missing if assay is None else _shown(assay),
        relation=limit.relation,
        limit=limit.limit,
        probability=None,
        verdict=verdict,
        reason=reason,
        source=limit.source,
        supportive=limit.supportive,
    )


def _shown(assay: Assay) -> Estimate:
    name = f"{PREFIX}{assay.name}"
    if assay.value is None:
        return Estimate(name, None, assay.unit, reason="not determined: result not entered yet")
    # A bound is an interval that is open on one side.
    low = {"<": 0.0, ">": assay.value}.get(assay.bound)
    high = assay.value if assay.bound == "<" else None
    return Estimate(name, assay.value, assay.unit, low, high, reason=_by_whom(assay))


def _by_whom(assay: Assay) -> str:
    day = f" on {assay.date}" if assay.date else ""
    notes = f" ({assay.notes})" if assay.notes else ""
    return f"entered by {assay.entered_by}{day}: {assay.bound}{assay.value:g} {assay.unit}{notes}"


def _judged(
    assay: Assay | None, limit: Limit, known: Sequence[Assay]
) -> tuple[CriterionVerdict, str]:
    if assay is None:
        others = ", ".join(a.name for a in known) or "none"
        return "review", (
            f"could not be judged: no {limit.estimate} entered for this lot (entered: {others})"
        )
    if assay.value is None:
        return "review", f"could not be judged: the result of {limit.estimate} is awaited"
    if assay.unit != limit.unit:
        return "review", (
            f"could not be judged: entered in {assay.unit}, the limit is in {limit.unit}; correct "
            "the table of assays"
        )
    met = bool(spread.meets(spread.exactly(assay.value), limit.relation, limit.limit)[0])
    if not assay.bound:
        return ("pass" if met else "fail"), f"{'met' if met else 'missed'}; {_by_whom(assay)}"
    return _bounded(assay, limit)


def _bounded(assay: Assay, limit: Limit) -> tuple[CriterionVerdict, str]:
    """Judge ``< x`` or ``> x``: sure only where the bound and the limit look the same way."""
    value, below = assay.value or 0.0, assay.bound == "<"
    from_above = limit.relation in spread.FROM_ABOVE
    all_meet = below == from_above and (value <= limit.limit if below else value >= limit.limit)
    none_meets = below != from_above and (value <= limit.limit if below else value >= limit.limit)
    if all_meet:
        return "pass", f"met; {_by_whom(assay)}"
    if none_meets:
        return "fail", f"missed; {_by_whom(assay)}"
    return "review", f"could not be judged: the bound leaves it open; {_by_whom(assay)}"
