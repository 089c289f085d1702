"""Totals against their formula, and sampling errors against the published tables."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from isletqc.decide.coverage import LAWS
from isletqc.decide.lot import Aliquot, aliquots, gather
from isletqc.decide.spread import Known
from isletqc.decide.totals import between_aliquots, ieq_total, totals
from isletqc.protocol import Uncertainty
from isletqc.records import Failure, Lot, Picture

Make = Callable[..., Any]
GIVEN = Uncertainty.model_validate({})


def estimated(
    pictures: list[Picture], failures: list[Failure] | None = None, segmentation_rsd: float = 0.0
) -> dict[str, Known]:
    (lot,) = gather(pictures, failures or [])
    return totals(lot, aliquots(lot), GIVEN, segmentation_rsd=segmentation_rsd)


def value(known: dict[str, Known], name: str) -> float:
    found = known[name].estimate.value
    assert found is not None
    return found


def moments(law: str) -> tuple[float, float]:
    """Mean IEQ and coefficient of variation of the volume, 50 to 500 um, by quadrature."""
    d = np.linspace(50, 500, 200_001)
    density = LAWS[law].pdf(d)
    first, second = (float(((d / 150) ** k * density).sum() / density.sum()) for k in (3, 6))
    return first, math.sqrt(second / first**2 - 1)


@pytest.mark.parametrize(
    ("law", "index", "cv", "needed"),
    [
        ("Weibull", 0.72, 1.40, (74, 132, 296, 1182)),
        ("lognormal", 0.71, 2.25, (152, 270, 607, 2427)),
        ("SC-islets", 0.87, 0.76, (40, 71, 158, 632)),
    ],
)
def test_the_published_sampling_table_comes_back(
    law: str, index: float, cv: float, needed: tuple[int, ...]
) -> None:
    mean, variation = moments(law)
    assert mean == pytest.approx(index, abs=0.0051)
    # The table's figure for the lognormal law is itself a simulation's: 2.25 for 2.257.
    assert variation == pytest.approx(cv, abs=0.011)
    for target, n in zip((0.20, 0.15, 0.10, 0.05), needed, strict=True):
        assert math.ceil((1 + variation**2) / target**2) == pytest.approx(n, rel=0.005, abs=1)


@pytest.mark.parametrize(
    ("law", "by_aliquots"),
    [
        ("Weibull", {1: 11.5, 2: 8.1, 3: 6.6, 4: 5.8, 6: 4.7}),
        ("lognormal", {1: 16.5, 2: 11.6, 3: 9.4, 4: 8.2, 6: 6.7}),
    ],
)
def test_the_published_worked_lot_comes_back(law: str, by_aliquots: dict[int, float]) -> None:
    """400,000 IEQ in 250 mL, aliquots of 100 uL: CV in percent of the total by aliquots."""
    mean, variation = moments(law)
    per_aliquot = 400_000 * 0.1 / 250 / mean
    assert per_aliquot == pytest.approx(224, abs=1.5)
    for count, percent in by_aliquots.items():
        cv = math.sqrt((1 + variation**2) / (count * per_aliquot))
        # Printed with one digit, from a simulation of 20,000 draws.
        assert 100 * cv == pytest.approx(percent, rel=0.02)


def test_the_stated_sampling_error_is_that_of_the_table_on_average() -> None:
    rng = np.random.default_rng(2)
    law, lot = LAWS["Weibull"], Lot("L", (), suspension_ml=250.0)
    first, last = law.cdf(50), law.cdf(500)
    stated = []
    for _ in range(200):
        n = rng.poisson(224)
        ieq = (law.ppf(first + (last - first) * rng.random(n)) / 150) ** 3
        one = Aliquot("1", np.ones(n), ieq, (), 100.0, 1.0)
        stated.append(
            ieq_total(lot, [one], GIVEN, segmentation_rsd=0).estimate.rsd_parts["sampling"]
        )
    assert float(np.mean(stated)) == pytest.approx(0.115, rel=0.02)


def test_totals_follow_the_formula(picture: Make, facts: dict[str, Any]) -> None:
    known = estimated([picture([150] * 80 + [300] * 10 + [40] * 30, **facts)])
    assert value(known, "islet_count") == 90
    assert value(known, "ieq_counted") == pytest.approx(160)
    assert value(known, "islet_total") == pytest.approx(90 * 2500)
    assert value(known, "ieq_total") == pytest.approx(400_000)
    assert value(known, "ieq_per_kg") == pytest.approx(8000)
    assert value(known, "ieq_per_ml_tissue") == pytest.approx(100_000)


def test_aliquots_are_averaged_after_their_own_volume_and_dilution(
    picture: Make, facts: dict[str, Any]
) -> None:
    first = picture([150] * 50, "1", **facts, dilution=2.0)
    second = picture([150] * 60, "2", **facts | {"aliquot_ul": 50.0}, dilution=1.0)
    known = estimated([first, second])
    # 50 / 100 uL x 2 and 60 / 50 uL: 1 and 1.2 IEQ per uL of 250,000 uL.
    assert value(known, "ieq_total") == pytest.approx(1.1 * 250_000)


def test_border_weights_multiply_islets(picture: Make, facts: dict[str, Any]) -> None:
    known = estimated([picture([150] * 40, weight=1.25, **facts)])
    assert value(known, "islet_count") == 50
    assert value(known, "ieq_total") == pytest.approx(125_000)


def test_the_parts_of_the_variance_are_those_of_the_protocol(
    picture: Make, facts: dict[str, Any]
) -> None:
    pictures = [picture([150] * 100, str(k), **facts, dilution=20.0) for k in range(4)]
    parts = estimated(pictures, segmentation_rsd=0.07)["ieq_per_kg"].estimate.rsd_parts
    assert parts == pytest.approx(
        {
            "sampling": 1 / math.sqrt(400),
            "pixel size": 3 * 0.01,
            "segmentation": 0.07,
            # Four aliquots, each pipetted on its own: half the error of one.
            "aliquot volume": 0.03 / 2,
            "dilution": 0.02,
            "suspension volume": 0.01,
            "recipient weight": 0.005,
        }
    )


def test_counts_have_no_error_of_pixel_size_and_undiluted_ones_none_of_dilution(
    picture: Make, facts: dict[str, Any]
) -> None:
    known = estimated([picture([150] * 100, **facts, dilution=1.0)], segmentation_rsd=0.07)
    assert set(known["islet_total"].estimate.rsd_parts) == {
        "sampling",
        "aliquot volume",
        "suspension volume",
    }


def test_with_many_equal_islets_the_interval_is_the_lognormal_of_the_joined_parts(
    picture: Make, facts: dict[str, Any]
) -> None:
    estimate = estimated([picture([150] * 2000, **facts)], segmentation_rsd=0.1)[
        "ieq_total"
    ].estimate
    rsd = math.sqrt(sum(r**2 for r in estimate.rsd_parts.values()))
    log_sd = math.sqrt(math.log1p(rsd**2))
    assert estimate.ci_low == pytest.approx(5e6 * math.exp(-1.96 * log_sd), rel=0.01)
    assert estimate.ci_high == pytest.approx(5e6 * math.exp(1.96 * log_sd), rel=0.01)


def test_no_islets_are_zero_with_an_upper_bound(picture: Make, facts: dict[str, Any]) -> None:
    known = estimated([picture([], **facts)])
    for name, bound in {"islet_count": 3.69, "ieq_counted": 3.69, "ieq_total": 3.69 * 2500}.items():
        estimate = known[name].estimate
        assert (estimate.value, estimate.ci_low) == (0, 0)
        # Volume errors of a few percent widen the bound a little.
        assert estimate.ci_high == pytest.approx(bound, rel=0.03)


def test_two_empty_aliquots_halve_the_bound(picture: Make, facts: dict[str, Any]) -> None:
    known = estimated([picture([], "1", **facts), picture([], "2", **facts)])
    assert known["ieq_total"].estimate.ci_high == pytest.approx(3.69 * 2500 / 2, rel=0.03)


@pytest.mark.parametrize(
    ("lacking", "undetermined", "reason"),
    [
        ("suspension_ml", "ieq_total", "not determined: no suspension volume"),
        ("aliquot_ul", "ieq_per_kg", "not determined: no aliquot volume for specimen 1"),
        ("recipient_kg", "ieq_per_kg", "not determined: no recipient weight"),
        ("settled_tissue_ml", "ieq_per_ml_tissue", "not determined: no settled tissue volume"),
    ],
)
def test_what_nobody_entered_is_not_guessed(
    picture: Make, facts: dict[str, Any], lacking: str, undetermined: str, reason: str
) -> None:
    known = estimated([picture([150] * 9, **facts | {lacking: None})])
    estimate = known[undetermined].estimate
    assert (estimate.value, estimate.ci_low, estimate.reason) == (None, None, reason)
    assert value(known, "ieq_counted") == pytest.approx(9)


@pytest.mark.parametrize("fact", ["suspension_ml", "aliquot_ul", "recipient_kg", "dilution"])
@pytest.mark.parametrize("absurd", [0.0, -5.0])
def test_a_volume_of_nothing_is_a_gap_and_no_division_by_zero(
    picture: Make, facts: dict[str, Any], fact: str, absurd: float
) -> None:
    known = estimated([picture([150] * 9, **facts | {fact: absurd})])
    assert known["ieq_per_kg"].estimate.value is None


def test_a_dilution_for_some_aliquots_only_is_a_gap(picture: Make, facts: dict[str, Any]) -> None:
    pictures = [picture([150], "1", **facts, dilution=2.0), picture([150], "2", **facts)]
    reason = estimated(pictures)["ieq_total"].estimate.reason
    assert reason == "not determined: no dilution for specimen 2"


def test_an_aliquot_with_a_lost_picture_does_not_enter_the_total(
    picture: Make, failure: Make, facts: dict[str, Any]
) -> None:
    pictures = [picture([150] * 40, "1", **facts), picture([150] * 4, "2", **facts)]
    known = estimated(pictures, [failure("2")])
    assert value(known, "ieq_total") == pytest.approx(100_000)
    assert value(known, "ieq_counted") == pytest.approx(44)
    only = estimated(pictures[:1], [failure("1")])["ieq_total"].estimate
    assert only.value is None
    assert "could not be analysed" in only.reason


def test_without_a_picture_nothing_is_determined(failure: Make) -> None:
    known = estimated([], [failure()])
    assert {k.estimate.value for k in known.values()} == {None}
    assert {k.estimate.reason for k in known.values()} == {
        "not determined: no picture could be analysed"
    }


def test_a_lot_of_controls_says_that_it_has_no_sample(picture: Make) -> None:
    known = estimated([picture([150] * 5, role="control")])
    assert {k.estimate.reason for k in known.values()} == {
        "not determined: all pictures that could be analysed are controls, none a sample"
    }


def test_aliquots_that_differ_beyond_chance_widen_the_interval_and_are_named(
    picture: Make, facts: dict[str, Any]
) -> None:
    alike = estimated([picture([150] * 100, str(k), **facts) for k in range(3)])["ieq_total"]
    apart = [picture([150] * n, str(k), **facts) for k, n in enumerate((40, 100, 160))]
    unlike = estimated(apart)["ieq_total"]
    assert "between aliquots" in unlike.estimate.rsd_parts
    assert "sampling" not in unlike.estimate.rsd_parts
    assert unlike.estimate.value == pytest.approx(alike.estimate.value)
    (lot,) = gather(apart, [])
    mixing = between_aliquots(lot, aliquots(lot), GIVEN)["islets"]
    # Variance between aliquots 3600; chance allows 100, pipetting of 3 % another 9.
    assert mixing.ratio == pytest.approx(3600 / (100 + 9))
    assert mixing.excessive
    assert alike.estimate.ci_high is not None
    assert unlike.estimate.ci_high is not None
    assert unlike.estimate.ci_high > 2 * alike.estimate.ci_high


def test_different_volumes_of_one_concentration_are_no_mixing_fault(
    picture: Make, facts: dict[str, Any]
) -> None:
    pictures = [
        picture([150] * 200, "1", **facts),
        picture([150] * 20, "2", **facts | {"aliquot_ul": 10.0}),
    ]
    (lot,) = gather(pictures, [])
    assert between_aliquots(lot, aliquots(lot), GIVEN)["IEQ"].ratio == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("count", [1, 4])
def test_stated_mixing_is_an_error_of_each_aliquot(
    picture: Make, facts: dict[str, Any], count: int
) -> None:
    (lot,) = gather([picture([150] * 100, str(k), **facts) for k in range(count)], [])
    given = GIVEN.model_copy(update={"mixing_rsd": 0.2})
    known = totals(lot, aliquots(lot), given, segmentation_rsd=0.0)
    for name in ("islet_total", "ieq_total", "ieq_per_kg", "ieq_per_ml_tissue"):
        parts = known[name].estimate.rsd_parts
        assert parts["mixing"] == pytest.approx(0.2 / math.sqrt(count))
    assert "mixing" not in known["ieq_counted"].estimate.rsd_parts
    plain = totals(lot, aliquots(lot), GIVEN, segmentation_rsd=0.0)["ieq_total"].estimate
    assert "mixing" not in plain.rsd_parts
    assert plain.ci_high is not None
    assert (known["ieq_total"].estimate.ci_high or 0) > plain.ci_high


def test_stated_mixing_is_expected_between_the_aliquots(
    picture: Make, facts: dict[str, Any]
) -> None:
    (lot,) = gather([picture([150] * n, str(n), **facts) for n in (60, 140)], [])
    given = GIVEN.model_copy(update={"mixing_rsd": 0.4})
    mixing = between_aliquots(lot, aliquots(lot), given)["islets"]
    # Variance between aliquots 3200; chance allows 100, pipetting of 3 % 9, mixing of 40 % 1600.
    assert mixing.ratio == pytest.approx(3200 / (100 + 9 + 1600))
    assert not mixing.excessive
