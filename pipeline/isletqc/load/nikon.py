"""Pictures of a Nikon ND2, by nd2: each position is a picture of its own.

The samples of a colour lie in the file as blue, green, red, and nd2 gives them so (two programs
that were held against Nikon's say it: github.com/ome/bioformats issue 3761, vibbits/nis2pyr).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nd2
import numpy as np
from numpy.typing import NDArray

from isletqc.load.pixel_size import Claim
from isletqc.load.series import Series, plane

_POSITION, _SAMPLES = "P", "S"
_MOST_POSITIONS = 10_000


def listed(path: Path) -> tuple[Series, ...]:
    """All positions of the file."""
    with nd2.ND2File(path) as file:
        sizes = {axis: int(n) for axis, n in file.sizes.items() if axis != _POSITION}
        channels = tuple(getattr(file.metadata, "channels", None) or ())
        one = Series(
            name="",
            sizes=sizes,
            dtype=str(file.dtype),
            channels=tuple(c.channel.name or "" for c in channels),
            claims=_claims(channels),
            bits=int(file.attributes.bitsPerComponentSignificant or 0),
        )
        return (one,) * min(int(file.sizes.get(_POSITION, 1)), _MOST_POSITIONS)


def pixels(path: Path, place: int) -> NDArray[Any]:
    """Decode one position, (Y, X) or (Y, X, C)."""
    with nd2.ND2File(path) as file:
        several, coloured = _POSITION in file.sizes, _SAMPLES in file.sizes
        # The axis of positions stays, with one of them.
        found = plane(file.asarray(position=place if several else None), tuple(file.sizes))
    return np.ascontiguousarray(found[..., ::-1]) if coloured else found


def _claims(channels: tuple[Any, ...]) -> tuple[Claim, ...]:
    """Read the calibration; a file that was never calibrated holds 1, which means nothing."""
    volume = channels[0].volume if channels else None
    if volume is None or not all(volume.axesCalibrated[:2]):
        return ()
    x_um, y_um = volume.axesCalibration[:2]
    return (Claim("Nikon ND2", float(x_um), float(y_um)),)
