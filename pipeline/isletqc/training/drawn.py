"""Drawn sources of a recipe -> examples: fields of every stain with exact truth."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from isletqc.records import ISLET, Stain
from isletqc.segment.prepare import FLUORESCENT
from isletqc.training.examples import Example, make_example, make_glowing_example
from isletqc.training.recipe import DrawnSource

Job = tuple[Stain, int, float, int, tuple[str, ...]]


def draw(
    source: DrawnSource, workers: int, on_progress: Callable[[int, int], None]
) -> list[Example]:
    """Draw all fields of a source, each from its own seed."""
    rng = np.random.default_rng(source.seed)
    low, high = np.log(source.um_per_px)
    sizes = np.exp(rng.uniform(low, high, source.fields))
    jobs: list[Job] = [
        (source.stain, source.seed * 1_000_003 + i, float(size), source.side_px, source.without)
        for i, size in enumerate(sizes)
    ]
    examples: list[Example] = []
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for example in pool.map(_draw_one, jobs, chunksize=4):
            examples.append(example)
            on_progress(len(examples), len(jobs))
    return examples


def _draw_one(job: Job) -> Example:
    from isletqc.synthetic import draw as drawing

    stain, seed, um_per_px, side_px, without = job
    if stain in FLUORESCENT:
        return _nuclei(job) if stain == "immunofluorescence" else _live_dead(job)
    shape = (side_px, side_px)
    drawn = (
        drawing.dithizone_field(seed, shape_yx=shape, um_per_px=um_per_px, without=without)
        if stain == "dithizone"
        else drawing.brightfield_field(seed, shape_yx=shape, um_per_px=um_per_px)
    )
    return make_example(drawn.pixels, drawn.labels, drawn.classes.copy(), um_per_px)


def _nuclei(job: Job) -> Example:
    from isletqc.synthetic import draw as drawing

    _, seed, um_per_px, side_px, _ = job
    rng = np.random.default_rng([seed, 1])
    diameter_um = float(rng.uniform(5, 12))
    room = (side_px * um_per_px / diameter_um) ** 2
    drawn = drawing.immunofluorescence_field(
        seed,
        (),
        shape_yx=(side_px, side_px),
        um_per_px=um_per_px,
        nuclei=max(1, round(room * float(rng.uniform(0.05, 0.9)))),
        diameter_um=diameter_um,
        camera=drawing.Camera(
            signal_to_noise=float(np.exp(rng.uniform(np.log(4), np.log(60)))),
            background=float(rng.uniform(0, 0.6)),
            uneven=float(rng.uniform(0, 0.3)),
            blur_um=float(rng.uniform(0.2, 1.2)),
        ),
    )
    classes = np.where(drawn.labels > 0, ISLET, 0).astype(np.uint8)
    return make_glowing_example(drawn.pixels[:, :, :1], drawn.labels, classes, um_per_px, 4095)


def _live_dead(job: Job) -> Example:
    from isletqc.synthetic import draw as drawing

    _, seed, um_per_px, side_px, _ = job
    rng = np.random.default_rng([seed, 1])
    crowd = (side_px * um_per_px / 250) ** 2
    live, dead = np.exp(rng.normal(0, 0.5, 2))
    drawn = drawing.livedead_field(
        seed,
        viability=float(rng.uniform(0.05, 1)),
        spread=float(rng.uniform(0.05, 0.3)),
        exposure=(float(live), float(dead)),
        haze=float(rng.uniform(0, 0.4)),
        bleed=float(rng.uniform(0, 0.25)),
        shape_yx=(side_px, side_px),
        um_per_px=um_per_px,
        islets=max(1, round(crowd * float(rng.uniform(0.1, 1.2)))),
        loose_dead=round(crowd * float(rng.uniform(0, 5))),
        debris=round(crowd * float(rng.uniform(0, 1))),
    )
    classes = np.where(drawn.labels > 0, ISLET, 0).astype(np.uint8)
    return make_glowing_example(
        drawn.pixels, drawn.labels, classes, um_per_px, float(drawn.full_scale)
    )
