"""A drawn lot through the shipped method: do estimate, interval and verdict fit the truth?"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from isletqc import assets

Cli = Callable[..., Result]


@pytest.fixture(scope="module")
def analysed(
    tmp_path_factory: pytest.TempPathFactory, isletqc: Cli, lot: Path
) -> tuple[Result, Path]:
    out = tmp_path_factory.mktemp("truth")
    return isletqc("run", "-s", lot / "samples.csv", "-p", "dtz-us-generic", "-o", out), out


def judged(out: Path) -> dict[str, Any]:
    (found,) = json.loads((out / "results.json").read_text(encoding="utf-8"))["lots"]
    return dict(found)


def test_a_lot_far_above_its_limits_passes(analysed: tuple[Result, Path]) -> None:
    result, out = analysed
    assert result.exit_code == 0, result.output
    assert judged(out)["verdict"] == "pass"
    assert {c["verdict"] for c in judged(out)["criteria"]} == {"pass"}


def test_islets_are_counted_and_sized_as_drawn(
    analysed: tuple[Result, Path], truth: Mapping[str, float]
) -> None:
    estimates = judged(analysed[1])["estimates"]
    assert estimates["islet_count"]["value"] == pytest.approx(truth["islet_count"], rel=0.07)
    assert estimates["ieq_counted"]["value"] == pytest.approx(truth["ieq_counted"], rel=0.10)
    assert estimates["purity"]["value"] == pytest.approx(truth["purity"], abs=0.10)


@pytest.mark.parametrize("name", ["ieq_total", "ieq_per_kg"])
def test_the_interval_holds_the_truth_of_the_whole_lot(
    analysed: tuple[Result, Path], truth: Mapping[str, float], name: str
) -> None:
    estimate = judged(analysed[1])["estimates"][name]
    assert estimate["ci_low"] < truth[name] < estimate["ci_high"]
    # An interval as wide as the world would hold everything.
    assert estimate["ci_high"] / estimate["ci_low"] < 2.5


@pytest.mark.parametrize(
    ("share_of_truth", "verdict", "code"), [(1.0, "review", 5), (2.0, "fail", 4)]
)
def test_a_limit_at_the_truth_needs_review_and_one_far_above_it_is_missed(
    analysed: tuple[Result, Path],
    truth: Mapping[str, float],
    isletqc: Cli,
    lot: Path,
    tmp_path: Path,
    share_of_truth: float,
    verdict: str,
    code: int,
) -> None:
    text = assets.config("dtz-us-generic").read_text(encoding="utf-8")
    assert text.count("limit: 5000\n") == 1
    limit = share_of_truth * truth["ieq_per_kg"]
    protocol = tmp_path / "other.yaml"
    protocol.write_text(text.replace("limit: 5000\n", f"limit: {limit:.0f}\n"), encoding="utf-8")
    result = isletqc("run", "-s", lot / "samples.csv", "-p", protocol, "-o", tmp_path / "out")
    assert result.exit_code == code, result.output
    found = judged(tmp_path / "out")
    assert found["verdict"] == verdict
    (dose,) = [c for c in found["criteria"] if c["name"] == "dose"]
    assert dose["verdict"] == verdict
    assert found["estimates"] == judged(analysed[1])["estimates"]


def test_one_worker_and_two_give_the_same_results_with_the_network(
    analysed: tuple[Result, Path], isletqc: Cli, lot: Path, tmp_path: Path
) -> None:
    isletqc("run", "-s", lot / "samples.csv", "-o", tmp_path, "--workers", 2)
    for table in ("objects.csv", "images.csv", "lots.csv"):
        assert (tmp_path / table).read_bytes() == (analysed[1] / table).read_bytes()
