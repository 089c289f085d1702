"""Matching and its figures, against hand counts."""

import numpy as np
import pytest
from numpy.typing import NDArray

from isletqc.training.evaluate import agreement, together

Labels = NDArray[np.int32]


def squares(*corners: tuple[int, int], side: int = 60) -> Labels:
    """Squares of 60 px: at 1 um/px each has a diameter of 67.7 um and counts."""
    labels = np.zeros((200, 400), dtype=np.int32)
    for number, (top, left) in enumerate(corners, start=1):
        labels[top : top + side, left : left + side] = number
    return labels


def test_the_same_labels_agree_fully() -> None:
    labels = squares((10, 10), (100, 200))
    a = agreement(labels, labels, 1.0)
    assert a.f1(0.5) == a.f1(0.9) == a.mean_iou == 1
    assert a.count_error == a.volume_error == a.area_error == 0


def test_labels_may_have_gaps_and_any_order() -> None:
    true, found = squares((10, 10), (100, 200)), squares((100, 200), (10, 10)) * 7
    assert agreement(found, true, 1.0).f1(0.9) == 1


def test_a_shift_counts_by_its_overlap() -> None:
    # shifted by a third: overlap 40 of 60 columns, IoU = 40 / 80 = 0.5, exactly on the level
    a = agreement(squares((10, 30)), squares((10, 10)), 1.0)
    assert a.mean_iou == pytest.approx(0.5)
    assert a.f1(0.5) == 1
    assert a.f1(0.6) == 0


def test_misses_and_extras_lower_f1() -> None:
    # 1 match, 1 missed, 2 extra: F1 = 2 / (2 + 3)
    true = squares((10, 10), (10, 100))
    found = squares((10, 10), (100, 200), (100, 300))
    a = agreement(found, true, 1.0)
    assert a.f1(0.5) == pytest.approx(2 / 5)
    assert a.count_error == pytest.approx(0.5)
    assert a.volume_error == pytest.approx(0.5)


def test_one_object_cannot_match_twice() -> None:
    true = squares((10, 10))
    found = true.copy()
    found[10:70, 40:70] = 2
    a = agreement(found, true, 2.0)
    assert (a.true_count, a.found_count) == (1, 2)
    assert a.f1(0.5) == pytest.approx(2 / 3)


def test_ignored_regions_are_neither_rewarded_nor_punished() -> None:
    true, found = squares((10, 10)), squares((10, 10), (100, 200))
    ignore = np.zeros(true.shape, dtype=np.bool_)
    ignore[90:170, 190:270] = True
    assert agreement(found, true, 1.0).f1(0.5) != 1, "test invalid"
    assert agreement(found, true, 1.0, ignore=ignore).f1(0.5) == 1


def test_small_objects_do_not_count_on_either_side() -> None:
    # 40 px squares have a diameter of 45.1 um: below 50
    small = squares((100, 200), side=40)
    true = squares((10, 10)) + 2 * (small > 0)
    assert agreement(squares((10, 10)), true, 1.0).f1(0.5) == 1
    assert agreement(true, squares((10, 10)), 1.0).f1(0.5) == 1


def test_nothing_to_find_has_no_figures_and_does_not_divide_by_zero() -> None:
    empty = np.zeros((50, 50), dtype=np.int32)
    a = agreement(empty, empty, 1.0)
    assert (a.f1(0.5), a.mean_iou, a.count_error, a.volume_error) == (None, None, None, None)
    assert agreement(empty, squares((10, 10))[:50, :50] * 0 + 1, 2.0).f1(0.5) == 0


def test_volume_is_that_of_area_equivalent_spheres() -> None:
    # A = 3600 um2, d = 2 sqrt(A / pi), V = pi / 6 d^3 in um3; 1 nL = 1e6 um3
    diameter = 2 * np.sqrt(3600 / np.pi)
    a = agreement(squares((10, 10)), squares((10, 10)), 1.0)
    assert a.true_volume_nl == pytest.approx(np.pi / 6 * diameter**3 / 1e6)


def test_pictures_pool_by_their_counts() -> None:
    good = agreement(squares((10, 10)), squares((10, 10)), 1.0)
    bad = agreement(squares((100, 200)), squares((10, 10)), 1.0)
    assert together([good, bad]).f1(0.5) == pytest.approx(0.5)
