"""A finished run, picture by picture: open, correct, save, approve.

Takes the output folder of `isletqc run`; gives its pictures in order with what a person should
look at first. Saving replaces the picture's files, ``result.json`` last, under the folder's lock;
`rejudge.rejudge` then brings the run's own files up to date. Probabilities of single pixels are
not on disk: an opened picture has those of its islets' means, and 1 where a person drew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isletqc.decide.lot import gather
from isletqc.decide.verdict import judge
from isletqc.errors import EditError, OutputError
from isletqc.load import location
from isletqc.load import picture as pictures
from isletqc.protocol import LoadedProtocol
from isletqc.records import Approval, Failure, Image, Islet, Picture, Regions, Sample, Verdict
from isletqc.report import picture as files
from isletqc.run import autosave, editing, kept, lock, remeasure
from isletqc.run.canvas import SURE
from isletqc.run.editing import Editing


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture of a run.

    Attributes
    ----------
    name : what reports call it
    folder : its files
    result : as saved, or why there is none
    unsaved : number of edits of an earlier session that were not saved
    """

    sample: Sample
    name: str
    folder: Path
    result: Picture | Failure
    unsaved: int = 0

    @property
    def attention(self) -> tuple[str, ...]:
        """What a person should look at; empty when there is nothing."""
        if isinstance(self.result, Failure):
            return (f"{self.result.error}: {self.result.message}",)
        found = list(self.result.fitness.reasons)
        if self.unsaved:
            found.append(f"{self.unsaved} edits of an earlier session are not saved")
        if self.result.edits and not self.result.approved:
            found.append("corrected by hand, not approved as it stands")
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Review:
    """A finished run.

    Attributes
    ----------
    entries : in the order of the run
    root : folder that relative paths of pictures start from
    segmentation_rsd : of the network that was used
    """

    out: Path
    protocol: LoadedProtocol
    entries: tuple[Entry, ...]
    root: Path
    segmentation_rsd: float


def open_results(out: Path) -> Review:
    """Open the output folder of a finished run.

    Raises
    ------
    UsageError
        The folder is not that of a finished run.
    UnreadablePictureError
        A picture's result is missing or damaged.
    """
    found, loaded = kept.read(out)
    entries = tuple(_entry(out, place) for place in found.places)
    return Review(out, loaded, entries, Path(found.folder), found.segmentation_rsd)


def next_place(review: Review, place: int, *, step: int = 1, flagged: bool = False) -> int | None:
    """Give the next picture after ``place``, or before it; None when there is no further one.

    Parameters
    ----------
    place : in ``review.entries``; -1 begins before the first
    step : 1 forward, -1 back
    flagged : only pictures that need attention
    """
    ahead = range(place + step, len(review.entries) if step > 0 else -1, step)
    wanted = (p for p in ahead if p >= 0 and (not flagged or review.entries[p].attention))
    return next(wanted, None)


def open_picture(review: Review, place: int) -> Editing:
    """Read one picture and put it on the table, as it was saved.

    Edits of an earlier session wait: see `autosave.pending` and `editing.recovered` with the
    ``folder`` of what this gives.

    Raises
    ------
    EditError
        The picture failed, has nuclei, or its file is not the one that was analysed.
    PictureError
        The picture's file cannot be read.
    """
    entry = review.entries[place]
    if isinstance(entry.result, Failure):
        raise EditError(
            f"{entry.name} could not be analysed, so there is nothing to correct: "
            f"{entry.result.message}"
        )
    version = _version(entry.folder)
    picture = replace(files.read_picture(entry.folder), sample=entry.sample, name=entry.name)
    image = _image(review, entry, picture)
    regions = _regions(entry.folder, picture)
    work = editing.begin(image, regions, picture, review.protocol.protocol, folder=entry.folder)
    return replace(work, version=version)


def verdict(review: Review, place: int, picture: Picture) -> Verdict:
    """Judge the lot of a picture with its numbers as they are now, saved or not."""
    results = [entry.result for entry in review.entries]
    results[place] = picture
    mine = [r for r in results if r.sample.lot == picture.sample.lot]
    (lot,) = gather(*_parted(mine))
    protocol = review.protocol.protocol
    return judge(lot, protocol, segmentation_rsd=review.segmentation_rsd)


def verdicts(review: Review) -> tuple[Verdict, ...]:
    """Judge all lots as they are saved."""
    protocol = review.protocol.protocol
    lots = gather(*_parted([entry.result for entry in review.entries]))
    return tuple(judge(lot, protocol, segmentation_rsd=review.segmentation_rsd) for lot in lots)


def save(review: Review, place: int, work: Editing) -> tuple[Review, Editing]:
    """Write a corrected picture; what can be undone stays so.

    Raises
    ------
    RunLockedError
        Another process writes to the folder of results.
    EditError
        The picture was saved or analysed by another since it was opened.
    OutputError
        The folder cannot be written; the edits stay in the journal.
    """
    folder = review.entries[place].folder
    if not work.unsaved:
        return review, work
    with _writing(review.out, folder, work):
        autosave.mark_saving(folder, editing.labels_sha256(work.canvas.labels))
        files.rewrite_picture(
            folder,
            image=work.image,
            regions=remeasure.regions_of(work.canvas, work.picture),
            picture=work.picture,
            key=files.read_key(folder) or "",
        )
        autosave.move_to_history(folder, work.picture.edits)
    return _settled(review, place, work)


