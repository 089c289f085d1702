"""The files of a run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from isletqc.report.run import write_run

FILES = {"results.json", "objects.csv", "images.csv", "lots.csv"}
FILES |= {"report.html", "junit.xml", "provenance.json"}
TIMED = {"provenance.json", "report.html"}


def test_a_run_writes_its_seven_files_and_nothing_else(make: Any, tmp_path: Path) -> None:
    write_run(tmp_path / "out", results=make.results(make.verdict()))
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES


def test_the_same_pictures_give_the_same_bytes_but_for_times(make: Any, tmp_path: Path) -> None:
    write_run(tmp_path / "a", results=make.results(make.verdict()))
    write_run(tmp_path / "b", results=make.results(make.verdict(), started="x", finished="y"))
    for name in FILES - TIMED:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    write_run(tmp_path / "c", results=make.results(make.verdict()))
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "c" / name).read_bytes()


def test_provenance_names_method_inputs_and_times(make: Any, tmp_path: Path) -> None:
    provenance = {"isletqc": "0.1.0", "odd": {"path": Path("x"), "rate": float("nan")}}
    write_run(tmp_path, results=make.results(make.verdict(), provenance=provenance))
    document = json.loads((tmp_path / "provenance.json").read_text())
    assert document["started"] == "2026-11-22T18:00:00+00:00"
    assert document["command"] == "isletqc run in -o out"
    assert document["protocol"]["settings"]["assurance"] == 0.95
    assert document["inputs"][0]["um_per_px_source"] == "OME-XML"
    assert document["network"]["sha256"] == document["protocol"]["sha256"]
    assert document["odd"] == {"path": "x", "rate": None}


def test_results_are_written_last(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    sync = os.fsync

    def note(descriptor: int) -> None:
        written.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        sync(descriptor)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc to name an open file")
    monkeypatch.setattr(os, "fsync", note)
    write_run(tmp_path, results=make.results(make.verdict()))
    assert len(written) == len(FILES)
    assert written[-1].startswith(".results.json.")


def test_hostile_names_do_not_leave_the_folder(make: Any, tmp_path: Path) -> None:
    name = "../../\u202e<script>\ud800"
    results = make.results(make.verdict(lot=make.lot(name, [make.picture(name, name)])))
    write_run(tmp_path / "out", results=results)
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    lots = json.loads((tmp_path / "out" / "results.json").read_bytes())["lots"]
    assert lots[0]["lot"] == name
