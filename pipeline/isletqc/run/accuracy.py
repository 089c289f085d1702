"""How well a protocol's segmentation agrees with masks, beside the classical one.

Takes a folder of pictures, a folder of label images and, where there is one, a folder of masks
of what is neither rewarded nor punished; names match without their suffixes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from isletqc import __version__
from isletqc.errors import OutputError, UsageError
from isletqc.load import picture
from isletqc.measure import viability
from isletqc.protocol import Protocol, Segmentation
from isletqc.report.files import write_text_atomically
from isletqc.report.tables import cell
from isletqc.run import accuracy_page
from isletqc.run.inputs import SUFFIXES
from isletqc.run.worst_cases import Case, worst
from isletqc.segment import nuclei
from isletqc.segment import run as segmentation
from isletqc.training.evaluate import Agreement, agreement, of_size, together
from isletqc.training.examples import um_per_px_of
from isletqc.training.figures import FIGURES, SHORT, intervals

HEADING = f"{'image':<24} {'method':<28} " + " ".join(f"{name:>12}" for name in SHORT)
SIZES_UM = ((50, 100), (100, 150), (150, 200), (200, 300), (300, 10_000))
_MOST_CASES = 24
SCHEMA_VERSION = "1.0"


@dataclass(frozen=True, slots=True)
class Row:
    """One picture, or all together (``pictures`` of them), by one method.

    ``cases`` are the objects whose volume is most wrong, worst first.
    """

    image: str
    method: str
    agreement: Agreement
    pictures: int = 1
    cases: tuple[Case, ...] = ()


@dataclass(frozen=True, slots=True)
class Masks:
    """Where the truth lies; ``ignore`` may be absent.

    ``object_um`` is for pictures that state no pixel size: each gets the one at which its median
    true object has this diameter.
    """

    images: Path
    labels: Path
    ignore: Path | None = None
    object_um: float | None = None


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
            found, cases = _compare(
                path,
                labels,
                masks,
                protocol.model_copy(update={"segmentation": settings}),
                pixel_size_um=pixel_size_um,
                device=device,
            )
            parts[name].append(found)
            yield Row(path.name, name, found, cases=cases)
    for name, found_parts in parts.items():
        yield Row(f"all {len(pairs)}", name, together(found_parts), len(pairs))


def line(row: Row) -> str:
    """Write one row as it stands under ``HEADING``."""
    figures = " ".join(f"{_figure(f(row.agreement)):>12}" for f in SHORT.values())
    return f"{row.image:<24.24} {row.method:<28.28} {figures}"


def write(path: Path, rows: Sequence[Row], *, command: str = "") -> tuple[Path, ...]:
    """Write the rows as CSV, and beside it a JSON with intervals and a page with the worst cases.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    columns = {method: _column(method, rows) for method in dict.fromkeys(r.method for r in rows)}
    document = {
        "schema_version": SCHEMA_VERSION,
        "version": __version__,
        "command": command,
        "pictures": max(row.pictures for row in rows),
        "methods": columns,
    }
    texts = {
        path: _csv(rows),
        path.with_suffix(".json"): json.dumps(document, indent=2, allow_nan=False) + "\n",
        path.with_suffix(".html"): accuracy_page.html(document, _worst(rows)),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            write_text_atomically(file, text)
    except OSError as e:
        raise OutputError(f"{path}: cannot be written: {e.strerror or e}") from e
    return tuple(texts)


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "method", *FIGURES])
    for row in rows:
        figures = (figure(row.agreement) for figure in FIGURES.values())
        writer.writerow([cell(row.image), row.method, *figures])
    return text.getvalue()


def _column(method: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Figures of one method over all pictures, with their intervals and by size."""
    mine = [row for row in rows if row.method == method]
    whole = next(row.agreement for row in mine if row.image.startswith("all "))
    ranges = intervals([row.agreement for row in mine if not row.image.startswith("all ")])
    return {
        "figures": {
            name: {"value": figure(whole), "interval": ranges[name]}
            for name, figure in FIGURES.items()
        },
        "by_size": [
            {"low_um": low, "high_um": high, **_sized(of_size(whole, low, high))}
            for low, high in SIZES_UM
        ],
    }


def _sized(found: Agreement) -> dict[str, float | None]:
    return {
        name: FIGURES[name](found)
        for name in (*SHORT, "recall_at_0.5", "precision_at_0.5", "panoptic_quality_at_0.5")
    }


def _worst(rows: Sequence[Row]) -> list[Case]:
    """Worst cases of the first method, which is the protocol's own."""
    cases = [case for row in rows if row.method == rows[0].method for case in row.cases]
    return sorted(cases, key=lambda c: abs(c.volume_error_nl), reverse=True)[:_MOST_CASES]


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
) -> tuple[Agreement, tuple[Case, ...]]:
    true = _read_labels(labels).astype(np.int32)
    image = picture.read(
        path,
        stain=protocol.stain,
        pixel_size_um=um_per_px_of(true, masks.object_um) if masks.object_um else pixel_size_um,
        max_megapixels=protocol.segmentation.max_megapixels,
    )
    if protocol.viability is not None:
        image = viability.channels(image, protocol.viability)
    regions = (
        nuclei.regions(image, protocol.markers.nuclei, protocol.segmentation, device=device)
        if protocol.markers is not None
        else segmentation.segment(image, protocol.segmentation, device=device)
    )
    _check_shape(labels, true.shape, image.shape_yx)
    found = agreement(
        regions.labels,
        true,
        image.um_per_px,
        ignore=_ignored(path, masks, image.shape_yx),
        min_diameter_um=(
            protocol.sizing.min_diameter_um
            if protocol.markers is None
            else protocol.markers.nuclei.diameter_um[0]
        ),
    )
    return found, worst(
        image, regions.labels, true, found.pairs, name=path.name, most=_MOST_CASES // 2
    )


def _ignored(path: Path, masks: Masks, shape_yx: tuple[int, int]) -> NDArray[np.bool_] | None:
    if masks.ignore is None:
        return None
    found = _by_stem(masks.ignore).get(_stem(path))
    if found is None:
        return None
    ignored = _read_labels(found)
    _check_shape(found, ignored.shape, shape_yx)
    return np.asarray(ignored > 0)


def _read_labels(path: Path) -> NDArray[Any]:
    tiff = path.suffix.lower() in {".tif", ".tiff"}
    labels = tifffile.imread(path) if tiff else cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if labels is None:
        raise UsageError(f"{path}: expected a label image, could not read it")
    return np.asarray(labels)


def _check_shape(path: Path, found: tuple[int, ...], expected: tuple[int, int]) -> None:
    if found != expected:
        raise UsageError(
            f"{path}: expected labels of the picture's shape {expected}, found {found}"
        )
