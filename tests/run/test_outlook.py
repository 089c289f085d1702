"""``isletqc plan``: from results.json to chances, and to reasons where aliquots do not help."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from isletqc.run import outlook

PARTS = {"sampling": 0.15, "aliquot volume": 0.02, "pixel size": 0.03}


def document(**changes: Any) -> dict[str, Any]:
    criterion = {
        "name": "dose",
        "estimate": "ieq_per_kg",
        "value": 5400.0,
        "unit": "IEQ/kg",
        "relation": ">=",
        "limit": 5000.0,
        "probability": 0.7,
        "verdict": "review",
        "reason": "met with probability 70 % only",
        "supportive": False,
    } | changes
    estimates = {
        criterion["estimate"]: {"value": criterion["value"], "rsd_parts": PARTS},
        "islet_count": {"value": 300.0, "rsd_parts": PARTS},
    }
    specimens = [{"specimen": s, "failure_count": int(s == "3")} for s in "1234"]
    images = [
        {"specimen": s, "role": "control" if s == "4" else "sample", "image": s} for s in "1234"
    ]
    lot = {
        "lot": "A",
        "verdict": "review",
        "criteria": [criterion],
        "estimates": estimates,
        "specimens": specimens,
        "images": images,
        "flags": [{"name": "mixing", "message": "look"}],
    }
    return {"schema_version": "1.0", "protocol": {"assurance": 0.95}, "lots": [lot]}


def test_a_limit_in_review_gets_the_chance_of_each_verdict_for_more_aliquots() -> None:
    (found,) = outlook.plans(document())
    assert [seen.further for seen in found.outlooks] == [1, 2, 4, 8]
    for seen in found.outlooks:
        assert seen.passes + seen.fails + seen.review == pytest.approx(1)
        assert seen.passes > seen.fails
    assert found.outlooks[-1].review < found.outlooks[0].review
    # Specimen 3 is known in part, specimen 4 is a control: neither is an aliquot done.
    assert (found.aliquots, found.islets_each) == (2, 150)


def test_a_limit_from_above_is_the_mirror_of_one_from_below() -> None:
    (below,) = outlook.plans(document())
    (above,) = outlook.plans(document(relation="<=", probability=0.3))
    for one, other in zip(below.outlooks, above.outlooks, strict=True):
        assert (one.passes, one.fails) == pytest.approx((other.fails, other.passes))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"probability": None, "reason": "not determined: no suspension volume"}, "no suspension"),
        ({"estimate": "ieq_counted"}, "about the objects in these pictures"),
    ],
)
def test_where_aliquots_do_not_help_it_says_why(changes: dict[str, Any], why: str) -> None:
    (found,) = outlook.plans(document(**changes))
    assert why in found.why
    assert not found.outlooks


@pytest.mark.parametrize("changes", [{"verdict": "pass"}, {"supportive": True}])
def test_decided_and_supportive_limits_are_not_planned_for(changes: dict[str, Any]) -> None:
    assert not outlook.plans(document(**changes))


def test_shares_are_written_as_shares() -> None:
    found = outlook.plans(document(estimate="purity", value=0.31, unit="1", limit=0.3))
    shown = list(outlook.lines(found, ()))
    assert shown[0] == "lot A: dose: purity >= 0.3 1"
    assert shown[1].startswith("  now 0.31 from 2 aliquots;")


def test_the_command_prints_a_table_and_json(
    isletqc: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "results.json").write_text(json.dumps(document()), encoding="utf-8")
    shown = isletqc("plan", tmp_path)
    assert shown.exit_code == 0, shown.output
    assert "lot A: dose: ieq_per_kg >= 5000 IEQ/kg" in shown.output
    assert "flag mixing" in shown.output
    rows = [line.split() for line in shown.output.splitlines() if line.strip()[:1].isdigit()]
    assert [row[:2] for row in rows[:4]] == [
        ["1", "150"],
        ["2", "300"],
        ["4", "600"],
        ["8", "1200"],
    ]
    data = json.loads(isletqc("plan", tmp_path, "--json").output)
    assert data["limits"][0]["outlooks"][0]["further"] == 1
    assert data["limits"][0]["required"] == ">= 5000 IEQ/kg"


def test_a_folder_without_results_ends_with_2(
    isletqc: Callable[..., Result], tmp_path: Path
) -> None:
    result = isletqc("plan", tmp_path)
    assert result.exit_code == 2
    assert "give the folder that isletqc run wrote" in result.output
