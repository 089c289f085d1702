"""Windows of a file hold the pixels that reading all of it gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from isletqc.errors import PictureTooLargeError, PixelSizeUnknownError, UnreadablePictureError
from isletqc.load import picture, regions

PIXELS = np.random.default_rng(0).integers(0, 256, (203, 317, 3), np.uint8)
FORMS: dict[str, dict[str, Any]] = {
    "strips": {"rowsperstrip": 17},
    "one strip": {},
    "tiles": {"tile": (64, 48), "compression": "zlib"},
    "JPEG tiles": {"tile": (64, 64), "compression": "jpeg"},
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


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", **FORMS["strips"])
    path.write_bytes(path.read_bytes()[:-3000])
    with (
        pytest.raises(UnreadablePictureError),
        regions.opened(path, stain="dithizone", max_megapixels=1, pixel_size_um=2),
    ):
        pytest.fail("opened")
