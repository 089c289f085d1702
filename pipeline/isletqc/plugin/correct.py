"""The Correct dock: tools, what to do with the selected islets, the table of islets, the log."""

from __future__ import annotations

from typing import Any

import napari
from qtpy.QtCore import QItemSelectionModel, Qt
from qtpy.QtGui import QKeySequence, QShowEvent
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QGridLayout,
    QLabel,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from isletqc.plugin import layers, tools
from isletqc.plugin.bench import bench_of
from isletqc.plugin.message import Message
from isletqc.plugin.panel_form import entitle, note, row
from isletqc.plugin.tables import (
    EDIT_COLUMNS,
    ISLET_COLUMNS,
    ISLET_TIPS,
    Table,
    edit_rows,
    islet_rows,
)
from isletqc.plugin.tools import TOOLS, Tool
from isletqc.run import correct


class CorrectDock(QWidget):
    """Turns buttons, clicks and strokes into edits; shows the islets and the log."""

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench = bench_of(viewer)
        self._hand = tools.Hand(self._bench)
        self.tools: dict[Tool, QPushButton] = {}
        self.actions_: dict[str, QPushButton] = {}
        self.reason = _reasons()
        self.colour_by = QComboBox()
        self.colour_by.addItems(list(layers.COLOUR_BY))
        self.outlines = QCheckBox("Outlines")
        self.table = Table(ISLET_COLUMNS, ISLET_TIPS)
        self.table.widths((44, 52, 46, 52, 54))
        self.log = Table(EDIT_COLUMNS)
        self.log.widths((76, 86, 64, 64, 170))
        self.message = Message()
        self.summary = note()
        self._lay_out()
        self._connect()
        self._refill()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 10)
        column.setSpacing(8)
        column.addLayout(self._tool_buttons())
        column.addLayout(self._action_buttons())
        column.addLayout(row(QLabel("Reason"), (self.reason, 1)))
        column.addWidget(self.message)
        column.addWidget(self.summary)
        column.addLayout(row(QLabel("Colour"), (self.colour_by, 1), self.outlines))
        self.legend = QLabel()
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setWordWrap(True)
        column.addWidget(self.legend)
        tabs = QTabWidget()
        tabs.addTab(self.table, "Islets")
        tabs.addTab(self.log, "Edits")
        self.tabs = tabs
        column.addWidget(tabs, 1)
        self.setMinimumWidth(330)

    def _tool_buttons(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(4)
        group = QButtonGroup(self)
        group.setExclusive(True)
        for place, (tool, words, key, tip) in enumerate(TOOLS):
            button = QPushButton(words)
            button.setCheckable(True)
            button.setToolTip(f"{tip} ({key})")
            button.setShortcut(QKeySequence(key))
            button.clicked.connect(lambda _=False, t=tool: self._hand.take(t))
            group.addButton(button)
            grid.addWidget(button, place // 3, place % 3)
            self.tools[tool] = button
        self.tools["select"].setChecked(True)
        return grid

    def _action_buttons(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(4)
        for place, (words, key, tip, act) in enumerate(self._actions()):
            button = QPushButton(words)
            button.setToolTip(f"{tip} ({key})")
            button.setShortcut(QKeySequence(key))
            button.clicked.connect(lambda _=False, a=act: a())
            grid.addWidget(button, place // 3, place % 3)
            self.actions_[words] = button
        return grid

    def _actions(self) -> list[tuple[str, str, str, Any]]:
        hand = self._bench
        return [
            ("Merge", "Alt+M", "Make one islet of those selected; they must touch", self._merge),
            ("Delete", "Alt+Del", "Delete the selected islets", self._delete),
            ("To exocrine", "Alt+X", "Selected islets are exocrine tissue", self._to_exocrine),
            ("Exclude", "Alt+E", "Leave the selected islets out of the count", self._exclude),
            ("Include", "Alt+I", "Count the selected islets again", self._include),
            ("Next islet", "Alt+Down", "Select the next islet of the table", self._next_row),
            ("Undo", "Alt+Z", "Take the last edit back; Ctrl+Z on the canvas", hand.undo),
            ("Redo", "Alt+Shift+Z", "Make it again; Ctrl+Shift+Z on the canvas", hand.redo),
            ("Save", "Alt+S", "Write the corrections to the results", hand.save),
        ]

    def _connect(self) -> None:
        self._bench.shown.connect(self._new_picture)
        self._bench.edited.connect(self._refill)
        self._bench.selected.connect(self._show_selection)
        self._bench.told.connect(self._tell)
        self.table.selectionModel().selectionChanged.connect(self._row_chosen)
        self.table.clicked.connect(self._row_clicked)
        self.colour_by.currentTextChanged.connect(self._recolour)
        self.outlines.toggled.connect(self._outline)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Take a short title."""
        entitle(self, "Correct")
        self._bench.guard(self.window())

    # The selected islets

    def _why(self) -> str:
        return self.reason.currentText().strip()

    def _merge(self) -> None:
        chosen, why = self._bench.selection, self._why()
        self._bench.change(lambda canvas: correct.merge(canvas, chosen, reason=why))

    def _delete(self) -> None:
        chosen, why = self._bench.selection, self._why()
        self._bench.change(lambda canvas: correct.delete(canvas, chosen, reason=why))

    def _to_exocrine(self) -> None:
        chosen, why = self._bench.selection, self._why()
        self._bench.change(lambda canvas: correct.to_exocrine(canvas, chosen, reason=why))

    def _exclude(self) -> None:
        chosen, why = self._bench.selection, self._why()
        self._bench.change(lambda canvas: correct.exclude(canvas, chosen, why))

    def _include(self) -> None:
        chosen, why = self._bench.selection, self._why()
        self._bench.change(lambda canvas: correct.include(canvas, chosen, reason=why))

    # Table and view

    def _new_picture(self) -> None:
        self.tools["select"].setChecked(True)
        self._hand.take("select")
        self.message.clear()
        if self._bench.stage.islets is not None:
            self.outlines.setChecked(bool(self._bench.stage.islets.contour))
        self._refill()

    def _refill(self) -> None:
        work = self._bench.work
        found = work.picture.islets if work else ()
        with _quiet(self.table):
            self.table.rows.put(islet_rows(found))
        self.log.rows.put(edit_rows(work.picture.edits if work else ()))
        for widget in (*self.tools.values(), *self.actions_.values(), self.reason):
            widget.setEnabled(work is not None)
        self._show_summary()
        self._show_selection()

    def _show_summary(self) -> None:
        work = self._bench.work
        if work is None:
            self.summary.setText("Run a picture, or open results in Review, to correct its islets.")
            self.legend.clear()
            return
        self.actions_["Undo"].setEnabled(bool(work.undo))
        self.actions_["Redo"].setEnabled(bool(work.redo))
        picture = work.picture
        left = len(picture.islets) - len(picture.counted)
        self.summary.setText(
            f"{len(picture.counted):,} counted, {left:,} not · {picture.ieq:,.1f} IEQ · "
            f"{_unsaved(work.unsaved)}"
        )
        shown = layers.legend(picture.islets, self._bench.stage.colour_by)
        self.legend.setText("&nbsp;&nbsp; ".join(_patch(c, w) for w, c in shown.items()))

    def _show_selection(self) -> None:
        """Show the rows of the selected islets, the last in view."""
        model = self.table.selectionModel()
        with _quiet(self.table):
            model.clearSelection()
            for label in self._bench.selection:
                index = self.table.place_of(0, label)
                if index is not None:
                    rows = QItemSelectionModel.SelectionFlag.Rows
                    model.select(index, QItemSelectionModel.SelectionFlag.Select | rows)
                    self.table.scrollTo(index)
        self.table.viewport().update()

    def _row_chosen(self) -> None:
        if self.table.signalsBlocked():
            return
        chosen = tuple(int(values[0]) for values in self.table.chosen())
        if set(chosen) != set(self._bench.selection):
            self._bench.select(chosen, fly=True)

    def _row_clicked(self) -> None:
        """Fly there again, even when the row was selected already."""
        self._bench.select(tuple(int(v[0]) for v in self.table.chosen()), fly=True)

    def _next_row(self) -> None:
        rows = [self.table.sorted.index(k, 0) for k in range(self.table.sorted.rowCount())]
        labels = [int(index.data(Qt.ItemDataRole.DisplayRole)) for index in rows]
        if not labels:
            return
        last = self._bench.selection[-1] if self._bench.selection else None
        place = labels.index(last) + 1 if last in labels else 0
        self._bench.select((labels[place % len(labels)],), fly=True)

    def _recolour(self, by: str) -> None:
        self._bench.stage.colour_by = next(b for b in layers.COLOUR_BY if b == by)
        self._bench.recolour()
        self._show_summary()

    def _outline(self, on: bool) -> None:
        if self._bench.stage.there():
            self._bench.stage.outline(on)

    def _tell(self, kind: Any, text: str) -> None:
        self.message.say(kind, text) if text else self.message.clear()


class _quiet:  # noqa: N801 - reads as a phrase: with _quiet(table)
    """Signals of a table's selection are not heard inside."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __enter__(self) -> None:
        self._table.blockSignals(True)
        self._table.selectionModel().blockSignals(True)

    def __exit__(self, *_: object) -> None:
        self._table.selectionModel().blockSignals(False)
        self._table.blockSignals(False)


def _reasons() -> QComboBox:
    box = QComboBox()
    box.setEditable(True)
    box.addItem("")
    box.addItems(list(correct.REASONS))
    box.setToolTip("Why: from the list or in your own words; an exclusion needs one")
    editor = box.lineEdit()
    if editor is not None:
        editor.setPlaceholderText("choose or type")
    return box


def _unsaved(count: int) -> str:
    return "all saved" if not count else f"{count} edit{'s' * (count > 1)} not saved"


def _patch(colour: str, words: str) -> str:
    return f'<span style="color:{colour}">■</span>&nbsp;{words}'
