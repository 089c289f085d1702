"""Read a table of assays: figures of a lot that people type in, such as endotoxin or sterility.

A CSV with one row an assay: ``lot, assay, value, unit, entered_by`` and, where wanted, ``date`` and
``notes``. A value is a number of 0 or more; ``<0.05`` or ``>16`` where only a bound was found;
``negative`` or ``positive`` where the unit is ``positives``; empty while the result is awaited.
Faults are collected, each with file, line and column, and raised together.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from isletqc.errors import SheetError
from isletqc.records import Assay

COLUMNS = ("lot", "assay", "value", "unit", "entered_by", "date", "notes")
REQUIRED = ("lot", "assay", "value", "unit", "entered_by")
# Cultures, stains and inspections say yes or no; as a number of positives they can have a limit.
_WORDS = {"negative": 0.0, "no growth": 0.0, "positive": 1.0, "growth": 1.0}
_WORD_UNIT = "positives"
_NUMBER = re.compile(r"([<>]?)\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE]([+-]?[0-9]+))?")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LONGEST = 5000


def read(path: Path) -> Mapping[str, tuple[Assay, ...]]:
    """Read a table of assays.

    Parameters
    ----------
    path : CSV in UTF-8, with comma, semicolon or tab between the columns

    Returns
    -------
    mapping
        Lot -> its assays in order of name.

    Raises
    ------
    SheetError
        All faults, one a line: ``file:line: column: expected ..., found ...``.
    """
    rows = _rows(path)
    faults: list[str] = []
    found: dict[str, dict[str, Assay]] = {}
    for line, row in rows:
        assay, wrong = _assay(row)
        lot = row["lot"]
        if assay is not None and assay.name in found.get(lot, {}):
            wrong.append(f"assay: expected {assay.name} of lot {lot} once, found it again")
        elif assay is not None:
            found.setdefault(lot, {})[assay.name] = assay
        faults += [f"{path}:{line}: {what}" for what in wrong]
    if faults:
        raise SheetError("\n".join(faults))
    return {lot: tuple(by_name[n] for n in sorted(by_name)) for lot, by_name in found.items()}


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as e:
        raise SheetError(f"{path}: the table of assays cannot be read as UTF-8 text: {e}") from e
    header_line = text.partition("\n")[0]
    delimiter = max(",;\t", key=header_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        lines = [(reader.line_num, [c.strip() for c in cells]) for cells in reader if any(cells)]
    except csv.Error as e:
        raise SheetError(f"{path}:{reader.line_num}: not valid CSV: {e}") from e
    if not lines:
        raise SheetError(f"{path}:1: expected a header with {', '.join(REQUIRED)}, found none")
    (_, header), *rows = lines
    _check_header(path, header)
    for line, cells in rows:
        if len(cells) != len(header):
            raise SheetError(
                f"{path}:{line}: expected {len(header)} columns as in the header, found "
                f"{len(cells)}; texts with the delimiter need quotes, decimals a point"
            )
    return [(line, dict(zip(header, cells, strict=True))) for line, cells in rows]


def _check_header(path: Path, header: Sequence[str]) -> None:
    faults = [
        f"{name or 'column'}: expected one of {', '.join(COLUMNS)}, found {name!r}"
        for name in header
        if name not in COLUMNS
    ]
    faults += [f"{n}: expected this column once, found it {header.count(n)} times"
               for n in dict.fromkeys(header) if n in COLUMNS and header.count(n) > 1]  # fmt: skip
    faults += [f"{n}: expected this column, found none" for n in REQUIRED if n not in header]
    if faults:
        raise SheetError("\n".join(f"{path}:1: {fault}" for fault in faults))


def _assay(row: Mapping[str, str]) -> tuple[Assay | None, list[str]]:
    """Turn one row into an assay, or say what is wrong with it."""
    bound, value, fault = _value(row["value"], row["unit"])
    faults = [f"value: {fault}"] if fault else []
    if not row["lot"]:
        faults.append("lot: expected a name, found none")
    if not _NAME.fullmatch(row["assay"]):
        faults.append(
            "assay: expected small letters, digits and _ such as stimulation_index, found "
            f"{row['assay']!r}"
        )
    faults += [
        f"{name}: expected a text, found none"
        for name in ("unit", "entered_by")
        if row["value"] and not row[name]
    ]
    faults += [
        f"{name}: expected at most {_LONGEST} plain characters"
        for name, text in row.items()
        if len(text) > _LONGEST or not text.replace("\n", "").replace("\t", "").isprintable()
    ]
    if row.get("date") and not _is_day(row["date"]):
        faults.append(f"date: expected a day such as 2026-11-20, found {row['date']!r}")
    if faults:
        return None, faults
    assay = Assay(
        name=row["assay"],
        value=value,
        unit=row["unit"],
        entered_by=row["entered_by"],
        bound=bound,  # type: ignore[arg-type]
        date=row.get("date", ""),
        notes=row.get("notes", ""),
    )
    return assay, []


def _value(text: str, unit: str) -> tuple[str, float | None, str]:
    """Give bound, number and fault of a cell."""
    if not text:
        return "", None, ""
    if text.casefold() in _WORDS:
        if unit == _WORD_UNIT:
            return "", _WORDS[text.casefold()], ""
        return "", None, f"expected the unit {_WORD_UNIT} beside {text!r}, found {unit!r}"
    match = _NUMBER.fullmatch(text)
    if match is None:
        what = "a number of 0 or more with a decimal point, < or > and a number, or nothing"
        return "", None, f"expected {what}, found {text!r}"
    sign, digits, power = match.groups()
    value = float(f"{digits}e{power or 0}")
    if value == float("inf"):
        return "", None, f"expected a finite number, found {text!r}"
    return sign, value, ""


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
