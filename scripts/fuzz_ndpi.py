"""Hamamatsu NDPI by hand: a TIFF whose offsets have 64 bits, one JPEG a level.

The layout is what tifffile, which an independent person wrote, reads as NDPI.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

_SHORT, _LONG, _TEXT, _RATIONAL, _SIGNED, _FLOAT = 3, 4, 2, 5, 9, 11
_JPEG, _YCBCR, _CENTIMETRE = 7, 6, 3
_SAMPLING = {"444": (1, 1), "422": (2, 1), "420": (2, 2)}


def ndpi(
    levels: Mapping[float, NDArray[Any]], *, um_per_px: float = 0.5, subsampling: str = "420"
) -> bytes:
    """Write levels (Y, X, 3) uint8 by magnification, the finest first.

    Parameters
    ----------
    um_per_px : of the finest level
    subsampling : of the JPEG's colours: ``444``, ``422`` or ``420``
    """
    data, link = bytearray(b"II*\0" + bytes(8)), 4
    finest = max(levels)
    for magnification, pixels in levels.items():
        jpeg = imagecodecs.jpeg8_encode(
            np.ascontiguousarray(pixels), level=95, subsampling=subsampling
        )
        strip = _put(data, jpeg)
        per_cm = 1e4 / um_per_px * magnification / finest
        resolution = _put(data, struct.pack("<II", round(per_cm * 1000), 1000))
        bits, make = _put(data, struct.pack("<3H", 8, 8, 8)), _put(data, b"Hamamatsu\0")
        wide, tall = _SAMPLING[subsampling]
        tags = [
            (254, _LONG, 1, 0),
            (256, _LONG, 1, pixels.shape[1]),
            (257, _LONG, 1, pixels.shape[0]),
            (258, _SHORT, 3, bits),
            (259, _SHORT, 1, _JPEG),
            (262, _SHORT, 1, _YCBCR),
            (271, _TEXT, 10, make),
            (273, _LONG, 1, strip),
            (277, _SHORT, 1, 3),
            (278, _LONG, 1, pixels.shape[0]),
            (279, _LONG, 1, len(jpeg)),
            (282, _RATIONAL, 1, resolution),
            (283, _RATIONAL, 1, resolution),
            (284, _SHORT, 1, 1),
            (296, _SHORT, 1, _CENTIMETRE),
            (530, _SHORT, 2, wide | tall << 16),
            (65420, _LONG, 1, 1),
            (65421, _FLOAT, 1, struct.unpack("<I", struct.pack("<f", magnification))[0]),
            *((code, _SIGNED, 1, 0) for code in (65422, 65423, 65424)),
        ]
        struct.pack_into("<Q", data, link, len(data))
        data += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *t) for t in tags)
        link = len(data)
        data += bytes(8 + 4 * len(tags))  # the next directory, and the upper halves of all values
    return bytes(data)


def _put(data: bytearray, part: bytes | bytearray) -> int:
    """Append a part at an even place and give the place."""
    data += bytes(len(data) % 2)
    place = len(data)
    data += part
    data += bytes(len(data) % 2)
    return place
