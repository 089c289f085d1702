"""How well a protocol's segmentation agrees with masks, beside the classical one.

Takes a folder of pictures, a folder of label images and, where there is one, a folder of masks
of what is neither rewarded nor punished; names match without their suffixes.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from isletqc.errors import OutputError, UsageError
from isletqc.load import picture
from isletqc.protocol import Protocol, Segmentation
from isletqc.run.inputs import SUFFIXES
from isletqc.segment import run as segmentation
from isletqc.training.evaluate import Agreement, agreement, together

FIGURES: Mapping[str, Callable[[Agreement], float | None]] = {
    "true_count": lambda a: a.true_count,
    "found_count": lambda a: a.found_count,
    "f1_at_0.5": lambda a: a.f1(0.5),
    "f1_at_0.75": lambda a: a.f1(0.75),
    "mean_iou": lambda a: a.mean_iou,
    "count_error": lambda a: a.count_error,
    "area_error": lambda a: a.area_error,
    "volume_error": lambda a: a.volume_error,
}

HEADING = f"{'image':<24} {'method':<28} " + " ".join(f"{name:>12}" for name in FIGURES)


@dataclass(frozen=True, slots=True)
class Row:
    """One picture, or all together, by one method."""

    image: str
    method: str
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class Masks:
    """Where the truth lies; ``ignore`` may be absent."""

    images: Path
    labels: Path
    ignore: Path | None = None


def evaluate(
    masks: Masks, protocol: Protocol, *, pixel_size_um: float | None, device: str = "auto"
) -> Iterator[Row]:
    """Compare every picture that has labels; the last rows pool them all.

    Raises
    ------
    UsageError
        No picture has labels, or labels have another shape than their picture.
    PictureError
        A picture cannot be read.
    """
    pairs = _pairs(masks)
    methods = _methods(protocol)
    parts: dict[str, list[Agreement]] = {name: [] for name in methods}
    for path, labels in pairs:
        for name, settings in methods.items():
            found = _compare(
                path,
                labels,
                masks,
                protocol.model_copy(update={"segmentation": settings}),
                pixel_size_um=pixel_size_um,
                device=device,
            )
            parts[name].append(found)
            yield Row(path.name, name, found)
    for name, found_parts in parts.items():
        yield Row(f"all {len(pairs)}", name, together(found_parts))


def line(row: Row) -> str:
    """Write one row as it stands under ``HEADING``."""
    figures = " ".join(f"{_figure(f(row.agreement)):>12}" for f in FIGURES.values())
    return f"{row.image:<24.24} {row.method:<28.28} {figures}"


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write the rows as CSV.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["image", "method", *FIGURES])
            for row in rows:
                writer.writerow(
                    [row.image, row.method, *(f(row.agreement) for f in FIGURES.values())]
                )
    except OSError as e:
        raise OutputError(f"{path}: cannot be written: {e.strerror or e}") from e


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _methods(protocol: Protocol) -> Mapping[str, Segmentation]:
    own = protocol.segmentation
    classical = own.model_copy(update={"method": "classical"})
    if own.method == "classical":
        return {"classical": classical}
    return {f"network {own.network}": own, "classical": classical}


def _pairs(masks: Masks) -> list[tuple[Path, Path]]:
    for folder in (masks.images, masks.labels, masks.ignore):
        if folder is not None and not folder.is_dir():
            raise UsageError(f"no such folder: {folder}")
    labels = _by_stem(masks.labels)
    pictures = _by_stem(masks.images)
    pairs = [(pictures[stem], labels[stem]) for stem in sorted(pictures.keys() & labels.keys())]
    if not pairs:
        raise UsageError(
            f"expected pictures in {masks.images} and label images of the same names in "
            f"{masks.labels}, found no pair"
        )
    return pairs


def _by_stem(folder: Path) -> dict[str, Path]:
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
    return {_stem(p): p for p in files}


def _stem(path: Path) -> str:
    return path.name.removesuffix(path.suffix).removesuffix(".ome")


def _compare(
    path: Path,
    labels: Path,
    masks: Masks,
    protocol: Protocol,
    *,
    pixel_size_um: float | None,
    device: str,
) -> Agreement:
    image = picture.read(
        path,
        stain=protocol.stain,
        pixel_size_um=pixel_size_um,
        max_megapixels=protocol.segmentation.max_megapixels,
    )
    regions = segmentation.segment(image, protocol.segmentation, device=device)
    return agreement(
        regions.labels,
        _read_labels(labels, image.shape_yx).astype(np.int32),
        image.um_per_px,
        ignore=_ignored(path, masks, image.shape_yx),
        min_diameter_um=protocol.sizing.min_diameter_um,
    )


def _ignored(path: Path, masks: Masks, shape_yx: tuple[int, int]) -> NDArray[np.bool_] | None:
    if masks.ignore is None:
        return None
    found = _by_stem(masks.ignore).get(_stem(path))
    return None if found is None else _read_labels(found, shape_yx) > 0


def _read_labels(path: Path, shape_yx: tuple[int, int]) -> NDArray[Any]:
    tiff = path.suffix.lower() in {".tif", ".tiff"}
    labels = tifffile.imread(path) if tiff else cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if labels is None:
        raise UsageError(f"{path}: expected a label image, could not read it")
    if labels.shape != shape_yx:
        raise UsageError(
            f"{path}: expected labels of the picture's shape {shape_yx}, found {labels.shape}"
        )
    return np.asarray(labels)
