"""What light, lens and camera do to a drawn scene.

Smooth random fields for texture, uneven light, blur, camera noise, JPEG and burnt-in scale bars.
All of it is deterministic in the generator that is passed in. Blur acts on the values that the
picture shows, so the middle of an edge's slope stays where the outline was drawn.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Float32s = NDArray[np.float32]


def smooth_noise(rng: np.random.Generator, shape_yx: tuple[int, int], scale_px: float) -> Float32s:
    """Gaussian random field, mean 0, SD 1, with features of about ``scale_px``.

    Features below a pixel average out: then the SD is ``scale_px``.
    """
    step = max(scale_px, 1.0)
    coarse = [int(np.ceil(n / step)) + 3 for n in shape_yx]
    noise = rng.standard_normal(coarse, dtype=np.float32)
    if step <= 1:
        return np.ascontiguousarray(noise[: shape_yx[0], : shape_yx[1]] * np.float32(scale_px))
    size = (int(np.ceil(coarse[1] * step)), int(np.ceil(coarse[0] * step)))
    fine = cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
    edge = int(step)
    part = fine[edge : edge + shape_yx[0], edge : edge + shape_yx[1]]
    return np.asarray(part * np.float32(1.25), dtype=np.float32)


def uneven_light(
    rng: np.random.Generator,
    shape_yx: tuple[int, int],
    *,
    falloff_rgb: tuple[float, float, float],
    vignette: float,
) -> Float32s:
    """Relative brightness (Y, X, 3) of the empty field, mean about 1.

    ``falloff_rgb`` is the relative loss of each channel from one side to the other in a random
    direction, ``vignette`` the loss from the middle to the corners.
    """
    y = np.linspace(-1, 1, 24, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, 32, dtype=np.float32)[None, :]
    angle = rng.uniform(0, 2 * np.pi)
    ramp = (y * np.sin(angle) + x * np.cos(angle)) / 2
    middle = rng.uniform(-0.3, 0.3, 2)
    round_loss = ((y - middle[0]) ** 2 + (x - middle[1]) ** 2) / 2 - 0.33
    # Blurred: the axes of the coarse grid must not show.
    blotch = blurred(smooth_noise(rng, (24, 32), 10.0), 3.0)
    layers = [
        1 + f * ramp - vignette * round_loss + 0.12 * (abs(f) + vignette + 0.03) * blotch
        for f in falloff_rgb
    ]
    light = cv2.resize(
        np.stack(layers, axis=-1), (shape_yx[1], shape_yx[0]), interpolation=cv2.INTER_CUBIC
    )
    return np.maximum(light, np.float32(0.05))


def blurred(values: Float32s, sigma_px: float) -> Float32s:
    """Gaussian blur; nothing below a tenth of a pixel."""
    if sigma_px < 0.1:
        return values
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT))


def sharpened(values: Float32s, *, amount: float, sigma_px: float) -> Float32s:
    """Unsharp mask: dark and bright rims on both sides of an edge, its middle unmoved."""
    if amount == 0:
        return values
    return np.asarray(values + np.float32(amount) * (values - blurred(values, sigma_px)))


def camera_noise(
    rng: np.random.Generator, picture: Float32s, *, read: float, shot: float
) -> Float32s:
    """Read noise and shot noise (SD at full scale), both in grey levels of 255."""
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    noise *= np.sqrt(read**2 + shot**2 / 255 * np.maximum(picture, 0))
    return picture + noise


def jpeg(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Compress the RGB picture and read it again."""
    data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    read = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(read[..., ::-1])


def scale_bar(
    rng: np.random.Generator, picture: NDArray[Any], um_per_px: float, full_scale: int
) -> tuple[slice, slice]:
    """Burn a scale bar with its length into the picture; gives the rows and columns it hides."""
    height, width = picture.shape[:2]
    lengths = np.array([10, 20, 50, 100, 200, 250, 500, 1000, 2000, 5000])
    length_um = int(lengths[np.argmin(abs(lengths / um_per_px - width * rng.uniform(0.1, 0.2)))])
    bar = min(round(length_um / um_per_px), width * 2 // 3)
    thick, size = max(2, height // 250), max(height / 1500, 0.35)
    text = (
        f"{length_um} um" if length_um < 1000 or rng.random() < 0.5 else f"{length_um // 1000} mm"
    )
    (text_w, text_h), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    box_w, box_h = max(bar, text_w) + 8 * thick, text_h + 7 * thick
    right, bottom = width - 2 * thick, height - 2 * thick
    left, top = max(right - box_w, 0), max(bottom - box_h, 0)
    boxed, dark = rng.random() < 0.6, rng.random() < 0.5
    ink = 0 if dark else full_scale
    if boxed:
        picture[top:bottom, left:right] = full_scale - ink
    start = (left + right - bar) // 2
    picture[top + thick : top + 2 * thick, start : start + bar] = ink
    place = ((left + right - text_w) // 2, bottom - 2 * thick)
    weight = max(1, round(size * 1.5))
    panel = np.ascontiguousarray(picture)
    cv2.putText(
        panel, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, (ink, ink, ink), weight, cv2.LINE_AA
    )
    picture[...] = panel
    return slice(top, bottom), slice(left, right)
