"""Sample sheets: what is understood, and every fault with file, line and column."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from isletqc.errors import SheetError
from isletqc.load import sheet

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Write a sheet beside the pictures ``a.tif`` to ``d.tif``."""
    for name in "abcd":
        (tmp_path / f"{name}.tif").write_bytes(name.encode())

    def write(*lines: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "samples.csv"
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return path

    return write


def faults(path: Path) -> list[str]:
    with pytest.raises(SheetError) as caught:
        sheet.read(path)
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]


def test_two_columns_are_enough(make: Make, tmp_path: Path) -> None:
    (sample,) = sheet.read(make("image,lot", "a.tif,L1"))
    assert (sample.lot, sample.specimen, sample.role) == ("L1", "1", "sample")
    assert Path(sample.image) == tmp_path.resolve() / "a.tif"
    assert sample.pixel_size_um is None
    assert sample.stain is None


def test_all_columns_are_read(make: Make) -> None:
    (sample,) = sheet.read(
        make(
            ",".join(sheet.COLUMNS),
            'a.tif,L1,2,dithizone,2.356,100,20,250,70.5,3,later,5,control,"odd, but fine"',
        )
    )
    assert sample.specimen == "2"
    assert sample.stain == "dithizone"
    assert (sample.pixel_size_um, sample.aliquot_ul, sample.dilution) == (2.356, 100, 20)
    assert (sample.suspension_ml, sample.recipient_kg, sample.settled_tissue_ml) == (250, 70.5, 3)
    assert (sample.infusion, sample.day, sample.role) == ("later", 5, "control")
    assert sample.notes == "odd, but fine"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_delimiters_and_byte_order_marks(make: Make, delimiter: str, encoding: str) -> None:
    lines = (delimiter.join(("image", "lot", "notes")), delimiter.join(("a.tif", "Los µ", "")))
    assert sheet.read(make(*lines, encoding=encoding))[0].lot == "Los µ"


def test_blank_lines_and_spaces_do_no_harm(make: Make) -> None:
    samples = sheet.read(make("image , lot", "", " a.tif , L 1 ", ",", "b.tif,L 1", ""))
    assert [s.lot for s in samples] == ["L 1", "L 1"]


def test_windows_line_ends_are_read(make: Make) -> None:
    path = make("image,lot", "a.tif,L1")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert len(sheet.read(path)) == 1


