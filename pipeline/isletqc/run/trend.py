"""Finished runs -> the control charts of a figure over their lots, or of a picture in each of them.

Takes result folders, oldest to newest by the time at which each run finished; gives ``chart.svg``,
``individuals.svg``, ``chart.csv``, ``chart.json`` and ``chart.html``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from isletqc.decide.control_chart import Baseline
from isletqc.errors import LedgerError, OutputError, UsageError
from isletqc.ledger import connect, lots, store
from isletqc.ledger.connect import Ledger
from isletqc.report import chart_page, trend_charts
from isletqc.report.files import write_text_atomically
from isletqc.report.results import RunResults, read_results, results_document
from isletqc.report.trend import Point, Trend, trend

_UNITS = {"ieq": "IEQ", "islet_count": "islets", "islet_area_um2": "um2"}
_PICTURE_FIGURES = ("ieq", "islet_count", "islet_area_um2", "exocrine_area_um2", "likeness")
_MOST_IN_REPORT, _LAST_IN_REPORT = 3, 50


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be charted.

    Attributes
    ----------
    figure : an estimate of the lots, such as ``ieq_total``; of a picture ``ieq``, ``islet_count``,
        or one of its checks, such as ``focus``
    image : name of a picture that was taken again and again; empty for figures of lots
    protocol : only results by a protocol of this name; empty takes all
    given : mean and SD to hold the values against; None establishes them
    count : the first so many values establish them
    last : only the last so many values are charted
    """

    figure: str
    image: str = ""
    protocol: str = ""
    given: Baseline | None = None
    count: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    points: list[Point] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    units: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)


def from_folders(paths: Sequence[Path], question: Question) -> Trend:
    """Read a figure from the results of runs.

    Parameters
    ----------
    paths : folders that runs wrote, or folders that hold such folders

    Raises
    ------
    UsageError
        There are no results, no two values, or the figure has more than one unit.
    """
    found = _Found()
    for path in result_folders(paths):
        file, document = read_results(path)
        if question.protocol in {"", document["protocol"]["name"]}:
            _add(document, finished(file), str(file), question, found)
    return _charted(question, found)


def from_ledger(address: str | None, question: Question) -> Trend:
    """Read a figure of every lot in a ledger, as its newest run left it.

    Raises
    ------
    UsageError
        No ledger is named, a picture is asked for, there are no two values, or the figure has more
        than one unit.
    """
    if question.image:
        raise UsageError("a ledger has figures of lots only; give result folders for a picture")
    found = _Found()
    with store.opened(connect.required(address)) as ledger:
        rows = lots.series(ledger, question.figure, protocol=question.protocol or None)
    for row in rows:
        if row.value is None:
            found.skipped.append(f"{row.lot}: {row.reason or 'not determined'}")
            continue
        found.units.add(row.unit)
        found.points.append(Point(row.lot, row.value, row.started, f"run {row.run}"))
    return _charted(question, found)


def of_run(results: Path, history: Sequence[Path]) -> tuple[Trend, ...]:
    """Chart what a run was judged by, beside earlier runs by the same protocol, for its report.

    Parameters
    ----------
    results : the run's ``results.json``
    history : folders of earlier runs, or folders that hold such; the run itself may be among them
    """
    document = read_results(results)[1]
    files = [*result_folders(history), results]
    files = list({file.resolve(): file for file in files}.values())
    name = document["protocol"]["name"]
    charts = (
        _perhaps(partial(from_folders, files, Question(figure, protocol=name)))
        for figure in _judged_by(document)
    )
    return tuple(chart for chart in charts if chart is not None)


def of_run_in_ledger(results: RunResults, address: str | None) -> tuple[Trend, ...]:
    """Chart what a run was judged by, after the last lots that a ledger knows from before it.

    Parameters
    ----------
    results : of the run, which need not be in the ledger yet
    address : of the ledger; without one there, or without an answer from it, there is no chart
    """
    if address is None:
        return ()
    document = results_document(results)
    try:
        with store.opened(address) as ledger:
            charts = [
                _perhaps(partial(_after, ledger, document, name, results.started))
                for name in _judged_by(document)
            ]
    except LedgerError:
        return ()
    return tuple(chart for chart in charts if chart is not None)


def given(mean: float | None, sd: float | None) -> Baseline | None:
    """Mean and SD as the user gave them: both or neither.

    Raises
    ------
    UsageError
        Only one of them was given.
    """
    if (mean is None) != (sd is None):
        raise UsageError("expected both --mean and --sd, found only one of them; give the other")
    return None if mean is None or sd is None else Baseline(mean, sd)


def broken(found: Trend) -> bool:
    """Whether the last value breaks a rule; a warning does not."""
    return any(not signal.warning for signal in found.at(len(found.points) - 1))


def result_folders(paths: Sequence[Path]) -> list[Path]:
    """List the ``results.json`` of runs: those given, and those in folders that were given.

    Raises
    ------
    UsageError
        There are none in one of the folders.
    """
    return list(dict.fromkeys(chain.from_iterable(_results(path) for path in paths)))


