"""The CSV files of a run -> ``results.xlsx``: lots, images, objects and the protocol's facts.

Names and reasons are text cells whatever they look like, so no spreadsheet runs them; numbers are
numbers, with the unit in the column's name as in the CSV files.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from isletqc.report import extras
from isletqc.report.files import write_bytes_atomically

FILE = "results.xlsx"
_SHEETS = ("lots", "images", "objects", "nuclei")
_NUMBER_STARTS = frozenset("-0123456789")
# Never numbers, even where they look like one: a lot may be called 0012 or 1e5.
_TEXTS = frozenset(
    (
        *("image", "lot", "specimen", "role", "class", "verdict", "reason", "flags", "method"),
        *("um_per_px_source", "path", "folder", "sha256", "exclusion_reason", "infusion", "notes"),
    )
)
_LONGEST = 32_000
_TRUTH = {"true": True, "false": False}


def check() -> None:
    """Refuse early where a workbook cannot be written.

    Raises
    ------
    UsageError
        openpyxl is missing.
    """
    extras.require("openpyxl", "Excel")


def write_workbook(out: Path, document: Mapping[str, Any]) -> Path:
    """Write ``results.xlsx`` beside the CSV files of a run; gives its path.

    Parameters
    ----------
    out : folder of a finished run
    document : its ``results.json``

    Raises
    ------
    UsageError
        openpyxl is missing.
    OSError
        A CSV file cannot be read, or the folder cannot be written.
    """
    check()
    from openpyxl import Workbook  # type: ignore[import-untyped]

    # Reasons may be as long as a picture's path.
    csv.field_size_limit(sys.maxsize)
    book = Workbook(write_only=True)
    for name in _SHEETS:
        if (out / f"{name}.csv").is_file():
            _add_sheet(book, name, _table(out / f"{name}.csv"))
    _add_sheet(book, "protocol", ([key, value] for key, value in _facts(document)))
    stream = io.BytesIO()
    book.save(stream)
    write_bytes_atomically(out / FILE, stream.getvalue())
    return out / FILE


def _facts(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "name", "value"
    yield "schema_version", document["schema_version"]
    yield "verdict", document["verdict"]
    for key, value in document["protocol"].items():
        yield f"protocol {key}", value
    for key in ("name", "sha256"):
        yield f"network {key}", (document["network"] or {}).get(key)


def _table(path: Path) -> Iterator[list[Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        columns = next(rows)
        yield list(columns)
        for row in rows:
            yield [_typed(name, text) for name, text in zip(columns, row, strict=True)]


def _typed(column: str, text: str) -> Any:
    if not text:
        return None
    if column not in _TEXTS and not column.endswith(("_verdict", "_reason")):
        if text in _TRUTH:
            return _TRUTH[text]
        if text[0] in _NUMBER_STARTS:
            try:
                return float(text) if "." in text else int(text)
            except ValueError:
                return text
    # The CSV file's apostrophe before =, +, - or @ is needless in a cell that is text.
    return text[1:] if text.startswith("'") and len(text) > 1 else text


def _add_sheet(book: Any, name: str, rows: Iterable[list[Any]]) -> None:
    from openpyxl.cell import WriteOnlyCell  # type: ignore[import-untyped]
    from openpyxl.styles import Font  # type: ignore[import-untyped]

    sheet = book.create_sheet(name)
    sheet.freeze_panes = "B2"
    for number, row in enumerate(rows):
        cells = []
        for value in row:
            cell = WriteOnlyCell(sheet, _legal(value) if isinstance(value, str) else value)
            if isinstance(value, str):
                cell.data_type = "s"  # text that starts with = would become a formula
            if number == 0:
                cell.font = Font(bold=True)
            cells.append(cell)
        sheet.append(cells)


def _legal(text: str) -> str:
    """Cut to what a cell holds; characters that XML has no way to write are replaced."""
    legal = (c if c in "\t\n\r" or c >= " " else "\ufffd" for c in text[:_LONGEST])
    return "".join(legal).encode("utf-8", errors="replace").decode("utf-8")
