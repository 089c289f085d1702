"""Pictures of an OME-Zarr (NGFF 0.4 in Zarr 2, 0.5 in Zarr 3), at full resolution.

What the JSON files say is checked before Zarr opens an array: types, codecs and chunk sizes. Only
codecs that give back plain numbers are allowed; one that runs code (pickle) is refused. A chunk
that is absent means the fill value, as the format says.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from isletqc.errors import UnreadablePictureError, UnsupportedPictureError
from isletqc.load.pixel_size import Claim, unit_um
from isletqc.load.series import Series, plane

_MAX_JSON, _MAX_CHUNK, _MAX_SERIES = 2**24, 2**29, 1000
_METADATA = frozenset((".zarray", ".zattrs", ".zgroup", ".zmetadata", "zarr.json"))
# The head of a Blosc buffer holds the size of all of it in its last four bytes.
_BLOSC_HEAD, _BLOSC_SIZE = 16, slice(12, 16)
_CODECS = frozenset(
    (
        *("blosc", "bytes", "bz2", "crc32c", "gzip", "lz4", "sharding_indexed", "transpose"),
        *("zlib", "zstd"),
    )
)
_TYPES = frozenset(
    (*(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)), "float32", "float64")
)


def listed(path: Path) -> tuple[Series, ...]:
    """All multiscale pictures of the folder."""
    return tuple(_series(where, scales) for where, scales in _multiscales(path))


def pixels(path: Path, place: int) -> NDArray[Any]:
    """Decode one picture, (Y, X) or (Y, X, C)."""
    everything = slice(None)
    return window(path, place)(everything, everything)


def window(path: Path, place: int) -> Callable[[slice, slice], NDArray[Any]]:
    """Open one picture for reading rows and columns of it, (Y, X) or (Y, X, C)."""
    where, scales = list(_multiscales(path))[place]
    folder = _array(where, scales)
    _refuse_cut_chunks(folder)
    array = zarr.open_array(str(folder), mode="r")
    axes = [axis.upper() for axis in _axes(scales)]

    def read(y: slice, x: slice) -> NDArray[Any]:
        part = tuple({"Y": y, "X": x}.get(axis, slice(None)) for axis in axes)
        return plane(np.asarray(array[part]), axes)

    return read


def _refuse_cut_chunks(array: Path) -> None:
    """Blosc does not look where a chunk ends: of one cut short it gives what lies in memory."""
    if not _ends_with_blosc(array):
        return
    for chunk in (p for p in array.rglob("*") if p.is_file() and p.name not in _METADATA):
        with chunk.open("rb") as file:
            claimed = file.read(_BLOSC_HEAD)[_BLOSC_SIZE]
        if int.from_bytes(claimed, "little") != chunk.stat().st_size:
            name = chunk.relative_to(array).as_posix()
            raise UnreadablePictureError(f"OME-Zarr is cut short: chunk {name}")


def _ends_with_blosc(array: Path) -> bool:
    if (array / "zarr.json").is_file():
        codecs = _list(_json(array / "zarr.json").get("codecs", ()))
        return bool(codecs) and _dict(codecs[-1]).get("name") == "blosc"
    compressor = _json(array / ".zarray").get("compressor")
    return compressor is not None and _dict(compressor).get("id") == "blosc"


def _multiscales(path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every picture with its folder: of the group itself, or of the groups 0, 1, ... in it."""
    attributes = _attributes(path)
    if "plate" in attributes or "well" in attributes:
        raise UnsupportedPictureError(
            "a plate or well of many pictures; name one by its folder, such as PLATE.zarr/A/1/0"
        )
    if "bioformats2raw.layout" not in attributes:
        yield from ((path, one) for one in _of_group(attributes))
        return
    for number in range(_MAX_SERIES):
        if not (path / str(number)).is_dir():
            return
        below = path / str(number)
        yield from ((below, one) for one in _of_group(_attributes(below)))


