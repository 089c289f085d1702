"""Control charts: what they say, draw and write."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from isletqc.decide.control_chart import Baseline, westgard
from isletqc.report import texts_charts as texts
from isletqc.report import trend_charts
from isletqc.report.chart_page import chart_csv, chart_document, chart_html
from isletqc.report.page import report_html
from isletqc.report.trend import Point, Trend, answer, baseline_words, trend

FLOWRATES = (49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1)  # NIST 6.3.2.2


def chart(*values: float, given: Baseline | None = None, figure: str = "ieq_total") -> Trend:
    points = [Point(f"lot {k}", v, f"2026-01-{k:02d}") for k, v in enumerate(values, 1)]
    return trend(figure, "IEQ", points, given=given)


def heights(svg: str, *styles: str) -> list[float]:
    return [float(e.attrib["cy"]) for e in ET.fromstring(svg).iter() if e.get("class") in styles]


STANDARD = Baseline(0.0, 1.0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0.1, -0.2), texts.ANSWER_CLEAR),
        ((0.1, 2.5), "The last value is a warning: 1:2s."),
        ((2.5, 2.5), "The last value breaks 2:2s."),
        ((3.5, 0.0), "No rule fires at the last value. 1 earlier value breaks a rule."),
    ],
)
def test_the_answer_is_about_the_last_value(values: tuple[float, ...], expected: str) -> None:
    found = chart(*values, given=STANDARD)
    by_westgard = replace(found, signals=westgard(found.values, STANDARD))
    assert answer(by_westgard) == expected


def test_values_without_spread_are_not_called_good() -> None:
    flat = chart(7.0, 7.0, 7.0)
    assert answer(flat) == texts.ANSWER_FLAT
    page = chart_html(flat, command="")
    assert "v-not-judged" in page
    assert "v-pass" not in page.split("<body", 1)[1]


def test_where_mean_and_sd_come_from_is_said() -> None:
    assert "as given" in baseline_words(chart(1.0, 2.0, given=STANDARD))
    few = baseline_words(chart(*FLOWRATES))
    assert "from the first 10 values" in few
    assert texts.BASELINE_FEW in few
    assert texts.BASELINE_FEW not in baseline_words(chart(*FLOWRATES * 3))
    assert "from the first 20 values" in baseline_words(chart(*FLOWRATES * 3))
    assert texts.BASELINE_FLAT in baseline_words(chart(5.0, 5.0, 5.0))


def test_dots_lie_as_high_as_their_values() -> None:
    svg = trend_charts.levey_jennings(chart(0.0, 1.0, 3.5, given=STANDARD))
    zero, one, far = sorted(heights(svg, "c-dot", "c-dot-warn", "c-dot-stop"), reverse=True)
    assert (zero - far) == pytest.approx(3.5 * (zero - one), abs=0.4)
    assert len(heights(svg, "c-dot-stop")) == 1
    assert "1:3s" in svg


def test_limits_of_the_individuals_chart_are_drawn_and_told() -> None:
    svg = trend_charts.individuals(chart(*FLOWRATES))
    lines = [e for e in ET.fromstring(svg).iter() if e.get("class") == "c-stop"]
    assert len(lines) == 2
    label = ET.fromstring(svg).get("aria-label") or ""
    assert "45.8" in label
    assert "55.8" in label


def test_a_chart_alone_is_a_whole_svg_file() -> None:
    root = ET.fromstring(trend_charts.standalone(trend_charts.levey_jennings(chart(*FLOWRATES))))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root[0].tag == "{http://www.w3.org/2000/svg}style"


def test_thousands_of_values_stay_a_small_drawing() -> None:
    svg = trend_charts.levey_jennings(chart(*FLOWRATES * 500))
    assert len(svg) < 150_000


def test_the_table_has_each_value_with_its_rules() -> None:
    found = chart(0.0, 2.5, 2.6, given=STANDARD, figure="purity")
    rows = list(csv.DictReader(io.StringIO(chart_csv(found))))
    assert [row["purity"] for row in rows] == ["0", "2.5", "2.6"]
    assert [row["z"] for row in rows] == ["0", "2.5", "2.6"]
    assert [row["moving_range"] for row in rows] == ["", "2.5", "0.1"]
    assert rows[2]["rules"] == "1_2s 2_2s"


def test_formulas_in_lot_names_are_text_in_the_table() -> None:
    found = trend("ieq_total", "IEQ", [Point("=1+1", 1.0), Point("@x", 2.0)])
    rows = list(csv.DictReader(io.StringIO(chart_csv(found))))
    assert [row["label"] for row in rows] == ["'=1+1", "'@x"]


def test_the_document_says_how_the_limits_were_set() -> None:
    document = chart_document(chart(*FLOWRATES))
    assert document["baseline"]["source"] == "established"
    assert document["individuals"]["high"] == pytest.approx(55.8041, abs=5e-5)
    assert document["points"][0] == {
        "label": "lot 1",
        "time": "2026-01-01",
        "value": 49.6,
        "z": pytest.approx((49.6 - 50.81) / document["baseline"]["sd"]),
        "rules": [],
        "source": "",
    }


def test_hostile_lot_names_are_text_in_page_and_drawing() -> None:
    bad = "<script>alert(1)</script>\u202e" + "x" * 10_000
    found = trend("ieq_total", "IEQ", [Point(bad, 1.0), Point(bad, 2.0)], skipped=[bad])
    page = chart_html(found, command=bad)
    assert page.count("<script>") == 1
    assert "\u202e" not in page
    assert len(page) < 100_000
    ET.fromstring(trend_charts.standalone(trend_charts.levey_jennings(found)))


def test_the_report_shows_the_trend_it_is_given(make: Any, tmp_path: Path) -> None:
    results = make.results(make.verdict())
    html = report_html(results, tmp_path, trends=[chart(0.0, 0.5, 3.5, given=STANDARD)])
    assert texts.TREND in html
    assert "The last value breaks 1:3s" in html
    assert texts.TREND not in report_html(results, tmp_path)


def test_names_of_lines_that_fall_together_are_written_once() -> None:
    """Three equal values: mean and both limits are one line, and one name stands beside it."""
    drawn = ET.fromstring(trend_charts.individuals(chart(7.0, 7.0, 7.0)))
    ticks = [e for e in drawn.iter() if e.get("class") == "c-tick c-start"]
    assert [e.text for e in ticks] == [texts.MEAN_LINE]
    spread = ET.fromstring(trend_charts.individuals(chart(7.0, 8.0, 7.0)))
    assert len([e for e in spread.iter() if e.get("class") == "c-tick c-start"]) == 3
