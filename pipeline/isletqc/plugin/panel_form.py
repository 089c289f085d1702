"""What the Islet QC panel looks like: fields, buttons, progress and their places."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDockWidget,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from isletqc import assets
from isletqc.plugin.message import Message

LAYER, FILE, FOLDER, SHEET = "Layer", "Picture", "Folder", "Sample sheet"
_MARGIN, _GAP = 10, 8


class PanelForm:
    """Fields of the panel, laid out in ``parent``."""

    def __init__(self, parent: QWidget) -> None:
        self.protocol = _wide(QComboBox())
        self.protocol_note = note()
        self.input_kind = QComboBox()
        self.input_kind.addItems([LAYER, FILE, FOLDER, SHEET])
        self.input_path = QLineEdit()
        self.browse = _dots("Choose what to analyse")
        self.pixel_size = QLineEdit()
        self.pixel_size.setToolTip("Micrometres per pixel; empty takes what the file says")
        self.size_note = note()
        self.device = QComboBox()
        self.device.addItems(["auto", "cpu", "cuda"])
        self.device_note = note()
        self.out = QLineEdit()
        self.browse_out = _dots("Choose the folder for the results")
        self.run = QPushButton("Run")
        self.run.setShortcut("Ctrl+Return")
        self.run.setToolTip("Analyse, judge and write the report (Ctrl+Return)")
        self.run.setMinimumHeight(36)
        self.run.setStyleSheet(
            "QPushButton:enabled { background: #00695f; color: white; font-weight: bold; }"
            "QPushButton:enabled:hover { background: #00857a; }"
        )
        self.cancel = QPushButton("Cancel")
        self.cancel.setMinimumHeight(36)
        self.cancel.setToolTip("Stop after the picture at hand; finished pictures are kept")
        self.copy = QPushButton("Copy as command")
        self.copy.setToolTip("The command line that does the same, for scripts and records")
        self.progress = QProgressBar()
        self.progress_note = note()
        self.message = Message()
        self._lay_out(parent)
        self.running(False)

    def add_protocols(self, default: str) -> None:
        """Offer the shipped protocols, the default first chosen, and a file."""
        for path in assets.configs():
            self.protocol.addItem(path.stem, path.stem)
        self.protocol.addItem("File …", "")
        place = self.protocol.findData(default)
        if place < 0:
            self.choose_protocol_file(default)
        else:
            self.protocol.setCurrentIndex(place)

    def choose_protocol_file(self, path: str) -> None:
        """Put a file among the protocols and choose it; without one go back to the first."""
        if not path:
            self.protocol.setCurrentIndex(0)
            return
        place = self.protocol.findData(path)
        if place < 0:
            place = self.protocol.count() - 1
            self.protocol.insertItem(place, Path(path).name, path)
            self.protocol.setItemData(place, path, Qt.ItemDataRole.ToolTipRole)
        self.protocol.setCurrentIndex(place)

    def show_path(self, kind: str) -> None:
        """Layers are chosen in the layer list, all else by path."""
        layer = kind == LAYER
        self.input_path.setReadOnly(layer)
        self.input_path.setPlaceholderText("no picture open" if layer else "path")
        self.browse.setEnabled(not layer)

    def tell_size(self, text: str, *, known: bool) -> None:
        """Say where the pixel size comes from; an unknown one stands out."""
        self.size_note.setText(text)
        self.size_note.setStyleSheet(
            "" if known else "background: #ffc227; color: #1b1500; padding: 2px 4px;"
        )

    def running(self, busy: bool, total: int = 0) -> None:
        """Show that a run is on, or that none is."""
        self.run.setEnabled(not busy)
        self.cancel.setEnabled(busy)
        self.progress.setVisible(busy)
        self.progress_note.setVisible(busy)
        if busy:
            # One picture has no steps to show: the bar only moves.
            self.progress.setRange(0, total if total > 1 else 0)
            self.progress.setValue(0)
            self.progress_note.setText(f"0 of {total}")

    def _lay_out(self, parent: QWidget) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(_GAP)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        chosen = row((self.input_kind, 1), self.browse)
        out = row((self.out, 1), self.browse_out)
        size = row((self.pixel_size, 1), QLabel("µm"))
        for place, (name, field, below) in enumerate(
            [
                ("Protocol", self.protocol, self.protocol_note),
                ("Input", chosen, self.input_path),
                ("Pixel size", size, self.size_note),
                ("Device", self.device, self.device_note),
                ("Results in", out, None),
            ]
        ):
            grid.addWidget(QLabel(name), 3 * place, 0)
            if isinstance(field, QWidget):
                grid.addWidget(field, 3 * place, 1)
            elif isinstance(field, QHBoxLayout):
                grid.addLayout(field, 3 * place, 1)
            if below is not None:
                grid.addWidget(below, 3 * place + 1, 1)
            grid.setRowMinimumHeight(3 * place + 2, 6)
        column = QVBoxLayout(parent)
        column.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
        column.setSpacing(_GAP)
        column.addLayout(grid)
        column.addLayout(row((self.run, 2), (self.cancel, 1)))
        column.addWidget(self.copy)
        for widget in (self.progress, self.progress_note, self.message):
            column.addWidget(widget)
        column.addStretch(1)
        parent.setMinimumWidth(330)


def ask_path(parent: QWidget, kind: str) -> str:
    """Ask for a picture, a folder or a sheet; empty when the person changed their mind."""
    if kind == FOLDER:
        return QFileDialog.getExistingDirectory(parent, "Choose a folder")
    only = "Sample sheets (*.csv)" if kind == SHEET else "Pictures (*)"
    return QFileDialog.getOpenFileName(parent, f"Choose: {kind.lower()}", "", only)[0]


def note() -> QLabel:
    """Give a small line of text below a field."""
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    font = label.font()
    font.setPointSizeF(max(8.0, font.pointSizeF() * 0.9))
    label.setFont(font)
    return label


def entitle(widget: QWidget, words: str) -> None:
    """Give the dock around a widget a short title: napari's own is too long for its tab."""
    above = widget.parent()
    while above is not None and not isinstance(above, QDockWidget):
        above = above.parent()
    if above is not None:
        above.setWindowTitle(words)


def row(*widgets: QWidget | tuple[QWidget, int]) -> QHBoxLayout:
    """Put widgets side by side; those with a number share the room."""
    layout = QHBoxLayout()
    layout.setSpacing(6)
    for widget in widgets:
        if isinstance(widget, tuple):
            layout.addWidget(*widget)
        else:
            layout.addWidget(widget)
    return layout


def _wide(combo: QComboBox) -> QComboBox:
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(12)
    return combo


def _dots(tip: str) -> QPushButton:
    button = QPushButton("…")
    button.setFixedWidth(32)
    button.setToolTip(tip)
    return button
