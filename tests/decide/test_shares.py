"""Fractions pooled over pictures against Jeffreys' interval and cluster sampling's formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from isletqc.decide import spread
from isletqc.decide.shares import Shares, share


def answers(yes: int, no: int, weight: float = 1.0) -> Shares:
    return Shares(np.repeat([1.0, 0.0], [yes, no]), np.full(yes + no, weight))


@pytest.mark.parametrize(("yes", "no"), [(0, 60), (3, 97), (50, 50), (200, 0)])
def test_one_picture_has_jeffreys_interval(yes: int, no: int) -> None:
    found = share([answers(yes, no)])
    values, _ = found.spread({})
    low, high = stats.beta(yes + 0.5, no + 0.5).interval(0.95)
    assert found.value == yes / (yes + no)
    assert spread.interval(values, 0.95) == pytest.approx((low, high), abs=0.004)


def test_common_weights_change_nothing() -> None:
    one, other = share([answers(30, 70)]), share([answers(30, 70, weight=2.5)])
    assert (one.value, one.variance) == pytest.approx((other.value, other.variance))


def test_pictures_that_differ_widen_the_interval() -> None:
    alike = share([answers(30, 70), answers(30, 70), answers(30, 70)])
    unlike = share([answers(10, 90), answers(30, 70), answers(50, 50)])
    assert (alike.value, unlike.value) == pytest.approx((0.3, 0.3))
    assert (alike.between, unlike.between) == (False, True)
    # The standard error of the mean of 0.1, 0.3 and 0.5.
    assert unlike.variance == pytest.approx(np.var([0.1, 0.3, 0.5], ddof=1) / 3)
    assert alike.variance == pytest.approx(0.3 * 0.7 / 300, rel=0.02)


def test_further_errors_add_in_squares() -> None:
    found = share([answers(50, 50)])
    values, parts = found.spread({"threshold": 0.05})
    sd = float(np.std(values))
    assert sd == pytest.approx(np.hypot(0.05, 0.05), rel=0.05)
    assert parts == pytest.approx({"sampling": 0.1, "threshold": 0.1}, rel=0.02)


def test_scores_beyond_0_and_1_give_a_fraction_within() -> None:
    assert share([Shares(np.full(50, -0.01), np.ones(50))]).value == 0
