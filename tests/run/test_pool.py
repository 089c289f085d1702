from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from isletqc import protocol
from isletqc.records import Failure, Picture, Sample
from isletqc.run.picture import Job, Method
from isletqc.run.pool import analysed


class Deadly:
    """Ends the process that receives it, as a lack of memory would."""

    def __reduce__(self) -> Any:
        return os._exit, (7,)


def test_a_picture_that_kills_its_process_is_one_error_row(
    tmp_path: Path, lot: Path, classical: Path
) -> None:
    method = Method(protocol.load(str(classical)), "cpu", "")
    fine, last = (str(lot / "images" / f"aliquot_{k}.tif") for k in (1, 2))
    deadly = Sample(image=last, lot="x", notes=Deadly())  # type: ignore[arg-type]
    samples = (deadly, Sample(image=fine, lot="x"))
    jobs = [Job(s, f"{k}", tmp_path / f"{k}") for k, s in enumerate(samples)]
    found = dict(analysed(jobs, method, workers=2))
    assert sorted(found) == [0, 1]
    assert isinstance(found[1].result, Picture)
    dead = found[0].result
    assert isinstance(dead, Failure)
    assert dead.error == "internal"
    assert "memory" in dead.message


ORPHANS = """
import multiprocessing, os, sys, time
from concurrent.futures import ProcessPoolExecutor
from isletqc.run.pool import _begin
if __name__ == "__main__":
    pool = ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn"), initializer=_begin, initargs=(1,)
    )
    print(pool.submit(os.getpid).result(), flush=True)
    sys.stdin.read()
"""


def test_workers_end_when_the_run_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS, encoding="utf-8")
    # The worker inherits the pipe: reading to its end waits for the worker's end.
    run = subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with run:
        assert run.stdout is not None
        worker = int(run.stdout.readline())
        run.kill()
        run.stdout.read()
    assert open_files(worker) == []


def open_files(process: int) -> list[str]:
    """What a process holds open; nothing when it is gone, be it between two looks."""
    try:
        return [file.name for file in Path(f"/proc/{process}/fd").iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return []
