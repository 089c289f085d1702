"""Numbers -> inline SVG: interval against limit, histogram of sizes, cumulative IEQ.

Written by hand: a figure is a few hundred bytes, the same numbers give the same bytes, and type and
colours come from the page's style sheet (classes ``c-...``). Every figure has a title that says in
words what it shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from isletqc.records import Criterion, Islet
from isletqc.report import figures, svg, texts
from isletqc.report.figures import interval, limit, number, percent

CLASS_UM = 50
_MOST_CLASSES, _FEWEST_CLASSES = 10, 7
_BAR_WIDTH, _BAR_HEIGHT = 240, 50
_LETTER = 7.8  # width of a usual letter of a tick, rather too wide
_WIDTH, _HEIGHT = 480, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 12, 26, 42


@dataclass(frozen=True, slots=True)
class SizeClass:
    """One 50-um class: its limits (``high_um`` None: open), islets and share of the IEQ."""

    low_um: float
    high_um: float | None
    count: float
    ieq_share: float


def limit_bar(criterion: Criterion, name: str) -> Markup:
    """Draw one limit: tinted side where it is met, line at the limit, interval, value."""
    low, high = _ends(criterion)
    place = svg.scale(low, high, 8, _BAR_WIDTH - 8)
    at = place(criterion.limit)
    left, right = (at, float(_BAR_WIDTH)) if criterion.relation in {">=", ">"} else (0.0, at)
    parts = [
        svg.rect("c-track", 0, 7, _BAR_WIDTH, 20),
        svg.rect("c-met", left, 7, right - left, 20),
    ]
    ends = _interval_ends(criterion, place)
    if ends is not None:
        parts.append(svg.rect("c-interval", ends[0], 14, max(ends[1] - ends[0], 1), 6))
    parts.append(svg.line("c-limit", at, 1, at, 33))
    half = _LETTER * len(words := limit(criterion)) / 2
    middle = min(max(at, half), _BAR_WIDTH - half)
    parts.append(svg.text("c-tick", middle, _BAR_HEIGHT - 4, words))
    value = criterion.estimate.value
    if value is not None:
        parts.append(f'<circle class="c-value" cx="{svg.place(place(value))}" cy="17" r="5.5"/>')
    return svg.figure("bar", _BAR_WIDTH, _BAR_HEIGHT, _bar_words(criterion, name), parts)


def size_classes(islets: Sequence[Islet], min_diameter_um: float) -> tuple[SizeClass, ...]:
    """Put the islets that count into half-open 50-um classes; only a crowd opens the last one."""
    sizes = _sizes(islets)
    first = CLASS_UM * math.floor(min_diameter_um / CLASS_UM)
    place = ((sizes.diameters_um - first) // CLASS_UM).astype(np.intp)
    needed = int(place.max(initial=0)) + 1
    n = min(max(needed, _FEWEST_CLASSES), _MOST_CLASSES)
    place = np.clip(place, 0, n - 1)
    counts = np.bincount(place, sizes.weights, minlength=n)
    ieq = np.bincount(place, sizes.ieq, minlength=n).astype(np.float64)
    lows = [first + k * CLASS_UM for k in range(n)]
    highs = [*lows[1:], None if needed > n else lows[-1] + CLASS_UM]
    return tuple(
        SizeClass(low, high, float(count), float(share))
        for low, high, count, share in zip(lows, highs, counts, _shares(ieq), strict=True)
    )


def histogram(classes: Sequence[SizeClass]) -> Markup:
    """Draw number of islets and share of IEQ by diameter, side by side in each class."""
    step = (_WIDTH - _LEFT - _RIGHT) / len(classes)
    total = sum(c.count for c in classes) or 1
    highest = max([0.05, *(c.count / total for c in classes), *(c.ieq_share for c in classes)])
    up = svg.scale(0, highest, _HEIGHT - _BOTTOM, _TOP)
    parts = [svg.line("c-axis", _LEFT, up(0), _WIDTH - _RIGHT, up(0))]
    for k, c in enumerate(classes):
        x = _LEFT + k * step
        count, share = up(c.count / total), up(c.ieq_share)
        parts += _column("c-count", x + step * 0.29, step * 0.4, count, _whole(c.count))
        parts += _column("c-ieq", x + step * 0.71, step * 0.4, share, _share(c.ieq_share))
        parts.append(svg.text("c-tick", x, up(0) + 16, f"{c.low_um:g}"))
    end = classes[-1].high_um
    last = texts.HISTOGRAM_OPEN if end is None else f"{end:g}"
    parts.append(svg.text("c-tick c-end", _WIDTH - _RIGHT, up(0) + 16, last))
    parts.append(
        svg.text("c-name", (_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, texts.DIAMETER_AXIS)
    )
    return svg.figure("chart", _WIDTH, _HEIGHT, _histogram_words(classes), parts)


def cumulative_ieq(islets: Sequence[Islet], min_diameter_um: float) -> Markup:
    """Draw the share of the IEQ that lies in islets up to each diameter."""
    sizes = _sizes(islets)
    diameters = sizes.diameters_um
    shares = np.cumsum(_shares(sizes.ieq))
    half_um = float(diameters[min(int(np.searchsorted(shares, 0.5)), len(diameters) - 1)])
    low = CLASS_UM * math.floor(min_diameter_um / CLASS_UM)
    high = CLASS_UM * (math.floor(float(diameters[-1]) / CLASS_UM) + 1)
    across = svg.scale(low, high, _LEFT, _WIDTH - _RIGHT)
    up = svg.scale(0, 1, _HEIGHT - _BOTTOM, _TOP)
    parts = [*_curve_axes(low, high, across, up)]
    steps = _steps(across, up, diameters, shares)
    parts.append(f'<path class="c-curve" d="{steps}"/>')
    parts.append(svg.line("c-half", _LEFT, up(0.5), across(half_um), up(0.5)))
    parts.append(svg.line("c-half", across(half_um), up(0.5), across(half_um), up(0)))
    words = texts.CURVE_HALF.format(half=number(half_um))
    parts.append(_half_label(across(half_um), up(0.5), words))
    title = texts.CURVE_ALT.format(half=number(half_um))
    return svg.figure("chart", _WIDTH, _HEIGHT, title, parts)


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Islets that count, by rising diameter; ``ieq`` has the border weights in it."""

    diameters_um: NDArray[np.float64]
    weights: NDArray[np.float64]
    ieq: NDArray[np.float64]


