"""Many pictures, in this process or in several: the same numbers either way.

Takes jobs; gives each one's outcome as it is ready, with its place in the order. Worker
processes are started fresh (spawn), share the cores between them, leave Ctrl-C to the parent and
end when the parent dies. A picture that kills its worker becomes an error row of its own.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import util
from types import FrameType

import cv2
import torch

from isletqc.run.picture import Job, Method, OnPart, Outcome, analyse, crashed


def analysed(
    jobs: Sequence[Job],
    method: Method,
    *,
    workers: int,
    on_part: OnPart = lambda name, text: None,
) -> Generator[tuple[int, Outcome], None, None]:
    """Analyse all jobs.

    Parameters
    ----------
    on_part : told what is being done to a large picture; by one worker only

    Yields
    ------
    place in ``jobs`` and outcome, in the order in which they are ready

    Raises
    ------
    OutputError
        Results cannot be written; running pictures are finished first, the others are not begun.
    """
    if workers == 1 or len(jobs) < 2:
        yield from ((place, analyse(job, method, on_part)) for place, job in enumerate(jobs))
        return
    done: set[int] = set()
    for place, outcome in _in_pool(dict(enumerate(jobs)), method, workers):
        done.add(place)
        yield place, outcome
    # Only after a worker died is anything left: each job then gets a process to itself, so that
    # the picture which kills it is known and the others are analysed.
    for place in [p for p in range(len(jobs)) if p not in done]:
        alone = list(_in_pool({place: jobs[place]}, method, 1))
        yield alone[0] if alone else (place, crashed(jobs[place]))


@contextmanager
def stoppable() -> Iterator[None]:
    """Make SIGTERM stop the run as Ctrl-C does: open files are finished or taken away."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(number)

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_pool(
    jobs: dict[int, Job], method: Method, workers: int
) -> Generator[tuple[int, Outcome], None, None]:
    """Outcomes until all are done or a worker dies."""
    workers = min(workers, len(jobs))
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(max(1, cores() // workers),),
    )
    try:
        with _deaf():
            waiting: dict[Future[Outcome], int] = {
                pool.submit(analyse, job, method): place for place, job in jobs.items()
            }
        for future in as_completed(waiting):
            try:
                outcome = future.result()
            except BrokenProcessPool:
                continue
            yield waiting[future], outcome
    except BrokenProcessPool:  # before everything was handed out
        return
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _deaf() -> Iterator[None]:
    """Leave Ctrl-C to this process: those that start here do not hear it, from the first moment."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _begin(threads: int) -> None:
    """Set up a worker: its share of the cores, deaf to Ctrl-C, gone when the parent is gone."""
    torch.set_num_threads(min(threads, torch.get_num_threads()))
    cv2.setNumThreads(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Last of all when a worker's work is done: taking PyTorch apart object by object takes seconds.
    util.Finalize(None, os._exit, args=(0,), exitpriority=-100)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
