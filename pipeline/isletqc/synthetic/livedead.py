"""Draw live/dead fluorescence pictures with exact truth.

Islets are made of cells about 10 um wide; each cell is live or dead. Live cells glow evenly in the
live channel (FDA, calcein), dead ones show their nucleus in the dead channel (PI, EthD). Dead cells
lie in the core, at the surface, in patches or anywhere. On top come what pictures really have: glow
from out of focus, extracellular haze, bleed-through of the live stain into the dead channel, loose
dead cells, debris, vignetting, blur, shot noise and a camera that saturates. The truth is that of
the cells, by projected area.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isletqc.synthetic.layout import random_layout, settle
from isletqc.synthetic.optics import blurred, smooth_noise
from isletqc.synthetic.shapes import (
    HUMAN_WEIBULL,
    Floats,
    SizeLaw,
    diameters_um,
    islet_outline,
    raster,
)

Float32s = NDArray[np.float32]
Mask = NDArray[np.bool_]
Pattern = Literal["core", "rim", "patches", "anywhere"]
PATTERNS: tuple[Pattern, ...] = ("core", "rim", "patches", "anywhere")
CHANNELS = ("live", "dead")

_CELL_UM = 10.0
_NUCLEUS_UM = 3.0  # standard deviation of a nucleus's light
_GLOW_UM, _GLOW = 18.0, 0.15
_LEVEL = 0.17  # of full scale: a live cell, and a dead cell's mean, at exposure 1
_OFFSET = 0.025


@dataclass(frozen=True, slots=True)
class LiveDeadIslet:
    """The truth of one islet.

    ``dead_core_depth_um`` is the depth below the outline at which the dead core begins; None
    where the dead cells form no core.
    """

    label: int
    area_um2: float
    diameter_um: float
    live_fraction: float
    pattern: Pattern
    dead_core_depth_um: float | None


@dataclass(frozen=True, slots=True)
class LiveDeadField:
    """A drawn two-channel picture with its truth.

    Attributes
    ----------
    pixels : (Y, X, 2) uint16: live, dead
    labels : (Y, X) int32: 1..n, 0 outside islets
    live : (Y, X) bool: live tissue; the other islet pixels are dead
    full_scale : value of a saturated pixel
    truth : one record for each label, in their order
    loose_dead : dead cells outside islets
    """

    pixels: NDArray[np.uint16]
    labels: NDArray[np.int32]
    live: Mask
    um_per_px: float
    full_scale: int
    truth: tuple[LiveDeadIslet, ...]
    loose_dead: int

    @property
    def viability(self) -> float | None:
        """Live share of all islet tissue, by area; None without islets."""
        tissue = np.count_nonzero(self.labels)
        return np.count_nonzero(self.live) / tissue if tissue else None

    def viability_by_islet(self, threshold: float) -> float | None:
        """Share of islets with at least that live fraction; None without islets."""
        live = [i.live_fraction >= threshold for i in self.truth]
        return float(np.mean(live)) if live else None


@dataclass(frozen=True, slots=True)
class _Scene:
    """What glows, before any optics; a live cell and a dead cell's mean are about 1."""

    live: Float32s
    dead: Float32s


