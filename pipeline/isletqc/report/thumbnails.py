"""``overlay.jpg`` -> a small JPEG as a data URI, so that the report stays one file.

The overlay is decoded, at half its size where many share the page (JPEG does that cheaply), then
encoded with falling size and quality until it fits its share of the page.
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
_SMALLEST_HALF_PX = 600
# With so many bytes a thumbnail can be larger than half the overlay.
_WHOLE_BYTES = 150_000
# (long side in px, JPEG quality), best first.
_STEPS = ((800, 80), (800, 65), (800, 50), (640, 55), (480, 55), (400, 45), (320, 40))
_LARGE_STEPS = ((1600, 75), (1600, 60), (1200, 70))


def thumbnail_share(pictures: int) -> int:
    """Bytes that one thumbnail may have when there are so many pictures on the page."""
    return int(np.clip(PAGE_BYTES // max(pictures, 1), LEAST_BYTES, MOST_BYTES))


def thumbnail_uri(overlay: Path, share_bytes: int) -> str:
    """Make a thumbnail of about ``share_bytes`` as a data URI; empty when there is no overlay."""
    if not overlay.is_file():
        return ""
    whole = share_bytes >= _WHOLE_BYTES
    pixels = _decoded(overlay.read_bytes(), whole=whole)
    if pixels is None:
        return ""
    for long_side_px, quality in (*(_LARGE_STEPS if whole else ()), *_STEPS):
        scale = min(1.0, long_side_px / max(pixels.shape[:2]))
        if scale < 1:
            pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        jpeg = encode_jpeg(pixels, quality)
        if len(jpeg) <= share_bytes:
            break
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def _decoded(jpeg: bytes, *, whole: bool) -> NDArray[Any] | None:
    """Pixels at half size, at full size where that would be too small; None when damaged."""
    data = np.frombuffer(jpeg, np.uint8)
    if not data.size:
        return None
    if whole:
        return cv2.imdecode(data, cv2.IMREAD_COLOR)
    half = cv2.imdecode(data, cv2.IMREAD_REDUCED_COLOR_2)
    if half is None or max(half.shape[:2]) >= _SMALLEST_HALF_PX:
        return half
    return cv2.imdecode(data, cv2.IMREAD_COLOR)
