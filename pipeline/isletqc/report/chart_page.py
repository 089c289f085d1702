"""A trend -> its page, its CSV and its JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from isletqc import __version__
from isletqc.report import figures, trend_charts
from isletqc.report import texts_charts as words
from isletqc.report.page import render
from isletqc.report.tables import csv_text
from isletqc.report.trend import Trend, answer, baseline_words, rule_names, shown

SCHEMA_VERSION = "1.0"


def chart_html(found: Trend, *, command: str) -> str:
    """Write the page: what the last value says, the three charts, every value, the rules."""
    return render(
        "chart.html.j2",
        c=words,
        found=found,
        name=figures.estimate_name(found.figure),
        answer=answer(found),
        baseline=baseline_words(found),
        levey_jennings=trend_charts.levey_jennings(found),
        individuals=trend_charts.individuals(found),
        ranges=trend_charts.ranges(found),
        state=_state(found),
        rows=list(reversed(list(_rows(found)))),
        shown=shown,
        command=command,
        version=__version__,
    )


def chart_csv(found: Trend) -> str:
    """One row a value: number, lot, time, value, z, moving range, rules."""
    columns = ["number", "label", "time", found.figure, "z", "moving_range", "rules"]
    rows = (
        {
            "number": k + 1,
            "label": point.label,
            "time": point.time,
            found.figure: point.value,
            "z": _z(found, point.value),
            "moving_range": found.limits.ranges[k - 1] if k else None,
            "rules": " ".join(signal.rule for signal in found.at(k)),
        }
        for k, point in enumerate(found.points)
    )
    return csv_text(columns, rows)


def chart_document(found: Trend) -> dict[str, Any]:
    """Give the chart as plain data."""
    limits, baseline = found.limits, found.baseline
    return {
        "schema_version": SCHEMA_VERSION,
        "figure": found.figure,
        "unit": found.unit,
        "answer": answer(found),
        "baseline": {
            "mean": baseline.mean,
            "sd": baseline.sd,
            "source": "established" if baseline.count else "given",
            "count": baseline.count,
        },
        "individuals": {
            "mean": limits.mean,
            "low": limits.low,
            "high": limits.high,
            "range_mean": limits.range_mean,
            "range_high": limits.range_high,
            "count": limits.count,
        },
        "points": [
            {
                "label": point.label,
                "time": point.time,
                "value": point.value,
                "z": _z(found, point.value),
                "rules": [signal.rule for signal in found.at(k)],
                "source": point.source,
            }
            for k, point in enumerate(found.points)
        ],
        "skipped": list(found.skipped),
    }


def _state(found: Trend) -> str:
    """Verdict for the look of the page: a rule fails, a warning asks for review."""
    last = found.at(len(found.points) - 1)
    if any(not signal.warning for signal in last):
        return "fail"
    if last:
        return "review"
    return "pass" if found.baseline.sd else "not judged"


def _rows(found: Trend) -> Iterator[tuple[int, str, str, str, str, str]]:
    for k, point in enumerate(found.points):
        z = _z(found, point.value)
        score = "–" if z is None else f"{z:+.2f}".replace("-", "−")
        value = shown(found, point.value)
        yield k + 1, point.label, point.time, value, score, rule_names(found.at(k))


def _z(found: Trend, value: float) -> float | None:
    baseline = found.baseline
    return (value - baseline.mean) / baseline.sd if baseline.sd else None
