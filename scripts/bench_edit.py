"""Time of a correction: from the edit to new islets, totals and the lot's verdict.

Draws discs with noise, some of them touching, on pictures of two sizes; corrects them in many
ways; prints the median and the longest round of each kind of edit, and the peak memory. The lot
is judged again in every round, by the shipped protocol dtz-us-generic.

Usage: python scripts/bench_edit.py [REPEATS]
"""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter

import numpy as np

from isletqc import protocol
from isletqc.decide.lot import gather
from isletqc.decide.verdict import judge
from isletqc.measure import islets, outline
from isletqc.protocol import Protocol
from isletqc.records import EXOCRINE, ISLET, Fitness, Image, Picture, Regions, Sample
from isletqc.run import correct, editing
from isletqc.run.canvas import Canvas, Change
from isletqc.run.editing import Editing

UM_PER_PX = 2.0
SIZES = ((2048, 500), (4096, 2000))
Think = Callable[[Canvas, int], Change]


def main() -> None:
    """Print the table."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    settings = protocol.load("dtz-us-generic").protocol
    for side_px, count in SIZES:
        work, whole_s = opened(side_px, count, settings)
        say(f"{side_px} x {side_px}, {len(work.canvas.boxes)} islets, {repeats} of each edit")
        say(f"  {'measure everything':<24} {whole_s * 1e3:8.0f} ms (once)")
        for name, rounds in timed(work, settings, repeats).items():
            median, longest = statistics.median(rounds) * 1e3, max(rounds) * 1e3
            say(f"  {name:<24} {median:8.0f} ms median, {longest:6.0f} ms longest")
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        say(f"  {'peak memory':<24} {peak_mib:8.0f} MiB")


def say(text: str) -> None:
    """Write a line."""
    sys.stdout.write(text + "\n")


def opened(side_px: int, count: int, settings: Protocol) -> tuple[Editing, float]:
    """Draw a picture, measure it and put it on the table; also the seconds of measuring it."""
    image, regions = drawn(side_px, count)
    start = perf_counter()
    found = islets.measure(image, regions, settings.sizing)
    seen = outline.described(found.islets, image, regions)
    seconds = perf_counter() - start
    picture = Picture(
        sample=Sample("drawn.png", "lot", aliquot_ul=500, dilution=1, suspension_ml=100),
        name="drawn.png",
        sha256=image.sha256,
        shape_yx=image.shape_yx,
        um_per_px=UM_PER_PX,
        um_per_px_source="given",
        fitness=Fitness(),
        islets=seen,
        islet_area_um2=found.islet_area_um2,
        exocrine_area_um2=found.exocrine_area_um2,
        seconds={},
        method="drawn",
    )
    folder = Path(tempfile.mkdtemp(prefix="isletqc-bench-"))
    work = editing.begin(image, regions, picture, settings, folder=folder)
    first = correct.exclude(work.canvas, [1], "debris")
    work = editing.made(work, first, who="bench")
    return work, seconds


def drawn(side_px: int, count: int) -> tuple[Image, Regions]:
    """Pairs of touching discs on a grid, exocrine patches between them, noise."""
    rng = np.random.default_rng(5)
    labels = np.zeros((side_px, side_px), np.int32)
    per_row = int(np.ceil(np.sqrt(count / 2)))
    cell_px = side_px // per_row
    for pair in range(count // 2):
        y0, x0 = (cell_px * k for k in divmod(pair, per_row))
        y, x = np.ogrid[:cell_px, :cell_px]
        for half in (0, 1):
            radius = cell_px * rng.uniform(0.205, 0.22)
            centre = cell_px * (0.28 + 0.4 * half)
            disc = (y - cell_px / 2) ** 2 + (x - centre) ** 2 <= radius**2
            tile = labels[y0 : y0 + cell_px, x0 : x0 + cell_px]
            tile[disc & (tile == 0)] = 2 * pair + half + 1
    classes = np.where(labels > 0, ISLET, 0).astype(np.uint8)
    patch = (np.add.outer(np.arange(side_px), np.arange(side_px)) % cell_px < 8) & (labels == 0)
    classes[patch & (np.arange(side_px) % cell_px < 30)] = EXOCRINE
    pixels = rng.integers(120, 220, (side_px, side_px, 3), dtype=np.uint8)
    pixels[labels > 0] //= 2
    image = Image(
        pixels=pixels,
        channels=("red", "green", "blue"),
        full_scale=255,
        um_per_px=UM_PER_PX,
        um_per_px_source="given",
        path="drawn.png",
        sha256="0" * 64,
        stain="dithizone",
    )
    return image, Regions(classes, labels, np.full_like(classes, 240), UM_PER_PX, "drawn")


EDITS: Mapping[str, Think] = {
    "exclude": lambda c, k: correct.exclude(c, [free(c, k)], "debris"),
    "merge two": lambda c, k: correct.merge(c, pair(c, k)),
    "split by a line": lambda c, k: correct.split_by_line(c, through(c, k), label=free(c, k)),
    "paint": lambda c, k: correct.erase(c, np.ones((6, 6), np.bool_), at_yx=corner(c, k)),
    "delete": lambda c, k: correct.delete(c, [free(c, k)]),
    "islet to exocrine": lambda c, k: correct.to_exocrine(c, [free(c, k)]),
}


def timed(work: Editing, settings: Protocol, repeats: int) -> Mapping[str, list[float]]:
    """Seconds of each round: edit, journal, measure, judge the lot."""
    seconds: dict[str, list[float]] = {name: [] for name in (*EDITS, "undo", "of it the verdict")}
    stride = len(work.canvas.boxes) // (repeats * len(EDITS))
    for repeat in range(repeats):
        for place, (name, think) in enumerate(EDITS.items()):
            start = perf_counter()
            change = think(work.canvas, stride * (repeat * len(EDITS) + place))
            work = editing.made(work, change, who="bench")
            middle = perf_counter()
            verdict(work, settings)
            seconds[name].append(perf_counter() - start)
            seconds["of it the verdict"].append(perf_counter() - middle)
        start = perf_counter()
        work = editing.undone(work, who="bench")
        verdict(work, settings)
        seconds["undo"].append(perf_counter() - start)
    return seconds


def verdict(work: Editing, settings: Protocol) -> None:
    """Judge the lot of the picture."""
    (lot,) = gather([work.picture], [])
    judge(lot, settings, segmentation_rsd=0.05)


def free(canvas: Canvas, k: int) -> int:
    """Give an islet that is still as drawn."""
    drawn_ones = [n for n in canvas.boxes if n > k + 1 and n % 2]
    return min(drawn_ones)


def pair(canvas: Canvas, k: int) -> list[int]:
    """Give two islets that touch."""
    number = next(n for n in sorted(canvas.boxes) if n > k + 1 and n % 2 and n + 1 in canvas.boxes)
    return [number, number + 1]


def through(canvas: Canvas, k: int) -> list[tuple[float, float]]:
    """Give a line from top to bottom across an islet."""
    y0, x0, y1, x1 = canvas.boxes[free(canvas, k)]
    return [(y0 - 5, (x0 + x1) / 2), (y1 + 5, (x0 + x1) / 2)]


def corner(canvas: Canvas, k: int) -> tuple[int, int]:
    """Give a pixel near the left end of an islet."""
    y0, x0, y1, _ = canvas.boxes[free(canvas, k)]
    return (y0 + y1) // 2, x0


if __name__ == "__main__":
    main()
