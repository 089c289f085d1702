"""Opens the results of ``isletqc run``: a run's folder, one picture's folder, or their JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tifffile

from isletqc.errors import PictureError
from isletqc.load import picture as pictures
from isletqc.plugin import layers
from isletqc.plugin.layers import LayerData
from isletqc.records import Picture
from isletqc.report import picture as files

RESULTS = "results.json"


def get_reader(
    path: str | Sequence[str],
) -> Callable[[str | Sequence[str]], list[LayerData]] | None:
    """Give the reader for results of isletqc; None for everything else."""
    return read if isinstance(path, str) and picture_folders(Path(path)) else None


def read(path: str | Sequence[str]) -> list[LayerData]:
    """Read the layers of the first picture; the Review dock steps through the others."""
    return picture_layers(picture_folders(Path(str(path)))[0])


def picture_folders(path: Path) -> tuple[Path, ...]:
    """Folders of the finished pictures in a run's folder, or of the one picture; empty for none."""
    folder = path.parent if path.name in {RESULTS, files.RESULT} else path
    if (folder / files.RESULT).is_file():
        return (folder,)
    if not (folder / RESULTS).is_file():
        return ()
    return tuple(sorted(p.parent for p in (folder / "images").glob(f"*/{files.RESULT}")))


def picture_layers(folder: Path) -> list[LayerData]:
    """Layers of one finished picture; without its file, those of what was found in it."""
    picture = files.read_picture(folder)
    labels = tifffile.imread(folder / files.LABELS).astype(np.int32)
    found = [
        layers.exocrine(tifffile.imread(folder / files.CLASSES), picture.um_per_px),
        layers.islets(labels, picture.islets, picture.um_per_px),
    ]
    for _, settings, _ in found:
        settings["metadata"] = {layers.FOLDER_KEY: str(folder)}
    return [*shown(picture), *found]


def shown(picture: Picture) -> list[LayerData]:
    """Layers of the picture itself; none when its file is gone or cannot be read."""
    try:
        image = pictures.read(
            Path(picture.sample.image),
            stain=picture.sample.stain or "brightfield",
            pixel_size_um=picture.um_per_px,
        )
    except PictureError:
        return []
    return layers.picture(image)
