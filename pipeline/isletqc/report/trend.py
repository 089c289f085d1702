"""A figure of many lots -> its control charts as data: limits, and which rules fire where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isletqc.decide import control_chart
from isletqc.decide.control_chart import Baseline, Individuals, Signal
from isletqc.records import Estimate
from isletqc.report import figures
from isletqc.report import texts_charts as texts

ENOUGH = 20


@dataclass(frozen=True, slots=True)
class Point:
    """One value: of which lot, from when (ISO 8601; empty where not known), from which file."""

    label: str
    value: float
    time: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Trend:
    """A figure over lots, by time, with its limits and the signals at each value.

    ``skipped`` names results that have no such figure, with the reason.
    """

    figure: str
    unit: str
    points: tuple[Point, ...]
    baseline: Baseline
    limits: Individuals
    signals: tuple[Signal, ...]
    skipped: tuple[str, ...] = ()

    @property
    def values(self) -> tuple[float, ...]:
        """All values, by time."""
        return tuple(point.value for point in self.points)

    def at(self, index: int) -> tuple[Signal, ...]:
        """Signals at one value."""
        return tuple(signal for signal in self.signals if signal.index == index)


def trend(
    figure: str,
    unit: str,
    points: Sequence[Point],
    *,
    given: Baseline | None = None,
    count: int | None = None,
    skipped: Sequence[str] = (),
) -> Trend:
    """Work out limits and signals.

    Parameters
    ----------
    figure, unit : what the values are
    points : at least two, in the order of time
    given : mean and SD to hold the values against; None establishes them
    count : the first so many values establish mean, SD and limits; None takes the first 20

    Raises
    ------
    ValueError
        There are fewer than two values.
    """
    values = [point.value for point in points]
    first = ENOUGH if count is None else count
    baseline = given or control_chart.establish(values, first)
    limits = control_chart.individuals(values, first)
    signals = (*control_chart.westgard(values, baseline), *control_chart.beyond(values, limits))
    return Trend(
        figure=figure,
        unit=unit,
        points=tuple(points),
        baseline=baseline,
        limits=limits,
        signals=tuple(sorted(signals, key=lambda signal: signal.index)),
        skipped=tuple(skipped),
    )


def answer(found: Trend) -> str:
    """Say what the charts say about the last value, and how many earlier ones break a rule."""
    last = len(found.points) - 1
    broken = [s for s in found.at(last) if not s.warning]
    earlier = len({s.index for s in found.signals if s.index < last and not s.warning})
    if broken:
        words = texts.ANSWER_REJECT.format(rules=rule_names(broken))
    elif found.at(last):
        words = texts.ANSWER_WARNING.format(rules=rule_names(found.at(last)))
    else:
        words = texts.ANSWER_CLEAR if found.baseline.sd else texts.ANSWER_FLAT
    more = figures.counted(earlier, texts.EARLIER_ONE, texts.EARLIER_MANY) if earlier else ""
    return f"{words} {more}".strip()


def baseline_words(found: Trend) -> str:
    """Say where mean and SD come from, and whether they can be relied on."""
    baseline = found.baseline
    mean, sd = shown(found, baseline.mean), shown(found, baseline.sd)
    if not baseline.count:
        return texts.BASELINE_GIVEN.format(mean=mean, sd=sd)
    words = texts.BASELINE_ESTABLISHED.format(mean=mean, sd=sd, n=baseline.count)
    if not baseline.sd:
        return f"{words} {texts.BASELINE_FLAT}"
    return f"{words} {texts.BASELINE_FEW}" if baseline.count < ENOUGH else words


def rule_names(signals: Sequence[Signal]) -> str:
    """Name the rules of some signals, each once."""
    return ", ".join(dict.fromkeys(texts.RULE_NAMES[signal.rule] for signal in signals))


def shown(found: Trend, value: float) -> str:
    """Write a value of the figure for people, with % or its unit."""
    estimate = Estimate(found.figure, value, found.unit)
    return f"{figures.value(estimate)} {figures.unit(estimate)}".strip()