def finished(results: Path) -> str:
    """When the run of a ``results.json`` finished, ISO 8601; empty where nothing says so."""
    try:
        document = json.loads((results.parent / "provenance.json").read_text("utf-8"))
        return str(document["finished"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def write(out: Path, found: Trend, *, command: str) -> Path:
    """Write the charts; gives the path of the page.

    Raises
    ------
    OutputError
        ``out`` cannot be written.
    """
    document = json.dumps(chart_page.chart_document(found), ensure_ascii=False, indent=2) + "\n"
    files = {
        "chart.svg": trend_charts.standalone(trend_charts.levey_jennings(found)),
        "individuals.svg": trend_charts.standalone(trend_charts.individuals(found)),
        "chart.csv": chart_page.chart_csv(found),
        "chart.json": document,
        "chart.html": chart_page.chart_html(found, command=command),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_text_atomically(out / name, text)
    except OSError as e:
        raise OutputError(f"{out}: the charts cannot be written: {e.strerror or e}") from e
    return out / "chart.html"


def _judged_by(document: Mapping[str, Any]) -> list[str]:
    """Name the figures that a run's limits are about, and its islet equivalents."""
    judged = [c["estimate"] for lot in document["lots"] for c in lot["criteria"]]
    return list(dict.fromkeys([*judged, "ieq_total"]))[:_MOST_IN_REPORT]


def _after(ledger: Ledger, document: Mapping[str, Any], figure: str, started: str) -> Trend:
    question = Question(figure, protocol=document["protocol"]["name"], last=_LAST_IN_REPORT)
    mine = {lot["lot"] for lot in document["lots"]}
    found = _Found()
    for row in lots.series(ledger, figure, protocol=question.protocol):
        if row.value is not None and row.started < started and row.lot not in mine:
            found.units.add(row.unit)
            found.points.append(Point(row.lot, row.value, row.started, f"run {row.run}"))
    _add(document, started, "this run", question, found)
    return _charted(question, found)


def _perhaps(chart: Callable[[], Trend]) -> Trend | None:
    """Make a chart where there are two values for it."""
    try:
        return chart()
    except UsageError:
        return None


def _charted(question: Question, found: _Found) -> Trend:
    if len(found.units) > 1:
        raise UsageError(
            f"{question.figure}: expected one unit, found {', '.join(sorted(found.units))}; "
            "chart results of one protocol (--protocol)"
        )
    points = sorted(found.points, key=lambda point: point.time)
    if question.last is not None:
        points = points[-question.last :]
    if len(points) < 2:
        known = ", ".join(sorted(found.known))
        names = f"; figures there: {known}" if known and not points else ""
        raise UsageError(
            f"{question.figure}: expected at least two values for a chart, found {len(points)}"
            f"{names}; give more results"
        )
    return trend(
        question.figure,
        next(iter(found.units), ""),
        points,
        given=question.given,
        count=question.count,
        skipped=found.skipped,
    )


def _results(path: Path) -> list[Path]:
    if path.is_file() or (path / "results.json").is_file():
        return [path if path.is_file() else path / "results.json"]
    below = sorted(path.rglob("results.json"))
    if not below:
        raise UsageError(
            f"{path}: expected results of a run, or a folder of such, found no results.json; "
            "give folders that isletqc run wrote"
        )
    return below


def _add(
    document: Mapping[str, Any], time: str, source: str, question: Question, found: _Found
) -> None:
    for lot in document["lots"]:
        rows = _of_pictures(lot, question) if question.image else _of_lot(lot, question, found)
        for label, value, unit, reason in rows:
            if value is None:
                found.skipped.append(f"{label}: {reason or 'not determined'}")
                continue
            found.units.add(unit)
            found.points.append(Point(label, float(value), time, source))


Row = tuple[str, float | None, str, str]


def _of_lot(lot: Mapping[str, Any], question: Question, found: _Found) -> Iterator[Row]:
    found.known.update(lot["estimates"])
    estimate = lot["estimates"].get(question.figure)
    if estimate is None:
        yield lot["lot"], None, "", f"no figure {question.figure}"
        return
    yield lot["lot"], estimate["value"], estimate["unit"], estimate["reason"]


def _of_pictures(lot: Mapping[str, Any], question: Question) -> Iterator[Row]:
    for image in lot["images"]:
        if image["image"] != question.image:
            continue
        checks = {check["name"]: check for check in image["checks"]}
        label = f"{lot['lot']} {image['image']}"
        if question.figure in _PICTURE_FIGURES:
            unit = _UNITS.get(question.figure, "1")
            yield label, image.get(question.figure), unit, ""
        elif question.figure in checks:
            check = checks[question.figure]
            yield label, check["value"], check["unit"], check["reason"]
        else:
            names = ", ".join((*_PICTURE_FIGURES, *checks))
            yield label, None, "", f"no figure {question.figure}; there are {names}"