def _sizes(islets: Sequence[Islet]) -> _Sizes:
    rows = sorted((i.diameter_um, i.weight, i.weight * i.ieq) for i in islets if i.included)
    columns = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    return _Sizes(columns[0], columns[1], columns[2])


def _shares(ieq: NDArray[np.float64]) -> NDArray[np.float64]:
    total = float(ieq.sum())
    return ieq / total if total > 0 else ieq


def _curve_axes(low: float, high: float, across: svg.Scale, up: svg.Scale) -> Iterable[str]:
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        yield svg.line(
            "c-axis" if share == 0 else "c-grid", _LEFT, up(share), across(high), up(share)
        )
        yield svg.text("c-tick c-end", _LEFT - 6, up(share) + 4, f"{100 * share:g}")
    # At most ten ticks, however large the largest islet.
    step = CLASS_UM * max(1, math.ceil((high - low) / CLASS_UM / 10))
    for diameter in np.arange(low, high + 1, step):
        yield svg.text("c-tick", across(diameter), up(0) + 16, f"{diameter:g}")
    yield svg.text("c-name", (_LEFT + across(high)) / 2, _HEIGHT - 6, texts.DIAMETER_AXIS)


def _steps(
    across: svg.Scale, up: svg.Scale, diameters: NDArray[np.float64], shares: NDArray[np.float64]
) -> str:
    """Path of the curve with one step a drawing unit, so thousands of islets stay a few kB."""
    x = np.round([across(d) for d in diameters], 0)
    last = np.flatnonzero(np.diff(x, append=np.inf) > 0)
    path = [f"M{svg.place(float(_LEFT))} {svg.place(up(0))}"]
    path += [f"H{svg.place(x[k])}V{svg.place(up(float(shares[k])))}" for k in last]
    return "".join(path) + f"H{_WIDTH - _RIGHT}"


def _half_label(x: float, y: float, words: str) -> str:
    # A rising curve leaves room above its left and below its right.
    if x - _LEFT > _LETTER * len(words) + 12:
        return svg.text("c-note c-end", x - 8, y - 6, words)
    return svg.text("c-note c-start", x + 8, y + 18, words)


def _ends(criterion: Criterion) -> tuple[float, float]:
    """Find the ends of a limit's bar: interval, value and limit with room around them."""
    estimate = criterion.estimate
    candidates = (estimate.value, estimate.ci_low, estimate.ci_high, criterion.limit)
    known = [v for v in candidates if v is not None and math.isfinite(v)]
    low, high = min(known), max(known)
    room = 0.15 * (high - low) or abs(high) * 0.5 or 1.0
    return (max(low - room, 0.0) if low >= 0 else low - room), high + room


def _interval_ends(criterion: Criterion, place: svg.Scale) -> tuple[float, float] | None:
    """Drawing positions of the interval; an open end reaches the edge."""
    ends = (criterion.estimate.ci_low, criterion.estimate.ci_high)
    if all(end is None or not math.isfinite(end) for end in ends):
        return None
    left, right = (None if e is None or not math.isfinite(e) else place(e) for e in ends)
    return 0.0 if left is None else left, float(_BAR_WIDTH) if right is None else right


def _bar_words(criterion: Criterion, name: str) -> str:
    estimate = criterion.estimate
    if estimate.value is None:
        return texts.BAR_ALT_NOTHING.format(name=name, limit=limit(criterion))
    value = figures.value(estimate, unlike=criterion.limit)
    between = interval(estimate, unlike=criterion.limit) or texts.NO_INTERVAL
    return texts.BAR_ALT.format(name=name, value=value, interval=between, limit=limit(criterion))


def _histogram_words(classes: Sequence[SizeClass]) -> str:
    words = [
        (texts.HISTOGRAM_LAST if c.high_um is None else texts.HISTOGRAM_CLASS).format(
            low=f"{c.low_um:g}",
            high=f"{c.high_um or 0:g}",
            count=_whole(c.count),
            ieq=percent(c.ieq_share),
        )
        for c in classes
        if c.count
    ]
    return texts.HISTOGRAM_ALT.format(classes="; ".join(words))


def _column(style: str, x: float, width: float, top: float, words: str) -> Iterable[str]:
    bottom = float(_HEIGHT - _BOTTOM)
    if bottom - top > 0:
        yield svg.rect(style, x - width / 2, top, width, bottom - top)
        yield svg.text(f"{style}-n", x, top - 4, words)


def _whole(count: float) -> str:
    return f"{count:,.0f}"


def _share(share: float) -> str:
    return "<1" if 0 < share < 0.005 else f"{100 * share:.0f}"
