"""Image -> what a network sees: three channels, working pixel size, brightest light at one.

Light and exposure multiply a transmitted-light picture, so dividing by one level taken from the
whole picture removes the exposure and keeps the colours. Fluorescence stands on a dark background
and spans decades of brightness: each channel runs from its background to its brightest light, and
roots of it bring out what is dim beside what is bright.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from isletqc.errors import PictureTooLargeError, UnsupportedPictureError

MOST_ENLARGED = 8.0  # beyond it the smallest islets that count are hardly a pixel or two wide
WHITE_PERCENTILE = 95.0
_DARKEST_WHITE = 1 / 255  # of full scale; below it there is no light to see anything by


def colour(pixels: NDArray[Any]) -> NDArray[Any]:
    """Give three channels: grey is repeated, RGB is kept.

    Parameters
    ----------
    pixels : (Y, X, C) with one or three channels

    Raises
    ------
    UnsupportedPictureError
        Any other number of channels.
    """
    if pixels.shape[2] == 1:
        return np.repeat(pixels, 3, axis=2)
    if pixels.shape[2] == 3:
        return pixels
    raise UnsupportedPictureError(
        f"expected a grey or RGB picture, found {pixels.shape[2]} channels; "
        "choose a protocol for this stain, or save the channel you need on its own"
    )


def resample(pixels: NDArray[Any], shape_yx: tuple[int, int]) -> NDArray[np.float32]:
    """Resample (Y, X) or (Y, X, C) pixels: area mean when shrinking, cubic when growing."""
    shrinking = shape_yx[0] <= pixels.shape[0]
    method = cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC
    grid = (
        pixels
        if pixels.shape[:2] == shape_yx
        else cv2.resize(pixels, shape_yx[::-1], interpolation=method)
    )
    return np.asarray(grid, dtype=np.float32)


def working_shape(
    shape_yx: tuple[int, int], um_per_px: float, working_um_per_px: float
) -> tuple[int, int]:
    """Height and width of a picture at the working pixel size, at least 1."""
    scale = um_per_px / working_um_per_px
    return max(1, round(shape_yx[0] * scale)), max(1, round(shape_yx[1] * scale))


def refuse_coarse(
    shape_yx: tuple[int, int],
    um_per_px: float,
    working_um_per_px: float,
    *,
    max_megapixels: float,
) -> None:
    """Refuse a picture that would have to be enlarged without end, before memory is taken.

    Raises
    ------
    UnsupportedPictureError
        Pixels over eight times as wide as the working pixel size.
    PictureTooLargeError
        Enlarged to the working pixel size it has more than ``max_megapixels``.
    """
    scale = um_per_px / working_um_per_px
    if scale > MOST_ENLARGED:
        raise UnsupportedPictureError(
            f"pixels of {um_per_px:g} um are too coarse to find islets in: expected at most "
            f"{MOST_ENLARGED * working_um_per_px:g} um; check the pixel size, or take the "
            "picture at a higher magnification"
        )
    height, width = working_shape(shape_yx, um_per_px, working_um_per_px)
    megapixels = height * width / 1e6
    if scale > 1 and megapixels > max_megapixels:
        raise PictureTooLargeError(
            f"{shape_yx[1]} x {shape_yx[0]} pixels of {um_per_px:g} um become {megapixels:.0f} "
            f"megapixels at the working {working_um_per_px:g} um; the limit is {max_megapixels:g} "
            "(protocol: segmentation.max_megapixels); check the pixel size"
        )


def normalise(pixels: NDArray[np.float32], full_scale: float) -> NDArray[np.float32]:
    """Divide by the picture's white level and centre: 0 becomes -1, white becomes +1.

    A picture taken without light shows nothing and becomes an empty, white field.

    Parameters
    ----------
    pixels : (Y, X, 3) float32, linear with the file's values
    full_scale : value of a saturated pixel
    """
    return lit(pixels, white_level(brightest(pixels), full_scale))


def brightest(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Brightest channel of every fourth pixel: what the white level is taken from."""
    return np.asarray(pixels[::4, ::4].max(axis=2), dtype=np.float32)


