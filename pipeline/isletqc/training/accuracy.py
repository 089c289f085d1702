"""Folders of pictures and masks -> accuracy of a protocol's method, the classical one beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from isletqc.errors import UsageError
from isletqc.load import picture
from isletqc.protocol import Protocol, Segmentation
from isletqc.records import Image
from isletqc.segment.run import segment
from isletqc.training.evaluate import IOU_LEVELS, Agreement, agreement, together

Progress = Callable[[int, int], None]
_SUFFIXES = (".png", ".tif", ".tiff")


@dataclass(frozen=True, slots=True)
class PictureAccuracy:
    """How one picture agrees with its masks, by the method of a protocol and by the baseline."""

    name: str
    method: Agreement
    baseline: Agreement


@dataclass(frozen=True, slots=True)
class Accuracy:
    """All pictures of a folder."""

    pictures: tuple[PictureAccuracy, ...]

    @property
    def method(self) -> Agreement:
        """The protocol's method over all pictures."""
        return together([p.method for p in self.pictures])

    @property
    def baseline(self) -> Agreement:
        """The classical method over all pictures."""
        return together([p.baseline for p in self.pictures])

    @property
    def volume_rsd(self) -> float | None:
        """Root mean square of the pictures' relative volume errors; None without true volume."""
        errors = [p.method.volume_error for p in self.pictures]
        known = [e for e in errors if e is not None]
        return float(np.sqrt(np.mean(np.square(known)))) if known else None


def evaluate_folders(
    images: Path,
    labels: Path,
    protocol: Protocol,
    *,
    ignore: Path | None = None,
    pixel_size_um: float | None = None,
    device: str = "auto",
    on_progress: Progress = lambda done, total: None,
) -> Accuracy:
    """Compare a method with masks, picture by picture.

    Parameters
    ----------
    images : folder of pictures
    labels : folder of label images (PNG or TIFF, one number an object) with the pictures' stems;
        pictures without a label image are left out
    ignore : folder of masks of regions that are neither rewarded nor punished

    Raises
    ------
    UsageError
        A folder is missing, no picture has labels, or shapes differ.
    PictureError
        A picture cannot be read.
    """
    pairs = _pairs(images, labels)
    pictures = []
    for done, (path, label_path) in enumerate(pairs, start=1):
        image = picture.read(path, stain=protocol.stain, pixel_size_um=pixel_size_um)
        true = _read_labels(label_path, image)
        skip = _find(ignore, path.stem) if ignore else None
        ignored = _read_labels(skip, image) > 0 if skip else None
        pictures.append(_compare(image, true, ignored, protocol, device))
        on_progress(done, len(pairs))
    return Accuracy(tuple(pictures))


def table(accuracy: Accuracy) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and rows of the summary, method beside baseline; plain text."""
    rows = [
        ("true objects", *(str(a.true_count) for a in _both(accuracy))),
        ("found objects", *(str(a.found_count) for a in _both(accuracy))),
        *(
            (f"F1 at IoU {level:g}", *(_text(a.f1(level)) for a in _both(accuracy)))
            for level in IOU_LEVELS
        ),
        ("mean IoU of matches", *(_text(a.mean_iou) for a in _both(accuracy))),
        ("count error", *(_percent(a.count_error) for a in _both(accuracy))),
        ("total volume error", *(_percent(a.volume_error) for a in _both(accuracy))),
        ("total area error", *(_percent(a.area_error) for a in _both(accuracy))),
    ]
    return ("figure", "method", "classical baseline"), rows


def figures(accuracy: Accuracy) -> dict[str, float]:
    """Figures that travel in the weights of a network."""
    both = {
        "f1_iou_50": accuracy.method.f1(0.5),
        "f1_iou_75": accuracy.method.f1(0.75),
        "mean_iou": accuracy.method.mean_iou,
        "count_error": accuracy.method.count_error,
        "volume_error": accuracy.method.volume_error,
        "volume_rsd": accuracy.volume_rsd,
    }
    return {name: round(value, 4) for name, value in both.items() if value is not None}


def to_json(accuracy: Accuracy) -> dict[str, Any]:
    """Everything, for a file."""
    return {
        "method": _as_json(accuracy.method),
        "baseline": _as_json(accuracy.baseline),
        "volume_rsd": accuracy.volume_rsd,
        "pictures": [
            {"name": p.name, "method": _as_json(p.method), "baseline": _as_json(p.baseline)}
            for p in accuracy.pictures
        ],
    }


def _both(accuracy: Accuracy) -> tuple[Agreement, Agreement]:
    return accuracy.method, accuracy.baseline


def _text(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:+.1f} %"


def _as_json(agreement: Agreement) -> dict[str, Any]:
    return {
        "true_count": agreement.true_count,
        "found_count": agreement.found_count,
        "f1": {f"{level:g}": agreement.f1(level) for level in IOU_LEVELS},
        "mean_iou": agreement.mean_iou,
        "count_error": agreement.count_error,
        "volume_error": agreement.volume_error,
        "area_error": agreement.area_error,
    }


def _pairs(images: Path, labels: Path) -> Sequence[tuple[Path, Path]]:
    for folder in (images, labels):
        if not folder.is_dir():
            raise UsageError(f"{folder}: expected a folder, found none")
    found = [(p, _find(labels, p.stem)) for p in sorted(images.iterdir()) if p.is_file()]
    pairs = [(path, label) for path, label in found if label]
    if not pairs:
        raise UsageError(
            f"no picture in {images} has a label image in {labels}; "
            "a label image is a PNG or TIFF with the picture's name"
        )
    return pairs


def _find(folder: Path, stem: str) -> Path | None:
    plain = stem.removesuffix(".ome")
    names = [f"{s}{suffix}" for s in (stem, plain) for suffix in (*_SUFFIXES, ".ome.tif")]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _read_labels(path: Path, image: Image) -> NDArray[np.int32]:
    is_tiff = path.suffix.lower() in {".tif", ".tiff"}
    read = tifffile.imread(path) if is_tiff else cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if read is None or read.ndim != 2 or read.shape != image.shape_yx:
        found = "nothing" if read is None else f"shape {read.shape}"
        raise UsageError(f"{path}: expected labels of shape {image.shape_yx}, found {found}")
    return np.asarray(read, dtype=np.int32)


def _compare(
    image: Image,
    true: NDArray[np.int32],
    ignored: NDArray[np.bool_] | None,
    protocol: Protocol,
    device: str,
) -> PictureAccuracy:
    def score(settings: Segmentation) -> Agreement:
        regions = segment(image, settings, device=device)
        return agreement(
            regions.labels,
            true,
            image.um_per_px,
            ignore=ignored,
            min_diameter_um=protocol.sizing.min_diameter_um,
        )

    classical = protocol.segmentation.model_copy(update={"method": "classical"})
    return PictureAccuracy(Path(image.path).name, score(protocol.segmentation), score(classical))
