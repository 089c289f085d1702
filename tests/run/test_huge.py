"""Part by part gives what the whole picture gives: islets, numbers, files."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray
from typer.testing import Result

from isletqc import assets, protocol
from isletqc.cli import telling
from isletqc.errors import PictureTooLargeError
from isletqc.load import picture, regions
from isletqc.measure import islets
from isletqc.protocol import Protocol
from isletqc.records import Image, Stain
from isletqc.report import picture as files
from isletqc.run import huge
from isletqc.segment import learned, run
from isletqc.segment.tiles_segment import Pieces
from isletqc.synthetic.draw import brightfield_field, dithizone_field

SMALL = Pieces(band_px=20_000, block_px=96)
UM_PER_PX = 2.4
STAINS: dict[str, Stain] = {"dtz-us-generic": "dithizone", "sc-islet-brightfield": "brightfield"}
each_protocol = pytest.mark.parametrize("name", list(STAINS))


@pytest.fixture(scope="module", params=list(STAINS))
def drawn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiled TIFF whose size is no simple multiple of the network's."""
    draw = dithizone_field if STAINS[request.param] == "dithizone" else brightfield_field
    pixels = draw(5, shape_yx=(431, 613), um_per_px=UM_PER_PX).pixels.copy()
    pixels[20:44, 40:140] = 255  # a burnt-in box
    path = tmp_path_factory.mktemp("huge") / f"{request.param}.tif"
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(128, 128), compression="zlib")
    return path


def opened(
    path: Path, pieces: Pieces
) -> tuple[Image, huge.Large, tuple[NDArray[Any], ...], Protocol]:
    """The picture read whole, what is found part by part, and the planes on disk."""
    loaded = protocol.load(path.stem).protocol
    trained = learned.load(assets.model(loaded.segmentation.network), learned.choose_device("cpu"))
    given: dict[str, Any] = {"stain": loaded.stain, "pixel_size_um": UM_PER_PX}
    with (
        tempfile.TemporaryDirectory() as folder,
        regions.opened(path, max_megapixels=10, **given) as source,
    ):
        assert source is not None
        found = huge.analyse(source, loaded, trained, folder=Path(folder), pieces=pieces)
        planes = tuple(
            np.fromfile(p.path, p.dtype).reshape(p.shape)
            for p in (found.regions.labels, found.regions.classes, found.regions.probability)
        )
    return picture.read(path, **given), found, planes, loaded


def test_labels_classes_and_likeness_are_those_of_the_whole_picture(drawn: Path) -> None:
    image, found, (labels, classes, probability), loaded = opened(drawn, SMALL)
    trained = learned.load(assets.model(loaded.segmentation.network), learned.choose_device("cpu"))
    whole = run.segment_with(image, trained)
    assert whole.labels.max() >= 5, "test invalid: too few islets drawn"
    assert np.array_equal(labels, whole.labels)
    assert np.array_equal(classes, whole.classes)
    assert np.abs(probability.astype(int) - whole.probability.astype(int)).max() <= 1
    assert found.regions.likeness == pytest.approx(whole.likeness, rel=1e-5)
    assert len(found.regions.groups) > 3, "test invalid: all islets in one block"


