"""Sizes and outlines of islets and clusters.

An outline is a closed curve given by its radius in 256 equally spaced directions around a centre;
the radius is linear in the angle between them, so that area and centroid are exact sums. Outlines
mix ellipses, beans, unions of lobes and rough irregular forms; each is scaled to the area of the
wanted diameter. Size laws are cut off by their inverse distribution function, never by clipping.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]
Float32s = NDArray[np.float32]

DIRECTIONS = 256
THETA: Floats = np.linspace(0, 2 * np.pi, DIRECTIONS, endpoint=False, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class SizeLaw:
    """A law of diameters between limits; ``first`` and ``second`` are k, lambda or mu, sigma."""

    kind: Literal["weibull", "lognormal"]
    first: float
    second: float
    limits_um: tuple[float, float]


def lognormal_law(mean_um: float, sd_um: float, limits_um: tuple[float, float]) -> SizeLaw:
    """Lognormal law with this mean and standard deviation before it is cut off."""
    sigma2 = float(np.log1p((sd_um / mean_um) ** 2))
    return SizeLaw("lognormal", float(np.log(mean_um)) - sigma2 / 2, sigma2**0.5, limits_um)


HUMAN_WEIBULL = SizeLaw("weibull", 1.93, 112.6, (20.0, 600.0))
HUMAN_LOGNORMAL = SizeLaw("lognormal", 4.476, 0.506, (20.0, 600.0))
SC_MICROWELL = lognormal_law(136.0, 31.0, (40.0, 600.0))
SC_SUSPENSION = lognormal_law(275.0, 62.0, (60.0, 800.0))


def diameters_um(rng: np.random.Generator, count: int, law: SizeLaw) -> Floats:
    """Draw area-equivalent diameters from a law cut off at its limits.

    Returns
    -------
    (count,) float64, micrometres, within ``law.limits_um``
    """
    low, high = (_distribution(law, limit) for limit in law.limits_um)
    u = low + (high - low) * rng.random(count)
    if law.kind == "weibull":
        drawn = law.second * (-np.log1p(-u)) ** (1 / law.first)
    else:
        drawn = np.exp(law.first + law.second * ndtri(u))
    return np.clip(drawn, *law.limits_um)


def _distribution(law: SizeLaw, diameter_um: float) -> float:
    if law.kind == "weibull":
        return float(-np.expm1(-((diameter_um / law.second) ** law.first)))
    return float(ndtr((np.log(diameter_um) - law.first) / law.second))


def ellipse(diameter_um: float, ratio: float, angle: float = 0.0) -> Floats:
    """Outline of an ellipse with axis ratio b/a and the area of a disc of ``diameter_um``."""
    return scaled(_ellipse(ratio, angle), diameter_um)


def scaled(radii: Floats, diameter_um: float) -> Floats:
    """Outline of the same form with the area of a disc of ``diameter_um``."""
    return np.asarray(radii * (diameter_um / 2 * np.sqrt(np.pi / area_um2(radii))))


def area_um2(radii: Floats) -> float:
    """Exact area inside an outline whose radius is linear in the angle."""
    after = np.roll(radii, -1)
    return float(np.sum(radii**2 + radii * after + after**2) * (2 * np.pi / DIRECTIONS) / 6)


def centroid_yx(radii: Floats) -> tuple[float, float]:
    """Centroid of the area inside an outline, relative to its centre."""
    weight = radii**3 * (2 * np.pi / DIRECTIONS) / 3 / area_um2(radii)
    return float(np.sum(weight * np.sin(THETA))), float(np.sum(weight * np.cos(THETA)))


def islet_outline(rng: np.random.Generator, diameter_um: float) -> Floats:
    """Outline of one isolated human islet: round, bean-shaped, lobed or irregular."""
    kind = rng.choice(4, p=(0.22, 0.2, 0.38, 0.2))
    ratio, angle = rng.uniform(0.55, 1.0), rng.uniform(0, 2 * np.pi)
    form = _ellipse(ratio if kind else rng.uniform(0.8, 1.0), angle)
    if kind == 1:
        form = form * _dent(rng, rng.uniform(0.15, 0.55), angle + np.pi / 2)
    elif kind == 2:
        form = form * _lobes(rng)
    waves = rng.uniform(0.02, 0.08) if kind < 3 else rng.uniform(0.1, 0.2)
    form = form * np.exp(_waves(rng, waves, slope=1.5, last=16))
    return scaled(form * np.exp(_surface(rng, diameter_um, rng.uniform(0.6, 2.6))), diameter_um)


def cluster_outline(rng: np.random.Generator, diameter_um: float) -> Floats:
    """Outline of one stem-cell cluster: nearly round, with the cells of its surface."""
    fused = rng.random() < 0.15
    ratio = rng.uniform(0.6, 0.85) if fused else max(1 - abs(rng.normal(0, 0.1)), 0.6)
    form = _ellipse(ratio, rng.uniform(0, 2 * np.pi))
    form = form * np.exp(_waves(rng, rng.uniform(0.01, 0.07), slope=1.5, last=8))
    return scaled(form * np.exp(_surface(rng, diameter_um, rng.uniform(0.3, 2.2))), diameter_um)


def ragged_outline(rng: np.random.Generator, diameter_um: float) -> Floats:
    """Outline of a torn lump of tissue: long, deeply notched and rough."""
    form = _ellipse(rng.uniform(0.35, 1.0), rng.uniform(0, 2 * np.pi))
    form = form * np.exp(_waves(rng, rng.uniform(0.12, 0.3), slope=1.5, last=24))
    return scaled(form * np.exp(_surface(rng, diameter_um, rng.uniform(1.0, 3.0))), diameter_um)


def _ellipse(ratio: float, angle: float) -> Floats:
    c, s = np.cos(THETA - angle), np.sin(THETA - angle)
    return np.asarray(ratio / np.sqrt((ratio * c) ** 2 + s**2))


def _dent(rng: np.random.Generator, depth: float, angle: float) -> Floats:
    width = rng.uniform(0.5, 1.0)
    return np.asarray(1 - depth * np.exp((np.cos(THETA - angle) - 1) / width**2))


def _lobes(rng: np.random.Generator) -> Floats:
    """Radius of a union of discs, seen from the centre of the first."""
    radius = np.ones(DIRECTIONS)
    for _ in range(int(rng.integers(1, 6))):
        offset, size, angle = rng.uniform(0.6, 1.3), rng.uniform(0.4, 0.9), rng.uniform(0, 7)
        across = size**2 - (offset * np.sin(THETA - angle)) ** 2
        far = offset * np.cos(THETA - angle) + np.sqrt(np.maximum(across, 0))
        radius = np.maximum(radius, np.where(across > 0, far, 0))
    return radius


def _waves(rng: np.random.Generator, amplitude: float, *, slope: float, last: int) -> Floats:
    """Sum of waves around the outline from the second to the ``last``, falling as k^-slope."""
    k = np.arange(DIRECTIONS // 2 + 1)
    size = np.where((k >= 2) & (k <= last), np.maximum(k, 1.0) ** -slope, 0.0)
    phase = np.exp(2j * np.pi * rng.random(k.size)) * rng.rayleigh(1.0, k.size)
    wave = np.fft.irfft(size * phase, DIRECTIONS)
    return np.asarray(wave * (amplitude / np.sqrt(np.sum(size**2)) * DIRECTIONS / 2))


def _surface(rng: np.random.Generator, diameter_um: float, height_um: float) -> Floats:
    """Relative roughness by cells of about 10 um on the surface."""
    last = int(np.clip(np.pi * diameter_um / 6, 4, 120))
    fine = _waves(rng, height_um / diameter_um * 2, slope=1.0, last=last)
    return fine * np.exp(_waves(rng, 0.4, slope=1.0, last=4))


@dataclass(frozen=True, slots=True)
class Patch:
    """The part of a picture that an object may touch.

    Attributes
    ----------
    rows, cols : where it lies in the picture
    cover : (h, w) float32: share of each pixel inside the outline
    depth : (h, w) float32: 0 at the outline and outside, 1 at the centre
    """

    rows: slice
    cols: slice
    cover: Float32s
    depth: Float32s


def raster(
    radii_px: Floats, centre_yx_px: tuple[float, float], shape_yx: tuple[int, int], *, pad_px: int
) -> Patch | None:
    """Share of each pixel that lies inside an outline; None when it misses the picture.

    The share follows from the distance of the pixel's centre to the outline along its normal;
    outlines of under 24 pixels are drawn four times finer and averaged. The centre of the first
    pixel is (0, 0).
    """
    reach = float(radii_px.max()) + 1
    window = [_window(c, reach, n, pad_px) for c, n in zip(centre_yx_px, shape_yx, strict=True)]
    (y0, y1), (x0, x1) = window
    if y0 >= y1 or x0 >= x1:
        return None
    finer = 4 if reach < 13 else 1
    y = (
        (np.arange((y1 - y0) * finer, dtype=np.float32) + 0.5) / finer
        - 0.5
        + (y0 - centre_yx_px[0])
    )
    x = (
        (np.arange((x1 - x0) * finer, dtype=np.float32) + 0.5) / finer
        - 0.5
        + (x0 - centre_yx_px[1])
    )
    cover, depth = _polar(radii_px, y.astype(np.float32), x.astype(np.float32), finer)
    if finer > 1:
        size = (x1 - x0, y1 - y0)
        cover = np.asarray(cv2.resize(cover, size, interpolation=cv2.INTER_AREA), np.float32)
        depth = np.asarray(cv2.resize(depth, size, interpolation=cv2.INTER_AREA), np.float32)
    return Patch(slice(y0, y1), slice(x0, x1), cover, depth)


def _window(centre: float, reach: float, length: int, pad: int) -> tuple[int, int]:
    start, stop = int(np.floor(centre - reach)) - pad, int(np.ceil(centre + reach)) + pad + 1
    if centre + reach < -0.5 or centre - reach > length - 0.5:
        return 0, 0
    return max(start, 0), min(stop, length)


def _polar(radii: Floats, y: Float32s, x: Float32s, finer: int) -> tuple[Float32s, Float32s]:
    grid_x, grid_y = np.meshgrid(x, y)
    distance = np.hypot(grid_x, grid_y)
    # OpenCV's angle is only good to 0.3 degrees; that would move a rough outline.
    place = np.arctan2(grid_y, grid_x) * np.float32(DIRECTIONS / (2 * np.pi))
    floor = np.floor(place)
    index = floor.astype(np.int32) % DIRECTIONS
    here, step = radii.astype(np.float32), np.diff(radii, append=radii[0]).astype(np.float32)
    radius = here[index] + (place - floor) * step[index]
    slope = np.hypot(1, step / here * (DIRECTIONS / (2 * np.pi))).astype(np.float32)
    cover = np.clip(0.5 + (radius - distance) / slope[index] * finer, 0, 1)
    return cover, np.clip(1 - distance / radius, 0, 1)
