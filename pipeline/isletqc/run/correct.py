"""Corrections by hand: what a person wants done to islets -> a change of the picture's canvas.

Takes a canvas and where the person pointed; gives the change, without making it: `editing.made`
makes it, measures and logs it. Points are (y, x) in pixels of the picture, whole numbers at the
centres of pixels. What cannot be done is refused with an `EditError` that says what to do; the
canvas is then as before.

- Every islet is one piece (pixels touch by side or corner). What paint or an eraser parts becomes
  islets of its own; the largest part keeps the number. Crumbs under 20 um are erased with it.
- Only islets that touch can be merged; a bridge between others is painted first.
- A split and a merge keep the area: no pixel is lost at the cut.
- Parts of an excluded islet are excluded too; a merged islet is excluded when all its parts were.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from isletqc.errors import EditError
from isletqc.records import EXOCRINE
from isletqc.run import parts
from isletqc.run.canvas import (
    Box,
    Canvas,
    Change,
    Labels,
    around,
    change_of,
    exclusion_change,
    slices,
)

# Offered to the person; any words of their own will do as well.
REASONS = (
    "not an islet",
    "exocrine tissue",
    "debris or fibre",
    "air bubble",
    "out of focus",
    "cut off by the edge",
    "outline cannot be told",
    "counted in another picture",
)
# The segmentation drops objects under this size too.
CRUMB_UM = 20.0

Point = tuple[float, float]


def label_at(canvas: Canvas, yx_px: Point) -> int:
    """Give the number of the islet at a point; 0 where there is none or outside the picture."""
    y, x = parts.pixel(yx_px)
    height, width = canvas.labels.shape
    return int(canvas.labels[y, x]) if 0 <= y < height and 0 <= x < width else 0


def paint(canvas: Canvas, box: Box, labels: NDArray[np.integer], *, reason: str = "") -> Change:
    """Take over a part of the picture as a viewer's brush or eraser left it.

    Parameters
    ----------
    box : y0, x0, y1, x1 of the part
    labels : (y1 - y0, x1 - x0) numbers as painted, 0 for erased; a number that no islet has
        makes a new islet, which gets ``canvas.next_label``

    Returns
    -------
    Change
        Its action is ``erase`` where islets only lost pixels, ``add`` where only new islets came.
    """
    box, labels = _inside(canvas, box, np.asarray(labels, np.int32))
    old = canvas.labels[slices(box)]
    if np.array_equal(old, labels):
        raise EditError("nothing was painted: the islets there are as before")
    painted, unknown = _numbered(canvas, labels)
    whole, painted = _whole_islets(canvas, box, painted)
    parted = parts.apart(
        painted,
        _touched(canvas.labels[slices(whole)], painted),
        next_label=canvas.next_label + unknown,
        crumb_px=_crumb_px(canvas),
    )
    return change_of(
        canvas,
        _painted_action(canvas, whole, painted),
        parted,
        box=whole,
        reason=reason,
        excluded=None,
    )


def erase(
    canvas: Canvas, mask: NDArray[np.bool_], *, at_yx: tuple[int, int] = (0, 0), reason: str = ""
) -> Change:
    """Erase a mask (y, x) whose first pixel lies at ``at_yx``."""
    box, mask = _masked(canvas, mask, at_yx)
    return paint(canvas, box, np.where(mask, 0, canvas.labels[slices(box)]), reason=reason)


def add(
    canvas: Canvas, mask: NDArray[np.bool_], *, at_yx: tuple[int, int] = (0, 0), reason: str = ""
) -> Change:
    """Add an islet that the program missed; pixels of other islets stay theirs.

    Parameters
    ----------
    mask : (y, x) of the new islet; its first pixel lies at ``at_yx``
    """
    box, mask = _masked(canvas, mask, at_yx)
    old = canvas.labels[slices(box)]
    free = mask & (old == 0)
    if not free.any():
        raise EditError("all of the new islet lies on other islets: draw it beside them")
    if parts.count(free) > 1:
        raise EditError(
            "the new islet is in several pieces (other islets may lie across it): "
            "draw one piece at a time"
        )
    new = np.where(free, np.int32(canvas.next_label), old)
    return change_of(canvas, "add", new, box=box, reason=reason)


def delete(canvas: Canvas, labels: Sequence[int], *, reason: str = "") -> Change:
    """Delete islets; their pixels become background."""
    box = _box_of(canvas, labels)
    old = canvas.labels[slices(box)]
    new = np.where(np.isin(old, labels), 0, old)
    return change_of(canvas, "delete", new, box=box, reason=reason)


def merge(canvas: Canvas, labels: Sequence[int], *, reason: str = "") -> Change:
    """Make one islet, with a new number, of two or more that touch."""
    box = _box_of(canvas, labels)
    if len(set(labels)) < 2:
        raise EditError("a merge needs two islets or more: choose the others too")
    old = canvas.labels[slices(box)]
    together = np.isin(old, labels)
    if parts.count(together) > 1:
        raise EditError(
            f"islets {_listed(labels)} do not touch, so they are not one islet: "
            "paint the tissue between them first, or correct their outlines"
        )
    new = np.where(together, np.int32(canvas.next_label), old)
    reasons = [canvas.excluded.get(n) for n in dict.fromkeys(labels)]
    kept = {canvas.next_label: reasons[0]} if reasons[0] and None not in reasons else {}
    return change_of(canvas, "merge", new, box=box, reason=reason, excluded=kept)


def split_by_line(
    canvas: Canvas, line_yx_px: Sequence[Point], *, label: int | None = None, reason: str = ""
) -> Change:
    """Cut an islet along a line.

    Parameters
    ----------
    line_yx_px : two points or more; it must run across the islet from outside to outside
    label : the islet; None takes the one that most of the line lies on
    """
    number = _under_line(canvas, line_yx_px) if label is None else label
    box = _box_of(canvas, [number])
    inside = canvas.labels[slices(box)] == number
    line = [(y - box[0], x - box[1]) for y, x in line_yx_px]
    return _split(canvas, number, parts.cut(inside, line, _crumb_px(canvas)), reason)


def split_by_seeds(
    canvas: Canvas, first_yx_px: Point, second_yx_px: Point, *, reason: str = ""
) -> Change:
    """Part an islet at its waist, by a click in each of its two halves."""
    number, other = label_at(canvas, first_yx_px), label_at(canvas, second_yx_px)
    if not number or not other:
        raise EditError("a click lies outside the islets: click twice inside one islet")
    if number != other:
        raise EditError(
            f"the clicks lie in two islets, {number} and {other}, which are apart already: "
            "click twice inside one islet"
        )
    box = _box_of(canvas, [number])
    inside = canvas.labels[slices(box)] == number
    points = [parts.pixel(point) for point in (first_yx_px, second_yx_px)]
    seeds = [(y - box[0], x - box[1]) for y, x in points]
    return _split(canvas, number, parts.watershed_between(inside, seeds, _crumb_px(canvas)), reason)


def to_exocrine(canvas: Canvas, labels: Sequence[int], *, reason: str = "") -> Change:
    """Make exocrine tissue of islets: they lose their numbers."""
    box = _box_of(canvas, labels)
    old = canvas.labels[slices(box)]
    mine = np.isin(old, labels)
    return change_of(
        canvas,
        "change class",
        np.where(mine, 0, old),
        box=box,
        reason=reason,
        classes=np.where(mine, np.uint8(EXOCRINE), canvas.classes[slices(box)]),
    )


def to_islet(canvas: Canvas, yx_px: Point, *, reason: str = "") -> Change:
    """Make an islet, with a new number, of the exocrine region at a point."""
    y, x = parts.pixel(yx_px)
    height, width = canvas.labels.shape
    on_picture = 0 <= y < height and 0 <= x < width
    if not on_picture or canvas.classes[y, x] != EXOCRINE or canvas.labels[y, x]:
        raise EditError(
            "there is no exocrine tissue at that point: click inside an exocrine region"
        )
    box, region = parts.region_at((canvas.classes == EXOCRINE) & (canvas.labels == 0), (y, x))
    new = np.where(region, np.int32(canvas.next_label), canvas.labels[slices(box)])
    return change_of(canvas, "change class", new, box=box, reason=reason)


def exclude(canvas: Canvas, labels: Sequence[int], reason: str) -> Change:
    """Leave islets out of the count, for one of ``REASONS`` or for words of the person's own."""
    _known(canvas, labels)
    why = " ".join(reason.split())
    if not why:
        raise EditError("an exclusion needs a reason: choose one from the list or type it")
    after = dict.fromkeys(labels, why)
    return exclusion_change(canvas, "exclude", labels, reason=why, after=after)


