"""Parts that lie across seams are joined; planes on disk hold what was put there."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from isletqc.segment import tiles_disk, tiles_seams

MASK = cv2.GaussianBlur(np.random.default_rng(0).random((300, 420)), (0, 0), 3) > 0.5


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("band_px", [1, 7, 300])
def test_parts_over_seams_are_those_of_the_whole_mask(
    tmp_path: Path, connectivity: int, band_px: int
) -> None:
    plane = tiles_disk.made(tmp_path, "labels", np.int32, MASK.shape)
    found = tiles_seams.label(
        lambda rows: MASK[rows], plane, band_px=band_px, connectivity=connectivity
    )
    mask = MASK.astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=connectivity)
    own = found.numbers[tiles_disk.read(plane, (slice(None),))]
    pairs = np.unique(np.stack([own.ravel(), labels.ravel()], axis=1), axis=0)
    assert len(pairs) == len(found.areas_px) == count
    order = pairs[1:, 1]
    left, top, width, height, area = stats[order].T
    assert np.array_equal(found.areas_px[1:], area)
    boxes = np.stack([top, left, top + height, left + width], axis=1)
    assert np.array_equal(found.boxes_px[1:], boxes)


def test_a_window_holds_what_was_put_there_and_the_rest_is_zero(tmp_path: Path) -> None:
    plane = tiles_disk.made(tmp_path, "plane", np.float32, (3, 20, 30))
    expected = np.zeros(plane.shape, np.float32)
    values = np.random.default_rng(0).random((3, 4, 5), np.float32)
    for window, some in (
        ((slice(None), slice(2, 6), slice(7, 12)), values),
        ((slice(1, 2), slice(10, 12)), np.full((1, 2, 30), 5.0, np.float32)),
        ((slice(0, 1), slice(15, 99), slice(25, 99)), np.array(2.0)),
    ):
        tiles_disk.put(plane, window, some)
        expected[window] = some
    assert np.array_equal(tiles_disk.read(plane, (slice(None),)), expected)
    assert plane.path.stat().st_size == expected.nbytes
