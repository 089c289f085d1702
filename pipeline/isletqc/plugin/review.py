"""The Review dock: step through the pictures of a run, correct, approve, save, judge anew."""

from __future__ import annotations

import napari
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShowEvent
from qtpy.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from isletqc.plugin import preferences
from isletqc.plugin.bench import bench_of
from isletqc.plugin.message import Message
from isletqc.plugin.panel_form import entitle, note, row
from isletqc.plugin.standing import Standing

_COLUMNS = ("Picture", "Lot", "State", "Islets", "IEQ")


class ReviewDock(QWidget):
    """Opens a folder of results and leads through its pictures."""

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench = bench_of(viewer)
        self.open = _button("Open results …", "Alt+O", "Choose a folder that isletqc run wrote")
        self.path = QLineEdit()
        self.path.setPlaceholderText("folder of results; Return opens it")
        self.where = QLabel()
        self.previous = _button("Previous", "Alt+Left", "The picture before")
        self.next = _button("Next", "Alt+Right", "The picture after")
        self.next_flagged = _button("Next flagged", "Alt+N", "The next picture to be looked at")
        self.pictures = _picture_table()
        self.approve = _button("Approve picture", "Alt+A", "I have looked at this and agree")
        self.save = _button("Save", "Alt+Shift+S", "Write corrections, results and report")
        self.rejudge = _button(
            "Judge again", "Alt+J", "Judge the lots from what is saved; write the report anew"
        )
        self.uncertainty = _button("Show uncertainty", "Alt+U", "Segment again to see how sure")
        self.who = QLineEdit(preferences.who())
        self.who.setPlaceholderText("asked for at the first edit")
        self.who.setToolTip("Stands beside every edit and approval; kept in the preferences")
        self.facts = note()
        self.message = Message()
        self._lay_out()
        self._connect()
        self.refresh()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 10)
        column.setSpacing(8)
        column.addLayout(row((self.path, 1), self.open))
        column.addWidget(self.message)
        font = self.where.font()
        font.setBold(True)
        self.where.setFont(font)
        self.where.setWordWrap(True)
        column.addWidget(self.where)
        column.addWidget(self.facts)
        column.addLayout(row((self.previous, 1), (self.next, 1), (self.next_flagged, 1)))
        column.addWidget(self.pictures, 1)
        column.addWidget(self.approve)
        grid = QGridLayout()
        grid.setSpacing(6)
        for place, button in enumerate((self.save, self.rejudge, self.uncertainty)):
            grid.addWidget(button, 0, place)
        column.addLayout(grid)
        column.addLayout(row(QLabel("Who I am"), (self.who, 1)))
        self.approve.setMinimumHeight(34)
        self.setMinimumWidth(330)

    def _connect(self) -> None:
        bench = self._bench
        for signal in (bench.opened, bench.shown, bench.edited):
            signal.connect(self.refresh)
        bench.told.connect(self._tell)
        self.open.clicked.connect(self._browse)
        self.path.returnPressed.connect(lambda: bench.open(self.path.text().strip()))
        self.previous.clicked.connect(lambda: bench.go(bench.place - 1))
        self.next.clicked.connect(lambda: bench.go(bench.place + 1))
        self.next_flagged.clicked.connect(bench.go_flagged)
        self.pictures.cellClicked.connect(lambda line, _: bench.go(line))
        self.approve.clicked.connect(bench.approve)
        self.save.clicked.connect(bench.save)
        self.rejudge.clicked.connect(bench.judge_again)
        self.uncertainty.clicked.connect(bench.show_uncertainty)
        self.who.editingFinished.connect(lambda: preferences.set_who(self.who.text()))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Take a short title."""
        entitle(self, "Review")
        self._bench.guard(self.window())

    def refresh(self) -> None:
        """Show where the review stands."""
        bench, entries = self._bench, self._bench.standings()
        if bench.folder is not None:
            self.path.setText(str(bench.folder))
        if not self.who.hasFocus():
            self.who.setText(preferences.who())
        self._fill(entries)
        on = bench.work is not None
        for button in (self.approve, self.uncertainty):
            button.setEnabled(on)
        for button in (self.save, self.rejudge):
            button.setEnabled(bench.review is not None)
        self.previous.setEnabled(on and bench.place > 0)
        self.next.setEnabled(on and bench.place + 1 < len(entries))
        self.next_flagged.setEnabled(on and any(e.flagged for e in entries))
        self._say_where(entries)

    def _say_where(self, entries: tuple[Standing, ...]) -> None:
        if not entries:
            self.where.setText("No results are open")
            self.facts.setText("Open a folder that isletqc run wrote, or run a picture.")
            return
        entry = entries[self._bench.place]
        done = sum(e.approved for e in entries)
        self.where.setText(f"{self._bench.place + 1} of {len(entries)}: {entry.name}")
        words = [f"{done} of {len(entries)} approved", *entry.reasons]
        self.facts.setText("\n".join(words))
        self.approve.setText("Approved ✓" if entry.approved else "Approve picture")

    def _fill(self, entries: tuple[Standing, ...]) -> None:
        self.pictures.setRowCount(len(entries))
        for line, entry in enumerate(entries):
            cells = (
                entry.name,
                entry.lot,
                entry.state,
                f"{entry.islets:,.0f}",
                f"{entry.ieq:,.1f}",
            )
            for column, words in enumerate(cells):
                item = QTableWidgetItem(words)
                item.setToolTip("\n".join((words, *entry.reasons)) if column == 2 else words)
                if column > 2:
                    item.setTextAlignment(
                        Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                    )
                self.pictures.setItem(line, column, item)
        if entries:
            self.pictures.selectRow(self._bench.place)

    def _browse(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Results of isletqc run")
        if path:
            self._bench.open(path)

    def _tell(self, kind: str, text: str) -> None:
        self.message.say(kind, text) if text else self.message.clear()  # type: ignore[arg-type]


def _button(words: str, key: str, tip: str) -> QPushButton:
    button = QPushButton(words)
    button.setShortcut(QKeySequence(key))
    button.setToolTip(f"{tip} ({key})")
    return button


def _picture_table() -> QTableWidget:
    table = QTableWidget(0, len(_COLUMNS))
    table.setHorizontalHeaderLabels(list(_COLUMNS))
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(24)
    table.setShowGrid(False)
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
    table.setSelectionMode(QTableWidget.SelectionMode.SingleSelection)
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    return table
