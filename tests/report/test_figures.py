"""How numbers are written for people."""

from __future__ import annotations

from typing import Any

import pytest

from isletqc import protocol
from isletqc.records import Estimate
from isletqc.report import figures

PC = figures.PERCENT


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (5213.4, "5,213"),
        (1234567.0, "1,234,567"),
        (112.34, "112"),
        (12.345, "12.3"),
        (1.2345, "1.23"),
        (0.12345, "0.123"),
        (0.000012345, "0.000012"),
        (-3.456, "-3.46"),
        (5000.0, "5,000"),
        (7.0, "7"),
    ],
)
def test_numbers_have_three_digits_and_thousands_apart(value: float, text: str) -> None:
    assert figures.number(value) == text


@pytest.mark.parametrize(
    ("value", "limit", "text"),
    [
        (4999.97, 5000.0, "4,999.97"),
        (4999.6, 5000.0, "4,999.6"),
        (0.29996, 0.3, "0.29996"),
        (5000.0, 5000.0, "5,000"),
        (5200.0, 5000.0, "5,200"),
    ],
)
def test_rounding_never_puts_a_value_on_its_limit(value: float, limit: float, text: str) -> None:
    assert figures.number(value, unlike=limit) == text


@pytest.mark.parametrize(
    ("chance", "text"),
    [
        (None, ""),
        (1.0, f"> 99.9{PC}"),
        (0.0, f"< 0.1{PC}"),
        (0.713, f"71.3{PC}"),
        (0.94996, f"94.996{PC}"),
        (0.05004, f"5.004{PC}"),
    ],
)
def test_a_probability_never_claims_certainty_nor_the_assurance(
    chance: float | None, text: str
) -> None:
    assert figures.probability(chance, assurance=0.95) == text


def test_value_and_interval_are_equally_precise() -> None:
    purity = Estimate("purity", 0.0834, "1", 0.05, 0.13)
    assert figures.value(purity) == f"8.3{PC}"
    assert figures.interval(purity) == f"5.0 to 13.0{PC}"
    assert figures.unit(purity) == ""


def test_open_intervals_say_so() -> None:
    assert figures.interval(Estimate("islet_count", 0.0, "islets", None, 3.0)) == "up to 3.00"
    endless = Estimate("islet_count", 4.0, "islets", 1.0, float("inf"))
    assert figures.interval(endless) == "1.00 or more"
    assert figures.interval(Estimate("islet_count", 4.0, "islets")) == ""


def test_what_was_not_determined_is_said_in_words(make: Any) -> None:
    words = figures.sentence(make.criterion("review", None))
    assert words == "IEQ per kg of recipient: not determined; limit ≥ 5,000 IEQ/kg"


def test_units_are_written_as_people_write_them() -> None:
    assert figures.unit(Estimate("diameter_mean_um", 112.0, "um")) == "µm"
    assert figures.estimate_name("fraction_over_200_um") == "Fraction over 200 µm"


def test_fractions_of_markers_carry_the_names_that_people_use() -> None:
    markers = protocol.load("sc-islet-if").protocol.markers
    assert figures.estimate_name("positive_cpeptide", markers) == "Positive for C-peptide"
    both = figures.estimate_name("coexpression_cpeptide_nkx61", markers)
    assert both == "Co-expressing C-peptide + NKX6.1"
    assert figures.estimate_name("purity", markers) == "Purity"


def test_a_limit_has_its_own_name_or_that_of_the_figure_it_is_called_after() -> None:
    markers = protocol.load("sc-islet-if").protocol.markers
    assert figures.limit_name("positive-cpeptide", "positive_cpeptide", markers) == (
        "Positive for C-peptide"
    )
    assert figures.limit_name("dose-first-infusion", "ieq_per_kg") == "Dose first infusion"
