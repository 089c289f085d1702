"""One finished picture on disk."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from isletqc.errors import UnreadablePictureError
from isletqc.records import EXOCRINE, Sample
from isletqc.report.picture import read_key, read_picture, write_picture

FILES = {"labels.ome.tif", "classes.ome.tif", "overlay.jpg", "result.json"}
OME = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"


def write(folder: Path, make: Any, key: str = "key", **parts: Any) -> None:
    facts = {"image": make.image(), "regions": make.regions(), "picture": make.picture()}
    write_picture(folder, **facts | parts, key=key)


def test_a_finished_picture_has_four_files_and_nothing_else(tmp_path: Path, make: Any) -> None:
    write(tmp_path / "images" / "a1", make)
    assert {p.name for p in (tmp_path / "images" / "a1").iterdir()} == FILES


def test_the_result_is_restored_exactly(tmp_path: Path, make: Any) -> None:
    islet = make.islet(
        7, 100 / 3, stain={"redness": 0.1 + 0.2}, viability=1 / 3, exclusion_reason="small, µ <b>"
    )
    sample = Sample("in/ü.tif", "L\u202eot", pixel_size_um=2.5, infusion="first", notes='a"b')
    picture = make.picture(
        islets=(islet,),
        sample=sample,
        likeness=0.1,
        volume_rsd=1e-17,
        islet_area_um2=float(np.nextafter(1, 2)),
        fitness=make.unfit().fitness,
    )
    write(tmp_path, make, picture=picture)
    assert read_picture(tmp_path) == picture


def test_numbers_of_numpy_are_restored_as_plain_numbers(tmp_path: Path, make: Any) -> None:
    islet = make.islet(area_um2=np.float64(0.1), label=np.int32(3), included=np.bool_(True))
    write(tmp_path, make, picture=make.picture(islets=(islet,)))
    restored = read_picture(tmp_path).islets[0]
    assert (restored.area_um2, restored.label, restored.included) == (0.1, 3, True)


def test_the_key_tells_whether_a_picture_is_finished(tmp_path: Path, make: Any) -> None:
    assert read_key(tmp_path) is None
    write(tmp_path, make, key="abc")
    assert read_key(tmp_path) == "abc"


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_folder_that_lacks_a_file_is_not_finished(tmp_path: Path, make: Any, name: str) -> None:
    write(tmp_path, make)
    (tmp_path / name).unlink()
    assert read_key(tmp_path) is None


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"schema_version": "0.9", "key": "abc"}'])
def test_a_damaged_result_is_not_finished_and_says_what_to_do(
    tmp_path: Path, make: Any, damage: str
) -> None:
    write(tmp_path, make)
    (tmp_path / "result.json").write_text(damage)
    assert read_key(tmp_path) is None
    with pytest.raises(UnreadablePictureError, match="delete the folder and run again"):
        read_picture(tmp_path)


def test_the_result_is_taken_away_before_the_rest_is_written(
    tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, make)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path, make)
    assert read_key(tmp_path) is None


def test_a_number_that_is_none_is_refused(tmp_path: Path, make: Any) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write(tmp_path, make, picture=make.picture(islet_area_um2=float("nan")))
    assert read_key(tmp_path) is None


@pytest.mark.parametrize(("label", "dtype"), [(1, "uint16"), (65535, "uint16"), (65536, "uint32")])
def test_labels_keep_their_numbers_in_the_smallest_type(
    tmp_path: Path, make: Any, label: int, dtype: str
) -> None:
    regions = make.regions(label=label)
    write(tmp_path, make, regions=regions)
    labels = tifffile.imread(tmp_path / "labels.ome.tif")
    assert labels.dtype == dtype
    np.testing.assert_array_equal(labels, regions.labels)


def test_classes_are_the_picture_s_own_grid(tmp_path: Path, make: Any) -> None:
    regions = make.regions()
    write(tmp_path, make, regions=regions)
    classes = tifffile.imread(tmp_path / "classes.ome.tif")
    assert classes.dtype == np.uint8
    np.testing.assert_array_equal(classes, regions.classes)


@pytest.mark.parametrize("name", ["labels.ome.tif", "classes.ome.tif"])
def test_the_rasters_know_pixel_size_and_source(tmp_path: Path, make: Any, name: str) -> None:
    image = make.image(um_per_px=0.645)
    write(tmp_path, make, image=image)
    with tifffile.TiffFile(tmp_path / name) as file:
        page = file.pages.first
        assert (page.is_tiled, page.compression) == (True, tifffile.COMPRESSION.ADOBE_DEFLATE)
        # Pixels per centimetre, kept as a fraction of two 32-bit numbers.
        numerator, denominator = page.tags["XResolution"].value
        assert numerator / denominator == pytest.approx(1e4 / 0.645, rel=1e-6)
        described = ET.fromstring(file.ome_metadata or "")
    pixels = described.find(f".//{OME}Pixels")
    assert pixels is not None
    for axis in "XY":
        assert float(pixels.attrib[f"PhysicalSize{axis}"]) == 0.645
        assert pixels.attrib[f"PhysicalSize{axis}Unit"] == "µm"
    assert image.sha256 in (described.findtext(f".//{OME}Description") or "")


def test_the_same_picture_gives_the_same_bytes(tmp_path: Path, make: Any) -> None:
    for folder in ("a", "b"):
        write(tmp_path / folder, make)
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_large_picture_s_overlay_is_shrunk_in_proportion(tmp_path: Path, make: Any) -> None:
    shape = (1200, 2400)
    write(tmp_path, make, image=make.image(shape), regions=make.regions(shape))
    assert imagecodecs.imread(tmp_path / "overlay.jpg").shape == (800, 1600, 3)


def overlay(tmp_path: Path, make: Any, **parts: Any) -> np.ndarray[Any, Any]:
    write(tmp_path, make, **parts)
    return np.asarray(imagecodecs.imread(tmp_path / "overlay.jpg"), dtype=int)


def test_counted_islets_have_a_blue_outline_and_others_none(tmp_path: Path, make: Any) -> None:
    counted = overlay(tmp_path / "a", make)
    blue = (counted[..., 2] - counted[..., 0]) > 60
    # Ring of the disc of radius 10 px: blue lies on it, not inside and not far outside.
    rows, columns = np.nonzero(blue)
    radii = np.hypot(rows - 30, columns - 40)
    assert len(radii) > 30
    assert radii.min() > 5
    assert radii.max() < 14
    excluded = make.picture(islets=(make.islet(1, 40),))
    left_out = overlay(tmp_path / "b", make, picture=excluded)
    assert not ((left_out[..., 2] - left_out[..., 0]) > 60).any()
    assert (
        np.abs(left_out - overlay(tmp_path / "c", make, picture=make.picture(islets=()))).max() < 9
    )


def test_exocrine_tissue_has_an_outline_of_its_own(tmp_path: Path, make: Any) -> None:
    regions = make.regions()
    classes = regions.classes.copy()
    classes[5:15, 5:25] = EXOCRINE
    seen = overlay(tmp_path, make, regions=replace(regions, classes=classes))
    violet = (seen[..., 0] - seen[..., 1] > 60) & (seen[..., 2] - seen[..., 1] > 60)
    rows, columns = np.nonzero(violet)
    assert len(rows) > 20
    assert rows.max() <= 16
    assert columns.max() <= 26


@pytest.mark.parametrize(
    ("channels", "dtype", "full"),
    [
        (("gray",), "uint16", 65535.0),
        (("live", "dead"), "float32", 1.0),
        (tuple("abcde"), "uint8", 255.0),
    ],
)
def test_any_kind_of_picture_can_be_drawn(
    tmp_path: Path, make: Any, channels: tuple[str, ...], dtype: str, full: float
) -> None:
    rng = np.random.default_rng(1)
    pixels: np.ndarray[Any, Any] = rng.random((60, 80, len(channels))) * full
    image = make.image(pixels=pixels.astype(dtype), channels=channels, full_scale=full)
    seen = overlay(tmp_path, make, image=image)
    assert seen.shape == (60, 80, 3)
    assert seen.std() > 20


def test_an_empty_flat_picture_can_be_drawn(tmp_path: Path, make: Any) -> None:
    regions = make.regions()
    nothing = np.zeros_like(regions.labels)
    empty = replace(regions, labels=nothing, classes=nothing.astype(np.uint8))
    image = make.image(pixels=np.zeros((60, 80, 3), np.uint8))
    seen = overlay(tmp_path, make, image=image, regions=empty, picture=make.picture(islets=()))
    assert seen.max() < 10


def test_the_result_states_its_version(tmp_path: Path, make: Any) -> None:
    write(tmp_path, make)
    assert json.loads((tmp_path / "result.json").read_text())["schema_version"] == "1.0"
