"""Draw a field of dithizone-stained islets among exocrine tissue.

Each object is a layer of optical density through which the light of the field passes: stain and
tissue for islets, tissue alone for exocrine clumps. Order: field, exocrine tissue, islets from
large to small, dirt, camera. An outline is drawn where the middle of the edge's slope will be.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from isletqc.synthetic import tissue
from isletqc.synthetic.field import Body, Canvas, Field, absorb, blank, finish, own, patch_of
from isletqc.synthetic.layout import Layout, random_layout, scatter, settle
from isletqc.synthetic.looks import DithizoneLook, density, random_look
from isletqc.synthetic.optics import (
    Float32s,
    blurred,
    camera_noise,
    jpeg,
    scale_bar,
    sharpened,
    uneven_light,
)
from isletqc.synthetic.shapes import (
    HUMAN_LOGNORMAL,
    HUMAN_WEIBULL,
    Floats,
    Patch,
    SizeLaw,
    diameters_um,
    islet_outline,
)

Bits = Literal[8, 16]
MOST_ISLETS = 2500
_RARE = (
    (0.4, tissue.fibre),
    (0.15, tissue.fibre),
    (0.2, tissue.scratches),
    (0.05, tissue.counting_grid),
    (0.08, tissue.bubble),
    (0.08, tissue.dish_rim),
    (0.2, tissue.glints),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """What one field holds, before it is drawn."""

    look: DithizoneLook
    layout: Layout
    bodies: tuple[Body, ...]
    exocrine: float
    dirt: float


def dithizone_field(
    seed: int,
    *,
    shape_yx: tuple[int, int] = (1536, 2048),
    um_per_px: float = 2.4,
    look: DithizoneLook | None = None,
    without: Collection[str] = (),
    islets: int | None = None,
    exocrine: float | None = None,
    law: SizeLaw | None = None,
    diameters: Floats | None = None,
    dirt: float | None = None,
    bar: bool | None = None,
    whole: bool = False,
    bits: Bits = 8,
) -> Field:
    """Draw islets stained with dithizone; the same arguments give the same bits.

    Parameters
    ----------
    seed : seed of every random draw
    shape_yx, um_per_px : size of the picture in pixels, side of a pixel
    look : a named look or one's own; None draws a random one
    without : named looks that a random one must not come from
    islets : how many; None draws a density from empty to crowded
    exocrine : share of the field under exocrine tissue, about; None draws it
    law : law of diameters; None takes one of the two human laws
    diameters : (n,) um: these islets and no others; overrides ``islets`` and ``law``
    dirt : 0 clean dish, 1 the usual, 2 filthy; None draws it
    bar : a burnt-in scale bar; None draws it
    whole : a whole drop: no islet overlaps another or reaches the border
    bits : 8, or 16 without JPEG
    """
    rng = np.random.default_rng(seed)
    look = random_look(rng, without) if look is None else look
    layout = random_layout(rng, (shape_yx[0] * um_per_px, shape_yx[1] * um_per_px), whole=whole)
    if diameters is None:
        chosen = law or (HUMAN_WEIBULL, HUMAN_LOGNORMAL)[int(rng.integers(2))]
        diameters = diameters_um(rng, _count(rng, layout, islets), chosen)
    scene = Scene(
        look=look,
        layout=layout,
        bodies=_bodies(rng, look, layout, diameters),
        exocrine=_exocrine_share(rng) if exocrine is None else exocrine,
        dirt=float(rng.choice([0.0, 0.4, 1.0, 2.0], p=[0.1, 0.4, 0.35, 0.15]))
        if dirt is None
        else dirt,
    )
    canvas = _drawn(rng, scene, shape_yx, um_per_px)
    bar = bool(rng.random() < 0.25) if bar is None else bar
    pixels, hidden = photographed(rng, canvas.light, look, um_per_px, bits=bits, bar=bar)
    return finish(canvas, scene.bodies, pixels, hidden=hidden, look=look.name)


def _count(rng: np.random.Generator, layout: Layout, islets: int | None) -> int:
    """Count the islets: as asked, or for a coverage of 0.8 to 35 %; one field in 12 is empty."""
    if islets is not None:
        return islets
    area = layout.size_yx_um[0] * layout.size_yx_um[1]
    wanted = np.exp(rng.uniform(np.log(0.008), np.log(0.35))) * area / 9500
    return 0 if rng.random() < 1 / 12 else min(int(np.ceil(wanted)), MOST_ISLETS)


def _exocrine_share(rng: np.random.Generator) -> float:
    return 0.0 if rng.random() < 0.15 else float(np.exp(rng.uniform(np.log(0.003), np.log(0.35))))


def _bodies(
    rng: np.random.Generator, look: DithizoneLook, layout: Layout, diameters: Floats
) -> tuple[Body, ...]:
    sizes = np.sort(diameters)[::-1].tolist()
    outlines = [islet_outline(rng, d) for d in sizes]
    centres = settle(rng, layout, outlines)
    stain = np.exp(rng.normal(0, look.stain_sd, len(sizes)))
    pale = rng.uniform(0.45, 0.75, len(sizes))
    stain = np.where(rng.random(len(sizes)) < look.weak, stain * pale, stain)
    defocus = np.minimum(np.abs(rng.normal(0, look.depth_um, len(sizes))), np.array(sizes) * 0.12)
    return tuple(
        Body(outline, (float(c[0]), float(c[1])), d, float(s), float(z))
        for outline, c, d, s, z in zip(outlines, centres, sizes, stain, defocus, strict=True)
    )


def _drawn(
    rng: np.random.Generator, scene: Scene, shape_yx: tuple[int, int], um_per_px: float
) -> Canvas:
    canvas = blank(rng, shape_yx, um_per_px)
    _lay_exocrine(rng, canvas, scene)
    _lay_mantles(rng, canvas, scene)
    for number, body in enumerate(scene.bodies, 1):
        patch = patch_of(canvas, body)
        if patch is None:
            continue
        layers = islet_density(rng, canvas, patch, body, scene.look)
        absorb(canvas, patch, layers, defocus_um=body.defocus_um, rim=scene.look.rim)
        own(canvas, patch, number)
    # A camera that shows tissue brighter than the field does not add that up where things overlap.
    np.minimum(canvas.light, _brightest(scene.look), out=canvas.light)
    _lay_dirt(rng, canvas, scene)
    return canvas


def _brightest(look: DithizoneLook) -> Float32s:
    densities = np.stack([density(look, look.islet_rgb), density(look, look.exocrine_rgb)])
    return np.asarray(1.05 * np.exp(np.maximum(-densities.min(axis=0), 0)), np.float32)


def islet_density(
    rng: np.random.Generator, canvas: Canvas, patch: Patch, body: Body, look: DithizoneLook
) -> Float32s:
    """Optical density (h, w, 3) of one islet: thick in the middle, unevenly stained, textured."""
    fine, grain, cords, spots, broad = (n[patch.rows, patch.cols] for n in canvas.noise)
    edge, inside = rng.uniform(0.65, 0.95), patch.cover > 0.5
    thick = edge + (1 - edge) * np.sqrt(np.maximum(1 - (1 - patch.depth) ** 2, 0))
    thick = thick / max(float(thick[inside].mean()) if inside.any() else 1.0, 0.1)
    thick *= np.clip((body.diameter_um / 110) ** rng.uniform(0.0, 0.3), 0.7, 1.5)
    vessels = np.maximum(1 - np.abs(cords) * 2.2, 0) * look.fresh * rng.uniform(0.1, 0.6)
    patchy = rng.uniform(0.2, 0.35) if rng.random() < 0.08 else rng.uniform(0.02, 0.15)
    uneven = 1 + patchy * (spots + 0.6 * broad) + 0.05 * grain - vessels
    stained = np.clip(body.stain * thick * uneven, 0.05, 3.0)[..., None].astype(np.float32)
    full = density(look, look.islet_rgb) + rng.normal(0, 0.03, 3)
    bare = 0.5 * density(look, look.exocrine_rgb)
    bodyless = (thick * (1 + 0.1 * grain))[..., None].astype(np.float32) * bare.astype(np.float32)
    dull = (
        rng.uniform(0.02, 0.06) * (0.7 * grain + 0.7 * fine)
        + rng.normal(0, 0.04)
        + 0.1 * (thick - 1)
    )
    return np.asarray(
        stained * (full - bare).astype(np.float32) + bodyless + dull[..., None].astype(np.float32),
        np.float32,
    )


def _lay_exocrine(rng: np.random.Generator, canvas: Canvas, scene: Scene) -> None:
    """Clumps and sheets until the wanted share of the field is covered."""
    area = scene.layout.size_yx_um[0] * scene.layout.size_yx_um[1]
    base, left = density(scene.look, scene.look.exocrine_rgb), scene.exocrine * area
    largest = rng.uniform(80, 500)
    for place in scatter(rng, scene.layout, 3000 if left > 0 else 0):
        if left <= 0:
            break
        size = float(np.clip(rng.lognormal(np.log(60), 0.7), 12, largest))
        grains = rng.random() < 0.75
        patch = (tissue.clump if grains else tissue.sheet)(rng, canvas, place, size)
        left -= size**2 * 0.8
        if patch is None:
            continue
        colour = _tissue_colour(rng, scene.look, base)
        blur = (
            abs(rng.normal(0, scene.look.depth_um)) if rng.random() < 0.85 else rng.uniform(5, 30)
        )
        tissue.lay_exocrine(
            rng, canvas, patch, colour, size_um=size, defocus_um=float(blur), rim=scene.look.rim
        )


def _tissue_colour(rng: np.random.Generator, look: DithizoneLook, base: Floats) -> Floats:
    """Orange to tan; some pink with a trace of stain, some brown-orange lumps."""
    strength = np.exp(rng.normal(-0.05, 0.3))
    kind = rng.random()
    if kind < 0.1:
        stain = density(look, look.islet_rgb)
        return np.asarray(base * 0.5 * strength + stain * rng.uniform(0.05, 0.22))
    if kind < 0.18:
        return np.asarray(base * rng.uniform(1.6, 2.6) + rng.uniform(0.05, 0.3))
    return np.asarray(base * strength * (1 + rng.normal(0, 0.1, 3)) + rng.normal(0, 0.02))


def _lay_mantles(rng: np.random.Generator, canvas: Canvas, scene: Scene) -> None:
    """Exocrine tissue that clings to some of the islets or encloses them."""
    share = rng.choice([0.0, 0.05, 0.25]) if scene.exocrine > 0 else 0.0
    base = density(scene.look, scene.look.exocrine_rgb)
    for body in scene.bodies:
        if rng.random() >= share:
            continue
        size = body.diameter_um * rng.uniform(0.5, 1.5)
        offset = rng.normal(0, body.diameter_um * 0.4, 2)
        patch = tissue.clump(rng, canvas, np.array(body.centre_yx_um) + offset, size)
        if patch is not None:
            colour = _tissue_colour(rng, scene.look, base)
            tissue.lay_exocrine(
                rng, canvas, patch, colour, size_um=size, defocus_um=body.defocus_um
            )


def _lay_dirt(rng: np.random.Generator, canvas: Canvas, scene: Scene) -> None:
    if scene.dirt == 0:
        return
    millimetres2 = scene.layout.size_yx_um[0] * scene.layout.size_yx_um[1] * 1e-6
    tan = density(scene.look, scene.look.exocrine_rgb)
    red = density(scene.look, scene.look.islet_rgb)
    for colour, most, size in (
        (tan, 40.0, (4.0, 16.0)),
        (red * rng.uniform(0.6, 1.4), 6.0, (3.0, 14.0)),
        (np.full(3, rng.uniform(0.4, 2)), 6.0, (2.0, 20.0)),
        (np.full(3, rng.uniform(-0.12, 0.05)), 3.0, (3.0, 10.0)),
    ):
        count = rng.poisson(min(rng.random() * most * millimetres2 * scene.dirt, 2000))
        tissue.specks(rng, canvas, colour, count=int(count), size_um=size)
    for chance, draw in _RARE:
        if rng.random() < chance * scene.dirt:
            draw(rng, canvas)


def photographed(
    rng: np.random.Generator,
    light: Float32s,
    look: DithizoneLook,
    um_per_px: float,
    *,
    bits: Bits,
    bar: bool,
) -> tuple[NDArray[Any], list[tuple[slice, slice]]]:
    """Take the picture of the light; give it and the boxes of burnt-in text."""
    shape = light.shape[0], light.shape[1]
    lamp = uneven_light(rng, shape, falloff_rgb=look.falloff_rgb, vignette=look.vignette)
    picture = light * lamp * np.array(look.background_rgb, np.float32)
    if look.tone:
        x = np.clip(picture / 255, 0, 1)
        picture = 255 * ((1 - look.tone) * x + look.tone * x * x * (3 - 2 * x))
    sigma = float(np.hypot(look.blur_um / um_per_px, look.blur_px))
    picture = blurred(np.minimum(picture, 330), sigma)
    if look.grey:
        picture = picture.mean(axis=2, keepdims=True)
    noise = camera_noise(rng, picture, read=look.read_noise, shot=look.shot_noise) - picture
    picture = picture + blurred(noise, look.noise_grain_px).reshape(picture.shape)
    picture = sharpened(picture.squeeze(), amount=look.sharpen, sigma_px=1.5).reshape(picture.shape)
    full = 2**bits - 1
    pixels = np.clip(np.rint(picture * (full / 255)), 0, full)
    pixels = np.broadcast_to(pixels, light.shape).astype(np.uint8 if bits == 8 else np.uint16)
    hidden = [scale_bar(rng, pixels, um_per_px, full)] if bar else []
    if bits == 8 and look.jpeg_quality:
        pixels = jpeg(pixels, look.jpeg_quality)
    return pixels, hidden
