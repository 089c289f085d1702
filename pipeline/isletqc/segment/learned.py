"""Image -> class probabilities and core map, by a trained network.

1. Resample to the network's working pixel size and normalise. 2. Run the network in tiles whose
overlap covers its field of view, so that tiles give what the whole picture would give.
3. Softmax; the core map through a sigmoid. Resampling back to the picture is done by the caller.
"""

from __future__ import annotations

import copy
import ctypes
import functools
import hashlib
import json
import logging
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open

from isletqc.errors import MissingWeightsError, UsageError
from isletqc.records import CLASS_NAMES, EXOCRINE, ISLET
from isletqc.segment import likeness, tiles
from isletqc.segment.network import Architecture, UNet, channels_last, fused

# Values of the finest level of a tile, of which memory needs some twenty copies.
TILE_VALUES = 16 * 1.2e6
_SMALLEST_TILE_PX = 2.0**16
_log = logging.getLogger(__name__)

Maps = NDArray[np.float32]
Result = TypeVar("Result")


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
            "name another network in the protocol, reinstall isletqc, or set ISLETQC_MODELS to the "
            "folder of your own networks"
        )
    with safe_open(path, framework="pt") as stored:
        facts = dict(stored.metadata() or {})
        if "channels" not in facts or "um_per_px" not in facts:
            raise MissingWeightsError(f"{path}: not weights of isletqc; reinstall or retrain")
        network = UNet(Architecture.from_text(facts))
        tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
    cloud = {key: tensors.pop(key).numpy() for key in list(tensors) if likeness.is_ours(key)}
    network.load_state_dict(tensors)
    set_levels(network, facts)
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


_LEVELS = {CLASS_NAMES[ISLET]: "outline_level", CLASS_NAMES[EXOCRINE]: "tissue_level"}


def set_levels(network: UNet, facts: Mapping[str, str]) -> None:
    """Let each class begin at the level that the facts of its weights state."""
    for name, key in _LEVELS.items():
        if key in facts and name in network.architecture.classes:
            set_level(network, name, float(facts[key]))


def set_level(network: UNet, name: str, level: float) -> None:
    """Let a class begin where it is as probable as ``level``; 0.5 is what was learned.

    The odds of the class are divided by those of the level, so that probabilities still sum to 1
    and the most probable class is this one from that level on. Networks that read islets a little
    too large on validation pictures carry a level of the islets above 0.5; those that overlook pale
    exocrine tissue carry one of the tissue below it.
    """
    place = network.architecture.classes.index(name)
    with torch.no_grad():
        network.head.bias[place] += math.log((1 - level) / level)  # type: ignore[index]


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


def tile_px(trained: TrainedNetwork) -> float:
    """Most pixels of one tile; a network of more channels takes smaller ones."""
    return TILE_VALUES / trained.network.architecture.channels[0]


def predict(trained: TrainedNetwork, pixels: NDArray[np.float32]) -> Prediction:
    """Run the network over a prepared picture, (y, x, 3) float32 from ``network_input``."""
    return fitting(trained, lambda network, limit_px: _predict(network, pixels, limit_px))


def fitting(trained: TrainedNetwork, act: Callable[[TrainedNetwork, float], Result]) -> Result:
    """Run a network in tiles that fit into memory.

    Where a GPU has no memory for a tile, tiles of half the size are tried, and at last the CPU;
    a warning says so.

    Parameters
    ----------
    act : network, most pixels of a tile -> result
    """
    limit_px = tile_px(trained)
    while limit_px >= _SMALLEST_TILE_PX:
        try:
            return act(trained, limit_px)
        except torch.cuda.OutOfMemoryError:
            limit_px /= 2
            _log.warning("out of GPU memory: tiles of %.2f megapixels from here on", limit_px / 1e6)
            torch.cuda.empty_cache()
    _log.warning("out of GPU memory: this picture was computed on the CPU")
    on_cpu = replace(trained, network=copy.deepcopy(trained.network).to("cpu"))
    return act(on_cpu, tile_px(trained))


def maps(
    trained: TrainedNetwork,
    read: Callable[[tiles.Slices], Maps],
    shape_yx: tuple[int, int],
    limit_px: float,
) -> Iterator[tuple[tiles.Slices, Maps, likeness.Sums]]:
    """Run the network tile by tile over a picture of which ``read`` gives windows.

    Yields
    ------
    window, its class probabilities and core map (classes + 1, y, x), its sums for the likeness
    """
    architecture = trained.network.architecture
    block, classes = architecture.multiple_px, len(architecture.classes)
    for tile in tiles.plan(shape_yx, limit_px, block):
        pixels = read(tile.read)
        found, levels = _run(trained.network, pixels, tile.keep)
        _softmax(found[:classes])
        found[classes] = 1 / (1 + np.exp(-found[classes]))
        planes = likeness.planes(levels, pixels[tile.keep], found[:classes])
        yield tile.write, found, likeness.sums(planes)


def _predict(trained: TrainedNetwork, pixels: NDArray[np.float32], limit_px: float) -> Prediction:
    shape = pixels.shape[0], pixels.shape[1]
    classes = len(trained.network.architecture.classes)
    found = np.empty((classes + 1, *shape), dtype=np.float32)
    seen: list[likeness.Sums] = []
    for window, values, sums in maps(trained, pixels.__getitem__, shape, limit_px):
        found[:, *window] = values
        seen.append(sums)
    point = likeness.point(np.sum(seen, axis=0))
    return Prediction(np.moveaxis(found[:classes], 0, -1), found[classes], point)


def _run(network: UNet, tile: NDArray[np.float32], keep: tiles.Slices) -> tuple[Maps, list[Maps]]:
    """Logits (classes + 1, y, x) of the kept part, and what likeness looks at of each level.

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
        seen = [_sparse(level, k, keep) for k, level in enumerate(levels)]
        logits = network.decode(levels)[0][:, *keep].contiguous()
    return logits.cpu().numpy(), seen


def _sparse(level: torch.Tensor, number: int, keep: tiles.Slices) -> Maps:
    """Activations (y, x, C) of the kept part at the positions that likeness looks at."""
    block, step = 1 << number, likeness.step(number)
    y, x = (slice(s.start // block, -(-s.stop // block), step) for s in keep)
    return np.ascontiguousarray(level[0].permute(1, 2, 0)[y, x].cpu().numpy())


def _pad_mode(height: int, width: int, multiple: int) -> Literal["symmetric", "edge"]:
    return "symmetric" if min(height, width) >= multiple else "edge"


def _softmax(logits: Maps) -> None:
    """Softmax over planes (C, y, x), in place."""
    logits -= functools.reduce(np.maximum, logits)
    np.exp(logits, out=logits)
    logits /= functools.reduce(np.add, logits)
