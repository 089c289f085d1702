"""Deming and Passing-Bablok against the results of other programs, and their own laws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from isletqc.validation import table
from isletqc.validation.regression import Line, cusum, deming, passing_bablok

WORKED = Path(__file__).parent / "worked"
Pairs = tuple[list[float], list[float]]


@pytest.fixture(scope="module")
def td9() -> Pairs:
    read = table.read(WORKED / "mcr_td9.csv", "agreement")
    return read.numbers("reference"), read.numbers("test")


# Reference results of the test case, which asks for a relative precision of 1e-6.
DEMING = {
    1.0: Line(
        intercept=-2.24549624285012e-06,
        slope=1.02538496851441,
        intercept_interval=(-6.64799608893648e-06, 2.15700360323625e-06),
        slope_interval=(0.89984994312236, 1.15091999390645),
    ),
    1.21: Line(
        intercept=-2.55630498873396e-06,
        slope=1.03192038988364,
        intercept_interval=(-7.08884566339877e-06, 1.97623568593086e-06),
        slope_interval=(0.904015885894533, 1.15982489387274),
    ),
}
PASSING_BABLOK = Line(
    intercept=-2.44854969408334e-07,
    slope=0.991592719686709,
    intercept_interval=(-5.11589054457244e-06, 2.05171478796142e-06),
    slope_interval=(0.88402817327764, 1.12373138870351),
)


@pytest.mark.parametrize("ratio", DEMING)
def test_deming_with_jackknife_intervals_gives_the_reference_results(
    td9: Pairs, ratio: float
) -> None:
    found, expected = deming(*td9, error_ratio=ratio, confidence=0.95), DEMING[ratio]
    assert found.slope == pytest.approx(expected.slope, rel=1e-6)
    assert found.slope_interval == pytest.approx(expected.slope_interval, rel=1e-6)
    assert found.intercept == pytest.approx(expected.intercept, rel=1e-6)
    assert found.intercept_interval == pytest.approx(expected.intercept_interval, rel=1e-6)


def test_passing_bablok_gives_the_reference_results(td9: Pairs) -> None:
    found = passing_bablok(*td9, confidence=0.95)
    assert found.slope == pytest.approx(PASSING_BABLOK.slope, rel=1e-6)
    assert found.intercept == pytest.approx(PASSING_BABLOK.intercept, rel=1e-6)
    # The reference takes the rank (N - C + 1) / 2 of 1225 slopes for an end of the interval, the
    # paper rounds (N - C) / 2, as here: one slope further out.
    assert found.slope_interval == pytest.approx(PASSING_BABLOK.slope_interval, rel=1e-4)
    assert found.slope_interval[0] < PASSING_BABLOK.slope_interval[0]
    assert found.slope_interval[1] > PASSING_BABLOK.slope_interval[1]
    assert found.intercept_interval == pytest.approx(PASSING_BABLOK.intercept_interval, rel=1e-3)


def test_passing_bablok_gives_sens_line_for_sens_points() -> None:
    line = passing_bablok([1, 2, 3, 4, 10, 12, 18], [9, 15, 19, 20, 45, 55, 78], confidence=0.93)
    assert (line.intercept, line.slope) == (6, 4)
    assert line.slope_interval == pytest.approx((26 / 7, 35 / 8))


def test_passing_bablok_gives_the_published_line_for_six_scattered_points() -> None:
    line = passing_bablok([1, 2, 3, 4, 5, 6], [2, 1.2, 4.1, 3.5, 6.3, 3], confidence=0.95)
    assert (line.intercept, line.slope) == pytest.approx((1 / 8, 1.05))


def test_deming_with_equal_errors_is_the_first_principal_axis(td9: Pairs) -> None:
    _, axes = np.linalg.eigh(np.cov(*td9))
    line = deming(*td9, confidence=0.95)
    assert line.slope == pytest.approx(axes[1, 1] / axes[0, 1])


def test_both_lines_turn_round_when_the_methods_change_places(td9: Pairs) -> None:
    x, y = td9
    for fit in (deming, passing_bablok):
        there, back = fit(x, y, confidence=0.95), fit(y, x, confidence=0.95)
        assert back.slope == pytest.approx(1 / there.slope)


def test_an_exact_line_is_found_exactly() -> None:
    x = np.array([1.0, 2, 4, 7, 11])
    for fit in (deming, passing_bablok):
        line = fit(x, 3 + 2 * x, confidence=0.95)
        assert (line.intercept, line.slope) == pytest.approx((3, 2))
        assert line.slope_interval == pytest.approx((2, 2))


def test_same_values_of_one_method_make_no_trouble() -> None:
    x, y = [1, 1, 2, 3, 3, 4], [1, 2, 2, 3, 4, 4]
    line = passing_bablok(x, y, confidence=0.95)
    assert line.slope == pytest.approx(1)


@pytest.mark.parametrize("seed", range(3))
def test_the_cusum_test_sees_a_bend_and_not_a_straight_line(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.linspace(1, 10, 60)
    for y, bent in ((x, False), (x + 0.08 * (x - 5.5) ** 2, True)):
        y = y + rng.normal(0, 0.15, 60)
        found = cusum(x, y, passing_bablok(x, y, confidence=0.95))
        assert (found.probability < 0.01) == bent
        assert found.probability == pytest.approx(stats.kstwobign.sf(found.statistic))


def test_the_cusum_of_seven_points_is_the_sum_done_by_hand() -> None:
    # Residuals + + - - - 0 + about y = x: scores of 1 (three above, three below).
    x = np.arange(1.0, 8.0)
    y = x + np.array([0.1, 0.1, -0.1, -0.1, -0.1, 0, 0.1])
    found = cusum(x, y, Line(0.0, 1.0, (0, 0), (1, 1)))
    assert found.statistic == pytest.approx(2 / np.sqrt(4))
