"""The Correct dock in a real window, through what a person touches: mouse, buttons, table, keys."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QInputDialog, QWidget

from isletqc.plugin import layers, preferences
from isletqc.plugin.bench import Bench, bench_of
from isletqc.plugin.correct import CorrectDock
from isletqc.plugin.results import ResultsDock
from isletqc.records import Islet

pytestmark = pytest.mark.gui
LEFT, SHIFT = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier
Point = tuple[float, float]


@dataclass
class Desk:
    """The docks on one window, and a hand with a mouse."""

    window: Any
    bench: Bench
    correct: CorrectDock
    results: ResultsDock
    qtbot: Any

    @property
    def islets(self) -> dict[int, Islet]:
        """Islets of the picture on the table, by number."""
        assert self.bench.work is not None
        return {i.label: i for i in self.bench.work.picture.islets}

    def press(self, button: QWidget) -> None:
        """Click a button."""
        assert button.isEnabled()
        self.qtbot.mouseClick(button, LEFT)

    def do(self, name: str) -> None:
        """Click one of the buttons for the selected islets."""
        self.press(self.correct.actions_[name])

    def drag(self, points: Sequence[Point], modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
        """Press, move and release the mouse over places of the picture (y, x) in pixels."""
        canvas = self.window.window._qt_viewer.canvas.native
        places = [self._on_screen(point, canvas) for point in points]
        self.qtbot.mousePress(canvas, LEFT, modifier, places[0])
        for place in places[1:]:
            self.qtbot.mouseMove(canvas, place)
        self.qtbot.mouseRelease(canvas, LEFT, modifier, places[-1])

    def click(self, point: Point, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
        """Click a place of the picture."""
        self.drag([point], modifier)

    def centre(self, label: int) -> Point:
        """Give a place well inside an islet."""
        assert self.bench.work is not None
        y, x = np.nonzero(self.bench.work.canvas.labels == label)
        middle = np.argmin((y - y.mean()) ** 2 + (x - x.mean()) ** 2)
        return float(y[middle]), float(x[middle])

    def select(self, *labels: int) -> None:
        """Click islets, the second and later ones with Shift."""
        for place, label in enumerate(labels):
            self.click(self.centre(label), SHIFT if place else Qt.KeyboardModifier.NoModifier)
        assert self.bench.selection == labels

    def aims_well(self) -> bool:
        """Whether a place on the canvas is the place of the picture that it should be."""
        canvas = self.window.window._qt_viewer.canvas
        scale = self.bench.stage.islets.scale[0]
        place = self._on_screen((20.0, 30.0), canvas.native)
        found = canvas._map_canvas2world((place.x(), place.y()), canvas.view)
        return bool(np.allclose(found[-2:], (20 * scale, 30 * scale), atol=2 * scale))

    def _on_screen(self, point: Point, canvas: QWidget) -> QPoint:
        camera = self.window.scene.camera
        um = [c * s for c, s in zip(point, self.bench.stage.islets.scale, strict=True)]
        y, x = (
            (at - centre) * camera.zoom + side / 2
            for at, centre, side in zip(
                um, camera.center[-2:], (canvas.height(), canvas.width()), strict=True
            )
        )
        return QPoint(round(x), round(y))


@pytest.fixture(scope="module")
def docks(window: Any) -> tuple[CorrectDock, ResultsDock]:
    added = [
        window.window.add_plugin_dock_widget("isletqc", name, tabify=place > 0)[1]
        for place, name in enumerate(("Correct", "Results"))
    ]
    return added[0], added[1]


@pytest.fixture
def desk(
    window: Any, docks: tuple[CorrectDock, ResultsDock], finished: Path, tmp_path: Path, qtbot: Any
) -> Iterator[Desk]:
    preferences.set_who("A. Person")
    folder = shutil.copytree(finished, tmp_path / "out")
    bench = bench_of(window)
    assert bench.open(folder)
    docks[0].reason.setCurrentText("")
    window.reset_view()
    found = Desk(window, bench, *docks, qtbot)
    qtbot.waitUntil(found.aims_well, timeout=600_000)
    yield found
    bench.work = None
    qtbot.waitUntil(lambda: not bench.busy, timeout=600_000)


def two_apart(desk: Desk) -> tuple[int, int]:
    """Two large islets that are nearly round."""
    large = sorted(desk.islets.values(), key=lambda i: -i.area_um2 * i.circularity**4)
    return large[0].label, large[1].label


def figures(islets: dict[int, Islet]) -> dict[int, tuple[float, float, bool]]:
    """What is measured of each outline."""
    return {label: (i.area_um2, i.ieq, i.included) for label, i in islets.items()}


def log(desk: Desk) -> list[str]:
    """Actions of the log, the first first."""
    rows = desk.correct.log.rows
    return [str(rows.row(k)[1]) for k in reversed(range(rows.rowCount()))]


def test_every_layer_has_scale_and_units(desk: Desk) -> None:
    shown = [layer for layer in desk.window.layers if layer.visible]
    assert len(shown) == 3
    assert {layers.um_per_px_of(layer) for layer in shown} == {desk.bench.stage.islets.scale[0]}


def test_a_click_on_a_row_flies_to_the_islet_and_selects_it(desk: Desk) -> None:
    label = two_apart(desk)[0]
    index = desk.correct.table.place_of(0, label)
    assert index is not None
    desk.correct.table.scrollTo(index)
    place = desk.correct.table.visualRect(index).center()
    desk.qtbot.mouseClick(desk.correct.table.viewport(), LEFT, pos=place)
    assert desk.bench.selection == (label,)
    assert desk.window.scene.camera.center[-2:] == pytest.approx(desk.islets[label].centroid_yx_um)


def test_a_click_on_an_islet_shows_its_row(desk: Desk) -> None:
    label = two_apart(desk)[1]
    desk.click(desk.centre(label))
    assert [row[0] for row in desk.correct.table.chosen()] == [label]


def test_a_click_beside_all_islets_selects_none(desk: Desk) -> None:
    assert desk.bench.work is not None
    desk.select(two_apart(desk)[0])
    y, x = np.argwhere(desk.bench.work.canvas.labels == 0)[5_000]
    desk.click((float(y), float(x)))
    assert desk.bench.selection == ()


def test_a_line_across_an_islet_splits_it_and_undo_makes_it_whole(desk: Desk) -> None:
    label = two_apart(desk)[0]
    before = desk.islets
    y, x = desk.centre(label)
    reach = before[label].feret_um / desk.bench.stage.islets.scale[0]
    desk.press(desk.correct.tools["split"])
    desk.drag([(y - reach, x), (y, x), (y + reach, x)])
    assert label not in desk.islets
    assert len(desk.islets) == len(before) + 1
    desk.do("Undo")
    assert figures(desk.islets) == figures(before)
    desk.do("Redo")
    assert len(desk.islets) == len(before) + 1
    assert log(desk) == ["split", "undo", "redo"]


def test_parts_of_a_split_islet_can_be_merged_again(desk: Desk) -> None:
    label, before = two_apart(desk)[0], desk.islets
    whole = before[label]
    y, x = desk.centre(label)
    reach = whole.feret_um / desk.bench.stage.islets.scale[0]
    desk.press(desk.correct.tools["split"])
    desk.drag([(y, x - reach), (y, x), (y, x + reach)])
    pieces = [n for n, i in desk.islets.items() if n not in before]
    desk.press(desk.correct.tools["select"])
    desk.select(*pieces)
    desk.do("Merge")
    [merged] = [i for n, i in desk.islets.items() if n not in before]
    assert merged.area_um2 == pytest.approx(whole.area_um2)
    assert merged.ieq == pytest.approx(whole.ieq)


def test_islets_apart_are_not_merged_and_the_dock_says_why(desk: Desk) -> None:
    before = desk.islets
    desk.select(*two_apart(desk))
    desk.do("Merge")
    assert desk.islets == before
    assert "do not touch" in desk.correct.message.text
    assert log(desk) == []


def test_numbers_verdict_and_charts_follow_an_exclusion(desk: Desk) -> None:
    label = two_apart(desk)[0]
    before = desk.bench.results
    desk.select(label)
    desk.qtbot.keyClicks(desk.correct.reason.lineEdit(), "air bubble")
    desk.do("Exclude")
    assert not desk.islets[label].included
    assert "air bubble" in desk.islets[label].exclusion_reason
    shown = desk.results.verdict()
    assert before is not None
    assert shown is not None
    lost = before.verdicts[0].estimates["ieq_counted"].value or 0
    left = shown.estimates["ieq_counted"].value or 0
    pieces = desk.bench.round_seconds
    assert left < lost
    assert pieces > 0
    assert sum(c.count for c in desk.results.sizes.classes) == pytest.approx(
        sum(i.weight for p in shown.lot.pictures for i in p.counted)
    )
    desk.do("Include")
    assert desk.islets[label].included


def test_an_exclusion_without_a_reason_is_refused(desk: Desk) -> None:
    desk.select(two_apart(desk)[0])
    desk.do("Exclude")
    assert "needs a reason" in desk.correct.message.text


def test_a_deleted_islet_is_gone_from_layer_table_and_numbers(desk: Desk) -> None:
    label = two_apart(desk)[0]
    desk.select(label)
    desk.do("Delete")
    assert label not in desk.islets
    assert not (desk.bench.stage.islets.data == label).any()
    assert desk.correct.table.place_of(0, label) is None


def test_a_stroke_of_the_eraser_is_one_edit(desk: Desk) -> None:
    label = two_apart(desk)[0]
    area = desk.islets[label].area_um2
    y, x = desk.centre(label)
    desk.select(label)
    desk.press(desk.correct.tools["erase"])
    desk.bench.stage.islets.brush_size = 6
    desk.drag([(y, x), (y + 2, x + 2), (y + 4, x + 4)])
    assert log(desk) == ["erase"]
    assert desk.islets[label].area_um2 < area
    desk.do("Undo")
    assert desk.islets[label].area_um2 == area
    assert desk.bench.work is not None
    assert np.array_equal(desk.bench.stage.islets.data, desk.bench.work.canvas.labels)


def test_a_stroke_of_the_brush_adds_to_the_selected_islet(desk: Desk) -> None:
    label = two_apart(desk)[0]
    area = desk.islets[label].area_um2
    assert desk.bench.work is not None
    rows, columns = np.nonzero(desk.bench.work.canvas.labels == label)
    edge = float(rows[0]), float(columns[0])
    desk.select(label)
    desk.press(desk.correct.tools["paint"])
    desk.bench.stage.islets.brush_size = 8
    desk.drag([edge, (edge[0] - 2, edge[1])])
    assert log(desk) == ["paint"]
    assert desk.islets[label].area_um2 > area


def test_undo_keys_on_the_canvas_are_logged_too(desk: Desk) -> None:
    before = desk.islets
    desk.select(two_apart(desk)[0])
    desk.do("Delete")
    canvas = desk.window.window._qt_viewer.canvas.native
    desk.qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert figures(desk.islets) == figures(before)
    both = Qt.KeyboardModifier.ControlModifier | SHIFT
    desk.qtbot.keyClick(canvas, Qt.Key.Key_Z, both)
    assert len(desk.islets) == len(before) - 1
    assert log(desk) == ["delete", "undo", "redo"]


def test_an_islet_becomes_exocrine_tissue_and_an_islet_again(desk: Desk) -> None:
    label = two_apart(desk)[0]
    centre = desk.centre(label)
    desk.select(label)
    desk.do("To exocrine")
    assert label not in desk.islets
    assert desk.bench.stage.exocrine.data[int(centre[0]), int(centre[1])] == 1
    desk.press(desk.correct.tools["to islet"])
    desk.click(centre)
    assert log(desk) == ["change class", "change class"]
    assert desk.bench.stage.exocrine.data[int(centre[0]), int(centre[1])] == 0


def test_a_missed_islet_is_drawn_with_the_polygon(desk: Desk) -> None:
    assert desk.bench.work is not None
    labels = desk.bench.work.canvas.labels
    y, x = next(
        (y, x)
        for y in range(40, labels.shape[0] - 40, 10)
        for x in range(40, labels.shape[1] - 40, 10)
        if not labels[y - 20 : y + 20, x - 20 : x + 20].any()
    )
    before = set(desk.islets)
    desk.press(desk.correct.tools["add"])
    camera, um_per_px = desk.window.scene.camera, desk.bench.stage.islets.scale[0]
    camera.center = (0, y * um_per_px, x * um_per_px)
    camera.zoom = 8 / um_per_px
    canvas = desk.window.window._qt_viewer.canvas.native
    for corner in ((y - 12, x - 12), (y - 12, x + 12), (y + 12, x + 12), (y + 12, x - 12)):
        place = desk._on_screen(corner, canvas)
        desk.qtbot.mouseMove(canvas, place)
        desk.qtbot.mouseClick(canvas, LEFT, pos=place)
    desk.qtbot.mouseDClick(canvas, LEFT, pos=place)
    desk.qtbot.waitUntil(lambda: log(desk) == ["add"], timeout=600_000)
    added = set(desk.islets) - before
    assert len(added) == 1
    assert log(desk) == ["add"]
    assert desk.bench.selection == tuple(added)


def test_colours_follow_the_choice(desk: Desk) -> None:
    counted = next(i for i in desk.islets.values() if i.included)
    blue = desk.bench.stage.islets.get_color(counted.label)
    desk.correct.colour_by.setCurrentText("size class")
    assert not np.allclose(desk.bench.stage.islets.get_color(counted.label), blue)
    assert "µm" in desk.correct.legend.text()
    desk.correct.colour_by.setCurrentText("counted")


def test_who_is_asked_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(*_: Any, **__: Any) -> tuple[str, bool]:
        asked.append("who")
        return "B. Person", True

    monkeypatch.setattr(QInputDialog, "getText", answer)
    preferences.set_who("")
    for label in two_apart(desk):
        desk.select(label)
        desk.do("Delete")
    assert asked == ["who"]
    assert desk.bench.work is not None
    assert {e.who for e in desk.bench.work.picture.edits} == {"B. Person"}


def test_every_button_tells_its_shortcut(desk: Desk) -> None:
    for button in (*desk.correct.tools.values(), *desk.correct.actions_.values()):
        assert button.shortcut().toString() in button.toolTip().replace("Del)", "Delete)").replace(
            "Alt+Delete", button.shortcut().toString()
        )
