"""Areas of islet and exocrine tissue, and the exocrine regions one by one.

Takes a class map; gives figures that hold every pixel of their class, whatever the size of the
object it belongs to. After a small change of the class map only its surroundings are looked at
again, unless exocrine tissue itself has changed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from isletqc.measure import ieq
from isletqc.records import EXOCRINE, ISLET

Classes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Tissue:
    """Both tissues of a class map, in pixels.

    Attributes
    ----------
    islet_px : pixels of islet tissue
    regions : (Y, X) int32: number of the exocrine region, 0 outside; touching by corners counts
    areas_px : (N,) pixels of each exocrine region
    contacts_px : (N,) pixels of each exocrine region that touch islet tissue
    """

    islet_px: int
    regions: NDArray[np.int32]
    areas_px: NDArray[np.int64]
    contacts_px: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a picture tells about its tissues; see `measure.islets.Measurement`."""

    islet_area_um2: float
    exocrine_area_um2: float
    exocrine_clusters: int
    exocrine_volume_nl: float
    exocrine_area_squares_um4: float
    exocrine_area_cubes_um6: float
    exocrine_largest_um2: float


def of(classes: Classes) -> Tissue:
    """Find both tissues of a class map (Y, X)."""
    exocrine = classes == EXOCRINE
    count, found = cv2.connectedComponents(exocrine.view(np.uint8), connectivity=8)
    regions = np.asarray(found, np.int32)
    return Tissue(
        islet_px=int(np.count_nonzero(classes == ISLET)),
        regions=regions,
        areas_px=np.bincount(regions[exocrine], minlength=count)[1:].astype(np.int64),
        contacts_px=_contacts(regions, classes, count - 1),
    )


def after(
    tissue: Tissue, classes: Classes, before: Classes, box: tuple[int, int, int, int]
) -> Tissue:
    """Bring the tissues up to date after a part of the class map has changed.

    Parameters
    ----------
    tissue : as it was
    classes : (Y, X) as it is now
    before : (y1 - y0, x1 - x0) of the part ``box`` (y0, x0, y1, x1) as it was
    """
    y0, x0, y1, x1 = box
    now = classes[y0:y1, x0:x1]
    if np.any((before == EXOCRINE) != (now == EXOCRINE)):
        return of(classes)
    # Contacts reach one pixel beyond what changed, and are seen from one pixel further.
    wide = slice(max(y0 - 2, 0), y1 + 2), slice(max(x0 - 2, 0), x1 + 2)
    was = classes[wide].copy()
    was[y0 - wide[0].start : y1 - wide[0].start, x0 - wide[1].start : x1 - wide[1].start] = before
    count, regions = len(tissue.areas_px), tissue.regions[wide]
    gained = _contacts(regions, classes[wide], count) - _contacts(regions, was, count)
    difference = np.count_nonzero(now == ISLET) - np.count_nonzero(before == ISLET)
    return Tissue(
        islet_px=tissue.islet_px + int(difference),
        regions=tissue.regions,
        areas_px=tissue.areas_px,
        contacts_px=tissue.contacts_px + gained,
    )


def figures(tissue: Tissue, *, um_per_px: float, min_diameter_um: float) -> Figures:
    """Give areas, and the figures of the exocrine regions.

    Parameters
    ----------
    min_diameter_um : a smaller exocrine region is no cluster
    """
    px_um2 = um_per_px**2
    areas_um2 = tissue.areas_px * px_um2
    diameters_um = 2 * np.sqrt(areas_um2 / math.pi)
    free = (diameters_um >= min_diameter_um) & (tissue.contacts_px == 0)
    return Figures(
        islet_area_um2=tissue.islet_px * px_um2,
        exocrine_area_um2=float(areas_um2.sum()),
        exocrine_clusters=int(free.sum()),
        exocrine_volume_nl=float(ieq.sphere_nl(diameters_um).sum()),
        exocrine_area_squares_um4=float((areas_um2**2).sum()),
        exocrine_area_cubes_um6=float((areas_um2**3).sum()),
        exocrine_largest_um2=float(areas_um2.max(initial=0)),
    )


def _contacts(regions: NDArray[np.int32], classes: Classes, count: int) -> NDArray[np.int64]:
    islet = (classes == ISLET).astype(np.uint8)
    beside = regions[cv2.dilate(islet, np.ones((3, 3), np.uint8)) > 0]
    return np.bincount(beside, minlength=count + 1)[1:].astype(np.int64)
