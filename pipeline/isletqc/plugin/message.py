"""A calm line of text in a panel: a sign, what is the matter, what to do."""

from __future__ import annotations

from typing import Literal

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QWidget

Kind = Literal["info", "done", "warning", "error"]
_SIGNS = {"info": "i", "done": "✓", "warning": "!", "error": "✕"}
_COLOURS = {
    "info": ("#4d5660", "#ffffff"),
    "done": ("#00695f", "#ffffff"),
    "warning": ("#ffc227", "#1b1500"),
    "error": ("#b0220c", "#ffffff"),
}


class Message(QFrame):
    """Hidden until there is something to say; its text can be selected and copied."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message")
        self._sign = QLabel()
        self._sign.setFixedSize(22, 22)
        self._sign.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 4, 0, 4)
        row.setSpacing(8)
        row.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._text, 1)
        self.hide()

    def say(self, kind: Kind, text: str) -> None:
        """Show a message in place of the one before."""
        ground, ink = _COLOURS[kind]
        self._sign.setText(_SIGNS[kind])
        self._sign.setStyleSheet(
            f"background: {ground}; color: {ink}; border-radius: 11px; font-weight: bold;"
        )
        # A zero-width space lets long paths break at their slashes.
        self._text.setText(text.replace("/", "/\u200b"))
        self.setProperty("kind", kind)
        self.show()

    def clear(self) -> None:
        """Say nothing."""
        self._text.clear()
        self.hide()

    @property
    def text(self) -> str:
        """What it says."""
        return self._text.text().replace("\u200b", "")
