"""``overlay.jpg`` -> a small JPEG as a data URI, so that the report stays one file.

The overlay is decoded, at half or a quarter of its size where many share the page (JPEG does that
cheaply), then encoded with falling size and quality until it fits its share of the page. A page
of very many pictures has room for some of them only.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from isletqc.report.overlay import encode_jpeg

PAGE_BYTES = 2_600_000
MOST_BYTES, LEAST_BYTES = 300_000, 9_000
MOST_THUMBNAILS = PAGE_BYTES // LEAST_BYTES
# With so many bytes a thumbnail can be larger than half the overlay.
_WHOLE_BYTES = 150_000
# With no more, hardly any overlay fits at more than the last steps' size.
_SMALL_BYTES = 20_000
# (long side in px, JPEG quality), best first.
_LARGE_STEPS = ((1600, 75), (1600, 60), (1200, 70))
_STEPS = ((800, 80), (800, 65), (800, 50), (640, 55))
_SMALL_STEPS = ((480, 55), (400, 45), (320, 40))
# Smallest long side that may be decoded at a fraction of its size: (fraction's flag, px left).
_HALF = (cv2.IMREAD_REDUCED_COLOR_2, 600)
_QUARTER = (cv2.IMREAD_REDUCED_COLOR_4, 400)


def thumbnail_share(pictures: int) -> int:
    """Bytes that one thumbnail may have when there are so many pictures on the page."""
    return int(np.clip(PAGE_BYTES // max(pictures, 1), LEAST_BYTES, MOST_BYTES))


def thumbnail_uri(overlay: Path, share_bytes: int) -> str:
    """Make a thumbnail of about ``share_bytes`` as a data URI; empty when there is no overlay."""
    if not overlay.is_file():
        return ""
    pixels = _decoded(overlay.read_bytes(), share_bytes)
    if pixels is None:
        return ""
    for long_side_px, quality in _steps(share_bytes):
        scale = min(1.0, long_side_px / max(pixels.shape[:2]))
        if scale < 1:
            pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        jpeg = encode_jpeg(pixels, quality)
        if len(jpeg) <= share_bytes:
            break
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def _steps(share_bytes: int) -> tuple[tuple[int, int], ...]:
    if share_bytes >= _WHOLE_BYTES:
        return _LARGE_STEPS + _STEPS + _SMALL_STEPS
    return (() if share_bytes <= _SMALL_BYTES else _STEPS) + _SMALL_STEPS


def _decoded(jpeg: bytes, share_bytes: int) -> NDArray[Any] | None:
    """Pixels at a fraction of their size, at more where that is too small; None when damaged."""
    data = np.frombuffer(jpeg, np.uint8)
    if not data.size:
        return None
    fractions = (_QUARTER, _HALF) if share_bytes <= _SMALL_BYTES else (_HALF,)
    for flag, least_px in () if share_bytes >= _WHOLE_BYTES else fractions:
        found = cv2.imdecode(data, flag)
        if found is None or max(found.shape[:2]) >= least_px:
            return found
    return cv2.imdecode(data, cv2.IMREAD_COLOR)
