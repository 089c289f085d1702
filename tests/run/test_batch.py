from __future__ import annotations

import csv
import errno
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from typer.testing import Result

from isletqc.measure import islets
from isletqc.records import Failure, Lot, LotVerdict, Sample, Verdict
from isletqc.report import picture as picture_files
from isletqc.run import batch, lock
from isletqc.run.batch import FailOn, exit_code

Cli = Callable[..., Result]
Held = Callable[..., subprocess.Popen[str]]
TABLES = ("objects.csv", "images.csv", "lots.csv")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def results(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return found


def events(out: Path) -> list[dict[str, Any]]:
    lines = (out / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def names_of(out: Path, event: str) -> list[str]:
    return [e["image"] for e in events(out) if e["event"] == event]


def same_tables(one: Path, other: Path) -> bool:
    return all((one / t).read_bytes() == (other / t).read_bytes() for t in TABLES)


def copied(lot: Path, folder: Path) -> Path:
    """Pictures of the drawn lot without their sheet."""
    shutil.copytree(lot / "images", folder)
    return folder


# What a run writes


def test_a_run_writes_every_file_of_the_contract(finished: Path) -> None:
    for name in (*batch.RUN_FILES, "log.jsonl"):
        assert (finished / name).stat().st_size > 0
    for picture in ("aliquot_1", "aliquot_2", "aliquot_3"):
        for name in ("labels.ome.tif", "classes.ome.tif", "overlay.jpg", "result.json"):
            assert (finished / "images" / picture / name).stat().st_size > 0


def test_areas_in_the_table_are_the_pixels_of_the_label_image(finished: Path) -> None:
    found = rows(finished / "objects.csv")
    assert found
    pictures = {i["image"]: i for i in results(finished)["lots"][0]["images"]}
    for name, picture in pictures.items():
        labels = tifffile.imread(finished / "images" / Path(name).stem / "labels.ome.tif")
        pixels = np.bincount(labels.ravel())
        mine = [row for row in found if row["image"] == name]
        assert len(mine) == labels.max()
        for row in mine:
            area = pixels[int(row["label"])] * picture["um_per_px"] ** 2
            assert float(row["area_um2"]) == pytest.approx(area, rel=1e-5)


def test_the_log_tells_device_pictures_and_end(finished: Path) -> None:
    told = events(finished)
    assert [e["event"] for e in told] == ["started", *["analysed"] * 3, "finished"]
    assert told[0]["device"] in {"cpu", "cuda"}
    assert all(e["time"].endswith("+00:00") for e in told)


def test_stages_are_timed(finished: Path) -> None:
    for image in results(finished)["lots"][0]["images"]:
        assert set(image["seconds"]) == {"load", "fitness", "segment", "measure", "write"}
        assert all(0 <= s < 60 for s in image["seconds"].values())


# Exit codes


def verdict(word: LotVerdict) -> Verdict:
    return Verdict(Lot("lot", ()), word, "", (), {}, {})


UNREADABLE = Failure(Sample("x.tif", "lot"), "unreadable", "")
INTERNAL = Failure(Sample("x.tif", "lot"), "internal", "")


@pytest.mark.parametrize(
    ("words", "failures", "fail_on", "code"),
    [
        (["pass"], [], "review", 0),
        (["not judged"], [], "review", 0),
        (["pass", "review"], [], "review", 5),
        (["review", "fail", "pass"], [], "review", 4),
        (["fail"], [UNREADABLE], "review", 3),
        (["fail"], [UNREADABLE, INTERNAL], "review", 1),
        (["review"], [], "fail", 0),
        (["fail", "review"], [], "fail", 4),
        (["fail", "review"], [], "never", 0),
        (["fail"], [UNREADABLE], "never", 3),
        (["pass"], [INTERNAL], "never", 1),
    ],
)
def test_the_worst_exit_code_wins(
    words: list[LotVerdict], failures: list[Failure], fail_on: FailOn, code: int
) -> None:
    assert exit_code([verdict(w) for w in words], failures, fail_on) == code


# Bad pictures


def test_bad_pictures_do_not_stop_the_others_and_the_lot_does_not_pass(
    tmp_path: Path, lot: Path, classical: Path, isletqc: Cli
) -> None:
    folder = copied(lot, tmp_path / "in")
    whole = (folder / "aliquot_1.tif").read_bytes()
    (folder / "cut.tif").write_bytes(whole[: len(whole) // 3])
    (folder / "empty.tif").touch()
    (folder / "text.png").write_text("no picture")
    (folder / "folder.tif").mkdir()
    result = isletqc("run", folder, "-p", classical, "-o", tmp_path / "out")
    assert result.exit_code == 3, result.output
    found = results(tmp_path / "out")
    assert {f["image"] for f in found["failures"]} == {
        "cut.tif",
        "empty.tif",
        "text.png",
        "folder.tif",
    }
    assert all(f["error"] == "unreadable" and f["message"] for f in found["failures"])
    assert found["lots"][0]["verdict"] != "pass"
    assert len(found["lots"][0]["images"]) == 3
    assert "empty.tif" in result.output


def test_an_internal_error_is_one_picture_s_row_with_its_traceback_in_the_log(
    tmp_path: Path, lot: Path, classical: Path, isletqc: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = islets.measure

    def fails_once(image: Any, *rest: Any) -> Any:
        if image.path.endswith("aliquot_2.tif"):
            raise ZeroDivisionError("on purpose")
        return real(image, *rest)

    monkeypatch.setattr(islets, "measure", fails_once)
    out = tmp_path / "out"
    result = isletqc("run", lot / "images", "-p", classical, "-o", out, "--workers", 1)
    assert result.exit_code == 1
    (failure,) = results(out)["failures"]
    assert (failure["image"], failure["error"]) == ("aliquot_2.tif", "internal")
    (event,) = [e for e in events(out) if e["event"] == "failed"]
    assert "ZeroDivisionError: on purpose" in event["traceback"]
    assert len(results(out)["lots"][0]["images"]) == 2


def test_a_picture_without_pixel_size_is_refused_and_measured_once_it_is_given(
    tmp_path: Path, lot: Path, classical: Path, isletqc: Cli
) -> None:
    pixels = tifffile.imread(lot / "images" / "aliquot_1.tif")
    tifffile.imwrite(tmp_path / "bare.tif", pixels, photometric="rgb")
    command = ("run", tmp_path / "bare.tif", "-p", classical, "-o", tmp_path / "out")
    assert isletqc(*command).exit_code == 3
    assert results(tmp_path / "out")["failures"][0]["error"] == "pixel-size-unknown"
    assert isletqc(*command, "--pixel-size", "2.4").exit_code in {0, 5}
    (image,) = results(tmp_path / "out")["lots"][0]["images"]
    assert (image["um_per_px"], image["um_per_px_source"]) == (2.4, "given")


def test_an_empty_field_has_no_islets_and_does_not_crash(
    tmp_path: Path, classical: Path, isletqc: Cli
) -> None:
    blank = np.full((256, 256, 3), (210, 161, 112), np.uint8)
    tifffile.imwrite(tmp_path / "blank.tif", blank, photometric="rgb")
    out = tmp_path / "out"
    command = ("run", tmp_path / "blank.tif", "-p", classical, "-o", out, "--pixel-size", "2.4")
    assert isletqc(*command).exit_code in {4, 5}
    (judged,) = results(out)["lots"]
    assert judged["estimates"]["islet_count"]["value"] == 0
    assert judged["verdict"] != "pass"


# Names


def test_two_pictures_of_one_stem_keep_folders_of_their_own(
    tmp_path: Path, lot: Path, classical: Path, isletqc: Cli
) -> None:
    for folder, source in (("a", "aliquot_1.tif"), ("b", "aliquot_2.tif")):
        (tmp_path / "in" / folder).mkdir(parents=True)
        shutil.copy(lot / "images" / source, tmp_path / "in" / folder / "x.tif")
    out = tmp_path / "out"
    assert isletqc("run", tmp_path / "in", "-p", classical, "-o", out).exit_code in {0, 5}
    found = results(out)
    assert [entry["lot"] for entry in found["lots"]] == ["a", "b"]
    folders = [image["folder"] for entry in found["lots"] for image in entry["images"]]
    assert len(set(folders)) == 2
    for folder, source in zip(folders, ("aliquot_1", "aliquot_2"), strict=True):
        labels = tifffile.imread(out / folder / "labels.ome.tif")
        assert labels.shape == tifffile.imread(lot / "images" / f"{source}.tif").shape[:2]


HOSTILE = (
    "<script>alert(1)<.tif",
    "日本 µ é.tif",
    "=cmd|'calc'!A1.tif",
    "..tif.tif",
    "a" * 240 + ".tif",
    "[red]x[bold] \x1b[31m.tif",
    "CON.tif",
    "%s{0}$HOME`id`.tif",
    b"caf\xe9.tif".decode("utf-8", errors="surrogateescape"),
)


def test_hostile_file_names_are_shown_as_text_and_stay_inside(
    tmp_path: Path, lot: Path, classical: Path, isletqc: Cli
) -> None:
    (tmp_path / "in").mkdir()
    picture = tifffile.imread(lot / "images" / "aliquot_1.tif")[128:256, 192:320]
    for k, name in enumerate(HOSTILE):
        # Files of one content would be flagged as repeated.
        tifffile.imwrite(tmp_path / "in" / name, np.roll(picture, k, axis=0), photometric="rgb")
    out = tmp_path / "out"
    command = ("run", tmp_path / "in", "-p", classical, "-o", out, "--pixel-size", "2.4")
    result = isletqc(*command, "--workers", 1)
    assert result.exit_code in {0, 4, 5}, result.output
    assert "\x1b" not in result.output
    folders = list((out / "images").iterdir())
    assert len(folders) == len(HOSTILE)
    assert all((folder / "labels.ome.tif").is_file() for folder in folders)
    assert {p.name for p in tmp_path.iterdir()} == {"in", "out"}
    assert "<script>alert(1)<" not in (out / "report.html").read_text(encoding="utf-8")
    for table in TABLES:
        assert not any(str(cell).startswith("=") for r in rows(out / table) for cell in r.values())


def test_html_in_a_lot_name_is_shown_as_text(
    tmp_path: Path, lot: Path, classical: Path, isletqc: Cli
) -> None:
    hostile = "<script>alert('lot')</script>"
    sheet = lot / "hostile.csv"
    sheet.write_text(f"image,lot\nimages/aliquot_1.tif,{hostile}\n", encoding="utf-8")
    out = tmp_path / "out"
    assert isletqc("run", "-s", sheet, "-p", classical, "-o", out).exit_code in {0, 5}
    sheet.unlink()
    page = (out / "report.html").read_text(encoding="utf-8")
    assert hostile not in page
    assert "&lt;script&gt;alert(" in page
    assert results(out)["lots"][0]["lot"] == hostile


# Again, stopped, killed, beside each other


def test_a_rerun_takes_up_finished_pictures_and_fresh_does_not(
    tmp_path: Path, lot: Path, classical: Path, isletqc: Cli, finished: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    command = ("run", "-s", lot / "samples.csv", "-p", classical, "-o", out, "--workers", 1)
    isletqc(*command)
    assert len(names_of(out, "resumed")) == 3
    assert same_tables(out, finished)
    isletqc(*command, "--fresh")
    assert len(names_of(out, "resumed")) == 3
    assert len(names_of(out, "analysed")) == 6
    assert same_tables(out, finished)


def test_a_changed_picture_or_protocol_is_analysed_again(
    tmp_path: Path, lot: Path, classical: Path, isletqc: Cli
) -> None:
    folder, out = copied(lot, tmp_path / "in"), tmp_path / "out"
    isletqc("run", folder, "-p", classical, "-o", out, "--workers", 1)
    shutil.copy(folder / "aliquot_2.tif", folder / "aliquot_1.tif")
    isletqc("run", folder, "-p", classical, "-o", out, "--workers", 1)
    assert names_of(out, "resumed") == ["aliquot_2.tif", "aliquot_3.tif"]
    other = tmp_path / "other.yaml"
    other.write_text(classical.read_text() + "sizing: {min_diameter_um: 60}\n")
    isletqc("run", folder, "-p", other, "-o", out, "--workers", 1)
    assert len(names_of(out, "resumed")) == 2


def test_sheet_facts_may_change_without_analysing_again(
    tmp_path: Path, lot: Path, classical: Path, isletqc: Cli, finished: Path
) -> None:
    out, sheet = tmp_path / "out", lot / "heavier.csv"
    shutil.copytree(finished, out)
    sheet.write_text((lot / "samples.csv").read_text().replace(",demo,", ",renamed,"))
    isletqc("run", "-s", sheet, "-p", classical, "-o", out, "--workers", 1)
    sheet.unlink()
    assert len(names_of(out, "resumed")) == 3
    assert results(out)["lots"][0]["lot"] == "renamed"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 143)]
)
def test_a_stopped_run_goes_on_and_gives_what_an_undisturbed_one_gives(
    tmp_path: Path,
    lot: Path,
    classical: Path,
    isletqc: Cli,
    finished: Path,
    held: Held,
    number: signal.Signals,
    code: int,
) -> None:
    out = tmp_path / "out"
    command = ("run", "-s", lot / "samples.csv", "-p", classical, "-o", out, "--workers", 1)
    with held(*command) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("[1/3]"):
                process.send_signal(number)
                break
        process.stdout.read()
        assert process.wait() == code
    assert not (out / "results.json").exists()
    assert isletqc(*command).exit_code in {0, 5}
    assert "aliquot_1.tif" in names_of(out, "resumed")
    assert same_tables(out, finished)
    assert not list(out.rglob("*.tmp"))


def test_a_run_in_a_folder_that_is_in_use_is_refused(
    tmp_path: Path, lot: Path, classical: Path, isletqc: Cli, held: Held
) -> None:
    with held("run", "-s", lot / "samples.csv", "-p", classical, "-o", tmp_path) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("[1/3]"):
                break
        result = isletqc("run", "-s", lot / "samples.csv", "-p", classical, "-o", tmp_path)
        process.kill()
    assert result.exit_code == 2
    assert f"process {process.pid}" in result.output


def test_one_worker_and_two_give_the_same_tables(
    tmp_path: Path, lot: Path, classical: Path, isletqc: Cli, finished: Path
) -> None:
    out = tmp_path / "out"
    isletqc("run", "-s", lot / "samples.csv", "-p", classical, "-o", out, "--workers", 2)
    assert same_tables(out, finished)


# Where results go


def test_an_output_path_that_is_a_file_or_cannot_be_made_is_refused(
    tmp_path: Path, lot: Path, classical: Path, isletqc: Cli
) -> None:
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/isletqc")):
        result = isletqc("run", lot / "images", "-p", classical, "-o", out)
        assert result.exit_code == 2, result.output
        assert str(out) in result.output
    assert (tmp_path / "file").read_text() == "mine"


def test_a_full_disk_stops_the_run_and_keeps_what_is_finished(
    tmp_path: Path, lot: Path, classical: Path, isletqc: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = picture_files.write_picture

    def full(folder: Path, **records: Any) -> None:
        if folder.name == "aliquot_2":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(folder, **records)

    command = ("run", lot / "images", "-p", classical, "-o", tmp_path, "--workers", 1)
    with monkeypatch.context() as patch:
        patch.setattr(picture_files, "write_picture", full)
        result = isletqc(*command)
    assert result.exit_code == 1
    assert "No space left" in result.output
    assert "run the same command again" in result.output
    assert not (tmp_path / "results.json").exists()
    assert isletqc(*command).exit_code in {0, 5}
    assert names_of(tmp_path, "resumed") == ["aliquot_1.tif"]


def test_results_of_an_earlier_run_never_stand_beside_half_of_a_new_one(
    tmp_path: Path,
    lot: Path,
    classical: Path,
    finished: Path,
    monkeypatch: pytest.MonkeyPatch,
    isletqc: Cli,
) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished, out)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(batch, "gather", stop)
    monkeypatch.setattr(batch, "_check", lambda order: None)
    result = isletqc("run", "-s", lot / "samples.csv", "-p", classical, "-o", out)
    assert result.exit_code == 130
    assert "run the same command again" in result.output
    assert not any((out / name).exists() for name in batch.RUN_FILES)
    with lock.hold(out):
        pass
