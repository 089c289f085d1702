"""Finished runs -> the control charts of a figure over their lots, or of a picture in each of them.

Takes result folders, oldest to newest by the time at which each run finished; gives ``chart.svg``,
``individuals.svg``, ``chart.csv``, ``chart.json`` and ``chart.html``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from isletqc.decide.control_chart import Baseline
from isletqc.errors import OutputError, UsageError
from isletqc.report import chart_page, trend_charts
from isletqc.report.files import write_text_atomically
from isletqc.report.results import read_results
from isletqc.report.trend import Point, Trend, trend

_UNITS = {"ieq": "IEQ", "islet_count": "islets", "islet_area_um2": "um2"}
_PICTURE_FIGURES = ("ieq", "islet_count", "islet_area_um2", "exocrine_area_um2", "likeness")


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be charted.

    Attributes
    ----------
    figure : an estimate of the lots, such as ``ieq_total``; of a picture ``ieq``, ``islet_count``,
        or one of its checks, such as ``focus``
    image : name of a picture that was taken again and again; empty for figures of lots
    given : mean and SD to hold the values against; None establishes them
    count : the first so many values establish them
    last : only the last so many values are charted
    """

    figure: str
    image: str = ""
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
        _add(document, finished(file), str(file), question, found)
    return charted(found.points, question, found.units, found.skipped, found.known)


def charted(
    points: Sequence[Point],
    question: Question,
    units: Set[str],
    skipped: Sequence[str] = (),
    known: Set[str] = frozenset(),
) -> Trend:
    """Make the chart of points from wherever they come; oldest first.

    Raises
    ------
    UsageError
        There are no two values, or they have more than one unit.
    """
    if len(units) > 1:
        raise UsageError(
            f"{question.figure}: expected one unit, found {', '.join(sorted(units))}; "
            "chart runs of one protocol"
        )
    if len(points) < 2:
        names = f"; figures there: {', '.join(sorted(known))}" if known and not points else ""
        raise UsageError(
            f"{question.figure}: expected at least two values for a chart, found {len(points)}"
            f"{names}; give more result folders"
        )
    ordered = sorted(points, key=lambda point: point.time)
    return trend(
        question.figure,
        next(iter(units), ""),
        ordered[-question.last :] if question.last else ordered,
        given=question.given,
        count=question.count,
        skipped=skipped,
    )


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
