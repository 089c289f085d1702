"""Time every stage of one drawn picture; see scripts/bench."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from isletqc import assets, protocol
from isletqc.protocol import LoadedProtocol
from isletqc.records import Picture, Sample
from isletqc.run.picture import Job, Method, analyse
from isletqc.run.pool import cores
from isletqc.segment import learned, prepare
from isletqc.segment import run as segmentation

STAGES = ("load", "fitness", "segment", "measure", "write")
SHAPE_YX = (1536, 2048)


def main() -> None:
    """Draw, measure, print."""
    options = _options()
    loaded = protocol.load(options.protocol)
    facts = segmentation.method_facts(loaded.protocol.segmentation)
    with tempfile.TemporaryDirectory() as folder:
        picture = _draw(Path(folder), loaded.protocol.stain)
        peak = _peak_mb(picture, options.protocol, Path(folder))
        own = _stages(picture, loaded, options)
        classical = _stages(picture, _classical(loaded), options)
    figures: dict[str, Any] = {
        "method": facts.name,
        "device": segmentation.device_name(options.device),
        "threads": torch.get_num_threads(),
        "cores": cores(),
        "repeats": options.repeats,
        "seconds": own,
        "seconds_classical": classical,
        "peak_rss_mb": peak,
    }
    if facts.sha256:
        figures |= _rates(loaded, options)
    sys.stdout.write(_table(figures))
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="time every stage of one drawn picture")
    parser.add_argument("--protocol", default="dtz-us-generic")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures there")
    return parser.parse_args()


def _draw(folder: Path, stain: str) -> Path:
    """Draw in a process of its own: drawing must not count in the peak memory."""
    shape = "x".join(map(str, SHAPE_YX))
    command = ["phantom", str(folder / "drawn"), "--stain", stain, "--count", "1", "--seed", "5"]
    command += ["--um-per-px", "2.4", "--shape", shape]
    subprocess.run(_command(*command), check=True, stdout=subprocess.DEVNULL)
    (picture,) = (folder / "drawn" / "images").iterdir()
    return picture


def _peak_mb(picture: Path, name: str, folder: Path) -> float:
    """Peak memory of ``isletqc run`` on the picture, in a process of its own."""
    out = str(folder / "peak")
    options = ("-p", name, "-o", out, "--fail-on", "never", "--workers", "1")
    process = subprocess.Popen(_command("run", str(picture), *options), stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"isletqc run ended with {process.returncode}")
    return used.ru_maxrss / 1024


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from isletqc.cli import main; main()", *arguments]


def _classical(loaded: LoadedProtocol) -> LoadedProtocol:
    settings = loaded.protocol.segmentation.model_copy(update={"method": "classical"})
    changed = loaded.protocol.model_copy(update={"segmentation": settings})
    return loaded.model_copy(update={"protocol": changed})


def _stages(picture: Path, loaded: LoadedProtocol, options: argparse.Namespace) -> dict[str, float]:
    """Median seconds of each stage; one run before them loads the network."""
    weights = segmentation.method_facts(loaded.protocol.segmentation).sha256
    method = Method(loaded, segmentation.device_name(options.device), weights, fresh=True)
    sample = Sample(image=str(picture), lot="bench")
    runs: list[Picture] = []
    with tempfile.TemporaryDirectory() as out:
        job = Job(sample, picture.name, Path(out) / "bench")
        for _ in range(options.repeats + 1):
            result = analyse(job, method).result
            if not isinstance(result, Picture):
                sys.exit(f"{result.error}: {result.message}")
            runs.append(result)
    seconds = {s: statistics.median(r.seconds[s] for r in runs[1:]) for s in STAGES}
    measured = [sum(r.seconds[s] for s in STAGES if s != "write") for r in runs[1:]]
    return seconds | {"file_to_islets": statistics.median(measured)}


def _rates(loaded: LoadedProtocol, options: argparse.Namespace) -> dict[str, float]:
    """Arithmetic rate of the network against that of a large matrix product."""
    device = learned.choose_device(options.device)
    trained = learned.load(assets.model(loaded.protocol.segmentation.network), device)
    pixels = np.zeros((*SHAPE_YX, 3), np.uint8)
    scale = {"full_scale": 255.0, "working_um_per_px": trained.um_per_px}
    ready = prepare.network_input(pixels, 2.4, **scale)
    with FlopCounterMode(display=False) as counter:
        learned.predict(trained, ready)
    seconds = _median(lambda: learned.predict(trained, ready), options.repeats)
    rate = counter.get_total_flops() / seconds / 1e9
    best = _product_gflops(device, options.repeats)
    return {
        "network_seconds": seconds,
        "network_gflops_per_s": rate,
        "matrix_product_gflops_per_s": best,
        "share_of_matrix_product_rate": rate / best,
    }


def _product_gflops(device: torch.device, repeats: int) -> float:
    side = 2048 if device.type == "cpu" else 8192
    a = torch.rand(side, side, device=device)

    def product() -> None:
        (a @ a)[0, 0].item()

    product()
    return 2 * side**3 / _median(product, repeats) / 1e9


def _median(act: Callable[[], object], repeats: int) -> float:
    seconds: list[float] = []
    for _ in range(repeats):
        with _timer(seconds):
            act()
    return statistics.median(seconds)


@contextmanager
def _timer(seconds: list[float]) -> Iterator[None]:
    start = perf_counter()
    yield
    seconds.append(perf_counter() - start)


def _table(figures: dict[str, Any]) -> str:
    own, other = figures["seconds"], figures["seconds_classical"]
    height, width = SHAPE_YX
    lines = [
        f"one drawn picture of {width} x {height}, {figures['method']}, {figures['device']}, "
        f"{figures['threads']} threads, median of {figures['repeats']}",
        f"{'stage':<16} {'seconds':>8} {'classical':>10} {'ratio':>7}",
    ]
    for stage in (*STAGES, "file_to_islets"):
        ratio = own[stage] / other[stage]
        lines.append(f"{stage:<16} {own[stage]:>8.3f} {other[stage]:>10.3f} {ratio:>7.2f}")
    lines.append(f"peak memory of isletqc run: {figures['peak_rss_mb']:.0f} MB")
    if "network_seconds" in figures:
        lines.append(
            f"network: {figures['network_seconds']:.3f} s, "
            f"{figures['network_gflops_per_s']:.0f} of "
            f"{figures['matrix_product_gflops_per_s']:.0f} GFLOP/s "
            f"({figures['share_of_matrix_product_rate']:.0%} of a matrix product)"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
