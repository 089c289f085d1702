"""Studies: figures, limits of acceptance, cautions, and data that no study can be made of."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isletqc.errors import UsageError
from isletqc.validation import table
from isletqc.validation.answers import agreement, gage, linearity, repeatability
from isletqc.validation.study import Kind, Observations, Study

WORKED = Path(__file__).parent / "worked"
CONFIDENCE = 0.95


def worked(name: str, kind: Kind) -> Observations:
    return table.read(WORKED / f"{name}.csv", kind)


def rows(*given: dict[str, Any]) -> Observations:
    return Observations(given, ())


def figure(study: Study, name: str, group: str = "") -> Any:
    return next(f for f in study.figures if (f.name, f.group) == (name, group))


def test_precision_of_the_ep05_example_is_that_of_the_published_table() -> None:
    study = repeatability.study(worked("glucose", "repeatability"), confidence=CONFIDENCE)
    published = {"repeatability": (2.810694, 1.1509803), "intermediate": (3.596325, 1.4726965)}
    for name, (sd, cv) in published.items():
        assert figure(study, f"{name}_sd").value == pytest.approx(sd, abs=1e-6)
        assert figure(study, f"{name}_cv").value == pytest.approx(cv, abs=1e-6)
    assert figure(study, "between_day_sd").value == pytest.approx(1.399483, abs=1e-6)
    assert figure(study, "between_run_sd").value == pytest.approx(1.753568, abs=1e-6)


def test_samples_are_analysed_apart_and_the_worst_decides() -> None:
    rng = np.random.default_rng(14)
    data: list[dict[str, Any]] = [
        {"sample": s, "value": m + sd * float(z)}
        for s, m, sd in (("low", 100.0, 20.0), ("high", 1000.0, 20.0))
        for z in rng.normal(size=8)
    ]
    study = repeatability.study(rows(*data), confidence=CONFIDENCE, max_cv=10)
    assert [a.met for a in study.acceptance] == [False, True]
    assert study.verdict == "fail"
    values = [float(r["value"]) for r in data[:8]]
    found = figure(study, "repeatability_cv", "low").value
    assert found == pytest.approx(100 * np.std(values, ddof=1) / np.mean(values))


def test_a_component_below_zero_counts_as_zero() -> None:
    data = [{"day": d, "value": v} for d in "abc" for v in (1.0, 2.0, 3.0)]
    study = repeatability.study(rows(*data), confidence=CONFIDENCE)
    assert figure(study, "between_day_sd").value == 0
    assert figure(study, "between_day_sd").note == "estimated below zero"
    same = figure(study, "repeatability_sd").value
    assert figure(study, "intermediate_sd").value == pytest.approx(same)


def test_factors_that_split_nothing_are_left_out() -> None:
    data = [{"site": "x", "day": d, "run": d, "value": v} for d in "ab" for v in (1.0, 2.0)]
    study = repeatability.study(rows(*data), confidence=CONFIDENCE)
    assert [r[0] for r in study.tables[0].rows] == ["day", "repeatability"]


def test_reproducibility_holds_the_sites_and_intermediate_precision_does_not() -> None:
    rng = np.random.default_rng(15)
    data = [
        {"site": s, "day": d, "value": 100 + 10 * k + float(rng.normal())}
        for k, s in enumerate("xyz")
        for d in "abcd"
        for _ in range(3)
    ]
    study = repeatability.study(rows(*data), confidence=CONFIDENCE)
    assert figure(study, "reproducibility_sd").value > 8
    assert figure(study, "intermediate_sd").value < 2


def test_assured_limits_are_held_against_the_far_end() -> None:
    read = worked("glucose", "repeatability")
    # CV 1.151, interval 0.945 to 1.473.
    plain = repeatability.study(read, confidence=CONFIDENCE, max_cv=1.2)
    assured = repeatability.study(read, confidence=CONFIDENCE, max_cv=1.2, assured=True)
    assert (plain.verdict, assured.verdict) == ("pass", "fail")
    assert assured.acceptance[0].found == pytest.approx(1.472683, abs=1e-6)


def test_without_limits_nothing_is_judged() -> None:
    study = repeatability.study(worked("glucose", "repeatability"), confidence=CONFIDENCE)
    assert study.verdict == "not judged"


def test_agreement_holds_a_bias_of_either_sign_against_its_limit() -> None:
    x = np.linspace(50, 150, 20)
    noise = np.tile([1.0, -1.0], 10)
    for factor in (0.9, 1.1):
        data = [{"reference": a, "test": factor * a + z} for a, z in zip(x, noise, strict=True)]
        study = agreement.study(rows(*data), confidence=CONFIDENCE, max_bias=5)
        assert study.verdict == "fail"
        expected = 100 * (factor - 1) / ((1 + factor) / 2)
        assert figure(study, "bias_percent").value == pytest.approx(expected)
        assert any("changes with the size" in c for c in study.cautions)
        assert any("proportional difference" in c for c in study.cautions)


def test_agreement_of_a_method_with_itself_is_perfect() -> None:
    data = [{"reference": float(k), "test": float(k)} for k in range(1, 9)]
    study = agreement.study(rows(*data), confidence=CONFIDENCE, max_bias=0, min_concordance=1)
    assert figure(study, "passing_bablok_slope").value == 1
    assert study.verdict == "pass"
    assert not study.cautions


def test_the_gage_study_says_aiags_verdict_and_judges_by_the_users_limits() -> None:
    study = gage.study(
        worked("aiag", "gage"), confidence=CONFIDENCE, tolerance=10, max_grr=30, min_categories=5
    )
    assert "27.9 %" in study.answer
    assert "conditional" in study.answer
    assert [a.met for a in study.acceptance] == [True, False]
    expected = 600 * math.sqrt(0.09143) / 10
    assert figure(study, "grr_of_tolerance").value == pytest.approx(expected, abs=0.01)
    shares = {str(r[0]).strip(): r[5] for r in study.tables[0].rows}
    published = {"R&R": 27.86, "repeatability": 18.42, "operator": 20.90, "between parts": 96.04}
    for name, share in published.items():
        assert shares[name] == pytest.approx(share, abs=0.006)


def test_linearity_reads_dilutions_as_fractions() -> None:
    values = {1.0: (100.0, 104.0), 2.0: (50.0, 51.0), 4.0: (26.0, 25.0)}
    by_dilution = [{"dilution": d, "value": v} for d, pair in values.items() for v in pair]
    by_fraction = [{"fraction": 1 / d, "value": v} for d, pair in values.items() for v in pair]
    one, other = (
        linearity.study(rows(*data), confidence=CONFIDENCE, max_index=5, min_r2=0.99)
        for data in (by_dilution, by_fraction)
    )
    assert [f.value for f in one.figures] == [f.value for f in other.figures]
    assert one.verdict == "pass"
    assert "was not read" in dict(one.definitions)["What is the standard's"]


def crossed(**missing: str) -> list[dict[str, Any]]:
    cells = [(p, o, k) for p in "123" for o in "AB" for k in range(2)]
    return [
        {"part": p, "operator": o, "value": int(p) + 0.1 * k}
        for p, o, k in cells
        if (p, o, k) != ("2", "B", 1) or not missing
    ]


@pytest.mark.parametrize(
    ("answer", "data", "message"),
    [
        (repeatability, [{"value": 1.0}], "two values or more"),
        (
            repeatability,
            [{"value": 1.0, "day": "a"}, {"value": 2.0, "day": "b"}],
            "same day somewhere, found 2 values in 2 groups",
        ),
        (linearity, [{"fraction": 1.0, "value": 1.0}] * 4, "three levels or more, found 1"),
        (
            linearity,
            [{"fraction": f, "value": 9 * f} for f in (1.0, 1.0, 0.5, 0.5, 0.2)],
            r"one at fraction 0\.2",
        ),
        (
            linearity,
            [{"fraction": f, "value": v} for f, v in ((1.0, 9.0), (0.5, 4.0), (0.1, 0.0)) * 2],
            r"others at fraction 0\.1",
        ),
        (agreement, [{"reference": 1.0, "test": 1.0}] * 4, "five pairs or more, found 4"),
        (agreement, [{"reference": 1.0, "test": k} for k in range(6)], "one value for all"),
        (agreement, [{"reference": k, "test": -k} for k in range(6)], r"correlation of -1\.00"),
        (gage, crossed(one="missing"), "2 values of part 2 by operator B"),
        (gage, [r for r in crossed() if r["operator"] == "A"], "two operators or more"),
        (gage, crossed()[::2], "two repeats or more"),
    ],
)
def test_data_that_no_study_can_be_made_of_are_refused_with_the_way_out(
    answer: Any, data: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        answer.study(rows(*data), confidence=CONFIDENCE)
