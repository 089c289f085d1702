"""Described figures of a lot's islets: means, mantled shares, small objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from isletqc.decide.morphology import morphology
from isletqc.protocol import Sizing
from isletqc.records import Picture

Make = Callable[..., Any]


def _with(picture: Picture, **figures: Any) -> Picture:
    """Give the islets of a picture figures, one each."""
    rows = [
        dict(zip(figures, values, strict=True)) for values in zip(*figures.values(), strict=True)
    ]
    islets = tuple(replace(i, **row) for i, row in zip(picture.islets, rows, strict=True))
    return replace(picture, islets=islets)


def test_means_have_students_interval(picture: Make) -> None:
    values = [0.5, 0.7, 0.8, 0.6, 0.9]
    lot = [_with(picture([100] * 5), circularity=values)]
    found = morphology(lot, Sizing(), 0.95)["circularity_mean"].estimate
    low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    assert (found.value, found.ci_low, found.ci_high) == pytest.approx((0.7, low, high), rel=1e-2)


def test_mantled_islets_are_told_by_number_and_by_islet_equivalents(picture: Make) -> None:
    # Three of four islets of 150 um and one of 300 um, which holds 8 of 11 IEQ.
    lot = [_with(picture([150, 150, 150, 300]), mantle=[0.2, 0.5, 0.1, 0.9])]
    found = morphology(lot, Sizing(), 0.95)
    assert found["mantled_fraction"].estimate.value == pytest.approx(1 / 4)
    assert found["mantled_ieq_share"].estimate.value == pytest.approx(8 / 11)
    lower = morphology(lot, Sizing(mantled_share=0.4), 0.95)
    assert lower["mantled_fraction"].estimate.value == pytest.approx(2 / 4)


def test_the_interval_of_the_mantled_fraction_holds_the_truth(picture: Make) -> None:
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(300):
        lot = [
            _with(picture([100] * 40, str(k)), mantle=(rng.random(40) < 0.15).astype(float))
            for k in range(2)
        ]
        e = morphology(lot, Sizing(), 0.95)["mantled_fraction"].estimate
        held += (e.ci_low or 0) <= 0.15 <= (e.ci_high or 0)
    assert 0.92 <= held / 300 <= 0.99


def test_objects_too_small_to_count_are_described(picture: Make) -> None:
    found = morphology([picture([30, 40, 100])], Sizing(), 0.95)
    assert found["small_objects_per_islet"].estimate.value == 2
    share = found["small_objects_area_share"].estimate.value
    assert share == pytest.approx((30**2 + 40**2) / (30**2 + 40**2 + 100**2))


def test_without_islets_nothing_is_described_and_nothing_breaks(picture: Make) -> None:
    found = morphology([picture([])], Sizing(), 0.95)
    assert all(k.estimate.value is None for k in found.values())
    assert "mantled_fraction" not in found
    one = morphology([picture([100])], Sizing(), 0.95)["solidity_mean"].estimate
    assert (one.value, one.ci_low) == (1.0, None)
