"""Files as instruments and their software wrote them."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from isletqc.errors import PixelSizeUnknownError
from isletqc.load import fitness, picture
from isletqc.protocol import FitnessLimits
from isletqc.records import Image, Stain

pytestmark = pytest.mark.real
LIMITS = FitnessLimits()
# Some of the training pictures of all four cultures, sparse and crowded ones.
STEP = 13


def brightfield(path: Path, um: float | None = None) -> Image:
    return picture.read(path, stain="brightfield", pixel_size_um=um)


def blurred(image: Image, blur_um: float) -> Image:
    pixels = cv2.GaussianBlur(np.asarray(image.pixels), (0, 0), blur_um / image.um_per_px)
    return replace(image, pixels=pixels.reshape(image.pixels.shape))


@pytest.mark.parametrize("name", ["evos_A01_z05.tif", "evos_B04_z05.tif"])
def test_evos_ome_tiff_is_read_with_its_pixel_size(real_data: Path, name: str) -> None:
    image = brightfield(real_data / "real_files" / name)
    assert image.pixels.shape == (1048, 1328, 3)
    assert image.channels == ("red", "green", "blue")
    # PhysicalSizeX in the file's XML; its resolution tag of 5875.618 per inch agrees.
    assert image.um_per_px == pytest.approx(4.32295, rel=1e-5)
    assert image.um_per_px == pytest.approx(25400 / 5875.618, rel=1e-5)
    assert image.um_per_px_source == "OME-XML"
    assert fitness.assess(image, LIMITS).verdict == "fit"
    assert fitness.assess(blurred(image, 15), LIMITS).verdict == "unfit"


@pytest.mark.parametrize("name", ["metaxpress_M06.tif", "metaxpress organoids_B06.tif"])
def test_metaxpress_tiff_is_read_with_its_calibration(real_data: Path, name: str) -> None:
    image = brightfield(real_data / "real_files" / name)
    assert image.pixels.shape == (1024, 1024, 1)
    assert image.pixels.dtype == np.uint16
    assert (image.um_per_px, image.um_per_px_source) == (1.3622, "MetaXpress")
    assert image.full_scale == 65535
    assert fitness.assess(image, LIMITS).verdict == "fit"


def test_mass_cytometry_ome_tiff_keeps_its_channels(real_data: Path) -> None:
    path = real_data / "real_files" / "imc_mock_001.ome.tiff"
    with pytest.raises(PixelSizeUnknownError):
        picture.read(path, stain="immunofluorescence")
    image = picture.read(path, stain="immunofluorescence", pixel_size_um=1.0)
    assert image.pixels.shape == (60, 60, 5)
    assert image.pixels.dtype == np.float32
    assert image.channels[1] == "Pr141_Cytokeratin 5"


def test_jpegs_of_a_72_dpi_camera_have_no_pixel_size(real_data: Path) -> None:
    path = sorted((real_data / "pds_aggregates" / "train" / "images").glob("*.jpg"))[0]
    with pytest.raises(PixelSizeUnknownError, match="72 dpi in EXIF"):
        brightfield(path)


def test_sharp_aggregate_pictures_are_fit_and_blurred_ones_are_not(real_data: Path) -> None:
    folder = real_data / "pds_aggregates"
    with (folder / "index.csv").open(newline="") as file:
        sizes = {row["name"]: float(row["um_per_px"]) for row in csv.DictReader(file)}
    paths = sorted((folder / "train" / "images").glob("*.jpg"))[::STEP]
    assert paths
    for path in paths:
        image = brightfield(path, sizes[path.stem])
        assert fitness.assess(image, LIMITS).reasons == (), path.name
        (reason,) = fitness.assess(blurred(image, 15), LIMITS).reasons
        assert "out of focus" in reason, path.name


def test_spheroid_pictures_are_fit_and_blurred_ones_are_not(real_data: Path) -> None:
    for path in sorted((real_data / "dagostino_spheroids" / "images").glob("*.png"))[::3]:
        image = brightfield(path, 1.3622)
        assert fitness.assess(image, LIMITS).reasons == (), path.name
        assert fitness.assess(blurred(image, 15), LIMITS).verdict == "unfit", path.name


@pytest.mark.parametrize(
    ("folder", "um", "stain"),
    [("calcein_organoids", 4.991, "live-dead"), ("livedead_nuclei", 0.3112, "immunofluorescence")],
)
def test_fluorescence_pictures_are_fit_and_blurred_ones_are_not(
    real_data: Path, folder: str, um: float, stain: Stain
) -> None:
    for path in sorted((real_data / folder / "images").iterdir())[::6]:
        image = picture.read(path, stain=stain, pixel_size_um=um)
        assert fitness.assess(image, LIMITS).verdict == "fit", path.name
        assert fitness.assess(blurred(image, 15), LIMITS).verdict == "unfit", path.name
