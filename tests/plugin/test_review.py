"""The Review dock in a real window: step, correct, approve, save, reopen after a kill."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QMessageBox

from isletqc.plugin import preferences
from isletqc.plugin.bench import Bench, bench_of
from isletqc.plugin.review import ReviewDock
from isletqc.report import picture as files
from isletqc.run import autosave, correct

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton
KILLED = """
import os, sys
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication
application = QApplication([])
from isletqc.plugin import preferences
from isletqc.plugin.bench import bench_of
from isletqc.run import correct
preferences.set_who("A. Person")
bench = bench_of(viewer := ViewerModel())
assert bench.open(sys.argv[1])
for islet in bench.work.picture.islets[:3]:
    assert bench.change(lambda canvas: correct.delete(canvas, [islet.label]))
print("edited", flush=True)
sys.stdin.read()
"""


@dataclass
class Desk:
    """A copy of a run's results, open in the Review dock."""

    window: Any
    bench: Bench
    dock: ReviewDock
    out: Path
    qtbot: Any

    def press(self, button: Any) -> None:
        """Click a button and wait for what is done in a thread."""
        assert button.isEnabled()
        self.qtbot.mouseClick(button, LEFT)
        self.qtbot.waitUntil(lambda: not self.bench.busy, timeout=600_000)

    def delete_one(self) -> int:
        """Make a correction; gives the number of the islet that is gone."""
        assert self.bench.work is not None
        label = self.bench.work.picture.islets[0].label
        assert self.bench.change(lambda canvas: correct.delete(canvas, [label]))
        return label

    def answer(self, name: str, button: str) -> list[str]:
        """Answer the next question of that name by one of its buttons; gives what was asked."""
        asked: list[str] = []

        def press() -> None:
            box = QApplication.activeModalWidget()
            if not isinstance(box, QMessageBox):
                QTimer.singleShot(20, press)
                return
            assert box.objectName() == name
            asked.append(box.text())
            next(b for b in box.buttons() if b.text() == button).click()

        QTimer.singleShot(20, press)
        return asked


@pytest.fixture(scope="module")
def dock(window: Any) -> ReviewDock:
    widget: ReviewDock = window.window.add_plugin_dock_widget("isletqc", "Review")[1]
    return widget


@pytest.fixture
def desk(
    window: Any, dock: ReviewDock, finished: Path, tmp_path: Path, qtbot: Any
) -> Iterator[Desk]:
    preferences.set_who("A. Person")
    out = shutil.copytree(finished, tmp_path / "out")
    bench = bench_of(window)
    dock.path.setText(str(out))
    qtbot.keyClick(dock.path, Qt.Key.Key_Return)
    assert bench.folder == out
    yield Desk(window, bench, dock, out, qtbot)
    bench.work = None


def test_pictures_are_stepped_through(desk: Desk) -> None:
    assert desk.dock.where.text().startswith("1 of 3")
    assert not desk.dock.previous.isEnabled()
    desk.press(desk.dock.next)
    desk.press(desk.dock.next)
    assert desk.dock.where.text().startswith("3 of 3")
    assert not desk.dock.next.isEnabled()
    desk.press(desk.dock.previous)
    assert desk.dock.where.text().startswith("2 of 3")


def test_next_flagged_goes_to_a_corrected_picture_that_nobody_approved(desk: Desk) -> None:
    desk.press(desk.dock.next)
    desk.delete_one()
    desk.press(desk.dock.save)
    desk.press(desk.dock.previous)
    flagged = [s.flagged for s in desk.bench.standings()]
    assert flagged[1]
    while desk.bench.place != 1:
        desk.press(desk.dock.next_flagged)


