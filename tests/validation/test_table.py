"""CSV files: what is read, and that every fault is told with file, line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from isletqc.errors import UsageError
from isletqc.validation import table
from isletqc.validation.study import Kind


def faults(tmp_path: Path, kind: Kind, text: str) -> list[str]:
    path = tmp_path / "m.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        table.read(path, kind)
    return str(caught.value).replace(str(path), "m.csv").splitlines()


def test_rows_come_with_their_names_and_the_hash_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(b"\xef\xbb\xbfSample, value ,notes\r\nA, 1.5 ,x\r\n\r\nB,2e1,\r\n")
    read = table.read(path, "repeatability")
    assert read.rows == (
        {"sample": "A", "value": 1.5, "notes": "x"},
        {"sample": "B", "value": 20.0, "notes": ""},
    )
    assert len(read.sources[0].sha256) == 64


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("repeatability", "day\n1\n", "m.csv:1: value: this column is missing"),
        ("repeatability", "", "m.csv:1: value: this column is missing; found nothing"),
        ("repeatability", "value\n", "m.csv:2: expected measurements"),
        ("repeatability", "value,colour\n1,red\n", "m.csv:1: colour: unknown column; known are"),
        ("repeatability", "value,value\n1,2\n", "m.csv:1: value: this column is there twice"),
        ("repeatability", "value\n1\ntwo\n", "m.csv:3: value: expected a number"),
        ("repeatability", "value\n1\nnan\n", "m.csv:3: value: expected a number"),
        ("repeatability", "value\n1_000\n", "m.csv:2: value: expected a number"),
        ("repeatability", 'value\n"1,5"\n', "m.csv:2: value: expected a number with a decimal"),
        ("repeatability", "value,day\n,1\n", "m.csv:2: value: expected a value, found an empty"),
        ("repeatability", "value,day\n1\n", "m.csv:2: (row): expected 2 cells, found 1"),
        ("linearity", "value\n1\n", "m.csv:1: fraction or dilution: expected exactly one"),
        ("linearity", "value,dilution\n1,0\n", "m.csv:2: dilution: expected a number over 0"),
        ("agreement", "reference\n1\n", "m.csv:1: test: this column is missing"),
        ("gage", "part,operator,value\n1,,2\n", "m.csv:2: operator: expected a value"),
    ],
)
def test_each_fault_names_file_line_and_column(
    tmp_path: Path, kind: Kind, text: str, expected: str
) -> None:
    assert faults(tmp_path, kind, text)[0].startswith(expected)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    found = faults(tmp_path, "gage", "part,operator,value\n,A,x\n1,,2\n")
    assert [fault.split(": ")[0] + " " + fault.split(": ")[1] for fault in found] == [
        "m.csv:2 part",
        "m.csv:2 value",
        "m.csv:3 operator",
    ]


def test_a_hopeless_file_does_not_flood_the_terminal(tmp_path: Path) -> None:
    found = faults(tmp_path, "repeatability", "value\n" + "x\n" * 500)
    assert len(found) == 21
    assert found[-1] == "and 480 more faults"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_what_is_no_text_is_refused_by_name(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "m.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"m\.csv: expected a CSV file in UTF-8"):
        table.read(path, "gage")
