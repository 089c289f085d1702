"""Many pictures on the workers of a Dask cluster: the same numbers as in one process.

Takes jobs and a scheduler (``local`` starts one here, else its address); gives each one's outcome
as it is ready. Before anything runs every worker is asked whether it has the same isletqc and
network, one thread, and sees output folder and pictures under the same paths. A picture whose
worker dies is begun again on another; one that kills several workers becomes an error row.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import torch

from isletqc import __version__
from isletqc.errors import OutputError, UsageError
from isletqc.load import location
from isletqc.records import Failure
from isletqc.run.picture import Job, Method, Outcome, analyse, crashed
from isletqc.segment import run as segmentation

if TYPE_CHECKING:
    from distributed import Client

LOCAL = "local"
_CONNECT_SECONDS, _WORKER_SECONDS = 20, 600
_GPU = "GPU"
# Tries after an error that is not the picture's, such as a drive that was away for a moment.
_RETRIES = 1
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class _Workplace:
    """What a worker finds where it runs."""

    version: str
    weights_sha256: str
    cuda: bool
    sees_out: bool
    missing: tuple[str, ...]


def analysed(
    jobs: Sequence[Job], method: Method, *, scheduler: str, workers: int
) -> Generator[tuple[int, Outcome], None, None]:
    """Analyse all jobs on a cluster.

    Parameters
    ----------
    scheduler : ``local`` or the address of a Dask scheduler, such as ``tcp://head:8786``
    workers : processes of a local cluster

    Yields
    ------
    place in ``jobs`` and outcome, in the order in which they are ready

    Raises
    ------
    UsageError
        No Dask, no scheduler, no worker, or a worker that cannot do this run.
    OutputError
        Results cannot be written; the pictures not yet begun are called back.
    """
    if not jobs:
        return
    with _connected(scheduler, workers) as client, _mark(jobs) as mark:
        client.wait_for_workers(1, timeout=_WORKER_SECONDS)
        _check(client, jobs, method, mark)
        yield from _outcomes(client, jobs, method, mark)


def device(asked: str, *, scheduler: str) -> str:
    """Give the device of the workers: ``cuda`` where each that does pictures has it.

    Parameters
    ----------
    asked : ``auto``, ``cpu`` or ``cuda``

    Raises
    ------
    UsageError
        ``cuda`` is asked for and some worker has none; no scheduler.
    """
    if scheduler == LOCAL or asked == "cpu":
        return segmentation.device_name(asked)
    with _connected(scheduler, 1) as client:
        client.wait_for_workers(1, timeout=_WORKER_SECONDS)
        found = client.run(torch.cuda.is_available, workers=_doing(client))
    if found and all(found.values()):
        return "cuda"
    if asked == "cuda":
        without = ", ".join(sorted(w for w, has in found.items() if not has)[:_MOST_NAMED])
        raise UsageError(f"--device cuda: these workers have no usable GPU: {without}")
    return "cpu"


@contextmanager
def _connected(scheduler: str, workers: int) -> Iterator[Client]:
    """Connect to a scheduler, or start one with workers that end with this process."""
    try:
        from distributed import Client
    except ImportError as e:
        raise UsageError(
            f'--scheduler needs {e.name}, not installed here: pip install "isletqc[distributed]"'
        ) from e
    if scheduler == LOCAL:
        with _local(workers) as cluster, Client(cluster) as client:  # type: ignore[no-untyped-call]
            client.run(_ignore_interrupts)
            yield client
        return
    try:
        client = Client(scheduler, timeout=_CONNECT_SECONDS)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as e:
        raise UsageError(f"no Dask scheduler answers at {scheduler}: {e}") from e
    with client:
        yield client


def _local(workers: int) -> Any:
    from distributed import LocalCluster

    return LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=workers,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.ERROR,
    )


def _ignore_interrupts() -> None:
    """Run on each local worker: Ctrl-C is for the process that asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _mark(jobs: Sequence[Job]) -> Iterator[Path]:
    """Lay a file into the output folder that only a worker that sees the same folder can see."""
    path = _out(jobs) / f".cluster-{secrets.token_hex(8)}"
    path.touch()
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _out(jobs: Sequence[Job]) -> Path:
    return jobs[0].folder.parent.absolute()


def _check(client: Client, jobs: Sequence[Job], method: Method, mark: Path) -> None:
    """Refuse a cluster of which any worker could not do the run."""
    folders = {_file(job).parent for job in jobs}
    ask = partial(_workplace, method=method, mark=mark, folders=tuple(sorted(folders)))
    facts = _workers(client)
    answers = client.run(ask, workers=_doing(client), on_error="return")
    found = dict(_workplaces(answers, facts))
    if not found:
        raise UsageError("no worker answered, nothing has run; start workers and try again")
    told = {w: _fault(one, facts[w]["nthreads"], method) for w, one in found.items()}
    faults = [f"{worker}: {fault}" for worker, fault in told.items() if fault]
    if faults:
        listed = "\n  ".join(faults[:_MOST_NAMED])
        raise UsageError(
            f"{len(faults)} of {len(found)} workers cannot do this, nothing has run:\n  {listed}"
        )


