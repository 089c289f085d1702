"""Draft outlines move to where a blurred disc's edge is known to be."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from isletqc.training.clean import Trust, clean


def blurred_disc(radius_px: float) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A dark disc on a light field, blurred; and the distance of each pixel from its centre."""
    y, x = np.mgrid[:200, :200]
    far = np.hypot(y - 100.0, x - 100.0)
    cover = np.clip(radius_px - far + 0.5, 0, 1)
    picture = cv2.GaussianBlur(200 - 120 * cover, (0, 0), 1.5)
    return np.rint(picture).astype(np.uint8), far


@pytest.mark.parametrize("draft_is_off_px", [-2.0, -1.0, 0.0, 1.0, 2.0])
def test_an_outline_moves_to_the_middle_of_the_slope(draft_is_off_px: float) -> None:
    grey, far = blurred_disc(40)
    drafts = (far <= 40 + draft_is_off_px).astype(np.int32)
    labels, ignore = clean(grey, drafts, 1.6, Trust())
    radius = np.sqrt((labels > 0).sum() / np.pi)
    assert radius == pytest.approx(40, abs=0.5)  # profiles are sampled every half pixel
    assert not ignore.any()


def test_faint_small_and_ragged_drafts_are_left_out_of_the_loss() -> None:
    grey, far = blurred_disc(40)
    drafts = (far <= 40).astype(np.int32)
    faint = (200 - (200 - grey.astype(np.int16)) // 20).astype(np.uint8)
    ragged = drafts.copy()
    ragged[:, 100:140] = 0
    ragged[95:105, 100:140] = 1
    for picture, draft, um_per_px in (
        (faint, drafts, 1.6),
        (grey, drafts, 0.3),
        (grey, ragged, 1.6),
    ):
        labels, ignore = clean(picture, draft, um_per_px, Trust())
        assert labels.max() == 0
        assert ignore[draft > 0].all()


def test_neighbours_keep_their_pixels() -> None:
    grey, far = blurred_disc(40)
    drafts = (far <= 40).astype(np.int32)
    drafts[:, 135:] *= 2
    labels, _ = clean(grey, drafts, 1.6, Trust(min_solidity=0))
    assert not (labels[drafts == 2] == 1).any()
    assert not (labels[drafts == 1] == 2).any()
