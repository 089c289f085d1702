"""Windows of a TIFF page: only the tiles or strips that they touch are read and decoded."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffPage

from isletqc.errors import UnreadablePictureError


def in_rows(page: TiffPage) -> bool:
    """Tell strips of plain rows, of which some can be read without the others."""
    return page.compression == 1 and page.fillorder == 1 and not page.is_tiled


def segment_bytes(page: TiffPage) -> int:
    """Bytes of a decoded strip or tile."""
    tall, wide = _segment_px(page)
    return tall * wide * int(page.samplesperpixel) * np.dtype(page.dtype).itemsize


def _segment_px(page: TiffPage) -> tuple[int, int]:
    if page.is_tiled:
        return int(page.tilelength), int(page.tilewidth)
    return min(int(page.rowsperstrip), int(page.imagelength)), int(page.imagewidth)


def window(file: BinaryIO, page: TiffPage, y: slice, x: slice) -> NDArray[Any]:
    """Read rows and columns, slices with both ends, of a page of contiguous samples: (Y, X, C).

    Raises
    ------
    UnreadablePictureError
        The file is cut short, or cannot be read any more.
    """
    width, samples = int(page.imagewidth), int(page.samplesperpixel)
    shape = (y.stop - y.start, x.stop - x.start, samples)
    out = np.zeros(shape, np.dtype(page.dtype).newbyteorder("="))
    tall, wide = _segment_px(page)
    across = -(-width // wide)
    for row in range(y.start // tall, -(-y.stop // tall)):
        if in_rows(page):
            first, last = max(y.start, row * tall), min(y.stop, row * tall + tall)
            part = slice(first - row * tall, last - row * tall)
            out[first - y.start : last - y.start] = _rows(file, page, row, part)[:, x]
            continue
        for column in range(x.start // wide, -(-x.stop // wide)):
            _put(out, file, page, row * across + column, (y.start, x.start))
    return out


def _rows(file: BinaryIO, page: TiffPage, strip: int, part: slice) -> NDArray[Any]:
    """Read some rows of a strip that is not compressed."""
    shape = (part.stop - part.start, int(page.imagewidth), int(page.samplesperpixel))
    dtype = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
    row_bytes = shape[1] * shape[2] * dtype.itemsize
    start = int(page.dataoffsets[strip]) + part.start * row_bytes
    return np.frombuffer(_bytes(file, start, shape[0] * row_bytes), dtype).reshape(shape)


def _bytes(file: BinaryIO, start: int, size: int) -> bytes:
    try:
        file.seek(start)
        found = file.read(size)
    except OSError as e:
        raise UnreadablePictureError(f"cannot be read any more: {e.strerror or e}") from e
    if len(found) < size:
        raise UnreadablePictureError("TIFF is cut short: part of its pixels is missing")
    return found


def _put(
    out: NDArray[Any], file: BinaryIO, page: TiffPage, place: int, origin: tuple[int, int]
) -> None:
    """Decode one tile or strip into a window that begins at an origin."""
    data = _bytes(file, int(page.dataoffsets[place]), int(page.databytecounts[place]))
    decoded, at, _ = page.decode(data, place, jpegtables=page.jpegtables)
    if decoded is None:
        raise UnreadablePictureError("TIFF is cut short: part of its pixels is missing")
    segment = decoded[0]
    to, of = zip(
        _overlap(int(at[2]), segment.shape[0], origin[0], out.shape[0]),
        _overlap(int(at[3]), segment.shape[1], origin[1], out.shape[1]),
        strict=True,
    )
    out[to] = segment[of]


def _overlap(start: int, length: int, origin: int, wanted: int) -> tuple[slice, slice]:
    """Where a segment and a window overlap, counted in the window and in the segment."""
    first, last = max(start, origin), min(start + length, origin + wanted)
    return slice(first - origin, max(first, last) - origin), slice(
        first - start, max(first, last) - start
    )
