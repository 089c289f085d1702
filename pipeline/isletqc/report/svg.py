"""The few SVG elements that the figures are made of; positions to a tenth of a drawing unit.

Colours and type come from the page's style sheet by class; the same numbers give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from markupsafe import Markup, escape

from isletqc.report.plain import shown

Scale = Callable[[float], float]


def scale(low: float, high: float, start: float, end: float) -> Scale:
    """Give the function that places ``low`` at ``start`` and ``high`` at ``end``."""
    factor = (end - start) / (high - low)
    return lambda value: start + factor * (value - low)


def place(value: float) -> str:
    """Write a position to a tenth of a drawing unit."""
    return f"{round(value, 1):g}"


def rect(style: str, x: float, y: float, width: float, height: float) -> str:
    """Draw a rectangle from its upper left corner."""
    size = f'width="{place(width)}" height="{place(height)}"'
    return f'<rect class="{style}" x="{place(x)}" y="{place(y)}" {size}/>'


def line(style: str, x1: float, y1: float, x2: float, y2: float) -> str:
    """Draw a line between two points."""
    ends = f'x1="{place(x1)}" y1="{place(y1)}" x2="{place(x2)}" y2="{place(y2)}"'
    return f'<line class="{style}" {ends}/>'


def dot(style: str, x: float, y: float, radius: float) -> str:
    """Draw a disc."""
    return f'<circle class="{style}" cx="{place(x)}" cy="{place(y)}" r="{place(radius)}"/>'


def text(style: str, x: float, y: float, words: str) -> str:
    """Write words, escaped."""
    return f'<text class="{style}" x="{place(x)}" y="{place(y)}">{escape(shown(words))}</text>'


def figure(style: str, width: int, height: int, title: str, parts: Iterable[str]) -> Markup:
    """Join the parts to a figure whose title says in words what it shows."""
    return Markup(
        f'<svg class="{style}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(shown(title))}">{"".join(parts)}</svg>'
    )
