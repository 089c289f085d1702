"""Figures out of result folders: labels, pairs, amounts, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from isletqc.errors import UsageError
from isletqc.validation import measurements
from isletqc.validation.study import Kind, Row

Make = Callable[..., str]


def lot(name: str, ieq: Mapping[str, float], total: float | None = 1e5) -> dict[str, Any]:
    """Give what results.json says of a lot with these specimens."""
    specimens = [
        {"specimen": s, "ieq": v, "islet_count": 2 * v, "aliquot_ul": 100.0, "dilution": float(s)}
        for s, v in ieq.items()
    ]
    images = [
        {"image": f"{name}{s}.tif", "specimen": s, "role": "sample", "ieq": v}
        for s, v in ieq.items()
    ]
    images.append({"image": "control.tif", "specimen": "1", "role": "control", "ieq": 0.0})
    reason = "" if total is not None else "not determined: no suspension volume"
    estimate = {"value": total, "unit": "IEQ", "reason": reason}
    return {"lot": name, "estimates": {"ieq_total": estimate}, "specimens": specimens} | {
        "images": images
    }


@pytest.fixture
def run(tmp_path: Path) -> Make:
    def make(folder: str, *lots: dict[str, Any], version: str = "1.0") -> str:
        path = tmp_path / folder
        path.mkdir()
        document = {"schema_version": version, "lots": lots}
        (path / "results.json").write_text(json.dumps(document), encoding="utf-8")
        return str(path)

    return make


def read(given: list[str], kind: Kind, figure: str, of: Any) -> tuple[Row, ...]:
    return measurements.gather(given, kind, figure=figure, of=of).rows


def test_lots_of_several_days_are_repeats_of_one_sample(run: Make) -> None:
    given = [f"mon={run('a', lot('A', {'1': 5}, 10.0))}", run("tue", lot("A", {}, 12.0))]
    assert read(given, "repeatability", "ieq_total", "lot") == (
        {"value": 10.0, "day": "mon"},
        {"value": 12.0, "day": "tue"},
    )


def test_pictures_are_repeats_of_their_specimen_and_controls_are_none(run: Make) -> None:
    given = [run("mon", lot("A", {"1": 5, "2": 7}))]
    assert read(given, "repeatability", "ieq", "image") == (
        {"value": 5.0, "day": "mon", "sample": "A", "run": "1"},
        {"value": 7.0, "day": "mon", "sample": "A", "run": "2"},
    )


def test_a_dilution_series_takes_its_fractions_from_the_sheet(run: Make) -> None:
    rows = read([run("a", lot("A", {"2": 50, "4": 26}))], "linearity", "ieq", "specimen")
    assert [(r["fraction"], r["value"]) for r in rows] == [(1.0, 50.0), (0.5, 26.0)]


def test_two_results_are_paired_by_picture_the_first_is_the_reference(run: Make) -> None:
    given = [run("person", lot("A", {"1": 5, "2": 7})), run("program", lot("A", {"2": 8, "1": 4}))]
    assert read(given, "agreement", "ieq", "image") == (
        {"sample": "A1.tif", "reference": 5.0, "test": 4.0},
        {"sample": "A2.tif", "reference": 7.0, "test": 8.0},
    )


def test_the_label_is_the_operator_of_a_gage_study(run: Make) -> None:
    given = [f"anna={run('a', lot('A', {'1': 5}))}", f"ben={run('b', lot('A', {'1': 6}))}"]
    assert read(given, "gage", "ieq", "specimen") == (
        {"part": "A / 1", "operator": "anna", "value": 5.0},
        {"part": "A / 1", "operator": "ben", "value": 6.0},
    )


def test_what_was_not_determined_is_refused_with_its_reason(run: Make) -> None:
    given = [run("a", lot("A", {"1": 5}, None))]
    with pytest.raises(UsageError, match=r"ieq_total of A.*no suspension volume"):
        read(given, "repeatability", "ieq_total", "lot")
    with pytest.raises(UsageError, match="there is no such estimate; the figures are ieq_total"):
        read(given, "repeatability", "ieq_totl", "lot")


def test_pictures_without_a_partner_are_named(run: Make) -> None:
    given = [run("a", lot("A", {"1": 5, "2": 7})), run("b", lot("A", {"1": 4}))]
    with pytest.raises(UsageError, match=r"in both results, found in one only: A2\.tif"):
        read(given, "agreement", "ieq", "image")
    with pytest.raises(UsageError, match="expected two results with different labels"):
        read(given[:1], "agreement", "ieq", "image")


def test_folders_need_a_figure_and_files_do_not_take_one(run: Make, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--figure ieq_total"):
        measurements.gather([run("a", lot("A", {}))], "gage", figure=None, of="lot")
    path = tmp_path / "m.csv"
    path.write_text("value\n1\n", encoding="utf-8")
    with pytest.raises(UsageError, match="leave --figure away"):
        measurements.gather([str(path)], "repeatability", figure="ieq", of="lot")
    with pytest.raises(UsageError, match="one CSV file or result folders, found 2"):
        measurements.gather([str(path), str(path)], "repeatability", figure=None, of="lot")


def test_results_of_another_version_and_other_folders_are_refused(
    run: Make, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"schema_version 1\.0, found 9\.0"):
        read([run("a", lot("A", {}), version="9.0")], "gage", "ieq", "image")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="give the folder that isletqc run wrote"):
        read([str(tmp_path / "empty")], "gage", "ieq", "image")
