"""Image -> classes and core map without learning: the baseline beside every network.

1. Divide by the smooth light of the field. 2. Absorbance: in brightfield the grey one, in dithizone
pictures green over red, because the stain takes green and leaves red. 3. Otsu's threshold parts
islets from the rest, and for dithizone a second one parts exocrine tissue from background.
4. The core map is the depth below the outline (distance watershed).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from isletqc.records import BACKGROUND, EXOCRINE, ISLET, Stain
from isletqc.segment.depth import depth_px
from isletqc.segment.prepare import colour, resample, working_shape

UM_PER_PX = 3.2

_LIGHT_UM = 1000.0
_SMOOTH_UM = 6.0
_CORE_UM = 25.0
_DARKEST = 1 / 255
_GLARE = 1.05  # brighter than this many times the light is a glint or a burnt-in scale bar
_SEED_DEPTH = 0.75  # share of the greatest depth nearby above which a pixel belongs to a seed
_MIN_ABSORBANCE = 0.05  # Otsu always finds two classes; below this contrast there is only one


def predict(
    pixels: NDArray[Any], um_per_px: float, *, full_scale: float, stain: Stain
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Segment by thresholds.

    Parameters
    ----------
    pixels : (Y, X, C) with one or three channels

    Returns
    -------
    classes : (y, x) uint8 at ``UM_PER_PX``: 0 background, 1 exocrine, 2 islet
    core : (y, x) float32, 0 to 1
    """
    shape = working_shape(pixels.shape[:2], um_per_px, UM_PER_PX)
    small = resample(colour(pixels), shape) / np.float32(full_scale)
    classes = _dithizone(small) if stain == "dithizone" else _brightfield(small)
    return classes, core(classes)


def _absorbance(channel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Negative log of the share of the local light, smoothed."""
    sigma_px = _SMOOTH_UM / UM_PER_PX / 2
    smooth = np.asarray(
        cv2.GaussianBlur(np.maximum(channel, _DARKEST), (0, 0), sigma_px), np.float32
    )
    return -np.log(np.maximum(smooth, _DARKEST) / _light(smooth))


def _light(channel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Estimate the light without objects: a wide running maximum, smooth, on a coarse grid."""
    coarse_px = max(1, round(40 / UM_PER_PX))
    height, width = channel.shape
    size = (max(1, width // coarse_px), max(1, height // coarse_px))
    brightest = float(np.percentile(channel[::4, ::4], 95)) * _GLARE
    coarse = cv2.resize(np.minimum(channel, brightest), size, interpolation=cv2.INTER_AREA)
    reach = max(1, round(_LIGHT_UM / UM_PER_PX / coarse_px / 2))
    widest = cv2.dilate(coarse, np.ones((2 * reach + 1,) * 2, np.uint8))
    smooth = cv2.GaussianBlur(widest, (0, 0), reach)
    return np.asarray(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR))


def _otsu(values: NDArray[np.float32]) -> float:
    """Otsu's threshold, doi 10.1109/TSMC.1979.4310076; at least the smallest contrast."""
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if high - low < _MIN_ABSORBANCE:
        return max(high, _MIN_ABSORBANCE)
    byte = np.clip((values - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
    level, _ = cv2.threshold(byte.reshape(-1, 1), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return max(low + (float(level) + 0.5) * (high - low) / 255, _MIN_ABSORBANCE)


def _brightfield(small: NDArray[np.float32]) -> NDArray[np.uint8]:
    absorbance = _absorbance(small.mean(axis=2))
    return np.where(absorbance > _otsu(absorbance), ISLET, BACKGROUND).astype(np.uint8)


def _dithizone(small: NDArray[np.float32]) -> NDArray[np.uint8]:
    red, green = _absorbance(small[:, :, 0]), _absorbance(small[:, :, 1])
    stained = green - red
    tissue = green > _otsu(green[green < np.percentile(green, 98)])
    level = _otsu(stained[tissue]) if tissue.any() else np.inf
    classes = np.where(tissue, EXOCRINE, BACKGROUND).astype(np.uint8)
    classes[tissue & (stained > level)] = ISLET
    return classes


def core(classes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Depth as a share of the object's greatest depth nearby: one broad hill an islet.

    Parameters
    ----------
    classes : (y, x) uint8 at ``UM_PER_PX``

    Returns
    -------
    (y, x) float32, 0 to 1; over 0.5 where a seed of ``split`` lies
    """
    inside = (classes == ISLET).astype(np.uint8)
    depth = depth_px(inside)
    reach = round(2 * _CORE_UM / UM_PER_PX)
    greatest = cv2.dilate(depth, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2))
    smooth = cv2.GaussianBlur(depth / np.maximum(greatest, 1e-3), (0, 0), 1.5)
    return np.where(inside > 0, smooth * (0.5 / _SEED_DEPTH), 0).astype(np.float32)
