"""The report of a finished run again, and its other forms; the example of a build server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import Result

from isletqc.errors import UsageError
from isletqc.report import texts_charts
from isletqc.run import reports

Cli = Callable[..., Result]
ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / "docs" / "examples" / "qc-workflow.yml"


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    """Give a copy of a finished run over three drawn aliquots."""
    return Path(shutil.copytree(finished, tmp_path / "out"))


def test_the_report_again_is_the_report_byte_for_byte(out: Path) -> None:
    before = (out / "report.html").read_bytes()
    (out / "report.html").unlink()
    reports.write_report(out)
    assert (out / "report.html").read_bytes() == before


def test_nothing_but_the_report_is_touched(out: Path) -> None:
    def others() -> dict[str, bytes]:
        files = (path for path in out.rglob("*") if path.is_file())
        return {str(p): p.read_bytes() for p in files if p.name != "report.html"}

    before = others()
    reports.write_report(out)
    assert others() == before


def test_earlier_runs_give_the_report_its_trend(out: Path, tmp_path: Path) -> None:
    shutil.copytree(out, tmp_path / "earlier" / "run 1")
    reports.write_report(out, [tmp_path / "earlier"])
    page = (out / "report.html").read_text("utf-8")
    assert texts_charts.TREND in page
    assert "2 lots, the last one is demo" in page


def test_a_report_never_shows_pictures_that_were_not_judged(out: Path) -> None:
    result = next(out.glob("images/*/result.json"))
    plain = json.loads(result.read_bytes())
    plain["picture"]["islets"] = plain["picture"]["islets"][1:]
    result.write_text(json.dumps(plain), "utf-8")
    with pytest.raises(UsageError, match="isletqc rejudge"):
        reports.write_report(out)


def test_one_command_writes_every_form(isletqc: Cli, out: Path) -> None:
    pytest.importorskip("openpyxl")
    pytest.importorskip("rocrate")
    result = isletqc("report", out, "--xlsx", "--multiqc", "--rocrate")
    assert result.exit_code == 0, result.output
    for name in ("results.xlsx", "isletqc_mqc.json", "ro-crate-metadata.json"):
        assert (out / name).is_file()
        assert name in result.output


def test_the_index_lists_runs_in_and_under_a_folder(isletqc: Cli, out: Path) -> None:
    shutil.copytree(out, out.parent / "more" / "run 2")
    broken = out.parent / "damaged"
    broken.mkdir()
    (broken / "results.json").write_text("{")
    result = isletqc("report", "--index", out.parent)
    assert result.exit_code == 0, result.output
    page = (out.parent / "index.html").read_text("utf-8")
    assert 'href="out/report.html#lot-1"' in page
    assert 'href="more/run%202/report.html#lot-1"' in page
    assert "1 result could not be read" in page


def test_a_folder_without_a_run_is_refused(isletqc: Cli, tmp_path: Path) -> None:
    for arguments in (("report", tmp_path), ("report", "--index", tmp_path)):
        result = isletqc(*arguments)
        assert result.exit_code == 2
        assert str(tmp_path) in result.output


def test_the_example_of_a_build_server_works_as_it_stands(
    lot: Path, classical: Path, tmp_path: Path
) -> None:
    pytest.importorskip("openpyxl")
    pytest.importorskip("rocrate")
    job = YAML(typ="safe").load(WORKFLOW.read_text("utf-8"))["jobs"]["qc"]
    shutil.copytree(lot, tmp_path / job["env"]["PICTURES"])
    shutil.copy(classical, tmp_path / job["env"]["PROTOCOL"])
    summary = tmp_path / "summary.md"
    environment = os.environ | job["env"] | {"GITHUB_STEP_SUMMARY": str(summary)}
    # The program as installed beside this Python; installing it is not this test's matter.
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    steps = [step for step in job["steps"] if "run" in step and step["name"] != "Install"]
    assert len(steps) == 4
    for step in steps:
        if step["name"].startswith("Trend"):
            shutil.copytree(tmp_path / "out", tmp_path / "earlier")
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (step["name"], done.stdout, done.stderr)
    uploaded = {path.name for path in (tmp_path / "out").iterdir()}
    assert uploaded >= {"report.html", "junit.xml", "results.xlsx", "isletqc_mqc.json", "trend"}
    assert summary.read_text("utf-8").startswith("## ")
    suites = ET.parse(tmp_path / "out" / "junit.xml").getroot()
    assert [s.get("name") for s in suites] == ["demo", "pictures"]


def test_a_pipe_that_nobody_reads_leaves_the_exit_code_alone() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    program = Path(sys.executable).parent / "isletqc"
    done = subprocess.run(
        [program, "protocols", "list"], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
