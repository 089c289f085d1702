"""A network and pictures of every kind -> which of them it calls unlike its training pictures.

Kinds: drawn fields of each stain with seeds that nothing was trained on, pictures of something
else from ``strangers``, and, where their folder is at hand, real pictures of stem-cell clusters
and of nuclei. A kind is the network's own, or foreign to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from isletqc.protocol import FitnessLimits
from isletqc.records import Stain
from isletqc.segment import learned, likeness
from isletqc.segment.prepare import FLUORESCENT, glow_network_input, network_input
from isletqc.training import corrected, strangers
from isletqc.training.drawn import draw
from isletqc.training.examples import Example, read_real
from isletqc.training.recipe import DrawnSource, RealSource, Recipe

LIMIT = FitnessLimits().min_likeness
_STAINS: tuple[Stain, ...] = ("dithizone", "brightfield", "live-dead", "immunofluorescence")
_OWN_FIELDS, _OTHER_FIELDS = 10, 4
_SEED = 88_000
_OWN_UM = {"immunofluorescence": (0.3, 0.5, 1.0)}
_COARSE = (1.0, 2.4, 4.6, 9.0)
_FOREIGN_UM = {"immunofluorescence": (0.4, 0.8)}
_MIDDLE = (1.5, 3.0)
_MOST_WORKING_PX = 600_000.0
# Real pictures: folder, whose own they are, pixel size, how many.
_REAL: Mapping[str, tuple[str, Stain, float, int]] = {
    "real clusters": ("pds_aggregates/validation/images", "brightfield", 1.592, 8),
    "real nuclei": ("dsb2018_nuclei/test/images", "immunofluorescence", 0.5, 16),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture that a network was shown."""

    kind: str
    name: str
    own: bool
    likeness: float

    @property
    def flagged(self) -> bool:
        """Whether its lot goes to review."""
        return self.likeness < LIMIT


def some_examples(recipe: Recipe, data: Path, most: int) -> list[Example]:
    """Read or draw at most so many training pictures of each source, without pasted copies."""
    found: list[Example] = []
    for source in recipe.sources:
        if isinstance(source, DrawnSource):
            few = source.model_copy(update={"fields": min(source.fields, most)})
            found += draw(few, 1, lambda done, total: None)
        elif isinstance(source, RealSource):
            # Outlines do not matter here: drafts need no cleaning.
            plain = source.model_copy(update={"pasted": 0, "drafts": False})
            found += _evenly(read_real(plain, data, stain=recipe.stain), most)
        else:
            found += _evenly(corrected.read(source, data, recipe), most)
    return found


def measure(trained: learned.TrainedNetwork, data: Path | None) -> tuple[Shown, ...]:
    """Show a network pictures of every kind.

    Parameters
    ----------
    trained : with the cloud of its training pictures
    data : folder of real pictures; those that are not in it are left out
    """
    stain = cast("Stain", trained.facts["stain"])
    return tuple(
        Shown(kind, name, kind in (_drawn(stain), _real_of(stain)), alike)
        for kind, name, pixels, full_scale, um in _pictures(stain, data)
        if (alike := like(trained, pixels, full_scale, um)) is not None
    )


def like(
    trained: learned.TrainedNetwork, pixels: NDArray[Any], full_scale: float, um_per_px: float
) -> float | None:
    """Likeness of a picture of any channels, worn as one of the network's stain."""
    if trained.cloud is None:
        return None
    stain = cast("Stain", trained.facts["stain"])
    prepare = glow_network_input if stain in FLUORESCENT else network_input
    most = int(np.sqrt(_MOST_WORKING_PX) * trained.um_per_px / um_per_px)
    prepared = prepare(
        strangers.worn(pixels[:most, :most], stain),
        um_per_px,
        full_scale=full_scale,
        working_um_per_px=trained.um_per_px,
    )
    return likeness.likeness(trained.cloud, learned.predict(trained, prepared).point)


def table(columns: Mapping[str, Sequence[Shown]]) -> str:
    """Markdown table, flagged of shown; the network's own kinds in brackets."""
    kinds = dict.fromkeys(one.kind for shown in columns.values() for one in shown)
    lines = ["| picture | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    lines += [
        f"| {kind} | " + " | ".join(_cell(shown, kind) for shown in columns.values()) + " |"
        for kind in kinds
    ]
    return "\n".join(lines) + "\n"


def wrong(shown: Sequence[Shown]) -> Iterator[str]:
    """Name the pictures on the wrong side of the limit."""
    for one in shown:
        if one.flagged == one.own:
            yield f"{one.kind}, {one.name}: {one.likeness:.2f}"


def _cell(shown: Sequence[Shown], kind: str) -> str:
    ours = [one for one in shown if one.kind == kind]
    if not ours:
        return ""
    text = f"{sum(one.flagged for one in ours)} of {len(ours)}"
    return f"({text})" if ours[0].own else text


def _pictures(
    stain: Stain, data: Path | None
) -> Iterator[tuple[str, str, NDArray[Any], float, float]]:
    """Kind, name, pixels, full scale and pixel size of every picture to show."""
    for other in _STAINS:
        sizes = _OWN_UM.get(other, _COARSE)
        count = _OWN_FIELDS if other == stain else _OTHER_FIELDS
        for um in sizes if other == stain else sizes[1:2]:
            shape_yx = _shape(um / (8 if other == "immunofluorescence" else 100))
            for seed in range(_SEED, _SEED + count):
                pixels, full = strangers.stained(other, seed, um_per_px=um, shape_yx=shape_yx)
                yield _drawn(other), f"seed {seed}, {um:g} um", pixels, full, um
    for um in _FOREIGN_UM.get(stain, _MIDDLE):
        for number, (kind, page) in enumerate(strangers.drawn()):
            yield kind, f"number {number}, {um:g} um", page, 255.0, um
        for kind, name, photograph in strangers.natural():
            yield kind, f"{name}, {um:g} um", photograph, 255.0, um
    if data is not None:
        yield from _real(stain, data)


def _real(stain: Stain, data: Path) -> Iterator[tuple[str, str, NDArray[Any], float, float]]:
    for kind, (folder, own, um, count) in _REAL.items():
        paths = _evenly(sorted((data / folder).glob("*.*")), count)
        for path in paths:
            pixels = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
            if pixels is not None:
                size = um if own == stain else _FOREIGN_UM.get(stain, _MIDDLE)[0]
                yield kind, path.name, np.asarray(pixels), 255.0, size


def _shape(um_in_objects: float) -> tuple[int, int]:
    """Pixels of a field: many where objects are small in it, never more than 0.6 megapixels."""
    height = int(np.clip(30 / um_in_objects, 400, 680))
    return height, height * 4 // 3


def _drawn(stain: Stain) -> str:
    return f"drawn {stain}"


def _real_of(stain: Stain) -> str:
    return next((kind for kind, row in _REAL.items() if row[1] == stain), "")


def _evenly(many: list[Any], most: int) -> list[Any]:
    step = max(1, -(-len(many) // most))
    return list(islice(many, 0, None, step))
