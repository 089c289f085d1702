"""Intervals and probabilities against exact distributions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from isletqc.decide import spread
from isletqc.records import Estimate, Relation


def garwood(count: int) -> tuple[float, float]:
    """Exact interval of a Poisson mean."""
    low = stats.chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    return float(low), float(stats.chi2.ppf(0.975, 2 * count + 2) / 2)


def test_the_published_example_of_the_gamma_interval_is_reproduced() -> None:
    """Down's syndrome by mother's age, fifth child and later (Fay and Feuer 1997, table II).

    Interval as R package dsrTest 1.0.0 prints it in its vignette.
    """
    cases = np.array([0, 8, 63, 112, 262, 295.0])
    births = np.array([327, 30_666, 123_419, 149_919, 104_088, 34_392.0])
    standard = np.array([319_933, 931_318, 786_511, 488_235, 237_863, 61_313.0])
    weights = 1e5 * standard / births / standard.sum()
    total, squares, cubes = (float((weights**k * cases).sum()) for k in (1, 2, 3))
    found = spread.Moments(total, squares, cubes, float(weights.max()))
    assert total == pytest.approx(75.52901, abs=1e-5)
    ends = spread.interval(spread.poisson_sum(found, reference=1.0, sized=False), 0.95)
    # Values at 200 fixed probabilities stand for the law: within 0.1 %.
    assert ends == pytest.approx((67.70212, 188.30017), rel=1e-3)


@pytest.mark.parametrize("count", [0, 1, 2, 5, 20, 100, 1000])
def test_counts_have_the_exact_poisson_interval(count: int) -> None:
    values = spread.poisson_sum(spread.moments(np.full(count, 3.0)), reference=3.0, sized=False)
    low, high = spread.interval(values, 0.95)
    exact_low, exact_high = garwood(count)
    assert low == pytest.approx(3 * exact_low, rel=2e-3)
    assert high == pytest.approx(3 * exact_high, rel=2e-3)


@pytest.mark.parametrize("count", [1, 5, 20, 100])
def test_volumes_never_have_a_narrower_interval_than_counts(count: int) -> None:
    u = np.ones(count)
    sized = spread.interval(spread.poisson_sum(spread.moments(u), reference=1.0), 0.95)
    counted = spread.interval(
        spread.poisson_sum(spread.moments(u), reference=1.0, sized=False), 0.95
    )
    assert sized[0] == counted[0]
    assert sized[1] >= counted[1]


def test_no_islet_leaves_the_rule_of_three_in_units_of_the_reference() -> None:
    values = spread.poisson_sum(spread.moments(np.zeros(0)), reference=2.5)
    low, high = spread.interval(values, 0.95)
    assert low == 0
    assert high == pytest.approx(-math.log(0.025) * 2.5, rel=2e-3)
    # One-sided 95 %: three islets.
    assert spread.interval(values, 0.9)[1] == pytest.approx(3 * 2.5, rel=0.01)


@given(
    contributions=st.lists(st.floats(0.03, 40), min_size=1, max_size=60),
    factor=st.floats(0.01, 1e6),
)
def test_the_spread_scales_with_its_unit_and_holds_the_sum(
    contributions: list[float], factor: float
) -> None:
    u = np.array(contributions)
    values = spread.poisson_sum(spread.moments(u), reference=1.0)
    low, high = spread.interval(values, 0.95)
    assert low < u.sum() < high
    assert (np.diff(values) >= 0).all()
    scaled = spread.poisson_sum(spread.moments(factor * u), reference=1.0)
    assert scaled == pytest.approx(factor * values, rel=1e-6)


def test_one_giant_among_many_widens_the_interval() -> None:
    even = spread.interval(spread.poisson_sum(spread.moments(np.ones(100)), reference=1.0), 0.95)
    uneven = spread.interval(
        spread.poisson_sum(spread.moments(np.append(np.ones(50), 50.0)), reference=1.0), 0.95
    )
    assert uneven[0] < 0.7 * even[0]
    assert uneven[1] > 1.5 * even[1]


def test_inflation_widens_by_its_root_in_large_samples() -> None:
    u = np.ones(10_000)
    low, high = spread.interval(spread.poisson_sum(spread.moments(u), reference=1.0), 0.95)
    wide_low, wide_high = spread.interval(
        spread.poisson_sum(spread.moments(u), reference=1.0, inflation=9.0), 0.95
    )
    assert (wide_high - wide_low) / (high - low) == pytest.approx(3, rel=0.02)


@pytest.mark.parametrize("rsd", [0.01, 0.1, 0.3])
def test_blur_alone_is_the_lognormal_interval(rsd: float) -> None:
    low, high = spread.interval(spread.blur(spread.exactly(10.0), rsd), 0.95)
    log_sd = math.sqrt(math.log1p(rsd**2))
    assert low == pytest.approx(10 * math.exp(-1.96 * log_sd), rel=0.01)
    assert high == pytest.approx(10 * math.exp(1.96 * log_sd), rel=0.01)


def test_errors_add_in_squares() -> None:
    once = spread.blur(spread.blur(spread.exactly(1.0), 0.03), 0.04)
    at_once = spread.blur(spread.exactly(1.0), 0.05)
    assert spread.interval(once, 0.95) == pytest.approx(spread.interval(at_once, 0.95), rel=2e-3)


@pytest.mark.parametrize(("hits", "trials"), [(0, 20), (3, 20), (20, 20), (500, 800)])
def test_a_share_has_jeffreys_interval(hits: int, trials: int) -> None:
    exact = stats.beta(hits + 0.5, trials - hits + 0.5).interval(0.95)
    assert spread.interval(spread.share(hits, trials), 0.95) == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize(
    ("relation", "expected"), [(">=", 0.75), (">", 0.5), ("<=", 0.5), ("<", 0.25)]
)
def test_the_chance_counts_values_that_meet_the_limit(relation: Relation, expected: float) -> None:
    assert spread.chance(np.array([1.0, 2.0, 3.0, 4.0]), relation, 2.0) == expected


def test_the_probability_agrees_with_the_interval() -> None:
    values = spread.blur(
        spread.poisson_sum(spread.moments(np.linspace(0.1, 4, 80)), reference=1.0), 0.07
    )
    low, high = spread.interval(values, 0.95)
    assert spread.chance(values, ">=", low) == pytest.approx(0.975, abs=1e-3)
    assert spread.chance(values, "<=", high) == pytest.approx(0.975, abs=1e-3)


@given(contributions=st.lists(st.floats(0.03, 40), min_size=1, max_size=60))
def test_the_careful_values_differ_above_the_middle_only_and_lie_higher(
    contributions: list[float],
) -> None:
    u = np.array(contributions)
    plain = spread.poisson_sum(spread.moments(u), reference=1.0)
    careful = spread.cautious_sum(u)
    assert (careful[:100] == plain[:100]).all()
    assert (careful[100:] > plain[100:]).all()
    assert (np.diff(careful) >= 0).all()
    assert np.isfinite(careful).all()


def test_the_careful_upper_end_of_equal_islets_is_that_of_a_twice_as_large_one_more() -> None:
    # One more islet of twice the volume: gamma of mean n + 2 and variance n + 4.
    n = 400
    upper = spread.interval(spread.cautious_sum(np.ones(n)), 0.9)[1]
    gamma = stats.gamma((n + 2) ** 2 / (n + 4), scale=(n + 4) / (n + 2))
    assert upper == pytest.approx(float(gamma.ppf(0.95)), rel=1e-3)


def test_only_limits_from_above_use_the_careful_values() -> None:
    estimate = Estimate("x", 2.0, "1")
    known = spread.Known(estimate, np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 9.0, 9.0]))
    assert spread.probability(known, "<=", 5.0) == 0.5
    assert spread.probability(known, "<", 5.0) == 0.5
    assert spread.probability(known, ">=", 5.0) == 0
    assert spread.probability(spread.Known(estimate, known.values), "<=", 5.0) == 1
    assert spread.probability(spread.Known(estimate), "<=", 5.0) is None


def test_ends_of_many_sums_are_those_of_each() -> None:
    rng = np.random.default_rng(8)
    parts = [rng.lognormal(-0.5, 1.2, n) for n in (5, 20, 300)]
    found = [spread.moments(p) for p in parts]
    names = ("total", "squares", "cubes", "largest")
    total, squares, cubes, largest = (np.array([getattr(m, n) for m in found]) for n in names)
    low, high = spread.ends_of_sums(total, squares, cubes, largest, 0.95)
    for k, m in enumerate(found):
        ends = spread.interval(spread.poisson_sum(m, reference=1.0), 0.95)
        assert (low[k], high[k]) == pytest.approx(ends, rel=3e-3)