def white_level(brightest: NDArray[np.float32], full_scale: float) -> float | None:
    """Give the white level of a picture; None where it was taken without light."""
    white = float(np.percentile(brightest, WHITE_PERCENTILE))
    return None if white < full_scale * _DARKEST_WHITE else white


def lit(pixels: NDArray[np.float32], white: float | None) -> NDArray[np.float32]:
    """Divide by a white level and centre: 0 becomes -1, white +1; all is white without a level."""
    if white is None:
        return np.ones_like(pixels)
    return np.asarray(np.minimum(pixels * np.float32(2 / white) - 1, np.float32(2)))


FLUORESCENT = frozenset({"live-dead", "immunofluorescence"})
_GLOW_PERCENTILES = (2.0, 99.8)
_LEAST_GLOW = 1 / 255  # of full scale; a fainter channel is taken for empty
_BRIGHTEST = 1.5


def glow(pixels: NDArray[np.float32], full_scale: float) -> NDArray[np.float32]:
    """Brightness of each channel, (Y, X, C): 0 is its background, 1 its brightest light.

    Background and brightest light are the 2nd and the 99.8th percentile; a channel whose light
    spans less than 1/255 of full scale is not raised further than that.
    """
    low, high = np.percentile(pixels[::2, ::2], _GLOW_PERCENTILES, axis=(0, 1))
    span = np.maximum(high - low, full_scale * _LEAST_GLOW)
    shares = (pixels - low.astype(np.float32)) / span.astype(np.float32)
    return np.asarray(np.clip(shares, 0, _BRIGHTEST), dtype=np.float32)


def glow_input(brightness: NDArray[np.float32]) -> NDArray[np.float32]:
    """Three channels for a network from the brightness (Y, X, 1 or 2) of ``glow``.

    One channel gives itself, its square root and its fourth root; two give the square root of each
    and the fourth root of the brighter one.

    Raises
    ------
    UnsupportedPictureError
        Any other number of channels.
    """
    if brightness.shape[2] not in {1, 2}:
        raise UnsupportedPictureError(
            f"expected one or two fluorescence channels, found {brightness.shape[2]}; "
            "name the channels in the protocol"
        )
    first, last = brightness[..., 0], brightness[..., -1]
    root = np.sqrt(first)
    if brightness.shape[2] == 1:
        planes = (first, root, np.sqrt(root))
    else:
        planes = (root, np.sqrt(last), np.sqrt(np.sqrt(np.maximum(first, last))))
    return np.asarray(np.stack(planes, axis=-1) * 2 - 1, dtype=np.float32)


def glow_network_input(
    pixels: NDArray[Any], um_per_px: float, *, full_scale: float, working_um_per_px: float
) -> NDArray[np.float32]:
    """Resample and normalise a fluorescence picture for a network: (y, x, 3) float32, -1 dark."""
    shape = working_shape(pixels.shape[:2], um_per_px, working_um_per_px)
    small = resample(pixels, shape).reshape(*shape, pixels.shape[2])
    return glow_input(glow(small, full_scale))


def network_input(
    pixels: NDArray[Any], um_per_px: float, *, full_scale: float, working_um_per_px: float
) -> NDArray[np.float32]:
    """Resample and normalise a transmitted-light picture for a network.

    Returns
    -------
    (y, x, 3) float32 at ``working_um_per_px``, 0 black is -1 and white is +1
    """
    shape = working_shape(pixels.shape[:2], um_per_px, working_um_per_px)
    grey = pixels.shape[2] == 1
    small = resample(pixels[:, :, 0] if grey else colour(pixels), shape)
    return normalise(colour(small[:, :, None] if grey else small), full_scale)
