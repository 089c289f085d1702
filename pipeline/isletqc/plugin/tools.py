"""What the mouse does on the canvas: select, paint, erase, add, split, exocrine to islet.

Brush and eraser are napari's own; each stroke becomes one edit. A click or a line on the canvas is
turned into pixels of the picture here, and into a correction by the engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from isletqc.run import correct

if TYPE_CHECKING:
    from isletqc.plugin.bench import Bench

Tool = Literal["select", "paint", "erase", "add", "split", "to islet"]
TOOLS: tuple[tuple[Tool, str, str, str], ...] = (
    ("select", "Select", "Alt+1", "Click an islet; Shift+click adds to the selection"),
    ("paint", "Brush", "Alt+2", "Paint on the selected islet; [ and ] change the size"),
    ("erase", "Eraser", "Alt+3", "Erase parts of islets; [ and ] change the size"),
    ("add", "Add", "Alt+4", "Draw around a missed islet; double-click closes the outline"),
    ("split", "Split", "Alt+5", "Drag a line across an islet, or click in each of its halves"),
    ("to islet", "To islet", "Alt+6", "Click exocrine tissue that is an islet"),
)
_MODES = {"paint": "paint", "erase": "erase", "add": "polygon"}
# A press that moves less is a click.
_CLICK_PX = 3.0


class Hand:
    """Holds one tool at a time and passes what it does to the bench."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.tool: Tool = "select"
        self._first: tuple[float, float] | None = None
        bench.viewer.mouse_drag_callbacks.append(self._pressed)
        bench.selected.connect(self._choose_brush)

    def take(self, tool: Tool) -> None:
        """Take another tool."""
        self.tool, self._first = tool, None
        layer = self._bench.stage.islets
        if not self._bench.stage.there():
            return
        self._bench.viewer.layers.selection.active = layer
        layer.mode = _MODES.get(tool, "pan_zoom")
        if tool in {"select", "split", "to islet"}:
            layer.mouse_pan = tool != "split"
        if tool == "paint" and not self._bench.selection:
            self._bench.told.emit("info", "Select the islet first; Add draws a new one.")
        self._choose_brush()

    def _choose_brush(self) -> None:
        work, stage = self._bench.work, self._bench.stage
        if work is None or not stage.there():
            return
        if self.tool == "add":
            stage.islets.selected_label = work.canvas.next_label
        elif self._bench.selection:
            stage.islets.selected_label = self._bench.selection[-1]

    def _pressed(self, viewer: Any, event: Any) -> Iterator[None]:
        """Follow the mouse from press to release; a generator, as napari wants it."""
        if not self._bench.stage.there() or self.tool in _MODES or event.button not in (1, None):
            return
        points = [self._yx_px(event)]
        yield
        while event.type == "mouse_move":
            points.append(self._yx_px(event))
            yield
        points.append(self._yx_px(event))
        self._released(points, shift="Shift" in event.modifiers)

    def _released(self, points: list[tuple[float, float]], *, shift: bool) -> None:
        moved = max(abs(y - points[0][0]) + abs(x - points[0][1]) for y, x in points)
        dragged = moved > _CLICK_PX * self._px_per_screen_px()
        if self.tool == "split":
            self._split(points, dragged=dragged)
        elif not dragged and self.tool == "select":
            self._select(points[0], shift=shift)
        elif not dragged:
            self._bench.change(lambda canvas: correct.to_islet(canvas, points[0]))

    def _select(self, yx_px: tuple[float, float], *, shift: bool) -> None:
        work = self._bench.work
        label = correct.label_at(work.canvas, yx_px) if work else 0
        chosen = self._bench.selection
        if shift and label in chosen:
            self._bench.select(tuple(n for n in chosen if n != label))
        elif shift and label:
            self._bench.select((*chosen, label))
        elif not shift:
            self._bench.select((label,) if label else ())

    def _split(self, points: list[tuple[float, float]], *, dragged: bool) -> None:
        if dragged:
            self._first = None
            self._bench.change(lambda canvas: correct.split_by_line(canvas, points))
        elif self._first is None:
            self._first = points[0]
            self._bench.told.emit("info", "Click in the other half of the islet.")
        else:
            first, self._first = self._first, None
            self._bench.change(lambda canvas: correct.split_by_seeds(canvas, first, points[0]))

    def _yx_px(self, event: Any) -> tuple[float, float]:
        y, x = self._bench.stage.islets.world_to_data(event.position)[-2:]
        return float(y), float(x)

    def _px_per_screen_px(self) -> float:
        zoom, um_per_px = self._bench.viewer.scene.camera.zoom, self._bench.stage.islets.scale[0]
        return 1 / (float(zoom) * float(um_per_px))
