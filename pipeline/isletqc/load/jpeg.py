"""Read a JPEG: size, channels and resolution from its markers, then the pixels.

libjpeg fills what is missing with grey and says nothing, so the markers are walked to the end
first (ITU-T T.81, annex B). A picture that ends in a flat band is parsed once more by a strict
reader: such a band is what a decoder that ran out of data leaves behind.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from isletqc.errors import UnreadablePictureError, UnsupportedPictureError
from isletqc.load import exif
from isletqc.load.header import Header
from isletqc.load.pixel_size import Claim

_SOF_READ = {0xC0: "baseline", 0xC1: "extended", 0xC2: "progressive"}
_SOF_NOT_READ = {
    0xC3: "lossless", 0xC5: "hierarchical", 0xC6: "hierarchical", 0xC7: "hierarchical",
    0xC9: "arithmetic", 0xCA: "arithmetic", 0xCB: "lossless arithmetic",
    0xCD: "hierarchical", 0xCE: "hierarchical", 0xCF: "hierarchical",
}  # fmt: skip
_SOS, _EOI, _APP0, _APP1 = 0xDA, 0xD9, 0xE0, 0xE1
_ALONE = {0x01, *range(0xD0, 0xD8)}
_MAX_SCANS = 64
# In compressed data FF is followed by 00 or a restart; anything else begins the next marker.
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_UM_PER_JFIF_UNIT = {1: 25400.0, 2: 10000.0}
_FLAT_ROWS, _FLAT_SHARE = 8, 0.5


def header(data: bytes) -> Header:
    """Read what a JPEG says about itself; raise when it is cut short or of a kind not read."""
    frame: bytes | None = None
    jfif: tuple[Claim, ...] = ()
    orientation, from_exif = 1, jfif
    for marker, body in _segments(data):
        if marker in _SOF_NOT_READ:
            raise UnsupportedPictureError(
                f"{_SOF_NOT_READ[marker]} JPEG is not read; save it as PNG or TIFF"
            )
        if marker in _SOF_READ:
            frame = body
        elif marker == _APP0 and body.startswith(b"JFIF\0"):
            jfif = _density(body)
        elif marker == _APP1 and body.startswith(b"Exif\0\0"):
            orientation, from_exif = exif.parse(body[6:])
    if frame is None:
        raise UnreadablePictureError("JPEG without a frame header: damaged or cut short")
    shape_yx, channels = _frame(frame)
    return Header(
        form="JPEG",
        shape_yx=shape_yx,
        channels=channels,
        dtype="uint8",
        full_scale=255.0,
        claims=jfif + from_exif,
        orientation=orientation,
    )


def pixels(data: bytes, head: Header) -> NDArray[Any]:
    """Decode the stored pixels, (Y, X) or (Y, X, 3) uint8."""
    try:
        decoded = imagecodecs.jpeg8_decode(data)
    except (RuntimeError, ValueError) as e:
        raise UnreadablePictureError(f"damaged JPEG: {e}") from e
    if decoded.shape[:2] != head.shape_yx:
        raise UnreadablePictureError(
            f"damaged JPEG: its head says {head.shape_yx}, its data {decoded.shape[:2]}"
        )
    if _ends_flat(decoded):
        _parse_strictly(data)
    return decoded


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """All markers with their bodies, up to the end of the first image."""
    at, scans = 2, 0
    while True:
        marker, at = _marker(data, at)
        if marker == _EOI:
            return
        if marker in _ALONE:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        if length < 2 or at + length > len(data):
            raise UnreadablePictureError("JPEG is damaged or cut short within a marker")
        yield marker, data[at + 2 : at + length]
        at += length
        if marker == _SOS:
            scans += 1
            if scans > _MAX_SCANS:
                raise UnsupportedPictureError(f"JPEG with more than {_MAX_SCANS} scans is not read")
            at = _end_of_scan(data, at)


def _marker(data: bytes, at: int) -> tuple[int, int]:
    start = at
    while data[at : at + 1] == b"\xff":
        at += 1
    if at == start or at >= len(data):
        raise UnreadablePictureError("JPEG is damaged or cut short: a marker was expected")
    return data[at], at + 1


def _end_of_scan(data: bytes, at: int) -> int:
    found = _NEXT_MARKER.search(data, at)
    if found is None:
        raise UnreadablePictureError("JPEG is cut short: its data do not end")
    return found.start()


def _frame(body: bytes) -> tuple[tuple[int, int], tuple[str, ...]]:
    if len(body) < 6:
        raise UnreadablePictureError("JPEG with a damaged frame header")
    bits, height, width, components = struct.unpack_from(">BHHB", body)
    if bits != 8:
        raise UnsupportedPictureError(f"JPEG of {bits} bit is not read; save it as PNG or TIFF")
    if not height or not width:
        raise UnreadablePictureError(f"JPEG of {height} x {width} pixels")
    if components == 1:
        return (height, width), ("gray",)
    if components == 3:
        return (height, width), ("red", "green", "blue")
    kind = "CMYK" if components == 4 else f"{components}-component"
    raise UnsupportedPictureError(f"{kind} JPEG: colours would be misread; save it as RGB")


def _density(body: bytes) -> tuple[Claim, ...]:
    if len(body) < 12:
        return ()
    unit, x, y = struct.unpack_from(">BHH", body, 7)
    return exif.resolution_claim("JFIF density", x, y, _UM_PER_JFIF_UNIT.get(unit))


def _ends_flat(decoded: NDArray[Any]) -> bool:
    rows = decoded[-_FLAT_ROWS:]
    if rows.shape[1] < 2:
        return False
    same = rows[:, 1:] == rows[:, :-1]
    return bool(np.mean(same) > _FLAT_SHARE)


def _parse_strictly(data: bytes) -> None:
    """Parse every coefficient: the transcoder to JPEG XL stops where data are missing."""
    try:
        imagecodecs.jpegxl_encode_jpeg(data)
    except RuntimeError as e:
        raise UnreadablePictureError("JPEG is damaged: part of its data is missing") from e
