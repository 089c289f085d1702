"""Two fluorescence channels -> classes and core map: outlines of islets in live/dead pictures.

An islet glows in one channel where it lives and in the other where it is dead, so its outline is
that of both together. 1. Subtract from each channel the light around the objects: camera offset
and extracellular haze. 2. Divide each by its own typical brightness, because the exposures of the
two say nothing about the tissue; a channel without signal adds nothing. 3. Add. A pixel is tissue
when it has at least a share of the brightness of the tissue nearby, so that dim islets keep their
width beside bright ones. 4. Close the gaps between nuclei, drop single cells.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from isletqc.errors import UnsupportedPictureError
from isletqc.records import BACKGROUND, ISLET
from isletqc.segment.classical import UM_PER_PX, core
from isletqc.segment.prepare import resample, working_shape

Plane = NDArray[np.float32]

_SMOOTH_UM = 4.0
_WIDEST_UM = 700.0  # islets and heaps up to this width keep their light
_SEEN = 0.2  # of the typical brightness: dimmer is glow
_EDGE = 0.45  # of the brightness nearby
_NEARBY_UM = 30.0
_TISSUE = 0.2
_ROUNDS = 3
_BRIGHTEST_UM2 = 2000.0
_COARSE_UM = 10.0
_MARGIN_UM = 25.0  # beyond it the glow of an object is faint
_GAP_UM, _SINGLE_CELL_UM = 7.0, 9.0
_CLEAR = 5.0  # times the noise
_LEAST_UM2 = 300.0  # a channel with less bright area than a few cells has no signal


def predict(
    pixels: NDArray[Any], um_per_px: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Find islets in the sum of two channels.

    Parameters
    ----------
    pixels : (Y, X, 2) live and dead channel

    Returns
    -------
    islet : (y, x) float32 at ``classical.UM_PER_PX``: 0 to 1, 0.5 at the outline
    core : (y, x) float32, 0 to 1

    Raises
    ------
    UnsupportedPictureError
        Any other number of channels.
    """
    if pixels.shape[2] != 2:
        raise UnsupportedPictureError(
            f"expected a live and a dead channel, found {pixels.shape[2]} channels; "
            "name the two in the protocol (viability.live_channel, viability.dead_channel)"
        )
    shape = working_shape(pixels.shape[:2], um_per_px, UM_PER_PX)
    islet = _tissue(resample(pixels, shape))
    classes = np.where(islet > 0.5, ISLET, BACKGROUND).astype(np.uint8)
    return islet, core(classes)


def noise_sd(plane: Plane) -> float:
    """Estimate the standard deviation of the noise from neighbours; robust to objects."""
    steps = np.abs(np.diff(plane, axis=1))
    return float(np.median(steps)) * 1.4826 / 2**0.5 if steps.size else 0.0


def _tissue(small: Plane) -> Plane:
    glow = sum(_relative(np.ascontiguousarray(small[:, :, c])) for c in range(2))
    glow = np.asarray(glow, np.float32)
    seen = (glow > _SEEN).astype(np.float32)
    nearby = _blur(glow * seen, _NEARBY_UM) / np.maximum(_blur(seen, _NEARBY_UM), 1e-3)
    level = np.maximum(glow / np.maximum(_EDGE * nearby, 1e-3) * seen, 0)
    # Steep enough that interpolation finds the outline between pixels, cut where that is all.
    islet = np.clip(0.5 + (level - 1) * np.float32(0.8), 0, 1)
    islet = cv2.morphologyEx(islet, cv2.MORPH_CLOSE, _disc(_GAP_UM))
    return np.asarray(cv2.morphologyEx(islet, cv2.MORPH_OPEN, _disc(_SINGLE_CELL_UM)), np.float32)


def _relative(plane: Plane) -> Plane:
    """Brightness above the surroundings, 1 in typical tissue; all 0 without any signal."""
    smooth = _blur(plane, _SMOOTH_UM / 2)
    floor = _CLEAR * max(noise_sd(smooth), 1e-6)
    light = smooth - _around(smooth)
    # Hills of haze that pass for objects at first sink from round to round; islets stay.
    for _ in range(_ROUNDS):
        objects = cv2.dilate((light > _bright(light, floor)).astype(np.uint8), _disc(_MARGIN_UM))
        light = smooth - surroundings(smooth, objects == 0, UM_PER_PX)
    bright = light[light > _bright(light, floor)]
    if bright.size * UM_PER_PX**2 < _LEAST_UM2:
        return np.zeros_like(light)
    return np.asarray(np.maximum(light, 0) / np.median(bright), np.float32)


def _bright(light: Plane, floor: float) -> float:
    """Share of the brightness of the brightest few cells; haze is smooth and stays below."""
    count = min(light.size, max(1, round(_BRIGHTEST_UM2 / UM_PER_PX**2)))
    top = float(np.partition(light.ravel(), -count)[-count])
    return max(_TISSUE * top, floor)


def surroundings(plane: Plane, empty: NDArray[np.bool_], um_per_px: float) -> Plane:
    """Light of the empty field, carried on under the objects: a mean weighted by nearness.

    Parameters
    ----------
    plane : (y, x) light
    empty : (y, x) True where nothing but background is seen
    um_per_px : side of a pixel
    """
    step = max(1, round(_COARSE_UM / um_per_px))
    height, width = plane.shape
    size = (max(1, width // step), max(1, height // step))
    seen = empty.astype(np.float32)
    part, whole = (
        np.asarray(cv2.resize(p, size, interpolation=cv2.INTER_AREA), np.float32)
        for p in (plane * seen, seen)
    )
    total, weight = np.zeros_like(part), np.zeros_like(part)
    # Wide ones only fill what the narrow ones leave empty.
    for sigma, share in ((40.0, 1.0), (120.0, 1e-2), (500.0, 1e-5)):
        total += share * cv2.GaussianBlur(part, (0, 0), sigma / (step * um_per_px))
        weight += share * cv2.GaussianBlur(whole, (0, 0), sigma / (step * um_per_px))
    field = total / np.maximum(weight, 1e-12)
    return np.asarray(cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR))


def _around(plane: Plane) -> Plane:
    """Light without objects: a wide opening on a coarse grid, smoothed."""
    step = max(1, round(16 / UM_PER_PX))
    height, width = plane.shape
    size = (max(1, width // step), max(1, height // step))
    coarse = cv2.medianBlur(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), 3)
    reach = max(1, round(_WIDEST_UM / UM_PER_PX / step / 2))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    opened = cv2.GaussianBlur(cv2.morphologyEx(coarse, cv2.MORPH_OPEN, kernel), (0, 0), reach / 2)
    return np.asarray(cv2.resize(opened, (width, height), interpolation=cv2.INTER_LINEAR))


def _blur(plane: Plane, sigma_um: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma_um / UM_PER_PX), np.float32)


def _disc(radius_um: float) -> NDArray[np.uint8]:
    radius = max(1, round(radius_um / UM_PER_PX))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    return np.asarray(kernel, np.uint8)
