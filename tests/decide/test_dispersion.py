"""Aliquots of well and badly mixed suspensions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from isletqc.decide import dispersion


def test_the_statistic_is_the_chi_square_of_poisson_counts() -> None:
    counts = np.array([95.0, 130.0, 102.0])
    found = dispersion.between(counts, np.full(3, counts.mean()))
    expected = stats.chisquare(counts)
    assert found.ratio * found.degrees == pytest.approx(expected.statistic)
    assert found.probability == pytest.approx(expected.pvalue)


def test_one_aliquot_or_none_tells_nothing_about_mixing() -> None:
    assert dispersion.between([5.0], [5.0]) == dispersion.NONE
    assert dispersion.between([], []) == dispersion.NONE
    assert dispersion.between([0.0, 0.0], [0.0, 0.0]) == dispersion.NONE


def test_aliquots_alike_do_not_narrow_the_interval() -> None:
    found = dispersion.between([100.0, 100.0, 100.0], [100.0] * 3)
    assert not found.excessive
    assert found.inflation(0.95) == 1


def test_two_aliquots_that_differ_wildly_widen_by_students_quantile() -> None:
    found = dispersion.between([20.0, 100.0], [60.0, 60.0])
    assert found.excessive
    ratio = (80**2 / 2) / 60
    assert found.ratio == pytest.approx(ratio)
    assert found.inflation(0.95) == pytest.approx(ratio * (12.706 / 1.95996) ** 2, rel=1e-4)


def test_well_mixed_lots_are_seldom_called_badly_mixed() -> None:
    rng = np.random.default_rng(5)
    called = 0
    for _ in range(2000):
        counts = rng.poisson(60, 3).astype(float)
        called += dispersion.between(counts, np.full(3, counts.mean())).excessive
    assert called / 2000 == pytest.approx(dispersion.FLAGGED, abs=0.006)
