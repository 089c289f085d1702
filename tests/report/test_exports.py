"""The same figures for build servers, MultiQC, spreadsheets and research objects."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from isletqc.records import Estimate
from isletqc.report.markdown import step_summary
from isletqc.report.multiqc import multiqc_document
from isletqc.report.results import results_document
from isletqc.report.run import write_run

HOSTILE = "<script>alert(1)</script> | `rm` @you [x](http://y) \u202e\n# " + "x" * 10_000


def document(results: Any) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(results_document(results)))
    return plain


def named(make: Any, name: str, verdict: str = "pass") -> Any:
    return make.verdict(verdict, make.lot(name, [make.picture(lot=name)]))


def test_the_summary_names_verdict_lots_and_limits_the_worst_first(make: Any) -> None:
    results = make.results(named(make, "A"), named(make, "B", "fail"))
    lines = step_summary(document(results)).splitlines()
    assert lines[0] == "## ❌ isletqc: Fail"
    rows = [line for line in lines if line.startswith("| ")][2:]
    assert rows[0].startswith("| B | ❌ Fail | Dose first infusion: 6,200")
    assert rows[1].startswith("| A | ✅ Pass |")


def test_failed_pictures_come_before_the_lots(make: Any) -> None:
    lot = make.lot("A", [make.picture()], [make.failure()])
    summary = step_summary(document(make.results(make.verdict("review", lot))))
    assert summary.index("broken.tif") < summary.index("| Lot |")
    assert "1 picture could not be analysed" in summary


def test_hostile_names_stay_in_their_cell(make: Any) -> None:
    results = make.results(named(make, HOSTILE))
    row = step_summary(document(results)).rstrip().splitlines()[-1]
    assert "<script" not in row.replace("\\<script", "")
    # Bars that part cells: five, every other one is escaped.
    assert row.count("|") - row.count("\\|") == 5
    assert "\u202e" not in row
    assert len(row) < 1000


def test_a_summary_never_grows_beyond_its_room(make: Any) -> None:
    results = make.results(*(named(make, f"lot {k}") for k in range(300)))
    summary = step_summary(document(results), most_bytes=20_000)
    assert len(summary.encode()) <= 20_000
    assert "more lots are not shown" in summary


def test_multiqc_gets_numbers_in_the_unit_of_their_title(make: Any) -> None:
    content = multiqc_document(document(make.results(named(make, "A"))))
    assert content["plot_type"] == "table"
    assert content["data"]["A"]["verdict"] == "Pass"
    assert content["data"]["A"]["purity"] == pytest.approx(63.1)
    assert content["headers"]["purity"]["title"] == "Purity, %"
    assert "viability" not in content["data"]["A"]  # not determined
    assert set(content["headers"]) >= set(content["data"]["A"])


def test_multiqc_gets_names_that_are_no_markup(make: Any) -> None:
    (name,) = multiqc_document(document(make.results(named(make, HOSTILE))))["data"]
    assert "<" not in name
    assert len(name) <= 80


@pytest.fixture
def finished(make: Any, tmp_path: Path) -> Path:
    """A run whose lot looks like a number and whose picture looks like a formula."""
    picture = make.picture("=HYPERLINK(1).tif", "0012")
    verdict = make.verdict("pass", make.lot("0012", [picture]))
    odd = Estimate("purity", 0.631, "1", 0.55, 0.71, reason="+1")
    verdict = replace(verdict, estimates={**verdict.estimates, "purity": odd}, reason="\x07=1+1")
    write_run(tmp_path, results=make.results(verdict))
    return tmp_path


def read(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "results.json").read_text("utf-8"))
    return content


def test_the_workbook_has_the_tables_of_the_run(finished: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    from isletqc.report.workbook import write_workbook

    book = openpyxl.load_workbook(write_workbook(finished, read(finished)))
    assert book.sheetnames == ["lots", "images", "objects", "protocol"]
    head, *rows = book["objects"].iter_rows(values_only=True)
    first = dict(zip(head, rows[0], strict=True))
    assert len(rows) == 3
    assert first["diameter_um"] == 150
    assert first["included"] is True
    assert dict(book["protocol"].values)["verdict"] == "pass"


def test_the_workbook_runs_nothing_and_turns_no_name_into_a_number(finished: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    from isletqc.report.workbook import write_workbook

    book = openpyxl.load_workbook(write_workbook(finished, read(finished)))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert [cell for cell in cells if cell.data_type == "f"] == []
    values = [cell.value for cell in cells]
    assert "=HYPERLINK(1).tif" in values
    assert "0012" in values
    assert 12 not in values


def test_the_crate_is_read_by_its_own_library(finished: Path) -> None:
    library = pytest.importorskip("rocrate.rocrate")
    from isletqc.report.crate import write_crate

    write_crate(finished, read(finished))
    crate = library.ROCrate(finished)
    assert {"results.json", "report.html", "objects.csv"} <= {e.id for e in crate.data_entities}
    action = crate.dereference("#run")
    assert action["instrument"]["version"] == "0.1.0"
    assert [e["identifier"] for e in action["object"]] == ["sha256:" + "0123456789abcdef" * 4]
    assert crate.root_dataset["datePublished"] == "2026-11-22T18:01:40+00:00"


def test_other_forms_do_not_outlive_the_results_they_were_made_of(
    make: Any, finished: Path
) -> None:
    stale = [finished / n for n in ("report.pdf", "results.xlsx", "ro-crate-metadata.json")]
    for path in stale:
        path.write_text("old")
    write_run(finished, results=make.results(make.verdict()))
    assert [path for path in stale if path.exists()] == []
