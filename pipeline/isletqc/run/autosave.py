"""Every edit on disk at once: a killed program loses none.

Edits that are not saved stand in ``unsaved.jsonl`` in the picture's folder, one JSON object a
line: first the state of the picture that they begin from, then each edit with the pixels that it
changed (deltas, compressed). A line is on the disk before the edit is shown; a last line that was
cut off is no edit. Saving moves the lines to ``edits.jsonl``, which only ever grows and from which
edits can be undone after the picture is opened again. A picture that was not analysed into a
result folder has its journal in a folder of the person's own, `state_folder`.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import os
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isletqc.errors import OutputError
from isletqc.ledger import files
from isletqc.records import Edit
from isletqc.run.canvas import Change, Pixels

JOURNAL, HISTORY = "unsaved.jsonl", "edits.jsonl"
_PLANES = ("labels", "classes", "probability")


@dataclass(frozen=True, slots=True)
class Entry:
    """One edit and its change; an undo or redo has none, as it follows from those before."""

    edit: Edit
    change: Change | None


@dataclass(frozen=True, slots=True)
class Base:
    """State of a picture that unsaved edits begin from: its labels, and how often edited."""

    labels_sha256: str
    edits: int


@dataclass(frozen=True, slots=True)
class Journal:
    """What a journal holds.

    ``saving`` are the hashes of labels that were being saved, none where no save was cut short;
    ``length`` is the number of bytes up to the last whole line.
    """

    base: Base
    entries: tuple[Entry, ...]
    saving: tuple[str, ...]
    length: int


def state_folder(sha256: str) -> Path:
    """Folder for the journal of a picture without a result folder, by the hash of its file.

    ``$ISLETQC_STATE``, else ``$XDG_STATE_HOME/isletqc``, else ``~/.local/state/isletqc``.
    """
    return files.state_folder() / "unsaved" / sha256[:32]


def pending(folder: Path) -> tuple[Edit, ...]:
    """List the edits of an earlier session that were not saved, oldest first."""
    journal = read(folder)
    return tuple(entry.edit for entry in journal.entries) if journal else ()


def discard(folder: Path) -> None:
    """Drop the unsaved edits.

    Raises
    ------
    OutputError
        The journal cannot be removed.
    """
    try:
        (folder / JOURNAL).unlink(missing_ok=True)
    except OSError as e:
        raise _unwritable(folder / JOURNAL, e) from e


def set_aside(folder: Path) -> None:
    """Rename a journal in which no edit can be read, so that another can begin.

    Raises
    ------
    OutputError
        It cannot be renamed.
    """
    path = folder / JOURNAL
    try:
        if path.exists():
            path.replace(path.with_suffix(".damaged"))
    except OSError as e:
        raise _unwritable(path, e) from e


def append(folder: Path, entry: Entry, base: Base) -> None:
    """Add an edit to the journal; it is on the disk when this returns.

    Raises
    ------
    OutputError
        The journal cannot be written.
    """
    path = folder / JOURNAL
    try:
        folder.mkdir(parents=True, exist_ok=True)
        head = [] if path.exists() else [_line({"begin": dataclasses.asdict(base)})]
        _append(path, [*head, _encoded(entry)])
    except OSError as e:
        raise _unwritable(path, e) from e


def mark_saving(folder: Path, labels_sha256: str) -> None:
    """Note in the journal which labels are about to be saved, should saving be cut short."""
    if (folder / JOURNAL).exists():
        _append(folder / JOURNAL, [_line({"saving": labels_sha256})])


def move_to_history(folder: Path, edits: Iterable[Edit]) -> None:
    """Append saved edits to the history, each once and with its change, and end the journal.

    An edit that is not in the journal, because none was kept, stands there without its change.
    """
    journal = read(folder)
    changes = {e.edit.time: e.change for e in journal.entries} if journal else {}
    known = {entry.edit.time for entry in history(folder)}
    fresh = [Entry(edit, changes.get(edit.time)) for edit in edits if edit.time not in known]
    if fresh:
        _cut_torn_end(folder / HISTORY)
        _append(folder / HISTORY, map(_encoded, fresh))
    discard(folder)


def history(folder: Path) -> tuple[Entry, ...]:
    """Read the saved edits of a picture, oldest first; none when it was never corrected."""
    return tuple(_decoded(row) for row, _ in _rows(folder / HISTORY))


def read(folder: Path) -> Journal | None:
    """Read the journal; None where there is none. A last line that was cut off is left out."""
    rows = _rows(folder / JOURNAL)
    if not rows or "begin" not in rows[0][0]:
        return None
    return Journal(
        base=Base(**rows[0][0]["begin"]),
        entries=tuple(_decoded(row) for row, _ in rows if "action" in row),
        saving=tuple(row["saving"] for row, _ in rows if "saving" in row),
        length=rows[-1][1],
    )


def cut(folder: Path, journal: Journal) -> None:
    """Take a torn last line off the journal, so that edits can be added again."""
    os.truncate(folder / JOURNAL, journal.length)


def _encoded(entry: Entry) -> str:
    row = dataclasses.asdict(entry.edit)
    return _line({**row, "change": entry.change and _packed(entry.change)})


def _decoded(row: Mapping[str, Any]) -> Entry:
    names = [field.name for field in dataclasses.fields(Edit)]
    edit = Edit(**{name: row[name] for name in names} | {"labels": tuple(row["labels"])})
    return Entry(edit, _unpacked(edit, row["change"]) if row["change"] else None)


def _packed(change: Change) -> dict[str, Any]:
    """Write the pixels as differences of their places and both values, compressed."""
    arrays = {"index": np.diff(change.index, prepend=0)}
    for when, pixels in (("before", change.before), ("after", change.after)):
        arrays |= {f"{plane}_{when}": getattr(pixels, plane) for plane in _PLANES}
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return {
        "box": change.box,
        "touched": change.labels,
        "excluded_before": _pairs(change.excluded_before),
        "excluded_after": _pairs(change.excluded_after),
        "next_label": change.next_label,
        "pixels": base64.b64encode(stream.getvalue()).decode("ascii"),
    }


def _unpacked(edit: Edit, row: Mapping[str, Any]) -> Change:
    with np.load(io.BytesIO(base64.b64decode(row["pixels"])), allow_pickle=False) as arrays:
        before, after = (
            Pixels(*(arrays[f"{plane}_{when}"] for plane in _PLANES))
            for when in ("before", "after")
        )
        index = np.cumsum(arrays["index"])
    y0, x0, y1, x1 = row["box"]
    return Change(
        action=edit.action,
        reason=edit.reason,
        labels=tuple(row["touched"]),
        box=(y0, x0, y1, x1),
        index=index,
        before=before,
        after=after,
        excluded_before={int(n): why for n, why in row["excluded_before"]},
        excluded_after={int(n): why for n, why in row["excluded_after"]},
        next_label=row["next_label"],
    )


def _pairs(excluded: Mapping[int, str]) -> list[tuple[int, str]]:
    return list(excluded.items())


def _line(row: Mapping[str, Any]) -> str:
    """Write one line that ends in its own checksum, so that a damaged one is known."""
    text = json.dumps(row, ensure_ascii=True, allow_nan=False)
    return f"{text}\t{zlib.crc32(text.encode('ascii')):08x}\n"


def _rows(path: Path) -> list[tuple[Mapping[str, Any], int]]:
    """Whole lines, each with the number of bytes up to its end; stops at the first damaged one."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as e:
        raise OutputError(f"{path}: cannot be read: {e.strerror or e}") from e
    found: list[tuple[Mapping[str, Any], int]] = []
    length = 0
    for line in data.splitlines(keepends=True):
        text, _, check = line.rstrip(b"\n").rpartition(b"\t")
        if not line.endswith(b"\n") or check != b"%08x" % zlib.crc32(text):
            break
        length += len(line)
        found.append((json.loads(text), length))
    return found


def _cut_torn_end(path: Path) -> None:
    rows = _rows(path)
    if path.exists():
        os.truncate(path, rows[-1][1] if rows else 0)


def _append(path: Path, lines: Iterable[str]) -> None:
    new = not path.exists()
    with path.open("ab") as file:
        file.write("".join(lines).encode("ascii"))
        file.flush()
        os.fsync(file.fileno())
    if new and hasattr(os, "O_DIRECTORY"):
        # Without this the name of a new file may be lost with the power.
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _unwritable(path: Path, e: OSError) -> OutputError:
    return OutputError(
        f"{path}: edits cannot be kept there: {e.strerror or e}; make room or make the folder "
        "writable, then try again: the last edit was not made"
    )
