"""Waists of outlines against two overlapping discs, whose neck ratio has a formula."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from isletqc.measure.fusion import neck_ratio, neck_ratios

Mask = NDArray[np.uint8]


def discs(
    distance: float, radius: float = 60.0, other: float | None = None, turn: float = 0.0
) -> Mask:
    """Two discs, pixels by their centres, ``distance`` px apart."""
    small = radius if other is None else other
    half = int(radius + distance + small) + 5
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(float)
    cy, cx = distance * math.sin(turn), distance * math.cos(turn)
    one = y**2 + x**2 <= radius**2
    two = (y - cy) ** 2 + (x - cx) ** 2 <= small**2
    return np.asarray(one | two, np.uint8)


@pytest.mark.parametrize("ratio", [0.3, 0.5, 0.7, 0.8])
@pytest.mark.parametrize("turn", [0.0, 0.4, math.pi / 4, 1.3])
def test_two_equal_discs_have_the_neck_ratio_of_the_formula(ratio: float, turn: float) -> None:
    distance = 2 * 60 * math.sqrt(1 - ratio**2)
    # Each end of the waist may lie two pixels off: 0.03 of 120, and the pixel grid adds to it.
    assert neck_ratio(discs(distance, turn=turn), 1.6) == pytest.approx(ratio, abs=0.04)


@pytest.mark.parametrize("turn", [0.0, 0.7])
def test_the_waist_is_held_against_the_smaller_of_two_discs(turn: float) -> None:
    large, small, distance = 60.0, 40.0, 80.0
    # Half the common chord of two circles.
    along = (distance**2 + large**2 - small**2) / (2 * distance)
    chord = 2 * math.sqrt(large**2 - along**2)
    found = neck_ratio(discs(distance, large, small, turn), 1.6)
    assert found == pytest.approx(chord / (2 * small), abs=0.04)


@pytest.mark.parametrize("um_per_px", [0.8, 1.6, 3.2])
def test_the_ratio_does_not_depend_on_the_pixel_size(um_per_px: float) -> None:
    radius = 80 / um_per_px
    mask = discs(2 * radius * 0.8, radius)
    assert neck_ratio(mask, um_per_px) == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize("axes", [(60, 60), (80, 40), (100, 30), (12, 12), (5, 4)])
@pytest.mark.parametrize("turn", [0.0, 0.3, math.pi / 4])
def test_discs_and_ellipses_have_no_waist(
    ellipse: Callable[..., NDArray[np.int32]], axes: tuple[float, float], turn: float
) -> None:
    assert neck_ratio(ellipse(*axes, turn=turn).astype(np.uint8), 1.6) is None


def test_a_cleft_on_one_side_is_no_waist() -> None:
    mask = discs(0.0)
    middle = mask.shape[0] // 2
    mask[: middle - 20, middle - 4 : middle + 5] = 0
    assert neck_ratio(mask, 1.6) is None


def test_a_bud_is_no_second_cluster() -> None:
    # A disc of a quarter of the radius holds 6 % of the area.
    assert neck_ratio(discs(68.0, 60.0, 15.0), 1.6) is None


def test_a_rough_outline_has_no_waist() -> None:
    y, x = np.mgrid[-80:81, -80:81].astype(float)
    # Twelve bumps of 3 um height on a disc of 190 um.
    edge = 60 + 3 / 1.6 / 2 * np.cos(12 * np.arctan2(y, x))
    assert neck_ratio((np.hypot(y, x) <= edge).astype(np.uint8), 1.6) is None


def test_a_row_of_three_has_the_ratio_of_its_narrowest_waist() -> None:
    mask = np.zeros((200, 420), np.uint8)
    y, x = np.mgrid[:200, :420].astype(float)
    for centre in (90, 186, 300):
        mask |= ((y - 100) ** 2 + (x - centre) ** 2 <= 60**2).astype(np.uint8)
    # Centres 114 apart: the waist is 2 sqrt(60^2 - 57^2) wide; lobes are 120.
    assert neck_ratio(mask, 1.6) == pytest.approx(math.sqrt(60**2 - 57**2) / 60, abs=0.05)


def test_labels_are_looked_at_one_by_one() -> None:
    labels = np.zeros((500, 700), np.int32)
    pair, disc = discs(100.0), discs(0.0, 40.0)
    labels[: pair.shape[0], : pair.shape[1]] = pair
    labels[-disc.shape[0] :, -disc.shape[1] :][disc > 0] = 3
    found = neck_ratios(labels, 1.6)
    assert list(found) == [1]
    assert neck_ratios(np.zeros((5, 5), np.int32), 1.6) == {}