def livedead_field(
    seed: int,
    *,
    viability: float = 0.8,
    spread: float = 0.15,
    exposure: float | tuple[float, float] = 1.0,
    haze: float = 0.1,
    bleed: float = 0.05,
    shape_yx: tuple[int, int] = (1024, 1280),
    um_per_px: float = 2.0,
    islets: int = 25,
    law: SizeLaw = HUMAN_WEIBULL,
    pattern: Pattern | None = None,
    loose_dead: int = 60,
    debris: int = 12,
    bits: Literal[12, 16] = 12,
) -> LiveDeadField:
    """Draw one two-channel picture.

    Parameters
    ----------
    seed : seed of every random draw
    viability : wanted live share of the tissue, 0 to 1; the truth says what was drawn
    spread : standard deviation of the live fraction between islets
    exposure : gain of both channels, or of (live, dead)
    haze : extracellular glow of the live stain, relative to a live cell
    bleed : share of the live stain's light that the dead channel sees
    shape_yx, um_per_px : size of the picture in pixels, side of a pixel
    islets, law : how many, and their law of diameters
    pattern : where the dead cells of each islet lie; None mixes all patterns
    loose_dead, debris : dead cells outside islets; glowing fragments of no tissue
    bits : of the camera, in 16-bit files
    """
    rng = np.random.default_rng(seed)
    labels = _labels(rng, shape_yx, um_per_px, diameters_um(rng, islets, law))
    cells, centres_yx = _cells(rng, labels, um_per_px)
    depth_um = _depth_um(labels, um_per_px)
    dead, patterns = _kill(
        rng, labels, depth_um, centres_yx, um_per_px=um_per_px,
        shares=_shares(rng, viability, spread, int(labels.max(initial=0))), pattern=pattern,
    )  # fmt: skip
    live = (labels > 0) & ~dead[cells]
    scene = _scene(rng, labels, live, cells, depth_um, centres_yx=centres_yx, um_per_px=um_per_px)
    outside = _loose(rng, labels, scene, um_per_px, dead=loose_dead, debris=debris)
    pixels = _photographed(
        rng, scene, um_per_px, exposure=exposure, haze=haze, bleed=bleed, bits=bits
    )
    truth = _truth(labels, live, depth_um, patterns, um_per_px)
    for array in (pixels, labels, live):
        array.flags.writeable = False
    return LiveDeadField(pixels, labels, live, um_per_px, 2**bits - 1, truth, outside)


def _labels(
    rng: np.random.Generator, shape_yx: tuple[int, int], um_per_px: float, sizes_um: Floats
) -> NDArray[np.int32]:
    """Lay islets without overlap; one in seven touches another."""
    outlines = [islet_outline(rng, d) for d in np.sort(sizes_um)[::-1].tolist()]
    size_um = (shape_yx[0] * um_per_px, shape_yx[1] * um_per_px)
    centres = settle(rng, random_layout(rng, size_um, whole=True), outlines)
    labels = np.zeros(shape_yx, np.int32)
    for number, (outline, centre) in enumerate(zip(outlines, centres, strict=True), 1):
        place = (float(centre[0]) / um_per_px, float(centre[1]) / um_per_px)
        patch = raster(outline / um_per_px, place, shape_yx, pad_px=1)
        if patch is not None:
            here = labels[patch.rows, patch.cols]
            here[(patch.cover >= 0.5) & (here == 0)] = number
    seen = np.bincount(labels.ravel(), minlength=1) > 0
    seen[0] = False
    return np.where(seen, np.cumsum(seen), 0).astype(np.int32)[labels]


