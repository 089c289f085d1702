"""Size figures against the formulas of their statistics."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from isletqc.decide.sizes import sizes
from isletqc.decide.spread import Known
from isletqc.protocol import Sizing, Uncertainty

Make = Callable[..., Any]
EXACT = Uncertainty.model_validate({"pixel_size_rsd": 0})


def known(
    make: Make, diameters_um: list[float], *, rsd: float = 0.0, weight: float = 1.0, **sizing: Any
) -> dict[str, Known]:
    islets = make(diameters_um, weight=weight).counted
    return sizes(islets, Sizing.model_validate(sizing), EXACT, segmentation_rsd=rsd)


def test_values_are_those_of_their_definitions(picture: Make) -> None:
    d = [60.0, 90.0, 120.0, 150.0, 330.0]
    found = {n: k.estimate.value for n, k in known(picture, d, window_um=[80, 150]).items()}
    ieq = [(x / 150) ** 3 for x in d]
    assert found == pytest.approx(
        {
            "size_index": np.mean(ieq),
            "diameter_mean_um": 150,
            "diameter_median_um": 120,
            "diameter_cv": np.std(d, ddof=1) / 150,
            "fraction_over_200_um": 0.2,
            "fraction_over_250_um": 0.2,
            "fraction_over_300_um": 0.2,
            "fraction_in_window": 0.6,
            "largest_three_share": sum(ieq[2:]) / sum(ieq),
        }
    )


def test_equal_border_weights_change_nothing(picture: Make) -> None:
    d = [60.0, 90.0, 120.0, 150.0, 330.0]
    once, twice = known(picture, d), known(picture, d, weight=2.0)
    for name, k in once.items():
        assert twice[name].estimate.value == pytest.approx(k.estimate.value)
        assert twice[name].estimate.ci_low == pytest.approx(k.estimate.ci_low)


def test_the_mean_has_students_interval_on_the_logarithm(picture: Make) -> None:
    d = np.random.default_rng(1).normal(120, 20, 40)
    found = known(picture, d.tolist())["diameter_mean_um"].estimate
    half = stats.t.ppf(0.975, 39) * d.std(ddof=1) / math.sqrt(40)
    assert found.ci_low == pytest.approx(d.mean() * math.exp(-half / d.mean()), rel=1e-3)
    assert found.ci_high == pytest.approx(d.mean() * math.exp(half / d.mean()), rel=1e-3)


def test_a_fraction_has_jeffreys_interval(picture: Make) -> None:
    found = known(picture, [100.0] * 180 + [260.0] * 20)["fraction_over_200_um"].estimate
    low, high = stats.beta(20.5, 180.5).interval(0.95)
    assert found.ci_low == pytest.approx(low, rel=0.01)
    assert found.ci_high == pytest.approx(high, rel=0.01)


def test_a_fraction_whose_islets_stand_at_the_limit_is_less_certain(picture: Make) -> None:
    far = known(picture, [100.0] * 500 + [300.0] * 500, rsd=0.06)["fraction_over_200_um"].estimate
    near = known(picture, [199.0] * 500 + [201.0] * 500, rsd=0.06)["fraction_over_200_um"].estimate
    assert far.value == near.value == 0.5
    assert far.ci_low is not None
    assert near.ci_low is not None
    assert far.ci_low > 0.46
    assert near.ci_low < 0.1


@pytest.mark.parametrize(
    "name", ["diameter_mean_um", "diameter_median_um", "size_index", "diameter_cv"]
)
def test_intervals_hold_the_truth_in_most_samples(picture: Make, name: str) -> None:
    law = stats.lognorm(0.3, scale=140)
    ieq = [math.exp(k * math.log(140) + k * k * 0.045) / 150**k for k in (1, 2, 3)]
    truth = {
        "diameter_mean_um": 150 * ieq[0],
        "diameter_median_um": 140.0,
        "size_index": ieq[2],
        "diameter_cv": math.sqrt(math.expm1(0.09)),
    }[name]
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(120):
        found = known(picture, law.rvs(50, random_state=rng).tolist())[name].estimate
        assert found.ci_low is not None
        assert found.ci_high is not None
        held += found.ci_low <= truth <= found.ci_high
    assert held / 120 >= 0.90


def test_no_islets_give_reasons_and_one_gives_no_interval(picture: Make) -> None:
    none = known(picture, [], window_um=[80, 150])
    assert {k.estimate.value for k in none.values()} == {None}
    assert {k.estimate.reason for k in none.values()} == {"not determined: no islet counted"}
    assert "fraction_in_window" in none
    one = known(picture, [120.0])
    assert one["diameter_mean_um"].estimate.value == pytest.approx(120)
    assert one["diameter_mean_um"].values is None
    assert one["diameter_cv"].estimate.value is None


def test_islets_all_of_one_size_do_not_divide_by_zero(picture: Make) -> None:
    found = known(picture, [120.0] * 30)
    assert found["diameter_cv"].estimate.value == 0
    assert found["diameter_mean_um"].estimate.ci_low == pytest.approx(120)
