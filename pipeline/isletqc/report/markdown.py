"""``results.json`` -> a Markdown summary, as build servers show it beside a run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from isletqc.protocol import Markers
from isletqc.records import Estimate
from isletqc.report import figures, texts
from isletqc.report.plain import short, shown
from isletqc.report.results import WORST_FIRST

# A summary of 1 MiB or more is dropped as a whole.
MOST_BYTES = 1_000_000
_MARKS = {"pass": "✅", "fail": "❌", "review": "⚠️", "not judged": "➖"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|<>@~$&-])")


def step_summary(
    document: Mapping[str, Any],
    *,
    markers: Markers | None = None,
    most_bytes: int = MOST_BYTES,
) -> str:
    """Write verdict, failures and lots, the worst first.

    Parameters
    ----------
    document : ``results.json``
    markers : of the protocol, whose titles stand for their short names
    most_bytes : lots that would go beyond are left out, and counted
    """
    verdict = document["verdict"]
    head = [
        f"## {_MARKS[verdict]} isletqc: {texts.VERDICT_WORDS[verdict]}\n\n",
        *_failures(document["failures"]),
        f"| {texts.LOT} | {texts.VERDICT} | {texts.LIMITS} | {texts.REASON} |\n",
        "| --- | --- | --- | --- |\n",
    ]
    lots = sorted(document["lots"], key=lambda lot: WORST_FIRST.index(lot["verdict"]))
    rows, room = [], most_bytes - sum(len(line.encode()) for line in head) - 200
    for place, lot in enumerate(lots):
        row = _lot(lot, markers)
        room -= len(row.encode())
        if room < 0:
            rows.append(f"\n{texts.SUMMARY_CUT.format(n=len(lots) - place)}\n")
            break
        rows.append(row)
    return "".join([*head, *rows, "\n"])


def _failures(failures: list[Mapping[str, Any]]) -> Iterator[str]:
    if not failures:
        return
    yield f"**{figures.counted(len(failures), texts.FAILED_ONE, texts.FAILED_MANY)}**\n\n"
    for failure in failures[:100]:
        message = _plain(failure["message"], 300)
        yield f"- {_plain(failure['image'], 100)}: {_plain(failure['error'], 40)}: {message}\n"
    yield "\n"


def _lot(lot: Mapping[str, Any], markers: Markers | None) -> str:
    limits = "<br>".join(_limit(criterion, markers) for criterion in lot["criteria"]) or "–"
    verdict = f"{_MARKS[lot['verdict']]} {texts.VERDICT_WORDS[lot['verdict']]}"
    return f"| {_plain(lot['lot'], 80)} | {verdict} | {limits} | {_plain(lot['reason'], 300)} |\n"


def _limit(criterion: Mapping[str, Any], markers: Markers | None) -> str:
    estimate = Estimate(
        criterion["estimate"],
        criterion["value"],
        criterion["unit"],
        criterion["ci_low"],
        criterion["ci_high"],
    )
    measured = figures.value(estimate, unlike=criterion["limit"])
    between = figures.interval(estimate, unlike=criterion["limit"])
    name = _plain(figures.limit_name(criterion["name"], criterion["estimate"], markers), 60)
    values = f"{measured} ({between})" if between else measured
    verdict = texts.VERDICT_WORDS[criterion["verdict"]].lower()
    return f"{name}: {_plain(values, 80)} {_plain(figures.unit(estimate), 20)}, {verdict}"


def _plain(text: str, length: int) -> str:
    """Text in one line that no reader of Markdown takes for anything but text."""
    return _SPECIAL.sub(r"\\\1", " ".join(short(shown(text), length).split()))
