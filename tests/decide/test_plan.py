"""The planner against the closed form of its own model."""

from __future__ import annotations

import math

import pytest
from scipy.stats import norm

from isletqc.decide.plan import MOST, expected_rsd, further_aliquots

SAMPLING = {"sampling": 0.2}


def test_own_errors_shrink_with_the_root_and_shared_ones_stay() -> None:
    parts = {"sampling": 0.3, "aliquot volume": 0.04, "pixel size": 0.03}
    assert expected_rsd(parts, 1, 0) == pytest.approx(math.sqrt(0.09 + 0.0016 + 0.0009))
    assert expected_rsd(parts, 1, 3) == pytest.approx(math.sqrt(0.09 / 4 + 0.0004 + 0.0009))
    assert expected_rsd(parts, 2, 2) == pytest.approx(math.sqrt(0.09 / 2 + 0.0008 + 0.0009))


@pytest.mark.parametrize("value", [115.0, 87.0, 130.0])
def test_the_number_is_the_smallest_that_reaches_the_assurance(value: float) -> None:
    further = further_aliquots(value, 100.0, rsd_parts=SAMPLING, aliquots=1, assurance=0.95)
    assert further is not None

    def sure(aliquots: int) -> float:
        log_sd = math.sqrt(math.log1p(0.04 / aliquots))
        return float(norm.cdf(abs(math.log(value / 100)) / log_sd))

    assert sure(1 + further) >= 0.95
    assert further == 1 or sure(further) < 0.95


def test_shared_errors_can_make_it_hopeless() -> None:
    parts = {"sampling": 0.1, "segmentation": 0.1}
    assert further_aliquots(105.0, 100.0, rsd_parts=parts, aliquots=2, assurance=0.95) is None


def test_a_value_on_its_limit_is_never_decided() -> None:
    assert further_aliquots(100.0, 100.0, rsd_parts=SAMPLING, aliquots=1, assurance=0.95) is None


def test_no_more_than_fifty_are_ever_asked_for() -> None:
    near = 100 * math.exp(1.645 * 0.2 / math.sqrt(MOST + 2))
    assert further_aliquots(near, 100.0, rsd_parts=SAMPLING, aliquots=1, assurance=0.95) is None


@pytest.mark.parametrize(("value", "limit", "aliquots"), [(0.0, 5.0, 1), (5.0, 0.0, 1), (5, 9, 0)])
def test_without_a_ratio_there_is_no_plan(value: float, limit: float, aliquots: int) -> None:
    assert (
        further_aliquots(value, limit, rsd_parts=SAMPLING, aliquots=aliquots, assurance=0.9) is None
    )
