"""The page and the JSON of a study, and the four commands."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from isletqc.validation import page, table
from isletqc.validation.answers import agreement, repeatability
from isletqc.validation.plots import ticks
from isletqc.validation.study import Observations

WORKED = Path(__file__).parent / "worked"
CHROMIUM = Path("/usr/bin/chromium")
PATIENCE_MS = 300_000  # only a browser that hangs takes this long
Cli = Callable[..., Result]

COMMANDS = {
    "repeatability": ("glucose", ("--max-cv", 1), ("--max-cv", 2)),
    "agreement": ("pefr", ("--max-difference", 10), ("--max-bias", 1)),
    "linearity": ("dilution", ("--max-index", 0.1), ("--min-r2", 0.9, "--max-cv", 20)),
    "gage": ("aiag", ("--min-categories", 5), ("--max-grr", 30)),
}


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    for path in WORKED.glob("*.csv"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    lines = [f"{d},{v}" for d, pair in ((1, (98, 103)), (2, (51, 52)), (4, (24, 26))) for v in pair]
    (tmp_path / "dilution.csv").write_text("\n".join(["dilution,value", *lines]), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_missed_limit_ends_with_4_and_a_met_one_with_0(
    isletqc: Cli, inputs: Path, kind: str
) -> None:
    name, missed, met = COMMANDS[kind]
    for limits, code in ((missed, 4), (met, 0), ((), 0)):
        out = inputs / f"out{code}{len(limits)}"
        result = isletqc("validate", kind, inputs / f"{name}.csv", "-o", out, *limits)
        assert result.exit_code == code, result.output
        document = json.loads((out / "validation.json").read_text(encoding="utf-8"))
        expected = "not judged" if not limits else "fail" if code else "pass"
        assert (document["kind"], document["verdict"]) == (kind, expected)
        html = (out / "validation.html").read_text(encoding="utf-8")
        assert "<!doctype html>" in html[:40]


def test_wrong_data_end_with_2_and_make_no_folder(isletqc: Cli, tmp_path: Path) -> None:
    wrong = tmp_path / "m.csv"
    wrong.write_text("part,operator,value\n1,A,x\n", encoding="utf-8")
    result = isletqc("validate", "gage", wrong, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "m.csv:2: value: expected a number" in result.output
    assert not (tmp_path / "out").exists()


def test_the_json_has_every_figure_with_its_interval_and_the_hash_of_its_source() -> None:
    read = table.read(WORKED / "glucose.csv", "repeatability")
    study = repeatability.study(read, confidence=0.95, max_cv=1)
    document = json.loads(json.dumps(page.document_of(study, command="x"), allow_nan=False))
    assert document["schema_version"] == "1.0"
    found = {f["name"]: f for f in document["figures"]}
    assert found["repeatability_cv"]["value"] == pytest.approx(1.1509803, abs=1e-6)
    assert found["repeatability_cv"]["ci_high"] == pytest.approx(1.472683, abs=1e-6)
    assert document["acceptance"][0]["verdict"] == "fail"
    assert document["sources"][0]["sha256"] == read.sources[0].sha256
    assert [row["df"] for row in document["tables"]["anova"]] == [19, 20, 40]


def test_the_page_asks_nobody_for_anything_and_runs_no_script() -> None:
    study = agreement.study(table.read(WORKED / "pefr.csv", "agreement"), confidence=0.95)
    html = page.html(study, command="isletqc validate agreement pefr.csv")
    assert "default-src 'none'" in html
    assert "<script" not in html
    assert not re.findall(r"(?:src|href)=\"(?!#)", html)
    assert html == page.html(study, command="isletqc validate agreement pefr.csv")


def test_names_are_shown_as_text() -> None:
    bad = '<img src=x onerror="alert(1)">\u202e'
    rows: list[dict[str, Any]] = [{"sample": s, "value": v} for s in (bad, "b") for v in (1.0, 2.0)]
    study = repeatability.study(Observations(tuple(rows), ()), confidence=0.95, max_cv=1)
    html = page.html(study, command=bad)
    assert "<img" not in html
    assert "\u202e" not in html


def test_a_figure_just_over_its_limit_is_not_rounded_onto_it() -> None:
    rows = [{"value": v} for v in (100.0, 101.0, 99.0, 100.01)]
    study = repeatability.study(Observations(tuple(rows), ()), confidence=0.95)
    cv = next(f.value for f in study.figures if f.name == "repeatability_cv")
    assert cv is not None
    limit = cv - 1e-5
    tight = repeatability.study(Observations(tuple(rows), ()), confidence=0.95, max_cv=limit)
    line = next(page.acceptance_lines(tight))
    assert line.startswith("MISSED")
    assert f"{cv:.5f}"[:7] in line


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-87.3, 91), (1e-7, 3e-7), (990, 1_010_000)])
def test_ticks_are_few_round_and_inside(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 2 <= len(found) <= 6
    assert all(low <= t <= high for t in found)


@pytest.mark.browser
@pytest.mark.skipif(
    not CHROMIUM.exists() and "ISLETQC_CI" not in os.environ,
    reason="Chromium is not installed as /usr/bin/chromium",
)
def test_the_page_fits_wide_and_narrow_screens(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    study = agreement.study(table.read(WORKED / "pefr.csv", "agreement"), confidence=0.95)
    page.write(tmp_path, study, command="x")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox"], timeout=PATIENCE_MS
        )
        faults: list[str] = []
        view = browser.new_page()
        view.set_default_timeout(PATIENCE_MS)
        view.on("console", lambda message: faults.append(message.text))
        view.on("request", lambda r: faults.append(r.url) if r.url[:4] == "http" else None)
        for width in (1280, 390):
            view.set_viewport_size({"width": width, "height": 800})
            view.goto((tmp_path / "validation.html").as_uri())
            assert view.evaluate("document.documentElement.scrollWidth") <= width
        browser.close()
    assert not faults
