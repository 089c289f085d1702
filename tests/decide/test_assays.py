"""Limits on assays that people type in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from isletqc.decide.lot import gather
from isletqc.decide.verdict import judge
from isletqc.records import Assay, Verdict

Make = Callable[..., Any]
LIMIT = {"estimate": "endotoxin", "relation": "<=", "limit": 5, "unit": "EU/kg", "entered": True}
ENDOTOXIN = Assay("endotoxin", 0.4, "EU/kg", "J. Doe", date="2026-11-20")


@pytest.fixture
def judged(picture: Make, protocol: Make) -> Callable[..., Verdict]:
    """Judge a lot whose islets are fine: ``judged(*assays, **changes of the limit)``."""

    def run(*assays: Assay, **changes: Any) -> Verdict:
        lots = gather([picture([150] * 30, assays=assays)], [])
        method = protocol(
            {"estimate": "islet_count", "relation": ">=", "limit": 1}, LIMIT | changes
        )
        return judge(lots[0], method, segmentation_rsd=0.05)

    return run


def test_a_lot_passes_when_the_entered_figure_meets_its_limit(judged: Make) -> None:
    verdict = judged(ENDOTOXIN)
    entered = verdict.criteria[1]
    assert (verdict.verdict, entered.verdict) == ("pass", "pass")
    assert (entered.estimate.value, entered.probability) == (0.4, None)
    assert entered.reason == "met; entered by J. Doe on 2026-11-20: 0.4 EU/kg"
    assert verdict.estimates["entered_endotoxin"].value == 0.4


def test_a_lot_fails_when_the_entered_figure_misses_its_limit(judged: Make) -> None:
    verdict = judged(replace(ENDOTOXIN, value=5.1))
    assert (verdict.verdict, verdict.reason) == ("fail", "missed: limit-1")


@pytest.mark.parametrize(
    ("assays", "said"),
    [
        ((), "no endotoxin entered for this lot (entered: none)"),
        ((replace(ENDOTOXIN, name="endotoxine"),), "(entered: endotoxine)"),
        ((replace(ENDOTOXIN, value=None),), "the result of endotoxin is awaited"),
        ((replace(ENDOTOXIN, unit="EU/mL"),), "entered in EU/mL, the limit is in EU/kg"),
    ],
)
def test_what_was_not_entered_could_not_be_judged_and_never_passes(
    judged: Make, assays: tuple[Assay, ...], said: str
) -> None:
    verdict = judged(*assays)
    assert (verdict.verdict, verdict.criteria[1].verdict) == ("review", "review")
    assert verdict.criteria[1].reason.startswith("could not be judged: ")
    assert said in verdict.criteria[1].reason


@pytest.mark.parametrize(
    ("bound", "value", "relation", "expected"),
    [
        ("<", 0.05, "<=", "pass"),
        ("<", 5.0, "<=", "pass"),
        ("<", 5.0, "<", "pass"),
        ("<", 8.0, "<=", "review"),
        (">", 8.0, "<=", "fail"),
        (">", 5.0, "<=", "fail"),
        (">", 4.0, "<=", "review"),
        (">", 8.0, ">=", "pass"),
        (">", 4.0, ">", "review"),
        ("<", 4.0, ">=", "fail"),
        ("<", 5.0, ">=", "fail"),
    ],
)
def test_a_bound_decides_only_where_all_it_leaves_open_lies_on_one_side(
    judged: Make, bound: Any, value: float, relation: str, expected: str
) -> None:
    verdict = judged(replace(ENDOTOXIN, bound=bound, value=value), relation=relation)
    assert verdict.criteria[1].verdict == expected


def test_an_entered_figure_never_takes_the_place_of_a_measured_one(judged: Make) -> None:
    typed = Assay("islet_count", 1e6, "islets", "J. Doe")
    verdict = judged(typed, ENDOTOXIN)
    assert verdict.criteria[0].estimate.value == 30
    assert verdict.estimates["islet_count"].value == 30


def test_a_supportive_entered_limit_is_shown_and_does_not_decide(judged: Make) -> None:
    verdict = judged(replace(ENDOTOXIN, value=9.0), supportive=True)
    assert (verdict.criteria[1].verdict, verdict.verdict) == ("fail", "pass")


@pytest.mark.parametrize(
    ("infusion", "verdict"), [("first", "fail"), ("later", "not applicable"), (None, "review")]
)
def test_a_limit_on_an_assay_is_for_its_infusion_only(
    picture: Make, protocol: Make, infusion: str | None, verdict: str
) -> None:
    high = (replace(ENDOTOXIN, value=7.0),)
    lots = gather([picture([150] * 30, assays=high, infusion=infusion)], [])
    method = protocol(LIMIT | {"infusion": "first"})
    assert judge(lots[0], method, segmentation_rsd=0.05).criteria[0].verdict == verdict
