"""Whole files or none: write to a temporary name in the same folder, flush to disk, rename."""

from __future__ import annotations

import os
from pathlib import Path


def write_bytes_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` so that ``path`` holds either its old content or all of the new one.

    Raises
    ------
    OSError
        The folder is missing or not writable, or the disk is full; ``path`` is as before and no
        temporary file is left.
    """
    # The process number keeps two processes apart that write the same file.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text_atomically(path: Path, text: str) -> None:
    r"""Write ``text`` as UTF-8 with its line ends as they are; see `write_bytes_atomically`.

    A lone surrogate, which is how Python carries a file name that is not UTF-8, is written as
    ``\udcxx``.
    """
    write_bytes_atomically(path, text.encode("utf-8", errors="backslashreplace"))