def test_pictures_may_lie_elsewhere(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "sheets"
    folder.mkdir()
    inside = folder / "samples.csv"
    inside.write_text(f"image,lot\n../a.tif,L1\n{tmp_path / 'b.tif'},L1\n")
    first, second = sheet.read(inside)
    assert Path(first.image).samefile(tmp_path / "a.tif")
    assert Path(second.image).samefile(tmp_path / "b.tif")


def test_facts_of_a_lot_may_stand_in_one_of_its_rows(make: Make) -> None:
    samples = sheet.read(
        make(
            "image,lot,specimen,suspension_ml,aliquot_ul,stain",
            "a.tif,L1,1,,100,",
            "b.tif,L1,1,250,,dithizone",
            "c.tif,L1,2,,50,",
            "d.tif,L2,1,,,",
        )
    )
    assert [s.suspension_ml for s in samples] == [250, 250, 250, None]
    assert [s.aliquot_ul for s in samples] == [100, 100, 50, None]
    assert [s.stain for s in samples] == ["dithizone"] * 3 + [None]


def test_all_faults_are_told_at_once_in_the_order_of_lines(make: Make) -> None:
    found = faults(
        make(
            "image,lot,aliquot_ul,stain",
            "a.tif,L1,-5,",
            "none.tif,L1,100,dithizon",
            "b.tif,,100,",
        )
    )
    assert [fault.split(": ")[0] for fault in found] == ["2", "3", "3", "4"]
    assert found[0] == "2: aliquot_ul: expected a number from 1 to 100000 (uL), found '-5'"
    assert found[1].startswith("3: image: expected a picture file, found no such file")
    assert found[2].startswith("3: stain: expected dithizone or brightfield or")
    assert found[3] == "4: lot: expected a value, found none"


def test_unknown_columns_are_refused_by_name(make: Make) -> None:
    (fault,) = faults(make("image,lot,Aliquot µl", "a.tif,L1,100"))
    assert fault.startswith("1: Aliquot µl: expected a known column")
    assert "perhaps aliquot_ul" in fault


def test_duplicate_columns_are_refused_by_name(make: Make) -> None:
    assert faults(make("image,lot,lot", "a.tif,1,2")) == ["1: lot: expected once, found 2 times"]


@pytest.mark.parametrize("name", ["image", "lot"])
def test_needed_columns_are_asked_for(make: Make, name: str) -> None:
    header = {"image": "lot", "lot": "image"}[name]
    assert faults(make(f"{header},notes", "x,y")) == [
        f"1: {name}: expected this column, found none"
    ]


def test_a_decimal_comma_is_refused_with_a_hint(make: Make) -> None:
    (fault,) = faults(make("image;lot;recipient_kg", "a.tif;L1;70,5"))
    assert "found '70,5'; write 70.5 with a decimal point" in fault


def test_a_row_of_another_width_is_refused(make: Make) -> None:
    (fault,) = faults(make("image,lot,recipient_kg", "a.tif,L1,70,5"))
    assert fault.startswith("2: row: expected 3 columns as in the header, found 4")


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e999", "abc", "1 000", "0x10", "١"])
@pytest.mark.parametrize("column", sorted(set(sheet.RANGES) - {"day"}))
def test_zero_negative_and_absurd_values_are_refused(make: Make, column: str, value: str) -> None:
    (fault,) = faults(make(f"image,lot,{column}", f"a.tif,L1,{value}"))
    assert fault.startswith(f"2: {column}: expected a number from")


@pytest.mark.parametrize("column", sorted(sheet.RANGES))
def test_the_ends_of_the_ranges_are_allowed(make: Make, column: str) -> None:
    low, high, _ = sheet.RANGES[column]
    for value in (low, high):
        (sample,) = sheet.read(make(f"image,lot,{column}", f"a.tif,L1,{value}"))
        assert getattr(sample, column) == value


@pytest.mark.parametrize(
    ("column", "value"),
    [("stain", "Dithizone"), ("infusion", "second"), ("role", "blank")],
)
def test_words_must_be_known(make: Make, column: str, value: str) -> None:
    (fault,) = faults(make(f"image,lot,{column}", f"a.tif,L1,{value}"))
    assert fault.startswith(f"2: {column}: expected")
    assert f"found '{value}'" in fault


def test_the_same_file_twice_is_refused(make: Make) -> None:
    (fault,) = faults(make("image,lot", "a.tif,L1", "b.tif,L1", "./a.tif,L2"))
    assert fault.startswith("4: image: expected each file once")
    assert "line 2" in fault


def test_a_link_to_the_same_file_is_the_same_file(make: Make, tmp_path: Path) -> None:
    (tmp_path / "link.tif").symlink_to(tmp_path / "a.tif")
    os.link(tmp_path / "b.tif", tmp_path / "hard.tif")
    found = faults(make("image,lot", "a.tif,L1", "link.tif,L1", "b.tif,L1", "hard.tif,L1"))
    assert [fault.split(":")[0] for fault in found] == ["3", "5"]


def test_names_that_differ_in_case_alone_are_the_same_file(make: Make, tmp_path: Path) -> None:
    (tmp_path / "A.tif").write_bytes(b"x")
    (fault,) = faults(make("image,lot", "a.tif,L1", "A.tif,L1"))
    assert fault.startswith("3: image: expected each file once")


def test_a_name_in_another_case_is_hinted_at(make: Make) -> None:
    (fault,) = faults(make("image,lot", "B.TIF,L1"))
    # On file systems that ignore case the picture is simply found.
    assert "there is 'b.tif': case matters" in fault


def test_a_folder_is_no_picture(make: Make, tmp_path: Path) -> None:
    (tmp_path / "e.tif").mkdir()
    (fault,) = faults(make("image,lot", "e.tif,L1"))
    assert "folder" in fault


def test_mixed_stains_in_a_lot_are_refused(make: Make) -> None:
    (fault,) = faults(make("image,lot,stain", "a.tif,L1,dithizone", "b.tif,L1,brightfield"))
    assert fault == ("3: stain: expected dithizone as in line 2 of the same lot, found brightfield")


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("suspension_ml", ("250", "240")),
        ("recipient_kg", ("70", "71")),
        ("settled_tissue_ml", ("3", "4")),
        ("infusion", ("first", "later")),
    ],
)
def test_facts_of_a_lot_must_agree(make: Make, column: str, values: tuple[str, str]) -> None:
    lines = (f"image,lot,{column}", f"a.tif,L1,{values[0]}", f"b.tif,L1,{values[1]}")
    (fault,) = faults(make(*lines))
    assert fault.startswith(f"3: {column}: expected {values[0]} as in line 2 of the same lot")
    other_lot = (*lines[:2], f"b.tif,L2,{values[1]}")
    assert len(sheet.read(make(*other_lot))) == 2


