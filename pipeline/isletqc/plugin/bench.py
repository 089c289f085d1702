"""What the docks of one viewer share: the results that are open, the picture on the table.

The docks ask the bench to do something; it asks the engine (`run.review`, `run.editing`,
`run.correct`), brings the layers up to date and tells all docks. It holds no numbers of its own.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import napari
from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QInputDialog, QWidget

from isletqc.errors import EditError, IsletQCError
from isletqc.plugin import leaving, preferences
from isletqc.plugin.layers import ColourBy
from isletqc.plugin.stage import Stage
from isletqc.records import Islet, Picture, Verdict
from isletqc.run import correct, editing, review
from isletqc.run.canvas import Canvas, Change
from isletqc.run.editing import Editing

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

    def __init__(self, viewer: napari.components.ViewerModel) -> None:
        super().__init__()
        self._viewer = weakref.ref(viewer)
        self.stage = Stage(viewer)
        self.review: review.Review | None = None
        self.work: Editing | None = None
        self.place = 0
        self.selection: tuple[int, ...] = ()
        self.last_round_seconds = 0.0
