"""The CSV files of a run."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest

from isletqc.records import Check, Fitness
from isletqc.report.tables import cell, images_csv, lots_csv, objects_csv

# The columns that other programs rely on.
PROMISED = {
    *("image", "lot", "specimen", "label", "class", "centroid_y_um", "centroid_x_um"),
    *("area_um2", "diameter_um", "major_axis_um", "minor_axis_um", "circularity", "solidity"),
    *("volume_nl", "ieq", "touches_border", "included", "exclusion_reason"),
}


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_objects_have_the_promised_columns(make: Any) -> None:
    header = objects_csv(make.results(make.verdict())).splitlines()[0].split(",")
    assert set(header) >= PROMISED
    assert len(header) == len(set(header))


def test_every_islet_has_a_row_and_points_to_its_label_image(make: Any) -> None:
    islets = [make.islet(9, 150, centroid_yx_um=(12.5, 7.25)), make.islet(4, 30)]
    picture = make.picture(islets=islets)
    results = make.results(make.verdict(lot=make.lot(pictures=[picture])))
    first, second = rows(objects_csv(results))
    assert (first["image"], first["lot"], first["label"]) == ("a1.tif", "A", "9")
    assert (first["centroid_y_um"], first["centroid_x_um"]) == ("12.5", "7.25")
    assert (first["ieq"], first["volume_nl"]) == ("1", "1.76715")  # pi/6 x 150^3 um^3
    assert (first["included"], first["folder"]) == ("true", "images/a1")
    assert (second["included"], second["exclusion_reason"]) == ("false", "smaller than 50 um")


def test_stains_get_columns_and_stay_empty_where_absent(make: Any) -> None:
    islets = [make.islet(1, stain={"redness": 0.5}), make.islet(2)]
    results = make.results(make.verdict(lot=make.lot(pictures=[make.picture(islets=islets)])))
    assert [row["stain_redness"] for row in rows(objects_csv(results))] == ["0.5", ""]


def test_the_spread_of_a_volume_has_a_column_only_where_it_was_asked_for(make: Any) -> None:
    islets = [make.islet(1, volume_rsd=0.125), make.islet(2)]
    asked = make.results(make.verdict(lot=make.lot(pictures=[make.picture(islets=islets)])))
    assert [row["volume_rsd"] for row in rows(objects_csv(asked))] == ["0.125", ""]
    assert "volume_rsd" not in objects_csv(make.results(make.verdict())).splitlines()[0]


def test_images_list_failures_too(make: Any) -> None:
    lot = make.lot(pictures=[make.picture(), make.unfit()], failures=[make.failure()])
    fit, unfit, failed = rows(images_csv(make.results(make.verdict(lot=lot))))
    assert (fit["verdict"], unfit["verdict"], failed["verdict"]) == ("fit", "unfit", "not analysed")
    assert unfit["reason"] == "focus 0.03, expected at least 0.15"
    assert failed["reason"] == "unreadable: the file ends after 12 bytes"
    assert (failed["image"], failed["islet_count"]) == ("broken.tif", "")
    assert (fit["islet_count"], fit["ieq"]) == ("2", "1.125")  # 150 and 75 um: 1 + 1/8
    assert (fit["um_per_px"], fit["um_per_px_source"]) == ("2.5", "OME-XML")


def test_checks_have_their_unit_in_the_column(make: Any) -> None:
    checks = (Check("pixel-size", 2.5, "um", ">=", 0.2, "pass"),)
    picture = make.picture(fitness=Fitness(checks))
    text = images_csv(make.results(make.verdict(lot=make.lot(pictures=[picture]))))
    assert rows(text)[0]["check_pixel-size_um"] == "2.5"


def test_lots_have_units_intervals_and_limits(make: Any) -> None:
    (row,) = rows(lots_csv(make.results(make.verdict("fail"))))
    assert (row["lot"], row["verdict"]) == ("A", "fail")
    assert (row["ieq_total"], row["ieq_total_ci_low"]) == ("434000", "378000")
    assert (row["purity_fraction"], row["viability_fraction"]) == ("0.631", "")
    assert row["limit_dose-first-infusion_verdict"] == "fail"
    assert row["convention_ricordi-long_ieq"] == "486080"


def test_a_run_without_lots_still_has_headers(make: Any) -> None:
    results = make.results(failures=[make.failure()])
    assert lots_csv(results) == "lot,verdict,reason\n"
    assert len(rows(objects_csv(results))) == 0
    assert len(rows(images_csv(results))) == 1


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_text_that_a_spreadsheet_would_run_is_neutralised(make: Any, text: str) -> None:
    lot = make.lot(text, pictures=[make.picture(text, text)], failures=[])
    results = make.results(make.verdict(lot=lot))
    for table in (objects_csv(results), images_csv(results), lots_csv(results)):
        assert rows(table)[0]["lot"] == f"'{text}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-3.5, "-3.5"),
        (1234567.8, "1234570"),
        (1.23456789e-7, "0.000000123457"),
        (0.1 + 0.2, "0.3"),
        (-0.0, "0"),
        (float("inf"), ""),
        (float("nan"), ""),
        (np.float64(2.5), "2.5"),
        (np.int64(12345678), "12345678"),
        (12345678, "12345678"),
        (True, "true"),
        (np.bool_(False), "false"),
        (None, ""),
    ],
)
def test_numbers_stay_numbers_without_exponent(value: Any, text: str) -> None:
    assert cell(value) == text


def test_quotes_commas_and_line_ends_survive(make: Any) -> None:
    name = 'a "b", c\nd\re ; µ 🧫'
    (row,) = rows(lots_csv(make.results(make.verdict(lot=make.lot(name)))))
    assert row["lot"] == name


def test_the_same_run_gives_the_same_bytes_whatever_the_clock(make: Any) -> None:
    first = make.results(make.verdict())
    again = make.results(
        make.verdict(lot=make.lot(pictures=[make.picture(seconds={"read": 99.0})])),
        started="2027-01-01T00:00:00+00:00",
        finished="2027-01-01T09:00:00+00:00",
    )
    for table in (objects_csv, images_csv, lots_csv):
        assert table(first) == table(again)
