"""Time the stages, the workers, the network, growth and other programs; see scripts/bench."""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np
import tifffile
import torch
from torch.utils.flop_counter import FlopCounterMode

from isletqc import assets
from isletqc.protocol import LoadedProtocol
from isletqc.records import Picture, Sample
from isletqc.run.picture import Job, Method, analyse
from isletqc.run.pool import analysed, cores
from isletqc.segment import learned, prepare
from isletqc.segment import run as segmentation

STAGES = ("load", "fitness", "segment", "measure", "write")
SHAPE_YX = (1536, 2048)
UM_PER_PX = 2.4


def figures(loaded: LoadedProtocol, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measure everything that the table shows."""
    facts = segmentation.method_facts(loaded.protocol.segmentation)
    picture, sparse = _draw(folder, loaded.protocol.stain)
    # First of all: Linux counts the memory of this process to those that it starts.
    process, peers = _process(picture, options, folder), _peers(picture, options)
    found: dict[str, Any] = {
        "method": facts.name,
        "device": segmentation.device_name(options.device),
        "threads": torch.get_num_threads(),
        "cores": cores(),
        "repeats": options.repeats,
        "seconds": _stages(picture, loaded, options, folder),
        "seconds_classical": _stages(picture, _classical(loaded), options, folder),
        "pictures_per_second": _throughput(picture, loaded, options, folder),
        "process": process,
        "growth": _growth(picture, sparse, loaded, options, folder),
        "peers": peers,
    }
    if facts.sha256:
        found |= _rates(loaded, options)
    return found | {"ratios": _ratios(found)}


def _draw(folder: Path, stain: str) -> tuple[Path, Path]:
    """Draw a dense and a sparse picture in a process of its own."""
    shape = "x".join(map(str, SHAPE_YX))
    command = ["phantom", str(folder / "drawn"), "--stain", stain, "--count", "2", "--seed", "5"]
    command += ["--um-per-px", str(UM_PER_PX), "--shape", shape]
    subprocess.run(isletqc(*command), check=True, stdout=subprocess.DEVNULL)
    dense, sparse = sorted((folder / "drawn" / "images").iterdir())
    return dense, sparse


def isletqc(*arguments: str) -> list[str]:
    """Command line of isletqc in this environment."""
    return [sys.executable, "-c", "from isletqc.cli import main; main()", *arguments]


def method(loaded: LoadedProtocol, device: str) -> Method:
    """Everything but the picture, with nothing taken up from earlier runs."""
    weights = segmentation.method_facts(loaded.protocol.segmentation).sha256
    return Method(loaded, segmentation.device_name(device), weights, fresh=True)


def _classical(loaded: LoadedProtocol) -> LoadedProtocol:
    settings = loaded.protocol.segmentation.model_copy(update={"method": "classical"})
    changed = loaded.protocol.model_copy(update={"segmentation": settings})
    return loaded.model_copy(update={"protocol": changed})


def _analysed(
    picture: Path, loaded: LoadedProtocol, options: argparse.Namespace, folder: Path
) -> list[Picture]:
    """Analyse a picture several times; one run before them loads the network."""
    how = method(loaded, options.device)
    sample = Sample(image=str(picture), lot="bench", pixel_size_um=UM_PER_PX)
    runs: list[Picture] = []
    for _ in range(options.repeats + 1):
        result = analyse(Job(sample, picture.name, folder / "bench"), how).result
        if not isinstance(result, Picture):
            sys.exit(f"{result.error}: {result.message}")
        runs.append(result)
    return runs[1:]


def _stages(
    picture: Path, loaded: LoadedProtocol, options: argparse.Namespace, folder: Path
) -> dict[str, float]:
    """Median seconds of each stage."""
    runs = _analysed(picture, loaded, options, folder)
    seconds = {s: statistics.median(r.seconds[s] for r in runs) for s in STAGES}
    return seconds | {"file_to_islets": statistics.median(map(_to_islets, runs))}


def _to_islets(run: Picture) -> float:
    return sum(run.seconds[s] for s in STAGES if s != "write")


def _throughput(
    picture: Path, loaded: LoadedProtocol, options: argparse.Namespace, folder: Path
) -> dict[str, float]:
    """Pictures a second, files written, of one worker with one thread and of two workers."""
    sample = Sample(image=str(picture), lot="bench")
    jobs = [Job(sample, f"{n}", folder / "rate" / f"{n}") for n in range(options.pictures)]
    how = method(loaded, options.device)
    threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    one = _rate(jobs, how, 1)
    torch.set_num_threads(threads[0])
    cv2.setNumThreads(threads[1])
    return {"1": one, "2": _rate(jobs, how, 2)}


def _rate(jobs: Sequence[Job], how: Method, workers: int) -> float:
    """Rate after the first picture of each worker, which loads the network."""
    times: list[float] = []
    with closing(analysed(jobs, how, workers=workers)) as ready:
        for _ in ready:
            times.append(perf_counter())
    return (len(times) - workers) / (times[-1] - times[workers - 1])


def _process(picture: Path, options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Seconds and peak memory of ``isletqc run`` on one picture, in a process of its own."""
    more = ("-p", options.protocol, "-o", str(folder / "peak"), "--fail-on", "never")
    return timed_process(isletqc("run", str(picture), *more, "--workers", "1", "--fresh"))


def timed_process(command: Sequence[str]) -> dict[str, float]:
    """Seconds and peak memory of a process, without its children."""
    start = perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[0]} ended with {process.returncode}")
    return {"seconds": perf_counter() - start, "peak_mb": used.ru_maxrss / 1024}


