"""Exocrine tissue, and the things in a dish that are no islets at all.

Exocrine clumps grow grain by grain from acini of 15-40 um or are torn sheets; pink weakly stained
tissue and brown-orange lumps are exocrine in the truth. Fibres, bubbles, dust, glints, scratches
and debris are background.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from isletqc.synthetic.field import Canvas, Float32s, absorb, own_exocrine
from isletqc.synthetic.optics import blurred
from isletqc.synthetic.shapes import Floats, Patch, islet_outline, ragged_outline, raster

# A shadow fainter than this share of the light, or blurred by more than a third of its own
# radius, shows no outline that anybody could draw: it is background in the truth.
VISIBLE_CONTRAST = 0.05
VISIBLE_BLUR = 0.35


def clump(
    rng: np.random.Generator, canvas: Canvas, centre_yx_um: Floats, size_um: float
) -> Patch | None:
    """Grains grown together to about ``size_um``: cover, and relative thickness as depth."""
    grain_um = rng.uniform(14, 34)
    count = int(np.clip((size_um / grain_um) ** 2 * rng.uniform(0.7, 1.3), 1, 600))
    centres, radii = _grown(rng, count, grain_um)
    return _drawn_grains(rng, canvas, centres + centre_yx_um, radii)


def _grown(rng: np.random.Generator, count: int, grain_um: float) -> tuple[Floats, Floats]:
    """Grains that each cling to an earlier one; early ones attract more in compact clumps."""
    radii = grain_um / 2 * np.clip(rng.lognormal(0, 0.25, count), 0.5, 1.9)
    compact = rng.uniform(0.7, 4.0)
    parents = (np.arange(count) * rng.random(count) ** compact).astype(int)
    angles = rng.uniform(0, 2 * np.pi, count)
    stretch = np.array([rng.uniform(0.5, 1.0), 1.0])
    steps = np.stack([np.sin(angles), np.cos(angles)], axis=1) * stretch
    steps *= (rng.uniform(0.4, 0.95, count) * 2 * radii)[:, None]
    centres = np.zeros((count, 2))
    for i in range(1, count):
        centres[i] = centres[parents[i]] + steps[i]
    turn = rng.uniform(0, 2 * np.pi)
    c, s = np.cos(turn), np.sin(turn)
    return (centres - centres.mean(axis=0)) @ np.array([[c, -s], [s, c]]), radii


def _drawn_grains(
    rng: np.random.Generator, canvas: Canvas, centres_um: Floats, radii_um: Floats
) -> Patch | None:
    px = canvas.um_per_px
    fine = 3 if radii_um.max() / px < 20 else 2
    pad_um = 3 * px + radii_um.max() + 30
    low = np.floor((centres_um.min(axis=0) - pad_um) / px).astype(int)
    high = np.ceil((centres_um.max(axis=0) + pad_um) / px).astype(int)
    low, high = np.maximum(low, 0), np.minimum(high, canvas.owner.shape)
    if (low >= high).any():
        return None
    grains = np.zeros(((high - low) * fine), np.uint8)
    places = ((centres_um / px - low + 0.5) * fine - 0.5)[:, ::-1]
    sizes = radii_um / px * fine
    values = np.clip(rng.normal(145, rng.uniform(10, 32), len(sizes)), 80, 220)
    seam, core = rng.uniform(0.75, 1.0), round(16 * rng.uniform(0.6, 0.85))
    for (x, y), r, v in zip(
        (places * 16).round().astype(int).tolist(), sizes.tolist(), values.tolist(), strict=True
    ):
        cv2.circle(grains, (x, y), max(round(r * 16), 8), int(v), -1, cv2.LINE_8, 4)
        cv2.circle(grains, (x, y), max(round(r * core), 5), int(v * seam), -1, cv2.LINE_8, 4)
    return _patch_of_grains(rng, grains, low, high, px / fine)


def _patch_of_grains(
    rng: np.random.Generator, grains: NDArray[np.uint8], low: Floats, high: Floats, fine_um: float
) -> Patch:
    """Warp the round grains by a few um into cells, then average to the picture's pixels."""
    warped = _warped(rng, grains, height_px=rng.uniform(1.5, 4) / fine_um, scale_px=14 / fine_um)
    size = (int(high[1] - low[1]), int(high[0] - low[0]))
    inside, value = (warped > 40).astype(np.float32), warped.astype(np.float32) / 140
    cover = np.asarray(cv2.resize(inside, size, interpolation=cv2.INTER_AREA), np.float32)
    thick = np.asarray(cv2.resize(value, size, interpolation=cv2.INTER_AREA), np.float32)
    thick /= np.maximum(cover, np.float32(0.2))
    return Patch(slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1])), cover, thick)


