"""Whole runs of stem-cell products: clusters over days, and immunofluorescence."""

from __future__ import annotations

import csv
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
from isletqc.synthetic.brightfield import Culture, brightfield_field
from isletqc.synthetic.immunofluorescence import DrawnMarker, immunofluorescence_field

Cli = Callable[..., Result]
CLUSTERS = """\
name: clusters-test
version: "1"
status: draft
title: Drawn clusters
stain: brightfield
segmentation: {method: classical}
"""


def write_picture(path: Path, pixels: Any, channels: tuple[str, ...], um_per_px: float) -> None:
    size = {"PhysicalSizeX": um_per_px, "PhysicalSizeY": um_per_px}
    units = {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    colour = channels == ("red", "green", "blue")
    metadata: dict[str, Any] = size | units | {"axes": "YXS" if colour else "CYX"}
    if not colour:
        metadata |= {"Channel": {"Name": list(channels)}}
    planes = pixels if colour else np.moveaxis(pixels, -1, 0)
    kind = "rgb" if colour else "minisblack"
    tifffile.imwrite(path, planes, ome=True, photometric=kind, metadata=metadata)


def results(out: Path) -> Any:
    return json.loads((out / "results.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def culture(tmp_path_factory: pytest.TempPathFactory, isletqc: Cli) -> Path:
    """Run over one culture whose clusters are 120 um on day 1 and 180 um on day 4."""
    folder = tmp_path_factory.mktemp("culture")
    rows = ["image,lot,specimen,day"]
    look = Culture(
        density_per_um=0.006, grain=0.1, contour=0.3, contour_um=5, halo=0, core=0, ring=0
    )
    for day, diameter in ((1, 120.0), (4, 180.0)):
        for k in (1, 2):
            field = brightfield_field(
                10 * day + k, shape_yx=(500, 640), um_per_px=3.2, whole=True, dirt=0, bar=False,
                diameters=np.full(30, diameter) * np.linspace(0.9, 1.1, 30), culture=look,
            )  # fmt: skip
            name = f"day{day}_{k}.tif"
            write_picture(folder / name, field.pixels, ("red", "green", "blue"), 3.2)
            rows.append(f"{name},culture 7,d{day}-{k},{day}")
    (folder / "samples.csv").write_text("\n".join(rows) + "\n")
    (folder / "clusters.yaml").write_text(CLUSTERS)
    sheet, out = folder / "samples.csv", folder / "out"
    result = isletqc("run", "-s", sheet, "-p", folder / "clusters.yaml", "-o", out, "--workers", 1)
    assert result.exit_code in {0, 5}, result.output
    return out


def test_a_culture_over_days_has_its_sizes_by_day_and_its_slope(culture: Path) -> None:
    document = results(culture)
    jsonschema.validate(document, schema())
    (lot,) = document["lots"]
    assert [day["day"] for day in lot["days"]] == [1, 4]
    assert [day["image_count"] for day in lot["days"]] == [2, 2]
    means = [day["diameter_mean_um"]["value"] for day in lot["days"]]
    assert means == pytest.approx([120, 180], rel=0.05)
    slope = lot["estimates"]["diameter_slope_um_per_day"]
    assert slope["unit"] == "um/day"
    assert slope["ci_low"] < 20 < slope["ci_high"]
    assert slope["value"] == pytest.approx(20, abs=3)


def test_the_lot_is_its_last_day(culture: Path) -> None:
    (lot,) = results(culture)["lots"]
    assert lot["facts"]["day"] == 4
    assert lot["estimates"]["islet_count"]["value"] == lot["days"][1]["islet_count"]
    assert lot["estimates"]["diameter_mean_um"]["value"] == pytest.approx(180, rel=0.05)
    assert [s["day"] for s in lot["specimens"]] == [1, 1, 4, 4]


def test_round_clusters_are_not_called_fused(culture: Path) -> None:
    (lot,) = results(culture)["lots"]
    fused = lot["estimates"]["fraction_fused"]
    assert fused["value"] == 0
    assert 0 < fused["ci_high"] < 0.15
    with (culture / "objects.csv").open(encoding="utf-8", newline="") as file:
        assert {row["fused"] for row in csv.DictReader(file)} == {"false"}


def test_the_report_draws_the_growth(culture: Path) -> None:
    page = (culture / "report.html").read_text(encoding="utf-8")
    assert "Growth over the days" in page
    assert 'class="chart growth"' in page


@pytest.fixture(scope="module")
def stained(
    tmp_path_factory: pytest.TempPathFactory, isletqc: Cli
) -> tuple[Path, dict[str, float]]:
    """Run over two drawn fields and a control, and the true fractions."""
    folder = tmp_path_factory.mktemp("stained")
    rows, truth = ["image,lot,role"], []
    for name, shares, role in (
        ("one", (0.6, 0.3), "sample"),
        ("two", (0.6, 0.3), "sample"),
        ("blank", (0.0, 0.0), "control"),
    ):
        cytoplasm = DrawnMarker("cpeptide", shares[0], "cytoplasm")
        markers = (cytoplasm, DrawnMarker("nkx61", shares[1]))
        field = immunofluorescence_field(len(rows), markers, shape_yx=(512, 512), nuclei=200)
        write_picture(folder / f"{name}.tif", field.pixels, field.channels, field.um_per_px)
        rows.append(f"{name}.tif,H-7,{role}")
        if role == "sample":
            truth.append((field.fraction("cpeptide"), field.fraction("cpeptide", "nkx61")))
    (folder / "samples.csv").write_text("\n".join(rows) + "\n")
    sheet, out = folder / "samples.csv", folder / "out"
    result = isletqc("run", "-s", sheet, "-p", "sc-islet-if", "-o", out, "--workers", 1)
    assert result.exit_code in {0, 5}, result.output
    assert "nuclei" in result.output
    positive, both = np.mean(truth, axis=0)
    return out, {"positive_cpeptide": positive, "coexpression_cpeptide_nkx61": both}


def test_positive_fractions_are_those_that_were_drawn(
    stained: tuple[Path, dict[str, float]],
) -> None:
    out, truth = stained
    document = results(out)
    jsonschema.validate(document, schema())
    estimates = document["lots"][0]["estimates"]
    for name, true in truth.items():
        assert estimates[name]["value"] == pytest.approx(true, abs=0.02)
        assert estimates[name]["ci_low"] < true < estimates[name]["ci_high"]
    assert estimates["ieq_total"]["value"] is None


def test_nuclei_have_a_table_of_their_own(stained: tuple[Path, dict[str, float]]) -> None:
    out, _ = stained
    with (out / "nuclei.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    sampled = [row for row in rows if row["role"] == "sample"]
    assert len(sampled) == results(out)["lots"][0]["estimates"]["nuclei_count"]["value"]
    assert {row["positive_cpeptide"] for row in rows} == {"true", "false"}
    labels = tifffile.imread(out / rows[0]["folder"] / "labels.ome.tif")
    pixels = np.count_nonzero(labels == int(rows[0]["label"]))
    assert float(rows[0]["area_um2"]) == pytest.approx(pixels * 0.25, rel=1e-5)


def test_the_report_says_that_the_figures_are_supportive(
    stained: tuple[Path, dict[str, float]],
) -> None:
    out, _ = stained
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "flow cytometry is the method of record" in page
    assert "potency" not in page
    assert all(m["supportive"] for m in results(out)["lots"][0]["markers"])


def test_a_rerun_takes_up_nuclei_unchanged(
    stained: tuple[Path, dict[str, float]], isletqc: Cli
) -> None:
    out, _ = stained
    before = (out / "nuclei.csv").read_bytes()
    result = isletqc(
        "run", "-s", out.parent / "samples.csv", "-p", "sc-islet-if", "-o", out, "--workers", 1
    )
    assert result.exit_code in {0, 5}, result.output
    assert (out / "nuclei.csv").read_bytes() == before
    events = [json.loads(line)["event"] for line in (out / "log.jsonl").read_text().splitlines()]
    assert "resumed" in events
