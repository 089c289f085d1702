"""Numbers -> words: how the report writes figures, intervals and limits for people.

Files for programs carry the numbers themselves; only text for people is rounded here. Rounding
never contradicts a verdict: a value on one side of a limit is not shown as equal to it.
"""

from __future__ import annotations

import math

from isletqc.records import Criterion, Estimate
from isletqc.report import texts

RELATIONS = {">=": "≥", "<=": "≤", ">": ">", "<": "<"}
_MAX_DECIMALS = 6
_THIN_SPACE = "\u202f"


def number(value: float, *, unlike: float | None = None) -> str:
    """Three to four significant digits with thousands apart; more where it equals ``unlike``.

    Examples
    --------
    >>> number(5213.4), number(0.8312), number(4999.97, unlike=5000)
    ('5,213', '0.831', '4,999.97')
    """
    decimals = _decimals(value)
    if unlike is not None and value != unlike:
        while round(value, decimals) == round(unlike, decimals) and decimals < _MAX_DECIMALS:
            decimals += 1
    return _fixed(value, decimals)


def percent(fraction: float, *, unlike: float | None = None) -> str:
    """Write a fraction as a percentage, e.g. ``63.1 %``."""
    other = None if unlike is None else 100 * unlike
    return f"{number(100 * fraction, unlike=other)}{_THIN_SPACE}%"


def probability(value: float | None, *, assurance: float) -> str:
    """Write a probability as a percentage that never claims certainty."""
    if value is None:
        return ""
    if value > 0.9995:
        return f"> 99.9{_THIN_SPACE}%"
    if value < 0.0005:
        return f"< 0.1{_THIN_SPACE}%"
    nearest = assurance if abs(value - assurance) < abs(value - 1 + assurance) else 1 - assurance
    return percent(value, unlike=nearest)


def is_percentage(name: str, unit: str) -> bool:
    """Whether people read the estimate of this name as a percentage."""
    return unit == "1" and not texts.PERCENT_NAMES.isdisjoint(name.split("_"))


def quantity(value: float | None, *, name: str, unit: str, unlike: float | None = None) -> str:
    """Write a value without its unit, except for ``%``; words for 'not determined' when None."""
    if value is None:
        return texts.NOT_DETERMINED
    if is_percentage(name, unit):
        return percent(value, unlike=unlike)
    return number(value, unlike=unlike)


def shown_unit(name: str, unit: str) -> str:
    """Give the unit that stands beside a value; empty for pure numbers and percentages."""
    return "" if unit in {"", "1"} or is_percentage(name, unit) else shown_as(unit)


def shown_as(unit: str) -> str:
    """Write a unit as people write it, e.g. ``µm`` for ``um``."""
    return texts.UNIT_NAMES.get(unit, unit)


def interval(estimate: Estimate, *, unlike: float | None = None) -> str:
    """Write the interval in words; empty where there is none."""
    low, high = (
        None
        if bound is None or not math.isfinite(bound)
        else quantity(bound, name=estimate.name, unit=estimate.unit, unlike=unlike)
        for bound in (estimate.ci_low, estimate.ci_high)
    )
    if low and high:
        return texts.INTERVAL_FROM_TO.format(low=low, high=high)
    if low:
        return texts.INTERVAL_FROM.format(low=low)
    return texts.INTERVAL_TO.format(high=high) if high else ""


def limit(criterion: Criterion) -> str:
    """Write the limit with relation and unit, e.g. ``≥ 5,000 IEQ/kg``."""
    name, unit = criterion.estimate.name, criterion.estimate.unit
    words = (
        RELATIONS[criterion.relation],
        quantity(criterion.limit, name=name, unit=unit),
        shown_unit(name, unit),
    )
    return " ".join(word for word in words if word)


def sentence(criterion: Criterion) -> str:
    """Value, interval and limit in one line of plain text."""
    estimate = criterion.estimate
    value = quantity(estimate.value, name=estimate.name, unit=estimate.unit, unlike=criterion.limit)
    words = f"{value} {shown_unit(estimate.name, estimate.unit)}".strip()
    between = interval(estimate, unlike=criterion.limit)
    measured = f"{words} ({between})" if between else words
    return f"{estimate_name(estimate.name)}: {measured}; limit {limit(criterion)}"


def estimate_name(name: str) -> str:
    """Words for an estimate; a name that is not in the texts is made readable."""
    words = texts.ESTIMATE_NAMES.get(name)
    return words or " ".join(shown_as(word) for word in spaced(name).split())


def spaced(name: str) -> str:
    """``dose-first-infusion`` -> ``Dose first infusion``."""
    words = name.replace("-", " ").replace("_", " ")
    return words[:1].upper() + words[1:]


def counted(n: int, one: str, many: str) -> str:
    """``one`` or ``many`` with the number filled in."""
    return (one if n == 1 else many).format(n=f"{n:,}")


def _decimals(value: float) -> int:
    if value == 0 or abs(value) >= 100:
        return 0
    # 12.3, 1.23, 0.123, 0.0123: three significant digits.
    return min(_MAX_DECIMALS, 2 - math.floor(math.log10(abs(value))))


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:,.{decimals}f}"
    # Whole numbers such as limits and counts stay whole.
    return f"{value:,.0f}" if value == int(value) and decimals <= 2 else text
