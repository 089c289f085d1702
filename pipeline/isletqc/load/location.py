"""Where a picture lies: a file, a folder that is a picture (OME-Zarr), or one series of either.

``FILE#SERIES`` names one of several pictures in a file, by its name or its number from 1. A file
whose own name holds ``#`` is found first: the sign parts a name only where no such file exists.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

ZARR_MARKS = (".zattrs", ".zgroup", "zarr.json")
_STEM = re.compile(r"(?i)^(?P<stem>.+)\.(czi|lif|nd2|ndpi|svs|vsi|zarr)#(?P<series>.+)$")
_CHUNK = 2**20


def split(path: Path) -> tuple[Path, str]:
    """Part a location into file and series; the series is empty where none is named.

    Nothing is opened. A name with ``#`` that leads to no file comes back whole.
    """
    text = str(path)
    if "#" not in text or _exists(path):
        return path, ""
    for at in (found.start() for found in re.finditer("#", text)):
        file, series = Path(text[:at]), text[at + 1 :].strip()
        if series and at and _exists(file) and (file.is_file() or is_zarr(file)):
            return file, series
    return path, ""


def exists(path: Path) -> bool:
    """Tell whether the file of a location exists."""
    return _exists(split(path)[0])


def real(path: Path) -> Path:
    """Give the absolute path behind all links; a circle of links is followed as far as it goes."""
    return Path(os.path.realpath(path))


def is_zarr(path: Path) -> bool:
    """Tell a folder that is one OME-Zarr picture, or a group in one."""
    return path.is_dir() and any((path / mark).is_file() for mark in ZARR_MARKS)


def flat_name(name: str) -> str:
    """File name and series without the suffix between them: ``a.lif#2`` becomes ``a#2``."""
    found = _STEM.match(name)
    return f"{found['stem']}#{found['series']}" if found else Path(name).stem


def digest(path: Path, series: int = 0) -> str:
    """SHA-256 of what a picture is read from.

    Parameters
    ----------
    path : file, or folder of an OME-Zarr (its files in the order of their names)
    series : number of the picture in a file of several; 0 where there is only one. The digest is
        then that of the file's bytes followed by ``#`` and the number
    """
    found = hashlib.sha256()
    files = tuple(parts(path))
    for part in files:
        if len(files) > 1:
            found.update(f"{part.relative_to(path.parent).as_posix()}\0".encode(errors="replace"))
            found.update(f"{part.stat().st_size}\0".encode())
        _add(found, part)
    if series:
        found.update(f"#{series}".encode())
    return found.hexdigest()


def parts(path: Path) -> Iterator[Path]:
    """All files that hold a picture: an Olympus VSI keeps its pixels in a folder beside it."""
    if not path.is_dir():
        yield path
    beside = path.parent / f"_{path.stem}_"
    folder = path if path.is_dir() else beside if path.suffix.lower() == ".vsi" else None
    if folder is not None and folder.is_dir():
        yield from sorted(p for p in folder.rglob("*") if p.is_file())


def _add(found: hashlib._Hash, part: Path) -> None:
    with part.open("rb") as file:
        while block := file.read(_CHUNK):
            found.update(block)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
