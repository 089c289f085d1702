"""One picture under correction: changes made, measured, logged, undone and done again.

Takes a picture as it was analysed; gives, after each change, its canvas, its measurements and its
log of edits as they are then. Every change is in the journal before it is shown, so that nothing
is lost when the program is killed. A typical round:

    work = review.open_picture(results, place)
    change = correct.merge(work.canvas, [12, 13], reason="one islet")
    work = editing.made(work, change, who="A. Person")      # work.picture has the new numbers
    layer.data[slices(change.box)] = work.canvas.labels[slices(change.box)]
    work = editing.undone(work, who="A. Person")            # the box is that of work.redo[-1]
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from isletqc.errors import EditError
from isletqc.measure import viability
from isletqc.protocol import Protocol
from isletqc.records import Edit, EditAction, Image, Picture, Regions
from isletqc.run import autosave, remeasure
from isletqc.run.autosave import Entry
from isletqc.run.canvas import Canvas, Change, Labels, applied, canvas_of, fits, inverse


@dataclass(frozen=True, slots=True)
class Editing:
    """A picture under correction.

    Attributes
    ----------
    image : as read; live and dead channel only where the protocol is about viability
    canvas : labels and classes as they are now, in arrays that each change writes into
    picture : measurements and edits as they are now; an approval is void once a later edit is there
    protocol : which islets count
    ground : what the whole picture tells, kept so that little is looked at again
    base : state that the unsaved edits begin from
    undo, redo : changes that can be taken back or made again, the next one last
    saved : number of ``picture.edits`` that are saved
    version : hash of the result on disk that this began from; empty without one
    folder : where the journal of unsaved edits lies; None keeps none
    """

    image: Image
    canvas: Canvas
    picture: Picture
    protocol: Protocol
    ground: remeasure.Ground
    base: autosave.Base
    undo: tuple[Change, ...] = ()
    redo: tuple[Change, ...] = ()
    saved: int = 0
    version: str = ""
    folder: Path | None = None

    @property
    def unsaved(self) -> int:
        """Number of edits that are not saved."""
        return len(self.picture.edits) - self.saved


def begin(
    image: Image, regions: Regions, picture: Picture, protocol: Protocol, *, folder: Path | None
) -> Editing:
    """Put a picture on the table.

    Parameters
    ----------
    image : as `load.picture.read` gives it
    regions, picture : as analysed, or as an earlier correction left them
    folder : for the journal and the history: the picture's result folder, or
        `autosave.state_folder`; None keeps neither

    Raises
    ------
    EditError
        A picture of nuclei, which cannot be corrected by hand.
    """
    if protocol.markers is not None:
        raise EditError(
            f"{picture.name}: nuclei cannot be corrected by hand; correct the protocol's nuclei "
            "section, or leave the picture out of the sample sheet"
        )
    if protocol.viability is not None:
        image = viability.channels(image, protocol.viability)
    return _begun(image, regions, picture, protocol, folder=folder)


def made(work: Editing, change: Change, *, who: str) -> Editing:
    """Make a change: write it into the canvas, measure what it touches, log it.

    Parameters
    ----------
    change : from a function of `correct`, for ``work.canvas`` as it is now
    who : the person; stands in the log

    Raises
    ------
    EditError
        No person is named, the change does not fit the canvas as it is now, or edits of an
        earlier session wait to be recovered or discarded.
    OutputError
        The journal cannot be written; nothing has changed.
    """
    done = _changed(work, change, Entry(_edit(change, change.action, change.reason, who), change))
    return replace(done, undo=(*work.undo, change), redo=())


def undone(work: Editing, *, who: str) -> Editing:
    """Take the last change back; that is an edit too.

    Raises
    ------
    EditError
        There is nothing to take back.
    """
    if not work.undo:
        raise EditError("there is nothing to undo: no correction has been made")
    last = work.undo[-1]
    change = inverse(last)
    done = _changed(work, change, Entry(_edit(change, "undo", last.action, who), None))
    return replace(done, undo=work.undo[:-1], redo=(*work.redo, last))


def redone(work: Editing, *, who: str) -> Editing:
    """Make the change again that was taken back last.

    Raises
    ------
    EditError
        There is nothing to make again.
    """
    if not work.redo:
        raise EditError("there is nothing to redo: nothing was undone, or a correction followed")
    change = work.redo[-1]
    done = _changed(work, change, Entry(_edit(change, "redo", change.action, who), None))
    return replace(done, undo=(*work.undo, change), redo=work.redo[:-1])


def recovered(work: Editing) -> Editing:
    """Make the edits again that an earlier session did not save; see `autosave.pending`.

    Parameters
    ----------
    work : the picture as `begin` gives it, not edited yet

    Raises
    ------
    EditError
        The edits belong to another state of the picture, which was analysed again since.
    """
    folder = work.folder
    journal = autosave.read(folder) if folder else None
    if journal is None or folder is None:
        return work
    _check_base(work, journal)
    if journal.base.edits < work.saved:  # saved, but killed before the journal was ended
        autosave.move_to_history(folder, work.picture.edits)
        return work
    if work.base.labels_sha256 in journal.saving:
        work = _rolled_back(work, journal)
    autosave.cut(folder, journal)
    for entry in journal.entries:
        work = _again(work, entry)
    return work


def labels_sha256(labels: Labels) -> str:
    """Hash of labels (Y, X), whatever the type and file they are kept in."""
    return hashlib.sha256(np.ascontiguousarray(labels, "<i4").data).hexdigest()


def _begun(
    image: Image, regions: Regions, picture: Picture, protocol: Protocol, *, folder: Path | None
) -> Editing:
    highest = max((n for edit in picture.edits for n in edit.labels), default=0)
    canvas = canvas_of(regions, picture.islets, next_label=highest + 1)
    undo, redo = _stacks(autosave.history(folder) if folder else (), picture)
    return Editing(
        image=image,
        canvas=canvas,
        picture=picture,
        protocol=protocol,
        ground=remeasure.ground(image, canvas, picture),
        base=autosave.Base(labels_sha256(canvas.labels), len(picture.edits)),
        undo=undo,
        redo=redo,
        saved=len(picture.edits),
        folder=folder,
    )


def _check_base(work: Editing, journal: autosave.Journal) -> None:
    known = work.base.labels_sha256 in (journal.base.labels_sha256, *journal.saving)
    edits = work.base.edits in (journal.base.edits, journal.base.edits + len(journal.entries))
    if work.unsaved or not known or not edits:
        raise EditError(
            f"{work.picture.name}: the unsaved edits begin from another state of this picture: it "
            "was analysed or corrected again since; they can only be discarded"
        )


def _rolled_back(work: Editing, journal: autosave.Journal) -> Editing:
    """Take labels whose saving was cut short back to where the picture's result is."""
    canvas, undo, redo = work.canvas, work.undo, work.redo
    made_so_far = []
    for entry in journal.entries:
        change, undo, redo = _step(entry, undo, redo)
        made_so_far.append(change)
    for change in reversed(made_so_far):
        canvas = applied(canvas, inverse(change))
    regions = remeasure.regions_of(canvas, work.picture)
    begun = _begun(work.image, regions, work.picture, work.protocol, folder=work.folder)
    return replace(begun, version=work.version)


