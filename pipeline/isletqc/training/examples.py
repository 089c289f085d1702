"""Sources of a recipe -> examples: pictures with instance labels and classes.

Real pictures are read from disk, their drafts cleaned, and each may get a copy into which clusters
cut from other pictures are pasted by multiplying transmittances, so that contacts and overlaps
with known outlines are plentiful. Drawn fields come with exact truth.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from isletqc.errors import UsageError
from isletqc.records import ISLET, Stain
from isletqc.segment.prepare import FLUORESCENT, WHITE_PERCENTILE, glow
from isletqc.training.clean import Trust, clean
from isletqc.training.recipe import RealSource

IGNORE = 255

Labels = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Example:
    """One picture to learn from.

    Attributes
    ----------
    pixels : (Y, X, C) uint8, one or three channels of transmitted light; or uint16, one or two
        channels of fluorescence, from 0 at the background to ``white`` at the brightest light
    labels : (Y, X) uint16, islet numbers
    classes : (Y, X) uint8, 255 where nothing is to be learned
    white : the picture's white level
    """

    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    labels: NDArray[np.uint16]
    classes: NDArray[np.uint8]
    um_per_px: float
    white: float

    @property
    def fluorescent(self) -> bool:
        """Whether the pixels are light on a dark background."""
        return self.pixels.dtype == np.uint16


def make_example(
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int32],
    classes: NDArray[np.uint8],
    um_per_px: float,
) -> Example:
    """Bundle arrays and take the white level."""
    white = float(np.percentile(pixels[::4, ::4].max(axis=2), WHITE_PERCENTILE))
    return Example(
        np.ascontiguousarray(pixels), labels.astype(np.uint16), classes, um_per_px, max(white, 1.0)
    )


_GLOW_WHITE = 40_000.0  # leaves room for what is brighter than the brightest light


def make_glowing_example(
    pixels: NDArray[Any],
    labels: NDArray[np.int32],
    classes: NDArray[np.uint8],
    um_per_px: float,
    full_scale: float,
) -> Example:
    """Bundle arrays of a fluorescence picture (Y, X, 1 or 2)."""
    brightness = glow(pixels.astype(np.float32), full_scale)
    steps = np.rint(brightness * _GLOW_WHITE).astype(np.uint16)
    return Example(
        np.ascontiguousarray(steps), labels.astype(np.uint16), classes, um_per_px, _GLOW_WHITE
    )


Relabel = Callable[[Example], Labels]


def read_real(
    source: RealSource, data: Path, relabel: Relabel | None = None, *, stain: Stain = "brightfield"
) -> list[Example]:
    """Read a folder of labelled pictures; with ``pasted``, each is followed by a crowded copy.

    Parameters
    ----------
    relabel : outlines of an example by a network of the first round; they replace drafts

    Raises
    ------
    UsageError
        A folder or a label image is missing.
    """
    files = (data / source.labels).glob("*.[pPtT]*")
    stems = sorted(p.name.removesuffix(p.suffix).removesuffix(".ome") for p in files)
    if not stems:
        raise UsageError(f"expected label images in {data / source.labels}, found none")
    boxes = _read_boxes(data / source.boxes) if source.boxes else {}
    if stain in FLUORESCENT:
        return [_read_glowing(source, data, stem) for stem in stems]
    if stain == "dithizone":
        return [_read_coloured(source, data, stem) for stem in stems]
    examples = [_read_one(source, data, stem, boxes.get(stem)) for stem in stems]
    if source.drafts and relabel:
        examples = [_relabelled(example, relabel(example)) for example in examples]
    return examples + list(_crowded(examples, source.pasted)) if source.pasted else examples


Box = tuple[slice, slice]


def _read_boxes(path: Path) -> dict[str, Box]:
    with path.open(newline="", encoding="utf-8") as file:
        return {
            row["name"]: (
                slice(int(row["scalebar_box_y0"]), int(row["scalebar_box_y1"])),
                slice(int(row["scalebar_box_x0"]), int(row["scalebar_box_x1"])),
            )
            for row in csv.DictReader(file)
        }


def _read_glowing(source: RealSource, data: Path, stem: str) -> Example:
    pixels = _imread(_picture(data / source.images, stem), cv2.IMREAD_UNCHANGED)
    labels = _labels(data / source.labels, stem)
    classes = np.where(labels > 0, ISLET, 0).astype(np.uint8)
    return make_glowing_example(
        pixels.reshape(*labels.shape, -1)[:, :, :2],
        labels,
        classes,
        _scale(source, labels),
        float(np.iinfo(pixels.dtype).max),
    )


def um_per_px_of(labels: Labels, object_um: float) -> float:
    """Pixel size at which the median object has the given diameter."""
    areas = np.bincount(labels.ravel())[1:]
    return object_um / float(2 * np.sqrt(np.median(areas[areas > 0]) / np.pi))


def _read_coloured(source: RealSource, data: Path, stem: str) -> Example:
    if source.classes is None:
        raise UsageError(
            f"{source.images}: expected a folder of class images too (classes:), as the network "
            "must tell exocrine tissue (1) from background (0) and islets (2)"
        )
    pixels = np.asarray(_imread(_picture(data / source.images, stem), cv2.IMREAD_COLOR)[:, :, ::-1])
    labels = _labels(data / source.labels, stem)
    classes = _labels(data / source.classes, stem).astype(np.uint8)
    if source.ignore and (data / source.ignore / f"{stem}.png").is_file():
        classes[_labels(data / source.ignore, stem) > 0] = IGNORE
    return make_example(pixels.astype(np.uint8), labels, classes, _scale(source, labels))


def _labels(folder: Path, stem: str) -> Labels:
    return _imread(_picture(folder, stem), cv2.IMREAD_UNCHANGED).astype(np.int32)


def _scale(source: RealSource, labels: Labels) -> float:
    return source.um_per_px or um_per_px_of(labels, source.object_um or 1.0)


def _read_one(source: RealSource, data: Path, stem: str, box: Box | None) -> Example:
    grey = _imread(_picture(data / source.images, stem), cv2.IMREAD_GRAYSCALE).astype(np.uint8)
    labels = _labels(data / source.labels, stem)
    ignore = np.zeros(labels.shape, dtype=np.bool_)
    um_per_px = _scale(source, labels)
    if source.drafts:
        labels, ignore = clean(grey, labels, um_per_px, Trust())
    if source.ignore and (data / source.ignore / f"{stem}.png").is_file():
        ignore |= _imread(data / source.ignore / f"{stem}.png", cv2.IMREAD_UNCHANGED) > 0
    if box is not None:
        labels[box], ignore[box] = 0, False
    classes = np.where(labels > 0, ISLET, 0).astype(np.uint8)
    classes[ignore & (labels == 0)] = IGNORE
    return make_example(grey[:, :, None], labels, classes, um_per_px)


def _relabelled(example: Example, found: Labels) -> Example:
    """Take a network's outlines, moved to the middle of their slope, for those of drafts.

    What is not trusted, and what only the drafts had, is neither rewarded nor punished.
    """
    grey = example.pixels[:, :, 0].astype(np.uint8)
    labels, ignore = clean(grey, found, example.um_per_px, Trust())
    classes = np.where(labels > 0, ISLET, 0).astype(np.uint8)
    missed = np.isin(example.labels, _missed(example.labels, found)) | (example.classes == IGNORE)
    classes[(ignore | (missed & (found == 0))) & (labels == 0)] = IGNORE
    return make_example(grey[:, :, None], labels, classes, example.um_per_px)


def _missed(drafts: NDArray[np.uint16], found: Labels) -> NDArray[np.int64]:
    """Numbers of draft objects that are mostly not in any found one."""
    sizes = np.bincount(drafts.ravel())
    shared = np.bincount(drafts[found > 0], minlength=len(sizes))
    numbers = np.flatnonzero(shared < sizes / 2)
    return numbers[numbers > 0]


def _picture(folder: Path, stem: str) -> Path:
    found = sorted(p for p in folder.glob(f"{stem}.*"))
    if not found:
        raise UsageError(f"expected a picture named {stem} in {folder}, found none")
    return found[0]


def _imread(path: Path, mode: int) -> NDArray[Any]:
    pixels = cv2.imread(str(path), mode)
    if pixels is None:
        raise UsageError(f"{path}: expected a picture, could not read it")
    return np.asarray(pixels)


@dataclass(frozen=True, slots=True)
class _Cutout:
    transmittance: NDArray[np.float32]
    mask: NDArray[np.bool_]
    reach: NDArray[np.bool_]


_HALO_PX = 5


def _cutouts(example: Example) -> Iterator[_Cutout]:
    """Clusters that stand alone, as transmittance against the light around them."""
    grey = example.pixels[:, :, 0].astype(np.float32)
    free = cv2.erode((example.classes == 0).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    margin = _HALO_PX + 4
    for number, box in enumerate(find_objects(example.labels.astype(np.int32)), start=1):
        if box is None:
            continue
        (top, bottom), (left, right) = ((b.start - margin, b.stop + margin) for b in box)
        if min(top, left) < 0 or bottom > grey.shape[0] or right > grey.shape[1]:
            continue
        window = (slice(top, bottom), slice(left, right))
        mask = example.labels[window] == number
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _HALO_PX + 1,) * 2)
        reach = cv2.dilate(mask.astype(np.uint8), kernel) > 0
        alone = (example.classes[window][reach & ~mask] == 0).all()
        if alone and free[window].sum() > 50:
            light = float(np.median(grey[window][free[window]]))
            yield _Cutout(grey[window] / max(light, 1.0), mask, reach)


def _crowded(examples: Sequence[Example], pasted: int) -> Iterator[Example]:
    pools = [list(_cutouts(example)) for example in examples]
    for index, example in enumerate(examples):
        rng = np.random.default_rng([index, pasted])
        pool = pools[index] + pools[(index + 1) % len(pools)]
        yield _paste(example, pool, pasted, rng) if pool else example


def _paste(
    example: Example, pool: Sequence[_Cutout], count: int, rng: np.random.Generator
) -> Example:
    pixels = example.pixels[:, :, 0].astype(np.float32)
    labels, classes = example.labels.astype(np.int32), example.classes.copy()
    number = int(labels.max())
    for _ in range(count):
        cutout = _turned(pool[int(rng.integers(len(pool)))], rng)
        place = _touching_place(labels, cutout.mask, rng)
        if place is None:
            continue
        number += 1
        pixels[place] = np.where(cutout.reach, pixels[place] * cutout.transmittance, pixels[place])
        labels[place][cutout.mask] = number
        classes[place][cutout.mask] = ISLET
    byte = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return make_example(byte[:, :, None], labels, classes, example.um_per_px)


def _turned(cutout: _Cutout, rng: np.random.Generator) -> _Cutout:
    turns, flip = int(rng.integers(4)), bool(rng.integers(2))

    def turn(a: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.rot90(a[:, ::-1] if flip else a, turns)

    return _Cutout(turn(cutout.transmittance), turn(cutout.mask), turn(cutout.reach))  # type: ignore[arg-type]


def _touching_place(
    labels: NDArray[np.int32], mask: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[slice, slice] | None:
    """Find a place where the mask touches a neighbour and covers little of it."""
    area, best, best_score = int(mask.sum()), None, 0.0
    height, width = mask.shape
    if height >= labels.shape[0] or width >= labels.shape[1]:
        return None
    for _ in range(60):
        top = int(rng.integers(labels.shape[0] - height))
        left = int(rng.integers(labels.shape[1] - width))
        place = (slice(top, top + height), slice(left, left + width))
        covered = float((labels[place][mask] > 0).sum()) / area
        score = 1.0 if 0.003 < covered < 0.05 else 0.2 if covered == 0 else 0.0
        if score > best_score:
            best, best_score = place, score
        if best_score == 1.0:
            break
    return best
