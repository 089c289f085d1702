"""Several small pictures in one pass of the network: how much faster, and whether bits change."""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch

from isletqc import assets
from isletqc.protocol import LoadedProtocol
from isletqc.segment import learned

SIDES_PX, BATCHES = (256, 512), (1, 2, 4, 8)


def figures(loaded: LoadedProtocol, device: str, repeats: int) -> dict[str, Any]:
    """Time passes over 1, 2, 4 and 8 pictures of each side, at the network's own pixel size."""
    where = learned.choose_device(device)
    trained = learned.load(assets.model(loaded.protocol.segmentation.network), where)
    rows = [row for side in SIDES_PX for row in _rows(trained, side, where, repeats)]
    return {"device": where.type, "threads": torch.get_num_threads(), "rows": rows, "ratios": {}}


def table(found: dict[str, Any]) -> str:
    """One line a size and batch."""
    lines = [f"the network alone, {found['device']}, {found['threads']} threads, medians"]
    lines += [
        f"{row['side_px']} x {row['side_px']}, {row['batch']} at a time: "
        f"{row['ms_a_picture']:.1f} ms a picture, {row['ratio']:.2f} times one at a time, "
        + ("the same bits" if row["same_bits"] else f"differs by up to {row['difference']:.1g}")
        for row in found["rows"]
    ]
    return "\n".join(lines) + "\n"


def _rows(
    trained: learned.TrainedNetwork, side: int, device: torch.device, repeats: int
) -> list[dict[str, Any]]:
    most = max(BATCHES)
    noise = np.random.default_rng(0).random((most, side, side, 3), np.float32) * 2 - 1
    pictures = torch.from_numpy(noise).permute(0, 3, 1, 2).to(device)
    alone = torch.cat([_passed(trained, pictures[k : k + 1]) for k in range(most)])
    seconds: dict[int, list[float]] = {batch: [] for batch in BATCHES}
    gaps = dict.fromkeys(BATCHES, 0.0)
    for _ in range(repeats):  # by turns, so that all see the same load of the machine
        for batch in BATCHES:
            start = perf_counter()
            parts = [_passed(trained, pictures[k : k + batch]) for k in range(0, most, batch)]
            seconds[batch].append((perf_counter() - start) / most)
            gaps[batch] = max(gaps[batch], float((torch.cat(parts) - alone).abs().max()))
    return [
        {
            "side_px": side,
            "batch": batch,
            "ms_a_picture": 1e3 * median(seconds[batch]),
            "ratio": median(seconds[batch]) / median(seconds[1]),
            "difference": gaps[batch],
            "same_bits": gaps[batch] == 0,
        }
        for batch in BATCHES
    ]


def _passed(trained: learned.TrainedNetwork, pictures: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        network = trained.network
        return network.decode(network.encode(pictures)).cpu()