def _warped(
    rng: np.random.Generator, image: NDArray[np.uint8], *, height_px: float, scale_px: float
) -> NDArray[np.uint8]:
    h, w = image.shape
    step = max(scale_px, 1.0)
    coarse = rng.normal(0, height_px, (2, int(h / step) + 3, int(w / step) + 3)).astype(np.float32)
    shift = [cv2.resize(c, (w, h), interpolation=cv2.INTER_LINEAR) for c in coarse]
    y, x = np.mgrid[:h, :w].astype(np.float32)
    return np.asarray(cv2.remap(image, x + shift[0], y + shift[1], cv2.INTER_LINEAR), np.uint8)


def sheet(
    rng: np.random.Generator, canvas: Canvas, centre_yx_um: Floats, size_um: float
) -> Patch | None:
    """Lay a granular lump, thicker in the middle: torn, or as smooth as an islet."""
    form = ragged_outline if rng.random() < 0.6 else islet_outline
    outline = form(rng, size_um) / canvas.um_per_px
    centre = (centre_yx_um[0] / canvas.um_per_px, centre_yx_um[1] / canvas.um_per_px)
    shape = canvas.owner.shape[0], canvas.owner.shape[1]
    patch = raster(outline, centre, shape, pad_px=int(30 / canvas.um_per_px) + 3)
    if patch is None:
        return None
    grain = canvas.noise[1][patch.rows, patch.cols] * rng.uniform(0.1, 0.3)
    lumps = canvas.noise[3][::-1, ::-1][patch.rows, patch.cols] * rng.uniform(0.1, 0.3)
    thick = (0.6 + 0.6 * np.sqrt(patch.depth)) * (1 + grain + lumps)
    return Patch(patch.rows, patch.cols, patch.cover, np.maximum(thick, 0.1, dtype=np.float32))


def lay_exocrine(
    rng: np.random.Generator,
    canvas: Canvas,
    patch: Patch,
    density_rgb: Floats,
    *,
    size_um: float,
    defocus_um: float,
    rim: float = 0.0,
) -> None:
    """Draw tissue and write it into the truth where its outline can be seen."""
    fine = canvas.noise[0][patch.rows, patch.cols] * np.float32(0.08)
    dull = (canvas.noise[1][::-1][patch.rows, patch.cols] * np.float32(0.04))[..., None]
    thick = (patch.depth * (1 + fine))[..., None]
    absorb(
        canvas,
        patch,
        thick * density_rgb.astype(np.float32) + dull * patch.cover[..., None],
        defocus_um=defocus_um,
        rim=rim,
    )
    contrast = np.abs(1 - np.exp(-density_rgb)).max() * min(1.0, (size_um / 2) / max(defocus_um, 1))
    if contrast >= VISIBLE_CONTRAST and defocus_um <= VISIBLE_BLUR * size_um / 2:
        own_exocrine(canvas, patch)