def _stacks(
    entries: Sequence[Entry], picture: Picture
) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """Give what can be undone and redone after saved edits; none when the history is not theirs."""
    undo: tuple[Change, ...] = ()
    redo: tuple[Change, ...] = ()
    kept = all(e.change is not None or e.edit.action in ("undo", "redo") for e in entries)
    if not kept or tuple(entry.edit for entry in entries) != picture.edits:
        return (), ()
    for entry in entries:
        _, undo, redo = _step(entry, undo, redo)
    return undo, redo


def _step(
    entry: Entry, undo: tuple[Change, ...], redo: tuple[Change, ...]
) -> tuple[Change, tuple[Change, ...], tuple[Change, ...]]:
    """Give the change that a logged edit makes, and what can be undone and redone after it."""
    if entry.change is not None:
        return entry.change, (*undo, entry.change), ()
    if entry.edit.action == "undo":
        return inverse(undo[-1]), undo[:-1], (*redo, undo[-1])
    return redo[-1], (*undo, redo[-1]), redo[:-1]


def _again(work: Editing, entry: Entry) -> Editing:
    change, undo, redo = _step(entry, work.undo, work.redo)
    canvas = applied(work.canvas, change)
    picture, ground = _measured(work, canvas, change)
    edits = (*work.picture.edits, entry.edit)
    picture = replace(picture, edits=edits)
    return replace(work, canvas=canvas, picture=picture, ground=ground, undo=undo, redo=redo)


def _edit(change: Change, action: EditAction, reason: str, who: str) -> Edit:
    """Begin the log's line; numbers follow when the change is measured."""
    if not who.strip():
        raise EditError("who corrects? Give your name, as it stands in the log of edits")
    time = datetime.now(UTC).isoformat(timespec="microseconds")
    return Edit(time, who.strip(), action, reason, change.labels, {}, {})


def _changed(work: Editing, change: Change, entry: Entry) -> Editing:
    """Write, measure and log; on an error the canvas is as before."""
    if work.folder is not None and not work.unsaved:
        _refuse_waiting(work.folder, work.picture.name)
    if not fits(work.canvas, change):
        raise EditError("the picture has changed since: try again")
    canvas = applied(work.canvas, change)
    try:
        picture, ground = _measured(work, canvas, change)
        edit = replace(
            entry.edit,
            old=remeasure.facts(work.picture, change),
            new=remeasure.facts(picture, change),
        )
        if work.folder is not None:
            autosave.append(work.folder, Entry(edit, entry.change), work.base)
    except BaseException:
        applied(canvas, inverse(change))
        raise
    picture = replace(picture, edits=(*work.picture.edits, edit))
    return replace(work, canvas=canvas, picture=picture, ground=ground)


def _refuse_waiting(folder: Path, name: str) -> None:
    if autosave.pending(folder):
        raise EditError(
            f"{name}: edits of an earlier session, or of another window, are not saved: recover "
            "or discard them first"
        )
    autosave.set_aside(folder)


def _measured(work: Editing, canvas: Canvas, change: Change) -> tuple[Picture, remeasure.Ground]:
    return remeasure.after(
        work.image,
        canvas,
        change,
        picture=work.picture,
        protocol=work.protocol,
        before=work.ground,
    )
