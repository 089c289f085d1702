"""Live/dead pictures from file to exit code."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from typer.testing import Result

from isletqc import protocol
from isletqc.run.phantoms import write_livedead
from isletqc.synthetic.livedead import LiveDeadField, livedead_field

Cli = Callable[..., Result]


def _draw(viability: float, *, seed: int = 5, exposure: float = 1.0) -> LiveDeadField:
    return livedead_field(
        seed, viability=viability, spread=0.1, exposure=exposure, shape_yx=(640, 640), islets=14
    )


@pytest.fixture(scope="module")
def method(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped FDA/PI protocol, content with fewer islets."""
    text = protocol.load("viability-fda-pi").path.read_text(encoding="utf-8")
    path = tmp_path_factory.mktemp("viability") / "few.yaml"
    path.write_text(text.replace("min_islets: 50", "min_islets: 8"), encoding="utf-8")
    return path


def _results(isletqc: Cli, folder: Path, method: Path) -> tuple[int, dict[str, Any], Path]:
    out = folder / "out"
    done = isletqc("run", folder / "images", "-p", method, "-o", out, "--workers", 1)
    assert (out / "results.json").is_file(), done.output
    return done.exit_code, json.loads((out / "results.json").read_text())["lots"][0], out


@pytest.mark.parametrize(("viability", "code", "verdict"), [(0.92, 0, "pass"), (0.35, 4, "fail")])
def test_a_clear_lot_gets_its_verdict_and_the_interval_holds_the_truth(
    isletqc: Cli, tmp_path: Path, method: Path, viability: float, code: int, verdict: str
) -> None:
    field = _draw(viability)
    write_livedead(tmp_path, "bag.tif", field)
    exit_code, lot, out = _results(isletqc, tmp_path, method)
    found = lot["estimates"]["viability"]
    assert (exit_code, lot["verdict"]) == (code, verdict), lot
    assert found["ci_low"] <= (field.viability or 0) <= found["ci_high"]
    assert abs(found["value"] - (field.viability or 0)) < 0.04
    with (out / "objects.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert all(0 <= float(row["viability"]) <= 1 for row in rows)
    assert "Tissue-weighted" in (out / "report.html").read_text(encoding="utf-8")


def test_a_lot_near_the_limit_goes_to_review(isletqc: Cli, tmp_path: Path, method: Path) -> None:
    write_livedead(tmp_path, "bag.tif", _draw(0.7))
    exit_code, lot, _ = _results(isletqc, tmp_path, method)
    assert (exit_code, lot["verdict"]) == (5, "review")


def test_a_saturated_picture_is_unfit_and_its_lot_never_passes(
    isletqc: Cli, tmp_path: Path, method: Path
) -> None:
    write_livedead(tmp_path, "bag.tif", _draw(0.95, exposure=9.0))
    exit_code, lot, _ = _results(isletqc, tmp_path, method)
    assert (exit_code, lot["verdict"]) == (5, "review")
    assert lot["estimates"]["viability"]["value"] is None
    assert lot["images"][0]["verdict"] == "unfit"
    assert "saturated" in json.dumps(lot)


def test_too_few_islets_leave_the_viability_undetermined(isletqc: Cli, tmp_path: Path) -> None:
    write_livedead(tmp_path, "bag.tif", _draw(0.95))
    shipped = protocol.load("viability-fda-pi").path
    exit_code, lot, _ = _results(isletqc, tmp_path, shipped)
    assert (exit_code, lot["verdict"]) == (5, "review")
    assert "at least 50 needed" in lot["criteria"][0]["reason"]


@pytest.mark.parametrize(
    ("shape", "photometric", "said"),
    [((64, 64), "minisblack", "one channel"), ((64, 64, 3), "rgb", "colour picture")],
)
def test_grey_and_colour_pictures_are_refused_by_name(
    isletqc: Cli, tmp_path: Path, method: Path, shape: tuple[int, ...], photometric: str, said: str
) -> None:
    (tmp_path / "images").mkdir()
    path = tmp_path / "images" / "a.tif"
    tifffile.imwrite(path, np.zeros(shape, np.uint8), photometric=photometric)
    out = tmp_path / "out"
    done = isletqc("run", path, "-p", method, "-o", out, "--workers", 1, "--pixel-size", 2)
    assert done.exit_code == 3
    failure = json.loads((out / "results.json").read_text())["failures"][0]
    assert failure["error"] == "unsupported"
    assert said in failure["message"]
