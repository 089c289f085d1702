"""Questions to the person: who, unsaved edits, edits that a killed program left behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QInputDialog, QMessageBox, QWidget

from isletqc.plugin import preferences
from isletqc.records import Edit

Leave = Literal["save", "discard", "stay"]


def ask_leave(parent: QWidget | None, name: str, unsaved: int) -> Leave:
    """Ask what becomes of unsaved edits."""
    box = QMessageBox(parent)
    box.setObjectName("unsaved")
    box.setWindowTitle("Unsaved corrections")
    box.setIcon(QMessageBox.Icon.Question)
    edits = "1 correction is" if unsaved == 1 else f"{unsaved} corrections are"
    box.setText(f"{edits} not saved in {name}.")
    save = box.addButton("Save", QMessageBox.ButtonRole.AcceptRole)
    discard = box.addButton("Discard", QMessageBox.ButtonRole.DestructiveRole)
    stay = box.addButton("Stay", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(save)
    box.setEscapeButton(stay)
    box.exec()
    answers: dict[object, Leave] = {save: "save", discard: "discard"}
    return answers.get(box.clickedButton(), "stay")


def ask_recover(parent: QWidget | None, name: str, edits: Sequence[Edit]) -> bool:
    """Offer the edits of a session that ended without saving; True takes them back."""
    box = QMessageBox(parent)
    box.setObjectName("recover")
    box.setWindowTitle("Unsaved corrections found")
    box.setIcon(QMessageBox.Icon.Question)
    count = "1 correction was" if len(edits) == 1 else f"{len(edits)} corrections were"
    last = edits[-1]
    box.setText(f"{count} made in {name} and not saved, for the program ended before.")
    box.setInformativeText(
        f"The last: {last.action} by {last.who}, {last.time.replace('T', ' ')[:16]} UTC."
    )
    recover = box.addButton("Recover", QMessageBox.ButtonRole.AcceptRole)
    box.addButton("Discard", QMessageBox.ButtonRole.DestructiveRole)
    box.setDefaultButton(recover)
    box.setEscapeButton(recover)
    box.exec()
    return box.clickedButton() is recover


def ask_who(parent: QWidget | None) -> str:
    """Give the name of the person, asked for once and then kept in the preferences."""
    if not preferences.who():
        question = "Name that stands beside edits and approvals:"
        name, given = QInputDialog.getText(parent, "Who I am", question, text=preferences.login())
        if given:
            preferences.set_who(name)
    return preferences.who()


class Doorkeeper(QObject):
    """Asks before the window closes on unsaved edits."""

    def __init__(self, window: QWidget, may_leave: Callable[[], bool]) -> None:
        super().__init__(window)
        self._may_leave = may_leave
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Keep the window open where the person chose to stay."""
        if event.type() != QEvent.Type.Close or self._may_leave():
            return False
        event.ignore()
        return True
