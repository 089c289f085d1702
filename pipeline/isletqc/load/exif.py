"""Orientation and resolution from an EXIF block (EXIF 2.3, section 4.6: a small TIFF)."""

from __future__ import annotations

import struct

from isletqc.load.pixel_size import Claim

_ORIENTATION, _X_RESOLUTION, _Y_RESOLUTION, _UNIT = 0x112, 0x11A, 0x11B, 0x128
_UM_PER_UNIT = {2: 25400.0, 3: 10000.0}


def parse(block: bytes) -> tuple[int, tuple[Claim, ...]]:
    """Read orientation (1 to 8; 1 when absent or damaged) and resolution."""
    try:
        values = _first_directory(block)
    except struct.error:
        return 1, ()
    orientation = int(values.get(_ORIENTATION, 1))
    claim = resolution_claim(
        "EXIF resolution",
        values.get(_X_RESOLUTION),
        values.get(_Y_RESOLUTION),
        _UM_PER_UNIT.get(int(values.get(_UNIT, 2))),
    )
    return (orientation if 1 <= orientation <= 8 else 1), claim


def resolution_claim(
    source: str, x: float | None, y: float | None, um_per_unit: float | None
) -> tuple[Claim, ...]:
    """Turn two resolutions in pixels per unit into a claim; none when they mean no length."""
    if not x or not y or um_per_unit is None:
        return ()
    return (Claim(source, um_per_unit / x, um_per_unit / y, resolution=True),)


def _first_directory(block: bytes) -> dict[int, float]:
    order = "<" if block[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", block, 4)
    (count,) = struct.unpack_from(order + "H", block, start)
    values: dict[int, float] = {}
    for i in range(count):
        tag, kind, _ = struct.unpack_from(order + "HHI", block, start + 2 + 12 * i)
        values.update(_value(block, order, start + 10 + 12 * i, (tag, kind)))
    return values


def _value(block: bytes, order: str, at: int, tag_kind: tuple[int, int]) -> dict[int, float]:
    tag, kind = tag_kind
    if tag in (_ORIENTATION, _UNIT) and kind == 3:
        return {tag: struct.unpack_from(order + "H", block, at)[0]}
    if tag in (_X_RESOLUTION, _Y_RESOLUTION) and kind == 5:
        (where,) = struct.unpack_from(order + "I", block, at)
        over, under = struct.unpack_from(order + "II", block, where)
        return {tag: over / under} if under else {}
    return {}
