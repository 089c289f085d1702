"""Read a sample sheet: the CSV that ties pictures to lots and lots to their volumes.

One row a picture. Only ``image`` and ``lot`` are needed. Faults are collected, each with file,
line and column, and raised together before anything runs. Facts of a lot (suspension volume,
recipient, ...) and of a specimen (aliquot, dilution, day) may stand in any of its rows; every row
of the lot or specimen then carries them.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from isletqc.errors import SheetError
from isletqc.load import location
from isletqc.records import Sample, Stain

COLUMNS = (
    "image", "lot", "specimen", "stain", "pixel_size_um", "aliquot_ul", "dilution",
    "suspension_ml", "recipient_kg", "settled_tissue_ml", "infusion", "day", "role", "notes",
)  # fmt: skip
_REQUIRED = ("image", "lot")
_CHOICES = {
    "stain": get_args(Stain),
    "infusion": ("first", "later"),
    "role": ("sample", "control"),
}
# Plausible values: below and above lie slips of unit (mL for uL, g for kg) and of the point.
RANGES = {
    "pixel_size_um": (0.05, 100.0, "um per pixel"),
    "aliquot_ul": (1.0, 100_000.0, "uL"),
    "dilution": (1.0, 10_000.0, "times"),
    "suspension_ml": (0.1, 20_000.0, "mL"),
    "recipient_kg": (0.01, 400.0, "kg"),
    "settled_tissue_ml": (0.01, 200.0, "mL"),
    "day": (0.0, 1000.0, "days"),
}
_OF_LOT = ("stain", "suspension_ml", "recipient_kg", "settled_tissue_ml", "infusion")
_OF_SPECIMEN = ("aliquot_ul", "dilution", "day")
_DELIMITERS = (",", ";", "\t")
_MAX_NAME, _MAX_NOTES, _MAX_BYTES = 200, 5000, 64 * 2**20
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_COMMA_NUMBER = re.compile(r"[+-]?[0-9]+,[0-9]+")


@dataclass(frozen=True, slots=True)
class _Row:
    """One row: its line in the file and its cells, checked, by column."""

    line: int
    cells: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Fault:
    line: int
    what: str


def read(path: Path) -> tuple[Sample, ...]:
    """Read and check a sample sheet.

    Parameters
    ----------
    path : CSV in UTF-8, with comma, semicolon or tab between the columns

    Returns
    -------
    tuple of Sample
        In the order of the rows; ``image`` is a full path, resolved against the sheet's folder.

    Raises
    ------
    SheetError
        All faults, one a line: ``file:line: column: expected ..., found ...``.
    """
    path = Path(path)
    header_line, header, records = _parse(path)
    faults = _header_faults(header_line, header)
    if faults:
        raise _error(path, faults)
    rows: list[_Row] = []
    for line, record in records:
        row, found = _row(line, header, record, path.parent)
        rows.append(row)
        faults += found
    if not rows:
        faults.append(_Fault(header_line, "expected at least one row below the header, found none"))
    faults += _repeated_files(rows)
    faults += _contradictions(rows, ("lot",), _OF_LOT)
    faults += _contradictions(rows, ("lot", "specimen"), _OF_SPECIMEN)
    if faults:
        raise _error(path, faults)
    shared = _shared(_shared(rows, ("lot",), _OF_LOT), ("lot", "specimen"), _OF_SPECIMEN)
    return tuple(Sample(**row.cells) for row in shared)


def _error(path: Path, faults: Sequence[_Fault]) -> SheetError:
    in_order = sorted(faults, key=lambda fault: fault.line)
    return SheetError("\n".join(f"{path}:{fault.line}: {fault.what}" for fault in in_order))


def _parse(path: Path) -> tuple[int, list[str], list[tuple[int, list[str]]]]:
    """Split a sheet into its header and its rows that are not blank, each with its line."""
    lines = _records(_text(path), path)
    if not lines:
        raise SheetError(f"{path}:1: expected a header with the columns image and lot, found none")
    (header_line, header), *records = lines
    return header_line, [name.strip() for name in header], records


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise SheetError(f"{path}: expected a CSV file, found a folder or device")
        if path.stat().st_size > _MAX_BYTES:
            raise SheetError(f"{path}: expected a sample sheet, found a file of over 64 MB")
        data = path.read_bytes()
    except (OSError, ValueError) as e:
        cause = getattr(e, "strerror", None) or e
        raise SheetError(f"{path}: the sample sheet cannot be read: {cause}") from e
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"PK")):
        raise SheetError(f"{path}:1: expected a CSV file in UTF-8; save it as 'CSV UTF-8'")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        raise SheetError(
            f"{path}:{line}: expected UTF-8 text, found byte {data[e.start]:#04x}; "
            "save it as 'CSV UTF-8'"
        ) from e
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SheetError(f"{path}:{line}: expected text, found a zero byte")
    return text


def _records(text: str, path: Path) -> list[tuple[int, list[str]]]:
    first = next((line for line in text.splitlines() if line.strip()), "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(first), strict=True)
    records, line = [], 1
    try:
        for record in reader:
            if any(cell.strip() for cell in record):
                records.append((line, record))
            line = reader.line_num + 1
    except csv.Error as e:
        raise SheetError(f"{path}:{reader.line_num}: not valid CSV: {e}") from e
    return records


def _delimiter(header: str) -> str:
    """Choose the delimiter that makes the most known columns of a header."""

    def known(delimiter: str) -> int:
        return sum(cell.strip().strip('"') in COLUMNS for cell in header.split(delimiter))

    return max(_DELIMITERS, key=known)


def _header_faults(line: int, header: list[str]) -> list[_Fault]:
    unknown = [
        f"{name or 'column'}: expected a known column, found {name!r}{_likely(name)}"
        for name in header
        if name not in COLUMNS
    ]
    twice = [
        f"{name}: expected once, found {header.count(name)} times"
        for name in dict.fromkeys(header)
        if name in COLUMNS and header.count(name) > 1
    ]
    missing = [f"{name}: expected this column, found none" for name in _REQUIRED]
    missing = [what for what in missing if what.partition(":")[0] not in header]
    return [_Fault(line, what) for what in (*unknown, *twice, *missing)]


def _likely(name: str) -> str:
    near = difflib.get_close_matches(name.lower().replace(" ", "_"), COLUMNS, n=1)
    return f"; perhaps {near[0]}" if near else f"; known are {', '.join(COLUMNS)}"


def _row(
    line: int, header: list[str], record: list[str], folder: Path
) -> tuple[_Row, list[_Fault]]:
    if len(record) != len(header):
        what = (
            f"row: expected {len(header)} columns as in the header, found {len(record)}; texts "
            "with the delimiter need quotes, decimals a point"
        )
        return _Row(line, {}), [_Fault(line, what)]
    cells: dict[str, Any] = {}
    faults: list[_Fault] = []
    for name, cell in zip(header, record, strict=True):
        value, fault = _cell(name, cell.strip(), folder)
        if fault:
            faults.append(_Fault(line, f"{name}: {fault}"))
        elif value is not None:
            cells[name] = value
    return _Row(line, cells), faults


def _cell(name: str, text: str, folder: Path) -> tuple[Any, str]:
    """Turn one cell into its value, or give the fault in it."""
    if not text:
        return None, "expected a value, found none" if name in _REQUIRED else ""
    if name in _CHOICES:
        choices = _CHOICES[name]
        fault = f"expected {' or '.join(choices)}, found {text!r}"
        return (text, "") if text in choices else (None, fault)
    if name in RANGES:
        return _number(name, text)
    fault = _text_fault(text, _MAX_NOTES if name == "notes" else _MAX_NAME, notes=name == "notes")
    if name == "image":
        fault = _text_fault(text, _MAX_NOTES, notes=False) or _file_fault(folder / text)
        return (str(folder.resolve() / text), fault) if not fault else (None, fault)
    return (text, "") if not fault else (None, fault)


def _number(name: str, text: str) -> tuple[float | None, str]:
    low, high, unit = RANGES[name]
    expected = f"expected a number from {low:g} to {high:g} ({unit})"
    if _COMMA_NUMBER.fullmatch(text):
        point = text.replace(",", ".")
        return None, f"{expected}, found {text!r}; write {point} with a decimal point"
    if not _NUMBER.fullmatch(text) or not low <= float(text) <= high:
        return None, f"{expected}, found {text!r}"
    return float(text), ""


def _text_fault(text: str, longest: int, *, notes: bool) -> str:
    if len(text) > longest:
        return f"expected at most {longest} characters, found {len(text)}"
    allowed = "\n\r\t" if notes else ""
    bad = [c for c in text if unicodedata.category(c) in ("Cc", "Zl", "Zp") and c not in allowed]
    return f"expected plain text, found control character U+{ord(bad[0]):04X}" if bad else ""


def _file_fault(path: Path) -> str:
    file, _ = location.split(path)
    try:
        if file.is_file() or location.is_zarr(file):
            return ""
        if path.exists():
            return f"expected a picture file, found a folder or device: {path}"
        near = [p.name for p in path.parent.iterdir() if p.name.lower() == path.name.lower()]
    except OSError:
        near = []
    hint = f"; there is {near[0]!r}: case matters" if near else ""
    return f"expected a picture file, found no such file: {path}{hint}"


def _repeated_files(rows: Sequence[_Row]) -> list[_Fault]:
    """Find pictures named twice: by another path, a link, or another case."""
    seen: dict[object, int] = {}
    faults = []
    for row in rows:
        if "image" not in row.cells:
            continue
        path = Path(row.cells["image"])
        file, series = location.split(path)
        status = file.stat()
        same = ((status.st_dev, status.st_ino, series), str(path.resolve()).casefold())
        earlier = next((seen[key] for key in same if key in seen), None)
        if earlier is not None:
            what = f"image: expected each file once, found {path.name!r} again (line {earlier})"
            faults.append(_Fault(row.line, what))
        for key in same:
            seen.setdefault(key, row.line)
    return faults


def _contradictions(
    rows: Sequence[_Row], group: tuple[str, ...], facts: tuple[str, ...]
) -> list[_Fault]:
    """Find facts of a lot or specimen that differ between its rows."""
    faults = []
    for name in facts:
        first: dict[tuple[str, ...], _Row] = {}
        for row in (r for r in rows if name in r.cells):
            earlier = first.setdefault(_group(row, group), row)
            if earlier.cells[name] != row.cells[name]:
                what = (
                    f"{name}: expected {_said(earlier.cells[name])} as in line {earlier.line} of "
                    f"the same {group[-1]}, found {_said(row.cells[name])}"
                )
                faults.append(_Fault(row.line, what))
    return faults


def _said(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _group(row: _Row, names: tuple[str, ...]) -> tuple[str, ...]:
    default = {"specimen": Sample.__dataclass_fields__["specimen"].default}
    return tuple(str(row.cells.get(name, default.get(name, ""))) for name in names)


def _shared(
    rows: Sequence[_Row], group: tuple[str, ...], facts: tuple[str, ...]
) -> tuple[_Row, ...]:
    """Give every row of a group the facts that one of its rows states."""
    known: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        stated = {name: row.cells[name] for name in facts if name in row.cells}
        known.setdefault(_group(row, group), {}).update(stated)
    return tuple(_Row(row.line, known[_group(row, group)] | row.cells) for row in rows)
