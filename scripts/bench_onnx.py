"""Is ONNX Runtime faster than PyTorch on this machine? Needs the extra ``export``.

Runs the exported network over one picture of 2048 x 1536 pixels of 2.4 um, in turn with PyTorch.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from isletqc import assets
from isletqc.segment import learned
from isletqc.training import export

PICTURE_UM = (1536 * 2.4, 2048 * 2.4)


def main() -> None:
    """Export, run both in turn, print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", nargs="?", default="dithizone")
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    trained = learned.load(assets.model(given.network), torch.device("cpu"))
    height, width = (round(side / trained.um_per_px / 16) * 16 for side in PICTURE_UM)
    pixels = np.random.default_rng(0).random((1, 3, height, width), dtype=np.float32)
    tensor = torch.from_numpy(pixels).contiguous(memory_format=torch.channels_last)
    with tempfile.TemporaryDirectory() as folder:
        onnx = export.export(given.network, Path(folder)).onnx
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])

        def by_torch() -> None:
            with torch.inference_mode():
                torch.softmax(trained.network(tensor), dim=1)

        def by_onnx() -> None:
            session.run(None, {"picture": pixels})

        seconds = _medians((by_torch, by_onnx), given.repeats)
    line = f"PyTorch {seconds[0]:.3f} s, ONNX Runtime {seconds[1]:.3f} s, {height} x {width} px, "
    sys.stdout.write(line + f"{torch.get_num_threads()} threads\n")


def _medians(runs: tuple[Callable[[], None], ...], repeats: int) -> list[float]:
    """Median seconds of each, run in turn; the first turn is left out."""
    times: list[list[float]] = [[] for _ in runs]
    for turn in range(repeats + 1):
        for run, took in zip(runs, times, strict=True):
            started = time.perf_counter()
            run()
            if turn:
                took.append(time.perf_counter() - started)
    return [statistics.median(took) for took in times]


if __name__ == "__main__":
    main()
