"""Variance components against published analyses, closed forms and simulation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isletqc.validation import table
from isletqc.validation.components import (
    Anova,
    large_sample_interval,
    nested,
    satterthwaite,
    variance_interval,
)

WORKED = Path(__file__).parent / "worked"


@pytest.fixture(scope="module")
def glucose() -> Anova:
    read = table.read(WORKED / "glucose.csv", "repeatability")
    return nested(read.numbers("value"), {"day": read.words("day"), "run": read.words("run")})


def test_the_ep05_glucose_example_gives_the_published_analysis_of_variance(
    glucose: Anova,
) -> None:
    assert glucose.mean == pytest.approx(244.2)
    assert glucose.degrees == pytest.approx([19, 20, 40])
    assert glucose.squares == pytest.approx([415.8, 281.0, 316.0])
    assert glucose.mean_squares == pytest.approx([21.88421, 14.05, 7.9], abs=1e-5)
    assert glucose.components == pytest.approx([1.958553, 3.075, 7.9], abs=1e-6)


def test_the_ep05_glucose_example_gives_the_published_intervals(glucose: Anova) -> None:
    weights = glucose.weights.sum(axis=0)
    total = float(weights @ glucose.mean_squares)
    degrees = satterthwaite(weights, glucose.mean_squares, glucose.degrees)
    assert (total, degrees) == pytest.approx((12.933553, 64.77732), abs=1e-5)

    def cv(variances: tuple[float, float]) -> np.ndarray:
        return np.asarray(100 * np.sqrt(variances) / glucose.mean)

    assert cv(variance_interval(total, degrees, 0.95)) == pytest.approx(
        [1.2569983, 1.778450], abs=1e-6
    )
    assert cv(variance_interval(7.9, 40, 0.95)) == pytest.approx([0.9449697, 1.472683], abs=1e-6)


def test_the_ep15_ferritin_example_gives_the_published_components() -> None:
    read = table.read(WORKED / "ferritin.csv", "repeatability")
    found = nested(read.numbers("value"), {"run": read.words("run")})
    assert found.mean == pytest.approx(140.12)
    assert found.squares == pytest.approx([63.44, 63.20])
    assert found.degrees == pytest.approx([4, 20])
    assert found.components == pytest.approx([2.54, 3.16])


def test_an_unbalanced_study_has_the_textbook_coefficient() -> None:
    # Searle: E[MS between] = error + n0 x component, n0 = (N - sum n^2 / N) / (a - 1).
    groups = [2, 5, 3, 4]
    rng = np.random.default_rng(1)
    y = rng.normal(size=sum(groups))
    found = nested(y, {"day": [str(k) for k, n in enumerate(groups) for _ in range(n)]})
    n0 = (14 - sum(n * n for n in groups) / 14) / 3
    between, within = found.mean_squares
    assert found.components == pytest.approx([(between - within) / n0, within])


def test_components_of_an_unbalanced_nested_study_are_unbiased() -> None:
    rng = np.random.default_rng(2)
    plan = [(d, r) for d in range(6) for r in range(1 + d % 3) for _ in range(2 + (d + r) % 2)]
    day = [str(d) for d, _ in plan]
    run = [str(r) for _, r in plan]
    code = np.unique(np.array([f"{d}.{r}" for d, r in plan]), return_inverse=True)[1]
    found = []
    for _ in range(600):
        y = 3 * rng.normal(size=6)[[d for d, _ in plan]]
        y = y + 2 * rng.normal(size=code.max() + 1)[code] + rng.normal(size=len(plan))
        found.append(nested(y, {"day": day, "run": run}).components)
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(600)
    assert (np.abs(mean - [9, 4, 1]) < 3 * error).all()


def test_large_values_with_little_spread_lose_no_digits() -> None:
    y = np.array([1.0, 2.0, 4.0, 3.0])
    day = ["a", "a", "b", "b"]
    near, far = (nested(y + shift, {"day": day}).squares for shift in (0.0, 1e8))
    assert far == pytest.approx(near, rel=1e-6)


@pytest.mark.parametrize("ratio", [0.0, 0.5, 4.0])
def test_the_interval_of_a_component_holds_the_truth(ratio: float) -> None:
    # 10 days x 3 repeats; mean squares are scaled chi-squares.
    rng = np.random.default_rng(3)
    degrees, lots = np.array([9.0, 20.0]), 800
    means = np.array([1 + 3 * ratio, 1.0])
    drawn = rng.chisquare(degrees, (lots, 2)) * means / degrees
    weights = np.array([1 / 3, -1 / 3])
    held = 0
    for squares in drawn:
        low, high = large_sample_interval(weights, squares, degrees, 0.95)
        held += low <= ratio <= high
    assert 0.935 <= held / lots <= 0.985


def test_the_interval_of_a_single_mean_square_is_the_chi_square_one() -> None:
    found = large_sample_interval(np.array([1.0]), np.array([2.5]), np.array([12.0]), 0.9)
    assert found == pytest.approx(variance_interval(2.5, 12, 0.9))
    assert satterthwaite(np.array([3.0]), np.array([2.0]), np.array([7.0])) == pytest.approx(7)
