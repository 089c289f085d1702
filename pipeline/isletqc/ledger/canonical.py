"""One text for equal data, and its SHA-256: what hashes and signatures stand on.

JSON with sorted keys, no spaces, ASCII only, numbers as Python writes them (shortest text that
reads back to the same double), no infinite numbers.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any


def text(value: Any) -> str:
    """Canonical JSON of plain data."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def sha256(value: Any) -> str:
    """SHA-256, hexadecimal, of the canonical JSON of plain data."""
    return hashlib.sha256(text(value).encode("ascii")).hexdigest()


def now() -> str:
    """UTC, ISO 8601 with microseconds: sorts as text."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
