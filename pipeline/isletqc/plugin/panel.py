"""The Islet QC panel: what to analyse and how; Run, progress, Cancel; the same as a command.

The run is that of the command line, in a thread of its own. What goes wrong is said in the panel.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import napari
from napari.qt.threading import create_worker
from qtpy.QtCore import Signal
from qtpy.QtGui import QGuiApplication, QShowEvent
from qtpy.QtWidgets import QFileDialog, QWidget

from isletqc import protocol
from isletqc.errors import IsletQCError
from isletqc.plugin import choice as choices
from isletqc.plugin import layers, preferences
from isletqc.plugin.bench import bench_of
from isletqc.plugin.choice import Choice, PixelSize
from isletqc.plugin.panel_form import FILE, FOLDER, LAYER, SHEET, PanelForm, ask_path, entitle
from isletqc.records import Failure, Picture
from isletqc.run import batch
from isletqc.run.batch import Finished
from isletqc.segment.run import device_name


class StoppedError(Exception):
    """Cancel was pressed."""


class RunPanel(QWidget):
    """Chooses, runs, opens the results."""

    _progressed = Signal(int, int, str, object)

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._bench = bench_of(viewer)
        self._stop = Event()
        self._worker: Any = None
        self._proposed: Path | None = None
        self.form = PanelForm(self)
        self._fill()
        self._connect()
        self._new_input()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Take a short title; ask before the window closes on unsaved work."""
        entitle(self, "Islet QC")
        self._bench.guard(self.window())

    # What is chosen

    def choice(self) -> Choice:
        """Give what is filled in, as it stands.

        Raises
        ------
        UsageError
            A layer in memory cannot be written as a picture.
        """
        form = self.form
        kind, path = form.input_kind.currentText(), form.input_path.text().strip()
        out = Path(form.out.text().strip() or "out")
        size = self._typed_um_per_px()
        picked = Choice(None, None, self._protocol(), out, size, form.device.currentText())
        if kind == SHEET:
            return replace(picked, sheet=Path(path) if path else None)
        if kind == LAYER:
            return self._of_layer(picked)
        return replace(picked, source=Path(path) if path else None)

    def set_input(self, kind: str, path: str = "") -> None:
        """Choose what is analysed, as a person would by hand."""
        self.form.input_kind.setCurrentText(kind)
        self.form.input_path.setText(path)
        self._new_input()

    def _of_layer(self, picked: Choice) -> Choice:
        layer = self._layer()
        if layer is None:
            return picked
        path = layers.path_of(layer)
        size = choices.of_layer(layer)
        from_layer = path is None or size.source == "the layer's scale"
        um_per_px = picked.pixel_size_um or (size.um_per_px if from_layer else None)
        if path is None and um_per_px is not None:
            path = choices.save_layer(layer, picked.out, um_per_px)
        return replace(picked, source=path, pixel_size_um=um_per_px)

    def _layer(self) -> Any:
        return choices.picture_layer(self._viewer)

    def _protocol(self) -> str:
        chosen = self.form.protocol.currentData()
        return str(chosen or self.form.protocol.currentText())

    def _typed_um_per_px(self) -> float | None:
        text = self.form.pixel_size.text().strip().replace(",", ".")
        try:
            value = float(text)
        except ValueError:
            return None
        return value if math.isfinite(value) and value > 0 else None

    # Set up

    def _fill(self) -> None:
        default = str(preferences.work().protocol)
        self.form.add_protocols(default)
        self.form.device.setCurrentText(str(preferences.work().device))
        has_picture = self._layer() is not None
        self.form.input_kind.setCurrentText(LAYER if has_picture else FILE)

    def _connect(self) -> None:
        form = self.form
        form.run.clicked.connect(self.start)
        form.cancel.clicked.connect(self.cancel)
        form.copy.clicked.connect(self.copy_command)
        form.browse.clicked.connect(self._browse_input)
        form.browse_out.clicked.connect(self._browse_out)
        form.protocol.activated.connect(self._protocol_chosen)
        form.input_kind.currentTextChanged.connect(self._new_input)
        form.input_path.editingFinished.connect(self._new_input)
        form.pixel_size.textChanged.connect(self._tell_pixel_size)
        form.device.currentTextChanged.connect(self._tell_device)
        self._progressed.connect(self._show_progress)
        self._viewer.layers.events.inserted.connect(self._layers_changed)
        self._viewer.layers.events.removed.connect(self._layers_changed)
        self._viewer.layers.selection.events.active.connect(self._layers_changed)
        self._tell_protocol()
        self._tell_device()

    def _layers_changed(self, event: Any = None) -> None:
        if self.form.input_kind.currentText() == LAYER:
            self._new_input()

    def _new_input(self, _text: str = "") -> None:
        """Another input: where results go and how large a pixel is follow from it."""
        form, kind = self.form, self.form.input_kind.currentText()
        form.show_path(kind)
        layer = self._layer() if kind == LAYER else None
        path = layers.path_of(layer) if layer is not None else None
        if kind != LAYER and (text := form.input_path.text().strip()):
            path = Path(text)
        if kind == LAYER:
            form.input_path.setText(choices.named(layer, path))
        self._propose_out(path, layer)
        self._size = self._known_size(kind, layer, path)
        self._tell_pixel_size()

    def _propose_out(self, path: Path | None, layer: Any) -> None:
        """Propose where results go; what a person typed stays while the input is the same."""
        out = choices.out_beside(path) if path is not None else None
        if out is None and layer is not None:
            out = Path(tempfile.gettempdir()) / "isletqc" / f"{layer.name}-isletqc"
        if out is not None and out != self._proposed:
            self.form.out.setText(str(out))
        self._proposed = out

    def _known_size(self, kind: str, layer: Any, path: Path | None) -> PixelSize | None:
        """Pixel size of one picture; None for many, of which each file says its own."""
        if kind == LAYER:
            return choices.of_layer(layer) if layer is not None else PixelSize(None, "")
        if kind == FILE:
            known = path is not None and path.is_file()
            return choices.of_file(path) if path and known else PixelSize(None, "")
        return None

    # What is said

    def _tell_pixel_size(self, _text: str = "") -> None:
        form, size = self.form, self._size
        typed = self._typed_um_per_px()
        form.pixel_size.setPlaceholderText("")
        if typed is not None:
            form.tell_size(f"{typed:g} µm, given here", known=True)
        elif form.pixel_size.text().strip():
            form.tell_size("Expected a number above 0, in µm", known=False)
        elif size is None:
            form.tell_size("As each file or the sheet says", known=True)
        elif size.um_per_px is not None:
            form.pixel_size.setPlaceholderText(f"{size.um_per_px:g}")
            form.tell_size(f"From {size.source}", known=True)
        elif form.input_path.text().strip():
            form.tell_size("Unknown: type the µm of one pixel", known=False)
        else:
            form.tell_size("", known=True)

    def _protocol_chosen(self) -> None:
        """Ask for a file where that was chosen."""
        if self.form.protocol.currentData() == "":
            path, _ = QFileDialog.getOpenFileName(self, "Protocol", "", "Protocols (*.yaml *.yml)")
            self.form.choose_protocol_file(path)
        self._tell_protocol()

    def _tell_protocol(self) -> None:
        try:
            found = protocol.load(self._protocol()).protocol
        except IsletQCError as e:
            self.form.protocol_note.setText("")
            self.form.message.say("error", str(e))
            return
        limits = f"{len(found.limits)} limits" if found.limits else "no limits"
        self.form.protocol_note.setText(f"{found.title}\n{found.stain}, {found.status}, {limits}")

    def _tell_device(self, _text: str = "") -> None:
        try:
            used = device_name(self.form.device.currentText())
        except IsletQCError as e:
            self.form.device_note.setText(str(e))
            return
        words = {"cpu": "Uses the processor (CPU)", "cuda": "Uses the GPU (CUDA)"}
        self.form.device_note.setText(words.get(used, f"Uses {used}"))

    # What is done

    def copy_command(self) -> None:
        """Put the command that does the same on the clipboard."""
        try:
            words = choices.command(self.choice())
        except IsletQCError as e:
            self.form.message.say("error", str(e))
            return
        QGuiApplication.clipboard().setText(words)
        self.form.message.say("info", f"Copied: {words}")

    def start(self) -> None:
        """Run in a thread of its own."""
        if self._worker is not None or not self._bench.may_leave():
            return
        self.form.message.clear()
        try:
            picked = self.choice()
            problem = self._missing(picked)
            if problem:
                self.form.message.say("warning", problem)
                return
            order = choices.order(picked)
        except IsletQCError as e:
            self.form.message.say("error", choices.advice(e.code, str(e)))
            return
        self._stop.clear()
        self.form.running(True, len(order.samples))
        self._worker = create_worker(self._carry_out, order)
        self._worker.returned.connect(self._finished)
        self._worker.finished.connect(self._ended)
        self._worker.start()

    def cancel(self) -> None:
        """Stop after the picture at hand; what is finished is kept."""
        self._stop.set()
        self.form.progress_note.setText("Stopping after this picture")
        self.form.cancel.setEnabled(False)

    def _missing(self, picked: Choice) -> str:
        if self.form.input_kind.currentText() == LAYER and self._layer() is None:
            return "No picture is open. Open one, or choose a file, a folder or a sample sheet."
        unknown = self._size is not None and self._size.um_per_px is None
        readable = not (self._size and self._size.problem) or "pixel" in self._size.problem
        if unknown and readable and picked.pixel_size_um is None and self._exists(picked):
            return (
                "The size of a pixel is unknown, and is never guessed. Type the micrometres of "
                "one pixel under Pixel size, then Run."
            )
        if picked.source is None and picked.sheet is None:
            return "Nothing is chosen yet. Choose a picture, a folder or a sample sheet."
        return ""

    def _exists(self, picked: Choice) -> bool:
        return picked.source is None or picked.source.is_file()

    def _carry_out(self, order: batch.Order) -> Finished | IsletQCError | None:
        """In the thread: the run, why it was refused, or None when it was stopped."""
        try:
            return batch.run(order, on_progress=self._on_progress)
        except StoppedError:
            return None
        except IsletQCError as e:
            return e

    def _on_progress(self, done: int, total: int, name: str, result: Picture | Failure) -> None:
        self._progressed.emit(done, total, name, result)
        if self._stop.is_set() and done < total:
            raise StoppedError

    def _show_progress(self, done: int, total: int, name: str, result: object) -> None:
        failed = isinstance(result, Failure)
        said = "could not be analysed" if failed else "finished"
        self.form.progress.setRange(0, total)
        self.form.progress.setValue(done)
        self.form.progress_note.setText(f"{done} of {total}: {name} {said}")

    def _finished(self, result: Finished | IsletQCError | None) -> None:
        message = self.form.message
        if result is None:
            message.say("info", "Stopped. Finished pictures are kept; Run goes on from there.")
        elif isinstance(result, IsletQCError):
            message.say("error", choices.advice(result.code, str(result)))
        else:
            self._show(result)

    def _show(self, result: Finished) -> None:
        failures = result.results.failures
        pictures = [p for v in result.results.verdicts for p in v.lot.pictures]
        islets = sum(len(p.counted) for p in pictures)
        if failures:
            more = f"\n\n{len(failures) - 1} more in the Results dock." if failures[1:] else ""
            self.form.message.say("error", choices.of_failure(failures[0]) + more)
        elif not islets:
            self.form.message.say(
                "warning",
                "No islet that counts was found. The result is zero with its upper bound; look at "
                "the picture and its fitness in the Results dock.",
            )
        else:
            self.form.message.say("done", f"{islets:,} islets counted. {result.report.parent}")
        if pictures and self._bench.open(result.report.parent):
            self._show_docks()

    def _show_docks(self) -> None:
        """Bring up the other docks beside the panel; a viewer without a window has none."""
        window = getattr(self._viewer, "window", None)
        if window is None:
            return
        for name in ("Correct", "Review", "Results"):
            dock, _ = window.add_plugin_dock_widget(preferences.PLUGIN, name, tabify=True)
            dock.show()
            dock.raise_()

    def _ended(self) -> None:
        self._worker = None
        self.form.running(False)

    def _browse_input(self) -> None:
        kind = self.form.input_kind.currentText()
        if path := ask_path(self, kind):
            self.set_input(kind, path)

    def _browse_out(self) -> None:
        if path := ask_path(self, FOLDER):
            self.form.out.setText(path)


__all__ = ["FILE", "FOLDER", "LAYER", "SHEET", "RunPanel"]
