"""Colours and signs of the bench, safe for every kind of colour vision.

A verdict is always a colour, a word and a sign of its own shape: disc, octagon, triangle, dash.
Colours of islets follow Okabe and Ito and the cividis map, which differ in lightness too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from isletqc.report import texts

# The same as in the report's style sheet: ground and ink of each verdict.
VERDICT_COLOURS: Mapping[str, tuple[str, str]] = {
    "pass": ("#00695f", "#ffffff"),
    "fail": ("#b0220c", "#ffffff"),
    "review": ("#ffc227", "#1b1500"),
    "not judged": ("#4d5660", "#ffffff"),
    "not applicable": ("#4d5660", "#ffffff"),
}
COUNTED, NOT_COUNTED = "#00beff", "#ffffff"
EXOCRINE_COLOUR = "#aa00aa"
SELECTED = "#ffd92f"
# cividis at equal steps: from small to large.
SIZE_COLOURS = ("#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369",
                "#e1cc55", "#fee838")  # fmt: skip
# Okabe and Ito without black and white.
CYCLE = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
LIVE, DEAD = "#56b4e9", "#d55e00"
CHANNEL_COLOURS = ("green", "magenta", "blue", "yellow")
SIGNS: Mapping[str, str] = {
    "pass": "✓", "fail": "✕", "review": "!", "not judged": "–", "not applicable": "–"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Inks:
    """What is drawn by hand takes these from napari's theme."""

    text: str
    muted: str
    line: str
    wash: str
    count: str
    ieq: str
    accent: str


_DARK = Inks("#f0f1f2", "#a9b0b8", "#5a626c", "#2f343c", "#8ab8dc", "#4c7ea6", "#ffc227")
_LIGHT = Inks("#16191d", "#59616b", "#c3c9d0", "#ffffff", "#16476e", "#7aa6c9", "#b0220c")


def inks(theme: str) -> Inks:
    """Give the colours for napari's theme; anything that is not light is dark."""
    return _LIGHT if "light" in theme else _DARK


def word(verdict: str) -> str:
    """Write a verdict with its sign, e.g. ``✓ Pass``."""
    return f"{SIGNS[verdict]} {texts.VERDICT_WORDS[verdict]}"
