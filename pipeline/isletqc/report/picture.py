"""One finished picture on disk: what the segmentation saw, what was measured, and how to resume.

Takes the picture, its regions and its measurements; gives a folder with ``labels.ome.tif``
(islet numbers), ``classes.ome.tif``, ``overlay.jpg`` and ``result.json``. ``result.json`` is
written last, so a folder that has one holds a finished picture.
"""

from __future__ import annotations

import dataclasses
import io
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from isletqc.errors import UnreadablePictureError
from isletqc.records import (
    Approval,
    Assay,
    Check,
    Edit,
    Fitness,
    Image,
    Islet,
    LiveDead,
    Nucleus,
    Picture,
    Regions,
    Sample,
)
from isletqc.report.files import replacing, write_bytes_atomically, write_text_atomically
from isletqc.report.overlay import draw_overlay

SCHEMA_VERSION = "1.0"
LABELS, CLASSES, OVERLAY, RESULT = "labels.ome.tif", "classes.ome.tif", "overlay.jpg", "result.json"
_TILE_PX = 512
_NAMESPACE = uuid.UUID("5d0bb0a6-4c3b-4f86-8f5c-7e1f6f3f3d0e")


def write_picture(
    folder: Path, *, image: Image, regions: Regions, picture: Picture, key: str
) -> None:
    """Write the four files of one picture; ``result.json`` last.

    Parameters
    ----------
    folder : made when it does not exist
    image : the picture as read
    regions : its classes (Y, X) uint8 and islet labels (Y, X) int32
    picture : its measurements
    key : hash of everything that the result depends on (input, protocol, weights, version)

    Raises
    ------
    OSError
        The folder cannot be written; ``result.json`` is then absent.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RESULT).unlink(missing_ok=True)
    rewrite_picture(folder, image=image, regions=regions, picture=picture, key=key)


def rewrite_picture(
    folder: Path, *, image: Image, regions: Regions, picture: Picture, key: str
) -> None:
    """Replace the files of a finished picture one by one, ``result.json`` last.

    Parameters and errors are those of `write_picture`; what is there stays until it is replaced.
    """
    labels = regions.labels.astype(label_type(int(regions.labels.max(initial=0))), copy=False)
    write_bytes_atomically(folder / LABELS, _tiff(labels, image, "islet labels"))
    write_bytes_atomically(folder / CLASSES, _tiff(regions.classes, image, "tissue classes"))
    drawn = draw_overlay(image, regions, picture.nuclei or picture.islets)
    write_bytes_atomically(folder / OVERLAY, drawn)
    write_result(folder, picture, key)


@dataclasses.dataclass(frozen=True, slots=True)
class Raster:
    """A plane that is read in bands of rows: a slice of rows -> (rows, X)."""

    shape_yx: tuple[int, int]
    dtype: type[np.generic]
    rows: Callable[[slice], NDArray[Any]]


def write_large_picture(
    folder: Path,
    *,
    image: Image,
    regions: Regions,
    labels: Raster,
    classes: Raster,
    picture: Picture,
    key: str,
) -> None:
    """Write the four files of a picture larger than memory; otherwise as `write_picture`.

    Parameters
    ----------
    image, regions : at the size of the overlay
    labels, classes : at the size of the picture
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RESULT).unlink(missing_ok=True)
    for name, raster, title in (
        (LABELS, labels, "islet labels"),
        (CLASSES, classes, "tissue classes"),
    ):
        with replacing(folder / name) as file:
            form = {"shape": raster.shape_yx, "dtype": raster.dtype}
            _write_tiff(file, _tiles(raster), image, title, **form)
    write_bytes_atomically(folder / OVERLAY, draw_overlay(image, regions, picture.islets))
    write_result(folder, picture, key)


def write_result(folder: Path, picture: Picture, key: str) -> None:
    """Replace ``result.json`` alone.

    Raises
    ------
    OSError
        The folder cannot be written; ``result.json`` is as before.
    """
    write_text_atomically(folder / RESULT, _to_json(picture, key))


