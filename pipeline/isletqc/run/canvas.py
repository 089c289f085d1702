"""What a person corrects: labels and classes of one picture, and small changes that can be undone.

A canvas holds the picture's whole arrays; a change holds only the pixels that it changes, with
their values before and after. `applied` writes a change into the canvas's arrays, in place, and
gives the canvas as it is then; the inverse of a change takes it back.

Numbers of islets are stable: an islet that is not touched keeps its number, one whose outline is
painted over or erased in part keeps it too, and what comes of a merge, a split or an addition
gets a number that no islet of the picture ever had. Numbers may thus have gaps.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isletqc.records import BACKGROUND, ISLET, EditAction, Islet, Regions

# Last in a reason of exclusion, so that a person's own words may hold anything.
BY_HAND = "by hand: "
SURE = 255

Box = tuple[int, int, int, int]
Labels = NDArray[np.int32]
Classes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Canvas:
    """One picture's segmentation under correction.

    The arrays are the canvas's own and are written in place by `applied`: a viewer must show a
    copy, and take over the pixels of ``Change.box`` after each change.

    Attributes
    ----------
    labels : (Y, X) int32, 0 where no islet
    classes : (Y, X) uint8: 0 background, 1 exocrine, 2 islet
    probability : (Y, X) uint8: probability, in 1/255, of the pixel's class; 255 where a person
        set the class
    um_per_px : side of a pixel
    boxes : islet's number -> y0, x0, y1, x1; y1 and x1 are one past the last pixel
    excluded : islet's number -> why a person excluded it
    next_label : number of the next new islet
    """

    labels: Labels
    classes: Classes
    probability: NDArray[np.uint8]
    um_per_px: float
    boxes: Mapping[int, Box]
    excluded: Mapping[int, str]
    next_label: int


@dataclass(frozen=True, slots=True)
class Pixels:
    """Values of the changed pixels, each (N,), in the order of ``Change.index``."""

    labels: Labels
    classes: Classes
    probability: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Change:
    """One correction, small and invertible.

    Attributes
    ----------
    labels : numbers of the islets it touches, as they were before or as they are after
    box : y0, x0, y1, x1 around the changed pixels; all 0 where none changes
    index : (N,) flat indices of the changed pixels
    before, after : their values
    excluded_before, excluded_after : reasons of exclusion by hand of the touched islets; an
        islet that a person does not exclude is absent
    next_label : number of the next new islet after it
    """

    action: EditAction
    reason: str
    labels: tuple[int, ...]
    box: Box
    index: NDArray[np.int64]
    before: Pixels
    after: Pixels
    excluded_before: Mapping[int, str] = field(default_factory=dict)
    excluded_after: Mapping[int, str] = field(default_factory=dict)
    next_label: int = 0


def canvas_of(regions: Regions, islets: Iterable[Islet] = (), *, next_label: int = 0) -> Canvas:
    """Copy a picture's segmentation, ready to be corrected.

    Parameters
    ----------
    regions : as segmented, or as an earlier correction left it
    islets : exclusions by hand are read from their reasons
    next_label : at least; numbers of deleted islets are not given again
    """
    labels = np.array(regions.labels, np.int32, order="C")
    found = ndimage.find_objects(labels)
    boxes = {number: _box(place) for number, place in enumerate(found, 1) if place is not None}
    return Canvas(
        labels=labels,
        classes=np.array(regions.classes, np.uint8, order="C"),
        probability=np.array(regions.probability, np.uint8, order="C"),
        um_per_px=regions.um_per_px,
        boxes=boxes,
        excluded={i.label: why for i in islets if (why := hand_reason(i)) is not None},
        next_label=max(next_label, len(found) + 1),
    )


def applied(canvas: Canvas, change: Change) -> Canvas:
    """Write a change into the canvas's arrays and give the canvas as it is then."""
    _write(canvas.labels, change.index, change.after.labels)
    _write(canvas.classes, change.index, change.after.classes)
    _write(canvas.probability, change.index, change.after.probability)
    kept = {n: why for n, why in canvas.excluded.items() if n not in change.excluded_before}
    return replace(
        canvas,
        boxes=_boxes_after(canvas, change),
        excluded=kept | dict(change.excluded_after),
        next_label=max(canvas.next_label, change.next_label),
    )


def inverse(change: Change) -> Change:
    """Give the change that takes this one back."""
    return replace(
        change,
        before=change.after,
        after=change.before,
        excluded_before=change.excluded_after,
        excluded_after=change.excluded_before,
    )


