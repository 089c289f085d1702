"""A short proof that intervals hold the truth; ``scripts/coverage`` runs the long one.

Two hundred lots a setting, four settings a law: the share of intervals that hold the truth has a
standard error of 0.8 % for each law, and so has the share of false passes.
"""

from __future__ import annotations

import pytest

from isletqc.decide.coverage import Coverage, Setting, cover, held_by_sampling
from isletqc.protocol import Uncertainty

EXACT = Uncertainty.model_validate(
    dict.fromkeys(("pixel_size_rsd", "aliquot_rsd", "dilution_rsd", "suspension_rsd"), 0)
)
USUAL = Uncertainty.model_validate({})


def simulate(law: str, given: Uncertainty, segmentation_rsd: float) -> list[Coverage]:
    return [
        cover(Setting(law, aliquots, seen, given, segmentation_rsd), lots=200, seed=seen + aliquots)
        for aliquots, seen in ((1, 20), (2, 60), (3, 200), (4, 600))
    ]


def mean(found: list[Coverage], share: str) -> float:
    return float(sum(getattr(c, share) for c in found) / len(found))


@pytest.mark.parametrize(("given", "rsd"), [(EXACT, 0.0), (USUAL, 0.06)])
@pytest.mark.parametrize("law", ["Weibull", "lognormal", "SC-islets"])
def test_intervals_hold_the_truth_and_lots_at_the_limit_do_not_pass(
    law: str, given: Uncertainty, rsd: float
) -> None:
    found = simulate(law, given, rsd)
    assert 0.93 - 0.01 <= mean(found, "held") <= 0.97 + 0.01
    assert mean(found, "false_pass") <= 0.05 + 0.01
    assert mean(found, "false_pass_upper") <= 0.05 + 0.01
    assert mean(found, "called_badly_mixed") <= 0.02
    assert mean(found, "wrongly_passed") <= 0.02
    # The limits' median is the truth: half of all lots meet theirs, whatever share of these does.
    assert mean(found, "mean_probability") == pytest.approx(0.5, abs=0.05)


def test_badly_mixed_lots_are_mostly_found_out() -> None:
    setting = Setting("SC-islets", 4, 600, USUAL, 0.06, mixing_rsd=0.5)
    found = cover(setting, lots=200, seed=1)
    assert found.called_badly_mixed > 0.8
    assert found.held > 0.9


def test_the_simulation_can_fail() -> None:
    """Estimates that know nothing of a 20 % error must be caught by it."""
    right = Setting("SC-islets", 1, 600, EXACT, 0.0)
    blind = Setting("SC-islets", 1, 600, EXACT, 0.0, mixing_rsd=0.2)
    assert cover(right, lots=300, seed=3).held > 0.93
    assert cover(blind, lots=300, seed=3).held < 0.75


def test_limits_from_above_hold_where_few_islets_are_seen_and_the_largest_are_rare() -> None:
    """Standard error 0.7 %; with the values of the interval 10 % would pass."""
    found = cover(Setting("lognormal", 1, 20, EXACT, 0.0), lots=1000, seed=4)
    assert found.false_pass_upper <= 0.05 + 0.015
    assert found.too_low > 0.03


def test_bad_mixing_that_is_stated_is_in_the_interval_of_a_single_aliquot() -> None:
    stated = EXACT.model_copy(update={"mixing_rsd": 0.2})
    found = cover(Setting("SC-islets", 1, 600, stated, 0.0, mixing_rsd=0.2), lots=300, seed=3)
    assert found.held > 0.93


def test_every_lot_is_in_one_tenth_of_the_stated_probabilities() -> None:
    found = cover(Setting("Weibull", 1, 50, EXACT, 0.0), lots=50, seed=2)
    for tenths in (found.at_least, found.at_most):
        assert sum(t.lots for t in tenths) == 50
        for k, t in enumerate(tenths):
            assert k / 10 * t.lots <= t.stated <= (k + 1) / 10 * t.lots + 1e-9
            assert t.met <= t.lots
    assert sum(t.met for t in found.at_least + found.at_most) == 50


def test_the_same_seed_gives_the_same_table() -> None:
    setting = Setting("lognormal", 2, 50, USUAL, 0.06)
    assert cover(setting, lots=20, seed=9) == cover(setting, lots=20, seed=9)


@pytest.mark.parametrize("seen", [20, 50, 100, 200, 600])
@pytest.mark.parametrize("law", ["Weibull", "lognormal", "SC-islets"])
def test_sampling_alone_is_covered_in_93_to_97_percent_of_20000_lots(law: str, seen: int) -> None:
    held, too_high, too_low = held_by_sampling(law, seen, lots=20_000, seed=2)
    assert 0.93 <= held <= 0.97
    assert held + too_high + too_low == pytest.approx(1)
    assert too_high <= 0.025
