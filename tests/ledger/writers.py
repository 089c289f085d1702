"""Several processes that write to one ledger at once, or that are killed while they write.

Run by a test in a process of its own, as ``writers.py crowd|killed ADDRESS FOLDERS ARGUMENT``.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from isletqc.ledger import entry, store


def crowd(address: str, folders: list[Path], processes: int) -> int:
    """Every process enters its share of the folders; gives how many processes failed."""
    children = []
    for mine in range(processes):
        child = os.fork()
        if child == 0:
            with _leaving():
                _enter(address, folders[mine::processes])
        children.append(child)
    return sum(os.waitpid(child, 0)[1] != 0 for child in children)


def killed(address: str, folders: list[Path], times: int) -> int:
    """Kill a writer with SIGKILL as often as asked, each time at another point of its work.

    Gives how many were killed in the midst of it.
    """
    found = 0
    for turn in range(times):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _write_until_killed(address, folders, writing)
        os.close(writing)
        _wait_some(reading, turn)
        os.kill(child, signal.SIGKILL)
        os.close(reading)
        found += os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    return found


def _enter(address: str, folders: list[Path]) -> None:
    with store.opened(address, create=True) as ledger:
        for folder in folders:
            found = entry.read(folder)
            store.enter(ledger, partial(entry.enter, folder=found))


@contextmanager
def _leaving() -> Iterator[None]:
    """End a forked process here, without its parent's clearing up."""
    try:
        yield
    except BaseException:
        traceback.print_exc()
        raise
    else:
        os._exit(0)
    finally:
        os._exit(1)


def _write_until_killed(address: str, folders: list[Path], told: int) -> None:
    # Calls of Python functions are as good a clock as any to stop at another point each time.
    sys.setprofile(lambda *_: os.write(told, b"."))
    while True:
        _enter(address, folders)


def _wait_some(told: int, turn: int) -> None:
    wanted = 10_000 + 4_111 * turn
    while wanted > 0 and (heard := len(os.read(told, min(wanted, 4096)))):
        wanted -= heard


if __name__ == "__main__":
    kind, given, root, number = sys.argv[1:]
    listed = sorted(path.parent for path in Path(root).glob("*/results.json"))
    work = {"crowd": crowd, "killed": killed}[kind]
    sys.stdout.write(str(work(given, listed, int(number))))
