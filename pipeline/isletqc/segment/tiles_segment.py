"""A picture that is read in parts -> its islets, in bounded memory.

The steps and numbers are those of ``segment.run`` for a picture in memory. 1. The picture at the
working pixel size goes to disk, its white level is taken from all of it. 2. The network runs tile
by tile. 3. Classes are chosen on the picture's own grid, band by band. 4. Holes and connected
components are found over all seams. 5. Components are parted in crops that hold them whole, so
that no islet is cut, and numbered in reading order of the whole picture.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isletqc.errors import PictureTooLargeError
from isletqc.load.regions import Source
from isletqc.records import BACKGROUND, CLASS_NAMES, ISLET
from isletqc.segment import annotation, learned, likeness, prepare, tiles_rows
from isletqc.segment import run as segmentation
from isletqc.segment.split import SMALLEST_UM, SplitSettings, disc_px, part
from isletqc.segment.tiles_disk import Plane, bands, made, put, read
from isletqc.segment.tiles_seams import Parts, label

Box = tuple[int, int, int, int]
Tell = Callable[[str], None]
_ALL = slice(None)


@dataclass(frozen=True, slots=True)
class Pieces:
    """How large a part of the picture is in memory at a time.

    Attributes
    ----------
    band_px : pixels of a band of rows
    block_px : side of the blocks whose components are parted and measured together
    crop_px : most pixels of such a crop; one object must fit into it
    """

    band_px: float = 4e6
    block_px: int = 2048
    crop_px: float = 64e6

    def rows(self, width: int) -> int:
        """Give the rows of a band."""
        return max(8, int(self.band_px // width))


@dataclass(frozen=True, slots=True)
class LargeRegions:
    """What `records.Regions` holds, on disk.

    ``groups`` are islets that lie near each other: label -> y0, x0, y1, x1 in the picture.
    """

    classes: Plane
    labels: Plane
    probability: Plane
    groups: tuple[dict[int, Box], ...]
    likeness: float | None
    method: str


def segment(
    source: Source,
    trained: learned.TrainedNetwork,
    folder: Path,
    pieces: Pieces,
    *,
    tell: Tell = lambda text: None,
) -> LargeRegions:
    """Find the islets of a picture in transmitted light.

    Parameters
    ----------
    folder : for the planes; some 20 bytes for each pixel of the picture
    tell : called with what is being done, in a word or two

    Raises
    ------
    PictureTooLargeError
        One object is too large to be measured.
    """
    tell("resampling")
    maps, alike = _maps(source, trained, folder, pieces, tell=tell)
    tell("classes")
    classes, probability, core = _classes(source, trained, maps, folder, pieces)
    tell("connected regions")
    _blank_annotations(source, classes, folder, pieces)
    settings = SplitSettings.of_size(float(trained.facts.get("smallest_um", SMALLEST_UM)))
    labels = made(folder, "labels", np.int32, source.shape_yx)
    filled = _filled(
        classes, labels, disc_px(settings.max_hole_diameter_um, source.um_per_px), pieces
    )
    components = made(folder, "components", np.int32, source.shape_yx)
    rows = pieces.rows(source.shape_yx[1])
    parts = label(lambda p: read(filled, (p,)) > 0, components, band_px=rows, connectivity=4)
    _empty(labels)
    tell("parting islets that touch")
    groups = _part_all(
        (filled, components, core, classes, labels), parts, source.um_per_px, settings, pieces
    )
    return LargeRegions(classes, labels, probability, groups, alike, f"network {trained.name}")


def _small(source: Source, trained: learned.TrainedNetwork, folder: Path, pieces: Pieces) -> Plane:
    """Write the picture at the working pixel size."""
    shape = prepare.working_shape(source.shape_yx, source.um_per_px, trained.um_per_px)
    plane = made(folder, "small", source.dtype, (*shape, len(source.channels)))
    for rows in bands(shape[0], pieces.rows(source.shape_yx[1])):
        put(plane, (rows,), tiles_rows.shrunk(source.rows, source.shape_yx, shape, rows))
    return plane


def _maps(
    source: Source,
    trained: learned.TrainedNetwork,
    folder: Path,
    pieces: Pieces,
    *,
    tell: Tell,
) -> tuple[Plane, float | None]:
    """Write the network's maps at the working pixel size; give the likeness."""
    small = _small(source, trained, folder, pieces)
    shape = small.shape[0], small.shape[1]
    steps = bands(shape[0], pieces.rows(shape[1]) // 4 * 4)
    seen = [prepare.brightest(read(small, (rows,))) for rows in steps]
    white = prepare.white_level(np.concatenate(seen), source.full_scale)
    names = trained.network.architecture.classes
    maps = made(folder, "maps", np.float32, (len(names) + 1, *shape))
    shown: list[likeness.Sums] = []
    seen_px: list[int] = []

    def window(place: tuple[slice, slice]) -> NDArray[np.float32]:
        pixels = prepare.colour(read(small, place))
        return prepare.lit(np.asarray(pixels, dtype=np.float32), white)

    def run(network: learned.TrainedNetwork, limit_px: float) -> None:
        shown.clear()  # of an attempt for which memory was too small
        seen_px.clear()
        for place, values, sums in learned.maps(network, window, shape, limit_px):
            put(maps, (_ALL, *place), values)
            shown.append(sums)
            seen_px.append(values[0].size)
            tell(f"network {sum(seen_px) / (shape[0] * shape[1]):.0%}")

    learned.fitting(trained, run)
    small.path.unlink()
    if trained.cloud is None:
        return maps, None
    return maps, likeness.likeness(trained.cloud, likeness.point(np.sum(shown, axis=0)))


def _classes(
    source: Source, trained: learned.TrainedNetwork, maps: Plane, folder: Path, pieces: Pieces
) -> tuple[Plane, Plane, Plane]:
    """Write class, its probability and the core map on the picture's own grid."""
    shape, small = source.shape_yx, (maps.shape[1], maps.shape[2])
    classes = made(folder, "classes", np.uint8, shape)
    probability = made(folder, "probability", np.uint8, shape)
    core = made(folder, "core", np.float32, shape)
    values = [CLASS_NAMES.index(name) for name in trained.network.architecture.classes]
    for rows in bands(shape[0], pieces.rows(shape[1])):
        planes = tiles_rows.enlarged(lambda p: read(maps, (_ALL, p)), small, shape, rows)
        found, sure = segmentation.decide(dict(zip(values, planes, strict=False)))
        put(classes, (rows,), found)
        put(probability, (rows,), sure)
        put(core, (rows,), planes[-1])
    maps.path.unlink()
    return classes, probability, core


def _blank_annotations(source: Source, classes: Plane, folder: Path, pieces: Pieces) -> None:
    """Take burnt-in boxes for background."""
    plane = made(folder, "white", np.int32, source.shape_yx)

    def white(rows: slice) -> NDArray[np.bool_]:
        return annotation.white(source.rows(rows.start, rows.stop), source.full_scale) > 0

    rows = pieces.rows(source.shape_yx[1])
    parts = label(white, plane, band_px=rows, connectivity=4)
    picture_px = source.shape_yx[0] * source.shape_yx[1]
    for window in annotation.windows(parts.boxes_px[1:], picture_px):
        if annotation.is_box(annotation.white(source.read(*window), source.full_scale)):
            put(classes, annotation.grown(window), np.array(BACKGROUND, np.uint8))
    plane.path.unlink()


def _filled(classes: Plane, scratch: Plane, max_hole_px: float, pieces: Pieces) -> Plane:
    """Write the mask of islets: 1, and 2 where a small hole was filled."""
    rows = pieces.rows(classes.shape[1])
    outside = label(lambda p: read(classes, (p,)) != ISLET, scratch, band_px=rows, connectivity=4)
    small = outside.areas_px <= max_hole_px
    small[0] = False
    filled = made(classes.path.parent, "filled", np.uint8, classes.shape)
    for band in bands(classes.shape[0], rows):
        hole = small[outside.numbers][read(scratch, (band,))]
        put(filled, (band,), np.where(hole, 2, read(classes, (band,)) == ISLET).astype(np.uint8))
    return filled


def _empty(plane: Plane) -> None:
    plane.path.unlink()
    made(plane.path.parent, plane.path.name, plane.dtype, plane.shape)


def _part_all(
    planes: tuple[Plane, Plane, Plane, Plane, Plane],
    parts: Parts,
    um_per_px: float,
    settings: SplitSettings,
    pieces: Pieces,
) -> tuple[dict[int, Box], ...]:
    """Part the components of each block; write labels and classes; give boxes by label."""
    labels = planes[-1]
    count, firsts = 0, [np.zeros(0, np.int64)]
    found: list[dict[int, Box]] = []
    for members in _by_block(parts, pieces.block_px):
        window = _around(parts.boxes_px[members], pieces.crop_px)
        own = np.zeros(len(parts.areas_px), bool)
        own[members] = True
        parted = _part(planes, own[parts.numbers], window, um_per_px, settings)
        boxes, first = _places(parted, window, labels.shape[1])
        _write(labels, parted, window, count)
        found.append(dict(enumerate(boxes, start=count + 1)))
        firsts.append(first)
        count += len(first)
    order = np.argsort(np.concatenate(firsts), kind="stable")
    final = np.zeros(count + 1, np.int32)
    final[order + 1] = np.arange(1, count + 1)
    for rows in bands(labels.shape[0], pieces.rows(labels.shape[1])):
        put(labels, (rows,), final[read(labels, (rows,))])
    return tuple({int(final[k]): box for k, box in group.items()} for group in found if group)


def _by_block(parts: Parts, block_px: int) -> list[list[int]]:
    """Group the components by the block in which their bounding box begins."""
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, (y0, x0, _, _) in enumerate(parts.boxes_px[1:].tolist(), start=1):
        groups[y0 // block_px, x0 // block_px].append(number)
    return [groups[key] for key in sorted(groups)]


def _around(boxes: NDArray[np.int64], crop_px: float) -> tuple[slice, slice]:
    y0, x0 = boxes[:, :2].min(axis=0).tolist()
    y1, x1 = boxes[:, 2:].max(axis=0).tolist()
    if (y1 - y0) * (x1 - x0) > crop_px:
        raise PictureTooLargeError(
            f"objects that touch each other cover {x1 - x0} x {y1 - y0} pixels, more than can be "
            "measured at once; check the light and the pixel size, or save the picture in parts"
        )
    return slice(y0, y1), slice(x0, x1)


def _part(
    planes: tuple[Plane, Plane, Plane, Plane, Plane],
    own: NDArray[np.bool_],
    window: tuple[slice, slice],
    um_per_px: float,
    settings: SplitSettings,
) -> NDArray[np.int32]:
    """Part the components of one crop and write their classes; the labels count from 1."""
    filled, components, core, classes, _ = planes
    mine = own[read(components, window)]
    parted = part(mine, read(core, window), um_per_px, settings)
    chosen = read(classes, window)
    chosen[mine & (read(filled, window) == 1)] = BACKGROUND
    chosen[parted > 0] = ISLET
    put(classes, window, chosen)
    return parted


def _places(
    parted: NDArray[np.int32], window: tuple[slice, slice], width: int
) -> tuple[list[Box], NDArray[np.int64]]:
    """Bounding box and first pixel, in reading order, of each label, both in the picture."""
    top, left = window[0].start, window[1].start
    sides = ndimage.find_objects(parted)
    boxes = [
        (int(y.start + top), int(x.start + left), int(y.stop + top), int(x.stop + left))
        for y, x in sides
    ]
    first = np.array(
        [
            y0 * width + x0 + int(np.argmax(parted[y0 - top, x0 - left : x1 - left] == number))
            for number, (y0, x0, _, x1) in enumerate(boxes, start=1)
        ],
        np.int64,
    )
    return boxes, first


def _write(
    labels: Plane, parted: NDArray[np.int32], window: tuple[slice, slice], above: int
) -> None:
    here = read(labels, window)
    here[parted > 0] = parted[parted > 0] + above
    put(labels, window, here)
