"""Brightness of nuclei -> inline SVG: sample, control and threshold on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from isletqc.decide.lot import sample_pictures
from isletqc.records import MarkerThreshold, Picture, Verdict
from isletqc.report import figures, svg, texts

Values = NDArray[np.float64]

_WIDTH, _HEIGHT = 480, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 12, 12, 24, 44
_BARS = 48
_DIMMEST = 0.005  # of the brightest percent: what is dimmer stands in the first bar


def marker_chart(verdict: Verdict, threshold: MarkerThreshold, title: str) -> Markup:
    """Draw the distribution of one marker; empty where there are no nuclei."""
    sample = _brightness(sample_pictures(verdict.lot), threshold.marker)
    controls = [p for p in verdict.lot.pictures if p.sample.role == "control"]
    control = _brightness(controls, threshold.marker)
    if not sample.size:
        return Markup()
    edges = _edges(np.concatenate([sample, control]))
    across = svg.scale(edges[0], edges[-1], _LEFT, _WIDTH - _RIGHT)
    shares = [_shares(values, edges) for values in (sample, control)]
    up = svg.scale(0, max(float(s.max(initial=0)) for s in shares), _HEIGHT - _BOTTOM, _TOP)
    parts = [*_bars(shares[0], edges, across, up), *_outline(shares[1], edges, across, up)]
    parts += _axis(edges, across)
    if threshold.value is not None and threshold.value > 0:
        at = across(min(max(math.log10(threshold.value), edges[0]), edges[-1]))
        parts.append(svg.line("c-limit", at, _TOP - 8, at, _HEIGHT - _BOTTOM))
        side, shift = ("c-end", -7) if at > _WIDTH / 2 else ("c-start", 7)
        parts.append(svg.text(f"c-note {side}", at + shift, _TOP, texts.THRESHOLD_NOTE))
    words = texts.MARKER_ALT.format(marker=title, n=f"{sample.size:,}", control=f"{control.size:,}")
    return svg.figure("chart", _WIDTH, _HEIGHT, words, parts)


def _brightness(pictures: Sequence[Picture], marker: str) -> Values:
    return np.array([n.markers[marker] for p in pictures for n in p.nuclei], float)


def _edges(values: Values) -> Values:
    """Edges of the bars, logarithms of the brightness."""
    high = max(float(np.percentile(values, 99.9)), 1e-6)
    low = max(float(np.percentile(values, 1)), _DIMMEST * high)
    return np.linspace(math.log10(low) - 0.05, math.log10(high) + 0.05, _BARS + 1)


def _shares(values: Values, edges: Values) -> Values:
    if not values.size:
        return np.zeros(len(edges) - 1)
    logs = np.log10(np.maximum(values, 1e-12))
    counts, _ = np.histogram(np.clip(logs, edges[0], edges[-1]), edges)
    return np.asarray(counts / values.size)


def _bars(shares: Values, edges: Values, across: svg.Scale, up: svg.Scale) -> Iterator[str]:
    for share, left, right in zip(shares, edges[:-1], edges[1:], strict=True):
        if share > 0:
            width = across(right) - across(left) - 1
            yield svg.rect("c-ieq", across(left), up(share), width, up(0) - up(share))


def _outline(shares: Values, edges: Values, across: svg.Scale, up: svg.Scale) -> Iterator[str]:
    if not shares.any():
        return
    steps = [
        f"V{svg.place(up(share))}H{svg.place(across(right))}"
        for share, right in zip(shares, edges[1:], strict=True)
    ]
    start = f"M{svg.place(across(edges[0]))} {svg.place(up(0))}"
    yield f'<path class="c-curve" d="{start}{"".join(steps)}V{svg.place(up(0))}"/>'


def _axis(edges: Values, across: svg.Scale) -> Iterator[str]:
    base = _HEIGHT - _BOTTOM
    yield svg.line("c-axis", _LEFT, base, _WIDTH - _RIGHT, base)
    decades = range(math.floor(edges[0]), math.ceil(edges[-1]) + 1)
    for value in (m * 10.0**d for d in decades for m in (1, 2, 5)):
        if edges[0] <= math.log10(value) <= edges[-1]:
            at = across(math.log10(value))
            yield svg.line("c-axis", at, base, at, base + 4)
            yield svg.text("c-tick", at, base + 17, figures.percent(value))
    yield svg.text("c-name", _WIDTH / 2, _HEIGHT - 6, texts.BRIGHTNESS_AXIS)
