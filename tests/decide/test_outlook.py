"""The outlook on further aliquots: its laws, and that the chances it gives come true."""

from __future__ import annotations

import math

import pytest
from scipy.stats import norm

from isletqc.decide.plan import Outlook, aliquots_for, further_aliquots, outlook
from isletqc.decide.plan_coverage import foretell

SAMPLING = {"sampling": 0.2}
ASSURANCE = 0.95


def seen(probability: float, further: int, **changes: object) -> Outlook:
    settings: dict[str, object] = {"rsd_parts": SAMPLING, "aliquots": 2, "assurance": ASSURANCE}
    return outlook(probability, further=further, **(settings | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("further", [1, 2, 4, 8, 50])
def test_the_chances_add_to_one_and_mirror_each_other(further: int) -> None:
    high, low = seen(0.8, further), seen(0.2, further)
    assert high.passes + high.fails + high.review == pytest.approx(1)
    assert (high.passes, high.fails) == pytest.approx((low.fails, low.passes))
    assert high.passes > high.fails


def test_the_chance_to_pass_is_that_of_the_normal_law_of_the_combined_estimate() -> None:
    # No shared errors, log scale: present z, aliquots 2 + 2.
    s, z = math.sqrt(math.log1p(0.04)), norm.ppf(0.8)
    later = math.sqrt(math.log1p(0.02))
    expected = norm.cdf((z * s - norm.ppf(ASSURANCE) * later) / (s * math.sqrt(2 / 4)))
    assert seen(0.8, 2).passes == pytest.approx(expected)


def test_with_endless_aliquots_and_no_shared_error_the_chance_is_the_present_probability() -> None:
    found = seen(0.8, 1_000_000)
    assert found.passes == pytest.approx(0.8, abs=2e-3)
    assert found.fails == pytest.approx(0.2, abs=2e-3)


def test_shared_errors_alone_leave_the_verdict_where_it_is() -> None:
    assert seen(0.8, 8, rsd_parts={"segmentation": 0.2}) == Outlook(8, 0.0, 0.0, 1.0)


def test_the_needed_aliquots_are_the_fewest_that_give_the_chance() -> None:
    parts = {"sampling": 0.2, "pixel size": 0.03}
    further = aliquots_for(0.8, 0.9, rsd_parts=parts, aliquots=2, assurance=ASSURANCE)
    assert further is not None
    for k, enough in ((further, True), (further - 1, False)):
        if k:
            found = seen(0.9, k, rsd_parts=parts)
            assert (found.passes + found.fails >= 0.8) == enough
    hopeless = {"sampling": 0.1, "segmentation": 0.3}
    assert aliquots_for(0.8, 0.6, rsd_parts=hopeless, aliquots=2, assurance=ASSURANCE) is None


def test_where_a_staying_estimate_would_decide_the_moving_one_decides_in_half_of_the_cases() -> (
    None
):
    value, limit = 130.0, 100.0
    probability = float(norm.cdf(math.log(value / limit) / math.sqrt(math.log1p(0.04))))
    further = further_aliquots(value, limit, rsd_parts=SAMPLING, aliquots=2, assurance=ASSURANCE)
    assert further is not None
    assert seen(probability, further).passes >= 0.5


@pytest.mark.parametrize(("done", "further"), [(2, 1), (2, 4), (3, 8)])
def test_the_chances_come_true(done: int, further: int) -> None:
    """A short run of ``scripts/coverage --plan``."""
    found = foretell(done=done, further=further, lots=250, seed=16)
    # Three standard errors of a share of 0.3 among 250, and among 125.
    assert found.told == pytest.approx(found.came, abs=0.09)
    assert found.likely_told == pytest.approx(found.likely_came, abs=0.12)
    assert found.likely_told[0] > found.told[0]
