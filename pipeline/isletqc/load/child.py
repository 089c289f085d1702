"""Process that reads one file of a microscope's own format and hands it over on its output.

Called by ``foreign``: ``python -m isletqc.load.child REQUEST``, a JSON object. Writes one line of
JSON, then the samples as plain bytes. Its memory is limited: first to what listing the pictures
needs, then to what the chosen one claims.
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from isletqc.load import answer
from isletqc.load.header import Header

# Address space, which counts libraries and reserved pages too.
_BASE_BYTES, _TIMES_PIXELS = 3 * 2**30, 6


def main() -> None:
    """Answer one request."""
    request: dict[str, Any] = json.loads(sys.argv[1])
    # Whatever a library prints goes to the log, not into the picture.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _limit(_BASE_BYTES)
    found = answer.ask(
        Path(request["path"]),
        request["form"],
        wanted=request["wanted"],
        max_megapixels=request["max_megapixels"],
        before_pixels=_allow if request["pixels"] else None,
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


def _allow(head: Header) -> None:
    samples = math.prod(head.shape_yx) * len(head.channels)
    _limit(_BASE_BYTES + _TIMES_PIXELS * samples * np.dtype(head.dtype).itemsize)


def _limit(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (size, resource.getrlimit(resource.RLIMIT_AS)[1]))


if __name__ == "__main__":
    main()
