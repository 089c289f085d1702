"""A killed program loses no edit; a damaged journal is known for what it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from isletqc.errors import EditError
from isletqc.measure import islets
from isletqc.protocol import Protocol
from isletqc.records import ISLET, Fitness, Image, Picture, Regions, Sample
from isletqc.run import autosave, correct, editing
from isletqc.run.editing import Editing

PROTOCOL = Protocol.model_validate(
    {
        "name": "drawn",
        "version": "1",
        "status": "draft",
        "title": "For drawn pictures",
        "stain": "dithizone",
        "segmentation": {"method": "classical"},
    }
)

# Edits until it is killed; says so on its pipe after each edit is journalled.
CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_autosave import opened, steps
work = opened(Path(sys.argv[2]))
for step in steps():
    work = step(work)
    print(len(work.picture.edits), flush=True)
sys.stdin.read()
"""


def opened(folder: Path, *, spots: int = 3) -> Editing:
    """Three squares, two of which touch, as they were analysed."""
    labels = np.zeros((60, 90), np.int32)
    for number in range(1, spots + 1):
        labels[10:40, number * 20 - 5 : number * 20 + 15 - (number == 2) * 5] = number
    classes = np.where(labels > 0, ISLET, 0).astype(np.uint8)
    pixels = np.full((60, 90, 3), 180, np.uint8)
    image = Image(
        pixels, ("red", "green", "blue"), 255, 3.0, "given", "a.png", "b" * 64, "dithizone"
    )
    regions = Regions(classes, labels, np.full(labels.shape, 220, np.uint8), 3.0, "drawn")
    found = islets.measure(image, regions, PROTOCOL.sizing)
    picture = Picture(
        sample=Sample("a.png", "lot"),
        name="a.png",
        sha256=image.sha256,
        shape_yx=image.shape_yx,
        um_per_px=3.0,
        um_per_px_source="given",
        fitness=Fitness(),
        islets=found.islets,
        islet_area_um2=found.islet_area_um2,
        exocrine_area_um2=found.exocrine_area_um2,
        seconds={},
        method="drawn",
    )
    return editing.begin(image, regions, picture, PROTOCOL, folder=folder)


def steps() -> list[Callable[[Editing], Editing]]:
    """A correction: exclude, merge, undo, split, redo nothing, delete."""
    who = "A. Person"
    return [
        lambda w: editing.made(w, correct.exclude(w.canvas, [3], "debris"), who=who),
        lambda w: editing.made(w, correct.merge(w.canvas, [1, 2]), who=who),
        lambda w: editing.undone(w, who=who),
        lambda w: editing.redone(w, who=who),
        lambda w: editing.made(w, correct.split_by_line(w.canvas, [(0, 25), (59, 25)]), who=who),
        lambda w: editing.made(w, correct.delete(w.canvas, [5]), who=who),
    ]


def corrected(folder: Path) -> Editing:
    work = opened(folder)
    for step in steps():
        work = step(work)
    return work


def alike(one: Editing, other: Editing) -> bool:
    """The same but for the times in the log."""
    a, b = (
        replace(w.picture, edits=tuple(replace(e, time="") for e in w.picture.edits))
        for w in (one, other)
    )
    same = np.array_equal(one.canvas.labels, other.canvas.labels)
    return a == b and same and np.array_equal(one.canvas.classes, other.canvas.classes)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
@pytest.mark.parametrize("edits", [1, 6])
def test_a_killed_process_loses_no_edit(tmp_path: Path, edits: int) -> None:
    folder = tmp_path / "picture"
    arguments = [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdin=pipe, stdout=pipe, text=True) as child:
        assert child.stdout is not None
        while (said := child.stdout.readline().strip()) != str(edits):
            assert said, "the child ended early"
        child.kill()
        assert child.wait() == -signal.SIGKILL
    expected = opened(tmp_path / "other")
    # The child may have been at work on the next edit: what it had said is the least.
    kept = autosave.pending(folder)
    assert len(kept) >= edits
    for step in steps()[: len(kept)]:
        expected = step(expected)
    assert alike(editing.recovered(opened(folder)), expected)


@pytest.mark.parametrize("lost", [1, 7, 60])
def test_a_torn_last_line_loses_that_edit_only(tmp_path: Path, lost: int) -> None:
    work = corrected(tmp_path)
    journal = tmp_path / autosave.JOURNAL
    os.truncate(journal, journal.stat().st_size - lost)
    assert autosave.pending(tmp_path) == work.picture.edits[:-1]
    again = editing.recovered(opened(tmp_path))
    assert 5 in again.canvas.boxes
    # The next edit follows on a line of its own.
    again = editing.made(again, correct.delete(again.canvas, [5]), who="A. Person")
    assert alike(editing.recovered(opened(tmp_path)), work)
    assert again.unsaved == len(work.picture.edits)


def test_a_damaged_line_ends_the_journal(tmp_path: Path) -> None:
    work = corrected(tmp_path)
    journal = tmp_path / autosave.JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b"A. Person", b"X. Person")
    journal.write_bytes(b"".join(lines))
    assert autosave.pending(tmp_path) == work.picture.edits[:2]


def test_a_journal_that_was_cut_off_at_its_first_line_holds_no_edit(tmp_path: Path) -> None:
    corrected(tmp_path)
    os.truncate(tmp_path / autosave.JOURNAL, 10)
    assert autosave.pending(tmp_path) == ()
    work = editing.made(opened(tmp_path), correct.delete(opened(tmp_path).canvas, [1]), who="A.")
    assert autosave.pending(tmp_path) == work.picture.edits


def test_discarded_edits_are_gone(tmp_path: Path) -> None:
    corrected(tmp_path)
    autosave.discard(tmp_path)
    assert autosave.pending(tmp_path) == ()
    assert editing.recovered(opened(tmp_path)).unsaved == 0


def test_waiting_edits_must_be_recovered_or_discarded_before_the_next(tmp_path: Path) -> None:
    corrected(tmp_path)
    work = opened(tmp_path)
    with pytest.raises(EditError, match="recover or discard them first"):
        editing.made(work, correct.delete(work.canvas, [1]), who="A. Person")


def test_edits_of_another_state_of_the_picture_are_not_recovered(tmp_path: Path) -> None:
    corrected(tmp_path)
    with pytest.raises(EditError, match="begin from another state"):
        editing.recovered(opened(tmp_path, spots=2))


def test_the_journal_is_as_small_as_the_change(tmp_path: Path) -> None:
    """An exclusion takes no pixels; a merge of two islets of 450 px each a few kilobytes."""
    work = opened(tmp_path)
    work = editing.made(work, correct.exclude(work.canvas, [3], "debris"), who="A. Person")
    first = (tmp_path / autosave.JOURNAL).stat().st_size
    editing.made(work, correct.merge(work.canvas, [1, 2]), who="A. Person")
    assert (tmp_path / autosave.JOURNAL).stat().st_size - first < 5000


def test_the_state_folder_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as m:
        m.setenv("ISLETQC_STATE", str(tmp_path / "own"))
        own = autosave.state_folder("c" * 64)
        m.delenv("ISLETQC_STATE")
        m.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
        xdg = autosave.state_folder("c" * 64)
        m.delenv("XDG_STATE_HOME")
        home = autosave.state_folder("c" * 64)
    assert own == tmp_path / "own" / "unsaved" / ("c" * 32)
    assert xdg == tmp_path / "xdg" / "isletqc" / "unsaved" / ("c" * 32)
    assert home.is_relative_to(Path.home() / ".local" / "state" / "isletqc")