def test_saved_corrections_are_in_results_tables_report_and_log(desk: Desk) -> None:
    label = desk.delete_one()
    desk.press(desk.dock.save)
    assert "Saved" in desk.dock.message.text
    name = desk.bench.standings()[0].name
    with (desk.out / "objects.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["image"] == name]
    assert str(label) not in {row["label"] for row in rows}
    assert "A. Person" in (desk.out / "report.html").read_text(encoding="utf-8")
    [edit] = files.read_picture(desk.bench.review.entries[0].folder).edits  # type: ignore[union-attr]
    assert (edit.who, edit.action, edit.labels) == ("A. Person", "delete", (label,))


def test_undo_is_not_lost_on_save_and_reopen(desk: Desk) -> None:
    label = desk.delete_one()
    desk.press(desk.dock.save)
    desk.qtbot.keyClick(desk.dock.path, Qt.Key.Key_Return)
    assert desk.bench.work is not None
    assert desk.bench.undo()
    assert label in {i.label for i in desk.bench.work.picture.islets}
    desk.press(desk.dock.save)
    assert desk.bench.work.unsaved == 0


def test_an_approval_stands_until_the_next_edit(desk: Desk) -> None:
    desk.press(desk.dock.approve)
    state = desk.dock.pictures.item(0, 2)
    assert state is not None
    assert state.text() == "✓ approved"
    desk.qtbot.keyClick(desk.dock.path, Qt.Key.Key_Return)
    assert desk.bench.standings()[0].approved
    desk.delete_one()
    assert not desk.bench.standings()[0].approved


def test_unsaved_work_is_asked_about_and_can_be_kept(desk: Desk) -> None:
    desk.delete_one()
    asked = desk.answer("unsaved", "Stay")
    desk.press(desk.dock.next)
    assert "1 correction is not saved" in asked[0]
    assert desk.bench.place == 0


def test_unsaved_work_can_be_discarded(desk: Desk) -> None:
    folder = desk.bench.review.entries[0].folder  # type: ignore[union-attr]
    desk.delete_one()
    desk.answer("unsaved", "Discard")
    desk.press(desk.dock.next)
    assert desk.bench.place == 1
    assert not autosave.pending(folder)
    desk.press(desk.dock.previous)
    assert desk.bench.work is not None
    assert desk.bench.work.picture.edits == ()


def test_unsaved_work_can_be_saved_on_the_way(desk: Desk) -> None:
    desk.delete_one()
    desk.answer("unsaved", "Save")
    desk.press(desk.dock.next)
    assert desk.bench.place == 1
    assert desk.bench.standings()[0].state == "! look"


def test_the_window_asks_before_it_closes_on_unsaved_work(desk: Desk) -> None:
    desk.delete_one()
    asked = desk.answer("unsaved", "Stay")
    assert not desk.dock.window().close()
    assert asked
    assert desk.dock.window().isVisible()


def test_edits_of_a_killed_program_are_offered_back(desk: Desk) -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(desk.out)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "edited\n"
        other.send_signal(signal.SIGKILL)
    assert other.returncode == -signal.SIGKILL
    asked = desk.answer("recover", "Recover")
    desk.qtbot.keyClick(desk.dock.path, Qt.Key.Key_Return)
    assert "3 corrections were made" in asked[0]
    assert desk.bench.work is not None
    assert [e.action for e in desk.bench.work.picture.edits] == ["delete"] * 3
    assert desk.bench.work.unsaved == 3
    desk.press(desk.dock.save)
    assert desk.bench.work.unsaved == 0


def test_a_folder_that_is_no_result_is_told(desk: Desk, tmp_path: Path) -> None:
    desk.dock.path.setText(str(tmp_path))
    desk.qtbot.keyClick(desk.dock.path, Qt.Key.Key_Return)
    assert desk.dock.message.property("kind") == "error"
    assert desk.bench.folder == desk.out


def test_uncertainty_is_laid_over_the_picture(desk: Desk) -> None:
    desk.press(desk.dock.uncertainty)
    layer = desk.window.layers["Uncertainty"]
    assert layer.data.min() >= 0
    assert layer.data.max() <= 1
    assert list(layer.scale) == list(desk.window.layers["Islets"].scale)
