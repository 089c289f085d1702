"""Windows of a file hold the pixels that reading all of it gives."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
import zarr

from isletqc.errors import PictureTooLargeError, PixelSizeUnknownError, UnreadablePictureError
from isletqc.load import foreign, picture, regions, tiff_windows

FILES = Path(__file__).parent / "files"

PIXELS = np.random.default_rng(0).integers(0, 256, (203, 317, 3), np.uint8)
FORMS: dict[str, dict[str, Any]] = {
    "strips": {"rowsperstrip": 17},
    "one strip": {},
    "tiles": {"tile": (64, 48), "compression": "zlib"},
    "JPEG tiles": {"tile": (64, 64), "compression": "jpeg"},
    "compressed strips": {"rowsperstrip": 17, "compression": "zlib", "predictor": True},
}


def written(path: Path, pixels: np.ndarray[Any, Any] = PIXELS, **form: Any) -> Path:
    tifffile.imwrite(path, pixels, **{"photometric": "rgb", **form})
    return path


@pytest.mark.parametrize("form", list(FORMS))
def test_windows_and_facts_are_those_of_the_picture_read_whole(tmp_path: Path, form: str) -> None:
    path = written(tmp_path / "a.tif", **FORMS[form])
    given: dict[str, Any] = {"stain": "dithizone", "pixel_size_um": 2.0}
    whole = picture.read(path, **given)
    with regions.opened(path, max_megapixels=1, **given) as source:
        assert source is not None
        assert np.array_equal(source.rows(0, 203), whole.pixels)
        window = slice(60, 131), slice(40, 317)
        assert np.array_equal(source.read(*window), whole.pixels[window])
        one = source.image(source.rows(0, 203))
    for name in ("channels", "full_scale", "um_per_px", "um_per_px_source", "path", "sha256"):
        assert getattr(one, name) == getattr(whole, name)


def test_sixteen_bit_grey_is_read_in_parts_and_planar_colour_is_left_to_be_read_whole(
    tmp_path: Path,
) -> None:
    grey = PIXELS[..., 0].astype(np.uint16) * 257
    path = written(tmp_path / "grey.tif", grey, photometric="minisblack")
    with regions.opened(path, stain="brightfield", max_megapixels=1, pixel_size_um=2) as source:
        assert source is not None
        assert np.array_equal(source.rows(50, 60)[..., 0], grey[50:60])
    planar = written(
        tmp_path / "planar.tif", np.moveaxis(PIXELS, -1, 0).copy(), planarconfig="separate"
    )
    with regions.opened(planar, stain="dithizone", max_megapixels=1, pixel_size_um=2) as source:
        assert source is None


def test_small_pictures_and_other_formats_are_left_to_be_read_whole(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif")
    with regions.opened(path, stain="dithizone", max_megapixels=1, over_megapixels=0.1) as source:
        assert source is None
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with regions.opened(tmp_path / "a.png", stain="dithizone", max_megapixels=1) as source:
        assert source is None


def test_limits_and_calibration_are_as_for_any_picture(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif")
    with (
        pytest.raises(PictureTooLargeError, match=r"a\.tif: claims 317 x 203"),
        regions.opened(path, stain="dithizone", max_megapixels=0.01, pixel_size_um=2),
    ):
        pytest.fail("opened")
    with (
        pytest.raises(PixelSizeUnknownError),
        regions.opened(path, stain="dithizone", max_megapixels=1),
    ):
        pytest.fail("opened")


def test_rows_of_one_uncompressed_strip_of_either_byte_order_are_read_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_bytes: list[int] = []
    plain = tiff_windows._bytes

    def counted(file: Any, start: int, size: int) -> bytes:
        read_bytes.append(size)
        return plain(file, start, size)

    monkeypatch.setattr(tiff_windows, "_bytes", counted)
    pixels = np.random.default_rng(1).integers(0, 2**16, (203, 317), np.uint16)
    orders: tuple[Literal["<", ">"], ...] = ("<", ">")
    for order in orders:
        path = tmp_path / "one.tif"
        tifffile.imwrite(path, pixels, byteorder=order, photometric="minisblack")
        with regions.opened(path, stain="dithizone", max_megapixels=1, pixel_size_um=2) as source:
            assert source is not None
            window = source.read(slice(50, 61), slice(20, 300))
        assert np.array_equal(window[..., 0], pixels[50:61, 20:300])
    assert read_bytes == [11 * 317 * 2] * 2


def test_one_large_compressed_strip_is_left_to_be_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regions, "_MAX_SEGMENT_BYTES", 203 * 317 * 3 - 1)
    path = written(tmp_path / "a.tif", compression="zlib", rowsperstrip=203)
    with regions.opened(path, stain="dithizone", max_megapixels=1, pixel_size_um=2) as source:
        assert source is None


def test_a_file_that_is_changed_while_it_is_read_is_refused_at_the_end(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif")
    with (
        pytest.raises(UnreadablePictureError, match=r"a\.tif: the file was changed while"),
        regions.opened(path, stain="dithizone", max_megapixels=1, pixel_size_um=2),
    ):
        written(path, 255 - PIXELS)


def test_a_file_that_ends_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", tile=(64, 64))
    with regions.opened(path, stain="dithizone", max_megapixels=1, pixel_size_um=2) as source:
        assert source is not None
        before = path.read_bytes(), path.stat().st_mtime_ns
        path.write_bytes(before[0][:5000])
        with pytest.raises(UnreadablePictureError, match=r"cut short"):
            source.rows(0, 203)
        path.write_bytes(before[0])
        os.utime(path, ns=(before[1], before[1]))


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", **FORMS["strips"])
    path.write_bytes(path.read_bytes()[:-3000])
    with (
        pytest.raises(UnreadablePictureError),
        regions.opened(path, stain="dithizone", max_megapixels=1, pixel_size_um=2),
    ):
        pytest.fail("opened")


def ome_zarr(folder: Path, version: int, axes: str = "cyx") -> Path:
    """An OME-Zarr of PIXELS whose chunks do not divide it, with a coarser level beside."""
    pixels = np.moveaxis(PIXELS, -1, 0) if axes == "cyx" else PIXELS
    group = zarr.open_group(str(folder), mode="w", zarr_format=2 if version == 2 else 3)
    chunks = tuple(3 if axis == "c" else 60 for axis in axes)
    for place, step in enumerate((1, 2)):
        level = pixels[:, ::step, ::step] if axes == "cyx" else pixels[::step, ::step]
        group.create_array(str(place), data=level, chunks=chunks)
    kinds = {"c": "channel", "y": "space", "x": "space"}
    scales: dict[str, Any] = {
        "axes": [{"name": axis, "type": kinds[axis], "unit": "micrometer"} for axis in axes],
        "datasets": [
            {
                "path": str(place),
                "coordinateTransformations": [
                    {"type": "scale", "scale": [1.0 if a == "c" else 0.5 * 2**place for a in axes]}
                ],
            }
            for place in range(2)
        ],
        "version": "0.4" if version == 2 else "0.5",
    }
    found: dict[str, Any] = {"multiscales": [scales]}
    group.attrs.update(found if version == 2 else {"ome": found})
    return folder


def svs(path: Path) -> Path:
    text = "Aperio Image Library v12|AppMag = 20|MPP = 0.5"
    tiles: dict[str, Any] = {"tile": (64, 64), "compression": "zlib", "metadata": None}
    tifffile.imwrite(path, PIXELS, photometric="rgb", description=text, **tiles)
    return path


@pytest.mark.parametrize("name", ["2.zarr", "3.zarr", "colour-last.zarr", "a.svs", "colour.czi"])
def test_windows_of_microscopes_formats_are_those_of_the_picture_read_whole(
    tmp_path: Path, name: str
) -> None:
    match name.partition("."):
        case (_, _, "svs"):
            path = svs(tmp_path / name)
        case (_, _, "czi"):
            path = FILES / name
        case (first, _, _):
            axes = "yxc" if first == "colour-last" else "cyx"
            path = ome_zarr(tmp_path / name, 2 if first == "2" else 3, axes)
    whole = picture.read(path, stain="dithizone")
    height, width = whole.shape_yx
    with regions.opened(path, stain="dithizone", max_megapixels=1) as source:
        assert source is not None
        assert source.shape_yx == whole.shape_yx
        assert np.array_equal(source.rows(0, height), whole.pixels)
        window = slice(height // 3, height - 1), slice(width // 4, width)
        assert np.array_equal(source.read(*window), whole.pixels[window])
        one = source.image(source.rows(0, 1))
    for field in ("channels", "full_scale", "um_per_px", "um_per_px_source", "path", "sha256"):
        assert getattr(one, field) == getattr(whole, field)


@pytest.mark.parametrize("version", [2, 3])
def test_a_chunk_that_is_cut_short_is_an_error_in_windows_and_whole(
    tmp_path: Path, version: int
) -> None:
    path = ome_zarr(tmp_path / "a.zarr", version)
    chunk = path / "0" / ("0.1.1" if version == 2 else "c/0/1/1")
    chunk.write_bytes(chunk.read_bytes()[:-40])
    with regions.opened(path, stain="dithizone", max_megapixels=1) as source:
        assert source is not None
        with pytest.raises(UnreadablePictureError, match=r"OME-Zarr is (cut short|damaged)"):
            source.read(slice(50, 70), slice(50, 70))
    with pytest.raises(UnreadablePictureError, match=r"OME-Zarr is (cut short|damaged)"):
        picture.read(path, stain="dithizone")


def test_a_small_file_of_a_microscope_is_left_to_be_read_whole(tmp_path: Path) -> None:
    path = ome_zarr(tmp_path / "a.zarr", 3)
    for megapixels in (0.1, 32.0):
        with regions.opened(
            path, stain="dithizone", max_megapixels=1, over_megapixels=megapixels
        ) as source:
            assert source is None


def test_a_reader_that_dies_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = [sys.executable, "-c", "raise SystemExit('lost its way')"]
    monkeypatch.setattr(foreign, "_command", lambda *given, **more: dead)
    with (
        pytest.raises(UnreadablePictureError, match=r"reader died of it \(code 1: lost its way"),
        foreign.windows(tmp_path / "a.zarr", "OME-Zarr", wanted="", max_megapixels=1),
    ):
        pytest.fail("opened")
