"""Drawn pictures on disk, with their exact truth beside them."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tifffile
from numpy.typing import NDArray

from isletqc.errors import OutputError
from isletqc.synthetic.draw import (
    Field,
    LiveDeadField,
    brightfield_field,
    dithizone_field,
    livedead_field,
)
from isletqc.synthetic.livedead import CHANNELS

Drawn = Literal["dithizone", "brightfield", "live-dead"]
_COLUMNS = (
    *("image", "label", "centroid_y_um", "centroid_x_um", "area_um2", "visible_area_um2"),
    *("diameter_um", "volume_nl", "ieq", "touches_border"),
)

_LIVE_DEAD_COLUMNS = (
    *("label", "area_um2", "diameter_um", "live_fraction", "pattern", "dead_core_depth_um"),
)


def write(
    out: Path,
    *,
    stain: Drawn,
    seeds: Iterable[int],
    um_per_px: float,
    shape_yx: tuple[int, int],
) -> tuple[Path, ...]:
    """Draw one picture for each seed.

    Parameters
    ----------
    out : receives ``images/``, ``labels/`` and ``classes/`` (``live/`` for live-dead) with the
        same names, all OME-TIFF with the pixel size, and ``truth.csv`` with one row an islet

    Returns
    -------
    Paths of the pictures

    Raises
    ------
    OutputError
        ``out`` cannot be written.
    """
    if stain == "live-dead":
        return _write_livedead(out, seeds, um_per_px=um_per_px, shape_yx=shape_yx)
    draw = dithizone_field if stain == "dithizone" else brightfield_field
    paths: list[Path] = []
    rows: list[dict[str, Any]] = []
    try:
        for seed in seeds:
            field = draw(seed, shape_yx=shape_yx, um_per_px=um_per_px)
            paths.append(write_field(out, f"{stain}_{seed:04d}.tif", field))
            rows.extend(_rows(paths[-1].name, field))
        _write_truth(out / "truth.csv", rows)
    except OSError as e:
        raise OutputError(f"{out}: cannot be written: {e.strerror or e}") from e
    return tuple(paths)


def write_field(out: Path, name: str, field: Field) -> Path:
    """Write picture, labels and classes of one field; gives the picture's path."""
    for folder, pixels in (("labels", field.labels), ("classes", field.classes)):
        write_tiff(out / folder / name, pixels, field.um_per_px)
    return write_tiff(out / "images" / name, field.pixels, field.um_per_px)


def write_livedead(out: Path, name: str, field: LiveDeadField) -> Path:
    """Write picture, labels and live tissue of one live/dead field; gives the picture's path."""
    write_tiff(out / "labels" / name, field.labels, field.um_per_px)
    write_tiff(out / "live" / name, field.live.astype(np.uint8), field.um_per_px)
    path = out / "images" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    bits = field.full_scale.bit_length()
    tifffile.imwrite(
        path,
        np.ascontiguousarray(np.moveaxis(field.pixels, 2, 0)),
        ome=True,
        photometric="minisblack",
        compression="zlib",
        metadata={
            "axes": "CYX",
            "Channel": {"Name": list(CHANNELS)},
            "SignificantBits": bits,
            "PhysicalSizeX": field.um_per_px,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": field.um_per_px,
            "PhysicalSizeYUnit": "µm",
            "UUID": str(uuid.uuid5(uuid.NAMESPACE_OID, path.name)),
        },
    )
    return path


def _write_livedead(
    out: Path, seeds: Iterable[int], *, um_per_px: float, shape_yx: tuple[int, int]
) -> tuple[Path, ...]:
    paths: list[Path] = []
    rows: list[dict[str, Any]] = []
    try:
        for seed in seeds:
            field = livedead_field(seed, shape_yx=shape_yx, um_per_px=um_per_px)
            paths.append(write_livedead(out, f"live-dead_{seed:04d}.tif", field))
            rows += [{"image": paths[-1].name, **asdict(islet)} for islet in field.truth]
        _write_truth(out / "truth.csv", rows, ("image", *_LIVE_DEAD_COLUMNS))
    except OSError as e:
        raise OutputError(f"{out}: cannot be written: {e.strerror or e}") from e
    return tuple(paths)


def write_tiff(path: Path, pixels: NDArray[Any], um_per_px: float) -> Path:
    """Write one OME-TIFF with its pixel size; labels lose no number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = pixels.ndim == 3
    tifffile.imwrite(
        path,
        pixels.astype(np.uint16) if pixels.dtype == np.int32 else pixels,
        ome=True,
        photometric="rgb" if colour else "minisblack",
        compression="zlib",
        metadata={
            "axes": "YXS" if colour else "YX",
            "PhysicalSizeX": um_per_px,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": um_per_px,
            "PhysicalSizeYUnit": "µm",
            # A random number here would make equal pictures differ.
            "UUID": str(uuid.uuid5(uuid.NAMESPACE_OID, path.name)),
        },
    )
    return path


def _rows(name: str, field: Field) -> list[dict[str, Any]]:
    return [
        {
            "image": name,
            "label": islet.label,
            "centroid_y_um": islet.centroid_yx_um[0],
            "centroid_x_um": islet.centroid_yx_um[1],
            "area_um2": islet.area_um2,
            "visible_area_um2": islet.visible_area_um2,
            "diameter_um": islet.diameter_um,
            "volume_nl": islet.volume_nl,
            "ieq": islet.ieq,
            "touches_border": str(islet.touches_border).lower(),
        }
        for islet in field.truth
    ]


def _write_truth(
    path: Path, rows: Sequence[dict[str, Any]], columns: Sequence[str] = _COLUMNS
) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