def test_every_number_of_every_islet_is_that_of_the_whole_picture(drawn: Path) -> None:
    image, found, _, loaded = opened(drawn, SMALL)
    trained = learned.load(assets.model(loaded.segmentation.network), learned.choose_device("cpu"))
    whole = run.segment_with(image, trained)
    measured = islets.measure(image, whole, loaded.sizing)
    expected = huge.with_outlines(measured.islets, image, whole, loaded)
    alike = [replace(i, probability=0) for i in found.measured.islets]
    assert alike == [replace(i, probability=0) for i in expected]
    for one, other in zip(found.measured.islets, expected, strict=True):
        assert one.probability == pytest.approx(other.probability, abs=1e-4)
    for name in ("islet_area_um2", "exocrine_area_um2", "exocrine_clusters", "exocrine_volume_nl"):
        assert getattr(found.measured, name) == pytest.approx(getattr(measured, name), rel=1e-12)


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def test_a_run_in_parts_writes_what_a_run_over_the_whole_picture_writes(
    drawn: Path,
    tmp_path: Path,
    isletqc: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = ("-p", drawn.stem, "--pixel-size", UM_PER_PX, "--workers", 1, "--fail-on", "never")
    isletqc("run", drawn, *options, "-o", tmp_path / "whole")
    monkeypatch.setattr(huge, "OVER_MEGAPIXELS", 0.0)
    monkeypatch.setattr(telling, "_SECONDS_BETWEEN", 0.0)
    result = isletqc("run", drawn, *options, "-o", tmp_path / "parts")
    assert result.exit_code in {0, 5}, result.output
    lines = result.output.splitlines()
    told = [line.partition(": ")[2] for line in lines if line.startswith(f"{drawn.name}: ")]
    assert told[0] == "resampling"
    assert told[-1] == "writing"
    assert "network 100%" in told
    whole, parts = (tmp_path / name for name in ("whole", "parts"))
    assert (parts / "objects.csv").read_bytes() == (whole / "objects.csv").read_bytes()
    folder = next((whole / "images").iterdir()).name
    for name in ("labels.ome.tif", "classes.ome.tif", "overlay.jpg"):
        one, other = (run / "images" / folder / name for run in (whole, parts))
        assert one.read_bytes() == other.read_bytes(), name
    assert not (parts / "images" / folder / "planes").exists()


def test_an_ome_zarr_is_analysed_in_parts_as_it_is_whole(
    drawn: Path,
    tmp_path: Path,
    isletqc: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "a.zarr"
    group = zarr.open_group(str(path), mode="w", zarr_format=3)
    group.create_array("0", data=tifffile.imread(drawn), chunks=(100, 100, 3))
    scale = [{"type": "scale", "scale": [UM_PER_PX, UM_PER_PX, 1.0]}]
    axes = [{"name": a, "type": "space", "unit": "micrometer"} for a in "yxc"]
    level: Any = {"path": "0", "coordinateTransformations": scale}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": [level]}]}
    options = ("-p", drawn.stem, "--workers", 1, "--fail-on", "never")
    isletqc("run", path, *options, "-o", tmp_path / "whole")
    monkeypatch.setattr(huge, "OVER_MEGAPIXELS", 0.0)
    monkeypatch.setattr(files, "write_picture", None)  # test invalid where it is read whole
    result = isletqc("run", path, *options, "-o", tmp_path / "parts")
    assert result.exit_code in {0, 5}, result.output
    for name in ("objects.csv", "images/a/labels.ome.tif", "images/a/overlay.jpg"):
        whole, parts = (tmp_path / way / name for way in ("whole", "parts"))
        assert parts.read_bytes() == whole.read_bytes(), name


def test_a_large_picture_that_has_to_be_enlarged_is_read_whole(
    tmp_path: Path, isletqc: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = dithizone_field(5, shape_yx=(160, 200), um_per_px=6.0).pixels
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", tile=(128, 128))
    options = ("--pixel-size", 6.0, "--workers", 1, "--fail-on", "never")
    isletqc("run", tmp_path / "a.tif", *options, "-o", tmp_path / "whole")
    monkeypatch.setattr(huge, "OVER_MEGAPIXELS", 0.0)
    isletqc("run", tmp_path / "a.tif", *options, "-o", tmp_path / "again")
    tables = [(tmp_path / way / "objects.csv").read_bytes() for way in ("whole", "again")]
    assert tables[0] == tables[1]
    assert tables[0].count(b"\n") > 3, "test invalid: no islets"


def test_a_picture_over_the_limit_is_refused_before_its_pixels_are_read(drawn: Path) -> None:
    with (
        pytest.raises(PictureTooLargeError, match=r"max_megapixels"),
        regions.opened(drawn, stain="dithizone", max_megapixels=0.2, pixel_size_um=1.0),
    ):
        pytest.fail("opened")


def test_an_object_larger_than_a_crop_is_refused_by_its_size(drawn: Path) -> None:
    with pytest.raises(PictureTooLargeError, match="more than can be measured at once"):
        opened(drawn, replace(SMALL, crop_px=100.0))
