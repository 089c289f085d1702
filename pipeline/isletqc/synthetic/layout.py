"""Where things lie: a heap in the middle, loose ones around it, touching pairs, overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isletqc.synthetic.shapes import DIRECTIONS, Floats

Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """How objects are scattered over a field of ``size_yx_um``.

    Attributes
    ----------
    heap : share of objects in the heap
    heap_yx_um, heap_sd_um : its middle and spread
    touching : share of islets laid against another one
    overlap : share of the smaller radius by which two may overlap
    whole : nothing may reach the border
    """

    size_yx_um: tuple[float, float]
    heap: float
    heap_yx_um: Place
    heap_sd_um: float
    touching: float
    overlap: float
    whole: bool = False


def random_layout(
    rng: np.random.Generator, size_yx_um: tuple[float, float], *, whole: bool
) -> Layout:
    """Loose heap or even scatter; sometimes crowded with overlaps."""
    height, width = size_yx_um
    middle = (height * rng.uniform(0.35, 0.65), width * rng.uniform(0.35, 0.65))
    return Layout(
        size_yx_um=size_yx_um,
        heap=rng.uniform(0.3, 0.95) if rng.random() < 0.65 else 0.0,
        heap_yx_um=middle,
        heap_sd_um=min(size_yx_um) * rng.uniform(0.12, 0.32),
        touching=0.15 if whole else rng.choice([0.0, 0.1, 0.3, 0.5]),
        overlap=0.0 if whole else rng.choice([0.0, 0.1, 0.3, 0.6], p=[0.35, 0.35, 0.2, 0.1]),
        whole=whole,
    )


def scatter(rng: np.random.Generator, layout: Layout, count: int) -> Floats:
    """Positions (count, 2) in um without regard to one another."""
    even = rng.random((count, 2)) * layout.size_yx_um
    heap = rng.normal(layout.heap_yx_um, layout.heap_sd_um, (count, 2))
    return np.where(rng.random((count, 1)) < layout.heap, heap, even)


def settle(rng: np.random.Generator, layout: Layout, outlines: Sequence[Floats]) -> Floats:
    """Find centres (n, 2) in um; islets overlap no more than the layout allows, where room is."""
    centres = np.zeros((len(outlines), 2))
    # Where nothing may overlap, the longest radius counts; else touching forms may interlock.
    long = 1.0 if layout.whole else 0.5
    reach = np.array([long * r.max() + (1 - long) * r.mean() for r in outlines])
    allowed = layout.overlap if layout.whole else layout.overlap + 0.08
    tries = 60 if layout.whole else 10
    for i in range(len(outlines)):
        places = _inside(layout, scatter(rng, layout, tries), float(np.max(outlines[i])))
        if i and rng.random() < layout.touching:
            against = _against(rng, layout, outlines, centres, i)
            places[0] = _inside(layout, against[None], float(np.max(outlines[i])))[0]
        gap = _gap(places, centres[:i], reach, i)
        room = np.flatnonzero(gap >= -allowed)
        centres[i] = places[room[0] if room.size else int(np.argmax(gap))]
    return centres


def _inside(layout: Layout, places: Floats, reach_um: float) -> Floats:
    """Keep an islet off the border, or its centre within the picture."""
    if not layout.whole:
        return places
    size = np.array(layout.size_yx_um)
    margin = np.minimum(reach_um + 0.012 * size.max(), size / 2)
    return np.clip(places, margin, size - margin)


def _gap(places: Floats, centres: Floats, reach: Floats, i: int) -> Floats:
    """Smallest gap of each place to the islets that lie, relative to the smaller radius."""
    if not i:
        return np.zeros(len(places))
    apart = np.linalg.norm(places[:, None] - centres[None], axis=2) - reach[:i] - reach[i]
    return np.asarray((apart / np.minimum(reach[:i], reach[i])).min(axis=1))


def _against(
    rng: np.random.Generator,
    layout: Layout,
    outlines: Sequence[Floats],
    centres: Floats,
    i: int,
) -> Floats:
    other, way = int(rng.integers(i)), int(rng.integers(DIRECTIONS))
    facing = outlines[i][(way + DIRECTIONS // 2) % DIRECTIONS]
    apart = (outlines[other][way] + facing) * (1.02 if layout.whole else rng.uniform(0.92, 1.04))
    angle = way * 2 * np.pi / DIRECTIONS
    return np.asarray(centres[other] + apart * np.array([np.sin(angle), np.cos(angle)]))