def specks(
    rng: np.random.Generator,
    canvas: Canvas,
    density_rgb: Floats,
    *,
    count: int,
    size_um: tuple[float, float],
) -> None:
    """Single cells, dust and crystals: small dots that belong to the background."""
    h, w = canvas.owner.shape
    layer = np.zeros((h, w), np.uint8)
    places = rng.random((count, 2)) * (w, h) * 16
    radii = (
        np.exp(rng.uniform(np.log(size_um[0]), np.log(size_um[1]), count)) / 2 / canvas.um_per_px
    )
    values = rng.uniform(60, 255, count) * np.minimum(1, (radii / 0.6) ** 2)
    for (x, y), r, v in zip(
        places.astype(int).tolist(), radii.tolist(), values.tolist(), strict=True
    ):
        cv2.circle(layer, (x, y), max(round(r * 16), 6), int(v), -1, cv2.LINE_AA, 4)
    share = blurred(_share(layer), float(max(1.0 / canvas.um_per_px, 0.3)))
    canvas.light[...] *= 1 - share[..., None] * (1 - np.exp(-density_rgb)).astype(np.float32)


def cloud(rng: np.random.Generator, canvas: Canvas) -> None:
    """Scatter remains of dead cells around a point: dark grains among pale ones."""
    h, w = canvas.owner.shape
    middle, spread = rng.random(2) * (h, w), rng.uniform(15, 70) / canvas.um_per_px
    reach = int(3 * spread + 12 / canvas.um_per_px) + 3
    low = np.maximum((middle - reach).astype(int), 0)
    high = np.minimum((middle + reach).astype(int) + 1, (h, w))
    layer = np.full(high - low, 128, np.uint8)
    count = int(rng.integers(8, 60))
    places = ((rng.normal(middle, spread, (count, 2)) - low) * 16).astype(int)[:, ::-1]
    radii = rng.uniform(1.5, 6, count) / canvas.um_per_px * 16
    values = rng.choice([60, 95, 160], count, p=[0.35, 0.4, 0.25])
    for place, r, v in zip(places.tolist(), radii.tolist(), values.tolist(), strict=True):
        cv2.circle(layer, tuple(place), max(round(r), 8), v, -1, cv2.LINE_AA, 4)
    shade = (blurred(layer.astype(np.float32), float(rng.uniform(0.4, 2))) - 128) / 128
    strength = np.float32(rng.uniform(0.15, 0.8))
    canvas.light[low[0] : high[0], low[1] : high[1]] *= (1 + strength * shade)[..., None]


def _share(layer: NDArray[np.uint8]) -> Float32s:
    return np.asarray(layer / np.float32(255), np.float32)


