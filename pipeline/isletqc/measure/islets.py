"""Regions to measured islets.

Takes a picture, its class map and its instance labels; gives one record for each islet with size,
shape, stain and whether it counts, and the areas of islet and exocrine tissue. Sums over pixels
(area, moments, stain) are taken for all islets at once; shape figures on each islet's own crop.

- area: number of pixels; diameter: that of the disc of the same area, 2 sqrt(A / pi)
- axes: those of the ellipse with the same second moments, each pixel a unit square
- Feret diameter, solidity: convex hull of the pixels' corners, so that the hull holds the area
- circularity: 4 pi A / P^2, at most 1, with Crofton's perimeter over four directions
- extrusion volume: 2 A x mean height of the union of balls that fill the mask, each ball centred
  in the picture plane and as wide as the mask allows there (doi 10.5566/ias.1869)

Tissue areas hold every pixel of their class, whatever the size of the object it belongs to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isletqc.measure import border, ieq, shape, stain, tissue
from isletqc.protocol import Sizing
from isletqc.records import CLASS_NAMES, ISLET, Image, Islet, Regions


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one picture holds.

    ``exocrine_clusters`` counts the exocrine regions that reach the minimum diameter and touch no
    islet; ``exocrine_volume_nl`` takes every exocrine region as a sphere of the same area;
    ``exocrine_area_squares_um4`` and ``_cubes_um6`` are the sums of their squared and cubed areas.
    """

    islets: tuple[Islet, ...]
    islet_area_um2: float
    exocrine_area_um2: float
    exocrine_clusters: int
    exocrine_volume_nl: float
    exocrine_area_squares_um4: float
    exocrine_area_cubes_um6: float
    exocrine_largest_um2: float


def measure(image: Image, regions: Regions, sizing: Sizing) -> Measurement:
    """Measure every labelled islet of a picture.

    Parameters
    ----------
    image : the picture; its pixels give the stain figures
    regions : class map and labels 1..n on the picture's own grid
    sizing : which islets count, and which volume an islet has

    Returns
    -------
    Measurement
        One islet for each label, in the order of the labels, the excluded ones with their reason.
        ``stain`` holds, for each channel, ``mean_<channel>`` (fraction of full scale) and
        ``od_<channel>``: -log10 of the islet's mean over the median of the background pixels.
        Colour pictures also have ``redness``: od_green - od_red, 0 for grey and positive for
        red, whatever the brightness of the light. No background, no optical density.
    """
    found = _measured(image, regions, sizing, _islet_pixels(regions.labels))
    return with_tissue(found, regions, tissue.of(regions.classes), sizing)


@dataclass(frozen=True, slots=True)
class Whole:
    """The picture that a crop was cut from.

    Attributes
    ----------
    shape_yx : its height and width
    origin_yx : where the crop's first pixel lies in it
    light : of its background, as `measure.stain.background` gives it
    """

    shape_yx: tuple[int, int]
    origin_yx: tuple[int, int]
    light: stain.Light | None


def measure_some(
    image: Image,
    regions: Regions,
    sizing: Sizing,
    boxes: Mapping[int, tuple[int, int, int, int]],
    *,
    whole: Whole | None = None,
) -> tuple[Islet, ...]:
    """Measure some islets of a picture, to the same bits as `measure` would among all of them.

    Parameters
    ----------
    image, regions, sizing : as for `measure`
    boxes : label -> y0, x0, y1, x1 of each islet to measure; y1 and x1 are one past its last pixel
    whole : the picture that image and regions were cut from; they are all of it when None
    """
    pixels = _pixels_in(regions.labels, boxes)
    return _measured(image, regions, sizing, pixels, whole=whole)


def with_tissue(
    islets: tuple[Islet, ...], regions: Regions, tissues: tissue.Tissue, sizing: Sizing
) -> Measurement:
    """Join the islets and both tissues of a picture."""
    found = tissue.figures(
        tissues, um_per_px=regions.um_per_px, min_diameter_um=sizing.min_diameter_um
    )
    return Measurement(
        islets=islets,
        islet_area_um2=found.islet_area_um2,
        exocrine_area_um2=found.exocrine_area_um2,
        exocrine_clusters=found.exocrine_clusters,
        exocrine_volume_nl=found.exocrine_volume_nl,
        exocrine_area_squares_um4=found.exocrine_area_squares_um4,
        exocrine_area_cubes_um6=found.exocrine_area_cubes_um6,
        exocrine_largest_um2=found.exocrine_largest_um2,
    )


