"""Draw a field of unstained stem-cell clusters in transmitted light.

Clusters are dark granular discs on an even field: paler when thin, nearly black when thick, with a
thin dark contour, sometimes a bright halo. Debris, single cells and bubbles are background.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isletqc.synthetic import tissue
from isletqc.synthetic.dithizone import MOST_ISLETS, Bits, photographed
from isletqc.synthetic.field import Body, Canvas, Field, absorb, blank, finish, own, patch_of
from isletqc.synthetic.layout import Layout, random_layout, settle
from isletqc.synthetic.looks import DithizoneLook, jpeg_quality
from isletqc.synthetic.optics import Float32s, blurred
from isletqc.synthetic.shapes import (
    SC_MICROWELL,
    SC_SUSPENSION,
    Floats,
    Patch,
    SizeLaw,
    cluster_outline,
    diameters_um,
)


@dataclass(frozen=True, slots=True)
class Culture:
    """How the clusters of one field look, whatever their size.

    Attributes
    ----------
    density_per_um : optical density that each um of thickness adds
    grain : strength of the granular texture of cells
    contour, contour_um : strength and width of the dark contour inside the outline
    halo : bright rim outside and dark rim inside the outline
    core : darker or (negative) paler middle
    ring : strength of the inner ring
    """

    density_per_um: float
    grain: float
    contour: float
    contour_um: float
    halo: float
    core: float
    ring: float


def random_culture(rng: np.random.Generator) -> Culture:
    """Clusters of some culture and some microscope."""
    return Culture(
        density_per_um=float(np.exp(rng.uniform(np.log(0.0022), np.log(0.007)))),
        grain=float(rng.uniform(0.05, 0.3)),
        contour=float(rng.uniform(0.0, 0.5)),
        contour_um=float(rng.uniform(3, 9)),
        halo=float(rng.choice([0.0, rng.uniform(0.1, 0.7)])),
        core=float(rng.uniform(-0.25, 0.3)),
        ring=float(rng.choice([0.0, rng.uniform(0.0, 0.35)])),
    )


def brightfield_field(
    seed: int,
    *,
    shape_yx: tuple[int, int] = (1536, 2048),
    um_per_px: float = 1.6,
    clusters: int | None = None,
    law: SizeLaw | None = None,
    diameters: Floats | None = None,
    culture: Culture | None = None,
    dirt: float | None = None,
    bar: bool | None = None,
    whole: bool = False,
    bits: Bits = 8,
) -> Field:
    """Draw unstained stem-cell clusters; classes are background and islet only.

    Parameters
    ----------
    seed : seed of every random draw
    shape_yx, um_per_px : size of the picture in pixels, side of a pixel
    clusters : how many; None draws a density from sparse to crowded
    law : law of diameters; None takes microwell (136 um) or suspension clusters (275 um)
    diameters : (n,) um: these clusters and no others; overrides ``clusters`` and ``law``
    culture : how clusters look; None draws it
    dirt : 0 clean, 1 the usual, 2 filthy; None draws it
    bar : a burnt-in scale bar; None draws it
    whole : no cluster overlaps another or reaches the border
    bits : 8, or 16 without JPEG
    """
    rng = np.random.default_rng(seed)
    size = (shape_yx[0] * um_per_px, shape_yx[1] * um_per_px)
    layout = _layout(rng, size, whole=whole)
    if diameters is None:
        chosen = law or (SC_MICROWELL, SC_SUSPENSION)[int(rng.integers(2))]
        diameters = diameters_um(rng, _count(rng, size, chosen, clusters), chosen)
    culture = random_culture(rng) if culture is None else culture
    bodies = _bodies(rng, layout, diameters)
    dirt = float(rng.choice([0.0, 0.5, 1.0, 2.0])) if dirt is None else dirt
    canvas = blank(rng, shape_yx, um_per_px)
    _lay_dirt(rng, canvas, dirt)
    for number, body in enumerate(bodies, 1):
        _lay_cluster(rng, canvas, body, culture, number)
    # Nothing is stained: what dirt and tissue absorb has no colour.
    canvas.light[...] = canvas.light.mean(axis=2, keepdims=True)
    bar = bool(rng.random() < 0.4) if bar is None else bar
    look = random_camera(rng)
    pixels, hidden = photographed(rng, canvas.light, look, um_per_px, bits=bits, bar=bar)
    return finish(canvas, bodies, pixels, hidden=hidden, look=look.name)


def _layout(rng: np.random.Generator, size_yx_um: tuple[float, float], *, whole: bool) -> Layout:
    drawn = random_layout(rng, size_yx_um, whole=whole)
    overlap = 0.0 if whole else float(rng.choice([0.0, 0.0, 0.05, 0.15]))
    return Layout(
        size_yx_um=size_yx_um,
        heap=drawn.heap * float(rng.random() < 0.4),
        heap_yx_um=drawn.heap_yx_um,
        heap_sd_um=drawn.heap_sd_um * 1.3,
        touching=drawn.touching,
        overlap=overlap,
        whole=whole,
    )


def _count(
    rng: np.random.Generator, size: tuple[float, float], law: SizeLaw, clusters: int | None
) -> int:
    if clusters is not None:
        return clusters
    each = np.pi / 4 * np.exp(2 * law.first + 2 * law.second**2) if law.kind == "lognormal" else 1e4
    wanted = np.exp(rng.uniform(np.log(0.04), np.log(0.55))) * size[0] * size[1] / each
    return 0 if rng.random() < 1 / 20 else min(int(np.ceil(wanted)), MOST_ISLETS)


def _bodies(rng: np.random.Generator, layout: Layout, diameters: Floats) -> tuple[Body, ...]:
    sizes = np.sort(diameters)[::-1].tolist()
    outlines = [cluster_outline(rng, d) for d in sizes]
    centres = settle(rng, layout, outlines)
    defocus = np.abs(rng.normal(0, rng.uniform(0.5, 4), len(sizes)))
    return tuple(
        Body(outline, (float(c[0]), float(c[1])), d, 0.0, float(z))
        for outline, c, d, z in zip(outlines, centres, sizes, defocus, strict=True)
    )


def _lay_cluster(
    rng: np.random.Generator, canvas: Canvas, body: Body, culture: Culture, number: int
) -> None:
    patch = patch_of(canvas, body)
    if patch is None:
        return
    grey = cluster_density(rng, canvas, patch, body, culture)
    layers = np.repeat(grey[..., None], 3, axis=2)
    absorb(canvas, patch, layers, defocus_um=body.defocus_um, rim=culture.halo)
    own(canvas, patch, number)


def cluster_density(
    rng: np.random.Generator, canvas: Canvas, patch: Patch, body: Body, culture: Culture
) -> Float32s:
    """Optical density (h, w) of one cluster: thickness, texture of cells, dark contour."""
    fine, grain, cords, spots, _ = (n[patch.rows, patch.cols] for n in canvas.noise)
    edge = rng.uniform(0.45, 0.8)
    h = np.sqrt(np.maximum(1 - (1 - patch.depth) ** 2, 0))
    base = np.clip(culture.density_per_um * body.diameter_um, 0.18, 1.7) * np.exp(
        rng.normal(0, 0.1)
    )
    thick = edge + (1 - edge) * h + culture.core * patch.depth**2 * rng.uniform(0.5, 1.0)
    # Where the focus cuts the cluster its wall shows as a faint inner ring.
    ring = np.exp(-(((patch.depth - rng.uniform(0.25, 0.6)) / rng.uniform(0.04, 0.12)) ** 2))
    thick += culture.ring * ring * np.clip(0.6 + 0.7 * spots, 0, 1.5)
    # A thick cluster scatters the image of its cells away: texture fades with density.
    texture = culture.grain / (1 + 0.6 * base)
    rough = 1 + texture * (0.8 * fine + 0.9 * grain + 0.5 * cords) + 0.06 * spots
    from_edge_um = patch.depth * body.diameter_um / 2
    contour = culture.contour * np.exp(-((from_edge_um / culture.contour_um) ** 2))
    return np.asarray(np.maximum(base * thick * rough + contour * 0.6, 0.02), np.float32)


def _lay_dirt(rng: np.random.Generator, canvas: Canvas, dirt: float) -> None:
    """Loose cells, debris, fibres; and the faint mottle of the medium."""
    canvas.light[...] *= (1 + rng.uniform(0, 0.012) * blurred(canvas.noise[2], 1.0))[..., None]
    if dirt == 0:
        return
    h, w = canvas.owner.shape
    millimetres2 = h * w * canvas.um_per_px**2 * 1e-6
    for dark, most, size in (
        (0.25, 80.0, (5.0, 16.0)),
        (-0.1, 60.0, (5.0, 20.0)),
        (0.9, 12.0, (2.0, 12.0)),
    ):
        count = int(rng.poisson(min(rng.random() * most * millimetres2 * dirt, 3000)))
        tissue.specks(rng, canvas, np.full(3, dark), count=count, size_um=size)
    for _ in range(int(rng.poisson(min(rng.random() * 3 * millimetres2 * dirt, 60)))):
        place = rng.random(2) * (h, w) * canvas.um_per_px
        patch = tissue.clump(rng, canvas, place, float(rng.uniform(15, 70)))
        if patch is not None:
            grey = patch.depth[..., None] * np.full(3, rng.uniform(0.05, 0.3), np.float32)
            absorb(canvas, patch, grey, defocus_um=float(rng.uniform(0, 8)), rim=0.3)
    for _ in range(int(rng.poisson(min(rng.random() * 4 * millimetres2 * dirt, 60)))):
        tissue.cloud(rng, canvas)
    for chance, draw in ((0.3, tissue.fibre), (0.1, tissue.bubble), (0.05, tissue.dish_rim)):
        if rng.random() < chance * dirt:
            draw(rng, canvas)


def random_camera(rng: np.random.Generator) -> DithizoneLook:
    """Grey or tinted camera for unstained clusters; its tissue colours are not used."""
    level = rng.uniform(95, 235)
    tinted = rng.random() < 0.35
    tint = rng.normal(0, 0.06, 3) if tinted else np.zeros(3)
    field = level * np.exp(tint)
    rgb = (float(field[0]), float(field[1]), float(field[2]))
    falloff = float(abs(rng.normal(0, 0.08)))
    return DithizoneLook(
        "brightfield", rgb, rgb, rgb,
        falloff_rgb=(falloff, falloff, falloff),
        vignette=float(abs(rng.normal(0, 0.1))),
        blur_um=float(rng.uniform(0.5, 3.0)),
        blur_px=float(rng.uniform(0.3, 1.1)),
        sharpen=float(rng.choice([0.0, rng.uniform(0.2, 1.2)])),
        read_noise=float(rng.uniform(0.3, 3.0)),
        shot_noise=float(rng.uniform(0.5, 4.0)),
        noise_grain_px=float(rng.uniform(0.0, 1.0)),
        tone=float(rng.choice([0.0, rng.uniform(0, 0.5)])),
        jpeg_quality=jpeg_quality(rng, 55),
        grey=not tinted,
    )  # fmt: skip
