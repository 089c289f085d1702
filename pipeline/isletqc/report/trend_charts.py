"""A trend -> inline SVG: Levey-Jennings chart, individuals chart, moving ranges.

Drawn like the other charts of the report; ``standalone`` makes a file of its own of one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

from markupsafe import Markup

from isletqc.decide.control_chart import Signal
from isletqc.report import svg
from isletqc.report import texts_charts as texts
from isletqc.report.trend import Trend, rule_names, shown

_WIDTH, _HEIGHT, _LOW_HEIGHT = 900, 290, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 74, 24, 30
_MOST_TICKS, _MOST_NAMED, _MOST_DOTS = 10, 24, 400
_INDIVIDUAL = "individuals"
_RANGE = "moving range"
_TICK_LETTERS = 11
_LETTER_HEIGHT = 11
_NAME_ROOM = 50


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where things lie: values upwards, numbers of values across."""

    up: svg.Scale
    across: svg.Scale
    height: int


def levey_jennings(found: Trend) -> Markup:
    """Draw the values with mean and 1, 2, 3 SD; where Westgard's rules fire they are named."""
    mean, sd = found.baseline.mean, found.baseline.sd
    lines = [(mean, "c-axis", texts.MEAN_LINE)]
    if sd:
        for n, style in ((1, "c-grid"), (2, "c-warn"), (3, "c-stop")):
            lines += [(mean + s * n * sd, style, _sd_words(s * n)) for s in (1, -1)]
    fired = [s for s in found.signals if s.rule not in {_INDIVIDUAL, _RANGE}]
    words = texts.LEVEY_JENNINGS_ALT.format(
        figure=found.figure,
        n=len(found.points),
        mean=shown(found, mean),
        sd=shown(found, sd),
        fired=_fired(found, fired),
    )
    return _chart(found, list(found.values), lines, fired=fired, words=words)


def individuals(found: Trend) -> Markup:
    """Draw the values with the limits of the individuals chart."""
    limits = found.limits
    lines = [
        (limits.mean, "c-axis", texts.MEAN_LINE),
        (limits.high, "c-stop", texts.UPPER),
        (limits.low, "c-stop", texts.LOWER),
    ]
    fired = [s for s in found.signals if s.rule == _INDIVIDUAL]
    words = texts.INDIVIDUALS_ALT.format(
        figure=found.figure,
        n=len(found.points),
        low=shown(found, limits.low),
        high=shown(found, limits.high),
        fired=_fired(found, fired),
    )
    return _chart(found, list(found.values), lines, fired=fired, words=words)


def ranges(found: Trend) -> Markup:
    """Draw the moving ranges with their mean and upper limit."""
    limits = found.limits
    lines = [
        (0.0, "c-axis", ""),
        (limits.range_mean, "c-grid", texts.MEAN_LINE),
        (limits.range_high, "c-stop", texts.UPPER),
    ]
    fired = [s for s in found.signals if s.rule == _RANGE]
    words = texts.RANGES_ALT.format(
        n=len(found.points),
        high=shown(found, limits.range_high),
        fired=_fired(found, fired),
    )
    values = [None, *limits.ranges]
    return _chart(found, values, lines, fired=fired, words=words, height=_LOW_HEIGHT)


def standalone(chart: Markup) -> str:
    """Make a file of its own of a chart: name space and style inside."""
    style = files("isletqc.report").joinpath("charts.css").read_text("utf-8")
    start, rest = chart.split(">", 1)
    return f'{start} xmlns="http://www.w3.org/2000/svg"><style>{style}</style>{rest}\n'


