"""Pictures on the workers of a Dask cluster: same numbers, and workers may come and go."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import tifffile
import torch
from distributed import Client, LocalCluster, Scheduler, SpecCluster, Worker
from typer.testing import Result

from isletqc import protocol
from isletqc.errors import UsageError
from isletqc.records import Failure, Picture, Sample
from isletqc.run import cluster
from isletqc.run.picture import Job, Method, Outcome, analyse
from isletqc.segment import run as segmentation

Cli = Callable[..., Result]
TABLES = ("objects.csv", "images.csv", "lots.csv")
PICTURES = 8


class Deadly(float):
    """A pixel size that ends the process which looks at it, as a lack of memory would."""

    def __ge__(self, other: float) -> bool:
        os._exit(7)


# So that it is sent whole: workers cannot import a test.
Deadly.__module__ = "__main__"


@contextmanager
def processes() -> Iterator[Client]:
    """A scheduler and two worker processes; a task that kills one worker is tried once more."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0",
            silence_logs=50,
        ) as made,
        Client(made) as client,  # type: ignore[no-untyped-call]
    ):  # fmt: skip
        yield client


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Client]:
    """Workers that live as long as all tests."""
    with processes() as client:
        yield client


@pytest.fixture
def two_mortals() -> Iterator[Client]:
    """Workers of one test, which kills them."""
    with processes() as client:
        yield client


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, lot: Path) -> tuple[Path, ...]:
    """Small pictures cut from the drawn lot, no two alike."""
    folder = tmp_path_factory.mktemp("pictures")
    found = []
    for k in range(PICTURES):
        whole = tifffile.imread(lot / "images" / f"aliquot_{1 + k % 3}.tif")
        top, left = 40 * k, 50 * k
        found.append(folder / f"p{k}.tif")
        cut = np.ascontiguousarray(whole[top : top + 200, left : left + 240])
        tifffile.imwrite(found[-1], cut, photometric="rgb")
    return tuple(found)


@pytest.fixture(scope="module")
def method(classical: Path) -> Method:
    """Thresholds and watershed, which need no network."""
    loaded = protocol.load(str(classical))
    facts = segmentation.method_facts(loaded.protocol.segmentation)
    return Method(loaded, "cpu", facts.sha256, pixel_size_um=2.4)


@contextmanager
def in_process(**workers: dict[str, Any]) -> Iterator[Client]:
    """A scheduler and workers as threads of this process, each with options of its own."""
    options = {"dashboard_address": "127.0.0.1:0", "host": "127.0.0.1"}
    made = SpecCluster(  # type: ignore[no-untyped-call]
        workers={
            # No limit of memory: it would be that of all tests in this process together.
            name: {"cls": Worker, "options": {"nthreads": 1, "memory_limit": 0, **own}}
            for name, own in workers.items()
        },
        scheduler={"cls": Scheduler, "options": options},
    )
    with made, Client(made) as client:  # type: ignore[no-untyped-call]
        yield client


def jobs_of(pictures: tuple[Path, ...], out: Path) -> list[Job]:
    (out / "images").mkdir(parents=True, exist_ok=True)
    return [Job(Sample(str(p), "lot"), p.name, out / "images" / p.stem) for p in pictures]


def address(client: Client) -> str:
    return str(client.scheduler_info()["address"])


def bare(outcome: Outcome) -> Outcome:
    """An outcome without the seconds it took, and without whether its worker lived to tell."""
    assert isinstance(outcome.result, Picture)
    return replace(outcome, result=replace(outcome.result, seconds={}), resumed=False)


def serially(pictures: tuple[Path, ...], out: Path, method: Method) -> list[Outcome]:
    return [bare(analyse(job, method)) for job in jobs_of(pictures, out)]


def test_a_run_on_a_cluster_writes_the_tables_of_a_serial_run(
    tmp_path: Path, lot: Path, classical: Path, isletqc: Cli, finished: Path, two_workers: Client
) -> None:
    out = tmp_path / "out"
    command = ("run", "-s", lot / "samples.csv", "-p", classical, "-o", out)
    result = isletqc(*command, "--scheduler", address(two_workers))
    assert result.exit_code in {0, 5}, result.output
    for table in TABLES:
        assert (out / table).read_bytes() == (finished / table).read_bytes()
    assert "3 pictures were taken up" in isletqc(*command, "--workers", 1).output