def fibre(rng: np.random.Generator, canvas: Canvas) -> None:
    """Lay a curved thread with dark edges."""
    h, w = canvas.owner.shape
    steps = 60
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, rng.uniform(0.02, 0.16), steps))
    stride = rng.uniform(150, 1500) / steps / canvas.um_per_px
    start = rng.random(2) * (w, h)
    path = start + np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1) * stride, axis=0)
    points = (path * 16).astype(np.int32)[:, None]
    width = max(1, round(rng.uniform(4, 18) / canvas.um_per_px))
    layer = np.zeros((h, w), np.uint8)
    cv2.polylines(layer, [points], False, 255, width, cv2.LINE_AA, 4)
    if width > 2:
        cv2.polylines(layer, [points], False, 80, max(1, width // 2), cv2.LINE_AA, 4)
    share = blurred(_share(layer), float(rng.uniform(0.3, 2)))
    colour = rng.uniform(0.1, 0.9) * (1 + rng.normal(0, 0.15, 3))
    canvas.light[...] *= 1 - share[..., None] * (1 - np.exp(-colour)).astype(np.float32)


def scratches(rng: np.random.Generator, canvas: Canvas) -> None:
    """Straight thin lines of the dish, brighter or darker than the field."""
    h, w = canvas.owner.shape
    layer = np.zeros((h, w), np.uint8)
    for (x0, y0), (x1, y1) in (rng.random((int(rng.integers(1, 8)), 2, 2)) * 16).tolist():
        ends = (int(x0 * w), int(y0 * h)), (int(x1 * w), int(y1 * h))
        cv2.line(layer, *ends, int(rng.uniform(60, 255)), 1, cv2.LINE_AA, 4)
    share = blurred(_share(layer), float(rng.uniform(0.4, 1.5)))
    canvas.light[...] *= (1 + share * np.float32(rng.uniform(-0.25, 0.2)))[..., None]


def counting_grid(rng: np.random.Generator, canvas: Canvas) -> None:
    """Draw the engraved lines of a counting dish, 0.5 to 2 mm apart."""
    h, w = canvas.owner.shape
    layer = np.zeros((h, w), np.uint8)
    step = rng.choice([500, 1000, 2000]) / canvas.um_per_px
    turn, reach = rng.uniform(-0.3, 0.3), float(np.hypot(h, w))
    along = np.array([np.cos(turn), np.sin(turn)])
    width = max(1, round(rng.uniform(8, 30) / canvas.um_per_px))
    for way in (along, np.array([-along[1], along[0]])):
        across = np.array([-way[1], way[0]])
        for k in np.arange(rng.random(), reach / step) - reach / step / 2:
            middle = np.array([w / 2, h / 2]) + across * k * step
            ends = [tuple(((middle + s * way * reach) * 16).astype(int).tolist()) for s in (-1, 1)]
            cv2.line(layer, ends[0], ends[1], 255, width, cv2.LINE_AA, 4)
    share = blurred(_share(layer), float(rng.uniform(2, 20) / canvas.um_per_px + 0.3))
    canvas.light[...] *= (1 + share * np.float32(rng.uniform(-0.35, 0.12)))[..., None]


def bubble(rng: np.random.Generator, canvas: Canvas) -> None:
    """Draw an air bubble: black ring, bright middle."""
    h, w = canvas.owner.shape
    centre = rng.random(2) * (h, w)
    radius = rng.uniform(40, 250) / canvas.um_per_px
    y, x = np.ogrid[:h, :w]
    r = (np.hypot(y - centre[0], x - centre[1]) / radius).astype(np.float32)
    ring = np.exp(-(((r - 0.9) / rng.uniform(0.05, 0.14)) ** 2)) * (r < 1.05)
    gleam = np.exp(-((r / rng.uniform(0.2, 0.5)) ** 2)) * rng.uniform(0, 0.25)
    canvas.light[...] *= (1 - np.float32(rng.uniform(0.5, 0.95)) * ring + gleam)[..., None]


def dish_rim(rng: np.random.Generator, canvas: Canvas) -> None:
    """Draw the wall of the dish: a dark arc across a corner, dimmer beyond it."""
    h, w = canvas.owner.shape
    radius = rng.uniform(1.0, 3.0) * max(h, w)
    angle = rng.uniform(0, 2 * np.pi)
    reach = radius - rng.uniform(0.36, 0.5) * max(h, w)
    centre = np.array([h / 2, w / 2]) - reach * np.array([np.sin(angle), np.cos(angle)])
    y, x = np.ogrid[:h, :w]
    beyond = (np.hypot(y - centre[0], x - centre[1]) - radius).astype(np.float32)
    width = rng.uniform(20, 120) / canvas.um_per_px
    wall = np.exp(-((beyond / width) ** 2)) * rng.uniform(0.2, 0.8)
    outside = 1 / (1 + np.exp(-np.clip(beyond / width * 2, -30, 30))) * rng.uniform(0, 0.7)
    canvas.light[...] *= ((1 - wall) * (1 - outside)).astype(np.float32)[..., None]


def glints(rng: np.random.Generator, canvas: Canvas) -> None:
    """Put small bright reflections on tissue and beside it."""
    h, w = canvas.owner.shape
    layer = np.zeros((h, w), np.uint8)
    for _ in range(int(rng.integers(1, 25))):
        place = (rng.random(2) * (w, h) * 16).astype(int).tolist()
        radius = max(round(rng.uniform(2, 9) / canvas.um_per_px * 16), 8)
        cv2.circle(layer, tuple(place), radius, 255, -1, cv2.LINE_AA, 4)
    share = blurred(_share(layer), float(rng.uniform(0.4, 1.2)))
    canvas.light[...] += share[..., None] * np.maximum(1.25 - canvas.light, 0)
