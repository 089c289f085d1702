"""A figure over lots -> Levey-Jennings and individuals charts: limits, and which rules fire where.

Levey-Jennings: each value as z = (value - mean) / SD, with mean and SD given or established from
the first values. The rules are Westgard's as tabulated in doi 10.1007/s10815-013-0107-x, table 1,
each for one value a lot; R_4s, which is meant within a run, compares neighbours.

Individuals chart (NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.2): the mean moving
range MR of neighbours gives limits at mean +- 3 MR / 1.128, which is 2.66 MR, and 3.267 MR for the
moving ranges.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

RuleName = Literal["1_2s", "1_3s", "2_2s", "R_4s", "4_1s", "10_x", "individuals", "moving range"]
WARNING: RuleName = "1_2s"
# Mean range of two standard normal values, and the factor of the upper limit of ranges of two.
D2, D4 = 1.128, 3.267
_SIGMAS = 3


@dataclass(frozen=True, slots=True)
class Baseline:
    """Mean and standard deviation that a chart is held against.

    ``count`` is the number of values they were established from; 0 where they were given.
    """

    mean: float
    sd: float
    count: int = 0


@dataclass(frozen=True, slots=True)
class Individuals:
    """Limits of an individuals and moving-range chart, from its first ``count`` values."""

    mean: float
    low: float
    high: float
    range_mean: float
    range_high: float
    ranges: tuple[float, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Signal:
    """A rule fires at value ``index`` (0 is the first); ``since`` is the first value it is about.

    ``warning`` is true for 1_2s, which calls for attention only.
    """

    rule: RuleName
    index: int
    since: int
    warning: bool = False


def establish(values: Sequence[float], count: int | None = None) -> Baseline:
    """Mean and SD (n - 1) of the first ``count`` values, of all where it is None.

    Raises
    ------
    ValueError
        There are fewer than two values.
    """
    first = _first(values, count)
    return Baseline(statistics.fmean(first), statistics.stdev(first), len(first))


def individuals(values: Sequence[float], count: int | None = None) -> Individuals:
    """Limits of the individuals chart from the first ``count`` values, from all where it is None.

    Raises
    ------
    ValueError
        There are fewer than two values.
    """
    first = _first(values, count)
    mean = statistics.fmean(first)
    range_mean = statistics.fmean(_ranges(first))
    reach = _SIGMAS * range_mean / D2
    return Individuals(
        mean=mean,
        low=mean - reach,
        high=mean + reach,
        range_mean=range_mean,
        range_high=D4 * range_mean,
        ranges=_ranges(values),
        count=len(first),
    )


def westgard(values: Sequence[float], baseline: Baseline) -> tuple[Signal, ...]:
    """Where Westgard's rules fire, by value; none where the SD is zero.

    A value fires 1_2s beyond 2 SD (a warning) and 1_3s beyond 3 SD; 2_2s when it and the one before
    are beyond the same 2 SD; R_4s when one of the two is above +2 SD, the other under -2 SD; 4_1s
    and 10_x when it ends four values beyond the same 1 SD, or ten on the same side of the mean.
    """
    if not baseline.sd > 0:
        return ()
    z = [(value - baseline.mean) / baseline.sd for value in values]
    return tuple(
        Signal(rule, index, index - needed + 1, rule == WARNING)
        for index in range(len(z))
        for rule, needed, broken in _RULES
        if index + 1 >= needed and broken(z[index + 1 - needed : index + 1])
    )


def beyond(values: Sequence[float], limits: Individuals) -> tuple[Signal, ...]:
    """Where values lie outside the individuals limits, or moving ranges above theirs."""
    outside = [
        Signal("individuals", k, k)
        for k, value in enumerate(values)
        if not limits.low <= value <= limits.high
    ]
    wide = [
        Signal("moving range", k, k - 1)
        for k, moved in enumerate(limits.ranges, start=1)
        if moved > limits.range_high
    ]
    return tuple(sorted([*outside, *wide], key=lambda signal: signal.index))


def _same_side(beyond_sd: float) -> Callable[[Sequence[float]], bool]:
    """All values lie further than so many SD from the mean, on one side."""
    return lambda z: all(v > beyond_sd for v in z) or all(v < -beyond_sd for v in z)


def _opposite(z: Sequence[float]) -> bool:
    return max(z) > 2 and min(z) < -2


_RULES: tuple[tuple[RuleName, int, Callable[[Sequence[float]], bool]], ...] = (
    ("1_2s", 1, _same_side(2)),
    ("1_3s", 1, _same_side(3)),
    ("2_2s", 2, _same_side(2)),
    ("R_4s", 2, _opposite),
    ("4_1s", 4, _same_side(1)),
    ("10_x", 10, _same_side(0)),
)


def _ranges(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(abs(b - a) for a, b in pairwise(values))


def _first(values: Sequence[float], count: int | None) -> Sequence[float]:
    first = values[:count]
    if len(first) < 2:
        raise ValueError(f"expected at least two values for a control chart, found {len(first)}")
    return first
