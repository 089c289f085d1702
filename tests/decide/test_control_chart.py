"""Control charts against published examples and the rules' own definitions."""

from __future__ import annotations

import pytest

from isletqc.decide.control_chart import Baseline, beyond, establish, individuals, westgard

# NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.2, example of an individuals chart.
FLOWRATES = (49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1)
STANDARD = Baseline(0.0, 1.0)


def rules(*z: float) -> set[tuple[str, int]]:
    return {(signal.rule, signal.index) for signal in westgard(z, STANDARD)}


def test_the_individuals_chart_of_the_nist_handbook_is_reproduced() -> None:
    limits = individuals(FLOWRATES)
    assert limits.mean == pytest.approx(50.81)
    assert limits.range_mean == pytest.approx(1.8778, abs=5e-5)
    assert limits.high == pytest.approx(55.8041, abs=5e-5)
    assert limits.low == pytest.approx(45.8159, abs=5e-5)
    assert limits.ranges == pytest.approx((2.0, 2.3, 1.4, 3.5, 3.4, 1.4, 0.2, 1.2, 1.5))
    assert beyond(FLOWRATES, limits) == ()


def test_the_usual_factors_give_the_limits() -> None:
    limits = individuals(FLOWRATES)
    assert limits.high - limits.mean == pytest.approx(2.66 * limits.range_mean, rel=2e-4)
    assert limits.range_high == pytest.approx(3.267 * limits.range_mean)


def test_a_value_outside_its_limits_is_named_with_the_jump_that_led_there() -> None:
    values = (*FLOWRATES, 60.0)
    found = beyond(values, individuals(values, count=len(FLOWRATES)))
    assert [(s.rule, s.index, s.since) for s in found] == [
        ("individuals", 10, 10),
        ("moving range", 10, 9),
    ]


def test_mean_and_sd_are_established_from_the_first_values_only() -> None:
    # 2, 4, 4, 4, 5, 5, 7, 9: mean 5, squares about it sum to 32.
    baseline = establish((2, 4, 4, 4, 5, 5, 7, 9, 1000), count=8)
    assert (baseline.mean, baseline.count) == (5, 8)
    assert baseline.sd == pytest.approx((32 / 7) ** 0.5)


@pytest.mark.parametrize(
    ("z", "expected"),
    [
        ((2.1,), {("1_2s", 0)}),
        ((-2.1,), {("1_2s", 0)}),
        ((2.0,), set()),  # on the limit is not beyond it
        ((3.1,), {("1_2s", 0), ("1_3s", 0)}),
        ((2.1, 2.2), {("1_2s", 0), ("1_2s", 1), ("2_2s", 1)}),
        ((-2.1, -2.2), {("1_2s", 0), ("1_2s", 1), ("2_2s", 1)}),
        ((2.1, 0.1, 2.2), {("1_2s", 0), ("1_2s", 2)}),
        ((2.1, -2.1), {("1_2s", 0), ("1_2s", 1), ("R_4s", 1)}),
        # 4 SD apart, but only one of the two is beyond 2 SD: not R_4s by its definition.
        ((2.9, -1.2), {("1_2s", 0)}),
        ((1.1, 1.2, 1.3, 1.4), {("4_1s", 3)}),
        ((1.1, 1.2, -1.3, 1.4), set()),
        ((-1.1,) * 5, {("4_1s", 3), ("4_1s", 4)}),
        ((0.5,) * 9, set()),
        ((0.5,) * 10, {("10_x", 9)}),
        ((0.5,) * 9 + (-0.5,), set()),
        ((-0.01,) * 11, {("10_x", 9), ("10_x", 10)}),
    ],
)
def test_each_rule_fires_where_its_definition_says(
    z: tuple[float, ...], expected: set[tuple[str, int]]
) -> None:
    assert rules(*z) == expected


def test_only_the_two_sd_rule_is_a_warning() -> None:
    found = westgard((2.5, 3.5, -2.5), STANDARD)
    assert {(s.rule, s.warning) for s in found} == {
        ("1_2s", True),
        ("1_3s", False),
        ("2_2s", False),
        ("R_4s", False),
    }


def test_a_rule_names_the_first_value_it_is_about() -> None:
    (ten,) = westgard((0.5,) * 10, STANDARD)
    assert (ten.since, ten.index) == (0, 9)


def test_shift_and_scale_do_not_matter() -> None:
    z = (0.5, 2.5, 2.6, -2.2, 1.2, 1.3, 1.4, 1.5)
    shifted = [100 + 7 * v for v in z]
    assert westgard(shifted, Baseline(100, 7)) == westgard(z, STANDARD)


def test_no_spread_fires_nothing() -> None:
    assert westgard((5, 5, 6), Baseline(5, 0)) == ()


def test_one_value_makes_no_chart() -> None:
    with pytest.raises(ValueError, match="at least two"):
        individuals((1.0,))
