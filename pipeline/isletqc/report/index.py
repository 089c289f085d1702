"""The results of many runs -> ``index.html``: every lot with its verdict, figures and link."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

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
    """One lot of the index; ``values`` are its key figures, each with a number to sort by."""

    lot: str
    verdict: str
    reason: str
    finished: str
    protocol: str
    pictures: int | None
    failures: int
    values: tuple[tuple[str, str], ...]
    href: str
    folder: str


def index_html(rows: Sequence[LotRow], *, runs: int, broken: Sequence[str] = ()) -> str:
    """Write the index as one HTML text, the newest lots first.

    Parameters
    ----------
    rows : lots of finished runs
    runs : number of these runs
    broken : results that could not be read, each with the reason
    """
    said = [row.verdict for row in rows]
    tally = ", ".join(
        f"{said.count(word)} {texts.VERDICT_WORDS[word].lower()}"
        for word in WORST_FIRST
        if word in said
    )
    return render(
        "index.html.j2",
        c=texts_charts,
        rows=sorted(rows, key=lambda row: (row.finished, row.lot), reverse=True),
        runs=runs,
        tally=tally,
        broken=broken,
    )


def rows_of(run: Run, folder: Path) -> list[LotRow]:
    """Give the lots of a run; links are relative to ``folder``, where the page will lie."""
    protocol = run.document["protocol"]
    href, where = link(run.file.parent, folder)
    return [
        LotRow(
            lot=lot["lot"],
            verdict=lot["verdict"],
            reason=lot["reason"],
            finished=run.finished,
            protocol=f"{protocol['name']} {protocol['version']}",
            pictures=len(lot["images"]) + len(lot["failures"]),
            failures=len(lot["failures"]),
            values=tuple(
                figure(name, (lot["estimates"].get(name) or {}).get("value"))
                for name in texts_charts.INDEX_COLUMNS
            ),
            href=href and f"{href}#lot-{place}",
            folder=where,
        )
        for place, lot in enumerate(run.document["lots"], start=1)
    ]


def link(out: Path, folder: Path) -> tuple[str, str]:
    """Give the address of a run's report, empty where there is none, and its folder in words."""
    where = os.path.relpath(out, folder).replace(os.sep, "/")
    if not (out / "report.html").is_file():
        return "", where
    return quote(f"{where}/report.html", errors="backslashreplace"), where


def figure(name: str, value: float | None) -> tuple[str, str]:
    """Write a figure for people and its number to sort by; nothing where not determined."""
    if value is None:
        return "", ""
    percentage = name in texts.PERCENT_NAMES
    return figures.number(100 * value if percentage else value), f"{value:.6g}"
