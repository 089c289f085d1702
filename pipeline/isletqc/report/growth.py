"""Sizes by day -> inline SVG: quartiles, median, mean with its interval, and the line of growth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from isletqc.records import DayFigures, Estimate, Verdict
from isletqc.report import figures, svg, texts

SLOPE = "diameter_slope_um_per_day"
_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 16, 16, 60
_BOX, _CAP = 30, 10
_MOST_TICKS = 9


def growth(verdict: Verdict, marks_um: Sequence[float] = ()) -> Markup:
    """Draw the diameters of a culture against its days; empty where there are no two days.

    Parameters
    ----------
    verdict : its ``days``, and the estimate of the slope
    marks_um : diameters to be marked by a line where the axis reaches them
    """
    seen = [day for day in verdict.days if day.diameter_mean.value is not None]
    if len(seen) < 2:
        return Markup()
    low, high = _range(seen)
    up = svg.scale(low, high, _HEIGHT - _BOTTOM, _TOP)
    first, last = seen[0].day, seen[-1].day
    room = 0.12 * (last - first)
    across = svg.scale(first - room, last + room, _LEFT, _WIDTH - _RIGHT)
    parts = [*_axes(low, high, up), *_marks(marks_um, low, high, up)]
    parts += _line(seen, verdict.estimates.get(SLOPE), across, up)
    for day in seen:
        parts += _day(day, across(day.day), up)
    parts.append(svg.text("c-name", (_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, texts.DAY_AXIS))
    return svg.figure("chart growth", _WIDTH, _HEIGHT, _words(verdict, seen), parts)


def _range(days: Sequence[DayFigures]) -> tuple[float, float]:
    """Give the ends of the diameter axis in whole steps around all that is drawn."""
    known = [v for day in days for v in (*_ends(day.diameter_mean), *(day.quartiles_um or ()))]
    step = _step(max(known) - min(known))
    low, high = step * math.floor(min(known) / step), step * math.ceil(max(known) / step)
    return max(low, 0.0), high if high > low else low + step


def _ends(estimate: Estimate) -> list[float]:
    return [v for v in (estimate.value, estimate.ci_low, estimate.ci_high) if v is not None]


def _step(room: float) -> float:
    """Give the smallest round step that needs no more ticks than fit."""
    steps = (5, 10, 20, 25, 50, 100, 200, 500, 1000)
    return float(next((s for s in steps if room / s <= _MOST_TICKS - 2), 2000))


def _axes(low: float, high: float, up: svg.Scale) -> Iterator[str]:
    step = _step(high - low)
    for k in range(round((high - low) / step) + 1):
        value = low + k * step
        yield svg.line("c-grid" if k else "c-axis", _LEFT, up(value), _WIDTH - _RIGHT, up(value))
        yield svg.text("c-tick c-end", _LEFT - 6, up(value) + 4, f"{value:g}")


def _marks(marks_um: Sequence[float], low: float, high: float, up: svg.Scale) -> Iterator[str]:
    for mark in marks_um:
        if low < mark < high:
            yield svg.line("c-half", _LEFT, up(mark), _WIDTH - _RIGHT, up(mark))


def _line(
    days: Sequence[DayFigures], slope: Estimate | None, across: svg.Scale, up: svg.Scale
) -> Iterator[str]:
    """Draw the line of growth through the middle of the days' means, weighted as it was fitted."""
    if slope is None or slope.value is None:
        return
    means = [(d.day, d.diameter_mean.value or 0.0, _weight(d.diameter_mean)) for d in days]
    whole = sum(w for _, _, w in means)
    middle = sum(x * w for x, _, w in means) / whole
    height = sum(y * w for _, y, w in means) / whole
    ends = (days[0].day, days[-1].day)
    y1, y2 = (up(height + slope.value * (x - middle)) for x in ends)
    yield svg.line("c-curve", across(ends[0]), y1, across(ends[1]), y2)


def _weight(mean: Estimate) -> float:
    error = mean.rsd_parts.get("sampling", 0.0) * (mean.value or 0.0)
    return 1 / max(error, 1e-3) ** 2


def _day(day: DayFigures, x: float, up: svg.Scale) -> Iterator[str]:
    if day.quartiles_um is not None:
        low, high = day.quartiles_um
        yield svg.rect("c-ieq", x - _BOX / 2, up(high), _BOX, max(up(low) - up(high), 1))
    median = day.diameter_median.value
    if median is not None:
        yield svg.line("c-median", x - _BOX / 2, up(median), x + _BOX / 2, up(median))
    mean = day.diameter_mean
    if mean.ci_low is not None and mean.ci_high is not None:
        yield svg.line("c-axis", x, up(mean.ci_low), x, up(mean.ci_high))
        for end in (mean.ci_low, mean.ci_high):
            yield svg.line("c-axis", x - _CAP / 2, up(end), x + _CAP / 2, up(end))
    if mean.value is not None:
        yield svg.dot("c-value", x, up(mean.value), 4)
    base = _HEIGHT - _BOTTOM
    yield svg.text("c-day", x, base + 18, f"{day.day:g}")
    yield svg.text("c-tick", x, base + 33, texts.DAY_COUNT.format(n=f"{day.islet_count:,}"))


def _words(verdict: Verdict, days: Sequence[DayFigures]) -> str:
    each = "; ".join(
        texts.DAY_ALT.format(
            day=f"{d.day:g}",
            mean=figures.value(d.diameter_mean),
            interval=figures.interval(d.diameter_mean) or texts.NO_INTERVAL,
        )
        for d in days
    )
    return texts.GROWTH_ALT.format(days=each)
