"""Own pictures become examples as they are: colours in order, classes as given, sizes in um."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from isletqc.errors import UsageError
from isletqc.training.examples import IGNORE, read_real, um_per_px_of
from isletqc.training.recipe import RealSource


def coloured(folder: Path, **more: object) -> RealSource:
    labels = np.zeros((40, 60), np.uint16)
    labels[10:20, 10:30] = 1
    classes = np.where(labels > 0, 2, 0).astype(np.uint8)
    classes[25:35, 5:20] = 1
    pixels = np.full((40, 60, 3), (250, 160, 20), np.uint8)  # red, green, blue
    for name in ("images", "labels", "classes", "ignore"):
        (folder / name).mkdir()
    cv2.imwrite(str(folder / "images" / "field.1.png"), pixels[:, :, ::-1])
    tifffile.imwrite(folder / "labels" / "field.1.ome.tif", labels)
    tifffile.imwrite(folder / "classes" / "field.1.tif", classes)
    ignore = np.zeros((40, 60), np.uint8)
    ignore[:5] = 1
    cv2.imwrite(str(folder / "ignore" / "field.1.png"), ignore)
    return RealSource.model_validate(
        {"kind": "real", "images": "images", "labels": "labels", "um_per_px": 2.0, **more}
    )


def test_coloured_pictures_keep_their_colours_and_classes(tmp_path: Path) -> None:
    source = coloured(tmp_path, classes="classes", ignore="ignore")
    (example,) = read_real(source, tmp_path, stain="dithizone")
    assert example.pixels[0, 0].tolist() == [250, 160, 20]
    assert (example.classes[25:35, 5:20] == 1).all()
    assert (example.classes[10:20, 10:30] == 2).all()
    assert (example.classes[:5] == IGNORE).all()
    assert int((example.labels == 1).sum()) == 200


def test_a_network_with_exocrine_tissue_asks_for_classes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="class images"):
        read_real(coloured(tmp_path), tmp_path, stain="dithizone")


def test_pixel_size_follows_the_median_object() -> None:
    labels = np.zeros((200, 200), np.int32)
    for number, side in enumerate((10, 20, 40), start=1):
        labels[number * 45 : number * 45 + side, 20 : 20 + side] = number
    # the middle square has 400 px: a disc of 22.57 px
    assert um_per_px_of(labels, 8.0) == pytest.approx(8 / (2 * np.sqrt(400 / np.pi)))
