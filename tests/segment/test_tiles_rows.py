"""Rows of a picture at another size are those of OpenCV's resampling of the whole."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from isletqc.segment import tiles_rows
from isletqc.segment.tiles_disk import bands

SIZES = [
    ((768, 1024), (461, 615)),
    ((600, 800), (300, 400)),
    ((601, 800), (300, 400)),
    ((600, 801), (300, 400)),
    ((600, 777), (200, 300)),
    ((300, 200), (300, 200)),
]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize(("shape", "small"), SIZES)
def test_shrinking_band_by_band_gives_the_bits_of_the_whole(
    shape: tuple[int, int], small: tuple[int, int], kind: type[np.uint8], channels: int
) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, np.iinfo(kind).max, (*shape, channels), kind, endpoint=True)
    flat = pixels if channels == 3 else pixels[..., 0]
    whole = cv2.resize(flat, small[::-1], interpolation=cv2.INTER_AREA)
    parts = [
        tiles_rows.shrunk(lambda y0, y1: pixels[y0:y1], shape, small, band)
        for band in bands(small[0], 37)
    ]
    assert np.array_equal(np.concatenate(parts).reshape(whole.shape), whole)


@pytest.mark.parametrize(("shape", "small"), SIZES)
def test_enlarging_band_by_band_gives_the_whole_to_the_last_bits(
    shape: tuple[int, int], small: tuple[int, int]
) -> None:
    planes = np.random.default_rng(0).random((2, *small), np.float32)
    parts = [
        tiles_rows.enlarged(lambda rows: planes[:, rows], small, shape, band)
        for band in bands(shape[0], 100)
    ]
    for plane, found in zip(planes, np.concatenate(parts, axis=1), strict=True):
        whole = cv2.resize(plane, shape[::-1], interpolation=cv2.INTER_CUBIC)
        assert np.abs(found - whole).max() < 1e-6
