"""Purity by three definitions, from discs whose areas and volumes are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from isletqc.decide import spread
from isletqc.decide.purity import by_definition, purity
from isletqc.protocol import Purity, Uncertainty
from isletqc.records import Estimate, Picture

Make = Callable[..., Any]
GIVEN = Uncertainty.model_validate({})


def estimate(pictures: list[Picture], definition: str = "area", rsd: float = 0.0) -> Estimate:
    wanted = Purity.model_validate({"definition": definition})
    return purity(pictures, wanted, GIVEN, segmentation_rsd=rsd).estimate


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        # 20 islets of 200 um, 5 of 40 um that do not count, 40 exocrine discs of 100 um.
        ("area", (20 * 4 + 5 * 0.16) / (20 * 4 + 5 * 0.16 + 40)),
        ("volume", (20 * 8 + 5 * 0.064) / (20 * 8 + 5 * 0.064 + 40)),
        ("count", 20 / 60),
    ],
)
def test_each_definition_has_its_own_number(
    picture: Make, definition: str, expected: float
) -> None:
    pictures = [picture([200] * 20 + [40] * 5, exocrine=40)]
    assert estimate(pictures, definition).value == pytest.approx(expected)
    assert by_definition(pictures)[definition] == pytest.approx(expected)


def test_pictures_of_a_lot_add_up_before_the_fraction_is_taken(picture: Make) -> None:
    pictures = [picture([100] * 30, name="a"), picture([100] * 10, name="b", exocrine=60)]
    assert estimate(pictures).value == pytest.approx(0.4)


def test_many_equal_clusters_have_the_binomial_interval(picture: Make) -> None:
    found = estimate([picture([100] * 6000, exocrine=4000)])
    error = 1.96 * np.sqrt(0.6 * 0.4 / 10_000)
    assert found.ci_low == pytest.approx(0.6 - error, abs=1e-3)
    assert found.ci_high == pytest.approx(0.6 + error, abs=1e-3)


def test_one_large_clump_makes_the_purity_uncertain(picture: Make) -> None:
    grains = picture([100] * 200, exocrine=100)
    squares = grains.exocrine_area_um2**2
    clump = replace(
        grains,
        exocrine_area_squares_um4=squares,
        exocrine_area_cubes_um6=squares**1.5,
        exocrine_largest_um2=grains.exocrine_area_um2,
    )
    assert estimate([grains]).value == estimate([clump]).value
    low = estimate([grains]).ci_low
    assert low is not None
    assert low > 0.55
    clumped = estimate([clump]).ci_low
    assert clumped is not None
    assert clumped < 0.35


@pytest.mark.parametrize(("islets", "exocrine", "value"), [(50, 0, 1.0), (0, 50, 0.0)])
def test_pure_tissue_of_one_kind_still_has_an_interval(
    picture: Make, islets: int, exocrine: int, value: float
) -> None:
    found = estimate([picture([100] * islets, exocrine=exocrine)])
    assert found.value == value
    assert found.ci_low is not None
    assert found.ci_high is not None
    assert 0 <= found.ci_low < found.ci_high <= 1
    assert found.ci_high - found.ci_low > 0.03


def test_a_segmentation_error_moves_the_odds(picture: Make) -> None:
    pictures = [picture([100] * 20_000, exocrine=20_000)]
    found = estimate(pictures, rsd=0.15)
    # Two thirds of 15 % on the islet area and 1 % sampling: odds times exp(-+ 1.96 x 0.1005).
    odds = np.exp(-1.96 * np.sqrt(np.log1p(0.01) + 1e-4))
    assert found.ci_low == pytest.approx(odds / (1 + odds), abs=2e-3)


def test_without_tissue_or_definition_there_is_no_purity(picture: Make) -> None:
    assert estimate([picture([])]).reason == "not determined: no tissue seen"
    assert by_definition([picture([])]) == {}
    none = purity([picture([100])], None, GIVEN, segmentation_rsd=0).estimate
    assert (none.value, none.reason) == (None, "not determined: the protocol defines no purity")


def test_without_measured_clusters_only_the_area_purity_is_known(picture: Make) -> None:
    old = replace(picture([100] * 9, exocrine=9), exocrine_clusters=None, exocrine_volume_nl=None)
    assert list(by_definition([old])) == ["area"]
    assert estimate([old], "count").value is None


def test_unmeasured_clusters_are_taken_as_few_and_large(picture: Make) -> None:
    known = picture([100] * 200, exocrine=100)
    unknown = replace(known, exocrine_area_squares_um4=None, exocrine_area_cubes_um6=None)
    one, other = estimate([known]), estimate([replace(unknown, exocrine_largest_um2=None)])
    assert other.value == one.value
    assert one.ci_low is not None
    assert other.ci_low is not None
    assert other.ci_low < one.ci_low


@pytest.mark.parametrize(("islets", "clumps"), [(100, 30), (60, 200)])
def test_lots_at_the_limit_are_seldom_passed(picture: Make, islets: int, clumps: int) -> None:
    """Areas of islets and of exocrine regions both lognormal, sigma 1: tenfold is common."""
    rng = np.random.default_rng(islets)
    truth = islets / (islets + clumps)
    blank, wanted = picture([]), Purity.model_validate({})
    held = passed = 0
    for _ in range(150):
        areas = 1e4 * np.exp(rng.standard_normal(rng.poisson(islets)))
        exocrine = 1e4 * np.exp(rng.standard_normal(rng.poisson(clumps)))
        template = picture([100]).islets[0]
        seen = replace(
            blank,
            islets=tuple(replace(template, area_um2=float(a)) for a in areas),
            islet_area_um2=float(areas.sum()),
            exocrine_area_um2=float(exocrine.sum()),
            exocrine_area_squares_um4=float((exocrine**2).sum()),
            exocrine_area_cubes_um6=float((exocrine**3).sum()),
            exocrine_largest_um2=float(exocrine.max()),
        )
        known = purity([seen], wanted, GIVEN, segmentation_rsd=0)
        assert known.values is not None
        low, high = spread.interval(known.values, 0.95)
        held += low <= truth <= high
        passed += spread.chance(known.values, ">=", truth) >= 0.95
    assert held / 150 > 0.92
    assert passed / 150 < 0.07
