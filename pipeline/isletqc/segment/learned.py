"""Image -> class probabilities and core map, by a trained network.

1. Resample to the network's working pixel size and normalise. 2. Run the network in tiles whose
overlap covers its field of view, in one fixed order, so that the same picture gives the same bits.
3. Softmax; the core map through a sigmoid. Resampling back to the picture is done by the caller.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open

from isletqc.errors import MissingWeightsError, UsageError
from isletqc.segment import likeness
from isletqc.segment.network import Architecture, UNet, channels_last, fused

TILE_PX = 1024
MARGIN_PX = 96

Maps = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TrainedNetwork:
    """A network ready for inference, with what its weights say of it."""

    name: str
    network: UNet
    um_per_px: float
    sha256: str
    facts: dict[str, str]
    cloud: likeness.Cloud | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a network says of a prepared picture.

    Attributes
    ----------
    probabilities : (y, x, classes) float32, sum 1
    core : (y, x) float32, 0 to 1
    point : what the picture shows, for its likeness to the training pictures
    """

    probabilities: Maps
    core: Maps
    point: Maps


def choose_device(wanted: str) -> torch.device:
    """``auto`` takes a GPU where there is one; ``cuda`` insists.

    Raises
    ------
    UsageError
        ``cuda`` was asked for and there is none, or the word is unknown.
    """
    if wanted not in {"auto", "cpu", "cuda"}:
        raise UsageError(f"--device must be auto, cpu or cuda; found {wanted!r}")
    has_gpu = torch.cuda.is_available()
    if wanted == "cuda" and not has_gpu:
        raise UsageError(
            "--device cuda was asked for, but PyTorch sees no CUDA GPU here; "
            "use --device auto or cpu, or install a CUDA build of PyTorch and its driver"
        )
    return torch.device("cuda" if has_gpu and wanted != "cpu" else "cpu")


def load(folder: Path, device: torch.device) -> TrainedNetwork:
    """Load the network of a folder under ``models/``.

    Raises
    ------
    MissingWeightsError
        No weights there, or a file that is not ours.
    """
    return _load(folder, device.type)


@lru_cache(maxsize=4)
def _load(folder: Path, device: str) -> TrainedNetwork:
    path = folder / "weights.safetensors"
    if not path.is_file():
        raise MissingWeightsError(
            f"expected the weights of network {folder.name!r} at {path}, found none; "
            "reinstall isletqc, or name another network in the protocol"
        )
    with safe_open(path, framework="pt") as stored:
        facts = dict(stored.metadata() or {})
        if "channels" not in facts or "um_per_px" not in facts:
            raise MissingWeightsError(f"{path}: not weights of isletqc; reinstall or retrain")
        network = UNet(Architecture.from_text(facts))
        tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
    cloud = {key: tensors.pop(key).numpy() for key in list(tensors) if likeness.is_ours(key)}
    network.load_state_dict(tensors)
    ready = channels_last(fused(network)).to(device)
    _keep_buffers()
    return TrainedNetwork(
        name=folder.name,
        network=ready,
        um_per_px=float(facts["um_per_px"]),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        facts=facts,
        cloud=likeness.from_tensors(cloud),
    )


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def _keep_buffers() -> None:
    """Let the C library keep big buffers: fetching them anew costs a fifth of the time."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)


def figures(facts: dict[str, str]) -> dict[str, float]:
    """Read the validation figures that the weights carry, e.g. ``volume_rsd``."""
    found: dict[str, float] = json.loads(facts.get("figures", "{}"))
    return found


def predict(trained: TrainedNetwork, pixels: NDArray[np.float32]) -> Prediction:
    """Run the network over a prepared picture, (y, x, 3) float32 from ``network_input``."""
    classes = len(trained.network.architecture.classes)
    height, width = pixels.shape[:2]
    probabilities = np.empty((height, width, classes), dtype=np.float32)
    core = np.empty((height, width), dtype=np.float32)
    deepest = []
    for read, write, keep in _tiles(height, width):
        logits, deep = _run(trained.network, pixels[read])
        logits = logits[keep]
        probabilities[write] = _softmax(logits[..., :classes])
        core[write] = 1 / (1 + np.exp(-logits[..., classes]))
        deepest.append(deep)
    return Prediction(probabilities, core, likeness.point(np.concatenate(deepest, axis=1)))


Slices = tuple[slice, slice]


def _tiles(height: int, width: int) -> Iterator[tuple[Slices, Slices, Slices]]:
    for top, bottom, read_y in _spans(height):
        for left, right, read_x in _spans(width):
            keep = (
                slice(top - read_y.start, bottom - read_y.start),
                slice(left - read_x.start, right - read_x.start),
            )
            yield (read_y, read_x), (slice(top, bottom), slice(left, right)), keep


def _spans(length: int) -> Iterator[tuple[int, int, slice]]:
    """Spans of at most a tile: what is kept, and what is read around it."""
    if length <= TILE_PX:
        yield 0, length, slice(0, length)
        return
    step = TILE_PX - 2 * MARGIN_PX
    for start in range(0, length, step):
        stop = min(start + step, length)
        yield start, stop, slice(max(0, start - MARGIN_PX), min(length, stop + MARGIN_PX))


def _run(network: UNet, tile: NDArray[np.float32]) -> tuple[Maps, Maps]:
    """Logits (y, x, classes + 1) and deepest activations (C, positions) of one tile.

    The tile is padded by its own mirror image to whole blocks.
    """
    height, width = tile.shape[:2]
    multiple = network.architecture.multiple_px
    pad_y, pad_x = -height % multiple, -width % multiple
    padded = np.pad(tile, ((0, pad_y), (0, pad_x), (0, 0)), mode=_pad_mode(height, width, multiple))
    device = next(network.parameters()).device
    # (y, x, c) memory is channels-last already: no copy
    batch = torch.from_numpy(padded).permute(2, 0, 1)[None].to(device)
    with torch.inference_mode():
        levels = network.encode(batch)
        logits = network.decode(levels)[0].permute(1, 2, 0)[:height, :width]
        deepest = levels[-1][0].flatten(1)
    return logits.cpu().numpy(), deepest.cpu().numpy()


def _pad_mode(height: int, width: int, multiple: int) -> Literal["symmetric", "edge"]:
    return "symmetric" if min(height, width) >= multiple else "edge"


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: NDArray[np.float32] = powers / powers.sum(axis=-1, keepdims=True)
    return shares
