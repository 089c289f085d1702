"""Matching and its figures, against hand counts."""

import numpy as np
import pytest
from numpy.typing import NDArray

from isletqc.training.evaluate import agreement, of_size, together
from isletqc.training.figures import FIGURES, intervals

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


def test_the_error_in_islet_equivalents_is_that_of_the_diameters_cubed() -> None:
    # one square of 60 and one of 80 um found as 60 and 70: sides cubed stand for IEQ
    true = np.maximum(squares((0, 0)), 2 * squares((100, 200), side=80))
    found = np.maximum(squares((0, 0)), 2 * squares((100, 200), side=70))
    error = FIGURES["ieq_error"](agreement(found, true, 1.0))
    assert error == pytest.approx((60**3 + 70**3) / (60**3 + 80**3) - 1)


def test_pictures_pool_by_their_counts() -> None:
    good = agreement(squares((10, 10)), squares((10, 10)), 1.0)
    bad = agreement(squares((100, 200)), squares((10, 10)), 1.0)
    assert together([good, bad]).f1(0.5) == pytest.approx(0.5)


def noisy_pair(seed: int) -> tuple[Labels, Labels]:
    """Squares on a grid, and the same moved, joined, cut or left out by lot."""
    rng = np.random.default_rng(seed)
    true, found = np.zeros((400, 400), np.int32), np.zeros((400, 400), np.int32)
    for number, (row, column) in enumerate(np.ndindex(5, 5), start=1):
        top, left = 10 + row * 78, 10 + column * 78
        side = int(rng.integers(52, 66))
        true[top : top + side, left : left + side] = number
        y, x = np.maximum(0, np.array([top, left]) + rng.integers(-14, 15, 2))
        what = rng.integers(5)
        if what == 0:
            continue
        found[y : y + side, x : x + side] = number
        if what == 1:
            found[y : y + side, x + side // 2 : x + side] = 100 + number
        if what == 2 and column:
            found[found == number - 1] = number
    return found, true


@pytest.mark.parametrize("seed", range(8))
def test_figures_agree_with_plain_set_arithmetic(seed: int) -> None:
    found, true = noisy_pair(seed)
    a = agreement(found, true, 1.0, min_diameter_um=0)
    sets = {
        name: {n: set(np.flatnonzero(labels == n)) for n in np.unique(labels[labels > 0])}
        for name, labels in (("found", found), ("true", true))
    }
    ious = [len(f & t) / len(f | t) for f in sets["found"].values() for t in sets["true"].values()]
    for level in (0.6, 0.75, 0.9):
        hits = [iou for iou in ious if iou >= level]
        false = len(sets["found"]) - len(hits)
        missed = len(sets["true"]) - len(hits)
        assert a.precision(level) == pytest.approx(len(hits) / len(sets["found"]))
        assert a.recall(level) == pytest.approx(len(hits) / len(sets["true"]))
        assert a.panoptic_quality(level) == pytest.approx(
            sum(hits) / (len(hits) + false / 2 + missed / 2)
        )
    both = ((found > 0) & (true > 0)).sum()
    assert a.dice == pytest.approx(2 * both / ((found > 0).sum() + (true > 0).sum()))
    assert a.splits == sum(
        sum(len(f & t) > len(f) / 2 for f in sets["found"].values()) > 1
        for t in sets["true"].values()
    )
    assert a.merges == sum(
        sum(len(f & t) > len(t) / 2 for t in sets["true"].values()) > 1
        for f in sets["found"].values()
    )


def test_size_classes_share_out_every_object() -> None:
    found, true = noisy_pair(3)
    whole = agreement(found, true, 1.0, min_diameter_um=0)
    classes = [of_size(whole, low, high) for low, high in ((0, 60), (60, 70), (70, 1e9))]
    assert sum(c.true_count for c in classes) == whole.true_count
    assert sum(c.found_count for c in classes) == whole.found_count
    assert sum(c.true_volume_nl for c in classes) == pytest.approx(whole.true_volume_nl)


def test_bootstrap_intervals_hold_the_figure_and_need_two_pictures() -> None:
    parts = [agreement(*noisy_pair(seed), 1.0, min_diameter_um=0) for seed in range(8)]
    ranges = intervals(parts)
    low, high = ranges["f1_at_0.5"] or (0, 0)
    assert low < (together(parts).f1(0.5) or 0) < high
    assert intervals(parts[:1])["f1_at_0.5"] is None
    same = intervals([parts[0]] * 5)["f1_at_0.5"]
    assert same == pytest.approx((parts[0].f1(0.5), parts[0].f1(0.5)))
