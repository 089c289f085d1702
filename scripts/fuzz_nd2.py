"""Nikon ND2 files by hand, version 3.0: chunks, a map of them at the end, attributes as CLX Lite.

A chunk is a head (magic number, length of its name, length of its data), its name and its data.
CLX Lite is a tree: type and name of an item, then its value, or its items and where each lies.
The reader is nd2, which an independent person wrote; this follows what that reader expects, so
that it shows that files are read as meant, not that Nikon's program writes them so.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tree = Mapping[str, Any]

_MAGIC = 0x0ABECEDA
_PAGE = 4096  # pixels begin a page after the head of their chunk
_BOOL, _UINT32, _DOUBLE, _STRING, _LEVEL = 1, 3, 6, 8, 11
_XY_POSITIONS, _Z_STACK = 2, 4
_LOSSLESS, _UNCOMPRESSED = 0, 2


def nd2(
    frames: NDArray[Any],
    *,
    um_per_px: float = 1.5,
    calibrated: bool = True,
    channels: Sequence[str] = (),
    colour: bool = False,
    loop: str = "",
    padding_px: int = 0,
    lossless: bool = False,
) -> bytes:
    """Write frames (N, Y, X, components), uint8 or uint16.

    Parameters
    ----------
    channels : names, one for each component; one for all of them with ``colour``
    colour : the three components are one colour, which Nikon stores as blue, green, red
    loop : what the frames are: ``positions``, ``stack``, or nothing for a single one
    padding_px : pixels that fill each row in the file up
    lossless : compress the frames
    """
    count, height, width, components = frames.shape
    padded = np.pad(frames, ((0, 0), (0, 0), (0, padding_px), (0, 0)))
    attributes = {
        "uiWidth": width,
        "uiWidthBytes": (width + padding_px) * components * frames.itemsize,
        "uiHeight": height,
        "uiComp": components,
        "uiBpcInMemory": 8 * frames.itemsize,
        "uiBpcSignificant": 8 * frames.itemsize,
        "uiSequenceCount": count,
        "eCompression": _LOSSLESS if lossless else _UNCOMPRESSED,
    }
    chunks = {
        "ImageAttributesLV!": _lite({"SLxImageAttributes": attributes}),
        "ImageMetadataSeqLV|0!": _lite(
            {"SLxPictureMetadata": _metadata(um_per_px, calibrated, channels, colour, components)}
        ),
    }
    if loop:
        chunks["ImageMetadataLV!"] = _lite({"SLxExperiment": _experiment(loop, count)})
    for number, frame in enumerate(padded):
        raw = zlib.compress(frame.tobytes()) if lossless else frame.tobytes()
        chunks[f"ImageDataSeq|{number}!"] = bytes(8) + raw
    return _file(chunks)


def _metadata(
    um_per_px: float, calibrated: bool, channels: Sequence[str], colour: bool, components: int
) -> Tree:
    planes = {
        f"a{number}": {
            "sDescription": name,
            "uiCompCount": components if colour else 1,
            "pFluorescentProbe": {"m_sName": name},
        }
        for number, name in enumerate(channels)
    }
    return {
        "bCalibrated": calibrated,
        "dCalibration": um_per_px if calibrated else 1.0,
        "sPicturePlanes": {"uiCount": len(planes), "sPlaneNew": planes},
    }


def _experiment(loop: str, count: int) -> Tree:
    if loop == "stack":
        steps = {"uiCount": count, "dZStep": 2.0, "dZLow": 0.0, "dZHigh": 2.0 * (count - 1)}
        return {"eType": _Z_STACK, "uLoopPars": steps}
    # The items of a list have no names.
    points = [{"dPosX": 100.0 * k, "dPosY": 0.0, "dPosZ": 0.0} for k in range(count)]
    return {"eType": _XY_POSITIONS, "uLoopPars": {"uiCount": count, "Points": points}}


def _file(chunks: Mapping[str, bytes]) -> bytes:
    head = b"Ver3.0".ljust(64, b"\0")
    data = struct.pack("<IIQ", _MAGIC, 32, 64) + b"ND2 FILE SIGNATURE CHUNK NAME01!" + head
    where = b""
    for name, body in chunks.items():
        data += bytes(-len(data) % _PAGE)
        room = _PAGE - 24 if name.startswith("ImageDataSeq") else len(name) + 1
        where += name.encode() + struct.pack("<QQ", len(data), len(body))
        data += struct.pack("<IIQ", _MAGIC, room, len(body))
        data += name.encode().ljust(room, b"\0") + body
    data += bytes(-len(data) % _PAGE)
    end = b"ND2 CHUNK MAP SIGNATURE 0000001!"
    map_at, where = len(data), where + end + struct.pack("<Q", len(data))
    data += struct.pack("<IIQ", _MAGIC, 32, len(where)) + b"ND2 FILEMAP SIGNATURE NAME 0001!"
    return data + where + end + struct.pack("<Q", map_at)


def _lite(tree: Tree) -> bytes:
    return b"".join(_item(name, value) for name, value in tree.items())


def _item(name: str, value: Any) -> bytes:
    def head(kind: int) -> bytes:
        return struct.pack("BB", kind, len(name) + 1) + (name + "\0").encode("utf-16-le")

    match value:
        case bool():
            return head(_BOOL) + struct.pack("B", value)
        case int():
            return head(_UINT32) + struct.pack("<I", value)
        case float():
            return head(_DOUBLE) + struct.pack("<d", value)
        case str():
            return head(_STRING) + (value + "\0").encode("utf-16-le")
    named = value.items() if isinstance(value, Mapping) else (("", one) for one in value)
    items = [_item(key, one) for key, one in named]
    before = len(head(_LEVEL)) + 12
    starts = np.cumsum([before, *map(len, items)])
    sizes = struct.pack("<IQ", len(items), int(starts[-1]))
    offsets = b"".join(struct.pack("<Q", int(at)) for at in starts[:-1])
    return head(_LEVEL) + sizes + b"".join(items) + offsets