def approve(review: Review, place: int, work: Editing, *, who: str) -> tuple[Review, Editing]:
    """Write down that a person agrees with a picture as it is saved; a later edit voids it.

    Raises
    ------
    EditError
        No person is named, edits are not saved, or another has saved the picture since.
    RunLockedError, OutputError
        As for `save`.
    """
    folder = review.entries[place].folder
    if not who.strip():
        raise EditError("who approves? Give your name, as it shall stand in the report")
    if work.unsaved:
        raise EditError(f"{work.picture.name}: {work.unsaved} edits are not saved: save them first")
    with _writing(review.out, folder, work):
        time = datetime.now(UTC).isoformat(timespec="microseconds")
        labels = hashlib.sha256((folder / files.LABELS).read_bytes()).hexdigest()
        approved = replace(work.picture, approval=Approval(time, who.strip(), labels))
        files.write_result(folder, approved, files.read_key(folder) or "")
    return _settled(review, place, replace(work, picture=approved))


def checked(entry: Entry) -> Picture | Failure:
    """Give an entry's result; an approval of other labels than those on disk is left out."""
    found = entry.result
    if isinstance(found, Failure) or found.approval is None:
        return found
    labels = hashlib.sha256((entry.folder / files.LABELS).read_bytes()).hexdigest()
    return found if labels == found.approval.labels_sha256 else replace(found, approval=None)


def _entry(out: Path, place: kept.Place) -> Entry:
    folder = out / place.folder
    if place.failure is not None:
        return Entry(place.sample, place.name, folder, place.failure)
    found = replace(files.read_picture(folder), sample=place.sample, name=place.name)
    return Entry(place.sample, place.name, folder, found, len(autosave.pending(folder)))


def _parted(
    results: Sequence[Picture | Failure],
) -> tuple[list[Picture], list[Failure]]:
    return (
        [r for r in results if isinstance(r, Picture)],
        [r for r in results if isinstance(r, Failure)],
    )


def _image(review: Review, entry: Entry, picture: Picture) -> Image:
    given = Path(entry.sample.image)
    path = given if location.exists(given) else review.root / given
    protocol = review.protocol.protocol
    image = pictures.read(
        path,
        stain=protocol.stain,
        pixel_size_um=picture.um_per_px,
        pixel_size_source=picture.um_per_px_source,
        max_megapixels=protocol.segmentation.max_megapixels,
    )
    if image.sha256 != picture.sha256:
        raise EditError(
            f"{path}: this is not the file that was analysed (its SHA-256 differs): put the "
            "original back, or run the pictures again"
        )
    return image


def _regions(folder: Path, picture: Picture) -> Regions:
    labels, classes = files.read_planes(folder, picture)
    numbers = labels.astype(np.int32)
    return Regions(
        classes=classes.astype(np.uint8),
        labels=numbers,
        probability=_probability(numbers, picture.islets),
        um_per_px=picture.um_per_px,
        method=picture.method,
        likeness=picture.likeness,
        volume_rsd=picture.volume_rsd,
    )


def _probability(labels: NDArray[np.int32], islets: Sequence[Islet]) -> NDArray[np.uint8]:
    table = np.full(int(labels.max(initial=0)) + 1, SURE, np.uint8)
    for islet in islets:
        table[islet.label] = remeasure.mean_probability(islet)
    return table[labels]


def _version(folder: Path) -> str:
    try:
        return hashlib.sha256((folder / files.RESULT).read_bytes()).hexdigest()
    except OSError as e:
        raise EditError(f"{folder}: the picture has no result any more: run it again") from e


@contextmanager
def _writing(out: Path, folder: Path, work: Editing) -> Iterator[None]:
    """Hold the results, find them as they were opened, and say what to do when the disk is full."""
    try:
        with lock.hold(out):
            if _version(folder) != work.version:
                raise EditError(
                    f"{work.picture.name}: saved or analysed by another since it was opened; open "
                    "it again and repeat the correction there"
                )
            yield
    except OSError as e:
        raise OutputError(
            f"{folder}: cannot be written: {e.strerror or e}; make room, then save again: "
            "no edit is lost"
        ) from e


def _settled(review: Review, place: int, work: Editing) -> tuple[Review, Editing]:
    """Bring review and picture to what is on disk now."""
    work = replace(
        work,
        saved=len(work.picture.edits),
        base=autosave.Base(editing.labels_sha256(work.canvas.labels), len(work.picture.edits)),
        version=_version(review.entries[place].folder),
    )
    entry = replace(review.entries[place], result=work.picture, unsaved=0)
    entries = (*review.entries[:place], entry, *review.entries[place + 1 :])
    return replace(review, entries=entries), work
