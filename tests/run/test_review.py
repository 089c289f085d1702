"""A finished run is corrected, approved and judged again; the command line shows it."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from typer.testing import Result

from isletqc.errors import EditError, OutputError, RunLockedError, UsageError
from isletqc.records import Failure, Picture
from isletqc.report import picture as files
from isletqc.run import autosave, correct, editing, lock, rejudge, review
from isletqc.run.editing import Editing
from isletqc.run.review import Review

Cli = Callable[..., Result]
WHO = "A. Person"


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    """Give a copy of a finished run over three drawn aliquots."""
    return Path(shutil.copytree(finished, tmp_path / "out"))


def results(out: Path) -> dict[str, Any]:
    """Read results.json but for times."""
    found: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    for lot in found["lots"]:
        for image in lot["images"]:
            del image["seconds"]
    return found


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "objects.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def counted(work: Editing) -> list[int]:
    return [i.label for i in work.picture.islets if i.included]


def with_three_excluded(opened: Review, place: int) -> Editing:
    work = review.open_picture(opened, place)
    change = correct.exclude(work.canvas, counted(work)[:3], "air bubble")
    return editing.made(work, change, who=WHO)


def test_a_run_judged_again_without_corrections_gives_the_same_results(out: Path) -> None:
    before, objects = results(out), (out / "objects.csv").read_bytes()
    junit = (out / "junit.xml").read_bytes()
    finished = rejudge.rejudge(out)
    assert results(out) == before
    assert (out / "objects.csv").read_bytes() == objects
    assert (out / "junit.xml").read_bytes() == junit
    assert finished.results.exit_code == before["exit_code"]


def test_the_protocol_is_kept_byte_for_byte(out: Path, classical: Path) -> None:
    assert (out / "protocol.yaml").read_bytes() == classical.read_bytes()


def test_an_opened_picture_is_as_the_run_left_it(out: Path) -> None:
    opened = review.open_results(out)
    for place, entry in enumerate(opened.entries):
        work = review.open_picture(opened, place)
        assert isinstance(entry.result, Picture)
        assert work.picture == entry.result
        labels = tifffile.imread(entry.folder / files.LABELS)
        assert np.array_equal(work.canvas.labels, labels)
        assert set(work.canvas.boxes) == {i.label for i in work.picture.islets}


def test_a_correction_is_saved_with_its_log_and_shown_by_the_command_line(
    out: Path, isletqc: Cli
) -> None:
    opened = review.open_results(out)
    before = results(out)["lots"][0]["estimates"]["islet_count"]["value"]
    work = with_three_excluded(opened, 1)
    gone = set(work.canvas.excluded)
    opened, work = review.save(opened, 1, work)
    assert work.unsaved == 0
    result = isletqc("rejudge", out)
    assert result.exit_code == 5
    assert "edits by hand" in result.output
    after = results(out)
    assert after["lots"][0]["estimates"]["islet_count"]["value"] == before - 3
    assert any("edits by hand" in f["name"] for f in after["lots"][0]["flags"])
    mine = [r for r in rows(out) if r["image"] == opened.entries[1].name]
    excluded = {int(r["label"]) for r in mine if r["exclusion_reason"] == "by hand: air bubble"}
    assert excluded == gone
    (line,) = (opened.entries[1].folder / "edits.jsonl").read_text().splitlines()
    assert json.loads(line.partition("\t")[0])["who"] == WHO
    made = json.loads((out / "provenance.json").read_text())
    (corrected,) = made["corrected"]
    assert (corrected["edits"], corrected["by"], corrected["approved_by"]) == (1, [WHO], None)
    assert made["isletqc"]  # the run's own facts are still there


def test_an_approved_correction_lets_the_lot_pass_and_a_later_edit_voids_it(
    out: Path, isletqc: Cli
) -> None:
    opened = review.open_results(out)
    verdict = results(out)["lots"][0]["verdict"]
    assert verdict == "pass"
    opened, work = review.save(opened, 0, with_three_excluded(opened, 0))
    assert isletqc("rejudge", out).exit_code == 5
    opened, work = review.approve(opened, 0, work, who="B. Person")
    assert work.picture.approval is not None
    labels = (opened.entries[0].folder / files.LABELS).read_bytes()
    assert work.picture.approval.labels_sha256 == hashlib.sha256(labels).hexdigest()
    assert opened.entries[0].attention == ()
    assert isletqc("rejudge", out).exit_code == 0
    work = editing.undone(work, who=WHO)
    assert not work.picture.approved
    review.save(opened, 0, work)
    assert isletqc("rejudge", out).exit_code == 5


def test_an_approval_of_other_labels_than_those_on_disk_does_not_count(out: Path) -> None:
    opened = review.open_results(out)
    opened, work = review.save(opened, 0, with_three_excluded(opened, 0))
    opened, _ = review.approve(opened, 0, work, who="B. Person")
    path = opened.entries[0].folder / files.LABELS
    labels = tifffile.imread(path)
    labels[labels == 1] = 0
    tifffile.imwrite(path, labels)
    assert rejudge.rejudge(out).results.exit_code == 5


def test_only_what_is_saved_can_be_approved_and_by_somebody(out: Path) -> None:
    opened = review.open_results(out)
    work = with_three_excluded(opened, 0)
    with pytest.raises(EditError, match="1 edits are not saved"):
        review.approve(opened, 0, work, who=WHO)
    opened, work = review.save(opened, 0, work)
    with pytest.raises(EditError, match="who approves"):
        review.approve(opened, 0, work, who=" ")


def test_edits_can_be_undone_after_saving_and_after_opening_again(out: Path) -> None:
    opened = review.open_results(out)
    before = review.open_picture(opened, 0)
    original = before.canvas.labels.copy()
    work = editing.made(before, correct.delete(before.canvas, counted(before)[:2]), who=WHO)
    assert editing.undone(work, who=WHO).picture.islets == before.picture.islets
    work = review.open_picture(opened, 0)
    autosave.discard(opened.entries[0].folder)
    work = editing.made(work, correct.delete(work.canvas, counted(work)[:2]), who=WHO)
    work = editing.made(work, correct.exclude(work.canvas, counted(work)[:1], "debris"), who=WHO)
    work = editing.undone(work, who=WHO)
    opened, work = review.save(opened, 0, work)
    assert (len(work.undo), len(work.redo)) == (1, 1)
    again = review.open_picture(review.open_results(out), 0)
    assert (len(again.undo), len(again.redo)) == (1, 1)
    assert np.array_equal(again.canvas.labels, work.canvas.labels)
    again = editing.undone(again, who=WHO)
    assert np.array_equal(again.canvas.labels, original)
    # Pixels have their islet's mean probability, which a file keeps to 1/255.
    for islet, was in zip(again.picture.islets, before.picture.islets, strict=True):
        assert islet.probability == pytest.approx(was.probability, abs=0.5 / 255)
        assert replace(islet, probability=was.probability) == was
    assert review.open_picture(review.open_results(out), 1).undo == ()


def test_edits_that_were_not_journalled_are_saved_and_logged_all_the_same(out: Path) -> None:
    opened = review.open_results(out)
    work = replace(review.open_picture(opened, 0), folder=None)
    work = editing.made(work, correct.delete(work.canvas, counted(work)[:2]), who=WHO)
    opened, work = review.save(opened, 0, work)
    again = review.open_picture(review.open_results(out), 0)
    assert again.picture == work.picture
    assert [e.edit for e in autosave.history(opened.entries[0].folder)] == [*work.picture.edits]
    assert again.undo == ()  # nobody kept what it was before


def test_labels_of_untouched_islets_are_stable_and_point_into_the_labels(out: Path) -> None:
    opened = review.open_results(out)
    work = review.open_picture(opened, 0)
    first = counted(work)[0]
    old = {i.label: i for i in work.picture.islets}
    work = editing.made(work, correct.delete(work.canvas, [first]), who=WHO)
    opened, work = review.save(opened, 0, work)
    rejudge.rejudge(out)
    mine = [r for r in rows(out) if r["image"] == opened.entries[0].name]
    labels = tifffile.imread(opened.entries[0].folder / files.LABELS)
    assert {int(r["label"]) for r in mine} == set(np.unique(labels)) - {0}
    assert first not in {int(r["label"]) for r in mine}
    for row in mine:
        assert float(row["area_um2"]) == pytest.approx(
            np.count_nonzero(labels == int(row["label"])) * work.canvas.um_per_px**2, abs=0.05
        )
        assert float(row["area_um2"]) == pytest.approx(old[int(row["label"])].area_um2, abs=0.05)


def test_the_verdict_of_the_lot_follows_an_unsaved_edit(out: Path) -> None:
    opened = review.open_results(out)
    work = with_three_excluded(opened, 0)
    before = review.verdicts(opened)[0].estimates["islet_count"].value
    now = review.verdict(opened, 0, work.picture)
    assert now.estimates["islet_count"].value == (before or 0) - 3
    assert "edits by hand" in now.reason


def test_a_rerun_takes_up_a_corrected_picture(
    out: Path, isletqc: Cli, lot: Path, classical: Path
) -> None:
    opened = review.open_results(out)
    review.save(opened, 0, with_three_excluded(opened, 0))
    rejudge.rejudge(out)
    before = results(out)
    command = ("run", "-s", lot / "samples.csv", "-p", classical, "-o", out, "--workers", 1)
    assert isletqc(*command).exit_code == 5
    assert results(out) == before


def test_after_a_rerun_with_other_sheet_facts_judging_again_gives_the_rerun_s_results(
    out: Path, isletqc: Cli, lot: Path, classical: Path
) -> None:
    before, sheet = results(out), lot / "thinner.csv"
    with (lot / "samples.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    fact = next(n for n in ("dilution", "suspension_volume_ml") if table[0].get(n))
    doubled = [{**row, fact: str(2 * float(row[fact]))} for row in table]
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(doubled)
    isletqc("run", "-s", sheet, "-p", classical, "-o", out, "--workers", 1)
    sheet.unlink()
    rerun = results(out)
    assert rerun["lots"] != before["lots"]
    rejudge.rejudge(out)
    assert results(out) == rerun
    for entry in review.open_results(out).entries:
        assert files.read_picture(entry.folder).sample == entry.sample


def test_fresh_refuses_to_lose_corrections(
    out: Path, isletqc: Cli, lot: Path, classical: Path
) -> None:
    opened = review.open_results(out)
    work = with_three_excluded(opened, 0)
    command = ("run", "-s", lot / "samples.csv", "-p", classical, "-o", out, "--fresh")
    unsaved = isletqc(*command)
    assert unsaved.exit_code == 2
    assert "corrections by hand would be lost: " + opened.entries[0].name in unsaved.output
    review.save(opened, 0, work)
    before = (opened.entries[0].folder / files.RESULT).read_bytes()
    assert isletqc(*command).exit_code == 2
    assert (opened.entries[0].folder / files.RESULT).read_bytes() == before


def test_another_protocol_refuses_to_lose_corrections(
    out: Path, isletqc: Cli, lot: Path, classical: Path, tmp_path: Path
) -> None:
    opened = review.open_results(out)
    review.save(opened, 0, with_three_excluded(opened, 0))
    other = tmp_path / "other.yaml"
    other.write_text(classical.read_text().replace('version: "1"', 'version: "2"'))
    result = isletqc("run", "-s", lot / "samples.csv", "-p", other, "-o", out)
    assert result.exit_code == 2
    assert "corrections by hand would be lost" in result.output


def test_a_picture_saved_by_another_is_not_overwritten(out: Path) -> None:
    one, other = review.open_results(out), review.open_results(out)
    mine, theirs = review.open_picture(one, 0), review.open_picture(other, 0)
    theirs = editing.made(
        theirs, correct.exclude(theirs.canvas, counted(theirs)[:1], "debris"), who="B. Person"
    )
    review.save(other, 0, theirs)
    mine = editing.made(mine, correct.delete(mine.canvas, counted(mine)[:1]), who=WHO)
    with pytest.raises(EditError, match="by another since it was opened"):
        review.save(one, 0, mine)


def test_saving_waits_for_nobody_but_says_who_holds_the_folder(out: Path) -> None:
    opened = review.open_results(out)
    work = with_three_excluded(opened, 0)
    with lock.hold(out), pytest.raises(RunLockedError, match="process"):
        review.save(opened, 0, work)
    assert autosave.pending(opened.entries[0].folder) == work.picture.edits
    review.save(opened, 0, work)
    assert autosave.pending(opened.entries[0].folder) == ()


@pytest.mark.parametrize("last_written", ["labels.ome.tif", "overlay.jpg", "result.json"])
def test_a_save_that_is_cut_short_loses_nothing(
    out: Path, monkeypatch: pytest.MonkeyPatch, last_written: str
) -> None:
    """The process dies right after one of the files is in place."""
    opened = review.open_results(out)
    work = review.open_picture(opened, 0)
    work = editing.made(work, correct.delete(work.canvas, counted(work)[:2]), who=WHO)
    work = editing.made(work, correct.exclude(work.canvas, counted(work)[:1], "debris"), who=WHO)
    work = editing.undone(work, who=WHO)

    class Killed(BaseException):
        pass

    written = Path.replace

    def until(path: Path, target: Path) -> Path:
        result = written(path, target)
        if target.name == last_written:
            raise Killed
        return result

    with monkeypatch.context() as m:
        m.setattr(Path, "replace", until)
        with pytest.raises(Killed):
            review.save(opened, 0, work)
    if last_written != "result.json":
        with pytest.raises(UsageError, match="saving it was cut short"):
            rejudge.rejudge(out)
    opened = review.open_results(out)
    again = editing.recovered(review.open_picture(opened, 0))
    assert np.array_equal(again.canvas.labels, work.canvas.labels)
    assert np.array_equal(again.canvas.classes, work.canvas.classes)
    assert again.picture.edits == work.picture.edits
    assert again.picture.islets == work.picture.islets
    opened, again = review.save(opened, 0, again)
    assert len(autosave.history(opened.entries[0].folder)) == 3
    assert rejudge.rejudge(out).results.exit_code == 5
    assert len(review.open_picture(opened, 0).undo) == 1


def test_edits_after_a_save_that_failed_are_recovered_too(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = review.open_results(out)
    work = review.open_picture(opened, 0)
    work = editing.made(work, correct.delete(work.canvas, counted(work)[:2]), who=WHO)
    written = Path.replace

    def full(path: Path, target: Path) -> Path:
        if target.name == files.CLASSES:
            raise OSError(errno.ENOSPC, "No space left on device")
        return written(path, target)

    with monkeypatch.context() as m:
        m.setattr(Path, "replace", full)
        with pytest.raises(OutputError, match="No space left on device; make room"):
            review.save(opened, 0, work)
    work = editing.made(work, correct.delete(work.canvas, counted(work)[:2]), who=WHO)
    again = editing.recovered(review.open_picture(review.open_results(out), 0))
    assert again.picture == work.picture
    assert np.array_equal(again.canvas.labels, work.canvas.labels)
    assert np.array_equal(again.canvas.classes, work.canvas.classes)


def test_unsaved_edits_are_told_and_in_no_result(out: Path, isletqc: Cli) -> None:
    opened = review.open_results(out)
    before = results(out)
    with_three_excluded(opened, 2)
    result = isletqc("rejudge", out)
    assert f"{opened.entries[2].name}: 1 edits are not saved" in result.output
    assert results(out) == before
    assert review.next_place(review.open_results(out), -1, flagged=True) == 2


def test_pictures_are_stepped_through_in_order(out: Path) -> None:
    opened = review.open_results(out)
    assert [review.next_place(opened, p) for p in (-1, 0, 1, 2)] == [0, 1, 2, None]
    assert [review.next_place(opened, p, step=-1) for p in (2, 1, 0)] == [1, 0, None]
    assert review.next_place(opened, -1, flagged=True) is None
    entry = opened.entries[1]
    failed = replace(entry, result=Failure(entry.sample, "unreadable", "empty file"))
    flagged = replace(opened, entries=(opened.entries[0], failed, opened.entries[2]))
    assert review.next_place(flagged, -1, flagged=True) == 1
    assert review.next_place(flagged, 2, step=-1, flagged=True) == 1
    with pytest.raises(EditError, match="could not be analysed"):
        review.open_picture(flagged, 1)


def test_a_picture_that_changed_since_is_not_corrected(out: Path, tmp_path: Path) -> None:
    opened = review.open_results(out)
    entry = opened.entries[0]
    other = tmp_path / "other.tif"
    other.write_bytes(Path(opened.entries[1].sample.image).read_bytes())
    moved = replace(entry, sample=replace(entry.sample, image=str(other)))
    with pytest.raises(EditError, match="not the file that was analysed"):
        review.open_picture(replace(opened, entries=(moved,)), 0)


def test_a_folder_without_a_run_is_refused(tmp_path: Path, isletqc: Cli) -> None:
    result = isletqc("rejudge", tmp_path)
    assert result.exit_code == 2
    assert "give the folder that isletqc run wrote" in " ".join(result.output.split())
