"""Pictures of something else, drawn or natural: what no network of ours has learned from.

Each kind stands for something that ends up in a folder by mistake or comes from another
instrument: pages, frames without light, camera noise, textures, photographs, other stains.
All are (Y, X, 3) bytes; ``worn`` gives them the channels that a network's stain has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from isletqc.records import Stain
from isletqc.synthetic import draw

Bytes = NDArray[np.uint8]

_SHAPE = (640, 800)
_LETTERS = list("abcdefghij klmnop qrst uvwxyz,.")

# Files that scikit-image brings along; none is fetched.
NATURAL: Mapping[str, tuple[str, ...]] = {
    "photographs": (
        *("astronaut.png", "camera.png", "chelsea.png", "coffee.png", "rocket.jpg"),
        *("motorcycle_left.png", "hubble_deep_field.jpg", "moon.png", "retina.jpg", "coins.png"),
    ),
    "textures": ("brick.png", "grass.png", "gravel.png"),
    "tissue section": ("ihc.png",),
}


def drawn(seed: int = 0) -> Iterator[tuple[str, Bytes]]:
    """Draw pages, empty frames, noise and clouds: name of the kind and picture.

    Parameters
    ----------
    seed : of every random draw
    """
    rng = np.random.default_rng(seed)
    for paper, ink, size in (((255,) * 3, 0, 0.6), ((235, 225, 200), 30, 0.8), ((20,) * 3, 230, 1)):
        yield "text", _page(rng, paper, ink, size)
    yield "black", np.zeros((*_SHAPE, 3), np.uint8)
    yield "black", rng.integers(0, 6, (*_SHAPE, 3)).astype(np.uint8)
    yield "white", np.full((*_SHAPE, 3), 255, np.uint8)
    yield "noise", rng.integers(0, 256, (*_SHAPE, 3)).astype(np.uint8)
    yield "noise", _grey(rng.normal(0.5, 0.12, _SHAPE))
    for coarse_px in (10, 40):
        yield "clouds", _byte(_grown(rng.random((*_cells(coarse_px), 3))))
        yield "clouds", _grey(_grown(rng.random(_cells(coarse_px))))
    for power in (1.0, 1.3, 1.6, 1.9):
        yield "natural spectrum", _grey(0.5 + 0.2 * _spectrum(rng, power))


def natural() -> Iterator[tuple[str, str, Bytes]]:
    """Read the photographs and textures that scikit-image brings: kind, file name, picture."""
    folder = Path(skimage.data.__file__).parent
    for kind, names in NATURAL.items():
        for name in names:
            pixels = cv2.imread(str(folder / name), cv2.IMREAD_COLOR_RGB)
            if pixels is not None:
                yield kind, name, np.asarray(pixels, dtype=np.uint8)


def stained(
    stain: Stain, seed: int, *, um_per_px: float, shape_yx: tuple[int, int] = _SHAPE
) -> tuple[NDArray[np.generic], float]:
    """Draw a field of one of our stains: pixels (Y, X, C) and the value of a saturated pixel."""
    if stain == "live-dead":
        rng = np.random.default_rng(seed)
        room = shape_yx[0] * shape_yx[1] * (um_per_px / 250) ** 2
        glowing = draw.livedead_field(
            seed,
            viability=float(rng.uniform(0.05, 1)),
            shape_yx=shape_yx,
            um_per_px=um_per_px,
            islets=max(1, round(room * float(rng.uniform(0.1, 0.8)))),
        )
        return glowing.pixels, float(glowing.full_scale)
    if stain == "immunofluorescence":
        rng = np.random.default_rng(seed)
        room = shape_yx[0] * shape_yx[1] * (um_per_px / 8) ** 2
        cells = draw.immunofluorescence_field(
            seed,
            (),
            shape_yx=shape_yx,
            um_per_px=um_per_px,
            nuclei=max(1, round(room * float(rng.uniform(0.05, 0.6)))),
        )
        return cells.pixels[:, :, :1], 4095.0
    make = draw.dithizone_field if stain == "dithizone" else draw.brightfield_field
    return make(seed, shape_yx=shape_yx, um_per_px=um_per_px).pixels, 255.0


def worn(pixels: NDArray[np.generic], stain: Stain) -> NDArray[np.generic]:
    """Give a picture the channels of a stain, as a careless user would.

    Transmitted light has three, where the second of two is taken for red and the first for green;
    live / dead has two, nuclei one: the brightest of all.
    """
    count = pixels.shape[2]
    if stain in {"dithizone", "brightfield"}:
        order = {1: [0, 0, 0], 2: [1, 0, 0], 3: [0, 1, 2]}[count]
        taken = np.ascontiguousarray(pixels[:, :, order])
        if count == 2:
            taken[:, :, 2] = 0
        return taken
    if stain == "live-dead":
        order = {1: [0, 0], 2: [0, 1], 3: [1, 0]}[count]
        return np.ascontiguousarray(pixels[:, :, order])
    return np.ascontiguousarray(pixels.max(axis=2, keepdims=True))


def _page(rng: np.random.Generator, paper: tuple[int, ...], ink: int, size: float) -> Bytes:
    page = np.empty((*_SHAPE, 3), np.uint8)
    page[:] = paper
    for line in range(_SHAPE[0] // 28):
        words = "".join(rng.choice(_LETTERS, 80))
        place = (8, 24 + 28 * line)
        cv2.putText(page, words, place, cv2.FONT_HERSHEY_SIMPLEX, size, (ink,) * 3, 1, cv2.LINE_AA)
    return page


def _cells(coarse_px: int) -> tuple[int, int]:
    return _SHAPE[0] // coarse_px, _SHAPE[1] // coarse_px


def _grown(coarse: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(cv2.resize(coarse, _SHAPE[::-1], interpolation=cv2.INTER_CUBIC))


def _spectrum(rng: np.random.Generator, power: float) -> NDArray[np.float64]:
    """Noise whose amplitude falls with a power of the frequency, as that of landscapes does."""
    y, x = (np.fft.fftfreq(n) for n in _SHAPE)
    frequency = np.hypot(y[:, None], x[None, :])
    frequency[0, 0] = 1
    waves = np.fft.fft2(rng.normal(size=_SHAPE)) / frequency**power
    field = np.real(np.fft.ifft2(waves))
    return np.asarray((field - field.mean()) / field.std())


def _byte(shares: NDArray[np.float64]) -> Bytes:
    return np.asarray(np.clip(shares * 255, 0, 255), dtype=np.uint8)


def _grey(shares: NDArray[np.float64]) -> Bytes:
    return np.repeat(_byte(shares)[:, :, None], 3, axis=2)