def read_key(folder: Path) -> str | None:
    """Key of the finished picture in ``folder``; None when it is not finished or not readable."""
    if not all((folder / name).is_file() for name in (LABELS, CLASSES, OVERLAY, RESULT)):
        return None
    try:
        data = json.loads((folder / RESULT).read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(data, dict) or data.get("schema_version") != SCHEMA_VERSION:
        return None
    key = data.get("key")
    return key if isinstance(key, str) else None


def read_picture(folder: Path) -> Picture:
    """Restore exactly the ``Picture`` that `write_picture` was given.

    Raises
    ------
    UnreadablePictureError
        ``result.json`` is missing, damaged or of another version.
    """
    path = folder / RESULT
    try:
        data = json.loads(path.read_bytes())
        if data["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema version {data['schema_version']!r}, not {SCHEMA_VERSION!r}")
        return _from_plain(data["picture"])
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise UnreadablePictureError(
            f"{path}: expected the result of a finished picture, found {e}; "
            "delete the folder and run again"
        ) from e


def read_planes(folder: Path, picture: Picture) -> tuple[NDArray[Any], NDArray[Any]]:
    """Label and class plane of a finished picture, as they lie on disk.

    Raises
    ------
    UnreadablePictureError
        One is missing, damaged or of another shape than the picture.
    """
    return _plane(folder / LABELS, picture), _plane(folder / CLASSES, picture)


def _plane(path: Path, picture: Picture) -> NDArray[Any]:
    try:
        found = np.asarray(tifffile.imread(path))
    except (OSError, ValueError, tifffile.TiffFileError) as e:
        raise UnreadablePictureError(f"{path}: cannot be read: {e}; run the pictures again") from e
    if found.shape != picture.shape_yx:
        raise UnreadablePictureError(
            f"{path}: expected the picture's shape {picture.shape_yx}, found {found.shape}; "
            "run the pictures again"
        )
    return found


def label_type(highest: int) -> type[np.uint16] | type[np.uint32]:
    """Type of a label plane on disk, by its highest label."""
    return np.uint16 if highest <= np.iinfo(np.uint16).max else np.uint32


def _tiles(raster: Raster) -> Iterator[NDArray[Any]]:
    height, width = raster.shape_yx
    for top in range(0, height, _TILE_PX):
        band = raster.rows(slice(top, min(top + _TILE_PX, height))).astype(raster.dtype)
        full = np.pad(band, ((0, _TILE_PX - len(band)), (0, -width % _TILE_PX)))
        for left in range(0, width, _TILE_PX):
            yield np.ascontiguousarray(full[:, left : left + _TILE_PX])


def _tiff(pixels: NDArray[Any], image: Image, name: str) -> bytes:
    stream = io.BytesIO()
    _write_tiff(stream, pixels, image, name)
    return stream.getvalue()


def _write_tiff(
    stream: BinaryIO,
    pixels: NDArray[Any] | Iterator[NDArray[Any]],
    image: Image,
    name: str,
    **form: Any,
) -> None:
    per_cm = 1e4 / image.um_per_px
    tifffile.imwrite(
        stream,
        pixels,
        ome=True,
        tile=(_TILE_PX, _TILE_PX),
        compression="zlib",
        resolution=(per_cm, per_cm),
        resolutionunit="CENTIMETER",
        metadata=_ome(image, name),
        maxworkers=1,
        **form,
    )


def _ome(image: Image, name: str) -> dict[str, Any]:
    return {
        "axes": "YX",
        "Name": name,
        "Description": f"{name}; source SHA-256 {image.sha256}",
        "PhysicalSizeX": image.um_per_px,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": image.um_per_px,
        "PhysicalSizeYUnit": "µm",
        # A random number here would make equal results differ.
        "UUID": str(uuid.uuid5(_NAMESPACE, f"{name} {image.sha256}")),
    }


def _to_json(picture: Picture, key: str) -> str:
    document = {"schema_version": SCHEMA_VERSION, "key": key, "picture": _to_plain(picture)}
    return json.dumps(document, ensure_ascii=False, allow_nan=False, default=_number) + "\n"


def _to_plain(picture: Picture) -> dict[str, Any]:
    plain = _fields(picture)
    assays = [_fields(assay) for assay in picture.sample.assays]
    plain["sample"] = _fields(picture.sample) | {"assays": assays}
    plain["fitness"] = {"checks": [_fields(check) for check in picture.fitness.checks]}
    plain["islets"] = [_fields(islet) for islet in picture.islets]
    plain["nuclei"] = [_fields(nucleus) for nucleus in picture.nuclei]
    plain["live_dead"] = _fields(picture.live_dead) if picture.live_dead else None
    plain["seconds"] = dict(picture.seconds)
    plain["edits"] = [_fields(edit) for edit in picture.edits]
    plain["approval"] = _fields(picture.approval) if picture.approval else None
    return plain


def _fields(record: Any) -> dict[str, Any]:
    """One level only: dataclasses.asdict copies deeply and is ten times slower."""
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


def _number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"expected plain data in a picture's result, found {type(value).__name__}")


def _from_plain(plain: dict[str, Any]) -> Picture:
    height, width = plain["shape_yx"]
    return Picture(
        **{
            **plain,
            "sample": _sample(plain["sample"]),
            "shape_yx": (height, width),
            "fitness": Fitness(tuple(Check(**check) for check in plain["fitness"]["checks"])),
            "islets": tuple(_islet(islet) for islet in plain["islets"]),
            "live_dead": _live_dead(plain.get("live_dead")),
            "nuclei": tuple(_nucleus(nucleus) for nucleus in plain.get("nuclei", ())),
            "edits": tuple(_edit(edit) for edit in plain.get("edits", ())),
            "approval": Approval(**approval) if (approval := plain.get("approval")) else None,
        }
    )


def _sample(plain: dict[str, Any]) -> Sample:
    return Sample(**{**plain, "assays": tuple(Assay(**a) for a in plain.get("assays", ()))})


def _edit(plain: dict[str, Any]) -> Edit:
    return Edit(**{**plain, "labels": tuple(plain["labels"])})


def _nucleus(plain: dict[str, Any]) -> Nucleus:
    return Nucleus(**{**plain, "centroid_yx_um": tuple(plain["centroid_yx_um"])})


def _live_dead(plain: dict[str, Any] | None) -> LiveDead | None:
    if plain is None:
        return None
    layers = {name: tuple(plain[name]) for name in ("live_um2", "tissue_um2")}
    return LiveDead(**{**plain, **layers})


def _islet(plain: dict[str, Any]) -> Islet:
    return Islet(**{**plain, "centroid_yx_um": tuple(plain["centroid_yx_um"])})
