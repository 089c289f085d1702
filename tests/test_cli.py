from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import tifffile
import torch
from typer.testing import Result

import isletqc as package
from isletqc import assets

Cli = Callable[..., Result]
HEAVY = ("torch", "cv2", "skimage", "scipy", "pandas", "matplotlib", "numpy", "tifffile", "napari")


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = f"""
import sys
from isletqc.cli import app
try:
    app({arguments!r})
except SystemExit as end:
    assert end.code == 0, end.code
found = sorted(set({HEAVY!r}) & set(sys.modules))
sys.exit(", ".join(found) or 0)
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_version_is_the_packages(isletqc: Cli) -> None:
    assert isletqc("--version").output == f"isletqc {package.__version__}\n"


def test_help_lists_the_commands_as_a_user_meets_them(isletqc: Cli) -> None:
    listed = re.findall(r"^  ([a-z]+) {2,}\S", isletqc("--help").output, re.MULTILINE)
    analysing = ["run", "demo", "inspect", "protocols", "report", "chart", "rejudge", "plan"]
    signing = ["lots", "keys", "sign", "verify"]
    method = ["validate", "evaluate", "phantom", "train", "export", "doctor", "sbom"]
    assert listed == [*analysing, *signing, *method]


@pytest.mark.parametrize("command", [(), ("run",)])
def test_help_shows_the_exit_codes(isletqc: Cli, command: tuple[str, ...]) -> None:
    output = isletqc(*command, "--help").output
    for code in range(6):
        assert f"\n    {code}  " in output


@pytest.mark.parametrize("number", ["-1", "0", "nan", "inf", "much"])
def test_a_pixel_size_that_is_none_is_refused(isletqc: Cli, lot: Path, number: str) -> None:
    result = isletqc("run", lot / "images", "--pixel-size", number, "-o", "nowhere")
    assert result.exit_code == 2
    assert "--pixel-size" in result.output
    assert not Path("nowhere").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ("run",),
        ("run", "no such file.tif"),
        ("run", ".", "--workers", "0"),
        ("run", ".", "--device", "tpu"),
        ("run", ".", "--fail-on", "always"),
        ("run", ".", "-p", "no-such-protocol"),
        ("run", "-s", "no such sheet.csv"),
        ("protocols", "show", "no-such-protocol"),
        ("protocols", "check", "no such file.yaml"),
        ("phantom", "nowhere", "--shape", "10"),
        ("phantom", "nowhere", "--count", "0"),
        ("phantom", "nowhere", "--um-per-px", "0"),
        ("evaluate", "nowhere", "nowhere"),
        ("unknown",),
    ],
)
def test_wrong_commands_end_with_2_and_make_nothing(
    isletqc: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: tuple[str, ...]
) -> None:
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)
        result = isletqc(*wrong)
    assert result.exit_code == 2, result.output
    assert len(result.output) > 20
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_not_replaced_in_silence(
    isletqc: Cli, lot: Path, classical: Path, tmp_path: Path
) -> None:
    command = ("run", lot / "images", "-p", classical, "-o", tmp_path / "out", "--device", "cuda")
    result = isletqc(*command)
    assert result.exit_code == 2
    assert "cuda" in result.output


SHEET_FAULTS = {
    "missing file": ("image,lot\nnowhere.tif,x\n", ":2:"),
    "file named twice": ("image,lot\nimages/aliquot_1.tif,x\nimages/aliquot_1.tif,x\n", ":3:"),
    "unknown column": ("image,lot,colour\nimages/aliquot_1.tif,x,red\n", "colour"),
    "negative volume": ("image,lot,aliquot_ul\nimages/aliquot_1.tif,x,-100\n", ":2:"),
    "two stains in a lot": (
        "image,lot,stain\nimages/aliquot_1.tif,x,dithizone\nimages/aliquot_2.tif,x,brightfield\n",
        ":3:",
    ),
    "no lot": ("image,lot\nimages/aliquot_1.tif,\n", ":2:"),
}


@pytest.mark.parametrize("fault", SHEET_FAULTS)
def test_a_wrong_sheet_is_refused_with_its_line_before_anything_runs(
    isletqc: Cli, lot: Path, tmp_path: Path, classical: Path, fault: str
) -> None:
    text, place = SHEET_FAULTS[fault]
    sheet = lot / "wrong.csv"
    sheet.write_text(text, encoding="utf-8")
    out = tmp_path / "out"
    result = isletqc("run", "-s", sheet, "-p", classical, "-o", out)
    sheet.unlink()
    assert result.exit_code == 2, result.output
    assert "wrong.csv" in result.output
    assert place in result.output
    assert not out.exists()


def test_a_pipe_gets_one_line_a_picture_and_the_limits_before_the_report(
    isletqc: Cli, lot: Path, classical: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = isletqc("run", lot / "images", "-p", classical, "-o", out, "--workers", 1)
    lines = result.output.splitlines()
    assert [line[:5] for line in lines if line.startswith("[")] == ["[1/3]", "[2/3]", "[3/3]"]
    assert "auto chose" in result.output
    limit = next(k for k, line in enumerate(lines) if line.strip().startswith("identity"))
    assert lines[limit - 1].startswith("lot images: ")
    assert limit < lines.index(f"report: {out / 'report.html'}")


def test_protocols_are_listed_shown_checked_and_started(isletqc: Cli, tmp_path: Path) -> None:
    listed = isletqc("protocols", "list").output
    assert all(path.stem in listed for path in assets.configs())
    shown = isletqc("protocols", "show", "dtz-cit").output
    assert shown.rstrip() == assets.config("dtz-cit").read_text(encoding="utf-8").rstrip()
    path = tmp_path / "ours.yaml"
    assert isletqc("protocols", "new", "ours", "-o", path).exit_code == 0
    assert isletqc("protocols", "check", path).exit_code == 0
    path.write_text(path.read_text().replace("status: draft", "status: maybe"))
    wrong = isletqc("protocols", "check", path)
    assert wrong.exit_code == 2
    assert "ours.yaml:3: status:" in wrong.output


@pytest.mark.parametrize("network", ["../other", "/other", "a/b", "."])
def test_a_network_that_would_leave_the_models_folder_is_refused(
    isletqc: Cli, tmp_path: Path, network: str
) -> None:
    path = tmp_path / "ours.yaml"
    text = assets.config("dtz-us-generic").read_text(encoding="utf-8")
    path.write_text(text.replace("network: dithizone", f"network: {network}"), encoding="utf-8")
    result = isletqc("protocols", "check", path)
    assert result.exit_code == 2
    assert "ours.yaml:8: segmentation.network:" in result.output


def test_every_shipped_protocol_follows_the_printed_schema(isletqc: Cli) -> None:
    from ruamel.yaml import YAML

    schema = json.loads(isletqc("protocols", "schema").output)
    for path in assets.configs():
        jsonschema.validate(YAML(typ="safe", pure=True).load(path), schema)


def test_phantoms_have_pixel_size_labels_classes_and_truth(isletqc: Cli, tmp_path: Path) -> None:
    command = ("--count", 2, "--seed", 4, "--um-per-px", 3, "--shape", "256x320")
    assert isletqc("phantom", tmp_path, *command).exit_code == 0
    names = ["dithizone_0004.tif", "dithizone_0005.tif"]
    with (tmp_path / "truth.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for name in names:
        with tifffile.TiffFile(tmp_path / "images" / name) as file_:
            assert file_.is_ome
            assert 'PhysicalSizeX="3.0"' in (file_.ome_metadata or "")
        assert tifffile.imread(tmp_path / "images" / name).shape == (256, 320, 3)
        labels = tifffile.imread(tmp_path / "labels" / name)
        assert labels.shape == (256, 320)
        assert labels.max() == sum(row["image"] == name for row in rows)
        assert tifffile.imread(tmp_path / "classes" / name).max() <= 2


def test_the_same_seed_draws_the_same_files(isletqc: Cli, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        isletqc("phantom", tmp_path / folder, "--count", 1, "--shape", "128x128")
    one, other = (sorted((tmp_path / f).rglob("*.*")) for f in ("a", "b"))
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in other]


def test_inspect_says_what_would_be_read_and_what_is_wrong(
    isletqc: Cli, lot: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.tif").touch()
    good = isletqc("inspect", lot / "images" / "aliquot_1.tif")
    assert good.exit_code == 0, good.output
    for word in ("512", "704", "uint8", "2.4 um", "OME", "fitness"):
        assert word in good.output
    bad = isletqc("inspect", lot / "images" / "aliquot_1.tif", tmp_path / "empty.tif")
    assert bad.exit_code == 3
    assert "PROBLEM" in bad.output


def test_evaluate_of_the_truth_itself_is_perfect_where_nothing_is_found_it_is_nil(
    isletqc: Cli, lot: Path, classical: Path, tmp_path: Path, finished: Path
) -> None:
    # The labels that the run wrote are what the same method finds again.
    labels = tmp_path / "labels"
    labels.mkdir()
    for folder in (finished / "images").iterdir():
        (labels / f"{folder.name}.ome.tif").write_bytes((folder / "labels.ome.tif").read_bytes())
    out = tmp_path / "figures.csv"
    result = isletqc("evaluate", lot / "images", labels, "-p", classical, "-o", out)
    assert result.exit_code == 0, result.output
    with out.open(newline="") as file:
        pooled = list(csv.DictReader(file))[-1]
    assert (pooled["image"], pooled["method"]) == ("all 3", "classical")
    assert float(pooled["f1_at_0.75"]) == 1
    assert float(pooled["mean_iou"]) == 1
    assert float(pooled["volume_error"]) == 0
