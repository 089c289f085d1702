"""The table of assays: what is read, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from isletqc.errors import SheetError
from isletqc.load.assays import read

HEADER = "lot,assay,value,unit,entered_by,date,notes\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "assays.csv"


def test_rows_become_the_assays_of_their_lots(table: Path) -> None:
    table.write_text(
        HEADER
        + "H-1,endotoxin,<0.5,EU/kg,J. Doe,2026-11-20,LAL\n"
        + "H-1,stimulation_index,1.8,1,J. Doe,,\n"
        + "H-2,sterility,No growth,positives,R. Roe,,\n"
        + "H-2,endotoxin,,EU/kg,,,\n"
    )
    found = read(table)
    endotoxin, index = found["H-1"]
    assert (endotoxin.bound, endotoxin.value, endotoxin.unit) == ("<", 0.5, "EU/kg")
    assert (endotoxin.entered_by, endotoxin.date, endotoxin.notes) == (
        "J. Doe",
        "2026-11-20",
        "LAL",
    )
    assert (index.bound, index.value) == ("", 1.8)
    awaited, sterility = found["H-2"]
    assert awaited.value is None
    assert sterility.value == 0


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_are_understood(table: Path, delimiter: str) -> None:
    text = HEADER + "H-1,endotoxin,2,EU/kg,J. Doe,,\n"
    table.write_text(text.replace(",", delimiter))
    assert read(table)["H-1"][0].value == 2


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("H-1,endotoxin,1.2.3,EU/kg,J,,", "value: expected a number"),
        ("H-1,endotoxin,-1,EU/kg,J,,", "value: expected a number"),
        ("H-1,endotoxin,nan,EU/kg,J,,", "value: expected a number"),
        ("H-1,endotoxin,1e999,EU/kg,J,,", "value: expected a finite number"),
        ('H-1,endotoxin,"0,5",EU/kg,J,,', "value: expected a number"),
        ("H-1,sterility,negative,EU/kg,J,,", "value: expected the unit positives"),
        ("H-1,endotoxin,1,,J,,", "unit: expected a text"),
        ("H-1,endotoxin,1,EU/kg,,,", "entered_by: expected a text"),
        (",endotoxin,1,EU/kg,J,,", "lot: expected a name"),
        ("H-1,Endo toxin,1,EU/kg,J,,", "assay: expected small letters"),
        ("H-1,endotoxin,1,EU/kg,J,20.11.2026,", "date: expected a day"),
        ("H-1,endotoxin,1,EU/kg,J", "expected 7 columns"),
    ],
)
def test_a_wrong_row_is_refused_with_its_line(table: Path, row: str, said: str) -> None:
    table.write_text(HEADER + "H-0,endotoxin,1,EU/kg,J,,\n" + row + "\n")
    with pytest.raises(SheetError, match=rf"assays\.csv:3: {said}"):
        read(table)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("lot,assay,value,unit", "entered_by: expected this column, found none"),
        ("lot,assay,value,unit,entered_by,who", "who: expected one of"),
        ("lot,lot,assay,value,unit,entered_by", "lot: expected this column once"),
        ("", "expected a header"),
    ],
)
def test_a_wrong_header_is_refused(table: Path, header: str, said: str) -> None:
    table.write_text(header + "\n")
    with pytest.raises(SheetError, match=said):
        read(table)


def test_an_assay_entered_twice_is_refused(table: Path) -> None:
    table.write_text(HEADER + 2 * "H-1,endotoxin,1,EU/kg,J,,\n")
    with pytest.raises(SheetError, match=":3: assay: expected endotoxin of lot H-1 once"):
        read(table)


def test_a_file_that_is_no_text_is_refused(table: Path) -> None:
    table.write_bytes(b"lot,\xff\xfe\x80")
    with pytest.raises(SheetError, match="cannot be read as UTF-8"):
        read(table)
    with pytest.raises(SheetError, match="cannot be read"):
        read(table.with_name("none.csv"))
