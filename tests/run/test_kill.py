"""A run that is killed, stopped or starved goes on and gives what an undisturbed run gives."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
import tifffile
from typer.testing import Result

from isletqc import protocol
from isletqc.records import Sample
from isletqc.run import batch

Cli = Callable[..., Result]
Held = Callable[..., subprocess.Popen[str]]
TABLES = ("objects.csv", "images.csv", "lots.csv")
PICTURES, KILLS = 6, 20
# What says when and how a run was made, not what it found.
CHANGING = ("seconds", "started", "finished", "command", "created", "time")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, lot: Path) -> Path:
    """Folder of small pictures cut from the drawn lot, no two alike."""
    folder = tmp_path_factory.mktemp("cut") / "lot"
    folder.mkdir()
    for k in range(PICTURES):
        whole = tifffile.imread(lot / "images" / f"aliquot_{1 + k % 3}.tif")
        cut = np.ascontiguousarray(whole[40 * k : 40 * k + 160, 50 * k : 50 * k + 200])
        pixels_per_cm = (1e4 / 2.3, 1e4 / 2.3)
        tifffile.imwrite(
            folder / f"p{k}.tif", cut, photometric="rgb",
            resolution=pixels_per_cm, resolutionunit="CENTIMETER",
        )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def processes() -> Iterator[ForkServerContext]:
    """Processes that start with everything imported, so that a kill hits the run."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["isletqc.run.batch", "isletqc.report.page"])
    yield context
    context.set_forkserver_preload(["__main__"])


def carry_out(folder: Path, protocol_file: Path, out: Path) -> None:
    """Run in a process of its own."""
    samples = tuple(Sample(str(path), "lot") for path in sorted(folder.glob("*.tif")))
    batch.run(batch.Order(samples, protocol.load(str(protocol_file)), out, workers=1))


def undisturbed(
    processes: ForkServerContext, pictures: Path, protocol_file: Path, out: Path
) -> float:
    """Run to the end and give the seconds it took."""
    began = perf_counter()
    run = processes.Process(target=carry_out, args=(pictures, protocol_file, out))
    run.start()
    run.join()
    assert run.exitcode == 0
    return perf_counter() - began


def without_times(found: Any) -> Any:
    if isinstance(found, dict):
        return {k: without_times(v) for k, v in found.items() if k not in CHANGING}
    return [without_times(v) for v in found] if isinstance(found, list) else found


def said(out: Path) -> Any:
    return without_times(json.loads((out / "results.json").read_text(encoding="utf-8")))


def files_of(out: Path) -> set[str]:
    return {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}


def assert_same(out: Path, expected: Path) -> None:
    for table in TABLES:
        assert (out / table).read_bytes() == (expected / table).read_bytes(), table
    assert said(out) == said(expected)
    assert files_of(out) == files_of(expected)
    for labels in sorted(expected.glob("images/*/labels.ome.tif")):
        mine = tifffile.imread(out / labels.relative_to(expected))
        np.testing.assert_array_equal(mine, tifffile.imread(labels))


def killed_and_run_again(
    processes: ForkServerContext, pictures: Path, protocol_file: Path, folder: Path, kills: int
) -> None:
    """Kill runs at drawn moments, finish each, and hold it against an undisturbed one."""
    expected = folder / "expected"
    undisturbed(processes, pictures, protocol_file, expected)
    # The first run of the fork server pays for its imports: a later one tells how long runs take.
    shutil.rmtree(expected)
    seconds = undisturbed(processes, pictures, protocol_file, expected)
    died = 0
    moments = np.random.default_rng(6)
    for attempt in range(5 * kills):
        moment = moments.uniform(0.02, 0.98)
        out = folder / f"out_{attempt}"
        run = processes.Process(target=carry_out, args=(pictures, protocol_file, out))
        run.start()
        run.join(moment * seconds)
        run.kill()
        run.join()
        if run.exitcode == -signal.SIGKILL:
            died += 1
        else:  # it was done before: the machine is faster than it was
            seconds *= 0.9
        undisturbed(processes, pictures, protocol_file, out)
        assert_same(out, expected)
        shutil.rmtree(out)
        if died == kills:
            return
    pytest.fail(f"only {died} of {kills} runs were killed: the test shows nothing")


