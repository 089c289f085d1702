"""The Islet QC panel in a real window: runs as the command line does; calm about bad input."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from typer.testing import Result

from isletqc.plugin import layers
from isletqc.plugin.panel import FILE, FOLDER, LAYER, SHEET, RunPanel
from isletqc.run import batch

pytestmark = pytest.mark.gui
_PATIENCE_MS = 600_000  # only what hangs takes this long


@pytest.fixture
def panel(window: Any, classical: Path) -> Iterator[RunPanel]:
    _, widget = window.window.add_plugin_dock_widget("isletqc", "Islet QC")
    widget.form.choose_protocol_file(str(classical))
    widget.form.pixel_size.clear()
    yield widget
    window.layers.clear()


def press(qtbot: Any, panel: RunPanel) -> None:
    """Press Run and wait for the end."""
    qtbot.mouseClick(panel.form.run, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(panel.form.run.isEnabled, timeout=_PATIENCE_MS)


def test_panel_and_command_line_give_the_same_objects(
    panel: RunPanel, qtbot: Any, lot: Path, tmp_path: Path, isletqc: Callable[..., Result]
) -> None:
    panel.set_input(SHEET, str(lot / "samples.csv"))
    panel.form.out.setText(str(tmp_path / "panel"))
    press(qtbot, panel)
    assert panel.form.message.property("kind") == "done"
    qtbot.mouseClick(panel.form.copy, Qt.MouseButton.LeftButton)
    words = shlex.split(QGuiApplication.clipboard().text())
    assert words[:2] == ["isletqc", "run"]
    made = json.loads((tmp_path / "panel" / "provenance.json").read_text("utf-8"))
    assert made["command"] == shlex.join(words)
    words[words.index("--out") + 1] = str(tmp_path / "line")
    assert isletqc(*words[1:]).exit_code in {0, 5}
    for name in ("objects.csv", "lots.csv"):
        ours, theirs = ((tmp_path / out / name).read_bytes() for out in ("panel", "line"))
        assert ours == theirs


def test_a_layer_with_a_file_is_analysed_from_that_file(
    panel: RunPanel, qtbot: Any, lot: Path, tmp_path: Path, window: Any
) -> None:
    path = lot / "images" / "aliquot_1.tif"
    window.open(str(path), plugin="napari")
    panel.set_input(LAYER)
    assert panel.form.size_note.text().startswith("From OME-XML")
    panel.form.out.setText(str(tmp_path / "out"))
    press(qtbot, panel)
    assert panel.form.message.property("kind") == "done"
    assert f"{path}," in (tmp_path / "out" / "images.csv").read_text()
    assert {layer.name for layer in window.layers} >= {"Islets", "Exocrine"}


def test_a_layer_in_memory_is_analysed_by_its_scale(
    panel: RunPanel, qtbot: Any, lot: Path, tmp_path: Path, window: Any
) -> None:
    pixels = tifffile.imread(lot / "images" / "aliquot_1.tif")
    window.add_image(pixels, name="in memory", rgb=True, **layers.on_grid(3.0))
    panel.set_input(LAYER)
    assert panel.form.size_note.text() == "From the layer's scale"
    panel.form.out.setText(str(tmp_path / "out"))
    press(qtbot, panel)
    assert panel.form.message.property("kind") == "done"


def test_a_layer_without_units_has_no_pixel_size_until_it_is_typed(
    panel: RunPanel, qtbot: Any, tmp_path: Path, window: Any
) -> None:
    window.add_image(np.full((300, 300, 3), 200, np.uint8), name="plain", rgb=True)
    panel.set_input(LAYER)
    panel.form.out.setText(str(tmp_path / "out"))
    press(qtbot, panel)
    assert "never guessed" in panel.form.message.text
    assert not (tmp_path / "out").exists()
    qtbot.keyClicks(panel.form.pixel_size, "2.5")
    assert panel.form.size_note.text() == "2.5 µm, given here"
    press(qtbot, panel)
    assert "No islet that counts" in panel.form.message.text


@pytest.mark.parametrize("text", ["0", "-1", "abc", "nan", "inf"])
def test_a_pixel_size_that_is_no_size_is_told(panel: RunPanel, qtbot: Any, text: str) -> None:
    qtbot.keyClicks(panel.form.pixel_size, text)
    assert panel.form.size_note.text() == "Expected a number above 0, in µm"


def test_an_unreadable_file_is_told_without_a_traceback(
    panel: RunPanel, qtbot: Any, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.tif"
    broken.write_bytes(b"II*\x00 and then nothing")
    panel.set_input(FILE, str(broken))
    press(qtbot, panel)
    assert panel.form.message.property("kind") == "error"
    assert "broken.tif" in panel.form.message.text
    assert "Traceback" not in panel.form.message.text


def test_a_missing_file_is_told(panel: RunPanel, qtbot: Any, tmp_path: Path) -> None:
    panel.set_input(FILE, str(tmp_path / "nothing.tif"))
    press(qtbot, panel)
    assert "no such file" in panel.form.message.text


def test_a_stack_is_told(panel: RunPanel, qtbot: Any, tmp_path: Path) -> None:
    path = tmp_path / "stack.ome.tif"
    tifffile.imwrite(
        path,
        np.zeros((5, 64, 64), np.uint8),
        ome=True,
        metadata={"axes": "ZYX", "PhysicalSizeX": 2.0, "PhysicalSizeY": 2.0},
    )
    panel.set_input(FILE, str(path))
    press(qtbot, panel)
    assert "Z stack" in panel.form.message.text


def test_a_stack_in_memory_is_told(
    panel: RunPanel, qtbot: Any, tmp_path: Path, window: Any
) -> None:
    window.add_image(np.zeros((4, 64, 64), np.uint8), name="stack", scale=(1, 2, 2),
                     units=("um", "um", "um"))  # fmt: skip
    panel.set_input(LAYER)
    panel.form.out.setText(str(tmp_path / "out"))
    press(qtbot, panel)
    assert "found a stack" in panel.form.message.text


def test_colour_where_two_channels_are_needed_is_told(
    panel: RunPanel, qtbot: Any, lot: Path, tmp_path: Path
) -> None:
    panel.form.protocol.setCurrentText("viability-fda-pi")
    panel.set_input(FILE, str(lot / "images" / "aliquot_1.tif"))
    panel.form.out.setText(str(tmp_path / "out"))
    press(qtbot, panel)
    assert "expected separate live and dead channels" in panel.form.message.text


def test_nothing_chosen_is_told(panel: RunPanel, qtbot: Any) -> None:
    panel.set_input(LAYER)
    press(qtbot, panel)
    assert "No picture is open" in panel.form.message.text
    panel.set_input(FOLDER)
    press(qtbot, panel)
    assert "Nothing is chosen yet" in panel.form.message.text


def test_cancel_keeps_what_is_finished(
    panel: RunPanel, qtbot: Any, lot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, pressed, run = tmp_path / "out", Event(), batch.run

    def later(*arguments: Any, **options: Any) -> Any:
        """The first picture is not done before the button is pressed."""
        assert pressed.wait(_PATIENCE_MS / 1000)
        return run(*arguments, **options)

    panel.set_input(SHEET, str(lot / "samples.csv"))
    panel.form.out.setText(str(out))
    with monkeypatch.context() as patch:
        patch.setattr(batch, "run", later)
        qtbot.mouseClick(panel.form.run, Qt.MouseButton.LeftButton)
        qtbot.mouseClick(panel.form.cancel, Qt.MouseButton.LeftButton)
        pressed.set()
        qtbot.waitUntil(panel.form.run.isEnabled, timeout=_PATIENCE_MS)
    assert "Stopped" in panel.form.message.text
    assert len(list(out.glob("images/*/result.json"))) == 1
    press(qtbot, panel)
    assert len(list(out.glob("images/*/result.json"))) == 3


def test_sample_data_are_ready_to_run(panel: RunPanel, qtbot: Any, window: Any) -> None:
    window.open_sample("isletqc", "live-dead")
    panel.form.protocol.setCurrentText("viability-fda-pi")
    panel.set_input(LAYER)
    press(qtbot, panel)
    assert panel.form.message.property("kind") == "done"
