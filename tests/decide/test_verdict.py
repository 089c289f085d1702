"""The release decision: every way to pass, to fail and to be held back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from isletqc.decide.lot import gather
from isletqc.decide.verdict import combine, judge
from isletqc.protocol import Protocol
from isletqc.records import Criterion, Estimate, Failure, Flag, Picture, Verdict

Make = Callable[..., Any]
# 400 islets of 150 um in four aliquots: 250,000 IEQ, 5,000 IEQ per kg, sampling error 5 %.
ROUND = [150.0] * 100


def verdict_of(
    pictures: list[Picture],
    protocol: Protocol,
    *,
    failures: tuple[Failure, ...] = (),
    segmentation_rsd: float = 0.05,
) -> Verdict:
    (lot,) = gather(pictures, failures)
    return judge(lot, protocol, segmentation_rsd=segmentation_rsd)


@pytest.fixture
def aliquots(picture: Make, facts: dict[str, Any]) -> Make:
    """Make four aliquots of 100 islets of 150 um each, with sheet facts changed at will."""

    def make(**changes: Any) -> list[Picture]:
        return [picture(ROUND, str(k), **facts | changes) for k in range(4)]

    return make


@pytest.mark.parametrize(
    ("estimate", "relation", "limit", "expected"),
    [
        ("ieq_per_kg", ">=", 4000, "pass"),
        ("ieq_per_kg", ">=", 5000, "review"),
        ("ieq_per_kg", ">=", 6500, "fail"),
        ("ieq_per_kg", "<=", 6500, "pass"),
        ("ieq_per_kg", "<=", 4000, "fail"),
        ("ieq_per_ml_tissue", ">", 20_000, "pass"),
        ("settled_tissue_ml", "<=", 10, "pass"),
        ("settled_tissue_ml", "<=", 4.1, "review"),
        ("settled_tissue_ml", "<", 3, "fail"),
        ("purity", ">=", 0.3, "pass"),
        ("islet_count", ">=", 1, "pass"),
        ("size_index", ">=", 0.5, "pass"),
        ("viability", ">=", 0.7, "review"),
    ],
)
def test_a_limit_is_met_missed_or_undecided(
    aliquots: Make, protocol: Make, estimate: str, relation: str, limit: float, expected: str
) -> None:
    found = verdict_of(aliquots(), protocol((estimate, relation, limit)))
    assert found.criteria[0].verdict == expected
    assert found.verdict == expected


@pytest.mark.parametrize(
    ("count", "relation", "limit", "expected"),
    [
        (9, "<=", 6500, "review"),
        (10, "<=", 6500, "pass"),
        (9, "<=", 100, "fail"),
        (0, "<", 6500, "review"),
        (9, ">=", 100, "pass"),
    ],
)
def test_few_islets_never_pass_a_limit_from_above(
    picture: Make, protocol: Make, facts: dict[str, Any], count: int, relation: str, limit: float,
    expected: str,
) -> None:  # fmt: skip
    found = verdict_of([picture([150] * count, **facts)], protocol(("ieq_per_kg", relation, limit)))
    assert found.criteria[0].verdict == expected
    if expected == "review":
        assert f"{count} islets counted, at least 10 needed" in found.criteria[0].reason


def test_the_probability_is_that_of_the_lognormal_for_many_islets(
    picture: Make, protocol: Make, facts: dict[str, Any]
) -> None:
    found = verdict_of(
        [picture([150.0] * 40_000, **facts)], protocol(("ieq_counted", ">=", 44_000))
    )
    parts = found.estimates["ieq_counted"].rsd_parts
    log_sd = math.sqrt(math.log1p(sum(r**2 for r in parts.values())))
    expected = 0.5 * math.erfc(math.log(44 / 40) / log_sd / math.sqrt(2))
    assert found.criteria[0].probability == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("assurance", [0.8, 0.95, 0.99])
def test_the_assurance_decides(aliquots: Make, protocol: Make, assurance: float) -> None:
    found = verdict_of(aliquots(), protocol(("ieq_per_kg", ">=", 4300), assurance=assurance))
    probability = found.criteria[0].probability
    assert probability is not None
    assert 0.8 < probability < 0.99
    assert (found.verdict == "pass") is (probability >= assurance)


def test_review_says_how_many_aliquots_would_decide(aliquots: Make, protocol: Make) -> None:
    found = verdict_of(aliquots(), protocol(("ieq_per_kg", ">=", 4550)), segmentation_rsd=0.02)
    assert found.verdict == "review"
    assert "further aliquots would decide it" in found.criteria[0].reason


def test_review_says_when_no_number_of_aliquots_would_decide(
    aliquots: Make, protocol: Make
) -> None:
    found = verdict_of(aliquots(), protocol(("ieq_per_kg", ">=", 4950)), segmentation_rsd=0.1)
    assert "not even 50 further aliquots" in found.criteria[0].reason
    assert "10.5%" in found.criteria[0].reason


def test_entered_volumes_are_not_sampled(aliquots: Make, protocol: Make) -> None:
    found = verdict_of(aliquots(), protocol(("settled_tissue_ml", "<=", 4.1)))
    assert "more aliquots do not change it" in found.criteria[0].reason


@pytest.mark.parametrize(
    ("lacking", "estimate", "what"),
    [
        ("suspension_ml", "ieq_total", "no suspension volume"),
        ("recipient_kg", "ieq_per_kg", "no recipient weight"),
        ("aliquot_ul", "ieq_per_kg", "no aliquot volume"),
        ("settled_tissue_ml", "settled_tissue_ml", "not entered"),
    ],
)
def test_a_lot_with_a_gap_in_the_sheet_never_passes(
    aliquots: Make, protocol: Make, lacking: str, estimate: str, what: str
) -> None:
    limits = ((estimate, ">=", 0.0), ("islet_count", ">=", 1))
    found = verdict_of(aliquots(**{lacking: None}), protocol(*limits))
    assert (found.verdict, found.criteria[0].verdict) == ("review", "review")
    assert what in found.criteria[0].reason
    assert found.criteria[0].probability is None


@pytest.mark.parametrize(
    ("infusion", "first", "later", "expected"),
    [
        ("first", "pass", "not applicable", "pass"),
        ("later", "not applicable", "fail", "fail"),
        (" First ", "pass", "not applicable", "pass"),
        (None, "review", "review", "review"),
        ("second", "review", "review", "review"),
    ],
)
def test_limits_hold_for_their_own_infusion_only(
    aliquots: Make, protocol: Make, infusion: str | None, first: str, later: str, expected: str
) -> None:
    limits = (
        {"estimate": "ieq_per_kg", "relation": ">=", "limit": 3000, "infusion": "first"},
        {"estimate": "ieq_per_kg", "relation": ">=", "limit": 9000, "infusion": "later"},
    )
    found = verdict_of(aliquots(infusion=infusion), protocol(*limits))
    assert [c.verdict for c in found.criteria] == [first, later]
    assert found.verdict == expected
    if infusion is None:
        assert "the sheet does not say which infusion it is" in found.criteria[0].reason


def test_a_lot_to_which_no_limit_applies_is_not_passed(aliquots: Make, protocol: Make) -> None:
    limit = {"estimate": "ieq_per_kg", "relation": ">=", "limit": 1, "infusion": "later"}
    found = verdict_of(aliquots(infusion="first"), protocol(limit))
    assert (found.verdict, found.reason) == (
        "review",
        "no limit of the protocol applies to this lot",
    )


def test_supportive_limits_are_judged_but_never_decide(aliquots: Make, protocol: Make) -> None:
    missed = {"estimate": "purity", "relation": "<=", "limit": 0.1, "supportive": True}
    found = verdict_of(aliquots(), protocol(("ieq_per_kg", ">=", 3000), missed))
    assert [c.verdict for c in found.criteria] == ["pass", "fail"]
    assert found.verdict == "pass"
    assert verdict_of(aliquots(), protocol(missed)).verdict == "not judged"


def test_a_limit_in_another_unit_is_held_back(aliquots: Make, protocol: Make) -> None:
    limit = {"estimate": "purity", "relation": "<=", "limit": 30, "unit": "%"}
    found = verdict_of(aliquots(), protocol(limit))
    assert found.verdict == "review"
    assert "limit is in %, the estimate in 1" in found.criteria[0].reason


def test_a_limit_on_an_unknown_figure_is_held_back(aliquots: Make, protocol: Make) -> None:
    found = verdict_of(aliquots(), protocol(("beauty", ">=", 1)))
    assert found.verdict == "review"
    assert "no estimate of the name beauty" in found.criteria[0].reason


def test_no_limits_are_not_judged(aliquots: Make, protocol: Make) -> None:
    assert verdict_of(aliquots(), protocol()).verdict == "not judged"


@pytest.mark.parametrize("limits", [(), (("islet_count", ">=", 1),)])
def test_an_unfit_picture_holds_a_lot_back(picture: Make, protocol: Make, limits: Any) -> None:
    found = verdict_of([picture(ROUND), picture(ROUND, "2", unfit=True)], protocol(*limits))
    assert found.verdict == "review"
    assert found.flags == (Flag("unfit picture", "2.png: out of focus"),)


@pytest.mark.parametrize("limits", [(), (("islet_count", ">=", 1),)])
@pytest.mark.parametrize("role", ["sample", "control"])
def test_a_lot_with_a_lost_picture_never_passes(
    picture: Make, failure: Make, protocol: Make, limits: Any, role: str
) -> None:
    lost = (failure("9", role=role),)
    found = verdict_of([picture(ROUND)], protocol(*limits), failures=lost)
    assert found.verdict == "review"
    assert found.flags[0].name == "failed picture"
    assert "broken.png: unreadable: the file is truncated" in found.flags[0].message


def test_a_lot_of_lost_pictures_only_is_held_back(failure: Make, protocol: Make) -> None:
    limits = (("islet_count", ">=", 1), ("ieq_per_kg", ">=", 5000), ("purity", ">=", 0.3))
    found = verdict_of([], protocol(*limits), failures=(failure(),))
    assert found.verdict == "review"
    assert [c.verdict for c in found.criteria] == ["review"] * 3


def test_what_lost_pictures_could_still_show_does_not_fail(
    picture: Make, failure: Make, protocol: Make
) -> None:
    found = verdict_of([picture([])], protocol(("islet_count", ">=", 1)), failures=(failure(),))
    assert (found.criteria[0].verdict, found.verdict) == ("review", "review")


def test_no_islets_seen_fails_identity_and_dose_without_an_error(
    picture: Make, protocol: Make, facts: dict[str, Any]
) -> None:
    limits = (("islet_count", ">=", 1), ("ieq_per_kg", ">=", 5000), ("size_index", ">=", 0.5))
    found = verdict_of([picture([], **facts)], protocol(*limits))
    assert [c.verdict for c in found.criteria] == ["fail", "fail", "review"]
    assert found.verdict == "fail"
    assert found.estimates["ieq_per_kg"].ci_high == pytest.approx(3.69 * 50, rel=0.03)


@pytest.mark.parametrize(
    ("probabilities", "expected", "verdict"),
    [
        ([0.9], 0.9, "review"),
        ([0.9, 0.8], 0.98, "pass"),
        ([0.98], 0.98, "pass"),
        ([0.03], 0.03, "fail"),
    ],
)
def test_identity_is_the_chance_that_a_counted_object_is_an_islet(
    picture: Make, protocol: Make, probabilities: list[float], expected: float, verdict: str
) -> None:
    pictures = [picture([150], name=f"{i}.png", probability=p) for i, p in enumerate(probabilities)]
    criterion = verdict_of(pictures, protocol(("islet_count", ">=", 1))).criteria[0]
    assert criterion.probability == pytest.approx(expected)
    assert criterion.verdict == verdict


def test_a_count_limit_is_about_what_was_seen(picture: Make, protocol: Make) -> None:
    pictures = [picture([150] * 60, probability=1.0)]
    for relation, limit, met in [(">=", 60, 1), (">", 60, 0), ("<=", 60, 1), ("<", 60, 0)]:
        criterion = verdict_of(pictures, protocol(("islet_count", relation, limit))).criteria[0]
        assert criterion.probability == met


def test_controls_enter_no_figure(aliquots: Make, picture: Make, protocol: Make) -> None:
    alone = verdict_of(aliquots(), protocol(("ieq_per_kg", ">=", 4000)))
    control = picture([400.0] * 50, "0", name="control.png", role="control", exocrine=900)
    both = verdict_of([*aliquots(), control], protocol(("ieq_per_kg", ">=", 4000)))
    assert both.estimates == alone.estimates
    assert both.conventions == alone.conventions
    assert (both.verdict, both.flags) == ("pass", ())


def test_an_unfit_control_still_holds_the_lot_back(
    aliquots: Make, picture: Make, protocol: Make
) -> None:
    control = picture([100.0], "0", name="control.png", role="control", unfit=True)
    assert (
        verdict_of([*aliquots(), control], protocol(("islet_count", ">=", 1))).verdict == "review"
    )


def test_three_objects_that_hold_much_of_the_tissue_are_flagged(
    picture: Make, protocol: Make
) -> None:
    # 3 x 8 of 24 + 70 IEQ is 25.5 %; with one more small islet of 150 um each it falls under.
    over = verdict_of([picture([150.0] * 70 + [300.0] * 3)], protocol())
    under = verdict_of([picture([150.0] * 73 + [300.0] * 3)], protocol())
    assert [f.name for f in over.flags] == ["largest objects"]
    assert "26% of the IEQ, over 25%" in over.flags[0].message
    assert under.flags == ()


def test_aliquots_that_contradict_each_other_are_flagged_as_mixing(
    picture: Make, protocol: Make, facts: dict[str, Any]
) -> None:
    pictures = [picture([150.0] * n, str(n), **facts) for n in (60, 200)]
    found = verdict_of(pictures, protocol(("ieq_per_kg", ">=", 1)))
    assert [f.name for f in found.flags] == ["mixing", "mixing"]
    assert found.verdict == "review"


def test_one_file_under_two_names_is_flagged(picture: Make, protocol: Make) -> None:
    one = picture(ROUND, "1", name="a.png")
    twin = picture(ROUND, "2", name="a.png")
    found = verdict_of([one, twin], protocol(("islet_count", ">=", 1)))
    assert [f.name for f in found.flags] == ["repeated picture"]
    assert found.verdict == "review"


def test_the_protocols_segmentation_error_takes_the_place_of_the_networks(
    aliquots: Make, protocol: Make
) -> None:
    changed = protocol(uncertainty={"segmentation_rsd": 0.2})
    assert verdict_of(aliquots(), protocol()).estimates["ieq_total"].rsd_parts[
        "segmentation"
    ] == pytest.approx(0.05)
    assert verdict_of(aliquots(), changed).estimates["ieq_total"].rsd_parts[
        "segmentation"
    ] == pytest.approx(0.2)


def test_a_method_that_doubts_these_pictures_widens_the_interval(
    picture: Make, protocol: Make
) -> None:
    sure, unsure = picture(ROUND, "1", volume_rsd=0.01), picture(ROUND, "2", volume_rsd=0.31)
    found = verdict_of([sure, unsure], protocol())
    assert found.estimates["ieq_counted"].rsd_parts["segmentation"] == pytest.approx(0.16)


def test_what_a_method_states_of_a_picture_takes_the_place_of_its_usual_error(
    picture: Make, protocol: Make
) -> None:
    stated, silent = picture(ROUND, "1", volume_rsd=0.01), picture(ROUND, "2")
    parts = [
        verdict_of(pictures, protocol()).estimates["ieq_counted"].rsd_parts["segmentation"]
        for pictures in ([stated], [stated, silent])
    ]
    # The network's usual 5 %; pictures of one lot err together: the mean, not its root.
    assert parts == pytest.approx([0.01, 0.03])


def test_the_protocols_segmentation_error_is_the_least(picture: Make, protocol: Make) -> None:
    method = protocol(uncertainty={"segmentation_rsd": 0.2})
    parts = [
        verdict_of([picture(ROUND, volume_rsd=rsd)], method)
        .estimates["ieq_counted"]
        .rsd_parts["segmentation"]
        for rsd in (0.01, 0.3)
    ]
    assert parts == pytest.approx([0.2, 0.3])


def test_more_pictures_do_not_average_away_an_error_that_they_share(
    picture: Make, protocol: Make
) -> None:
    few, many = (
        verdict_of([picture(ROUND, str(k), volume_rsd=0.1) for k in range(n)], protocol())
        for n in (1, 16)
    )
    for found in (few, many):
        parts = found.estimates["ieq_counted"].rsd_parts
        assert parts["segmentation"] == pytest.approx(0.1)


def test_every_convention_says_its_own_figure(picture: Make, protocol: Make) -> None:
    found = verdict_of([picture([150.0] * 10 + [60.0], exocrine=5)], protocol()).conventions
    assert found["sphere"] == pytest.approx(10 + 0.4**3)
    assert found["ricordi-long"] == pytest.approx(10 * 1.685 + 0.167)
    assert found["ricordi-short"] == pytest.approx(10 * 1.7 + 1 / 6)
    # Discs: the models of the shape agree.
    for name in ("prolate", "oblate", "extrusion"):
        assert found[name] == pytest.approx(found["sphere"])
    assert found["purity-count"] == pytest.approx(11 / 16)
    assert {"purity-area", "purity-volume"} <= found.keys()


def test_without_a_purity_definition_no_purity_is_shown(picture: Make, protocol: Make) -> None:
    found = verdict_of([picture([150.0])], protocol(purity=None))
    assert not any(name.startswith("purity") for name in found.conventions)
    assert found.estimates["purity"].value is None


def test_a_probability_is_never_rounded_to_certainty(aliquots: Make, protocol: Make) -> None:
    reason = verdict_of(aliquots(), protocol(("ieq_per_kg", ">=", 10))).criteria[0].reason
    assert reason == "met with probability over 99.9 %"


def test_judging_is_repeatable_to_the_bit(aliquots: Make, protocol: Make) -> None:
    rules = protocol(("ieq_per_kg", ">=", 4400), ("purity", ">=", 0.3))
    assert verdict_of(aliquots(), rules) == verdict_of(aliquots()[::-1], rules)


def criterion(verdict: Any, supportive: bool = False) -> Criterion:
    return Criterion(
        name=f"is-{verdict}",
        estimate=Estimate("x", 1.0, "1"),
        relation=">=",
        limit=1.0,
        probability=0.5,
        verdict=verdict,
        reason="",
        supportive=supportive,
    )


@pytest.mark.parametrize("flagged", [False, True])
@pytest.mark.parametrize(
    ("verdicts", "clear", "with_flag"),
    [
        ([], "not judged", "review"),
        (["pass"], "pass", "review"),
        (["pass", "not applicable"], "pass", "review"),
        (["not applicable"], "review", "review"),
        (["pass", "review"], "review", "review"),
        (["pass", "fail"], "fail", "fail"),
        (["review", "fail"], "fail", "fail"),
    ],
)
def test_criteria_and_flags_combine_by_the_table(
    verdicts: list[str], clear: str, with_flag: str, flagged: bool
) -> None:
    raised = [Flag("unfit picture", "why")] if flagged else []
    found, reason = combine([criterion(v) for v in verdicts], raised)
    assert found == (with_flag if flagged else clear)
    assert reason
