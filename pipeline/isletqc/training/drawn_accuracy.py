"""How well a method reads drawn dithizone fields that nothing was trained on.

Fields are drawn, segmented and compared one by one; nothing is written. The pixel sizes span those
of microscopes, stereo microscopes and scanners.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isletqc.records import BACKGROUND, ISLET, Image, Regions
from isletqc.synthetic.draw import DithizoneLook, Field, dithizone_field
from isletqc.training.evaluate import Agreement, agreement, together

Segment = Callable[[Image], Regions]

# Pixel size -> shape of a field: no smaller than a crop that anybody would analyse.
SHAPES_YX = {1.0: (1200, 1600), 2.4: (900, 1200), 4.6: (700, 900), 9.0: (400, 500)}
LEAST_UM = 50.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One field read by one method, or several together.

    Attributes
    ----------
    agreement : of the islets of at least ``LEAST_UM``
    islet_um2, tissue_um2 : true and found area of islets, and of islets with exocrine tissue
    purity_errors : found less true area purity, one a field that has any tissue
    touching, parted : pairs of islets that share a border, and those found as two
    """

    agreement: Agreement
    islet_um2: tuple[float, float]
    tissue_um2: tuple[float, float]
    purity_errors: tuple[float, ...]
    touching: int
    parted: int

    @property
    def purity_error(self) -> float:
        """Mean size of a field's error in area purity; not a number where no field has tissue."""
        return float(np.mean(np.abs(self.purity_errors))) if self.purity_errors else float("nan")

    @property
    def pooled_purity_error(self) -> float:
        """Error in the area purity of all fields together, signed."""
        true, found = (
            i / max(t, 1.0) for i, t in zip(self.islet_um2, self.tissue_um2, strict=True)
        )
        return found - true


def read(
    segment: Segment, seeds: Sequence[int], um_per_px: float, look: DithizoneLook | None = None
) -> Reading:
    """Draw a field for each seed and compare what ``segment`` finds with the truth.

    Parameters
    ----------
    um_per_px : one of ``SHAPES_YX``
    look : a named look; None draws a random one for each field
    """
    shape = SHAPES_YX[um_per_px]
    fields = (dithizone_field(s, shape_yx=shape, um_per_px=um_per_px, look=look) for s in seeds)
    return pooled([compare(segment(image_of(field)), field) for field in fields])


def compare(found: Regions, field: Field) -> Reading:
    """Compare regions with the truth of the field that they were found in."""
    pairs = _touching(field.labels, np.pi / 4 * (LEAST_UM / field.um_per_px) ** 2)
    islet, tissue = (
        [_area_um2(c, field, low) for c in (field.classes, found.classes)]
        for low in (ISLET, BACKGROUND + 1)
    )
    return Reading(
        agreement=agreement(found.labels, field.labels, field.um_per_px, min_diameter_um=LEAST_UM),
        islet_um2=(islet[0], islet[1]),
        tissue_um2=(tissue[0], tissue[1]),
        purity_errors=(_purity(found.classes) - _purity(field.classes),) if tissue[0] else (),
        touching=len(pairs),
        parted=sum(_parted(found.labels, field.labels, pair) for pair in pairs),
    )


def pooled(readings: Sequence[Reading]) -> Reading:
    """Sum up the readings of several fields."""
    islet, tissue = (
        tuple(np.sum([getattr(r, name) for r in readings], axis=0).tolist())
        for name in ("islet_um2", "tissue_um2")
    )
    return Reading(
        agreement=together([r.agreement for r in readings]),
        islet_um2=(islet[0], islet[1]),
        tissue_um2=(tissue[0], tissue[1]),
        purity_errors=tuple(e for r in readings for e in r.purity_errors),
        touching=sum(r.touching for r in readings),
        parted=sum(r.parted for r in readings),
    )


HEADER = (
    "F1 at 0.5",
    "F1 at 0.75",
    "count",
    "volume",
    "purity, a field",
    "purity, all",
    "touching parted",
)


def cells(reading: Reading) -> tuple[str, ...]:
    """Write the figures under ``HEADER``."""
    a = reading.agreement
    return (
        f"{a.f1(0.5) or 0:.3f}",
        f"{a.f1(0.75) or 0:.3f}",
        f"{100 * (a.count_error or 0):+.1f} %",
        f"{100 * (a.volume_error or 0):+.1f} %",
        f"{reading.purity_error:.3f}",
        f"{reading.pooled_purity_error:+.3f}",
        f"{reading.parted} of {reading.touching}",
    )


def table(first: str, rows: Sequence[tuple[str, Reading]]) -> str:
    """Markdown table, a row for each reading."""
    lines = [(first, *HEADER), ("---",) * (len(HEADER) + 1)]
    lines += [(name, *cells(reading)) for name, reading in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def image_of(field: Field) -> Image:
    """Give a drawn field as the picture that a stage takes."""
    return Image(
        pixels=field.pixels,
        channels=("red", "green", "blue"),
        full_scale=255.0,
        um_per_px=field.um_per_px,
        um_per_px_source="drawn",
        path="",
        sha256="",
        stain="dithizone",
    )


def _area_um2(classes: NDArray[Any], field: Field, least: int) -> float:
    return float((classes >= least).sum()) * field.um_per_px**2


def _purity(classes: NDArray[Any]) -> float:
    return float((classes == ISLET).sum() / max(1, (classes != BACKGROUND).sum()))


def _touching(labels: NDArray[Any], least_px: float) -> set[tuple[int, int]]:
    """Pairs of islets, both large enough to count, that share a border."""
    areas = np.bincount(labels.ravel())
    found: set[tuple[int, int]] = set()
    for one, other in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        meet = (one != other) & (one > 0) & (other > 0)
        found |= {(min(a, b), max(a, b)) for a, b in zip(one[meet], other[meet], strict=True)}
    return {(int(a), int(b)) for a, b in found if min(areas[a], areas[b]) >= least_px}


def _parted(found: NDArray[Any], labels: NDArray[Any], pair: tuple[int, int]) -> bool:
    """Whether the two lie, for the most part, in two different islets that were found."""
    first, second = (_mostly(found[labels == number]) for number in pair)
    return first != second and min(first, second) > 0


def _mostly(numbers: NDArray[Any]) -> int:
    inside = numbers[numbers > 0]
    return int(np.bincount(inside).argmax()) if inside.size else 0
