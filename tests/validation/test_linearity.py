"""The dilution figures: by hand, where they are exact, and by simulation where chance rules."""

from __future__ import annotations

import numpy as np
import pytest

from isletqc.validation.linearity import proportionality

FRACTIONS = np.repeat([1.0, 0.5, 0.25, 0.125], 4)


def test_a_perfect_series_has_an_index_of_zero_and_an_r2_of_one() -> None:
    found = proportionality(FRACTIONS, 80 * FRACTIONS, confidence=0.95)
    assert found.slope == pytest.approx(80)
    assert found.r2 == pytest.approx(1)
    assert found.index_percent == pytest.approx(0, abs=1e-9)
    assert found.cv_percent == pytest.approx(0, abs=1e-9)
    assert found.offset == pytest.approx(0, abs=1e-9)
    assert found.offset_interval == pytest.approx((0, 0), abs=1e-6)


def test_slope_r2_and_index_are_those_done_by_hand() -> None:
    fractions, values = [1, 1, 0.5, 0.5, 0.25, 0.25], [100, 104, 50, 46, 30, 26]
    found = proportionality(fractions, values, confidence=0.95)
    slope = 356 / 3.5
    expected = slope * np.array(fractions)
    residuals = np.array(values) - expected
    assert found.slope == pytest.approx(slope)
    assert found.residuals == pytest.approx(residuals)
    spread = ((np.array(values) - np.mean(values)) ** 2).sum()
    assert found.r2 == pytest.approx(1 - (residuals**2).sum() / spread)
    away = [abs(m / (slope * f) - 1) for m, f in ((102, 1), (48, 0.5), (28, 0.25))]
    assert found.index_percent == pytest.approx(100 * np.mean(away))
    variances = [8 / 102**2, 8 / 48**2, 8 / 28**2]
    assert found.cv_percent == pytest.approx(100 * np.sqrt(np.mean(variances)))


def test_the_free_line_is_the_weighted_least_squares_line() -> None:
    rng = np.random.default_rng(11)
    y = 5 + 90 * FRACTIONS + rng.normal(0, 1, FRACTIONS.size)
    found = proportionality(FRACTIONS, y, confidence=0.95)
    slope, offset = np.polyfit(FRACTIONS, y, 1, w=1 / np.sqrt(FRACTIONS))
    assert found.offset == pytest.approx(offset)
    assert found.offset_interval[0] < 5 < found.offset_interval[1]
    assert found.offset_interval[0] > 0
    assert slope > 0


def test_a_counter_that_saturates_is_seen() -> None:
    rng = np.random.default_rng(12)
    y = 100 * FRACTIONS / (1 + 0.5 * FRACTIONS) + rng.normal(0, 0.5, FRACTIONS.size)
    found = proportionality(FRACTIONS, y, confidence=0.95)
    assert found.lack_of_fit < 0.01
    assert found.index_percent > 3 * found.noise_index_percent
    assert found.index_interval[0] > found.noise_index_percent


def test_for_a_proportional_method_index_lack_of_fit_and_intervals_behave() -> None:
    rng = np.random.default_rng(13)
    fractions = np.repeat([1.0, 0.5, 0.25], 6)
    rows = []
    for _ in range(300):
        y = rng.poisson(400 * fractions)
        found = proportionality(fractions, y, confidence=0.95)
        slope, offset = found.slope_interval, found.offset_interval
        rows.append(
            (
                found.index_percent,
                found.noise_index_percent,
                found.lack_of_fit < 0.05,
                slope[0] <= 400 <= slope[1],
                offset[0] <= 0 <= offset[1],
            )
        )
    index, noise, lacking, slope_held, offset_held = np.mean(rows, axis=0)
    # The standard error of the mean index is about 3 % of it.
    assert index == pytest.approx(noise, rel=0.1)
    assert 0.02 <= lacking <= 0.09
    assert 0.92 <= slope_held <= 0.98
    assert 0.92 <= offset_held <= 0.98


def test_the_same_series_gives_the_same_interval() -> None:
    y = 80 * FRACTIONS + np.tile([1.0, -1, 2, -2], 4)
    first, again = (proportionality(FRACTIONS, y, confidence=0.95) for _ in range(2))
    assert first == again