def include(canvas: Canvas, labels: Sequence[int], *, reason: str = "") -> Change:
    """Count islets again that a person had excluded; the protocol's own rules still hold."""
    _known(canvas, labels)
    if others := [n for n in labels if n not in canvas.excluded]:
        raise EditError(
            f"islet {_listed(others)} was not excluded by a person: it counts, or the protocol "
            "leaves it out; correct its outline if that is wrong"
        )
    return exclusion_change(canvas, "include", labels, reason=reason, after={})


def _known(canvas: Canvas, labels: Sequence[int]) -> None:
    if not labels:
        raise EditError("no islet is chosen: click an islet first")
    if unknown := [n for n in labels if n not in canvas.boxes]:
        raise EditError(
            f"there is no islet {_listed(unknown)} in this picture: click the islet, or look up "
            "its number in the table"
        )


def _listed(labels: Sequence[int]) -> str:
    return ", ".join(map(str, labels))


def _box_of(canvas: Canvas, labels: Sequence[int]) -> Box:
    _known(canvas, labels)
    return around([canvas.boxes[n] for n in labels])


def _crumb_px(canvas: Canvas) -> float:
    return math.pi / 4 * (CRUMB_UM / canvas.um_per_px) ** 2


def _inside(canvas: Canvas, box: Box, values: NDArray[np.int32]) -> tuple[Box, Labels]:
    """Leave out what lies outside the picture."""
    y0, x0, y1, x1 = box
    if values.shape != (y1 - y0, x1 - x0):
        raise EditError(
            f"expected painted pixels of the box's shape {(y1 - y0, x1 - x0)}, found {values.shape}"
        )
    height, width = canvas.labels.shape
    cut = max(y0, 0), max(x0, 0), min(y1, height), min(x1, width)
    if cut[0] >= cut[2] or cut[1] >= cut[3]:
        raise EditError("that lies outside the picture: draw on the picture")
    return cut, values[cut[0] - y0 : cut[2] - y0, cut[1] - x0 : cut[3] - x0]


