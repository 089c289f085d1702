"""The run's own record: one JSON object a line, UTC times, appended as things happen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

Level = Literal["debug", "info", "warning", "error"]


class Log(Protocol):
    """Writes one event."""

    def __call__(self, level: Level, event: str, **facts: Any) -> None:
        """Append ``event`` with its ``facts``."""


@contextmanager
def opened(path: Path) -> Iterator[Log]:
    """Append to ``path``; every line is on its way to the disk before the call returns."""
    with path.open("a", encoding="utf-8", errors="backslashreplace") as file:

        def write(level: Level, event: str, **facts: Any) -> None:
            time = datetime.now(UTC).isoformat(timespec="milliseconds")
            line = {"time": time, "level": level, "event": event, **facts}
            file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
            file.flush()

        yield write
