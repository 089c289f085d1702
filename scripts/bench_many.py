"""A run over many small pictures: speed and memory from first to last, then the report."""

from __future__ import annotations

import multiprocessing
import subprocess
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import bench_measure as measure
import numpy as np
import tifffile

from isletqc.protocol import LoadedProtocol
from isletqc.records import Failure, Picture, Sample
from isletqc.run import batch

_DRAWN = 12
_SHAPE = "320x320"
_LOTS = 20
_STEP = 100


def figures(count: int, loaded: LoadedProtocol, folder: Path) -> dict[str, Any]:
    """Run over ``count`` pictures with two workers; seconds and memory after each."""
    samples = _samples(count, loaded, folder)
    seconds: list[float] = []
    memory_mb: list[float] = []

    def note(done: int, of: int, name: str, result: Picture | Failure) -> None:
        seconds.append(perf_counter() - start)
        memory_mb.append(_memory_mb())

    order = batch.Order(samples, loaded, folder / "out", workers=2, fail_on="never")
    start = perf_counter()
    finished = batch.run(order, on_progress=note)
    end = perf_counter() - start
    if finished.results.failures:
        raise SystemExit(finished.results.failures[0].message)
    rates = _rates(seconds)
    return {
        "pictures": count,
        "report_bytes": finished.report.stat().st_size,
        "report_seconds": end - seconds[-1],
        "pictures_per_second": rates,
        "memory_mb": memory_mb[_STEP - 1 :: _STEP],
        "last_to_first_rate": rates[-1] / rates[0],
        "last_to_first_memory": memory_mb[-1] / memory_mb[_STEP - 1],
        "ratios": {},
    }


def table(found: dict[str, Any]) -> str:
    """Say in words what the plot shows."""
    rates, memory = found["pictures_per_second"], found["memory_mb"]
    return (
        f"{found['pictures']} pictures of {_SHAPE}, 2 workers\n"
        f"pictures/s: {rates[0]:.1f} in the first hundred, {rates[-1]:.1f} in the last "
        f"({found['last_to_first_rate']:.2f} times), {min(rates):.1f} to {max(rates):.1f} overall\n"
        f"memory of all processes: {memory[0]:.0f} MB after the first hundred, "
        f"{memory[-1]:.0f} MB after the last ({found['last_to_first_memory']:.2f} times)\n"
        f"from the last picture to the end (lots, tables, report): {found['report_seconds']:.1f} s,"
        f" report of {found['report_bytes'] / 1e6:.1f} MB\n"
    )


def plot(found: dict[str, Any]) -> str:
    """Draw pictures/s and memory over the run, as SVG."""
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 340" font-family="sans-serif"'
        ' font-size="13">',
        '<rect width="640" height="340" fill="white"/>',
        _curve(found["pictures_per_second"], 20, "pictures per second, by hundreds"),
        _curve(found["memory_mb"], 180, "memory of all processes, MB"),
        f'<text x="600" y="330" text-anchor="end">{found["pictures"]} pictures</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _curve(values: Sequence[float], top: int, title: str) -> str:
    high = max(values) * 1.1
    step = 540 / max(1, len(values) - 1)
    points = " ".join(
        f"{60 + i * step:.1f},{top + 120 - 100 * v / high:.1f}" for i, v in enumerate(values)
    )
    return (
        f'<text x="60" y="{top + 8}">{title}</text>'
        f'<line x1="60" y1="{top + 120}" x2="600" y2="{top + 120}" stroke="#888"/>'
        f'<text x="54" y="{top + 124}" text-anchor="end">0</text>'
        f'<text x="54" y="{top + 24}" text-anchor="end">{high:.0f}</text>'
        f'<polyline points="{points}" fill="none" stroke="#0060a0" stroke-width="2"/>'
    )


def _rates(seconds: Sequence[float]) -> list[float]:
    """Pictures a second of each hundred; the first ten wait for the workers to start."""
    marks = [seconds[9], *seconds[_STEP - 1 :: _STEP]]
    counts = [_STEP - 10] + [_STEP] * (len(marks) - 2)
    return [n / (b - a) for n, a, b in zip(counts, marks, marks[1:], strict=False)]


def _samples(count: int, loaded: LoadedProtocol, folder: Path) -> tuple[Sample, ...]:
    """Draw a few pictures; turned, mirrored and with one pixel changed they are as many."""
    command = ["phantom", str(folder / "drawn"), "--stain", loaded.protocol.stain]
    command += ["--count", str(_DRAWN), "--um-per-px", "2.4", "--shape", _SHAPE]
    subprocess.run(measure.isletqc(*command), check=True, stdout=subprocess.DEVNULL)
    drawn = [tifffile.imread(path) for path in sorted((folder / "drawn" / "images").iterdir())]
    (folder / "many").mkdir()
    samples = []
    for number in range(count):
        path = folder / "many" / f"{number:05d}.tif"
        pixels = np.rot90(drawn[number % _DRAWN], number // _DRAWN % 4).copy()
        pixels[0, 0] = (number % 256, number // 256 % 256, 128)
        tifffile.imwrite(path, pixels, photometric="rgb", maxworkers=1)
        lot = f"lot {number * _LOTS // count + 1}"
        samples.append(Sample(image=str(path), lot=lot, pixel_size_um=2.4))
    return tuple(samples)


def _memory_mb() -> float:
    """Resident memory of this process and its workers."""
    pids = ["self", *(str(child.pid) for child in multiprocessing.active_children())]
    return sum(_resident_mb(pid) for pid in pids)


def _resident_mb(pid: str) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    sizes = (line.split()[1] for line in text.splitlines() if line.startswith("VmRSS:"))
    return sum(map(int, sizes)) / 1024
