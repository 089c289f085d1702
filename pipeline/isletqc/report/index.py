"""The results of many runs -> ``index.html``: every lot with its verdict, figures and link."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from isletqc.records import Estimate
from isletqc.report import figures, texts, texts_charts
from isletqc.report.page import render
from isletqc.report.results import WORST_FIRST


@dataclass(frozen=True, slots=True)
class Run:
    """One finished run: its ``results.json``, what it says, and when it finished."""

    file: Path
    document: Mapping[str, Any]
    finished: str


@dataclass(frozen=True, slots=True)
class LotRow:
    """One lot of the index; ``values`` are its key figures with a number to sort by."""

    lot: str
    verdict: str
    reason: str
    finished: str
    protocol: str
    pictures: int
    failures: int
    values: tuple[tuple[str, str], ...]
    href: str
    folder: str


def index_html(runs: Sequence[Run], folder: Path, *, broken: Sequence[str] = ()) -> str:
    """Write the index as one HTML text, the newest lots first.

    Parameters
    ----------
    runs : finished runs
    folder : where the page will lie; links are relative to it
    broken : results that could not be read, each with the reason
    """
    rows = sorted((row for run in runs for row in _rows(run, folder)), key=_newest, reverse=True)
    said = [row.verdict for row in rows]
    tally = ", ".join(
        f"{said.count(word)} {texts.VERDICT_WORDS[word].lower()}"
        for word in WORST_FIRST
        if word in said
    )
    return render(
        "index.html.j2",
        c=texts_charts,
        rows=rows,
        runs=runs,
        tally=tally,
        broken=broken,
        worst=next((word for word in WORST_FIRST if word in said), "not judged"),
    )


def _newest(row: LotRow) -> tuple[str, str]:
    return row.finished, row.lot


def _rows(run: Run, folder: Path) -> list[LotRow]:
    protocol = run.document["protocol"]
    report = run.file.parent / "report.html"
    href = quote(os.path.relpath(report, folder).replace(os.sep, "/"), errors="backslashreplace")
    where = os.path.relpath(run.file.parent, folder)
    return [
        LotRow(
            lot=lot["lot"],
            verdict=lot["verdict"],
            reason=lot["reason"],
            finished=run.finished,
            protocol=f"{protocol['name']} {protocol['version']}",
            pictures=len(lot["images"]),
            failures=len(lot["failures"]),
            values=tuple(_value(lot, name) for name in texts_charts.INDEX_COLUMNS),
            href=f"{href}#lot-{place}" if report.is_file() else "",
            folder=where,
        )
        for place, lot in enumerate(run.document["lots"], start=1)
    ]


def _value(lot: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Words for a figure and the number behind them; nothing where it was not determined."""
    found = lot["estimates"].get(name) or {}
    if found.get("value") is None:
        return "", ""
    estimate = Estimate(name, found["value"], found["unit"])
    words = figures.value(estimate).removesuffix(figures.PERCENT)
    return words, f"{found['value']:.6g}"