def _measured(
    image: Image, regions: Regions, sizing: Sizing, pixels: _Pixels, *, whole: Whole | None = None
) -> tuple[Islet, ...]:
    um = regions.um_per_px
    if not pixels.count:
        return ()
    if whole is None:
        whole = Whole(image.shape_yx, (0, 0), stain.background(image, regions.classes))
    boxes = pixels.boxes + np.tile(whole.origin_yx, 2)
    columns = _sizes(pixels, whole.origin_yx, um) | _shapes(regions.labels, pixels, um)
    columns |= {"probability": pixels.mean(regions.probability) / 255}
    columns |= {"touches_border": border.touches(boxes, whole.shape_yx).astype(float)}
    columns |= _volumes(columns, sizing)
    columns |= _inclusion(columns, boxes, whole.shape_yx, um_per_px=um, sizing=sizing)
    if regions.islet_volume_rsd:
        columns |= {"volume_rsd": np.array(regions.islet_volume_rsd)[pixels.labels - 1]}
    planes = {n: image.pixels[..., c] for c, n in enumerate(image.channels)}
    means = {n: pixels.mean(plane) / image.full_scale for n, plane in planes.items()}
    stains = stain.figures(means, whole.light)
    return tuple(_islet(int(i), pixels, columns, stains) for i in np.flatnonzero(pixels.area_px))


