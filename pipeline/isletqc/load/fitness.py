"""Is a picture fit to be measured? Focus, exposure, contrast, evenness of light, calibration.

Takes an image and the protocol's limits; gives one check for each question, none stopped at the
first. All is measured at physical scales on a copy of about 2.5 um per pixel, so that one set of
limits serves every objective. A picture that is not fit is still measured; its lot goes to review.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from isletqc.load import focus, light
from isletqc.protocol import FitnessLimits
from isletqc.records import Check, Fitness, Image, Relation

_WORKING_UM, _HALF_UM, _COARSE_UM = 2.5, 4.0, 16.0
_SMOOTHED_UM, _NEIGHBOURHOOD_UM, _BESIDE = 8.0, 250.0, 90
_MIN_COARSE_PX, _MAX_COARSE_PX = 48, 384
_MIN_SAMPLED_PX = 256
_COLOUR = ("red", "green", "blue")
_BRIGHT_GROUND = ("dithizone", "brightfield")
_EXTREME, _MIDDLE, _OPPOSITE = 99.9, 50.0, 0.1
_BLACK_SHARE, _NEXT_TO_NOTHING = 0.01, 0.001
_DARK_GROUND = "not judged: a dark ground is meant with this stain"

Plane = NDArray[np.float32]


def assess(image: Image, limits: FitnessLimits) -> Fitness:
    """Check whether a picture is fit to be measured.

    Parameters
    ----------
    image : the picture as read
    limits : the protocol's limits

    Returns
    -------
    Fitness
        ``focus``, ``saturation``, ``black``, ``contrast``, ``evenness``, ``off_field`` and
        ``pixel_size``. A check that makes no sense (evenness on a dark ground, focus without
        edges) is skipped with its reason. A bad picture raises nothing.
    """
    planes, px_um = _planes(image)
    if image.stain in _BRIGHT_GROUND:
        planes = [_flattened(plane, px_um) for plane in planes]
        contrasts = [_depth(plane, px_um) for plane in planes]
    else:
        contrasts = [_height(plane, px_um) for plane in planes]
    best, contrast = int(np.argmax(contrasts)), max(contrasts)
    found = None
    if contrast >= limits.min_contrast:
        found = focus.sharpness(planes[best], px_um, drawn=_white(image))
    return Fitness(
        (
            _focus_check(found, limits),
            _saturation_check(image, limits),
            *_ground_checks(image, limits),
            _contrast_check(contrast, limits),
            _pixel_size_check(image.um_per_px, limits),
        )
    )


def likeness_check(likeness: float | None, limits: FitnessLimits) -> Check:
    """Check whether a picture is like those that its network learned from.

    Parameters
    ----------
    likeness : 0 to 1 as the segmentation states it; None where it cannot be told
    """
    if likeness is None:
        reason = "not judged: this method has no training pictures to be like"
        return _skipped("likeness", ">=", limits.min_likeness, reason)
    reason = (
        f"unlike the pictures that the network learned from (likeness {likeness:.2f}, at least "
        f"{limits.min_likeness:g} expected): hold the outlines against the picture"
    )
    return _at_least("likeness", likeness, limits.min_likeness, reason)


def _focus_check(found: focus.Sharpness | None, limits: FitnessLimits) -> Check:
    if found is None:
        return _skipped("focus", ">=", limits.min_focus, "not judged: no edges to judge it by")
    reason = (
        f"out of focus: edges look blurred by {found.blur_um:.0f} um (sharpness "
        f"{found.ratio:.2f}, at least {limits.min_focus:g} expected)"
    )
    return _at_least("focus", found.ratio, limits.min_focus, reason)


def _saturation_check(image: Image, limits: FitnessLimits) -> Check:
    full = _sampled(image) >= image.full_scale
    # Warm light fills the red channel alone; a colour is lost when all three are full.
    lost = full.all(axis=0) if image.stain in _BRIGHT_GROUND else full.any(axis=0)
    share = float(np.mean(lost))
    reason = (
        f"overexposed: {share:.1%} of the pixels are at full scale, at most "
        f"{limits.max_saturated:.1%} expected"
    )
    return _at_most("saturation", share, limits.max_saturated, reason)


def _ground_checks(image: Image, limits: FitnessLimits) -> tuple[Check, ...]:
    """Check black parts, evenness and obstructions; only on a bright ground."""
    if image.stain not in _BRIGHT_GROUND:
        return (
            _skipped("black", "<=", limits.max_black, _DARK_GROUND),
            _skipped("evenness", ">=", limits.min_evenness, _DARK_GROUND),
            _skipped("off_field", "<=", limits.max_off_field, _DARK_GROUND),
        )
    envelope = light.background(*_light_plane(image))
    black = float(np.mean(np.all(_sampled(image) < _BLACK_SHARE * image.full_scale, axis=0)))
    even, off_field = light.evenness(envelope), light.off_field_share(envelope)
    return (
        _at_most(
            "black",
            black,
            limits.max_black,
            f"{black:.0%} of the picture is black, at most {limits.max_black:.0%} expected",
        ),
        _at_least(
            "evenness",
            even,
            limits.min_evenness,
            f"uneven light: the dimmest background has {even:.0%} of the brightest, at least "
            f"{limits.min_evenness:.0%} expected",
        ),
        _at_most(
            "off_field",
            off_field,
            limits.max_off_field,
            f"{off_field:.0%} of the field departs from the light of the rest (edge of the dish, "
            f"shade, bubble), at most {limits.max_off_field:.0%} expected",
        ),
    )


def _contrast_check(contrast: float, limits: FitnessLimits) -> Check:
    reason = (
        f"no contrast: the field is empty or far out of focus (objects differ from the background "
        f"by {contrast:.1%}, at least {limits.min_contrast:.1%} expected)"
    )
    return _at_least("contrast", contrast, limits.min_contrast, reason)


def _pixel_size_check(um_per_px: float, limits: FitnessLimits) -> Check:
    low, high = limits.um_per_px
    relation: Relation = ">=" if um_per_px < low else "<="
    reason = f"pixel size of {um_per_px:g} um is not plausible: expected {low:g} to {high:g} um"
    fine = low <= um_per_px <= high
    return Check(
        name="pixel_size",
        value=um_per_px,
        unit="um/px",
        relation=relation,
        limit=low if um_per_px < low else high,
        verdict="pass" if fine else "fail",
        reason="" if fine else reason,
    )


def _at_least(name: str, value: float, limit: float, reason: str) -> Check:
    fine = value >= limit
    return Check(name, value, "1", ">=", limit, "pass" if fine else "fail", "" if fine else reason)


def _at_most(name: str, value: float, limit: float, reason: str) -> Check:
    fine = value <= limit
    return Check(name, value, "1", "<=", limit, "pass" if fine else "fail", "" if fine else reason)


def _skipped(name: str, relation: Relation, limit: float, reason: str) -> Check:
    return Check(name, None, "1", relation, limit, "skipped", reason)


def _sampled(image: Image) -> NDArray[Any]:
    """Take a regular grid of pixels, (C, Y, X): enough to tell a share of them."""
    step = max(1, min(image.shape_yx) // _MIN_SAMPLED_PX)
    return np.ascontiguousarray(np.moveaxis(image.pixels[::step, ::step], -1, 0))


def _white(image: Image) -> Plane:
    """Mark on a coarse grid where all channels are at full scale: bars and texts are."""
    white = np.all(_sampled(image) >= image.full_scale, axis=0)
    return np.asarray(white, np.float32)


def _planes(image: Image) -> tuple[list[Plane], float]:
    """Copy luminance, or each channel, at about 2.5 um per pixel, in fractions of full scale."""
    pixels = image.pixels
    if image.channels == _COLOUR:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None]
    wanted_px = _MIN_COARSE_PX / min(image.shape_yx)
    factor = min(1.0, max(image.um_per_px / _WORKING_UM, wanted_px))
    planes = [_scaled(pixels[..., c], factor) for c in range(pixels.shape[2])]
    return [_fraction(plane, image.full_scale) for plane in planes], image.um_per_px / factor


def _light_plane(image: Image) -> tuple[Plane, float]:
    """Copy the channel with the most light: in dithizone red, which the stain hardly takes."""
    step = max(1, int(_COARSE_UM / (2 * image.um_per_px)))
    step = min(step, max(1, min(image.shape_yx) // _MIN_COARSE_PX))
    thinned = image.pixels[::step, ::step]
    brightest = int(np.argmax(thinned.mean(axis=(0, 1))))
    plane = _fraction(thinned[..., brightest], image.full_scale)
    return _coarse(plane, step * image.um_per_px)


def _coarse(plane: Plane, px_um: float) -> tuple[Plane, float]:
    """Copy at about 16 um per pixel, finer where the field is small, coarser where wide."""
    finest = min(px_um / _COARSE_UM, _MAX_COARSE_PX / max(plane.shape))
    factor = max(finest, _MIN_COARSE_PX / min(plane.shape))
    return _fraction(_scaled(plane, factor), 1.0), px_um / factor


def _scaled(plane: NDArray[Any], factor: float) -> NDArray[Any]:
    if factor == 1:
        return plane
    height, width = (max(1, round(side * factor)) for side in plane.shape)
    return np.asarray(cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA))


def _fraction(values: NDArray[Any], full_scale: float) -> Plane:
    return np.ascontiguousarray(values / np.float32(full_scale), np.float32)


def _smoothed(plane: Plane, px_um: float) -> tuple[Plane, float]:
    """Blur a plane to 8 um, where the noise of single pixels has gone, and thin it."""
    factor = min(1.0, px_um / _HALF_UM)
    sigma_px = _SMOOTHED_UM * factor / px_um
    side = 2 * int(3 * sigma_px + 0.5) + 1
    blurred = cv2.GaussianBlur(_scaled(plane, factor), (side, side), sigma_px)
    step = 2 if factor < 1 and min(blurred.shape) > 1 else 1
    return np.asarray(blurred[::step, ::step], np.float32), step * px_um / factor


def _flattened(plane: Plane, px_um: float) -> Plane:
    """Divide a plane by the smooth light of its bright ground, so that empty parts are 1."""
    ground = light.surface(light.background(*_coarse(plane, px_um)))
    around = cv2.resize(ground, plane.shape[::-1], interpolation=cv2.INTER_LINEAR)
    flat = plane + np.float32(_NEXT_TO_NOTHING)
    flat /= np.asarray(around, np.float32) + np.float32(_NEXT_TO_NOTHING)
    return flat


def _depth(flat: Plane, px_um: float) -> float:
    """Measure how far the darkest object lies below the background beside it, 0 to 1."""
    smooth, smooth_um = _smoothed(flat, px_um)
    side = max(1, min(round(_NEIGHBOURHOOD_UM / smooth_um), *smooth.shape))
    rows, columns = (-(-length // side) for length in smooth.shape)
    missing = (rows * side - smooth.shape[0], columns * side - smooth.shape[1])
    whole = np.pad(smooth, ((0, missing[0]), (0, missing[1])), mode="edge")
    tiles = whole.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(rows * columns, -1)
    # White drawn on the picture is brighter than the ground, which is 1.
    beside = np.minimum(np.percentile(tiles, _BESIDE, axis=1), 1.0)
    return max(0.0, float(np.max(1 - tiles.min(axis=1) / np.maximum(beside, _NEXT_TO_NOTHING))))


def _height(plane: Plane, px_um: float) -> float:
    """Measure how far the brightest objects rise over the ground, 0 to 1; noise is even."""
    smooth, _ = _smoothed(plane, px_um)
    top, middle, bottom = np.percentile(smooth, (_EXTREME, _MIDDLE, _OPPOSITE))
    rise = (top - middle) - (middle - bottom)
    return max(0.0, float(rise / top)) if top > 0 else 0.0