def _of_group(attributes: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    omero = attributes.get("omero", {})
    for one in _list(attributes.get("multiscales", ())):
        if not isinstance(one, dict):
            raise UnreadablePictureError("OME-Zarr is damaged: multiscales")
        yield {**one, "omero": omero}


def _attributes(group: Path) -> Mapping[str, Any]:
    """Attributes of a group, Zarr 2 or 3; those of NGFF 0.5 stand one level deeper."""
    if (group / "zarr.json").is_file():
        found = _dict(_json(group / "zarr.json").get("attributes", {}))
        return _dict(found.get("ome", found))
    if (group / ".zattrs").is_file():
        return _json(group / ".zattrs")
    raise UnreadablePictureError("OME-Zarr without attributes: no picture, or copied in part")


def _json(path: Path) -> Mapping[str, Any]:
    if path.stat().st_size > _MAX_JSON:
        raise UnreadablePictureError(f"OME-Zarr is damaged: {path.name} is too large")
    return _dict(json.loads(path.read_text(encoding="utf-8")))


def _dict(found: Any) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise UnreadablePictureError("OME-Zarr is damaged: an object was expected in its JSON")
    return found


def _list(found: Any) -> Sequence[Any]:
    if not isinstance(found, list | tuple):
        raise UnreadablePictureError("OME-Zarr is damaged: a list was expected in its JSON")
    return found


def _array(where: Path, scales: Mapping[str, Any]) -> Path:
    """Folder of the full resolution; it may not lead out of its group."""
    datasets = _list(scales.get("datasets", ()))
    if not datasets:
        raise UnreadablePictureError("OME-Zarr is damaged: a picture without datasets")
    inside = PurePosixPath(str(_dict(datasets[0]).get("path", "")))
    if inside.is_absolute() or ".." in inside.parts or not inside.parts or "\\" in str(inside):
        raise UnreadablePictureError(f"OME-Zarr is damaged: path {str(inside)!r} of a dataset")
    return where / inside


def _axes(scales: Mapping[str, Any]) -> tuple[str, ...]:
    found = _list(scales.get("axes", ()))
    return tuple(str(a.get("name", "")) if isinstance(a, dict) else str(a) for a in found)


def _series(where: Path, scales: Mapping[str, Any]) -> Series:
    shape, dtype = _checked(_array(where, scales))
    axes = _axes(scales)
    if len(axes) != len(shape) or len(set(axes)) != len(axes):
        raise UnreadablePictureError(f"OME-Zarr is damaged: axes {axes} for a shape of {shape}")
    labels = _list(_dict(scales["omero"]).get("channels", ()))
    return Series(
        name=str(scales.get("name", "")),
        sizes={axis.upper(): n for axis, n in zip(axes, shape, strict=True)},
        dtype=dtype,
        channels=tuple(str(_dict(c).get("label", "")) for c in labels),
        claims=_claims(scales, axes),
    )


def _claims(scales: Mapping[str, Any], axes: Sequence[str]) -> tuple[Claim, ...]:
    """Scale of the full resolution times that of the whole; a length only where units are given."""
    scale = dict.fromkeys(axes, 1.0)
    first = _dict(_list(scales["datasets"])[0])
    for holder in (first, scales):
        for step in _list(holder.get("coordinateTransformations", ())):
            factors = _list(_dict(step).get("scale", ()))
            scale.update({a: scale[a] * float(f) for a, f in zip(axes, factors, strict=False)})
    units = {
        str(a["name"]): unit_um(str(a.get("unit", "")))
        for a in _list(scales["axes"])
        if isinstance(a, dict) and "name" in a
    }
    x, y = units.get("x"), units.get("y")
    stated = "coordinateTransformations" in first or "coordinateTransformations" in scales
    return (Claim("OME-Zarr", scale["x"] * x, scale["y"] * y),) if x and y and stated else ()


def _checked(array: Path) -> tuple[tuple[int, ...], str]:
    """Shape and type of an array whose metadata are safe to hand on."""
    if (array / "zarr.json").is_file():
        shape, dtype, chunk = _of_version_3(_json(array / "zarr.json"))
    elif (array / ".zarray").is_file():
        shape, dtype, chunk = _of_version_2(_json(array / ".zarray"))
    else:
        raise UnreadablePictureError("OME-Zarr is cut short: its full resolution is missing")
    if dtype not in _TYPES:
        raise UnsupportedPictureError(f"OME-Zarr samples of type {dtype!r} are not read")
    if any(n < 1 for n in (*shape, *chunk)) or len(chunk) != len(shape):
        raise UnreadablePictureError(f"OME-Zarr is damaged: shape {shape}, chunks {chunk}")
    if math.prod(chunk) * np.dtype(dtype).itemsize > _MAX_CHUNK:
        raise UnsupportedPictureError(f"OME-Zarr chunks of {chunk} samples are too large")
    return shape, dtype


def _of_version_2(found: Mapping[str, Any]) -> tuple[tuple[int, ...], str, tuple[int, ...]]:
    kind = found.get("dtype")
    steps = [found.get("compressor"), *_list(found.get("filters") or ())]
    _refuse_codecs(str(_dict(step).get("id")) for step in steps if step is not None)
    dtype = str(np.dtype(kind).newbyteorder("=")) if isinstance(kind, str) else ""
    return _whole(found.get("shape")), dtype, _whole(found.get("chunks"))


def _of_version_3(found: Mapping[str, Any]) -> tuple[tuple[int, ...], str, tuple[int, ...]]:
    _refuse_codecs(_names(_list(found.get("codecs", ()))))
    if found.get("storage_transformers"):
        raise UnsupportedPictureError("OME-Zarr with storage transformers is not read")
    grid = _dict(_dict(found.get("chunk_grid", {})).get("configuration", {}))
    return _whole(found.get("shape")), str(found.get("data_type")), _whole(grid.get("chunk_shape"))


def _names(codecs: Sequence[Any]) -> Iterator[str]:
    """Names of the codecs, and of those within shards."""
    for codec in codecs:
        found = _dict(codec)
        yield str(found.get("name"))
        inner = _dict(found.get("configuration", {}))
        yield from _names(_list(inner.get("codecs", ())))
        yield from _names(_list(inner.get("index_codecs", ())))


def _refuse_codecs(names: Iterator[str]) -> None:
    for name in names:
        if name not in _CODECS:
            raise UnsupportedPictureError(f"OME-Zarr codec {name!r} is not read")


def _whole(found: Any) -> tuple[int, ...]:
    numbers = _list(found)
    if not all(isinstance(n, int) and not isinstance(n, bool) for n in numbers):
        raise UnreadablePictureError("OME-Zarr is damaged: sizes that are no whole numbers")
    return tuple(numbers)