def test_relative_paths_mean_the_same_on_the_workers(
    tmp_path: Path,
    pictures: tuple[Path, ...],
    method: Method,
    two_workers: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.chdir(pictures[0].parent)
        Path("cut.tif").write_bytes(pictures[0].read_bytes()[:500])
        jobs = jobs_of((Path("p0.tif"), Path("cut.tif")), tmp_path / "out")
        found = dict(cluster.analysed(jobs, method, scheduler=address(two_workers), workers=1))
        Path("cut.tif").unlink()
    assert found[0].result.sample.image == "p0.tif"
    assert isinstance(found[1].result, Failure)
    assert found[1].result.message.startswith("cut.tif: ")


def test_a_worker_killed_in_mid_run_costs_no_picture(
    tmp_path: Path, pictures: tuple[Path, ...], method: Method, two_mortals: Client
) -> None:
    jobs = jobs_of(pictures, tmp_path / "cluster")
    found: dict[int, Outcome] = {}
    for place, outcome in cluster.analysed(jobs, method, scheduler=address(two_mortals), workers=2):
        if not found:
            os.kill(next(iter(two_mortals.run(os.getpid).values())), signal.SIGKILL)
        found[place] = bare(outcome)
    expected = serially(pictures, tmp_path / "serial", method)
    assert [found[place] for place in range(len(jobs))] == expected


def test_a_picture_that_kills_its_workers_is_one_error_row(
    tmp_path: Path, pictures: tuple[Path, ...], method: Method, two_mortals: Client
) -> None:
    jobs = jobs_of(pictures[:3], tmp_path)
    deadly = replace(jobs[1], sample=replace(jobs[1].sample, pixel_size_um=Deadly(2.4)))
    found = dict(
        cluster.analysed(
            [jobs[0], deadly, jobs[2]], method, scheduler=address(two_mortals), workers=2
        )
    )
    assert sorted(found) == [0, 1, 2]
    dead = found[1].result
    assert isinstance(dead, Failure)
    assert dead.error == "internal"
    assert isinstance(found[0].result, Picture)
    assert isinstance(found[2].result, Picture)


def test_pictures_go_to_the_workers_that_announce_a_gpu(
    tmp_path: Path, pictures: tuple[Path, ...], method: Method
) -> None:
    with in_process(plain={}, gpu={"resources": {"GPU": 1}}) as client:
        found = dict(
            cluster.analysed(
                jobs_of(pictures[:3], tmp_path), method, scheduler=address(client), workers=2
            )
        )
        done = client.run(lambda dask_worker: (dask_worker.name, dask_worker.state.executed_count))
    assert len(found) == 3
    assert dict(done.values()) == {"plain": 0, "gpu": 3}


def refused(jobs: list[Job], method: Method, client: Client) -> str:
    with pytest.raises(UsageError) as e:
        list(cluster.analysed(jobs, method, scheduler=address(client), workers=2))
    return str(e.value)


def test_a_cluster_that_does_not_see_the_output_folder_is_refused(
    tmp_path: Path,
    pictures: tuple[Path, ...],
    method: Method,
    two_workers: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Path, "touch", lambda self: None)
    said = refused(jobs_of(pictures, tmp_path), method, two_workers)
    assert "workers cannot do this, nothing has run" in said
    assert "does not see the output folder" in said


def test_a_cluster_that_does_not_see_the_pictures_is_refused(
    tmp_path: Path, pictures: tuple[Path, ...], method: Method, two_workers: Client
) -> None:
    jobs = jobs_of((*pictures, tmp_path / "elsewhere" / "x.tif"), tmp_path)
    assert "elsewhere" in refused(jobs, method, two_workers)


def test_workers_of_another_version_are_refused(
    tmp_path: Path,
    pictures: tuple[Path, ...],
    method: Method,
    two_workers: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster, "__version__", "99")
    said = refused(jobs_of(pictures, tmp_path), method, two_workers)
    assert "expected isletqc 99, found" in said


def test_workers_with_other_weights_are_refused(
    tmp_path: Path, pictures: tuple[Path, ...], method: Method, two_workers: Client
) -> None:
    other = replace(method, weights_sha256="0" * 64)
    assert "same network weights" in refused(jobs_of(pictures, tmp_path), other, two_workers)


def test_workers_without_a_gpu_are_refused_for_cuda(
    tmp_path: Path, pictures: tuple[Path, ...], method: Method, two_workers: Client
) -> None:
    if any(two_workers.run(torch.cuda.is_available).values()):
        pytest.skip("this machine has a GPU")
    said = refused(jobs_of(pictures, tmp_path), replace(method, device="cuda"), two_workers)
    assert "no usable GPU" in said
    with pytest.raises(UsageError, match="--device cuda"):
        cluster.device("cuda", scheduler=address(two_workers))
    assert cluster.device("auto", scheduler=address(two_workers)) == "cpu"


def test_workers_of_several_threads_are_refused(
    tmp_path: Path, pictures: tuple[Path, ...], method: Method
) -> None:
    with in_process(wide={"nthreads": 2}) as client:
        assert "--nthreads 1" in refused(jobs_of(pictures, tmp_path), method, client)


def test_an_address_without_a_scheduler_is_refused(
    tmp_path: Path,
    pictures: tuple[Path, ...],
    method: Method,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 0.5)
    jobs = jobs_of(pictures, tmp_path)
    with pytest.raises(UsageError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        list(cluster.analysed(jobs, method, scheduler="tcp://127.0.0.1:1", workers=1))
    with pytest.raises(UsageError, match="no Dask scheduler answers at nonsense"):
        list(cluster.analysed(jobs, method, scheduler="nonsense://x", workers=1))


def test_a_missing_extra_is_told_with_the_way_to_get_it(
    tmp_path: Path,
    pictures: tuple[Path, ...],
    method: Method,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r'pip install "isletqc\[distributed\]"'):
        list(cluster.analysed(jobs_of(pictures, tmp_path), method, scheduler="local", workers=1))