@dataclass(frozen=True, slots=True)
class _Pixels:
    """Pixels of islets, and the islets: label, area and bounding box (N, 4) of each.

    Of each pixel: flat index in the picture, place of its islet among them, and coordinates.
    """

    labels: NDArray[np.int64]
    boxes: NDArray[np.int64]
    index: NDArray[np.int64]
    islet: NDArray[np.int64]
    y: NDArray[np.float64]
    x: NDArray[np.float64]
    area_px: NDArray[np.float64]

    @property
    def count(self) -> int:
        return len(self.area_px)

    def sum(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(self.islet, values, self.count).astype(float)

    def mean(self, plane: NDArray[np.generic]) -> NDArray[np.float64]:
        values = plane.reshape(-1)[self.index].astype(np.float64)
        return self.sum(values) / np.maximum(self.area_px, 1)


def _islet_pixels(labels: NDArray[np.int32]) -> _Pixels:
    flat = labels.reshape(-1)
    index = np.flatnonzero(flat > 0)
    islet = flat[index].astype(np.int64) - 1
    count = int(islet.max(initial=-1)) + 1
    return _pixels(index, islet, labels.shape[1], np.arange(1, count + 1), _boxes(labels, count))


def _pixels_in(
    labels: NDArray[np.int32], boxes: Mapping[int, tuple[int, int, int, int]]
) -> _Pixels:
    width = labels.shape[1]
    parts = [np.zeros(0, np.int64)]
    for label, (y0, x0, y1, x1) in boxes.items():
        y, x = np.nonzero(labels[y0:y1, x0:x1] == label)
        parts.append((y + y0) * width + (x + x0))
    islet = np.repeat(np.arange(len(boxes)), [len(part) for part in parts[1:]])
    places = np.array(list(boxes.values()), np.int64).reshape(-1, 4)
    return _pixels(np.concatenate(parts), islet, width, np.array(list(boxes)), places)


def _pixels(
    index: NDArray[np.int64],
    islet: NDArray[np.int64],
    width: int,
    labels: NDArray[np.int64],
    boxes: NDArray[np.int64],
) -> _Pixels:
    y, x = np.divmod(index, width)
    area_px = np.bincount(islet, minlength=len(labels)).astype(float)
    return _Pixels(labels, boxes, index, islet, y.astype(float), x.astype(float), area_px)


def _boxes(labels: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    slices = ndimage.find_objects(labels, max_label=count)
    empty = (slice(0, 0), slice(0, 0))
    return np.array(
        [(s[0].start, s[1].start, s[0].stop, s[1].stop) for s in (s or empty for s in slices)]
    )


def _sizes(
    pixels: _Pixels, origin_yx: tuple[int, int], um: float
) -> dict[str, NDArray[np.float64]]:
    """Area, diameter, centroid and axes; a pixel is a square, hence the 1/12."""
    area = np.maximum(pixels.area_px, 1)
    y, x = pixels.y + origin_yx[0], pixels.x + origin_yx[1]
    cy, cx = pixels.sum(y) / area, pixels.sum(x) / area
    dy, dx = y - cy[pixels.islet], x - cx[pixels.islet]
    syy = pixels.sum(dy * dy) / area + 1 / 12
    sxx = pixels.sum(dx * dx) / area + 1 / 12
    sxy = pixels.sum(dy * dx) / area
    half = np.hypot((syy - sxx) / 2, sxy)
    middle = (syy + sxx) / 2
    return {
        "area_um2": pixels.area_px * um**2,
        "diameter_um": 2 * um * np.sqrt(pixels.area_px / math.pi),
        "y_um": (cy + 0.5) * um,
        "x_um": (cx + 0.5) * um,
        "major_um": 4 * um * np.sqrt(middle + half),
        "minor_um": 4 * um * np.sqrt(np.maximum(middle - half, 0)),
    }


def _shapes(
    labels: NDArray[np.int32], pixels: _Pixels, um: float
) -> dict[str, NDArray[np.float64]]:
    islets = zip(pixels.labels.tolist(), pixels.boxes, strict=True)
    figures = np.array([shape.figures(_mask(labels, label, box)) for label, box in islets])
    feret_px, circularity, solidity, extrusion_px = figures.T
    return {
        "feret_um": feret_px * um,
        "circularity": circularity,
        "solidity": solidity,
        "extrusion_nl": extrusion_px * um**3 * 1e-6,
    }


def _mask(labels: NDArray[np.int32], label: int, box: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Crop the islet, with one pixel of background around it."""
    y0, x0, y1, x1 = box.tolist()
    mask = np.zeros((y1 - y0 + 2, x1 - x0 + 2), np.uint8)
    mask[1:-1, 1:-1] = labels[y0:y1, x0:x1] == label
    return mask


def _volumes(
    columns: Mapping[str, NDArray[np.float64]], sizing: Sizing
) -> dict[str, NDArray[np.float64]]:
    names = ("diameter_um", "major_um", "minor_um", "extrusion_nl")
    volume = ieq.volume_nl(sizing.convention, **{n: columns[n] for n in names})
    return {"volume_nl": volume, "ieq": ieq.ieq(volume)}


def _inclusion(
    columns: Mapping[str, NDArray[np.float64]],
    boxes: NDArray[np.int64],
    shape_yx: tuple[int, int],
    *,
    um_per_px: float,
    sizing: Sizing,
) -> dict[str, NDArray[np.float64]]:
    weight, reasons = border.weights(boxes, shape_yx, sizing.border, um_per_px=um_per_px)
    limit = sizing.min_diameter_um
    small = [
        f"diameter {d:.1f} um under {limit:g} um" if d < limit else ""
        for d in columns["diameter_um"]
    ]
    reason = ["; ".join(filter(None, both)) for both in zip(small, reasons, strict=True)]
    return {"weight": weight, "exclusion_reason": np.array(reason, dtype=object)}


def _islet(
    i: int,
    pixels: _Pixels,
    columns: Mapping[str, NDArray[np.float64]],
    stains: list[dict[str, float]],
) -> Islet:
    def number(name: str) -> float:
        return float(columns[name][i])

    reason = str(columns["exclusion_reason"][i])
    return Islet(
        label=int(pixels.labels[i]),
        class_name=CLASS_NAMES[ISLET],
        centroid_yx_um=(number("y_um"), number("x_um")),
        area_um2=number("area_um2"),
        diameter_um=number("diameter_um"),
        major_axis_um=number("major_um"),
        minor_axis_um=number("minor_um"),
        feret_um=number("feret_um"),
        circularity=number("circularity"),
        solidity=number("solidity"),
        volume_nl=number("volume_nl"),
        ieq=number("ieq"),
        probability=number("probability"),
        touches_border=bool(columns["touches_border"][i]),
        weight=number("weight"),
        included=not reason,
        exclusion_reason=reason,
        stain=stains[i],
        extrusion_nl=number("extrusion_nl"),
        volume_rsd=number("volume_rsd") if "volume_rsd" in columns else None,
    )
