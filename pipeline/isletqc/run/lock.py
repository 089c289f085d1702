"""One run at a time in an output folder.

Takes the folder; holds ``.lock`` in it, which names the process, host and start, for as long as
the run lives. The kernel drops the lock of a process that dies, so a killed run never blocks the
next one. On a shared drive the kernel of another host is not asked: there the name in the file
counts, and a person has to remove a lock that its run left behind.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isletqc.errors import RunLockedError

NAME = ".lock"


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Keep other runs out of ``folder`` while the block runs.

    Raises
    ------
    RunLockedError
        Another run holds the folder; the message names its process, host and start.
    """
    path = folder / NAME
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _claim(handle, path)
        # The file is emptied, not removed: removing it would let two later runs lock two files.
        try:
            yield
        finally:
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _claim(handle: int, path: Path) -> None:
    holder = _read(handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RunLockedError(_message(path, holder)) from None
    if holder.get("host", socket.gethostname()) != socket.gethostname():
        raise RunLockedError(
            f"{_message(path, holder)} If that run is dead, remove the file and try again."
        )
    _write(handle)


def _read(handle: int) -> dict[str, Any]:
    try:
        found = json.loads(os.pread(handle, 4096, 0) or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _write(handle: int) -> None:
    me = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(me).encode(), 0)


def _message(path: Path, holder: dict[str, Any]) -> str:
    pid, host, started = (holder.get(k, "unknown") for k in ("pid", "host", "started"))
    return (
        f"another run is writing to {path.parent}: process {pid} on {host}, started {started} "
        f"(lock file {path}). Wait for it, or choose another folder with -o."
    )
