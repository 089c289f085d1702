"""Read microscopes' own formats in a process of its own: LIF, ND2, CZI, VSI, NDPI, SVS, OME-Zarr.

Their readers are large libraries, some of them native code, and a damaged file can make them
crash, hang or ask for all memory. Each file is therefore read by ``child`` under limits of memory
and time; whatever befalls it is one picture error here. Of a large picture windows can be read: the
child then stays until all are.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isletqc import errors
from isletqc.errors import PictureError, UnreadablePictureError
from isletqc.load import location, signature
from isletqc.load.answer import Answer, Window
from isletqc.load.header import Header
from isletqc.load.pixel_size import Claim
from isletqc.load.signature import MicroscopeForm

# For a drive that does not answer; the child limits its own processor time.
_SECONDS = 600.0
_MAGIC_BYTES = 16
_LIGHT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
_ERRORS: dict[str, type[PictureError]] = {
    e.code: e
    for e in (
        errors.UnreadablePictureError,
        errors.UnsupportedPictureError,
        errors.PictureTooLargeError,
    )
}


def read(
    path: Path, form: MicroscopeForm, *, wanted: str, max_megapixels: float, pixels: bool = True
) -> Answer:
    """Read one picture of a file.

    Parameters
    ----------
    wanted : name or number of the picture; empty for a file that holds one
    pixels : False lists and chooses only

    Returns
    -------
    Answer
        Whatever went wrong is its ``problem``, never raised.
    """
    command = _command(path, form, wanted, max_megapixels, pixels=pixels)
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            env=os.environ | _LIGHT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _failed(f"{form} is damaged: it was not read within {_SECONDS:g} seconds")
    line, _, samples = done.stdout.partition(b"\n")
    if done.returncode or not line:
        return _failed(_death(form, done.returncode, done.stderr))
    return _answer(json.loads(line), samples)


@contextmanager
def windows(
    path: Path, form: MicroscopeForm, *, wanted: str, max_megapixels: float
) -> Iterator[tuple[Answer, Window]]:
    """Open one picture of a file for reading in windows.

    Yields
    ------
    what `read` gives without pixels, and: rows and columns, as slices with both ends -> (Y, X, C)
    samples, which raises a `PictureError` where the file is damaged
    """
    command = _command(path, form, wanted, max_megapixels, windows=True)
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env=os.environ | _LIGHT,
        ) as process,
    ):

        def ask(question: bytes) -> dict[str, Any]:
            line = _line(process, question)
            if not line:
                said.seek(0)
                raise UnreadablePictureError(_death(form, process.wait(), said.read()))
            facts: dict[str, Any] = json.loads(line)
            return facts

        try:
            found = _answer(ask(b""), b"")
            yield found, partial(_window, process, ask, found.head)
        finally:
            process.kill()


def _window(
    process: subprocess.Popen[bytes],
    ask: Callable[[bytes], dict[str, Any]],
    head: Header | None,
    y: slice,
    x: slice,
) -> NDArray[Any]:
    facts = ask(f"[{y.start}, {y.stop}, {x.start}, {x.stop}]\n".encode())
    if facts["code"] or head is None or process.stdout is None:
        raise _ERRORS.get(facts["code"], UnreadablePictureError)(facts["message"])
    samples = process.stdout.read(facts["bytes"])
    if len(samples) < facts["bytes"]:
        raise UnreadablePictureError(f"{head.form} is damaged: its reader died of it")
    return np.frombuffer(samples, head.dtype).reshape(y.stop - y.start, x.stop - x.start, -1)


def _line(process: subprocess.Popen[bytes], question: bytes) -> bytes:
    """Ask a child, and give the first line of its answer; empty when it is dead."""
    late = threading.Timer(_SECONDS, process.kill)
    late.start()
    try:
        if process.stdin is None or process.stdout is None:
            return b""
        process.stdin.write(question)
        process.stdin.flush()
        return process.stdout.readline()
    except BrokenPipeError:
        return b""
    finally:
        late.cancel()


def form(file: Path) -> MicroscopeForm | None:
    """Name the microscope's own format of a file; None when it is no such file.

    Raises
    ------
    UnreadablePictureError
        Its first bytes are not what its name says.
    OSError
        It cannot be opened.
    """
    if location.is_zarr(file):
        return "OME-Zarr"
    if not file.is_file():
        return None
    with file.open("rb") as opened:
        first = opened.read(_MAGIC_BYTES)
    return signature.microscope(file.suffix, first) if first else None


def digest(file: Path, found: Answer) -> str:
    """SHA-256 of the chosen picture of a file."""
    return location.digest(file, found.number if len(found.listed) > 1 else 0)


def _command(
    path: Path,
    form: MicroscopeForm,
    wanted: str,
    max_megapixels: float,
    *,
    pixels: bool = False,
    windows: bool = False,
) -> list[str]:
    request = {
        "path": str(path.absolute()),
        "form": form,
        "wanted": wanted,
        "max_megapixels": max_megapixels,
        "pixels": pixels,
        "windows": windows,
    }
    return [sys.executable, "-m", "isletqc.load.child", json.dumps(request)]


def _failed(message: str) -> Answer:
    return Answer(problem=UnreadablePictureError(message))


def _death(form: MicroscopeForm, code: int, said: bytes) -> str:
    """Say how a child ended."""
    if code == -signal.SIGXCPU:
        return f"{form} is damaged: its reader came to no end"
    lines = said.decode(errors="replace").strip().splitlines()
    ended = f"signal {-code}" if code < 0 else f"code {code}"
    last = f"{ended}: {lines[-1][:200]}" if lines else ended
    return f"{form} is damaged: its reader died of it ({last})"


def _answer(facts: dict[str, Any], samples: bytes) -> Answer:
    head = _header(facts["head"]) if facts["head"] else None
    problem = _ERRORS[facts["code"]](facts["message"]) if facts["code"] else None
    found = None
    if head is not None and facts["shape"] is not None:
        found = np.frombuffer(samples, head.dtype).reshape(facts["shape"])
    return Answer(tuple(facts["listed"]), facts["number"], head, found, problem)


def _header(facts: dict[str, Any]) -> Header:
    return Header(
        **{
            **facts,
            "shape_yx": tuple(facts["shape_yx"]),
            "channels": tuple(facts["channels"]),
            "claims": tuple(Claim(**claim) for claim in facts["claims"]),
            "planes": tuple(facts["planes"]),
        }
    )
