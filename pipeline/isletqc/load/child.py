"""Process that reads one file of a microscope's own format and hands it over on its output.

Called by ``foreign``: ``python -m isletqc.load.child REQUEST``, a JSON object. Writes one line of
JSON, then the samples as plain bytes. Asked for windows, it writes the line alone; each line of its
input then names a window, and is answered by a line of JSON and the samples. Its memory and
processor time are limited: first to what listing the pictures needs, then to what is decoded.
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from isletqc.errors import PictureError
from isletqc.load import answer
from isletqc.load.answer import Answer, Window
from isletqc.load.header import Header

# Address space, which counts libraries and reserved pages too.
_BASE_BYTES, _TIMES_PIXELS = 3 * 2**30, 6
_BASE_SECONDS, _SECONDS_PER_MEGASAMPLE = 10.0, 1.0


def main() -> None:
    """Answer one request."""
    request: dict[str, Any] = json.loads(sys.argv[1])
    # Whatever a library prints goes to the log, not into the picture.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    limit()
    found = answer.ask(
        Path(request["path"]),
        request["form"],
        wanted=request["wanted"],
        max_megapixels=request["max_megapixels"],
        before_pixels=limit if request["pixels"] else None,
    )
    facts = {
        "listed": found.listed,
        "number": found.number,
        "head": asdict(found.head) if found.head else None,
        "shape": None if found.pixels is None else found.pixels.shape,
        "code": found.problem.code if found.problem else "",
        "message": str(found.problem or ""),
    }
    with out:
        out.write(json.dumps(facts).encode() + b"\n")
        if found.pixels is not None:
            out.write(np.ascontiguousarray(found.pixels).data.cast("B"))
        if request["windows"] and found.problem is None:
            serve(Path(request["path"]), found, out)


def serve(path: Path, found: Answer, out: BinaryIO) -> None:
    """Answer every window that is asked for, until nothing more is asked.

    Parameters
    ----------
    found : picture of the file
    out : gets a line of JSON with the number of bytes, and these bytes, for each window
    """
    out.flush()
    head = found.head
    read: Window | None = None
    for line in sys.stdin:
        y0, y1, x0, x1 = json.loads(line)
        limit(replace(head, shape_yx=(y1 - y0, x1 - x0)) if head else None)
        facts, pixels = {"bytes": 0, "code": "", "message": ""}, b""
        try:
            read = read or answer.windows(path, found)
            pixels = np.ascontiguousarray(read(slice(y0, y1), slice(x0, x1))).tobytes()
        except PictureError as e:
            facts |= {"code": e.code, "message": str(e)}
        out.write(json.dumps(facts | {"bytes": len(pixels)}).encode() + b"\n" + pixels)
        out.flush()


def limit(head: Header | None = None) -> None:
    """Limit memory and processor time of this process to what a picture needs.

    Parameters
    ----------
    head : of the picture that will be decoded; None while the pictures are listed. The kernel
        ends a process that takes longer
    """
    samples = math.prod(head.shape_yx) * len(head.channels) if head else 0
    size = samples * np.dtype(head.dtype).itemsize if head else 0
    _set(resource.RLIMIT_AS, _BASE_BYTES + _TIMES_PIXELS * size)
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = _BASE_SECONDS + _SECONDS_PER_MEGASAMPLE * samples / 1e6
    _set(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + seconds))


def _set(what: int, value: int) -> None:
    resource.setrlimit(what, (value, resource.getrlimit(what)[1]))


if __name__ == "__main__":
    main()
