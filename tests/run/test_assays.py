"""Assays on the command line: a lot's verdict waits for them, and nothing is analysed anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import tifffile
from typer.testing import Result

from isletqc.report.results import schema
from isletqc.synthetic.livedead import livedead_field

Cli = Callable[..., Result]
LIMIT = """
limits:
  - name: endotoxin
    estimate: endotoxin
    relation: "<="
    limit: 5
    unit: EU/kg
    entered: true
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, isletqc: Cli) -> Path:
    """Write a picture of lot A, its sheet, and a protocol with one limit, on an assay."""
    folder = tmp_path_factory.mktemp("assays")
    field = livedead_field(5, viability=0.8, shape_yx=(400, 480), um_per_px=2.0, islets=5)
    planes = np.ascontiguousarray(np.moveaxis(field.pixels, 2, 0))
    tifffile.imwrite(
        folder / "a.tif", planes, ome=True, photometric="minisblack", metadata={"axes": "CYX"}
    )
    (folder / "samples.csv").write_text("image,lot,pixel_size_um\na.tif,A,2\n")
    method = folder / "ours.yaml"
    made = isletqc("protocols", "new", "ours", "--from", "viability-cn-2017", "-o", method)
    assert made.exit_code == 0, made.output
    method.write_text(method.read_text() + LIMIT)
    return folder


def _run(folder: Path, isletqc: Cli, *rows: str) -> tuple[int, dict[str, Any], str]:
    """Run with a table of these rows; gives exit code, results and what was printed."""
    more: tuple[object, ...] = ()
    if rows:
        table = folder / "assays.csv"
        table.write_text("lot,assay,value,unit,entered_by\n" + "\n".join(rows) + "\n")
        more = ("--assays", table)
    sheet, method, out = folder / "samples.csv", folder / "ours.yaml", folder / "out"
    result = isletqc("run", "-s", sheet, "-p", method, "-o", out, "--workers", 1, *more)
    document = json.loads((out / "results.json").read_text()) if result.exit_code != 2 else {}
    return result.exit_code, document, result.output


def test_a_lot_waits_for_its_assay_and_then_passes_without_a_new_analysis(
    folder: Path, isletqc: Cli
) -> None:
    code, document, _ = _run(folder, isletqc)
    assert (code, document["lots"][0]["verdict"]) == (5, "review")
    assert "could not be judged" in document["lots"][0]["criteria"][0]["reason"]
    code, document, _ = _run(folder, isletqc, "A,endotoxin,<0.05,EU/kg,J. Doe")
    jsonschema.validate(document, schema())
    assert (code, document["lots"][0]["verdict"]) == (0, "pass")
    assert document["lots"][0]["estimates"]["entered_endotoxin"]["ci_high"] == 0.05
    assert "entered by J. Doe" in (folder / "out" / "report.html").read_text(encoding="utf-8")
    log = (folder / "out" / "log.jsonl").read_text().splitlines()
    assert "resumed" in [json.loads(line)["event"] for line in log]
    code, document, _ = _run(folder, isletqc, "A,endotoxin,7,EU/kg,J. Doe")
    assert (code, document["lots"][0]["verdict"]) == (4, "fail")


def test_a_table_for_other_lots_or_without_a_limit_is_told(folder: Path, isletqc: Cli) -> None:
    rows = ("B,endotoxin,1,EU/kg,J. Doe", "A,glucose,5,mmol/L,J. Doe")
    code, document, said = _run(folder, isletqc, *rows)
    assert (code, document["lots"][0]["verdict"]) == (5, "review")
    words = " ".join(said.split())
    assert "lot B has assays, but no picture in this run" in words
    assert "glucose is shown" in words


def test_a_wrong_table_is_refused_before_anything_runs(folder: Path, isletqc: Cli) -> None:
    code, _, said = _run(folder, isletqc, "A,endotoxin,much,EU/kg,J. Doe")
    assert code == 2
    assert "assays.csv:2: value: expected a number" in " ".join(said.split())