def _chart(
    found: Trend,
    values: Sequence[float | None],
    lines: Sequence[tuple[float, str, str]],
    *,
    fired: Sequence[Signal],
    words: str,
    height: int = _HEIGHT,
) -> Markup:
    known = [v for v in values if v is not None] + [at for at, _, _ in lines]
    low, high = min(known), max(known)
    room = 0.06 * (high - low) or abs(high) * 0.1 or 1.0
    up = svg.scale(low - room, high + room, height - _BOTTOM, _TOP)
    across = svg.scale(0, max(len(values) - 1, 1), _LEFT + 10, _WIDTH - _RIGHT - 10)
    frame = _Frame(up, across, height)
    parts = [
        *_lines(found, lines, frame),
        *_ticks(found, frame),
        *_curve(values, frame),
        *_dots(values, fired, frame),
    ]
    return svg.figure("chart control", _WIDTH, height, words, parts)


def _lines(found: Trend, lines: Sequence[tuple[float, str, str]], frame: _Frame) -> Iterator[str]:
    for value, style, _ in lines:
        yield svg.line(style, _LEFT, frame.up(value), _WIDTH - _RIGHT, frame.up(value))
    for value, words in _apart(lines, frame):
        y = frame.up(value) + 4
        yield svg.text("c-tick c-end", _LEFT - 6, y, shown(found, value))
        yield svg.text("c-tick c-start", _WIDTH - _RIGHT + 6, y, words)


def _apart(lines: Sequence[tuple[float, str, str]], frame: _Frame) -> Iterator[tuple[float, str]]:
    """Names of the lines, the first first; none where it would lie on one that is there."""
    taken: list[float] = []
    for value, _, words in lines:
        if all(abs(frame.up(value) - y) >= _LETTER_HEIGHT for y in taken):
            taken.append(frame.up(value))
            yield value, words


def _ticks(found: Trend, frame: _Frame) -> Iterator[str]:
    count = len(found.points)
    step = max(1, -(-count // _MOST_TICKS))
    for k in range((count - 1) % step, count, step):
        label = found.points[k].label
        words = label if len(label) <= _TICK_LETTERS else f"{label[: _TICK_LETTERS - 1]}…"
        yield svg.text("c-tick", frame.across(k), frame.height - 8, words)


def _curve(values: Sequence[float | None], frame: _Frame) -> Iterator[str]:
    places = [
        f"{svg.place(frame.across(k))} {svg.place(frame.up(value))}"
        for k, value in enumerate(values)
        if value is not None
    ]
    yield f'<path class="c-thread" d="M{"L".join(places)}"/>'


def _dots(values: Sequence[float | None], fired: Sequence[Signal], frame: _Frame) -> Iterator[str]:
    """Every value where they are few; those that fire a rule always, with its name above."""
    worst = {s.index: s for s in sorted(fired, key=lambda s: not s.warning)}
    named = dict(list(_by_index(fired).items())[-_MOST_NAMED:])
    small = len(values) > _MOST_DOTS / 4
    said, said_at = "", -math.inf
    for k, value in enumerate(values):
        if value is None or (k not in worst and len(values) > _MOST_DOTS):
            continue
        x, y = frame.across(k), frame.up(value)
        style = _style(worst.get(k))
        yield svg.dot(style, x, y, (2 if small else 3.5) + (k in worst))
        words = rule_names([s for s in named.get(k, ()) if not s.warning])
        # Once for neighbours that break the same rule.
        if words and (words != said or x - said_at > _NAME_ROOM):
            yield svg.text("c-rule", x, y - 9, words)
            said, said_at = words, x


def _by_index(fired: Sequence[Signal]) -> dict[int, list[Signal]]:
    found: dict[int, list[Signal]] = {}
    for signal in fired:
        found.setdefault(signal.index, []).append(signal)
    return found


def _style(signal: Signal | None) -> str:
    if signal is None:
        return "c-dot"
    return "c-dot-warn" if signal.warning else "c-dot-stop"


def _fired(found: Trend, signals: Sequence[Signal]) -> str:
    places = [
        f"{found.points[s.index].label[:40]} ({texts.RULE_NAMES[s.rule]})"
        for s in signals[-_MOST_NAMED:]
    ]
    return "; ".join(places) or texts.NOTHING_FIRES


def _sd_words(n: int) -> str:
    return texts.SD_LINE.format(n=f"{n:+d}".replace("-", "−"))
