"""A short proof that intervals of viability hold the truth; ``scripts/coverage --viability``."""

from __future__ import annotations

import pytest

from isletqc.decide.viability_coverage import Setting, cover


@pytest.mark.parametrize("setting", [Setting("Weibull", 60, 1, 0.8, 0.2),
                                     Setting("lognormal", 60, 3, 0.8, 0.15, 0.15)])  # fmt: skip
def test_intervals_of_viability_hold_the_truth(setting: Setting) -> None:
    held = cover(setting, lots=60, seed=4).held
    # Three standard errors of 0.95 among 60.
    assert held["viability_tissue_weighted"] >= 0.95 - 0.085
    assert held["viability_islet_mean"] >= 0.95 - 0.085
    assert held["viability_by_islet"] >= 0.95 - 0.085
