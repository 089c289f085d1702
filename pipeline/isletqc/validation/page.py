"""Study -> ``validation.html`` and ``validation.json``: one offline page, one file for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

from markupsafe import Markup

from isletqc import __version__
from isletqc.errors import OutputError
from isletqc.report import figures
from isletqc.report.files import write_text_atomically
from isletqc.report.page import asset, environment
from isletqc.validation.study import Acceptance, Cell, Figure, Study, Table

SCHEMA_VERSION = "1.0"
_COUNTED = {"agreement": "pairs"}
_WORDS = {
    "pass": "Every limit is met.",
    "fail": "At least one limit is missed.",
    "not judged": "No limit was set: the figures are shown, nothing is judged.",
}


def write(out: Path, study: Study, *, command: str) -> None:
    """Write both files of a study into ``out``, the page first.

    Raises
    ------
    OutputError
        ``out`` cannot be written.
    """
    document = document_of(study, command=command)
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2)
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_text_atomically(out / "validation.html", html(study, command=command))
        write_text_atomically(out / "validation.json", text + "\n")
    except OSError as e:
        raise OutputError(f"{out}: expected a folder to write into: {e}; choose another") from e


def html(study: Study, *, command: str) -> str:
    """Write the page of a study."""
    grouped = [(g, list(f)) for g, f in groupby(study.figures, key=lambda figure: figure.group)]
    template = files("isletqc.validation").joinpath("validation.html.j2").read_text("utf-8")
    style = files("isletqc.validation").joinpath("validation.css").read_text("utf-8")
    return (
        environment()
        .from_string(template)
        .render(
            study=study,
            grouped=grouped,
            verdict_words=_WORDS[study.verdict],
            counted=_COUNTED.get(study.kind, "measurements"),
            shown=shown,
            between=between,
            cell=cell,
            of_limit=of_limit,
            found=found,
            command=command,
            version=__version__,
            style=Markup(asset("report.css") + asset("charts.css") + style),
        )
    )


def document_of(study: Study, *, command: str) -> dict[str, Any]:
    """Give a study as plain data."""
    return {
        "schema_version": SCHEMA_VERSION,
        "program": {"name": "isletqc", "version": __version__},
        "kind": study.kind,
        "verdict": study.verdict,
        "answer": study.answer,
        "confidence": study.confidence,
        "settings": dict(study.settings),
        "figure": study.observations.figure,
        "count": len(study.observations.rows),
        "figures": [_figure(f) for f in study.figures],
        "acceptance": [_acceptance(a) for a in study.acceptance],
        "tables": {t.name: _table(t) for t in study.tables},
        "cautions": list(study.cautions),
        "sources": [{"path": s.path, "sha256": s.sha256} for s in study.observations.sources],
        "command": command,
    }


def shown(figure: Figure) -> str:
    """Write the value of a figure with its unit."""
    if figure.value is None:
        return "not determined"
    return _with_unit(_as_precise(figure.value, figure), figure.unit)


def between(figure: Figure) -> str:
    """Write the interval of a figure; empty where there is none."""
    if figure.low is None or figure.high is None:
        return ""
    return f"{_as_precise(figure.low, figure)} to {_as_precise(figure.high, figure)}"


def cell(value: Cell) -> str:
    """Write a cell of a table."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return _number(value) if value == 0 or abs(value) >= 1e-4 else _tiny(value)


def of_limit(acceptance: Acceptance) -> str:
    """Write a limit with its relation and unit."""
    sign = {"<=": "≤", ">=": "≥"}[acceptance.relation]
    return f"{sign} {_with_unit(f'{acceptance.limit:,.6g}', acceptance.figure.unit)}"


def found(acceptance: Acceptance) -> str:
    """Write what was held against a limit, never rounded onto the limit."""
    if acceptance.found is None:
        return "not determined"
    number = figures.number(acceptance.found, unlike=acceptance.limit)
    return _with_unit(number.replace("-", "\N{MINUS SIGN}"), acceptance.figure.unit)


def acceptance_lines(study: Study) -> Iterator[str]:
    """Write the limits of a study for a terminal, one a line."""
    for a in study.acceptance:
        of = f" of {a.figure.group}" if a.figure.group else ""
        line = f"{a.figure.label}{of}: {found(a)}, required {of_limit(a)}"
        yield f"{'met' if a.met else 'MISSED':<7} {line}".replace(figures.PERCENT, " %")


def _as_precise(value: float, figure: Figure) -> str:
    """Write a number with the decimals that the width of the figure's interval deserves."""
    width = None if figure.low is None or figure.high is None else figure.high - figure.low
    if not width or not math.isfinite(width):
        return _number(value)
    decimals = min(max(2 - math.floor(math.log10(width)), 0), 6)
    return f"{round(value, decimals) + 0.0:,.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "∞" if value > 0 else "-∞"
    return figures.number(value).replace("-", "\N{MINUS SIGN}")


def _tiny(value: float) -> str:
    return f"{value:.1e}".replace("-", "\N{MINUS SIGN}")


def _with_unit(number: str, unit: str) -> str:
    return f"{number}{figures.PERCENT}" if unit == "%" else f"{number} {unit}".rstrip()


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "group": figure.group,
        "value": _finite(figure.value),
        "unit": figure.unit,
        "ci_low": _finite(figure.low),
        "ci_high": _finite(figure.high),
        "note": figure.note,
    }


def _acceptance(acceptance: Acceptance) -> dict[str, Any]:
    return {
        "figure": acceptance.figure.name,
        "group": acceptance.figure.group,
        "value": _finite(acceptance.found),
        "relation": acceptance.relation,
        "limit": acceptance.limit,
        "unit": acceptance.figure.unit,
        "assured": acceptance.assured,
        "verdict": "pass" if acceptance.met else "fail",
    }


def _table(table: Table) -> list[Mapping[str, Any]]:
    return [
        {
            name: _finite(value) if isinstance(value, float) else value
            for name, value in zip(table.columns, row, strict=True)
        }
        for row in table.rows
    ]
