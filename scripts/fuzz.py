"""Read damaged pictures of every format under guard; see scripts/fuzz."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, NoReturn

import fuzz_corpus
import numpy as np

from isletqc.errors import PictureError
from isletqc.load import answer, child, location, picture, signature

SECONDS, PATIENCE, BYTES = 10, 600, 2 * 2**30
BATCH = 250
# A run reads microscopes' formats in a child process of its own. Here a fork under the same limits
# stands for it, which is faster; every so many files are read as a run reads them.
GUARDED_EVERY = 100
MEGAPIXELS = 400.0
# Their forks are ended after 10 s of processor time, however busy the machine is.
FORKED = (".czi", ".lif", ".nd2", ".ndpi", ".svs", ".vsi", ".zarr")


@dataclass(slots=True)
class Tally:
    """Counts of outcomes, and what should not have happened: number of the file -> what."""

    outcomes: Counter[str] = field(default_factory=Counter)
    findings: dict[int, str] = field(default_factory=dict)
    slowest_s: float = 0.0
    peak_gb: float = 0.0


def main() -> None:
    """Run all batches, print a table, keep what was found."""
    options = _options()
    if options.batch is not None:
        _batch(options.seed, *options.batch)
        return
    starts = range(options.first, options.first + options.files, BATCH)
    tally, began = Tally(), perf_counter()
    with ThreadPoolExecutor(options.workers) as pool:
        try:
            for one in pool.map(lambda start: _guarded(options, start), starts):
                _add(tally, one)
        except KeyboardInterrupt:  # told is what has been read until then
            pool.shutdown(wait=False, cancel_futures=True)
    _report(options, tally, perf_counter() - began)
    sys.exit(1 if tally.findings else 0)


def _add(tally: Tally, one: Tally) -> None:
    tally.outcomes += one.outcomes
    tally.findings |= one.findings
    tally.slowest_s = max(tally.slowest_s, one.slowest_s)
    tally.peak_gb = max(tally.peak_gb, one.peak_gb)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for the files that were findings")
    parser.add_argument("--json", type=Path, help="file for the counts")
    parser.add_argument("--batch", type=int, nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def _guarded(options: argparse.Namespace, start: int) -> Tally:
    """Read one batch in a process; go on behind a file that ends it."""
    tally, at = Tally(), start
    end = min(start + BATCH, options.first + options.files)
    while at < end:
        command = [sys.executable, __file__, "--seed", str(options.seed)]
        done = subprocess.run(
            [*command, "--batch", str(at), str(end)], capture_output=True, text=True, check=False
        )
        for line in done.stdout.splitlines():
            _count(tally, json.loads(line))
            at += 1
        if at < end:
            last = (done.stderr.strip().splitlines() or [""])[-1]
            hang = done.returncode == -signal.SIGALRM
            tally.findings[at] = "hang" if hang else f"crash {done.returncode}: {last}"
            at += 1
    return tally


def _count(tally: Tally, line: Mapping[str, Any]) -> None:
    tally.outcomes[f"{line['kind']} {line['outcome']}"] += 1
    tally.slowest_s = max(tally.slowest_s, line["seconds"])
    tally.peak_gb = max(tally.peak_gb, line["peak_gb"])
    if line["finding"]:
        tally.findings[line["number"]] = line["finding"]


def _batch(seed: int, start: int, end: int) -> None:
    """Read files; one line of JSON each. A signal ends the process when one takes too long."""
    samples = fuzz_corpus.samples()
    for reader in ("leica", "nikon", "ome_zarr", "slide"):  # once, not in every fork
        importlib.import_module(f"isletqc.load.{reader}")
    _limit_memory()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(start, end):
            path = write(Path(folder), samples, seed=seed, number=number)
            signal.alarm(PATIENCE if path.suffix in FORKED else SECONDS)
            began = perf_counter()
            outcome, finding = read(path, guarded=number % GUARDED_EVERY == 0)
            signal.alarm(0)
            peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            line = {
                "number": number,
                "kind": path.suffix[1:],
                "outcome": outcome,
                "finding": finding or ("memory over 2 GB" if peak_gb > 2 else ""),
                "seconds": perf_counter() - began,
                "peak_gb": peak_gb,
            }
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()


def _limit_memory() -> None:
    """Allow 2 GB above what the libraries take by themselves."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    size = pages * os.sysconf("SC_PAGE_SIZE") + BYTES
    resource.setrlimit(resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))


