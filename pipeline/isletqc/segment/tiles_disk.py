"""Planes of a picture that is larger than memory, kept in files and read in windows.

Windows are read and written by plain file access: a mapped file would count to the memory of the
process with whole rows, and would end it when the disk is full.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Window = tuple[slice, ...]


@dataclass(frozen=True, slots=True)
class Plane:
    """An array in a file of its own, zero where nothing was written."""

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


def made(folder: Path, name: str, dtype: np.dtype[Any] | type, shape: tuple[int, ...]) -> Plane:
    """Make a plane of zeros; what is never written takes no room on most disks."""
    plane = Plane(folder / name, np.dtype(dtype), shape)
    with plane.path.open("wb") as file:
        file.truncate(int(np.prod(shape, dtype=np.int64)) * plane.dtype.itemsize)
    return plane


def read(plane: Plane, window: Window) -> NDArray[Any]:
    """Copy a window of a plane."""
    spans = _spans(plane, window)
    out = np.empty([len(span) for span in spans], plane.dtype)
    with plane.path.open("rb") as file:
        for place, start in _runs(plane, spans):
            file.seek(start)
            if file.readinto(out[place]) != out[place].nbytes:
                raise OSError(f"{plane.path} was cut short")
    return out


def put(plane: Plane, window: Window, values: NDArray[Any]) -> None:
    """Write a window of a plane.

    Raises
    ------
    OSError
        The disk is full.
    """
    spans = _spans(plane, window)
    whole = np.broadcast_to(values, [len(span) for span in spans])
    with plane.path.open("r+b") as file:
        for place, start in _runs(plane, spans):
            file.seek(start)
            file.write(np.ascontiguousarray(whole[place], dtype=plane.dtype).data)


def bands(length: int, step: int) -> list[slice]:
    """Cut a length into bands of rows."""
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def _spans(plane: Plane, window: Window) -> list[range]:
    """Give the indices of a window along every axis."""
    cuts = (*window, *(slice(None),) * (len(plane.shape) - len(window)))
    return [range(*cut.indices(n)) for cut, n in zip(cuts, plane.shape, strict=True)]


def _runs(plane: Plane, spans: list[range]) -> Iterator[tuple[tuple[int, ...], int]]:
    """Give the parts of a window that lie in one piece: index in the window, byte in the file."""
    cut = max((k for k, span in enumerate(spans) if len(span) < plane.shape[k]), default=0)
    strides = np.cumprod([1, *plane.shape[:0:-1]])[::-1].tolist()
    for place in product(*(range(len(span)) for span in spans[:cut])):
        starts = [span[k] for span, k in zip(spans, place, strict=False)]
        starts += [span.start for span in spans[cut:]]
        first = sum(start * step for start, step in zip(starts, strides, strict=True))
        yield place, first * plane.dtype.itemsize
