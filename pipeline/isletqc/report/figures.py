"""Numbers -> words: how the report writes figures, intervals and limits for people.

Files for programs carry the numbers themselves; only text for people is rounded here. Rounding
never contradicts a verdict: a value on one side of a limit is not shown as equal to it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from isletqc.protocol import Markers
from isletqc.records import Criterion, Estimate
from isletqc.report import texts

RELATIONS = {">=": "≥", "<=": "≤", ">": ">", "<": "<"}
PERCENT = "\u202f%"
_MAX_DECIMALS = 6


def number(value: float, *, unlike: float | None = None, beside: Iterable[float] = ()) -> str:
    """Write three significant digits with thousands apart; more where it would equal ``unlike``.

    Numbers that stand ``beside`` it get as many decimals as it, by the largest of them.

    Examples
    --------
    >>> number(5213.4), number(0.8312), number(4999.97, unlike=5000), number(5.2, beside=[13.1])
    ('5,213', '0.831', '4,999.97', '5.2')
    """
    together = [abs(value), *(abs(v) for v in beside)]
    decimals = _decimals(max(together))
    if unlike is not None and value != unlike:
        while round(value, decimals) == round(unlike, decimals) and decimals < _MAX_DECIMALS:
            decimals += 1
    # Whole numbers such as limits and counts stay whole when they stand alone.
    whole = value == int(value) and len(together) == 1
    return f"{value:,.{0 if whole else decimals}f}"


def percent(fraction: float, *, unlike: float | None = None) -> str:
    """Write a fraction as a percentage, e.g. ``63.1 %``."""
    other = None if unlike is None else 100 * unlike
    return number(100 * fraction, unlike=other) + PERCENT


def probability(chance: float | None, *, assurance: float) -> str:
    """Write a probability as a percentage that never claims certainty; empty for None."""
    if chance is None:
        return ""
    if chance > 0.9995:
        return f"> 99.9{PERCENT}"
    if chance < 0.0005:
        return f"< 0.1{PERCENT}"
    nearest = assurance if chance > 0.5 else 1 - assurance
    return percent(chance, unlike=nearest)


def value(estimate: Estimate, *, unlike: float | None = None) -> str:
    """Write the value without its unit, except for ``%``; words for 'not determined'."""
    if estimate.value is None:
        return texts.NOT_DETERMINED
    whole = estimate.value == int(estimate.value)
    return _amount(estimate.value, estimate, unlike, alone=whole) + _sign(estimate)


def interval(estimate: Estimate, *, unlike: float | None = None) -> str:
    """Write the interval in words, as precisely as the value; empty where there is none."""
    low, high = (
        None if bound is None or not math.isfinite(bound) else _amount(bound, estimate, unlike)
        for bound in (estimate.ci_low, estimate.ci_high)
    )
    sign = _sign(estimate)
    if low and high:
        return texts.INTERVAL_FROM_TO.format(low=low, high=high + sign)
    if low:
        return texts.INTERVAL_FROM.format(low=low + sign)
    return texts.INTERVAL_TO.format(high=high + sign) if high else ""


def limit(criterion: Criterion) -> str:
    """Write the limit with relation and unit, e.g. ``≥ 5,000 IEQ/kg``."""
    estimate = criterion.estimate
    words = number(_factor(estimate) * criterion.limit) + _sign(estimate)
    return f"{RELATIONS[criterion.relation]} {words} {unit(estimate)}".strip()


def sentence(criterion: Criterion, markers: Markers | None = None) -> str:
    """Write value, interval and limit in one line of plain text; markers as of `estimate_name`."""
    estimate = criterion.estimate
    measured = f"{value(estimate, unlike=criterion.limit)} {unit(estimate)}".strip()
    between = interval(estimate, unlike=criterion.limit)
    if estimate.value is None:
        measured = texts.NOT_DETERMINED
    elif between:
        measured = f"{measured} ({between})"
    return f"{estimate_name(estimate.name, markers)}: {measured}; limit {limit(criterion)}"


def unit(estimate: Estimate) -> str:
    """Give the unit that stands beside a value; empty for pure numbers and percentages."""
    if estimate.unit in {"", "1"} or _is_percentage(estimate):
        return ""
    return texts.UNIT_NAMES.get(estimate.unit, estimate.unit)


def estimate_name(name: str, markers: Markers | None = None) -> str:
    """Words for an estimate; a name that is not in the texts is made readable.

    With the protocol's ``markers`` their own names stand in the words.
    """
    words = texts.ESTIMATE_NAMES.get(name) or _marker_words(name, markers)
    return words or " ".join(texts.UNIT_NAMES.get(word, word) for word in spaced(name).split())


def limit_name(name: str, estimate: str, markers: Markers | None = None) -> str:
    """Words for a limit: its own, or those of its estimate where it is called like it."""
    if name.replace("-", "_") == estimate:
        return estimate_name(estimate, markers)
    return spaced(name)


def _marker_words(name: str, markers: Markers | None) -> str:
    if markers is None:
        return ""
    titles = {marker.name: marker.title or marker.name for marker in markers.positive}
    for marker, title in titles.items():
        if name == f"positive_{marker}":
            return texts.POSITIVE_FOR.format(marker=title)
    for together in markers.coexpression:
        if name == f"coexpression_{'_'.join(together)}":
            return texts.COEXPRESSING.format(markers=" + ".join(titles[m] for m in together))
    return ""


def spaced(name: str) -> str:
    """Write ``dose-first-infusion`` as ``Dose first infusion``."""
    words = name.replace("-", " ").replace("_", " ")
    return words[:1].upper() + words[1:]


def counted(n: int, one: str, many: str) -> str:
    """Fill the number into ``one`` or ``many``."""
    return (one if n == 1 else many).format(n=f"{n:,}")


def _amount(value: float, estimate: Estimate, unlike: float | None, *, alone: bool = False) -> str:
    factor = _factor(estimate)
    together = (estimate.value, estimate.ci_low, estimate.ci_high)
    companions = [factor * v for v in together if v is not None and math.isfinite(v)]
    return number(
        factor * value,
        unlike=None if unlike is None else factor * unlike,
        beside=() if alone else companions,
    )


def _is_percentage(estimate: Estimate) -> bool:
    words = estimate.name.split("_")
    return estimate.unit == "1" and not texts.PERCENT_NAMES.isdisjoint(words)


def _factor(estimate: Estimate) -> float:
    return 100.0 if _is_percentage(estimate) else 1.0


def _sign(estimate: Estimate) -> str:
    return PERCENT if _is_percentage(estimate) else ""


def _decimals(value: float) -> int:
    if value == 0 or abs(value) >= 100:
        return 0
    # 12.3, 1.23, 0.123, 0.0123: three significant digits.
    return min(_MAX_DECIMALS, 2 - math.floor(math.log10(abs(value))))