def write(
    folder: Path, samples: Mapping[str, fuzz_corpus.Sample], *, seed: int, number: int
) -> Path:
    """Write the damaged file of a number and give its path; always the same for a seed."""
    rng = np.random.default_rng([seed, number])
    name = sorted(samples)[int(rng.integers(len(samples)))]
    files = fuzz_corpus.mutated(samples[name], samples, rng)
    whole = len(samples[name]) > 1
    shutil.rmtree(folder / name, ignore_errors=True)
    for inside, data in files.items():
        path = folder / name / inside if whole else folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder / name


def read(path: Path, *, guarded: bool) -> tuple[str, str]:
    """Read one file: ``read`` or the code of its picture error, and what is wrong with that."""
    form = None if guarded else _microscope_form(path)
    try:
        if form is not None:
            return _forked(path, form)
        picture.read(path, stain="brightfield", pixel_size_um=1.0, max_megapixels=MEGAPIXELS)
    except PictureError as e:
        # Sizes have to be refused before memory is asked for.
        return e.code, "" if guarded or not _lacked_memory(e) else "asked for over 2 GB"
    except Exception as e:  # noqa: BLE001 - anything else is what this program looks for
        return "error", f"{type(e).__name__}: {e}"
    return "read", ""


def _forked(path: Path, form: signature.MicroscopeForm) -> tuple[str, str]:
    """Read a microscope's format in a fork; its end by a signal is what the guard is for."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _in_fork(path, form, writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        outcome = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status == -signal.SIGXCPU:
        return "hang ended by the guard", ""
    if status < 0:
        return "crash kept by the guard", ""
    return outcome or "error", "" if outcome else f"reader ended with {status}"


def _in_fork(path: Path, form: signature.MicroscopeForm, writing: int) -> NoReturn:
    """Read, write the outcome and end; an error that is not foreseen ends with 1."""
    status = 1
    try:
        child.limit()
        found = answer.ask(
            path, form, wanted="", max_megapixels=MEGAPIXELS, before_pixels=child.limit
        )
        os.write(writing, (found.problem.code if found.problem else "read").encode())
        status = 0
    finally:
        os._exit(status)


def _microscope_form(path: Path) -> signature.MicroscopeForm | None:
    if location.is_zarr(path):
        return "OME-Zarr"
    try:
        first = path.read_bytes()[:16] if path.is_file() else b""
        return signature.microscope(path.suffix, first) if first else None
    except PictureError:
        return None


def _lacked_memory(e: BaseException | None) -> bool:
    while e is not None:
        if isinstance(e, MemoryError):
            return True
        e = e.__cause__
    return False


def _report(options: argparse.Namespace, tally: Tally, seconds: float) -> None:
    for what, count in sorted(tally.outcomes.items()):
        print(f"{count:7}  {what}")  # noqa: T201
    total = sum(tally.outcomes.values())
    print(  # noqa: T201
        f"{total} files in {seconds:.0f} s, slowest {tally.slowest_s:.1f} s, "
        f"peak {tally.peak_gb:.2f} GB, {len(tally.findings)} findings"
    )
    for number, what in sorted(tally.findings.items()):
        print(f"file {number}: {what}")  # noqa: T201
        if options.keep is not None:
            kept = options.keep / str(number)
            kept.mkdir(parents=True, exist_ok=True)
            write(kept, fuzz_corpus.samples(), seed=options.seed, number=number)
    if options.json is not None:
        facts = {
            "files": total,
            "seed": options.seed,
            "outcomes": dict(sorted(tally.outcomes.items())),
            "findings": {str(k): v for k, v in sorted(tally.findings.items())},
            "slowest_s": tally.slowest_s,
            "peak_gb": tally.peak_gb,
        }
        options.json.write_text(json.dumps(facts, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
