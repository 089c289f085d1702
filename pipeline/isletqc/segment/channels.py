"""One channel of a picture of several, by name or by place."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from isletqc.errors import UnsupportedPictureError
from isletqc.records import Image


def channel(image: Image, which: str | int) -> NDArray[Any]:
    """Give one channel (Y, X) by its name, whose case does not matter, or its place from 1.

    Raises
    ------
    UnsupportedPictureError
        The picture has no such channel.
    """
    return image.pixels[:, :, place(image, which)]


def place(image: Image, which: str | int) -> int:
    """Give the index of a channel; parameters and errors are those of ``channel``."""
    names = [name.strip().lower() for name in image.channels]
    if isinstance(which, int) and 1 <= which <= len(names):
        return which - 1
    if isinstance(which, str) and which.strip().lower() in names:
        return names.index(which.strip().lower())
    raise UnsupportedPictureError(
        f"{image.path}: expected a channel {which!r}, found {', '.join(image.channels)}; name the "
        "channels of the pictures in the protocol, or number them from 1"
    )