def _workplaces(
    answers: Mapping[str, Any], facts: Mapping[str, Any]
) -> Iterator[tuple[str, _Workplace]]:
    """Keep what living workers said; others do the work of one that has died since."""
    for worker, answer in answers.items():
        if isinstance(answer, ImportError | AttributeError):
            raise UsageError(
                f"isletqc {__version__} is not installed on the workers: {answer}"
            ) from answer
        if isinstance(answer, Exception) and not isinstance(answer, OSError):
            raise answer
        if isinstance(answer, _Workplace) and worker in facts:
            yield worker, answer


def _fault(one: _Workplace, threads: int, method: Method) -> str:
    if one.version != __version__:
        return f"expected isletqc {__version__}, found {one.version}; install the same everywhere"
    if one.weights_sha256 != method.weights_sha256:
        return "expected the same network weights as here, found others; install the same models"
    if not one.sees_out:
        return "does not see the output folder; choose one on a drive that all workers share"
    if one.missing:
        return f"does not see {', '.join(one.missing)}; put pictures on a drive that all share"
    if threads != 1:
        return f"expected 1 thread, found {threads}; start workers with --nthreads 1"
    return "no usable GPU" if method.device == "cuda" and not one.cuda else ""


def _workplace(*, method: Method, mark: Path, folders: Sequence[Path]) -> _Workplace:
    """Run on each worker: what it finds."""
    facts = segmentation.method_facts(method.loaded.protocol.segmentation)
    missing = [str(folder) for folder in folders if not folder.is_dir()]
    return _Workplace(
        version=__version__,
        weights_sha256=facts.sha256,
        cuda=torch.cuda.is_available(),
        sees_out=mark.is_file() and os.access(mark.parent, os.W_OK),
        missing=tuple(missing[:_MOST_NAMED]),
    )


def _doing(client: Client) -> list[str]:
    """Workers that get pictures: those that announce a GPU, or all where none does."""
    workers = _workers(client)
    return [w for w, facts in workers.items() if _has_gpu(facts)] or list(workers)


def _announced(client: Client) -> dict[str, float] | None:
    return {_GPU: 1} if any(_has_gpu(facts) for facts in _workers(client).values()) else None


def _workers(client: Client) -> Mapping[str, Any]:
    found: Mapping[str, Any] = client.scheduler_info(n_workers=-1)["workers"]
    return found


def _has_gpu(facts: Mapping[str, Any]) -> bool:
    return bool(facts.get("resources", {}).get(_GPU, 0) >= 1)


def _outcomes(
    client: Client, jobs: Sequence[Job], method: Method, mark: Path
) -> Iterator[tuple[int, Outcome]]:
    task = partial(_analyse, method=method, mark=mark, version=__version__)
    killed = []
    for place, outcome in _round(client, task, dict(enumerate(jobs))):
        if outcome is None:
            killed.append(place)
        else:
            yield place, outcome
    # The scheduler blames every picture that waited on the workers which died: each gets a round
    # to itself, so that the one which kills them is known and the others are analysed.
    for place in killed:
        for _, outcome in _round(client, task, {place: jobs[place]}):
            yield place, outcome or crashed(jobs[place])


def _round(
    client: Client, task: Callable[[Job], Outcome], jobs: Mapping[int, Job]
) -> Iterator[tuple[int, Outcome | None]]:
    """Outcomes as they are ready; None where workers died."""
    from distributed import KilledWorker, as_completed

    futures = client.map(
        task,
        [_absolute(job) for job in jobs.values()],
        pure=False,
        retries=_RETRIES,
        resources=_announced(client),
    )
    place_of = {future.key: place for future, place in zip(futures, jobs, strict=True)}
    ready = as_completed(futures)  # type: ignore[no-untyped-call]
    del futures  # each result is let go of once it is handed on
    try:
        for future in ready:
            place = place_of.pop(future.key)
            try:
                yield place, _as_here(future.result(), jobs[place])
            except KilledWorker:
                yield place, None
    finally:
        client.cancel(list(ready.futures), force=True)  # type: ignore[no-untyped-call]


def _analyse(job: Job, *, method: Method, mark: Path, version: str) -> Outcome:
    """Run on a worker: one picture. Workers that came later are asked here."""
    if version != __version__ or not mark.is_file():
        raise OutputError(
            f"a worker that joined later has isletqc {__version__} (expected {version}) or does "
            f"not see {mark.parent}; run the same command again: finished pictures are kept"
        )
    cv2.setNumThreads(1)
    return analyse(job, method)


def _file(job: Job) -> Path:
    return location.split(Path(job.sample.image))[0].absolute()


def _absolute(job: Job) -> Job:
    """Workers run in other folders than this process."""
    image = str(Path(job.sample.image).absolute())
    return replace(job, sample=replace(job.sample, image=image), folder=job.folder.absolute())


def _as_here(outcome: Outcome, job: Job) -> Outcome:
    """Give the outcome as this process would have: with the paths of the order."""
    result = replace(outcome.result, sample=job.sample)
    if isinstance(result, Failure):
        there = str(Path(job.sample.image).absolute())
        result = replace(result, message=result.message.replace(there, job.sample.image))
    return replace(outcome, result=result)
