"""Planes of a picture that is larger than memory, kept in files and read in windows.

A window is copied and the file's mapping let go at once, so that only windows take memory.
"""

from __future__ import annotations

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
    return np.array(_mapped(plane)[window])


def put(plane: Plane, window: Window, values: NDArray[Any]) -> None:
    """Write a window of a plane.

    Raises
    ------
    OSError
        The disk is full; a mapped file would end the process instead.
    """
    spans = [range(length) for length in plane.shape]
    for axis, part in enumerate(window):
        spans[axis] = range(*part.indices(plane.shape[axis]))
    whole = np.broadcast_to(values, [len(span) for span in spans])
    cut = max((k for k, span in enumerate(spans) if len(span) < plane.shape[k]), default=0)
    strides = np.cumprod([1, *plane.shape[:0:-1]])[::-1].tolist()
    with plane.path.open("r+b") as file:
        for place in product(*(range(len(span)) for span in spans[:cut])):
            starts = [span[k] for span, k in zip(spans, place, strict=False)]
            starts += [span.start for span in spans[cut:]]
            first = sum(start * step for start, step in zip(starts, strides, strict=True))
            file.seek(first * plane.dtype.itemsize)
            file.write(np.ascontiguousarray(whole[place], dtype=plane.dtype).data)


def bands(length: int, step: int) -> list[slice]:
    """Cut a length into bands of rows."""
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def _mapped(plane: Plane) -> np.memmap[Any, Any]:
    return np.memmap(plane.path, plane.dtype, "r", shape=plane.shape)