def _masked(
    canvas: Canvas, mask: NDArray[np.bool_], at_yx: tuple[int, int]
) -> tuple[Box, NDArray[np.bool_]]:
    y, x = at_yx
    whole = y, x, y + mask.shape[0], x + mask.shape[1]
    box, cut = _inside(canvas, whole, np.asarray(mask, np.int32))
    if not cut.any():
        raise EditError("nothing is drawn on the picture: draw on the picture")
    return box, cut > 0


def _numbered(canvas: Canvas, labels: Labels) -> tuple[Labels, int]:
    """Give new islets their numbers; say how many there are."""
    present = np.unique(labels).tolist()
    if present[0] < 0:
        raise EditError(f"expected numbers of islets from 0 on, found {present[0]}")
    new = [n for n in present if n and n not in canvas.boxes]
    result = labels.copy()
    for place, number in enumerate(new):
        result[labels == number] = canvas.next_label + place
    return result, len(new)


def _touched(old: Labels, new: Labels) -> list[int]:
    """Numbers of the islets whose pixels differ."""
    differ = old != new
    return [n for n in np.unique(np.concatenate([old[differ], new[differ]])).tolist() if n]


def _whole_islets(canvas: Canvas, box: Box, painted: Labels) -> tuple[Box, Labels]:
    """Widen the box to all of each touched islet, so that its pieces can be told."""
    touched = _touched(canvas.labels[slices(box)], painted)
    wide = around([box, *(canvas.boxes[n] for n in touched if n in canvas.boxes)])
    result = canvas.labels[slices(wide)].copy()
    y, x = box[0] - wide[0], box[1] - wide[1]
    result[y : y + painted.shape[0], x : x + painted.shape[1]] = painted
    return wide, result


def _painted_action(canvas: Canvas, box: Box, new: Labels) -> parts.PaintAction:
    old = canvas.labels[slices(box)]
    differ = old != new
    if not new[differ].any():
        return "erase"
    only_new = not old[differ].any() and new[differ].min() >= canvas.next_label
    return "add" if only_new else "paint"


def _under_line(canvas: Canvas, line_yx_px: Sequence[Point]) -> int:
    on_line = parts.line_mask(canvas.labels.shape, line_yx_px)
    numbers = canvas.labels[on_line]
    found = np.bincount(numbers[numbers > 0], minlength=1)
    if not found.any():
        raise EditError("the line crosses no islet: draw it across the islet to be cut")
    return int(found.argmax())


def _split(canvas: Canvas, number: int, pieces: Labels, reason: str) -> Change:
    box = canvas.boxes[number]
    new = np.where(pieces > 0, pieces + (canvas.next_label - 1), canvas.labels[slices(box)])
    excluded = {}
    if number in canvas.excluded:
        fresh = range(canvas.next_label, canvas.next_label + int(pieces.max()))
        excluded = dict.fromkeys(fresh, canvas.excluded[number])
    return change_of(canvas, "split", new, box=box, reason=reason, excluded=excluded)
