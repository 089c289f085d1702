"""Check the skeleton of a TIFF: its chain of directories and where their values lie.

A file that was cut short, or made to mislead, has directories or values outside of it or a chain
that comes back to itself. Readers skip such pages in silence; here they are refused
(TIFF 6.0, section 2; BigTIFF).
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass

from isletqc.errors import UnreadablePictureError, UnsupportedPictureError

_MAX_PAGES, _MAX_TAGS = 256, 4096
# Values of private tags may point anywhere; what decides pixels and calibration lies below this.
_LAST_BASELINE_TAG = 532
_BYTES_PER_TYPE = {
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
    16: 8, 17: 8, 18: 8,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Layout:
    """Struct formats of a directory's count, entries and offsets, classic or BigTIFF."""

    count: str
    entry: str
    offset: str
    first_at: int


def page_count(data: bytes | mmap.mmap) -> int:
    """Count the pages in the main chain of a TIFF.

    Raises
    ------
    UnreadablePictureError
        A directory or a value of a baseline tag outside the file, or a chain that comes back.
    UnsupportedPictureError
        More than 256 pages.
    """
    try:
        layout = _layout(data)
        (offset,) = struct.unpack_from(layout.offset, data, layout.first_at)
        seen: set[int] = set()
        while offset:
            if offset in seen:
                raise UnreadablePictureError("TIFF is damaged: its pages run in a circle")
            if len(seen) == _MAX_PAGES:
                raise UnsupportedPictureError(
                    f"TIFF stack of more than {_MAX_PAGES} pages; save the one to be measured"
                )
            seen.add(offset)
            offset = _next(data, offset, layout)
    except (struct.error, OverflowError) as e:
        raise UnreadablePictureError("TIFF is damaged or cut short: a page lies outside") from e
    if not seen:
        raise UnreadablePictureError("TIFF without a page")
    return len(seen)


def _layout(data: bytes | mmap.mmap) -> _Layout:
    order = "<" if data[:2] == b"II" else ">"
    (version,) = struct.unpack_from(order + "H", data, 2)
    if version == 43:
        return _Layout(order + "Q", order + "HHQ8s", order + "Q", 8)
    return _Layout(order + "H", order + "HHI4s", order + "I", 4)


def _next(data: bytes | mmap.mmap, offset: int, layout: _Layout) -> int:
    """Check one directory; give the offset of the next."""
    (count,) = struct.unpack_from(layout.count, data, offset)
    if count > _MAX_TAGS:
        raise UnreadablePictureError(f"TIFF is damaged: a page of {count} tags")
    at = offset + struct.calcsize(layout.count)
    for _ in range(count):
        _check_entry(data, layout, struct.unpack_from(layout.entry, data, at))
        at += struct.calcsize(layout.entry)
    return int(struct.unpack_from(layout.offset, data, at)[0])


def _check_entry(
    data: bytes | mmap.mmap, layout: _Layout, entry: tuple[int, int, int, bytes]
) -> None:
    tag, kind, count, value = entry
    size = _BYTES_PER_TYPE.get(kind, 1) * count
    if tag > _LAST_BASELINE_TAG or size <= len(value):
        return
    if struct.unpack(layout.offset, value)[0] + size > len(data):
        raise UnreadablePictureError(
            f"TIFF is damaged or cut short: the value of tag {tag} lies outside the file"
        )
