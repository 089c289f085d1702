"""``index.html`` over many runs."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isletqc.report.index import Run, index_html, rows_of
from isletqc.report.results import results_document

HOSTILE = "<script>alert(1)</script>\u202e" + "x" * 10_000


def run(make: Any, folder: Path, finished: str, *verdicts: Any) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text("")
    document = json.loads(json.dumps(results_document(make.results(*verdicts))))
    return Run(folder / "results.json", document, finished)


def index(folder: Path, *runs: Run, broken: Sequence[str] = ()) -> str:
    rows = [row for one in runs for row in rows_of(one, folder)]
    return index_html(rows, runs=len(runs), broken=broken)


def lots(html: str) -> list[str]:
    return re.findall(r"<bdi>([^<]*)</bdi>", html)


def test_the_newest_lot_comes_first_with_a_link_to_its_place(make: Any, tmp_path: Path) -> None:
    old = run(make, tmp_path / "a b", "2026-01-01", make.verdict("fail", make.lot("old")))
    new = run(
        make,
        tmp_path / "c",
        "2026-02-01",
        make.verdict("pass", make.lot("new 1")),
        make.verdict("review", make.lot("new 2")),
    )
    html = index(tmp_path, old, new)
    assert lots(html) == ["new 2", "new 1", "old"]
    links = re.findall(r'href="([^"]+)"', html)
    assert links == ["c/report.html#lot-2", "c/report.html#lot-1", "a%20b/report.html#lot-1"]
    assert "3 lots in 2 runs: 1 fail, 1 review, 1 pass" in html


def test_figures_stand_with_the_number_to_sort_by(make: Any, tmp_path: Path) -> None:
    html = index(tmp_path, run(make, tmp_path / "a", "2026-01-01", make.verdict()))
    assert 'data-value="434000">434,000' in html
    assert 'data-value="0.631">63.1' in html


def test_what_could_not_be_read_is_named_first(make: Any, tmp_path: Path) -> None:
    one = run(make, tmp_path / "a", "2026-01-01", make.verdict())
    html = index(tmp_path, one, broken=["b/results.json: damaged"])
    assert html.index("b/results.json: damaged") < html.index('id="runs"')


def test_hostile_lot_names_are_text(make: Any, tmp_path: Path) -> None:
    one = run(make, tmp_path / "a", HOSTILE, make.verdict("pass", make.lot(HOSTILE)))
    html = index(tmp_path, one, broken=[HOSTILE])
    assert html.count("<script>") == 1
    assert "\u202e" not in html
    assert len(html) < 60_000


def test_a_run_without_a_report_has_no_link(make: Any, tmp_path: Path) -> None:
    one = run(make, tmp_path / "a", "2026-01-01", make.verdict())
    (tmp_path / "a" / "report.html").unlink()
    html = index(tmp_path, one)
    assert "href" not in html
    assert "no report: a" in html