@pytest.mark.parametrize("column", ["aliquot_ul", "dilution", "day"])
def test_facts_of_a_specimen_must_agree(make: Make, column: str) -> None:
    head = f"image,lot,specimen,{column}"
    (fault,) = faults(make(head, "a.tif,L1,1,10", "b.tif,L1,1,20"))
    assert fault.startswith(f"3: {column}: expected 10 as in line 2 of the same specimen")
    assert len(sheet.read(make(head, "a.tif,L1,1,10", "b.tif,L1,2,20"))) == 2


@pytest.mark.parametrize("bad", ["a\tb", "a\x07b", "a\x1bb", "a\u2028b"])
def test_control_characters_are_refused(make: Make, bad: str) -> None:
    (fault,) = faults(make("image;lot", f"a.tif;{bad}"))
    assert "control character" in fault


def test_lot_names_keep_any_text(make: Make) -> None:
    name = "患者 №7 / batch “β”, =1+1"
    assert sheet.read(make("image,lot", f'a.tif,"{name}"'))[0].lot == name


def test_long_names_are_refused(make: Make) -> None:
    assert sheet.read(make("image,lot", f"a.tif,{'x' * 200}"))
    (fault,) = faults(make("image,lot", f"a.tif,{'x' * 201}"))
    assert "at most 200 characters, found 201" in fault


def test_lines_are_counted_through_quoted_line_breaks(make: Make) -> None:
    found = faults(make("image,lot,notes", 'a.tif,L1,"two', 'lines"', "none.tif,L1,"))
    assert found[0].startswith("4: image:")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "1: expected a header"),
        (b"image,lot\n", "1: expected at least one row"),
        (b"image,lot\na.tif,L\xb5\n", "2: expected UTF-8 text, found byte 0xb5"),
        ("image,lot\na.tif,L1\n".encode("utf-16"), "1: expected a CSV file in UTF-8"),
        (b"PK\x03\x04", "1: expected a CSV file"),
        (b"image,lot\na.tif,L\0\n", "2: expected text, found a zero byte"),
        (b'image,lot\n"a.tif,L1\n', "not valid CSV"),
    ],
)
def test_what_is_no_sheet_is_refused(make: Make, data: bytes, what: str) -> None:
    path = make("image,lot")
    path.write_bytes(data)
    assert what in faults(path)[0]


def test_a_missing_sheet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SheetError, match=r"none\.csv: the sample sheet cannot be read: No such"):
        sheet.read(tmp_path / "none.csv")


def test_a_sheet_that_is_a_folder_or_far_too_large_is_refused_unread(tmp_path: Path) -> None:
    with pytest.raises(SheetError, match="found a folder or device"):
        sheet.read(tmp_path)
    with (tmp_path / "large.csv").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(SheetError, match="over 64 MB"):
        sheet.read(tmp_path / "large.csv")
