"""Read a PNG: every chunk checked against its CRC, then the pixels at their own bit depth."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import imagecodecs
from numpy.typing import NDArray

from isletqc.errors import UnreadablePictureError, UnsupportedPictureError
from isletqc.load import exif
from isletqc.load.header import Header
from isletqc.load.pixel_size import Claim

_GRAY, _RGB, _PALETTE, _GRAY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_DEPTHS = {
    _GRAY: (1, 2, 4, 8, 16), _RGB: (8, 16), _PALETTE: (1, 2, 4, 8),
    _GRAY_ALPHA: (8, 16), _RGBA: (8, 16),
}  # fmt: skip
_METRE = 1


def header(data: bytes) -> Header:
    """Read what a PNG says about itself; raise when it is damaged or of a kind not read."""
    kept: dict[bytes, bytes] = {}
    for name, body in _chunks(data):
        if name in (b"IHDR", b"pHYs", b"eXIf", b"tRNS", b"acTL"):
            kept.setdefault(name, body)
    if b"acTL" in kept:
        raise UnsupportedPictureError("animated PNG; save one frame as a picture of its own")
    shape_yx, depth, colour = _size(kept.get(b"IHDR", b""))
    if depth == 1 and colour == _GRAY:
        raise UnsupportedPictureError("1-bit PNG: a mask, not a picture with grey values")
    orientation, from_exif = exif.parse(kept.get(b"eXIf", b""))
    return Header(
        form="PNG",
        shape_yx=shape_yx,
        channels=("gray",) if colour in (_GRAY, _GRAY_ALPHA) else ("red", "green", "blue"),
        dtype="uint16" if depth == 16 else "uint8",
        full_scale=65535.0 if depth == 16 else 255.0,
        alpha=colour in (_GRAY_ALPHA, _RGBA) or b"tRNS" in kept,
        claims=_physical(kept.get(b"pHYs", b"")) + from_exif,
        orientation=orientation,
    )


def pixels(data: bytes, head: Header) -> NDArray[Any]:
    """Decode the stored pixels, (Y, X) or (Y, X, S), palettes expanded, alpha last."""
    try:
        decoded = imagecodecs.png_decode(data)
    except (RuntimeError, ValueError) as e:
        raise UnreadablePictureError(f"damaged PNG: {e}") from e
    if decoded.shape[:2] != head.shape_yx:
        raise UnreadablePictureError(
            f"damaged PNG: its head says {head.shape_yx}, its data {decoded.shape[:2]}"
        )
    return decoded


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while True:
        if at + 12 > len(data):
            raise UnreadablePictureError("PNG is cut short: its end chunk is missing")
        (length,) = struct.unpack_from(">I", data, at)
        name, end = data[at + 4 : at + 8], at + 8 + length
        if end + 4 > len(data):
            raise UnreadablePictureError(f"PNG is cut short within its {_part(name)}")
        if zlib.crc32(memoryview(data)[at + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            raise UnreadablePictureError(f"PNG is damaged: wrong checksum of its {_part(name)}")
        if name == b"IEND":
            return
        yield name, b"" if name == b"IDAT" else data[at + 8 : end]
        at = end + 4


def _part(name: bytes) -> str:
    """Say in words which part of a PNG a chunk is."""
    known = {b"IHDR": "head", b"IDAT": "pixel data", b"IEND": "end"}
    return known.get(name, "additional data")


def _size(body: bytes) -> tuple[tuple[int, int], int, int]:
    if len(body) != 13:
        raise UnreadablePictureError("PNG without a header chunk")
    width, height, depth, colour = struct.unpack_from(">IIBB", body)
    if not width or not height or depth not in _DEPTHS.get(colour, ()):
        raise UnreadablePictureError(
            f"PNG with an invalid header: {width} x {height}, {depth} bit, colour type {colour}"
        )
    return (height, width), depth, colour


def _physical(body: bytes) -> tuple[Claim, ...]:
    if len(body) != 9:
        return ()
    x, y, unit = struct.unpack(">IIB", body)
    return exif.resolution_claim("PNG pHYs", x, y, 1e6 if unit == _METRE else None)
