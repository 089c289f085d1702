"""What the docks of one viewer share: the results that are open, the picture on the table.

The docks ask the bench to do something; it asks the engine (`run.review`, `run.editing`), brings
the layers up to date and tells all docks. It holds no numbers of its own.
"""

from __future__ import annotations

import shlex
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QApplication, QWidget

from isletqc.errors import IsletQCError
from isletqc.plugin import leaving, preferences, standing, steps
from isletqc.plugin.stage import Stage
from isletqc.plugin.standing import Standing
from isletqc.plugin.threads import Work, start
from isletqc.records import Edit, Islet, Picture
from isletqc.report.results import RunResults
from isletqc.run import autosave, editing, record, review
from isletqc.run.canvas import Box, Canvas, Change
from isletqc.run.correct import paint
from isletqc.run.editing import Editing
from isletqc.run.rejudge import rejudge
from isletqc.run.review import Review

_benches: weakref.WeakKeyDictionary[Any, Bench] = weakref.WeakKeyDictionary()


def bench_of(viewer: Any) -> Bench:
    """Give the bench of a viewer; its docks all get the same."""
    # napari hands plugins a wrapper that is another object each time.
    bare = getattr(viewer, "__wrapped__", viewer)
    if bare not in _benches:
        _benches[bare] = Bench(bare)
    return _benches[bare]


