"""Thresholds against the quantiles of known laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from isletqc.measure.positivity import from_control, from_two_components


def two_laws(
    fraction: float, apart: float, count: int = 1200, seed: int = 1
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Lognormal brightness, log SD 0.3, means ``apart`` on the logarithm."""
    rng = np.random.default_rng(seed)
    positive = np.arange(count) < round(fraction * count)
    return np.exp(rng.normal(-4 + apart * positive, 0.3)), positive


def test_a_control_threshold_is_its_percentile() -> None:
    control = np.random.default_rng(2).lognormal(-4, 0.3, 20_000)
    found = from_control([control], 99)
    true = math.exp(-4 + 0.3 * stats.norm.ppf(0.99))
    assert found.value == pytest.approx(true, rel=0.02)
    assert found.false_positive == pytest.approx(0.01)
    # Standard error of a sample quantile: sqrt(p (1 - p) / n) / density.
    density = stats.lognorm(0.3, scale=math.exp(-4)).pdf(true)
    assert found.sd == pytest.approx(math.sqrt(0.99 * 0.01 / 20_000) / density, rel=0.25)


def test_controls_that_are_stained_unlike_widen_the_threshold() -> None:
    control = np.random.default_rng(2).lognormal(-4, 0.3, 20_000)
    found = from_control([control * 0.9, control * 1.1], 99)
    assert found.sd / (found.value or 1) == pytest.approx(math.sqrt(2) * 0.1, rel=0.02)


@pytest.mark.parametrize("shift", [0.8, 1.0, 1.25])
@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.8])
def test_the_threshold_goes_with_the_samples_own_negative_nuclei(
    shift: float, fraction: float
) -> None:
    rng = np.random.default_rng(5)
    control = [rng.lognormal(-4, 0.3, 5000) * gain for gain in (0.9, 1.1)]
    positive = np.arange(5000) < fraction * 5000
    sample = shift * rng.lognormal(-4 + 2.5 * positive, 0.3)
    found = from_control(control, 99, sample=[sample])
    true = shift * math.exp(-4 + 0.3 * stats.norm.ppf(0.99))
    assert found.value == pytest.approx(true, rel=0.04)
    above = float(np.mean(sample > (found.value or 0)))
    assert (above - 0.01) / 0.99 == pytest.approx(fraction, abs=0.005)


def test_a_control_that_does_not_fit_the_sample_is_refused() -> None:
    rng = np.random.default_rng(6)
    control, sample = rng.lognormal(-4, 0.3, 2000), 1.6 * rng.lognormal(-4, 0.3, 2000)
    found = from_control([control], 99, sample=[sample])
    assert found.value is None
    assert "times as bright as those of the control" in found.reason
    assert "max_control_shift" in found.reason
    assert from_control([control], 99, sample=[sample], max_shift=1.0).value is not None


def test_a_sample_with_hardly_a_negative_nucleus_takes_the_control_as_it_stands() -> None:
    rng = np.random.default_rng(7)
    control, sample = rng.lognormal(-4, 0.3, 2000), rng.lognormal(-1, 0.3, 2000)
    assert from_control([control], 99, sample=[sample]) == from_control([control], 99)


def test_a_small_control_is_refused() -> None:
    found = from_control([np.ones(60)], 99)
    assert found.value is None
    assert "60 nuclei, at least 100" in found.reason
    assert "at least 200" in from_control([np.ones(150)], 99.5).reason


@pytest.mark.parametrize("fraction", [0.05, 0.3, 0.7, 0.95])
def test_two_laws_are_told_apart(fraction: float) -> None:
    values, positive = two_laws(fraction, apart=2.0)
    found = from_two_components(values)
    assert found.value is not None
    above = values > found.value
    assert np.mean(above != positive) < 0.01
    corrected = (above.mean() - found.false_positive) / (
        1 - found.false_positive - found.false_negative
    )
    assert corrected == pytest.approx(fraction, abs=0.01)


def test_two_equal_halves_part_in_the_middle() -> None:
    values, _ = two_laws(0.5, apart=2.0, count=20_000)
    found = from_two_components(values)
    # Equal shares and spreads: half-way on the logarithm, and known tails beyond it.
    assert math.log(found.value or 1) == pytest.approx(-3, abs=0.02)
    assert found.false_positive == pytest.approx(stats.norm.sf(1 / 0.3), rel=0.3)


def test_one_law_is_refused() -> None:
    for seed in range(5):
        one = np.random.default_rng(seed).lognormal(-4, 0.5, 800)
        found = from_two_components(one)
        assert found.value is None
        assert "do not part" in found.reason


def test_laws_that_hardly_part_are_refused() -> None:
    assert from_two_components(two_laws(0.5, apart=0.5)[0]).value is None


def test_few_nuclei_and_equal_nuclei_are_refused() -> None:
    assert from_two_components(np.ones(20)).value is None
    assert from_two_components(np.ones(500)).value is None
    assert from_two_components(np.zeros(500)).value is None
