"""Result folders that a person has corrected and approved -> examples to learn from.

What ``isletqc run`` found and a scientist corrected in napari is the best teaching material that a
laboratory has: pictures of its own microscope with outlines that somebody looked at.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isletqc.errors import UsageError
from isletqc.load import picture as pictures
from isletqc.records import Image, Picture
from isletqc.report.files import RUN
from isletqc.report.picture import read_picture, read_planes
from isletqc.segment.prepare import FLUORESCENT
from isletqc.training.examples import Example, make_example
from isletqc.training.recipe import CorrectedSource, Recipe


def read(source: CorrectedSource, data: Path, recipe: Recipe) -> list[Example]:
    """Read the approved pictures of a result folder.

    Raises
    ------
    UsageError
        No picture is approved, a picture is not the one that was analysed, or the stain is
        fluorescent.
    PictureError
        A picture cannot be read.
    """
    out = data / source.results
    if recipe.stain in FLUORESCENT:
        raise UsageError(
            f"{out}: corrected results can teach networks for transmitted light; for fluorescence "
            "give folders of images and labels (kind: real)"
        )
    folders = sorted(path.parent for path in out.glob("images/*/result.json"))
    found = [(folder, read_picture(folder)) for folder in folders]
    approved = [(folder, one) for folder, one in found if one.approval is not None]
    if not approved:
        raise UsageError(
            f"{out}: expected pictures that were approved, found {len(found)} pictures and none "
            "approved; correct and approve them in napari first"
        )
    root = _root(out)
    return [_example(folder, one, root, recipe) for folder, one in approved]


def _root(out: Path) -> Path:
    """Folder that the run was started in, to which paths of its pictures are relative."""
    path = out / RUN
    try:
        return Path(json.loads(path.read_bytes())["folder"])
    except (OSError, ValueError, KeyError) as e:
        raise UsageError(f"{path}: expected the record of a finished run, found {e!r}") from e


def _example(folder: Path, one: Picture, root: Path, recipe: Recipe) -> Example:
    image = pictures.read(root / one.sample.image, stain=recipe.stain, pixel_size_um=one.um_per_px)
    if image.sha256 != one.sha256:
        raise UsageError(
            f"{image.path}: this is not the file that was analysed (its SHA-256 differs): put the "
            "original back, or leave its results out"
        )
    labels, classes = read_planes(folder, one)
    return make_example(
        _bytes(image), labels.astype(np.int32), classes.astype(np.uint8), one.um_per_px
    )


def _bytes(image: Image) -> NDArray[np.uint8]:
    if image.pixels.dtype == np.uint8:
        return image.pixels
    shares = np.clip(image.pixels / image.full_scale, 0, 1)
    return np.rint(255 * shares).astype(np.uint8)
