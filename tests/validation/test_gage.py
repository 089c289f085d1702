"""AIAG's example to its printed digits, and studies whose variances are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isletqc.validation import table
from isletqc.validation.gage import Gage, crossed

WORKED = Path(__file__).parent / "worked"


@pytest.fixture(scope="module")
def aiag() -> Gage:
    read = table.read(WORKED / "aiag.csv", "gage")
    return crossed(np.reshape(read.numbers("value"), (10, 3, 3)), confidence=0.95)


def test_the_aiag_example_gives_the_published_analysis_of_variance(aiag: Gage) -> None:
    published = {
        "part": (9, 88.3619, 9.81799, 492.291),
        "operator": (2, 3.1673, 1.58363, 79.406),
        "part x operator": (18, 0.3590, 0.01994, 0.434),
        "repeatability": (60, 2.7589, 0.04598, None),
    }
    for source in aiag.sources:
        degrees, squares, mean_square, f = published[source.name]
        assert source.degrees == degrees
        assert source.squares == pytest.approx(squares, abs=6e-5)
        assert source.mean_square == pytest.approx(mean_square, abs=6e-6)
        assert source.f == (None if f is None else pytest.approx(f, abs=6e-4))
    assert aiag.sources[2].probability == pytest.approx(0.974, abs=5e-4)


def test_the_aiag_example_gives_the_published_standard_deviations(aiag: Gage) -> None:
    assert aiag.pooled
    found = np.sqrt([aiag.repeatability, aiag.reproducibility, aiag.rr, aiag.part])
    assert found == pytest.approx([0.199933, 0.226838, 0.302373, 1.042327], abs=2e-6)
    assert np.sqrt(aiag.total) == pytest.approx(1.085, abs=5e-4)


def test_the_aiag_example_gives_the_published_shares_and_verdict(aiag: Gage) -> None:
    assert aiag.grr_percent == pytest.approx(27.86, abs=5e-3)
    assert 100 * aiag.rr / aiag.total == pytest.approx(7.76, abs=5e-3)
    assert aiag.distinct_categories == 4
    assert aiag.verdict == "conditional"


def test_variances_of_drawn_studies_come_out_on_average() -> None:
    rng = np.random.default_rng(8)
    found = []
    for _ in range(400):
        y = 3 * rng.normal(size=(8, 1, 1)) + rng.normal(size=(1, 5, 1))
        y = y + 2 * rng.normal(size=(8, 5, 1)) + 0.5 * rng.normal(size=(8, 5, 3))
        g = crossed(y, confidence=0.95)
        assert not g.pooled
        found.append((g.part, g.interaction, g.repeatability))
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / 20
    assert (np.abs(mean - [9, 4, 0.25]) < 3 * error).all()


@pytest.mark.parametrize("interaction", [0.0, 1.0])
def test_the_interval_of_the_rr_variance_holds_the_truth(interaction: float) -> None:
    rng, held, studies = np.random.default_rng(9), 0, 400
    truth = 1 + interaction**2 + 1
    for _ in range(studies):
        y = 4 * rng.normal(size=(10, 1, 1)) + rng.normal(size=(1, 5, 1))
        y = y + interaction * rng.normal(size=(10, 5, 1)) + rng.normal(size=(10, 5, 2))
        low, high = crossed(y, confidence=0.95).rr_interval
        held += low <= truth <= high
    assert 0.92 <= held / studies <= 0.98


def test_a_perfect_gage_has_no_number_of_categories() -> None:
    y = np.broadcast_to(np.arange(4.0)[:, None, None], (4, 2, 2))
    found = crossed(y, confidence=0.95)
    assert found.rr == 0
    assert found.distinct_categories is None
    assert (found.grr_percent, found.verdict) == (0, "acceptable")


@pytest.mark.parametrize(
    ("noise", "verdict"), [(0.01, "acceptable"), (0.2, "conditional"), (1.0, "not acceptable")]
)
def test_the_verdict_follows_the_rule(noise: float, verdict: str) -> None:
    rng = np.random.default_rng(10)
    y = np.arange(10.0)[:, None, None] / 3 + noise * rng.normal(size=(10, 3, 3))
    assert crossed(y, confidence=0.95).verdict == verdict
