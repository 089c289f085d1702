"""Read microscopes' own formats in a process of its own: LIF, ND2, CZI, VSI, NDPI, SVS, OME-Zarr.

Their readers are large libraries, some of them native code, and a damaged file can make them
crash, hang or ask for all memory. Each file is therefore read by ``child`` under limits of memory
and time; whatever befalls it is one picture error here.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from isletqc import errors
from isletqc.errors import PictureError, UnreadablePictureError
from isletqc.load.answer import Answer
from isletqc.load.header import Header
from isletqc.load.pixel_size import Claim
from isletqc.load.signature import MicroscopeForm

# For a drive that does not answer; the child limits its own processor time.
_SECONDS = 600.0
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
    request = {
        "path": str(path.absolute()),
        "form": form,
        "wanted": wanted,
        "max_megapixels": max_megapixels,
        "pixels": pixels,
    }
    command = [sys.executable, "-m", "isletqc.load.child", json.dumps(request)]
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
    if done.returncode == -signal.SIGXCPU:
        return _failed(f"{form} is damaged: its reader came to no end")
    if done.returncode or not line:
        return _failed(f"{form} is damaged: its reader died of it ({_last(done)})")
    return _answer(json.loads(line), samples)


def _failed(message: str) -> Answer:
    return Answer(problem=UnreadablePictureError(message))


def _last(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    ended = f"signal {-done.returncode}" if done.returncode < 0 else f"code {done.returncode}"
    return f"{ended}: {lines[-1][:200]}" if lines else ended


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
