from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from isletqc import protocol
from isletqc.errors import UsageError
from isletqc.records import Sample
from isletqc.run import inputs


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two lots in folders, one picture beside them; only names matter here."""
    for name in ("top.tif", "A/2.tif", "A/1.png", "B/1.tif", "B/day 3/1.JPG"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "in"


def found(*paths: Path, sheet: Path | None = None) -> inputs.Inputs:
    return inputs.gather(paths, sheet=sheet, out=Path("out"))


def lots(samples: tuple[Sample, ...]) -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    for sample in samples:
        named.setdefault(sample.lot, []).append(Path(sample.image).name)
    return named


def test_each_folder_is_a_lot_of_one_specimen_and_files_are_in_order(tree: Path) -> None:
    gathered = found(tree)
    assert lots(gathered.samples) == {
        "in": ["top.tif"],
        "A": ["1.png", "2.tif"],
        "B": ["1.tif"],
        "B/day 3": ["1.JPG"],
    }
    assert {s.specimen for s in gathered.samples} == {"1"}
    assert gathered.notes == ()


def test_a_file_belongs_to_the_lot_of_its_folder(tree: Path) -> None:
    assert lots(found(tree / "A" / "1.png").samples) == {"A": ["1.png"]}


def test_a_picture_given_twice_is_analysed_once(tree: Path) -> None:
    (tree / "link.tif").symlink_to(tree / "top.tif")
    gathered = found(tree / "A", tree / "A" / "1.png", tree / "A", tree)
    assert len(gathered.samples) == 5


def test_folders_of_one_name_stay_two_lots(tmp_path: Path) -> None:
    for parent in ("x", "y"):
        (tmp_path / parent / "lot").mkdir(parents=True)
        (tmp_path / parent / "lot" / "1.tif").write_bytes(parent.encode())
    assert len(lots(found(tmp_path / "x" / "lot", tmp_path / "y" / "lot").samples)) == 2


def test_what_is_left_out_is_named(tree: Path) -> None:
    (tree / "A" / "notes.txt").touch()
    (tree / "A" / "samples.csv").touch()
    (tree / ".DS_Store").touch()
    (tree / "old" / "images").mkdir(parents=True)
    (tree / "old" / "log.jsonl").touch()
    (tree / "old" / "images" / "1.tif").touch()
    notes = " | ".join(found(tree).notes)
    assert "notes.txt" in notes
    assert "samples.csv is not used: name it with -s" in notes
    assert "results of earlier runs, so not searched" in notes
    assert ".DS_Store" not in notes
    assert "old" not in lots(found(tree).samples)


def test_the_output_folder_is_never_searched(tree: Path) -> None:
    (tree / "out" / "images" / "1").mkdir(parents=True)
    (tree / "out" / "images" / "1" / "labels.ome.tif").touch()
    inside = inputs.gather([tree], sheet=None, out=tree / "out")
    same = inputs.gather([tree / "out"], sheet=None, out=tree / "A")
    assert not any("out" in s.image.removeprefix(str(tree)) for s in inside.samples)
    assert len(same.samples) == 1
    with pytest.raises(UsageError, match="no pictures"):
        inputs.gather([tree / "out"], sheet=None, out=tree / "out")


def test_nothing_to_analyse_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or folder"):
        found(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no pictures in"):
        found(tmp_path)
    with pytest.raises(UsageError, match="found none"):
        found()


# With a sheet


@pytest.fixture
def sheet(tree: Path) -> Path:
    path = tree / "samples.csv"
    path.write_text("image,lot\nA/1.png,one\nA/2.tif,one\nB/1.tif,two\n", encoding="utf-8")
    return path


def test_a_sheet_alone_names_the_pictures(sheet: Path) -> None:
    assert lots(found(sheet=sheet).samples) == {"one": ["1.png", "2.tif"], "two": ["1.tif"]}


def test_paths_choose_whole_lots_of_the_sheet(tree: Path, sheet: Path) -> None:
    gathered = found(tree / "A" / "1.png", sheet=sheet)
    assert lots(gathered.samples) == {"one": ["1.png", "2.tif"]}
    assert any("two" in note for note in gathered.notes)


def test_pictures_of_a_folder_that_the_sheet_does_not_list_are_named(
    tree: Path, sheet: Path
) -> None:
    gathered = found(tree, sheet=sheet)
    assert len(gathered.samples) == 3
    (note,) = gathered.notes
    assert note.startswith("not in the sample sheet, so not analysed")
    assert "top.tif" in note


def test_a_picture_given_by_name_must_be_in_the_sheet(tree: Path, sheet: Path) -> None:
    with pytest.raises(UsageError, match="not in the sample sheet"):
        found(tree / "top.tif", sheet=sheet)


SAMPLE = Sample(image="x.tif", lot="1", pixel_size_um=2.0, stain="dithizone")


def test_two_pixel_sizes_for_one_picture_are_refused() -> None:
    inputs.check_pixel_sizes([SAMPLE], None)
    inputs.check_pixel_sizes([SAMPLE], 2.0)
    inputs.check_pixel_sizes([replace(SAMPLE, pixel_size_um=None)], 1.0)
    with pytest.raises(UsageError, match="one place only"):
        inputs.check_pixel_sizes([SAMPLE], 1.0)


def test_a_protocol_for_another_stain_is_refused() -> None:
    inputs.check_stains([SAMPLE], protocol.load("dtz-cit").protocol)
    with pytest.raises(UsageError, match="the sheet says stain dithizone"):
        inputs.check_stains([SAMPLE], protocol.load("sc-islet-brightfield").protocol)


def test_folders_behind_links_are_searched_and_links_in_a_circle_end(tmp_path: Path) -> None:
    store, given = tmp_path / "store" / "lot 7", tmp_path / "given"
    store.mkdir(parents=True)
    given.mkdir()
    (store / "1.tif").write_bytes(b"1")
    (given / "linked").symlink_to(store)
    (store / "back").symlink_to(given)
    assert lots(found(given).samples) == {"linked": ["1.tif"]}


def test_a_picture_that_is_a_link_to_itself_is_kept_to_be_reported(tmp_path: Path) -> None:
    (tmp_path / "loop.tif").symlink_to("loop.tif")
    (tmp_path / "notes").symlink_to("notes")
    given = found(tmp_path)
    assert [Path(s.image).name for s in given.samples] == ["loop.tif"]
    assert "notes" in "\n".join(given.notes)


def test_a_folder_that_cannot_be_searched_is_refused_by_name(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == "B":
            raise PermissionError(13, "Permission denied", str(path))
        return whole(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", scandir)
        with pytest.raises(UsageError, match=r"B: expected a folder .* Permission denied"):
            found(tree)
