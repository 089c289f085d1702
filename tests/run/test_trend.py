"""A figure over the results of many runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from isletqc.decide.control_chart import Baseline
from isletqc.errors import UsageError
from isletqc.run import trend
from isletqc.run.trend import Question

Cli = Callable[..., Result]
FLOWRATES = (49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1)  # NIST 6.3.2.2


def write_run(folder: Path, value: float | None, finished: str, **changes: Any) -> Path:
    """Write as much of a run's results as a chart reads."""
    unit, name = changes.get("unit", "IEQ"), changes.get("protocol", "p")
    estimate = {"value": value, "unit": unit, "reason": "no volume"}
    image = {
        "image": "daily.tif",
        "ieq": value,
        "islet_count": 7,
        "checks": [{"name": "focus", "value": 0.5, "unit": "1", "reason": ""}],
    }
    lot = {
        "lot": folder.name,
        "estimates": {"ieq_total": estimate},
        "images": [image, image | {"image": "other.tif", "ieq": 1}],
        "criteria": [],
    }
    document = {"schema_version": "1.0", "protocol": {"name": name}, "lots": [lot]}
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(document), "utf-8")
    (folder / "provenance.json").write_text(json.dumps({"finished": finished}), "utf-8")
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Ten runs with the flow rates of the NIST handbook, in folders whose names mislead."""
    for k, value in enumerate(FLOWRATES):
        write_run(tmp_path / "runs" / f"lot {9 - k}", value, f"2026-01-{k + 1:02d}T10:00:00+00:00")
    return tmp_path / "runs"


def test_runs_are_charted_in_the_order_in_which_they_finished(runs: Path) -> None:
    found = trend.from_folders([runs], Question("ieq_total"))
    assert found.values == FLOWRATES
    assert found.points[0].label == "lot 9"
    assert found.limits.high == pytest.approx(55.8041, abs=5e-5)


def test_the_same_results_given_twice_count_once(runs: Path) -> None:
    found = trend.from_folders([runs, runs / "lot 3"], Question("ieq_total"))
    assert found.values == FLOWRATES


def test_a_reference_picture_is_followed_over_the_runs(runs: Path) -> None:
    found = trend.from_folders([runs], Question("ieq", image="daily.tif"))
    assert found.values == FLOWRATES
    focus = trend.from_folders([runs], Question("focus", image="daily.tif"))
    assert set(focus.values) == {0.5}


def test_mean_and_sd_can_be_given(runs: Path) -> None:
    given = Question("ieq_total", given=Baseline(40.0, 1.0))
    found = trend.from_folders([runs], given)
    assert {s.rule for s in found.at(9)} >= {"1_3s", "2_2s", "4_1s", "10_x"}
    assert trend.broken(found)


def test_only_the_last_values_are_charted_where_asked(runs: Path) -> None:
    found = trend.from_folders([runs], Question("ieq_total", last=4))
    assert found.values == FLOWRATES[-4:]


def test_lots_without_the_figure_are_named_not_charted(runs: Path) -> None:
    write_run(runs / "empty", None, "2026-02-01")
    found = trend.from_folders([runs], Question("ieq_total"))
    assert found.values == FLOWRATES
    assert found.skipped == ("empty: no volume",)


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (Question("ieq_totl"), "figures there: ieq_total"),
        (Question("ieq", image="nothing.tif"), "found 0"),
        (Question("ieq_total", protocol="another"), "found 0"),
    ],
)
def test_a_chart_of_nothing_says_what_there_is(
    runs: Path, question: Question, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        trend.from_folders([runs], question)


def test_units_are_not_mixed(runs: Path) -> None:
    write_run(runs / "other", 5.0, "2026-02-01", unit="nL", protocol="q")
    with pytest.raises(UsageError, match="expected one unit"):
        trend.from_folders([runs], Question("ieq_total"))
    found = trend.from_folders([runs], Question("ieq_total", protocol="p"))
    assert found.values == FLOWRATES


def test_the_chart_command_writes_all_forms(isletqc: Cli, runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "chart"
    result = isletqc("chart", runs, "-o", out)
    assert result.exit_code == 0, result.output
    assert "No rule fires at the last value." in result.output
    names = {path.name for path in out.iterdir()}
    assert names == {"chart.svg", "individuals.svg", "chart.csv", "chart.json", "chart.html"}
    broken = isletqc("chart", runs, "-o", out, "--mean", 40, "--sd", 1)
    assert broken.exit_code == 5
    assert "10:x" in broken.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("--mean", 5), "--sd"), (("--image", "nothing.tif"), "found 0")],
)
def test_wrong_questions_end_with_2(
    isletqc: Cli, runs: Path, tmp_path: Path, arguments: tuple[Any, ...], message: str
) -> None:
    result = isletqc("chart", runs, "-o", tmp_path / "chart", *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "chart").exists()


def test_a_ledger_is_charted_and_indexed_as_its_folders_are(
    isletqc: Cli, finished: Path, tmp_path: Path
) -> None:
    ledger = f"sqlite:///{tmp_path / 'ledger.db'}"
    for number, factor in (("1", 1.0), ("2", 1.5)):
        out = Path(shutil.copytree(finished, tmp_path / f"run {number}"))
        document = json.loads((out / "results.json").read_text("utf-8"))
        document["lots"][0]["lot"] = f"lot {number}"
        document["lots"][0]["estimates"]["ieq_counted"]["value"] *= factor
        (out / "results.json").write_text(json.dumps(document), "utf-8")
    entered = isletqc("lots", "rebuild", tmp_path, "--ledger", ledger)
    assert entered.exit_code == 0, entered.output
    folders = [tmp_path / "run 1", tmp_path / "run 2"]
    question = Question("ieq_counted")
    from_folders = trend.from_folders(folders, question)
    from_ledger = trend.from_ledger(ledger, question)
    assert from_ledger.values == from_folders.values
    assert [p.label for p in from_ledger.points] == ["lot 1", "lot 2"]
    assert from_ledger.unit == from_folders.unit == "IEQ"
    indexed = isletqc("report", "--index", tmp_path / "site", "--ledger", ledger)
    assert indexed.exit_code == 0, indexed.output
    page = (tmp_path / "site" / "index.html").read_text("utf-8")
    assert "2 lots in 2 runs" in page
    assert 'href="../run%202/report.html"' in page


def test_a_ledger_has_no_pictures_to_chart() -> None:
    with pytest.raises(UsageError, match="give result folders"):
        trend.from_ledger("sqlite:///nowhere.db", Question("ieq", image="daily.tif"))
