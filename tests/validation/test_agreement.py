"""Bland and Altman's own data, Lin's coefficient where it is a formula, and coverage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from isletqc.validation import table
from isletqc.validation.agreement import Agreement, bland_altman, concordance

WORKED = Path(__file__).parent / "worked"


@pytest.fixture(scope="module")
def pefr() -> tuple[list[float], list[float]]:
    read = table.read(WORKED / "pefr.csv", "agreement")
    return read.numbers("reference"), read.numbers("test")


def in_the_paper(pairs: tuple[list[float], list[float]]) -> Agreement:
    # The paper takes limits of two standard deviations.
    return bland_altman(*pairs, confidence=0.95, coverage=2 * stats.norm.cdf(2) - 1)


def test_the_peak_flow_example_gives_bias_and_limits_of_the_paper(
    pefr: tuple[list[float], list[float]],
) -> None:
    found = in_the_paper(pefr)
    assert (found.bias, found.sd) == pytest.approx((-2.1, 38.8), abs=0.05)
    # From the rounded figures: -2.1 - 2 x 38.8 and -2.1 + 2 x 38.8.
    assert (found.lower, found.upper) == pytest.approx((-79.7, 75.5), abs=0.15)
    assert found.bias_interval == pytest.approx((-22.0, 17.8), abs=0.1)


def test_the_peak_flow_example_gives_the_intervals_of_the_limits_nearly(
    pefr: tuple[list[float], list[float]],
) -> None:
    # The paper rounds the variance of a limit to 3 s^2 / n; 1999 it gives 1/n + z^2/(2(n - 1)),
    # which is 4 % more at n = 17.
    found = in_the_paper(pefr)
    assert found.lower_interval == pytest.approx((-114.3, -45.1), abs=1.0)
    assert found.upper_interval == pytest.approx((40.9, 110.1), abs=1.0)


def test_the_peak_flow_example_has_no_proportional_bias(
    pefr: tuple[list[float], list[float]],
) -> None:
    found = in_the_paper(pefr)
    means = np.mean(pefr, axis=0)
    fit = np.polyfit(means, np.subtract(pefr[1], pefr[0]), 1)
    assert found.slope == pytest.approx(fit[0])
    assert found.slope_interval[0] < 0 < found.slope_interval[1]


def test_a_bias_that_grows_with_the_size_is_seen() -> None:
    rng = np.random.default_rng(5)
    x = np.linspace(10, 100, 40)
    found = bland_altman(x, 1.2 * x + rng.normal(0, 1, 40), confidence=0.95)
    assert found.slope == pytest.approx(2 * 0.2 / 2.2, abs=0.02)
    assert found.slope_probability < 1e-6


def test_concordance_of_a_pure_shift_is_a_formula() -> None:
    x = np.array([1.0, 2, 3, 4, 5])
    # Variance 2, shift 1: 2 x 2 / (2 + 2 + 1).
    found = concordance(x, x + 1, confidence=0.95)
    assert (found.coefficient, found.precision, found.accuracy) == pytest.approx((0.8, 1, 0.8))


def test_concordance_of_a_pure_scale_is_a_formula() -> None:
    x = np.array([-2.0, -1, 0, 1, 2])
    found = concordance(x, 3 * x, confidence=0.95)
    assert found.coefficient == pytest.approx(2 * 3 / (1 + 9))
    assert concordance(x, x, confidence=0.95).interval == pytest.approx((1, 1))


def test_concordance_is_pearsons_r_where_means_and_spreads_agree() -> None:
    # The interval is then Fisher's, with the standard error 1 / sqrt(n - 2).
    x, y = np.array([1.0, 2, 3, 4, 5, 6]), np.array([2.0, 1, 3, 4, 6, 5])
    found = concordance(x, y, confidence=0.95)
    r = float(np.corrcoef(x, y)[0, 1])
    reach = stats.norm.ppf(0.975) / np.sqrt(4)
    assert found.coefficient == pytest.approx(r)
    assert found.interval == pytest.approx(np.tanh(np.arctanh(r) + np.array([-reach, reach])))


def test_the_interval_of_the_concordance_holds_the_truth() -> None:
    rng = np.random.default_rng(6)
    # Both spreads 1, correlation 0.9, shift 0.3: 2 x 0.9 / (2 + 0.09).
    truth, held = 1.8 / 2.09, 0
    for _ in range(600):
        common = rng.normal(0, np.sqrt(0.9), 40)
        x, y = (common + rng.normal(0, np.sqrt(0.1), 40) for _ in range(2))
        low, high = concordance(x, y + 0.3, confidence=0.95).interval
        held += low <= truth <= high
    assert 0.93 <= held / 600 <= 0.975


def test_the_interval_of_a_limit_holds_the_truth() -> None:
    rng = np.random.default_rng(7)
    truth, held = 0.5 + stats.norm.ppf(0.975), 0
    for _ in range(600):
        x = rng.normal(0, 5, 30)
        found = bland_altman(x, x + rng.normal(0.5, 1, 30), confidence=0.95)
        held += found.upper_interval[0] <= truth <= found.upper_interval[1]
    assert 0.93 <= held / 600 <= 0.97
