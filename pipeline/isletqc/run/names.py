"""What reports call a picture, and the name of its folder: both safe, both different for each.

A picture is called by its file's name, or by as much of its path as tells it from others of that
name. Its folder is called by the name without suffix. Characters that some file system refuses
are replaced; where two folders would then be one, each gets a hash of its picture's name, so the
names do not depend on the order of the inputs.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from isletqc.load import location

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
# Most file systems allow 255 bytes; files inside, temporary names and the hash need room.
_LONGEST_BYTES = 120


def picture_names(paths: Sequence[str]) -> Mapping[str, str]:
    """Path -> what reports call the picture; different for different paths."""
    parts = {path: _parts(path) for path in paths}
    depth = dict.fromkeys(paths, 1)
    while True:
        names = {path: "/".join(parts[path][-depth[path] :]) for path in paths}
        counts = Counter(names.values())
        alike = [path for path in paths if counts[names[path]] > 1]
        longer = [path for path in alike if depth[path] < len(parts[path])]
        if not longer:
            # Paths that differ only in what cannot be printed.
            return names | {path: f"{names[path]}~{_hash(path)}" for path in alike}
        for path in longer:
            depth[path] += 1


def folder_names(names: Sequence[str]) -> Mapping[str, str]:
    """Picture name -> name of its folder; different for different pictures on any file system."""
    stems = {name: _safe(location.flat_name(PurePath(name).name)) for name in names}
    # Some file systems hold A and a, or two spellings of an accent, for the same name.
    counts = Counter(_folded(stem) for stem in stems.values())
    return {
        name: stem if counts[_folded(stem)] == 1 else f"{stem}~{_hash(name)}"
        for name, stem in stems.items()
    }


def _parts(path: str) -> tuple[str, ...]:
    """Split a path; a series stays with its file, whatever its name holds."""
    file, series = location.split(Path(path))
    *folders, name = PurePath(_printable(str(file))).parts or ("",)
    return (*folders, f"{name}#{_printable(series).replace('/', '_')}" if series else name)


def _printable(name: str) -> str:
    """Make a name that is not UTF-8 or has control characters fit to be written down."""
    text = name.encode("utf-8", errors="replace").decode("utf-8")
    return re.sub(r"[\x00-\x1f\x7f]", "_", text)


def _safe(stem: str) -> str:
    text = _FORBIDDEN.sub("_", stem).strip(" .") or "_"
    if _RESERVED.fullmatch(text):
        text = f"_{text}"
    data = text.encode("utf-8")
    if len(data) <= _LONGEST_BYTES:
        return text
    return f"{data[:_LONGEST_BYTES].decode('utf-8', errors='ignore')}~{_hash(stem)}"


def _folded(stem: str) -> str:
    return unicodedata.normalize("NFC", stem).casefold()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", errors="surrogateescape")).hexdigest()[:8]
