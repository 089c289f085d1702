"""A step of the engine and the part of the picture that it changed, for the layers to follow."""

from __future__ import annotations

from isletqc.run import editing
from isletqc.run.canvas import Box, Change
from isletqc.run.editing import Editing


def made(work: Editing, change: Change, who: str) -> tuple[Editing, Box]:
    """Make a correction; gives also the box of the pixels that it changed."""
    return editing.made(work, change, who=who), change.box


def undone(work: Editing, who: str) -> tuple[Editing, Box]:
    """Take the last correction back; gives also its box."""
    done = editing.undone(work, who=who)
    return done, done.redo[-1].box


def redone(work: Editing, who: str) -> tuple[Editing, Box]:
    """Make it again; gives also its box."""
    done = editing.redone(work, who=who)
    return done, done.undo[-1].box
