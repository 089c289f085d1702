"""``overlay.jpg`` -> a small JPEG as a data URI, so that the report stays one file.

The overlay is decoded at half or a quarter of its size, which JPEG does cheaply, then encoded with
falling size and quality until it fits its share of the page.
"""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np

from isletqc.report.overlay import encode_jpeg

PAGE_BYTES = 2_600_000
MOST_BYTES, LEAST_BYTES = 60_000, 9_000
# (long side in px, JPEG quality), best first.
_STEPS = ((800, 80), (800, 65), (800, 50), (640, 55), (480, 55), (400, 45), (320, 40))


def thumbnail_share(pictures: int) -> int:
    """Bytes that one thumbnail may have when there are so many pictures on the page."""
    return int(np.clip(PAGE_BYTES // max(pictures, 1), LEAST_BYTES, MOST_BYTES))


def thumbnail_uri(overlay: Path, share_bytes: int) -> str:
    """Make a thumbnail of about ``share_bytes`` as a data URI; empty when there is no overlay."""
    if not overlay.is_file():
        return ""
    data = np.frombuffer(overlay.read_bytes(), np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if pixels is None:
        return ""
    for long_side_px, quality in _STEPS:
        scale = min(1.0, long_side_px / max(pixels.shape[:2]))
        small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        jpeg = encode_jpeg(small, quality)
        if len(jpeg) <= share_bytes:
            break
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
