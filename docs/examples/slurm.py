"""Dask workers on a SLURM cluster for isletqc: prints the address to give to --scheduler.

Usage: python slurm.py WORKERS FOLDER [gpu]. FOLDER is on a drive that all nodes share; the address
is also written to FOLDER/scheduler. Ends with Ctrl-C, and its workers with it. Change partition,
memory and time to those of your site.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from dask_jobqueue import SLURMCluster


def cluster(workers: int, folder: Path, *, gpu: bool) -> SLURMCluster:
    """Ask for one job a worker: one core, or one GPU with four cores."""
    made = SLURMCluster(
        queue="gpu" if gpu else "normal",
        cores=1,  # threads of the worker: isletqc takes one picture at a time
        processes=1,
        job_cpu=4 if gpu else 1,
        memory="8GB",
        walltime="08:00:00",
        log_directory=str(folder / "logs"),
        job_extra_directives=["--gres=gpu:1"] if gpu else [],
        worker_extra_args=["--resources", "GPU=1"] if gpu else [],
        scheduler_options={"dashboard_address": ":0"},
    )
    made.scale(jobs=workers)
    return made


def main() -> None:
    """Start the workers and wait."""
    workers, folder = int(sys.argv[1]), Path(sys.argv[2])
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    with cluster(workers, folder, gpu="gpu" in sys.argv[3:]) as made:
        (folder / "scheduler").write_text(made.scheduler_address, encoding="utf-8")
        sys.stdout.write(f"{made.scheduler_address}\n")
        sys.stdout.flush()
        signal.pause()


if __name__ == "__main__":
    main()
