"""CSV file of measurements -> rows; every fault with file, line and column, none left out."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from isletqc.errors import UsageError
from isletqc.validation.study import Kind, Observations, Row, Source

_FREE = ("notes",)
_MOST_FAULTS = 20


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns that a kind of study reads.

    ``needed`` must be there and filled; of ``one_of`` exactly one; ``numbers`` are numbers, of
    which ``positive`` are over 0.
    """

    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ("value",)
    positive: tuple[str, ...] = ()


COLUMNS: Mapping[Kind, Columns] = {
    "repeatability": Columns(("value",), optional=("sample", "site", "day", "run")),
    "linearity": Columns(
        ("value",),
        one_of=("fraction", "dilution"),
        numbers=("value", "fraction", "dilution"),
        positive=("fraction", "dilution"),
    ),
    "agreement": Columns(
        ("reference", "test"), optional=("sample",), numbers=("reference", "test")
    ),
    "gage": Columns(("part", "operator", "value")),
}


def read(path: Path, kind: Kind) -> Observations:
    """Read the measurements of a study.

    Raises
    ------
    UsageError
        The file cannot be read, or a column or cell is wrong; one ``file:line: column: what``
        for each fault.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise UsageError(f"{path}: expected a CSV file in UTF-8: {e}") from e
    reader = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip().lower() for name in next(reader, [])]
    columns = COLUMNS[kind]
    faults = [f"{path}:1: {fault}" for fault in _header_faults(header, columns)]
    if faults:
        raise UsageError("\n".join(faults))
    rows: list[Row] = []
    for cells in reader:
        if any(cell.strip() for cell in cells):
            row, wrong = _row(header, cells, columns)
            rows.append(row)
            faults += [f"{path}:{reader.line_num}: {fault}" for fault in wrong]
    if not rows:
        faults = [f"{path}:2: expected measurements, one a line, found none"]
    if faults:
        more = len(faults) - _MOST_FAULTS
        shown = faults[:_MOST_FAULTS] + ([f"and {more} more faults"] if more > 0 else [])
        raise UsageError("\n".join(shown))
    return Observations(tuple(rows), (Source(str(path), hashlib.sha256(data).hexdigest()),))


def _header_faults(header: Sequence[str], columns: Columns) -> Iterator[str]:
    known = (*columns.needed, *columns.one_of, *columns.optional, *_FREE)
    for name in columns.needed:
        if name not in header:
            yield f"{name}: this column is missing; found {', '.join(header) or 'nothing'}"
    given = [name for name in columns.one_of if name in header]
    if columns.one_of and len(given) != 1:
        yield f"{' or '.join(columns.one_of)}: expected exactly one of these columns"
    for name in header:
        if name not in known:
            yield f"{name or '(no name)'}: unknown column; known are {', '.join(known)}"
    for name in sorted({name for name in header if header.count(name) > 1}):
        yield f"{name}: this column is there twice"


def _row(header: Sequence[str], cells: Sequence[str], columns: Columns) -> tuple[Row, list[str]]:
    if len(cells) != len(header):
        return {}, [f"(row): expected {len(header)} cells, found {len(cells)}"]
    row: dict[str, str | float] = {}
    faults = []
    for name, cell in zip(header, (cell.strip() for cell in cells), strict=True):
        if not cell and name in (*columns.needed, *columns.one_of):
            faults.append(f"{name}: expected a value, found an empty cell")
        elif name in columns.numbers:
            number = _number(cell)
            row[name] = number if number is not None else math.nan
            faults += _number_faults(name, cell, number, columns.positive)
        else:
            row[name] = cell
    return row, faults


def _number(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    # Python reads "1_000" and "nan" as numbers; a laboratory does not mean them so.
    return number if math.isfinite(number) and "_" not in cell else None


def _number_faults(
    name: str, cell: str, number: float | None, positive: Collection[str]
) -> list[str]:
    if number is None:
        return [f"{name}: expected a number with a decimal point, found {cell!r}"]
    if name in positive and not number > 0:
        return [f"{name}: expected a number over 0, found {cell}"]
    return []