class Bench(QObject):
    """Results that are open, the picture on the table, the islets that are selected."""

    opened = Signal()
    shown = Signal()
    edited = Signal()
    selected = Signal()
    told = Signal(str, str)

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = weakref.proxy(viewer)
        self.stage = Stage(self.viewer)
        self.review: Review | None = None
        self.results: RunResults | None = None
        self.work: Editing | None = None
        self.place = 0
        self.selection: tuple[int, ...] = ()
        self.round_seconds = 0.0
        self._thread: Work | None = None
        self._door: leaving.Doorkeeper | None = None

    # What is open

    @property
    def folder(self) -> Path | None:
        """Folder of the results; None when none is open."""
        return self.review.out if self.review is not None else None

    @property
    def busy(self) -> bool:
        """Whether the report is being written, or a picture segmented again."""
        return self._thread is not None

    @property
    def lot_name(self) -> str:
        """Lot of the picture on the table; empty when there is none."""
        return self.work.picture.sample.lot if self.work is not None else ""

    def standings(self) -> tuple[Standing, ...]:
        """List the pictures of the results, in their order."""
        now = self.work.picture if self.work is not None else None
        return standing.of(self.review, self.place, now) if self.review is not None else ()

    def open(self, folder: str | Path) -> bool:
        """Open a folder of results and put its first picture on the table."""
        if not self.may_leave():
            return False
        try:
            found = review.open_results(Path(folder))
        except IsletQCError as e:
            self.told.emit("error", str(e))
            return False
        self.review, self.results = found, standing.results(found)
        self.told.emit("info", "")
        first = next((p for p, e in enumerate(found.entries) if isinstance(e.result, Picture)), 0)
        self._put_on_table(first)
        self.opened.emit()
        return True

    def go(self, place: int) -> bool:
        """Put another picture on the table."""
        if self.review is None or not 0 <= place < len(self.review.entries):
            return False
        if place == self.place and self.work is not None:
            return True
        return self.may_leave() and self._put_on_table(place)

    def go_flagged(self) -> bool:
        """Go to the next picture that should be looked at, round to the first again."""
        found = self.standings()
        order = [*range(self.place + 1, len(found)), *range(self.place)]
        place = next((p for p in order if found[p].flagged), None)
        if place is None:
            self.told.emit("info", "No other picture needs a look.")
        return place is not None and self.go(place)

    # What is selected

    def select(self, labels: Sequence[int], *, fly: bool = False) -> None:
        """Select islets; they stand out, and the view goes to the last of them when asked."""
        self.selection = tuple(labels)
        self.recolour()
        islet = self.islet(labels[-1]) if fly and labels else None
        if islet is not None and self.stage.there():
            self.stage.fly_to(islet)
        self.selected.emit()

    def recolour(self) -> None:
        """Colour the islets anew."""
        if self.work is not None and self.stage.there():
            self.stage.colour(self.work.picture.islets, self.selection)

    def islet(self, label: int) -> Islet | None:
        """Give an islet of the picture on the table."""
        found = self.work.picture.islets if self.work is not None else ()
        return next((i for i in found if i.label == label), None)

    # What is corrected

    def change(self, make: Callable[[Canvas], Change]) -> bool:
        """Make one correction; a refusal is told and nothing has changed."""
        return self._step(lambda work: steps.made(work, make(work.canvas), _who()))

    def undo(self) -> bool:
        """Take the last correction back."""
        return self._step(lambda work: steps.undone(work, _who()))

    def redo(self) -> bool:
        """Make the correction again that was taken back."""
        return self._step(lambda work: steps.redone(work, _who()))

    def _step(self, step: Callable[[Editing], tuple[Editing, Box]]) -> bool:
        if self.work is None or not self.stage.there():
            self.told.emit("info", "No islets are on the table: open a picture in Review.")
            return False
        begun = perf_counter()
        try:
            self.work, box = step(self.work)
        except IsletQCError as e:
            self.told.emit("warning", str(e))
            return False
        self._follow(box)
        self.round_seconds = perf_counter() - begun
        return True

    def _follow(self, box: Box) -> None:
        """Bring layers, verdict and docks up to date."""
        if self.work is None or self.review is None or self.results is None:
            return
        picture = self.work.picture
        lot = review.verdict(self.review, self.place, picture)
        self.results = standing.with_verdict(self.results, lot)
        labels = {islet.label for islet in picture.islets}
        self.selection = tuple(n for n in self.selection if n in labels)
        self.stage.take_over(self.work.canvas, box)
        self.recolour()
        self.told.emit("info", "")
        self.edited.emit()

    def _painted(self, event: Any = None) -> None:
        """Hear of a stroke; napari tells of a polygon before it has painted it."""
        if not self._take_stroke():
            QTimer.singleShot(0, self._take_stroke)

    def _take_stroke(self) -> bool:
        """Turn a stroke of napari's brush, eraser or polygon into a correction."""
        if self.work is None or not self.stage.there():
            return False
        found = self.stage.painted(self.work.canvas)
        if found is None:
            return False
        box, labels = found
        # What the engine refuses, or tidies, is not left on the canvas.
        self.stage.take_over(self.work.canvas, box)
        if not self.change(lambda canvas: paint(canvas, box, labels)):
            self.recolour()
        elif self.work.undo[-1].action == "add":
            self.select((self.work.canvas.next_label - 1,))
        return True

    # What is kept

    def guard(self, window: QWidget) -> None:
        """Ask before this window closes on unsaved work; once for each window."""
        if self._door is None or self._door.parent() is not window:
            self._door = leaving.Doorkeeper(window, self.may_leave)

    def may_leave(self) -> bool:
        """Ask about unsaved edits; False when the person chose to stay."""
        if self.work is None or not self.work.unsaved:
            return True
        answer = leaving.ask_leave(_window(), self.work.picture.name, self.work.unsaved)
        if answer == "save":
            return self.save()
        if answer == "discard" and self.work.folder is not None:
            autosave.discard(self.work.folder)
        if answer == "discard":
            self.work = None
        return answer == "discard"

    def save(self) -> bool:
        """Write the corrections; the report follows in a thread."""
        return self._keep(lambda found, work: review.save(found, self.place, work))

    def approve(self) -> bool:
        """Save, and note that a person has looked at this picture and agrees."""

        def keep(found: Review, work: Editing) -> tuple[Review, Editing]:
            found, work = review.save(found, self.place, work)
            return review.approve(found, self.place, work, who=_who())

        return self._keep(keep)

    def judge_again(self) -> None:
        """Judge the lots from what is saved and write the report, in a thread."""
        if self.review is not None and not self.busy:
            out = self.review.out
            self._thread = start(
                lambda: rejudge(
                    out,
                    ledger=record.named_ledger(None, out),
                    command=shlex.join(["isletqc", "rejudge", str(out)]),
                ),
                self._judged,
            )
            self.told.emit("info", "Writing results and report …")
            self.edited.emit()

    def _keep(self, keep: Callable[[Review, Editing], tuple[Review, Editing]]) -> bool:
        if self.review is None or self.work is None:
            return False
        if self.busy:
            self.told.emit("info", "The report is still being written; try again in a moment.")
            return False
        try:
            self.review, self.work = keep(self.review, self.work)
        except IsletQCError as e:
            self.told.emit("error", str(e))
            return False
        self.judge_again()
        return True

    def _judged(self, answer: Any) -> None:
        self._thread = None
        if isinstance(answer, IsletQCError):
            self.told.emit("error", str(answer))
        else:
            self.told.emit("done", f"Saved. The report shows it: {answer.report}")
        self.edited.emit()

    # Uncertainty

    def show_uncertainty(self) -> None:
        """Segment the picture again, in a thread, and lay 1 - probability over it."""
        if self.work is None or self.busy:
            return
        image, protocol = self.work.image, self.work.protocol
        device = str(preferences.work().device)
        self._thread = start(lambda: standing.probability(image, protocol, device), self._seen)
        self.told.emit("info", "Segmenting again …")
        self.edited.emit()

    def _seen(self, answer: Any) -> None:
        self._thread = None
        if isinstance(answer, IsletQCError):
            self.told.emit("error", str(answer))
        else:
            self.stage.show_uncertainty(answer)
            self.told.emit("info", "")
        self.edited.emit()

    # The table

    def _put_on_table(self, place: int) -> bool:
        """Read a picture, offer edits that were lost, show its layers."""
        if self.review is None:
            return False
        self.work, self.place, self.selection = None, place, ()
        self.told.emit("info", "")
        try:
            self.work = self._read(self.review, place)
        except IsletQCError as e:
            self.stage.clear()
            self.told.emit("error", str(e))
            self.shown.emit()
            return False
        work = self.work
        before = self.stage.islets
        self.stage.show(work.image, work.canvas, work.picture.islets, work.picture.name)
        if self.stage.islets is not before:
            self._listen()
        if work.unsaved:
            self._follow((0, 0, 0, 0))
        self.shown.emit()
        return True

    def _listen(self) -> None:
        """Hear of strokes and of the keys for undo and redo on the layer of islets."""
        layer = self.stage.islets
        layer.events.paint.connect(self._painted)
        layer.bind_key("Control-Z", lambda _: self.undo(), overwrite=True)
        layer.bind_key("Control-Shift-Z", lambda _: self.redo(), overwrite=True)

    def _read(self, found: Review, place: int) -> Editing:
        work = review.open_picture(found, place)
        if work.folder is None:
            return work
        if edits := autosave.pending(work.folder):
            work = self._recovered(work, edits)
        return work if preferences.work().autosave else replace(work, folder=None)

    def _recovered(self, work: Editing, edits: Sequence[Edit]) -> Editing:
        if work.folder is None or leaving.ask_recover(_window(), work.picture.name, edits):
            return editing.recovered(work)
        autosave.discard(work.folder)
        return work


def _who() -> str:
    return leaving.ask_who(_window())


def _window() -> QWidget | None:
    return QApplication.activeWindow()
