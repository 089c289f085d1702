"""Nikon ND2: files written by hand (scripts/fuzz_nd2.py), read by nd2, come out as meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz_nd2 import nd2
from numpy.typing import NDArray

from isletqc.errors import (
    PictureError,
    PixelSizeUnknownError,
    UnreadablePictureError,
    UnsupportedPictureError,
)
from isletqc.load import picture
from isletqc.records import Image

RGB = np.random.default_rng(3).integers(0, 256, (20, 31, 3), dtype=np.uint8)


def read(path: Path, **content: Any) -> Image:
    path.write_bytes(nd2(**content))
    return picture.read(path, stain="brightfield")


def stored(*pictures: NDArray[Any]) -> NDArray[Any]:
    """Frames as Nikon lays a colour down: blue first."""
    return np.stack([one[..., ::-1] for one in pictures])


@pytest.mark.parametrize("padding_px", [0, 1, 3])
@pytest.mark.parametrize("lossless", [False, True])
def test_a_colour_comes_out_as_red_green_blue(
    tmp_path: Path, padding_px: int, lossless: bool
) -> None:
    image = read(
        tmp_path / "a.nd2",
        frames=stored(RGB),
        colour=True,
        channels=["Brightfield"],
        um_per_px=0.73,
        padding_px=padding_px,
        lossless=lossless,
    )
    np.testing.assert_array_equal(image.pixels, RGB)
    assert image.channels == ("red", "green", "blue")
    assert image.um_per_px == pytest.approx(0.73)
    assert image.um_per_px_source == "Nikon ND2"
    assert image.full_scale == 255


def test_channels_keep_their_names_and_their_order(tmp_path: Path) -> None:
    pixels = np.random.default_rng(4).integers(0, 65536, (1, 20, 31, 2), dtype=np.uint16)
    image = read(tmp_path / "a.nd2", frames=pixels, channels=["Calcein", "EthD-1"])
    np.testing.assert_array_equal(image.pixels, pixels[0])
    assert image.channels == ("Calcein", "EthD-1")


def test_positions_are_pictures_to_choose_from(tmp_path: Path) -> None:
    other = RGB[::-1].copy()
    content = {"frames": stored(RGB, other), "colour": True, "channels": ["BF"]}
    with pytest.raises(UnsupportedPictureError, match="several pictures"):
        read(tmp_path / "a.nd2", **content, loop="positions")
    for number, pixels in (("1", RGB), ("2", other)):
        image = picture.read(tmp_path / f"a.nd2#{number}", stain="brightfield")
        np.testing.assert_array_equal(image.pixels, pixels)


def test_a_stack_is_refused_by_name(tmp_path: Path) -> None:
    frames = stored(RGB, RGB, RGB)
    with pytest.raises(UnsupportedPictureError, match="Z stack"):
        read(tmp_path / "a.nd2", frames=frames, colour=True, channels=["BF"], loop="stack")


def test_a_file_that_was_never_calibrated_has_no_pixel_size(tmp_path: Path) -> None:
    with pytest.raises(PixelSizeUnknownError):
        read(
            tmp_path / "a.nd2",
            frames=stored(RGB),
            colour=True,
            channels=["BF"],
            calibrated=False,
        )


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_file_that_was_cut_short_is_refused(tmp_path: Path, kept: float) -> None:
    whole = nd2(stored(RGB), colour=True, channels=["BF"])
    (tmp_path / "a.nd2").write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(UnreadablePictureError):
        picture.read(tmp_path / "a.nd2", stain="brightfield")


def test_a_map_that_leads_elsewhere_is_a_picture_error_or_the_picture(tmp_path: Path) -> None:
    whole = bytearray(nd2(stored(RGB), colour=True, channels=["BF"]))
    rng = np.random.default_rng(1)
    for _ in range(6):
        damaged = whole.copy()
        at = int(rng.integers(len(whole) - 400, len(whole)))
        damaged[at] ^= 1 << int(rng.integers(8))
        (tmp_path / "a.nd2").write_bytes(damaged)
        try:
            shape = picture.read(tmp_path / "a.nd2", stain="brightfield").pixels.shape
        except PictureError:
            continue
        assert shape == RGB.shape