def change_of(
    canvas: Canvas,
    action: EditAction,
    labels: Labels,
    *,
    box: Box,
    reason: str = "",
    classes: Classes | None = None,
    excluded: Mapping[int, str] | None = None,
) -> Change:
    """Compare new labels of a part of the picture with those of the canvas.

    Parameters
    ----------
    labels : (y1 - y0, x1 - x0) of ``box``, as they shall be
    classes : of the same part; None makes what becomes islet islet, what ceases to be background
    excluded : exclusions by hand of the islets that are touched, as they shall be; None keeps
        those of the islets that remain
    """
    place = slices(box)
    old, old_classes = canvas.labels[place], canvas.classes[place]
    if classes is None:
        classes = _classes_after(old, old_classes, labels)
    y, x = np.nonzero((old != labels) | (old_classes != classes))
    by_hand = old_classes[y, x] != classes[y, x]
    old_probability = canvas.probability[place][y, x]
    before = Pixels(old[y, x], old_classes[y, x], old_probability)
    after = Pixels(
        labels[y, x].astype(np.int32),
        classes[y, x].astype(np.uint8),
        np.where(by_hand, np.uint8(SURE), old_probability),
    )
    touched = _numbers(before.labels, after.labels)
    if excluded is None:
        excluded = {n: canvas.excluded[n] for n in touched if n in canvas.excluded}
        excluded = {n: why for n, why in excluded.items() if _remains(canvas, n, before, after)}
    return Change(
        action=action,
        reason=reason,
        labels=touched,
        box=_bounds(y + box[0], x + box[1]),
        index=(y + box[0]) * canvas.labels.shape[1] + (x + box[1]),
        before=before,
        after=after,
        excluded_before={n: canvas.excluded[n] for n in touched if n in canvas.excluded},
        excluded_after=excluded,
        next_label=max(canvas.next_label, max(touched, default=0) + 1),
    )


def exclusion_change(
    canvas: Canvas,
    action: EditAction,
    labels: Sequence[int],
    *,
    reason: str,
    after: Mapping[int, str],
) -> Change:
    """Give a change of exclusions alone; no pixel changes."""
    none = np.zeros(0, np.uint8)
    nothing = Pixels(np.zeros(0, np.int32), none, none)
    return Change(
        action=action,
        reason=reason,
        labels=tuple(sorted(labels)),
        box=(0, 0, 0, 0),
        index=np.zeros(0, np.int64),
        before=nothing,
        after=nothing,
        excluded_before={n: canvas.excluded[n] for n in labels if n in canvas.excluded},
        excluded_after=after,
        next_label=canvas.next_label,
    )


def hand_reason(islet: Islet) -> str | None:
    """Why a person excluded an islet; None when no person did."""
    _, mark, why = islet.exclusion_reason.partition(BY_HAND)
    return why if mark else None


def slices(box: Box) -> tuple[slice, slice]:
    """Give the part of an array that a box holds."""
    return slice(box[0], box[2]), slice(box[1], box[3])


def around(boxes: Collection[Box]) -> Box:
    """Give the box around some boxes, at least one."""
    y0, x0, y1, x1 = zip(*boxes, strict=True)
    return min(y0), min(x0), max(y1), max(x1)


def as_before(canvas: Canvas, change: Change) -> tuple[Labels, Classes]:
    """Give labels and classes of the change's box as they were before it was applied."""
    labels = canvas.labels[slices(change.box)].copy()
    classes = canvas.classes[slices(change.box)].copy()
    y, x = np.divmod(change.index, canvas.labels.shape[1])
    place = y - change.box[0], x - change.box[1]
    labels[place], classes[place] = change.before.labels, change.before.classes
    return labels, classes


def fits(canvas: Canvas, change: Change) -> bool:
    """Tell whether the canvas is as it was when the change was thought of."""
    same = all(
        np.array_equal(plane.reshape(-1)[change.index], was)
        for plane, was in (
            (canvas.labels, change.before.labels),
            (canvas.classes, change.before.classes),
        )
    )
    reasons = {n: canvas.excluded[n] for n in change.labels if n in canvas.excluded}
    return same and reasons == dict(change.excluded_before)


def _box(place: tuple[slice, slice]) -> Box:
    return place[0].start, place[1].start, place[0].stop, place[1].stop


def _bounds(y: NDArray[np.int64], x: NDArray[np.int64]) -> Box:
    if not len(y):
        return 0, 0, 0, 0
    return int(y.min()), int(x.min()), int(y.max()) + 1, int(x.max()) + 1


def _numbers(*labels: Labels) -> tuple[int, ...]:
    return tuple(n for n in np.unique(np.concatenate(labels)).tolist() if n)


def _remains(canvas: Canvas, number: int, before: Pixels, after: Pixels) -> bool:
    whole = np.count_nonzero(canvas.labels[slices(canvas.boxes[number])] == number)
    lost = np.count_nonzero(before.labels == number) - np.count_nonzero(after.labels == number)
    return bool(whole > lost)


def _classes_after(old: Labels, classes: Classes, new: Labels) -> Classes:
    grown = np.where((old == 0) & (new > 0), np.uint8(ISLET), classes)
    return np.where((old > 0) & (new == 0), np.uint8(BACKGROUND), grown)


def _write(plane: NDArray[Any], index: NDArray[np.int64], new: NDArray[Any]) -> None:
    plane.reshape(-1)[index] = new


def _boxes_after(canvas: Canvas, change: Change) -> dict[int, Box]:
    """Tight boxes of the touched islets, found within their boxes before and the change's."""
    boxes = dict(canvas.boxes)
    if not len(change.index):
        return boxes
    for number in change.labels:
        wide = around([boxes.pop(number, change.box), change.box])
        y, x = np.nonzero(canvas.labels[slices(wide)] == number)
        if len(y):
            boxes[number] = _bounds(y + wide[0], x + wide[1])
    return boxes
