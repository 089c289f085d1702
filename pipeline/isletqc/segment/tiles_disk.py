"""Planes of a picture that is larger than memory, kept in files and read in windows.

A window is copied and the file's mapping let go at once, so that only windows take memory.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    return np.array(_mapped(plane, "r")[window])


def put(plane: Plane, window: Window, values: NDArray[Any]) -> None:
    """Write a window of a plane."""
    mapped = _mapped(plane, "r+")
    mapped[window] = values


def bands(length: int, step: int) -> list[slice]:
    """Cut a length into bands of rows."""
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def _mapped(plane: Plane, mode: str) -> np.memmap[Any, Any]:
    return np.memmap(plane.path, plane.dtype, mode, shape=plane.shape)  # type: ignore[call-overload,no-any-return]
