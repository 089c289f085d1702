"""A picture's numbers after a correction: only what it touches is measured again.

Takes the picture as measured before, the canvas after a change, and the change; gives the picture
as measured after. The figures are to the last bit those of measuring everything again, because
the same functions measure the same pixels. Viability is calibrated on the whole picture, so it is
measured again as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from isletqc.measure import fusion, islets, outline, stain, tissue, viability
from isletqc.protocol import Protocol
from isletqc.records import Image, Islet, Picture, Regions
from isletqc.run.canvas import (
    BY_HAND,
    SURE,
    Box,
    Canvas,
    Change,
    around,
    as_before,
    hand_reason,
    slices,
)

# How the names of the checks begin that `measure.viability` adds to a picture's fitness.
_VITAL_CHECKS = ("saturated_live", "saturated_dead", "signal_", "separation")


@dataclass(frozen=True, slots=True)
class Ground:
    """What the whole picture tells: its tissues, the light of its background, its first islets."""

    tissue: tissue.Tissue
    light: stain.Light | None
    first: Mapping[int, Islet]


def ground(image: Image, canvas: Canvas, picture: Picture) -> Ground:
    """Look at the whole picture, once before it is corrected."""
    first = {islet.label: islet for islet in picture.islets}
    light = stain.background(image, canvas.classes)
    return Ground(tissue.of(canvas.classes), light, first)


def regions_of(canvas: Canvas, picture: Picture) -> Regions:
    """Give the canvas as regions, for the functions that measure; the arrays are shared."""
    return Regions(
        classes=canvas.classes,
        labels=canvas.labels,
        probability=canvas.probability,
        um_per_px=canvas.um_per_px,
        method=picture.method,
        likeness=picture.likeness,
        volume_rsd=picture.volume_rsd,
    )


def after(
    image: Image,
    canvas: Canvas,
    change: Change,
    *,
    picture: Picture,
    protocol: Protocol,
    before: Ground,
) -> tuple[Picture, Ground]:
    """Measure a picture after a change.

    Parameters
    ----------
    canvas : with the change in it
    picture, before : as they were without it

    Returns
    -------
    tuple
        Picture and ground as they are now; edits and approval are left as they were.
    """
    if not len(change.index):
        return replace(picture, islets=_with_reasons(picture.islets, canvas)), before
    regions = regions_of(canvas, picture)
    _, old_classes = as_before(canvas, change)
    now = Ground(
        tissue.after(before.tissue, canvas.classes, old_classes, change.box),
        stain.background(image, canvas.classes),
        before.first,
    )
    found = _islets(image, regions, canvas, change, picture=picture, protocol=protocol)
    found = tuple(_as_first(islet, canvas, before.first.get(islet.label)) for islet in found)
    if not _same_light(before.light, now.light):
        found = stain.relit(found, image.channels, now.light)
    measured = islets.with_tissue(found, regions, now.tissue, protocol.sizing)
    result = replace(
        picture,
        islets=found,
        islet_area_um2=measured.islet_area_um2,
        exocrine_area_um2=measured.exocrine_area_um2,
        exocrine_clusters=measured.exocrine_clusters,
        exocrine_volume_nl=measured.exocrine_volume_nl,
        exocrine_area_squares_um4=measured.exocrine_area_squares_um4,
        exocrine_area_cubes_um6=measured.exocrine_area_cubes_um6,
        exocrine_largest_um2=measured.exocrine_largest_um2,
    )
    result = _vital(image, regions, result, protocol)
    return replace(result, islets=_with_reasons(result.islets, canvas)), now


def facts(picture: Picture, change: Change) -> Mapping[str, float | str]:
    """Sum up the islets that a change touches, for the log, as they are in a picture.

    Number of objects, how many of them count, their IEQ and area, and their numbers.
    """
    found = [i for i in picture.islets if i.label in set(change.labels)]
    reasons = dict.fromkeys(i.exclusion_reason for i in found if i.exclusion_reason)
    return {
        "islets": float(len(found)),
        "included": sum(i.weight for i in found if i.included),
        "ieq": sum(i.weight * i.ieq for i in found if i.included),
        "area_um2": sum(i.area_um2 for i in found),
        "labels": " ".join(str(i.label) for i in found),
        "exclusion_reason": "; ".join(reasons),
    }


def _islets(
    image: Image,
    regions: Regions,
    canvas: Canvas,
    change: Change,
    *,
    picture: Picture,
    protocol: Protocol,
) -> tuple[Islet, ...]:
    """Islets in the order of their numbers; those in reach of the change are measured again."""
    boxes = _in_reach(canvas, change)
    again = islets.measure_some(image, regions, protocol.sizing, boxes)
    again = _outlined(again, image, regions, boxes.values())
    if protocol.stain == "brightfield":
        again = _with_necks(again, canvas, protocol.sizing.fused_neck_ratio)
    gone = {*change.labels, *boxes}
    kept = [i for i in picture.islets if i.label not in gone]
    return tuple(sorted([*kept, *again], key=lambda islet: islet.label))


def _as_first(islet: Islet, canvas: Canvas, first: Islet | None) -> Islet:
    """Give an islet that is again as it was at first the probability that it had.

    A picture from disk has the islets' means only, rounded, for the probability of its pixels.
    """
    if first is None or islet.probability == first.probability or _form(islet) != _form(first):
        return islet
    place = slices(canvas.boxes[islet.label])
    pixels = canvas.probability[place][canvas.labels[place] == islet.label]
    of_disk = bool(np.all(pixels == mean_probability(first)))
    return replace(islet, probability=first.probability) if of_disk else islet


def mean_probability(islet: Islet) -> int:
    """Probability of an islet, in 1/255, as its pixels have it when only its mean is known."""
    return round(islet.probability * SURE)


def _form(islet: Islet) -> tuple[object, ...]:
    return islet.area_um2, islet.centroid_yx_um, islet.major_axis_um, islet.feret_um


def _in_reach(canvas: Canvas, change: Change) -> dict[int, Box]:
    """Boxes of the islets that the change touches, or near whose outlines it lies."""
    room = outline.room_px(canvas.um_per_px)
    y0, x0, y1, x1 = change.box
    touched = set(change.labels)
    return {
        n: b
        for n, b in canvas.boxes.items()
        if n in touched
        or (b[0] < y1 + room and y0 < b[2] + room and b[1] < x1 + room and x0 < b[3] + room)
    }


def _outlined(
    found: tuple[Islet, ...], image: Image, regions: Regions, boxes: Collection[Box]
) -> tuple[Islet, ...]:
    """Look along outlines in the part of the picture that holds them all."""
    if not found:
        return ()
    room = outline.room_px(regions.um_per_px)
    y0, x0, y1, x1 = around(boxes)
    part = slice(max(y0 - room, 0), y1 + room), slice(max(x0 - room, 0), x1 + room)
    seen = replace(
        regions,
        labels=regions.labels[part],
        classes=regions.classes[part],
        probability=regions.probability[part],
    )
    return outline.described(found, replace(image, pixels=image.pixels[part]), seen)


def _with_necks(
    found: tuple[Islet, ...], canvas: Canvas, max_neck_ratio: float
) -> tuple[Islet, ...]:
    def judged(islet: Islet) -> Islet:
        mask = canvas.labels[slices(canvas.boxes[islet.label])] == islet.label
        ratio = fusion.neck_ratio(np.pad(mask.astype(np.uint8), 1), canvas.um_per_px)
        return replace(islet, neck_ratio=ratio, fused=ratio is not None and ratio <= max_neck_ratio)

    return tuple(map(judged, found))


def _same_light(one: stain.Light | None, other: stain.Light | None) -> bool:
    if one is None or other is None:
        return one is other
    return bool(np.array_equal(one, other))


def _vital(image: Image, regions: Regions, picture: Picture, protocol: Protocol) -> Picture:
    if protocol.viability is None:
        return picture
    vital = viability.measure(image, regions, protocol.viability)
    others = tuple(c for c in picture.fitness.checks if not c.name.startswith(_VITAL_CHECKS))
    return replace(
        picture,
        islets=viability.applied(picture.islets, vital),
        live_dead=vital.live_dead,
        fitness=replace(picture.fitness, checks=(*others, *vital.checks)),
    )


def _with_reasons(found: Iterable[Islet], canvas: Canvas) -> tuple[Islet, ...]:
    """Write the exclusions by hand beside what the protocol says of each islet."""
    return tuple(_with_reason(islet, canvas.excluded.get(islet.label)) for islet in found)


def _with_reason(islet: Islet, why: str | None) -> Islet:
    if hand_reason(islet) == why:
        return islet
    measured = islet.exclusion_reason.partition(BY_HAND)[0].removesuffix("; ")
    reason = "; ".join(filter(None, [measured, why and BY_HAND + why]))
    return replace(islet, exclusion_reason=reason, included=not reason)
