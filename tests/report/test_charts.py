"""Figures drawn as SVG."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from isletqc.records import Estimate
from isletqc.report.charts import cumulative_ieq, histogram, limit_bar, size_classes


def positions(svg: str, style: str, *names: str) -> list[tuple[float, ...]]:
    elements = [e for e in ET.fromstring(svg).iter() if e.get("class") == style]
    return [tuple(float(e.attrib[name]) for name in names) for e in elements]


def test_islets_fall_into_half_open_classes(make: Any) -> None:
    islets = [make.islet(k, d) for k, d in enumerate((50, 99.9, 100, 149.9, 150, 30))]
    classes = size_classes(islets, 50)
    assert [(c.low_um, c.high_um, c.count) for c in classes[:4]] == [
        (50, 100, 2),
        (100, 150, 2),
        (150, 200, 1),
        (200, 250, 0),
    ]
    assert sum(c.ieq_share for c in classes) == pytest.approx(1)
    total = sum((d / 150) ** 3 for d in (50, 99.9, 100, 149.9, 150))
    assert classes[2].ieq_share == pytest.approx(1 / total)


def test_border_weights_count(make: Any) -> None:
    classes = size_classes([make.islet(1, 60, weight=1.5), make.islet(2, 160, weight=0.5)], 50)
    assert (classes[0].count, classes[2].count) == (1.5, 0.5)


def test_giants_share_one_open_class(make: Any) -> None:
    classes = size_classes([make.islet(1, 60), make.islet(2, 4000)], 50)
    assert len(classes) == 10
    assert (classes[-1].low_um, classes[-1].high_um, classes[-1].count) == (500, None, 1)
    assert "500 µm and more: 1 islets" in histogram(classes)


def test_columns_are_as_high_as_their_shares(make: Any) -> None:
    islets = [make.islet(k, 60) for k in range(3)] + [make.islet(9, 160)]
    svg = histogram(size_classes(islets, 50))
    (three,), (one,) = positions(svg, "c-count", "height")
    assert three == pytest.approx(3 * one, rel=0.01)


def test_half_of_the_ieq_is_marked(make: Any) -> None:
    # 150 um is 1 IEQ, 75 um an eighth: the two small ones do not reach half.
    svg = cumulative_ieq([make.islet(1, 75), make.islet(2, 75), make.islet(3, 150)], 50)
    assert "half up to 150 µm" in svg


def test_the_curve_stays_small_however_many_islets(make: Any) -> None:
    svg = cumulative_ieq([make.islet(k, 50 + k / 20) for k in range(5000)], 50)
    assert len(svg) < 12000


@pytest.mark.parametrize("relation", [">=", "<="])
def test_a_bar_shows_value_between_its_ends_and_the_limit(make: Any, relation: str) -> None:
    estimate = Estimate("ieq_per_kg", 6000.0, "IEQ/kg", 5500.0, 7000.0)
    svg = limit_bar(make.criterion("pass", estimate=estimate, relation=relation), "Dose")
    ((left, width),) = positions(svg, "c-interval", "x", "width")
    ((value,),) = positions(svg, "c-value", "cx")
    ((limit,),) = positions(svg, "c-limit", "x1")
    assert limit < left < value < left + width
    # On one scale: the limit lies as far below 5,500 as 6,000 lies above it.
    assert left - limit == pytest.approx(value - left, abs=0.2)
    ((met_left, met_width),) = positions(svg, "c-met", "x", "width")
    assert (met_left, met_left + met_width)[relation == "<="] == pytest.approx(limit, abs=0.1)


@pytest.mark.parametrize(
    "estimate",
    [
        Estimate("ieq_per_kg", None, "IEQ/kg"),
        Estimate("ieq_per_kg", 5000.0, "IEQ/kg"),
        Estimate("ieq_per_kg", 0.0, "IEQ/kg", None, 3.0),
        Estimate("ieq_per_kg", 7.0, "IEQ/kg", 7.0, float("inf")),
        Estimate("change", -4.0, "1", -7.0, -1.0),
    ],
)
def test_bars_can_always_be_drawn(make: Any, estimate: Estimate) -> None:
    svg = limit_bar(make.criterion("review", estimate=estimate), "a <b> & c")
    assert "nan" not in svg
    assert "inf" not in re.sub(r'aria-label="[^"]*"', "", svg)
    assert ET.fromstring(svg).attrib["aria-label"].startswith("a <b> & c")
