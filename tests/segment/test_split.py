"""Touching islets are parted, others are left alone; everything by geometry."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from isletqc.segment.split import SplitSettings, split


def discs(
    centres: list[tuple[int, int]], radius: int
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """A mask of discs and the core map that an ideal network would give: zero on contacts."""
    y, x = np.mgrid[:200, :300]
    distances = np.stack([np.hypot(y - cy, x - cx) for cy, cx in centres])
    mask = np.asarray((distances <= radius).any(axis=0))
    owner = distances.argmin(axis=0)
    edge = np.zeros_like(mask)
    edge[:, 1:] |= owner[:, 1:] != owner[:, :-1]
    depth = cv2.distanceTransform((mask & ~edge).astype(np.uint8), cv2.DIST_L2, 5)
    return mask, np.clip(depth / 10, 0, 1).astype(np.float32)


def test_discs_apart_are_two_and_none_goes_missing() -> None:
    mask, core = discs([(100, 60), (100, 220)], 40)
    labels = split(mask, core, 1.0, SplitSettings())
    assert labels.max() == 2
    assert np.array_equal(labels > 0, mask)


def test_touching_discs_are_parted_at_their_contact() -> None:
    mask, core = discs([(100, 100), (100, 170)], 40)
    assert cv2.connectedComponents(mask.astype(np.uint8))[0] == 2, "test invalid: not touching"
    labels = split(mask, core, 1.0, SplitSettings())
    assert np.array_equal(labels > 0, mask)
    assert np.unique(labels[mask]).tolist() == [1, 2]
    # the discs are mirror images: the line between them is x = 135, to a pixel on each side
    assert np.unique(labels[:, :134][mask[:, :134]]).tolist() == [1]
    assert np.unique(labels[:, 137:][mask[:, 137:]]).tolist() == [2]


def test_a_doubtful_contact_parts_two_large_islets() -> None:
    mask, core = discs([(100, 100), (100, 170)], 40)
    doubtful = np.maximum(core, 0.6 * mask.astype(np.float32))  # the dip ends well above a seed
    labels = split(mask, doubtful, 1.0, SplitSettings())
    assert np.unique(labels[:, :134][mask[:, :134]]).tolist() == [1]
    assert np.unique(labels[:, 137:][mask[:, 137:]]).tolist() == [2]


def test_a_dip_that_leaves_no_second_large_part_parts_nothing() -> None:
    mask, core = discs([(100, 100), (100, 170)], 40)
    shallow = np.maximum(core, 0.95 * mask.astype(np.float32))
    assert split(mask, shallow, 1.0, SplitSettings()).max() == 1
    one, deep = discs([(100, 100)], 40)
    deep[95:105, :] = 0.6
    deep[:95, 120:] = 0.6  # above the dip only a part below 24 um is left
    deep[:95, :100] = 0.6
    assert split(one, deep, 1.0, SplitSettings(min_part_diameter_um=40)).max() == 1


def test_labels_run_in_reading_order_without_gaps() -> None:
    mask, core = discs([(150, 60), (50, 220), (150, 220)], 30)
    labels = split(mask, core, 1.0, SplitSettings())
    first = [np.flatnonzero(labels.ravel() == n)[0] for n in range(1, 4)]
    assert first == sorted(first)


def test_a_disc_without_a_seed_is_still_an_islet() -> None:
    mask, core = discs([(100, 100)], 30)
    labels = split(mask, np.zeros_like(core), 1.0, SplitSettings())
    assert labels.max() == 1


@pytest.mark.parametrize("diameter_um", [8.0, 19.0])
def test_specks_are_no_objects(diameter_um: float) -> None:
    mask, core = discs([(100, 100)], 30)
    um_per_px = diameter_um / 60
    assert split(mask, core, um_per_px, SplitSettings()).max() == 0


def test_glints_are_filled_and_gaps_between_islets_stay_open() -> None:
    mask, core = discs([(100, 100)], 40)
    glint, gap = mask.copy(), mask.copy()
    glint[95:105, 95:105] = False
    gap[80:120, 80:120] = False
    assert np.array_equal(split(glint, core, 1.0, SplitSettings()) > 0, mask)
    assert np.array_equal(split(gap, core, 1.0, SplitSettings()) > 0, gap)


def test_nothing_gives_nothing() -> None:
    empty = np.zeros((50, 60), dtype=np.bool_)
    labels = split(empty, empty.astype(np.float32), 1.0, SplitSettings())
    assert labels.dtype == np.int32
    assert labels.max() == 0


def test_a_full_picture_is_one_object() -> None:
    full = np.ones((50, 60), dtype=np.bool_)
    assert split(full, full.astype(np.float32), 1.0, SplitSettings()).max() == 1
