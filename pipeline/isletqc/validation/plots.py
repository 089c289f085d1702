"""Points, lines and bands -> inline SVG in the report's style; the same numbers, the same bytes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from isletqc.report import svg

_WIDTH, _HEIGHT = 480, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 30, 44
_TICKS = 5

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Dots:
    """Points of one style (a class of the style sheet)."""

    style: str
    points: tuple[Point, ...]
    radius: float = 3.5


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through points; ``note`` stands over its right end."""

    style: str
    points: tuple[Point, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Band:
    """A horizontal band between two values."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Plot:
    """What is drawn; ``names`` stand at x = 0, 1, 2 ... in the place of numbers."""

    x_label: str
    y_label: str
    dots: tuple[Dots, ...] = ()
    strokes: tuple[Stroke, ...] = ()
    bands: tuple[Band, ...] = ()
    names: tuple[str, ...] = ()
    origin: bool = False


def draw(plot: Plot, words: str) -> Markup:
    """Draw a plot.

    Parameters
    ----------
    plot : what to draw
    words : what the drawing shows, for those who cannot see it
    """
    (left, right), (low, high) = _extent(plot)
    across = svg.scale(left, right, _LEFT, _WIDTH - _RIGHT)
    up = svg.scale(low, high, _HEIGHT - _BOTTOM, _TOP)
    parts = [*_bands(plot, up), *_axes(plot, across, up, (left, right, low, high))]
    for stroke in plot.strokes:
        parts += _stroke(stroke, across, up)
    for dots in plot.dots:
        parts += [svg.dot(dots.style, across(x), up(y), dots.radius) for x, y in dots.points]
    # Notes last, so that no point hides them.
    parts += [note for stroke in plot.strokes for note in _note(stroke, across, up)]
    return svg.figure("chart", _WIDTH, _HEIGHT, words, parts)


def ticks(low: float, high: float) -> list[float]:
    """Choose about five round numbers from ``low`` to ``high``.

    Examples
    --------
    >>> ticks(0, 1), ticks(-87.3, 91)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [-50.0, 0.0, 50.0])
    """
    step = 10.0 ** math.floor(math.log10((high - low) / _TICKS))
    step *= next(k for k in (1, 2, 5, 10) if (high - low) / (k * step) <= _TICKS)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12) + 0.0 for k in range(first, last + 1)]


def _extent(plot: Plot) -> tuple[Point, Point]:
    points = [p for d in plot.dots for p in d.points]
    points += [p for s in plot.strokes for p in s.points]
    x = [p[0] for p in points]
    y = [p[1] for p in points] + [end for b in plot.bands for end in (b.low, b.high)]
    if plot.names:
        return (-0.5, len(plot.names) - 0.5), _roomy(y, origin=False)
    return _roomy(x, origin=plot.origin), _roomy(y, origin=plot.origin)


def _roomy(values: Sequence[float], *, origin: bool) -> Point:
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or abs(high) * 0.1 or 1.0
    return (0.0 if origin and low >= 0 else low - room), high + room


def _axes(
    plot: Plot, across: svg.Scale, up: svg.Scale, ends: tuple[float, float, float, float]
) -> Iterator[str]:
    left, right, low, high = ends
    bottom = _HEIGHT - _BOTTOM
    for y in ticks(low, high):
        yield svg.line("c-grid", _LEFT, up(y), _WIDTH - _RIGHT, up(y))
        yield svg.text("c-tick c-end", _LEFT - 6, up(y) + 4, _number(y))
    yield svg.line("c-axis", _LEFT, bottom, _WIDTH - _RIGHT, bottom)
    places = enumerate(plot.names) if plot.names else ((x, _number(x)) for x in ticks(left, right))
    every = max(1, math.ceil(len(plot.names) / 12))
    for k, (x, name) in enumerate(places):
        if k % every == 0:
            yield svg.text("c-tick", across(x), bottom + 16, _short(name))
    yield svg.text("c-name", (_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, plot.x_label)
    yield svg.text("c-name c-start", 4, 16, plot.y_label)


def _bands(plot: Plot, up: svg.Scale) -> Iterator[str]:
    for band in plot.bands:
        height = up(band.low) - up(band.high)
        yield svg.rect("c-band", _LEFT, up(band.high), _WIDTH - _RIGHT - _LEFT, height)


def _stroke(stroke: Stroke, across: svg.Scale, up: svg.Scale) -> Iterator[str]:
    for (x1, y1), (x2, y2) in zip(stroke.points, stroke.points[1:], strict=False):
        yield svg.line(stroke.style, across(x1), up(y1), across(x2), up(y2))


def _note(stroke: Stroke, across: svg.Scale, up: svg.Scale) -> Iterator[str]:
    if stroke.note:
        x, y = stroke.points[-1]
        yield svg.text("c-note c-end", across(x), up(y) - 5, stroke.note)


def _number(value: float) -> str:
    return f"{value:,.10g}".replace("-", "\N{MINUS SIGN}")


def _short(name: str) -> str:
    return name if len(name) <= 10 else name[:9] + "…"
