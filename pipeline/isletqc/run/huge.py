"""A picture larger than memory: fitness, islets and measurements, part by part.

Takes a picture that is read in windows; gives what a picture in memory gives. Islets and their
figures are those of the picture read whole. Fitness is that of the whole picture where it fits
into memory; else every field of some 4 megapixels is assessed, and the picture has the mean share
of full, black and shaded parts and the median of all other figures over its fields.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from isletqc.load import fitness
from isletqc.load.regions import Source
from isletqc.measure import fusion, islets, outline, stain, tissue
from isletqc.protocol import FitnessLimits, Protocol
from isletqc.records import (
    BACKGROUND,
    EXOCRINE,
    ISLET,
    Check,
    Fitness,
    Image,
    Islet,
    Picture,
    Regions,
)
from isletqc.report import overlay
from isletqc.report import picture as files
from isletqc.segment import learned, tiles_rows, tiles_segment
from isletqc.segment import run as segmentation
from isletqc.segment.tiles_disk import Plane, bands, made, read
from isletqc.segment.tiles_seams import label
from isletqc.segment.tiles_segment import LargeRegions, Pieces, Tell

# Larger pictures are read in parts; still larger ones have their fitness assessed by fields.
OVER_MEGAPIXELS = 32.0
_FITNESS_OVER_MEGAPIXELS = 64.0
_FIELD_PX = 2048
_SHARES = ("saturation", "black", "off_field")


@dataclass(frozen=True, slots=True)
class Large:
    """What is found in a large picture."""

    fitness: Fitness
    regions: LargeRegions
    measured: islets.Measurement


def suits(protocol: Protocol) -> bool:
    """Tell whether pictures of a protocol can be analysed part by part."""
    wanted = protocol.segmentation
    plain = protocol.viability is None and protocol.markers is None
    return (
        plain
        and protocol.stain in ("dithizone", "brightfield")
        and wanted.method == "network"
        and not wanted.uncertainty
    )


def fine_enough(source: Source, protocol: Protocol) -> bool:
    """Tell whether a picture need not be enlarged for its network; such are read whole."""
    return source.um_per_px <= segmentation.method_facts(protocol.segmentation).um_per_px


def analyse(
    source: Source,
    protocol: Protocol,
    trained: learned.TrainedNetwork,
    *,
    folder: Path,
    pieces: Pieces,
    tell: Tell = lambda text: None,
) -> Large:
    """Analyse a picture part by part.

    Parameters
    ----------
    folder : for planes on disk, some 20 bytes for each pixel; they stay there
    tell : called with what is being done, in a word or two
    """
    found = tiles_segment.segment(source, trained, folder, pieces, tell=tell)
    tell("fitness")
    fit = assess(source, protocol.fitness)
    alike = fitness.likeness_check(found.likeness, protocol.fitness)
    light = _light(source, found.classes, pieces)
    tell("measurement")
    measured = [
        islet
        for group in found.groups
        for islet in _measured(source, found, group, light, protocol)
    ]
    measured.sort(key=lambda islet: islet.label)
    shared = _regions(source, found, lambda plane: np.zeros((0, 0), plane.dtype))
    tissues = _tissues(found, folder, pieces)
    whole = islets.with_tissue(tuple(measured), shared, tissues, protocol.sizing)
    return Large(replace(fit, checks=(*fit.checks, alike)), found, whole)


def assess(source: Source, limits: FitnessLimits) -> Fitness:
    """Check whether a large picture is fit to be measured."""
    if source.megapixels <= _FITNESS_OVER_MEGAPIXELS:
        return fitness.assess(source.image(source.rows(0, source.shape_yx[0])), limits)
    fields = [fitness.assess(image, limits).checks for image in _fields(source)]
    return Fitness(tuple(_joint(checks) for checks in zip(*fields, strict=True)))


def _fields(source: Source) -> Iterator[Image]:
    for y in _even(source.shape_yx[0]):
        for x in _even(source.shape_yx[1]):
            yield source.image(source.read(y, x))


def _even(length: int) -> list[slice]:
    """Cut a length into even spans."""
    count = math.ceil(length / _FIELD_PX)
    edges = [length * k // count for k in range(count + 1)]
    return [slice(a, b) for a, b in pairwise(edges)]


def _joint(checks: tuple[Check, ...]) -> Check:
    """One check of the whole picture from those of its fields."""
    judged = [check for check in checks if check.value is not None]
    if not judged:
        return checks[0]
    first = judged[0]
    mean = statistics.fmean if first.name in _SHARES else statistics.median
    value = float(mean([check.value for check in judged if check.value is not None]))
    fine = value >= first.limit if first.relation == ">=" else value <= first.limit
    reason = f"{first.name} {value:.3g} over its fields, {first.relation} {first.limit:g} expected"
    return replace(
        first, value=value, verdict="pass" if fine else "fail", reason="" if fine else reason
    )


def _light(source: Source, classes: Plane, pieces: Pieces) -> stain.Light | None:
    """Light of the background, from the same pixels as for a picture in memory."""
    height, width = source.shape_yx
    step = stain.step_px(source.shape_yx)
    some = []
    for band in bands(height, pieces.rows(width)):
        first = -band.start % step
        pixels = source.rows(band.start, band.stop)[first::step, ::step]
        some.append(pixels[read(classes, (band,))[first::step, ::step] == BACKGROUND])
    return stain.median_light(np.concatenate(some), source.full_scale)


def _measured(
    source: Source,
    found: LargeRegions,
    group: Mapping[int, tiles_segment.Box],
    light: stain.Light | None,
    protocol: Protocol,
) -> tuple[Islet, ...]:
    """Measure the islets of one group in a crop that holds all that is looked at around them."""
    y, x = _crop(list(group.values()), outline.room_px(source.um_per_px), source.shape_yx)
    image = source.image(source.read(y, x))
    regions = _regions(source, found, lambda plane: read(plane, (y, x)))
    boxes = {
        k: (y0 - y.start, x0 - x.start, y1 - y.start, x1 - x.start)
        for k, (y0, x0, y1, x1) in group.items()
    }
    whole = islets.Whole(source.shape_yx, (y.start, x.start), light)
    some = islets.measure_some(image, regions, protocol.sizing, boxes, whole=whole)
    return with_outlines(some, image, regions, protocol)


def _regions(source: Source, found: LargeRegions, some: Callable[[Plane], NDArray[Any]]) -> Regions:
    return Regions(
        classes=some(found.classes),
        labels=some(found.labels),
        probability=some(found.probability),
        um_per_px=source.um_per_px,
        method=found.method,
    )


def with_outlines(
    found: tuple[Islet, ...], image: Image, regions: Regions, protocol: Protocol
) -> tuple[Islet, ...]:
    """Describe the outlines of islets, and look for fused clusters; donor islets are none."""
    described = outline.described(found, image, regions)
    if protocol.stain != "brightfield":
        return described
    return fusion.judge(
        described,
        regions.labels,
        um_per_px=regions.um_per_px,
        max_neck_ratio=protocol.sizing.fused_neck_ratio,
    )


def _crop(
    boxes: list[tiles_segment.Box], room: int, shape_yx: tuple[int, int]
) -> tuple[slice, slice]:
    y0, x0, _, _ = np.min(boxes, axis=0).tolist()
    _, _, y1, x1 = np.max(boxes, axis=0).tolist()
    return (
        slice(max(0, y0 - room), min(shape_yx[0], y1 + room)),
        slice(max(0, x0 - room), min(shape_yx[1], x1 + room)),
    )


def _tissues(found: LargeRegions, folder: Path, pieces: Pieces) -> tissue.Tissue:
    """Areas of both tissues, and of the exocrine regions over all seams."""
    height, width = found.classes.shape
    numbers = made(folder, "exocrine", np.int32, found.classes.shape)
    rows = pieces.rows(width)
    parts = label(
        lambda p: read(found.classes, (p,)) == EXOCRINE, numbers, band_px=rows, connectivity=8
    )
    islet_px, contacts = 0, np.zeros(len(parts.areas_px), np.int64)
    for band in bands(height, rows):
        wide = slice(max(0, band.start - 1), min(height, band.stop + 1))
        islet = (read(found.classes, (wide,)) == ISLET).astype(np.uint8)
        islet_px += int(np.count_nonzero(islet[band.start - wide.start : band.stop - wide.start]))
        beside = cv2.dilate(islet, np.ones((3, 3), np.uint8)) > 0
        own = beside[band.start - wide.start : band.stop - wide.start]
        touched = parts.numbers[read(numbers, (band,))[own]]
        contacts += np.bincount(touched, minlength=len(contacts))
    numbers.path.unlink()
    nothing = np.zeros((0, 0), np.int32)
    return tissue.Tissue(islet_px, nothing, parts.areas_px[1:], contacts[1:])


def write(
    folder: Path,
    source: Source,
    found: Large,
    *,
    picture: Picture,
    key: str,
    pieces: Pieces = Pieces(),  # noqa: B008 - frozen
) -> None:
    """Write the files of a large picture, as those of any other."""
    image, small = _small(source, found.regions, pieces)
    labels, classes = found.regions.labels, found.regions.classes
    most = max((islet.label for islet in found.measured.islets), default=0)
    files.write_large_picture(
        folder,
        image=image,
        regions=small,
        labels=files.Raster(
            source.shape_yx, files.label_type(most), lambda part: read(labels, (part,))
        ),
        classes=files.Raster(source.shape_yx, np.uint8, lambda part: read(classes, (part,))),
        picture=picture,
        key=key,
    )


def _small(source: Source, found: LargeRegions, pieces: Pieces) -> tuple[Image, Regions]:
    """Shrink picture and regions to the size of the overlay."""
    size = overlay.size(source.shape_yx)
    steps = bands(size[0], max(1, pieces.rows(source.shape_yx[1]) * size[0] // source.shape_yx[0]))
    shrunk = [tiles_rows.shrunk(source.rows, source.shape_yx, size, part) for part in steps]
    regions = _regions(source, found, lambda plane: _sampled(plane, size))
    return source.image(np.concatenate(shrunk)), regions


def _sampled(plane: Plane, size: tuple[int, int]) -> NDArray[Any]:
    rows, columns = overlay.nearest(plane.shape, size)
    return np.stack([read(plane, (slice(y, y + 1),))[0, columns] for y in rows.tolist()])