def _cells(
    rng: np.random.Generator, labels: NDArray[np.int32], um_per_px: float
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Part the islets into cells: number of the cell nearest to each pixel, and their centres."""
    step, shape_yx = _CELL_UM / um_per_px, labels.shape
    grid = np.mgrid[0 : shape_yx[0] : step, 0 : shape_yx[1] : step].reshape(2, -1).T
    grid[:, 1] += (np.rint(grid[:, 0] / step) % 2) * step / 2
    moved = np.rint(grid + rng.normal(0, 0.18 * step, grid.shape)).astype(np.int64)
    centres = np.unique(np.clip(moved, 0, np.array(shape_yx) - 1), axis=0)
    centres = centres[labels[centres[:, 0], centres[:, 1]] > 0]
    if not len(centres):
        return np.zeros(shape_yx, np.int32), np.zeros((1, 2), np.int64)
    seeds = np.ones(shape_yx, np.uint8)
    seeds[centres[:, 0], centres[:, 1]] = 0
    _, nearest = cv2.distanceTransformWithLabels(
        seeds, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    number = np.zeros(int(nearest.max()) + 1, np.int32)
    number[nearest[centres[:, 0], centres[:, 1]]] = np.arange(len(centres))
    return number[nearest], centres


def _depth_um(labels: NDArray[np.int32], um_per_px: float) -> Float32s:
    """Depth of each islet pixel below the outline of its own islet."""
    seam = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        differ = np.diff(labels, axis=axis) != 0
        seam |= np.pad(differ, [(1, 0) if a == axis else (0, 0) for a in (0, 1)])
    inside = ((labels > 0) & ~seam).astype(np.uint8)
    depth = np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE))
    # Its last bit depends on where the mask lies in memory; its square is a whole number.
    return np.asarray(np.sqrt(np.rint(depth * depth)) * np.float32(um_per_px), np.float32)


def _shares(rng: np.random.Generator, viability: float, spread: float, count: int) -> Floats:
    """Live fraction of each islet: a beta law of this mean and standard deviation."""
    room = viability * (1 - viability)
    if room == 0 or spread == 0:
        return np.full(count, viability)
    tightness = room / min(spread, 0.5 * room**0.5) ** 2 - 1
    return rng.beta(viability * tightness, (1 - viability) * tightness, count)


def _kill(
    rng: np.random.Generator,
    labels: NDArray[np.int32],
    depth_um: Float32s,
    centres_yx: NDArray[np.int64],
    *,
    um_per_px: float,
    shares: Floats,
    pattern: Pattern | None,
) -> tuple[Mask, tuple[Pattern, ...]]:
    """Choose the dead cells: in each islet those of the highest score."""
    y, x = centres_yx.T
    home, depth = labels[y, x], depth_um[y, x]
    patches = smooth_noise(rng, (labels.shape[0], labels.shape[1]), 35 / um_per_px)[y, x]
    dead = np.zeros(len(centres_yx), bool)
    patterns: list[Pattern] = []
    for number, live_share in enumerate(shares.tolist(), 1):
        mine = np.flatnonzero(home == number)
        kind = pattern or PATTERNS[int(rng.choice(4, p=(0.35, 0.25, 0.25, 0.15)))]
        patterns.append(kind)
        chance = rng.standard_normal(mine.size)
        score = {
            "core": depth[mine] + 2 * chance,
            "rim": -depth[mine] + 8 * chance,
            "patches": patches[mine] + 0.1 * chance,
            "anywhere": chance,
        }[kind]
        count = round((1 - live_share) * mine.size)
        dead[mine[np.argsort(-score, kind="stable")[:count]]] = True
    return dead, tuple(patterns)


def _scene(
    rng: np.random.Generator,
    labels: NDArray[np.int32],
    live: Mask,
    cells: NDArray[np.int32],
    depth_um: Float32s,
    *,
    centres_yx: NDArray[np.int64],
    um_per_px: float,
) -> _Scene:
    """Let cells glow: thicker tissue more, cell by cell and islet by islet differently."""
    shape = (labels.shape[0], labels.shape[1])
    count = int(labels.max(initial=0)) + 1
    thick = np.float32(0.6) + np.float32(0.4) * np.minimum(np.sqrt(depth_um / 60), 1)
    of_islet = rng.lognormal(0, 0.2, (2, count)).astype(np.float32)[:, labels]
    of_cell = rng.lognormal(0, 0.2, (2, len(centres_yx))).astype(np.float32)[:, cells]
    grain = 1 + np.float32(0.1) * smooth_noise(rng, shape, 5 / um_per_px)
    green = live * thick * of_islet[0] * of_cell[0] * np.maximum(grain, 0)
    dead = (labels > 0) & ~live
    nuclei = _nuclei(centres_yx[dead[centres_yx[:, 0], centres_yx[:, 1]]], shape, um_per_px)
    red = thick * of_islet[1] * of_cell[1] * (nuclei + np.float32(0.12) * dead)
    return _Scene(green.astype(np.float32), red.astype(np.float32))


def _nuclei(centres_yx: NDArray[np.int64], shape_yx: tuple[int, int], um_per_px: float) -> Float32s:
    """Light of nuclei; their mean over closely packed cells is 1."""
    dots = np.zeros(shape_yx, np.float32)
    dots[centres_yx[:, 0], centres_yx[:, 1]] = (_CELL_UM / um_per_px) ** 2
    return blurred(dots, _NUCLEUS_UM / um_per_px)


def _loose(
    rng: np.random.Generator,
    labels: NDArray[np.int32],
    scene: _Scene,
    um_per_px: float,
    *,
    dead: int,
    debris: int,
) -> int:
    """Scatter dead cells and fragments over the background; gives the number of cells."""
    shape = (labels.shape[0], labels.shape[1])
    near = cv2.dilate((labels > 0).astype(np.uint8), np.ones((3, 3), np.uint8), iterations=6)
    places = rng.integers(0, shape, (dead + debris, 2))
    free = near[places[:, 0], places[:, 1]] == 0
    cells, fragments = places[:dead][free[:dead]], places[dead:][free[dead:]]
    scene.dead[...] += _nuclei(cells, shape, um_per_px) * np.float32(0.8)
    for y, x in fragments.tolist():
        radius_px = max(round(float(rng.uniform(2, 6)) / um_per_px), 1)
        cv2.circle(scene.live, (x, y), radius_px, float(rng.uniform(0.1, 0.7)), -1)
        cv2.circle(scene.dead, (x, y), radius_px, float(rng.uniform(0.0, 0.7)), -1)
    return len(cells)


def _photographed(
    rng: np.random.Generator,
    scene: _Scene,
    um_per_px: float,
    *,
    exposure: float | tuple[float, float],
    haze: float,
    bleed: float,
    bits: int,
) -> NDArray[np.uint16]:
    """Blur, glow, haze, bleed-through, vignetting, camera noise and saturation."""
    shape = (scene.live.shape[0], scene.live.shape[1])
    gains = exposure if isinstance(exposure, tuple) else (exposure, exposure)
    cloud = 1 + np.float32(0.25) * smooth_noise(rng, shape, 600 / um_per_px)
    live = _optics(scene.live, um_per_px) + np.float32(haze) * np.maximum(cloud, 0.2)
    dead = _optics(scene.dead, um_per_px) + np.float32(0.02 + 0.1 * haze)
    dead = dead + np.float32(bleed) * live
    light = np.stack([live * gains[0], dead * gains[1]], axis=2) * _vignette(shape)[..., None]
    full = 2**bits - 1
    counts = light * np.float32(_LEVEL * full)
    # Twelve-bit counts of about half a photoelectron each; deeper cameras count finer.
    noise = np.sqrt(np.maximum(counts, 0) * (full / 4095) * 1.5 + (3 * full / 4095) ** 2)
    counts += rng.standard_normal(counts.shape, dtype=np.float32) * noise
    return np.asarray(np.clip(np.rint(counts + _OFFSET * full), 0, full), np.uint16)


def _optics(scene: Float32s, um_per_px: float) -> Float32s:
    sharp = blurred(scene, max(1.2 / um_per_px, 0.5))
    return np.asarray((1 - _GLOW) * sharp + _GLOW * blurred(sharp, _GLOW_UM / um_per_px))


def _vignette(shape_yx: tuple[int, int]) -> Float32s:
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape_yx)
    return np.asarray(1.06 - np.float32(0.12) * (y[:, None] ** 2 + x[None, :] ** 2), np.float32)


def _truth(
    labels: NDArray[np.int32],
    live: Mask,
    depth_um: Float32s,
    patterns: tuple[Pattern, ...],
    um_per_px: float,
) -> tuple[LiveDeadIslet, ...]:
    found = []
    for k, (kind, box) in enumerate(zip(patterns, ndimage.find_objects(labels), strict=True), 1):
        mine = labels[box] == k
        lives, depths_um = live[box][mine], depth_um[box][mine]
        area_um2, live_fraction = mine.sum() * um_per_px**2, float(lives.mean())
        # The core holds the deepest pixels: it begins where the live share of the area ends.
        begins = float(np.quantile(depths_um, live_fraction))
        found.append(
            LiveDeadIslet(
                label=k,
                area_um2=float(area_um2),
                diameter_um=2 * float(area_um2 / np.pi) ** 0.5,
                live_fraction=live_fraction,
                pattern=kind,
                dead_core_depth_um=begins if kind == "core" and live_fraction < 1 else None,
            )
        )
    return tuple(found)
