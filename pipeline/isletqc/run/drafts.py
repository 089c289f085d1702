"""A protocol of one's own, started from an existing one."""

from __future__ import annotations

import re
from pathlib import Path

from isletqc import protocol
from isletqc.errors import OutputError, ProtocolError, UsageError


def write(name: str, *, source: str, path: Path) -> Path:
    """Copy a protocol under a new name, as a draft of version 0.1.

    Raises
    ------
    UsageError
        The name is not one, ``source`` does not exist, or ``path`` does already.
    OutputError
        ``path`` cannot be written.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise UsageError(f"a protocol's name has small letters, digits and hyphens; found {name!r}")
    if path.exists():
        raise UsageError(f"{path} exists already; choose another file with -o")
    text = protocol.load(source).path.read_text(encoding="utf-8")
    for key, value in (("name", name), ("version", '"0.1"'), ("status", "draft")):
        text = re.sub(rf"(?m)^{key}:.*$", f"{key}: {value}", text, count=1)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as e:
        raise OutputError(f"{path}: cannot be written: {e.strerror or e}") from e
    try:
        protocol.load(str(path))
    except ProtocolError:
        path.unlink()
        raise
    return path