def _peers(picture: Path, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Time other programs on the same picture: median of three whole processes."""
    found = {}
    for peer in options.peer:
        name, _, command = peer.partition("=")
        parts = [part.replace("{}", str(picture)) for part in shlex.split(command)]
        runs = [timed_process(parts) for _ in range(3)]
        found[name] = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    return found


def _growth(
    picture: Path, sparse: Path, loaded: LoadedProtocol, options: argparse.Namespace, folder: Path
) -> list[dict[str, Any]]:
    """From file to islets: a quarter, the whole and four of the picture; fewer and more islets."""
    pixels = tifffile.imread(picture)
    height, width = SHAPE_YX
    small = cv2.resize(pixels, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    made = {
        "a quarter of it": pixels[: height // 2, : width // 2],
        "it": pixels,
        "four of it": np.tile(pixels, (2, 2, 1)),
        "a picture with few islets": tifffile.imread(sparse),
        "four of it at half the size": np.tile(small, (2, 2, 1)),
    }
    return [
        _grown(name, array, loaded, options, folder / f"{place}.tif")
        for place, (name, array) in enumerate(made.items())
    ]


def _grown(
    name: str,
    pixels: np.ndarray[Any, np.dtype[Any]],
    loaded: LoadedProtocol,
    options: argparse.Namespace,
    path: Path,
) -> dict[str, Any]:
    tifffile.imwrite(path, pixels, photometric="rgb", maxworkers=1)
    runs = _analysed(path, loaded, options, path.parent)
    return {
        "picture": name,
        "megapixels": pixels.shape[0] * pixels.shape[1] / 1e6,
        "islets": len(runs[0].islets),
        "seconds": statistics.median(map(_to_islets, runs)),
    }


def _rates(loaded: LoadedProtocol, options: argparse.Namespace) -> dict[str, float]:
    """Arithmetic rate of the network against that of a large matrix product."""
    device = learned.choose_device(options.device)
    trained = learned.load(assets.model(loaded.protocol.segmentation.network), device)
    pixels = np.zeros((*SHAPE_YX, 3), np.uint8)
    ready = prepare.network_input(
        pixels, UM_PER_PX, full_scale=255.0, working_um_per_px=trained.um_per_px
    )
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


def _ratios(found: dict[str, Any]) -> dict[str, float]:
    """Costs that hold on any machine: in units of fixed work done in the same run."""
    rates = found["pictures_per_second"]
    growth = {row["picture"]: row["seconds"] for row in found["growth"]}
    unit = _unit_seconds(found["repeats"])
    costs = {f"{s}, in units of a sort": found["seconds"][s] / unit for s in STAGES}
    costs |= {
        "one worker / two workers, pictures/s": rates["1"] / rates["2"],
        "four pictures in one / one": growth["four of it"] / growth["it"],
        "2.4 times the islets / as they are": growth["four of it at half the size"] / growth["it"],
        "peak memory, GB": found["process"]["peak_mb"] / 1000,
    }
    if "network_seconds" in found:
        other = found["seconds"]["segment"] - found["network_seconds"]
        costs["segment without the network, in units of a sort"] = other / unit
        costs["matrix product rate / network's"] = 1 / found["share_of_matrix_product_rate"]
    return costs


def _unit_seconds(repeats: int) -> float:
    """Seconds to sort two million numbers: work of memory and of one core."""
    numbers = np.random.default_rng(0).random(2_000_000)
    return _median(lambda: np.sort(numbers, kind="stable"), repeats)


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
