"""The pictures in a file of several (series, scenes, positions), and the choice of one.

Takes what a reader found; gives the header of the picture that was asked for. A file of one
picture needs no choice; with several, one has to be named. Z and T stacks are refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isletqc.errors import UnreadablePictureError, UnsupportedPictureError
from isletqc.load.header import MAX_CHANNELS, Header
from isletqc.load.pixel_size import Claim

_STACKS = {"Z": "Z stack", "T": "time series", "M": "mosaic of tiles", "P": "several positions"}
_REMEDY = "save the plane in focus, or a projection, as a picture of its own"
_RGB = ("red", "green", "blue")
_MOST_LISTED, _MOST_SERIES = 20, 10_000


@dataclass(frozen=True, slots=True)
class Series:
    """One picture of a file.

    Attributes
    ----------
    name : as the instrument or the user called it; may be empty
    sizes : axis letter -> length, in the order of the file; S are the samples of a colour
    dtype : of the samples, as NumPy writes it
    channels : names, as many as there are channels, or none
    claims : what the file says about the pixel size
    bits : significant bits of a sample, where the file says
    """

    name: str
    sizes: Mapping[str, int]
    dtype: str
    channels: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    bits: int = 0


def lines(found: Sequence[Series]) -> tuple[str, ...]:
    """One line a picture: number, name, sizes."""
    return tuple(
        f"{number} {one.name!r} ({', '.join(f'{axis} {n}' for axis, n in one.sizes.items())})"
        for number, one in enumerate(found, 1)
    )


def chosen(found: Sequence[Series], wanted: str) -> int:
    """Find the place of the picture that is asked for, by its name or its number from 1.

    Raises
    ------
    UnreadablePictureError
        There is no picture in the file.
    UnsupportedPictureError
        None is named and there are several, or there is none of that name or number.
    """
    if not 1 <= len(found) <= _MOST_SERIES:
        raise UnreadablePictureError(f"the file holds {len(found)} pictures")
    if not wanted and len(found) == 1:
        return 0
    named = [place for place, one in enumerate(found) if one.name == wanted]
    if wanted and len(named) == 1:
        return named[0]
    if wanted.isascii() and wanted.isdecimal() and 1 <= int(wanted) <= len(found):
        return int(wanted) - 1
    what = f"no series {wanted!r}" if wanted and not named else "several pictures"
    listed = ", ".join(lines(found)[:_MOST_LISTED])
    more = f" and {len(found) - _MOST_LISTED} more" if len(found) > _MOST_LISTED else ""
    raise UnsupportedPictureError(
        f"{what} in the file: name one as FILE#NAME or FILE#NUMBER; there are {listed}{more}"
    )


def header(one: Series, *, form: str, pages: int) -> Header:
    """Give the header of a picture that is one plane.

    Raises
    ------
    UnsupportedPictureError
        A Z or T stack, a mosaic that is not stitched, a sample type that is not read.
    UnreadablePictureError
        Without width or height.
    """
    if min(one.sizes.get("Y", 0), one.sizes.get("X", 0)) < 1 or min(one.sizes.values()) < 1:
        raise UnreadablePictureError(f"sizes of the picture: expected Y and X, found {one.sizes}")
    for axis, size in one.sizes.items():
        if axis not in "YXCS" and size > 1:
            what = _STACKS.get(axis, "axis of unknown meaning")
            raise UnsupportedPictureError(f"{what} ({axis} = {size}); {_REMEDY}")
    if one.dtype not in ("uint8", "uint16", "int16", "uint32", "int32", "float32", "float64"):
        raise UnsupportedPictureError(f"samples of type {one.dtype} are not read")
    return Header(
        form=form,
        shape_yx=(one.sizes["Y"], one.sizes["X"]),
        channels=_channels(one),
        dtype=one.dtype,
        full_scale=_full_scale(one),
        claims=one.claims,
        pages=pages,
    )


def _channels(one: Series) -> tuple[str, ...]:
    count, samples = one.sizes.get("C", 1), one.sizes.get("S", 1)
    if count > MAX_CHANNELS:
        raise UnreadablePictureError(f"{count} channels, at most {MAX_CHANNELS} expected")
    if samples > 1:
        if samples != len(_RGB) or count > 1:
            raise UnsupportedPictureError(
                f"{count} channels of {samples} samples; expected colour of 3, or plain channels"
            )
        return _RGB
    names = tuple(name.strip() for name in one.channels)
    if tuple(name.lower() for name in names) in (_RGB, ("r", "g", "b")):
        return _RGB
    if len(names) == count and all(names) and len(set(names)) == count:
        return names
    return ("gray",) if count == 1 else tuple(f"channel {i + 1}" for i in range(count))


def _full_scale(one: Series) -> float | None:
    if one.dtype not in ("uint8", "uint16"):
        return None
    bits = 8 if one.dtype == "uint8" else 16
    return math.ldexp(1.0, one.bits if 8 < one.bits < bits else bits) - 1


def plane(stored: NDArray[Any], axes: Sequence[str]) -> NDArray[Any]:
    """Bring decoded samples into the order (Y, X) or (Y, X, C); axes of length 1 go.

    Parameters
    ----------
    stored : as the reader gave it
    axes : the letter of each of its axes

    Raises
    ------
    UnreadablePictureError
        Shape and axes do not match.
    """
    if len(axes) != stored.ndim:
        raise UnreadablePictureError(f"expected axes {''.join(axes)}, found shape {stored.shape}")
    single = tuple(
        k for k, (axis, n) in enumerate(zip(axes, stored.shape, strict=True))
        if axis not in "YX" and n == 1
    )  # fmt: skip
    left = [axis for k, axis in enumerate(axes) if k not in single]
    order = [left.index(axis) for axis in ("Y", "X", *(a for a in left if a not in "YX"))]
    return np.ascontiguousarray(np.squeeze(stored, axis=single).transpose(order))


def length_claim(source: str, x_um: float | None, y_um: float | None) -> tuple[Claim, ...]:
    """Claim a pixel size; none where either side is missing."""
    return () if x_um is None or y_um is None else (Claim(source, x_um, y_um),)
