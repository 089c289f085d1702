"""Measure how a run scales with Dask workers; see scripts/cluster_scaling."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from datetime import datetime
from functools import partial
from pathlib import Path
from time import perf_counter, process_time

from distributed import Client, LocalCluster, as_completed

WAYS = (
    ("--workers", "1"),
    ("--workers", "2"),
    *(("--workers", str(n), "--scheduler", "local") for n in (1, 2, 4)),
)
TASKS, RESULT_BYTES = 2000, 40_000
PROGRAM = "from isletqc.cli import main; main()"


def main() -> None:
    """Draw pictures, run every way, hold the tables against each other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=16)
    parser.add_argument("--shape", default="768x1024")
    parser.add_argument("--protocol", default="dtz-us-generic")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "drawn"
        count = str(options.pictures)
        _call("phantom", str(drawn), "--count", count, "--shape", options.shape)
        tables = set()
        print(f"{'way':<34}{'wall s':>8}{'cpu s':>8}{'cpu s/picture':>15}{'pictures/s':>12}")  # noqa: T201
        for number, way in enumerate(WAYS):
            out = Path(folder) / str(number)
            wall, cpu = _call(
                "run", str(drawn / "images"), "-p", options.protocol, "-o", str(out), *way
            )
            tables.add((out / "objects.csv").read_bytes())
            each, rate = cpu / options.pictures, _rate(out / "log.jsonl")
            print(f"{' '.join(way):<34}{wall:>8.1f}{cpu:>8.1f}{each:>15.2f}{rate:>12.2f}")  # noqa: T201
        same = "one and the same" if len(tables) == 1 else f"{len(tables)} DIFFERENT ONES"
        print(f"objects.csv of all ways: {same}")  # noqa: T201
    wall_ms, cpu_ms = _overhead()
    print(  # noqa: T201
        f"Dask for a task that does nothing and gives {RESULT_BYTES} bytes: {cpu_ms:.2f} ms of "
        f"processor time of scheduler and client, {wall_ms:.2f} ms by the clock ({TASKS} tasks)"
    )


def _call(*arguments: str) -> tuple[float, float]:
    """Run the program; seconds by the clock and of the processor, its children's too."""
    one_thread = {"OMP_NUM_THREADS": "1"} if arguments[-2:] == WAYS[0] else {}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | one_thread,
        check=False,
    )
    if done.returncode not in (0, 4, 5):
        sys.exit(done.stdout + done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return perf_counter() - began, used


def _rate(log: Path) -> float:
    """Pictures a second between the first and the last, start and end of the run left out."""
    lines = map(json.loads, log.read_text(encoding="utf-8").splitlines())
    times = [datetime.fromisoformat(x["time"]) for x in lines if x["event"] == "analysed"]
    return (len(times) - 1) / (times[-1] - times[0]).total_seconds()


def _overhead() -> tuple[float, float]:
    """Milliseconds a task by the clock, and of this process: scheduler and client live in it."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as made,  # type: ignore[no-untyped-call]
        Client(made) as client,  # type: ignore[no-untyped-call]
    ):
        began, used = perf_counter(), process_time()
        futures = client.map(partial(_nothing, size=RESULT_BYTES), range(TASKS), pure=False)
        for future in as_completed(futures):  # type: ignore[no-untyped-call]
            future.result()
        wall, cpu = perf_counter() - began, process_time() - used
    return 1e3 * wall / TASKS, 1e3 * cpu / TASKS


def _nothing(number: int, size: int) -> bytes:
    return bytes(size)


if __name__ == "__main__":
    main()
