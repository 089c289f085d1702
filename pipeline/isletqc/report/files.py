"""Whole files or none: write to a temporary name in the same folder, flush to disk, rename."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from isletqc.errors import OutputError

RUN = "run.json"  # in OUT: what is needed to judge its lots again


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write to; ``path`` holds either its old content or all of the new one.

    Raises
    ------
    OSError
        The folder is missing or not writable, or the disk is full; ``path`` is as before and no
        temporary file is left.
    """
    # The process number keeps two processes apart that write the same file.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_bytes_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` as all of a file; see `replacing`."""
    with replacing(path) as stream:
        stream.write(data)


def write_text_atomically(path: Path, text: str) -> None:
    r"""Write ``text`` as UTF-8 with its line ends as they are; see `write_bytes_atomically`.

    A lone surrogate, which is how Python carries a file name that is not UTF-8, is written as
    ``\udcxx``.
    """
    write_bytes_atomically(path, text.encode("utf-8", errors="backslashreplace"))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says about a file that cannot be written into the program's own words.

    Raises
    ------
    OutputError
        Something in the block could not be written.
    """
    try:
        yield
    except OSError as e:
        raise OutputError(f"{path}: cannot be written: {e.strerror or e}; make room") from e
