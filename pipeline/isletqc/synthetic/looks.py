"""How a dithizone picture looks: named looks, and looks drawn at random far beyond them.

A look is given by the three colours that a person sees (empty field, typical islet, typical
exocrine tissue) and by light, lens and camera. The optical densities follow from the colours.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rgb = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class MeasuredColours:
    """Mean colours (RGB, 0-255) measured on four real pictures of human islets."""

    name: str
    background: Rgb
    islet: Rgb
    exocrine: Rgb


# Source: measured on four real pictures of human islets; look B is the middle of three pictures.
MEASURED = (
    MeasuredColours("pink-beige", (210, 161, 112), (209, 36, 27), (228, 131, 76)),
    MeasuredColours("yellow-green", (203, 170, 1), (180, 25, 3), (218, 146, 2)),
)


@dataclass(frozen=True, slots=True)
class DithizoneLook:
    """One microscope, camera and staining.

    Attributes
    ----------
    background_rgb, islet_rgb, exocrine_rgb : typical colours, 0-255
    falloff_rgb : relative loss of light from one side to the other, each channel
    vignette : relative loss of light from the middle to the corners
    blur_um, blur_px : SD of the lens's blur and of the sensor's; they add in squares
    sharpen : strength of the camera's sharpening
    read_noise, shot_noise : SD in grey levels of 255; the second at full scale
    noise_grain_px : SD of the smoothing of the noise by demosaicking
    tone : strength of an S-shaped tone curve, 0 to 1
    stain_sd : relative SD of the stain between islets
    weak : share of islets that took up little stain
    fresh : 0 compact cultured islets, 1 cords with open vessels
    depth_um : SD of the blur of objects out of focus
    rim : bright (positive) or no rim of light around objects
    jpeg_quality : 0 for none
    grey : a camera without colour: the three channels are one
    """

    name: str
    background_rgb: Rgb
    islet_rgb: Rgb
    exocrine_rgb: Rgb
    falloff_rgb: Rgb = (0.06, 0.06, 0.06)
    vignette: float = 0.05
    blur_um: float = 2.0
    blur_px: float = 0.6
    sharpen: float = 0.0
    read_noise: float = 1.5
    shot_noise: float = 2.5
    noise_grain_px: float = 0.5
    tone: float = 0.0
    stain_sd: float = 0.1
    weak: float = 0.05
    fresh: float = 0.3
    depth_um: float = 3.0
    rim: float = 0.0
    jpeg_quality: int = 92
    grey: bool = False


def density(look: DithizoneLook, rgb: Rgb) -> Floats:
    """Optical density (3,) that turns the colour of the empty field into ``rgb``."""
    floor = np.maximum(look.background_rgb, 1.0)
    return np.asarray(np.log(floor / np.maximum(rgb, 1.0)))


LOOKS = (
    DithizoneLook(
        "pink-beige", (210, 161, 112), (209, 36, 27), (228, 131, 76),
        falloff_rgb=(0.04, -0.06, -0.11), read_noise=2.0, stain_sd=0.06,
    ),
    DithizoneLook(
        "yellow-green", (203, 170, 1), (180, 25, 3), (218, 146, 2),
        falloff_rgb=(0.24, 0.22, 0.0), vignette=0.08, read_noise=2.5, stain_sd=0.12,
    ),
    DithizoneLook(
        "dim-brown", (92, 74, 44), (66, 14, 12), (70, 48, 25),
        falloff_rgb=(0.2, 0.2, 0.2), vignette=0.2, read_noise=2.5, shot_noise=3.5, blur_um=3.0,
    ),
    DithizoneLook(
        "white-led", (222, 228, 232), (150, 28, 44), (190, 166, 126),
        blur_um=1.5, sharpen=0.5, read_noise=1.0, fresh=0.6, jpeg_quality=95,
    ),
    DithizoneLook(
        "fluorescent-lamp", (176, 200, 142), (128, 40, 36), (154, 142, 72),
        falloff_rgb=(0.1, 0.12, 0.1), vignette=0.12, blur_um=2.5, read_noise=2.5,
    ),
    DithizoneLook(
        "high-key", (262, 258, 250), (228, 92, 96), (250, 218, 178),
        vignette=0.02, blur_um=2.5, fresh=0.5, read_noise=1.2, jpeg_quality=85,
    ),
    DithizoneLook(
        "faded", (186, 178, 164), (172, 112, 104), (176, 154, 122),
        stain_sd=0.25, weak=0.15, blur_um=3.0, fresh=0.5, read_noise=2.0,
    ),
    DithizoneLook(
        "ring-light", (74, 76, 80), (112, 26, 30), (142, 116, 84),
        falloff_rgb=(0.15, 0.15, 0.15), vignette=0.15, rim=0.35, sharpen=0.4, read_noise=2.0,
    ),
    DithizoneLook(
        "phone", (226, 206, 178), (164, 16, 22), (206, 158, 92),
        falloff_rgb=(0.12, 0.12, 0.14), vignette=0.3, sharpen=1.2, tone=0.5, noise_grain_px=1.0,
        read_noise=3.0, shot_noise=4.0, jpeg_quality=70,
    ),
    DithizoneLook(
        "amber", (236, 186, 92), (136, 22, 8), (198, 118, 30),
        vignette=0.1, blur_um=1.5, stain_sd=0.15, fresh=0.7,
    ),
)  # fmt: skip


def look(name: str) -> DithizoneLook:
    """One of the named looks; ``KeyError`` names them all."""
    found = {one.name: one for one in LOOKS}
    if name not in found:
        raise KeyError(f"no look named {name!r}; there are: {', '.join(found)}")
    return found[name]


def random_look(rng: np.random.Generator, without: Collection[str] = ()) -> DithizoneLook:
    """Draw the look of some microscope nobody has seen yet.

    Half are named looks, but for those in ``without``, seen through another camera (white balance,
    saturation, hue, gamma, exposure); half are made from light, absorption of stain and tissue, and
    a camera matrix.
    Colours in which no eye could tell islet from exocrine tissue or from the field are redrawn.
    """
    named = [one for one in LOOKS if one.name not in without]
    for _ in range(50):
        colours = _reseen(rng, named) if rng.random() < 0.45 else _from_physics(rng)
        if _told_apart(colours):
            break
    else:
        colours = _colours(named[0])
    return _with_camera(rng, colours)


def _told_apart(colours: Floats) -> bool:
    """Tell whether islets are darker than the field and redder than exocrine tissue."""
    field, islet, exocrine = np.clip(colours, 0, 255)
    of_islet = np.log((field + 6) / (islet + 6))
    of_tissue = np.log((field + 6) / (exocrine + 6))
    return bool(
        field.max() > 45
        and np.abs(field - islet).max() > 0.2 * field.max()
        and np.abs(of_islet - of_tissue).max() > 0.3
        and np.abs(field - exocrine).max() > 5
        and _redness(islet) > _redness(exocrine) + 0.03
        # The stain is defined by what it takes from the green; tissue takes most from the blue.
        and of_tissue[1] < 0.6 * of_islet[1]
    )


def _redness(rgb: Floats) -> float:
    return float((rgb[0] - rgb[1]) / (rgb[0] + rgb[1] + 10))


def _colours(look: DithizoneLook) -> Floats:
    return np.array([look.background_rgb, look.islet_rgb, look.exocrine_rgb])


def _reseen(rng: np.random.Generator, named: Sequence[DithizoneLook]) -> Floats:
    colours = _colours(named[int(rng.integers(len(named)))]) / 255
    colours = np.maximum(colours + rng.normal(0, 0.025, (3, 3)), 0.004)
    colours = colours * np.exp(rng.normal(0, 0.15, 3)) * np.exp(rng.normal(0, 0.2))
    colours = np.clip(colours, 0.004, 1.3) ** np.exp(rng.normal(0, 0.22))
    return np.asarray(colours @ _matrix(rng, 0.25).T * 255)


def _from_physics(rng: np.random.Generator) -> Floats:
    stain = np.array([rng.uniform(0.05, 0.7), rng.uniform(1.6, 4.5), rng.uniform(0.9, 3.6)])
    tissue = np.array([rng.uniform(-0.1, 0.4), rng.uniform(0.15, 0.9), rng.uniform(0.3, 1.6)])
    lamp = np.array([1.0, rng.uniform(0.6, 1.1), rng.uniform(0.12, 1.15)])
    if rng.random() < 0.12:
        lamp[2] *= rng.uniform(0.0, 0.1)
    strength = np.exp(rng.normal(-0.1, 0.35))
    light = lamp * np.array([np.ones(3), np.exp(-stain * strength), np.exp(-tissue * strength)])
    light = np.maximum(light * rng.uniform(0.12, 1.15), 0) + rng.choice([0.0, 0.01, 0.04])
    shown = np.clip(light, 1e-4, None) ** rng.uniform(0.4, 0.85)
    return np.asarray(shown @ _matrix(rng, 0.3).T * 255)


def _matrix(rng: np.random.Generator, spread: float) -> Floats:
    """Camera matrix: saturation, small hue turn, white kept white."""
    grey = np.full((3, 3), 1 / 3)
    saturation = np.exp(rng.normal(0.05, spread))
    a = rng.normal(0, 0.13)
    turn = np.eye(3) * np.cos(a) + np.sin(a) / 3**0.5 * np.array(
        [[0, -1, 1], [1, 0, -1], [-1, 1, 0]]
    )
    turn = turn + (1 - np.cos(a)) * grey
    return np.asarray((grey + saturation * (np.eye(3) - grey)) @ turn)


def _rgb(values: Floats) -> Rgb:
    return float(values[0]), float(values[1]), float(values[2])


def jpeg_quality(rng: np.random.Generator, worst: int) -> int:
    """Draw a third each: no JPEG (0), a poor one, a good one."""
    return (0, int(rng.integers(worst, 80)), int(rng.integers(80, 99)))[int(rng.integers(3))]


def _with_camera(rng: np.random.Generator, colours: Floats) -> DithizoneLook:
    field, islet, exocrine = np.clip(colours, 0.5, 330)
    falloff = abs(rng.normal(0, 0.12)) + rng.normal(0, 0.03, 3)
    base = DithizoneLook("random", _rgb(field), _rgb(islet), _rgb(exocrine))
    base = replace(
        base,
        falloff_rgb=_rgb(falloff),
        vignette=float(abs(rng.normal(0, 0.12))),
        blur_um=float(rng.choice([rng.uniform(0.5, 3), rng.uniform(3, 7)], p=[0.8, 0.2])),
        blur_px=float(rng.uniform(0.3, 1.6)),
        sharpen=float(rng.choice([0.0, rng.uniform(0.2, 1.5)])),
        read_noise=float(rng.uniform(0.3, 5.0)),
        shot_noise=float(rng.uniform(0.5, 6.0)),
        noise_grain_px=float(rng.uniform(0.0, 1.2)),
        tone=float(rng.choice([0.0, rng.uniform(0, 0.8)])),
    )
    return replace(
        base,
        stain_sd=float(rng.uniform(0.04, 0.3)),
        weak=float(rng.choice([0.0, 0.05, 0.15, 0.3], p=[0.3, 0.4, 0.2, 0.1])),
        fresh=float(rng.random()),
        depth_um=float(8 * rng.random() ** 2),
        rim=float(rng.choice([0.0, rng.uniform(0.1, 0.6)], p=[0.6, 0.4])),
        jpeg_quality=jpeg_quality(rng, 45),
    )
