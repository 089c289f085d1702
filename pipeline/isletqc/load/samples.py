"""Bring decoded samples into the form of an Image, or refuse what has no clear meaning."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isletqc.errors import UnsupportedPictureError
from isletqc.load.header import Header

_CEILINGS = (1.0, 255.0, 65535.0)


def convert(stored: NDArray[Any], head: Header) -> tuple[NDArray[Any], float]:
    """Pixels (Y, X, C) uint8, uint16 or float32 and the value of a saturated one.

    Unsigned samples up to 16 bit stay as they are. Wider integers become uint16 where they fit,
    else float32. Without a stated full scale it is 1, 255 or 65535, whichever holds the largest
    value, else that value. Alpha is dropped where the whole picture is opaque.

    Raises
    ------
    UnsupportedPictureError
        Transparency, NaN or infinite values, values below zero in integers.
    """
    pixels = stored.reshape(*head.shape_yx, -1)
    if head.alpha:
        pixels = _opaque(pixels)
    if pixels.shape[2] != len(head.channels):
        raise UnsupportedPictureError(
            f"expected {len(head.channels)} channels, found {pixels.shape[2]}"
        )
    pixels, full_scale = _typed(pixels, head.full_scale)
    upright = np.ascontiguousarray(_turn(pixels, head.orientation))
    upright.setflags(write=False)
    return upright, full_scale


def _opaque(pixels: NDArray[Any]) -> NDArray[Any]:
    alpha = pixels[..., -1]
    top = np.iinfo(alpha.dtype).max if alpha.dtype.kind == "u" else 1.0
    if not np.all(alpha == top):
        raise UnsupportedPictureError(
            "the picture is partly transparent: colours under it are unknown; save it without alpha"
        )
    return pixels[..., :-1]


def _typed(pixels: NDArray[Any], stated: float | None) -> tuple[NDArray[Any], float]:
    if pixels.dtype.kind == "f":
        return _floating(pixels)
    native = pixels.dtype.newbyteorder("=")
    if native in (np.uint8, np.uint16):
        top = float(np.iinfo(native).max)
        fits = stated is not None and (stated == top or float(pixels.max()) <= stated)
        return pixels.astype(native, copy=False), stated if fits and stated is not None else top
    return _wide_integers(pixels)


def _floating(pixels: NDArray[Any]) -> tuple[NDArray[Any], float]:
    with np.errstate(over="ignore"):
        values = pixels.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UnsupportedPictureError("the picture holds NaN or infinite values; replace them")
    return values, next((c for c in _CEILINGS if high <= c), high)


def _wide_integers(pixels: NDArray[Any]) -> tuple[NDArray[Any], float]:
    low, high = int(pixels.min()), int(pixels.max())
    if low < 0:
        raise UnsupportedPictureError(
            f"the picture holds values below zero ({low}); save it as unsigned 8 or 16 bit"
        )
    if pixels.dtype.itemsize == 1:
        return pixels.astype(np.uint8), 127.0
    if pixels.dtype.itemsize == 2:
        return pixels.astype(np.uint16), 32767.0
    if high <= 65535:
        return pixels.astype(np.uint16), 65535.0
    return pixels.astype(np.float32), float(high)


def _turn(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Upright picture of one stored by EXIF orientation 1 to 8."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels[:, ::-1] if orientation in (2, 3, 6, 7) else pixels