def test_runs_killed_at_any_moment_end_as_if_they_had_not_been(
    tmp_path: Path, processes: ForkServerContext, pictures: Path, classical: Path
) -> None:
    killed_and_run_again(processes, pictures, classical, tmp_path, KILLS)


def test_runs_of_the_network_killed_half_way_end_as_if_they_had_not_been(
    tmp_path: Path, processes: ForkServerContext, pictures: Path
) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for name in ("p0.tif", "p1.tif", "p2.tif"):
        shutil.copy(pictures / name, few)
    killed_and_run_again(processes, few, Path("dtz-us-generic"), tmp_path, 2)


@pytest.mark.parametrize("how", [("--workers", "2"), ("--workers", "1")])
def test_ctrl_c_ends_a_run_cleanly_and_says_how_to_go_on(
    tmp_path: Path, pictures: Path, classical: Path, isletqc: Cli, held: Held, how: tuple[str, str]
) -> None:
    out = tmp_path / "out"
    told = []
    with held("run", pictures, "-p", classical, "-o", out, *how) as run:
        assert run.stdout is not None
        for line in run.stdout:
            told.append(line)
            if line.startswith("[1/"):
                os.killpg(run.pid, signal.SIGINT)
    assert run.returncode == 130, told
    assert "run the same command again" in told[-1]
    assert not any("Traceback" in line for line in told)
    result = isletqc("run", pictures, "-p", classical, "-o", out, "--workers", 1)
    assert result.exit_code in {0, 4, 5}
    assert "taken up" in result.output


# Drives that are full, closed or gone


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a small drive of its own; needs root."""
    folder = tmp_path / "drive"
    folder.mkdir()

    def mount(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            root_in_ci = os.environ.get("ISLETQC_CI") and os.geteuid() == 0
            (pytest.fail if root_in_ci else pytest.skip)(f"no drive: {done.stderr.strip()}")
        return folder

    yield mount
    subprocess.run(["umount", str(folder)], capture_output=True, check=False)


def test_a_full_drive_stops_the_run_and_room_lets_it_go_on(
    tmp_path: Path,
    pictures: Path,
    classical: Path,
    isletqc: Cli,
    mounted: Callable[[str], Path],
) -> None:
    # Room for some pictures, not for all.
    used = tmp_path / "measured"
    assert isletqc("run", pictures, "-p", classical, "-o", used, "--workers", 1).exit_code != 1
    sizes = [sum(f.stat().st_size for f in p.iterdir()) for p in (used / "images").iterdir()]
    drive = mounted(f"size={int(sum(sizes) * 0.75) // 1024 + 24}k")
    out = drive / "out"
    command = ("run", pictures, "-p", classical, "-o", out, "--workers", 1)
    result = isletqc(*command)
    assert result.exit_code == 1, result.output
    assert "No space left" in result.output
    assert "run the same command again" in result.output
    finished = len(list((out / "images").glob("*/result.json")))
    assert 0 < finished < PICTURES
    subprocess.run(["mount", "-o", "remount,size=64m", str(drive)], check=True)
    again = isletqc(*command)
    assert f"{finished} pictures were taken up" in again.output
    assert_same(out, used)


def test_an_output_folder_on_a_read_only_drive_is_refused_before_anything_runs(
    pictures: Path, classical: Path, isletqc: Cli, mounted: Callable[[str], Path]
) -> None:
    drive = mounted("size=1m,ro")
    result = isletqc("run", pictures, "-p", classical, "-o", drive / "out")
    assert result.exit_code == 2
    assert "Read-only file system; choose another folder with -o" in result.output
    assert "Errno" not in result.output


def test_a_picture_whose_drive_goes_away_in_mid_run_is_an_error_row(
    tmp_path: Path, pictures: Path, classical: Path
) -> None:
    folder = tmp_path / "in"
    shutil.copytree(pictures, folder)
    samples = tuple(Sample(str(path), "lot") for path in sorted(folder.glob("*.tif")))
    order = batch.Order(samples, protocol.load(str(classical)), tmp_path / "out", workers=1)

    def unmount(done: int, *_: object) -> None:
        if done == 2:
            shutil.rmtree(folder)

    finished = batch.run(order, on_progress=unmount)
    assert [f.error for f in finished.results.failures] == ["unreadable"] * (PICTURES - 2)
    assert all("no such file" in f.message for f in finished.results.failures)
    assert finished.results.exit_code == 3
    shutil.copytree(pictures, folder)
    assert batch.run(order).resumed == 2
