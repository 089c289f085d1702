"""Recipe and pictures -> weights.

Plain AdamW on soft cross-entropy (classes) and soft binary cross-entropy (core map), one cycle of
the learning rate, exponentially averaged weights. Every step draws its crops from a generator
seeded by recipe seed and step number, so a run that was stopped and resumed ends in the same place.
A second round, where the recipe asks for one, goes on from the first with the outlines of the
first in place of drafts.
"""

from __future__ import annotations

import copy
import csv
import hashlib
import json
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from isletqc import __version__, assets
from isletqc.records import CLASS_NAMES, Image
from isletqc.segment import likeness
from isletqc.segment.learned import TrainedNetwork, set_levels
from isletqc.segment.network import Architecture, UNet, channels_last, fused
from isletqc.segment.run import segment_with
from isletqc.training import cloud, corrected, curves
from isletqc.training import examples as sources
from isletqc.training.augment import CropSettings, crop
from isletqc.training.core_map import CoreMap
from isletqc.training.drawn import draw
from isletqc.training.examples import Example
from isletqc.training.recipe import CorrectedSource, RealSource, Recipe

log = logging.getLogger(__name__)
Progress = Callable[[int, int], None]
Pool = tuple[list[Example], float]

_EVERY = 100
_LOOKS = 2
_SHOWN = 160  # pictures of each source that describe what was learned from


def train(
    recipe: Recipe,
    *,
    data: Path,
    out: Path,
    device: torch.device,
    workers: int,
    on_progress: Progress,
    likeness_too: bool = True,
) -> Path:
    """Train a network and write its weights.

    Parameters
    ----------
    data : folder that the recipe's real sources are relative to
    out : receives ``weights.safetensors``, ``training.json``, a CSV with the losses of each round,
        their curves as ``training.svg`` and, until done, checkpoints from which the same call
        goes on
    likeness_too : also describe the training pictures, so that others can be told from them

    Returns
    -------
    Path of the weights
    """
    out.mkdir(parents=True, exist_ok=True)
    network = _fresh(recipe).to(device)
    pools = _pools(recipe, data, workers)
    average = _round(recipe, pools, network, out=out, name="first", on_progress=on_progress)
    if recipe.second_round_steps:
        pools = _relabelled(recipe, pools, data, average)
        again = recipe.model_copy(
            update={"steps": recipe.second_round_steps, "seed": recipe.seed + 1}
        )
        network.load_state_dict(average.state_dict())
        average = _round(again, pools, network, out=out, name="second", on_progress=on_progress)
    described = _cloud(recipe, pools, average) if likeness_too else None
    path = write_weights(out, recipe, average, described)
    _log(out, recipe, path)
    for checkpoint in out.glob("*.checkpoint"):
        checkpoint.unlink()
    return path


def _round(
    recipe: Recipe,
    pools: Sequence[Pool],
    network: UNet,
    *,
    out: Path,
    name: str,
    on_progress: Progress,
) -> UNet:
    """Train over one cycle of the learning rate; give the averaged network."""
    average = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=1e-3)
    checkpoint = out / f"{name}.checkpoint"
    start = _resume(checkpoint, network, average, optimiser)
    started, losses = time.monotonic(), []
    for step, batch in _batches(recipe, pools, range(start, recipe.steps)):
        _set_rate(optimiser, recipe, step)
        losses.append(_step(network, optimiser, batch, recipe.precision))
        _average(average, network, min(recipe.averaging, (step + 1) / (step + 10)))
        if (step + 1) % _EVERY == 0 or step + 1 == recipe.steps:
            _record(out / f"{name}.csv", step + 1, losses, time.monotonic() - started)
            losses.clear()
            _save(checkpoint, step + 1, network, average, optimiser)
            on_progress(step + 1, recipe.steps)
    return average


def _log(out: Path, recipe: Recipe, weights: Path) -> None:
    """Write the recipe, the losses of each round and the weights' hash as one JSON; and curves."""
    rounds = {path.stem: _losses(path) for path in sorted(out.glob("*.csv"))}
    document = {
        "version": __version__,
        "recipe": recipe.model_dump(mode="json"),
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "rounds": rounds,
    }
    (out / "training.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    curves.write(out / "training.svg", rounds)


def _losses(path: Path) -> list[dict[str, float]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def _cloud(recipe: Recipe, pools: Sequence[Pool], average: UNet) -> likeness.Cloud:
    some = [e for examples, _ in pools for e in examples[:: max(1, len(examples) // _SHOWN)]]
    ready = _ready(recipe, average)
    set_levels(ready.network, _facts(recipe, average))
    return cloud.measure(ready, some, looks=_LOOKS, seed=recipe.seed)


def _ready(recipe: Recipe, network: UNet) -> TrainedNetwork:
    """Give a copy for inference of a network in training."""
    return TrainedNetwork(recipe.name, fused(copy.deepcopy(network)), recipe.um_per_px, "", {})


def write_weights(
    out: Path, recipe: Recipe, network: UNet, described: likeness.Cloud | None = None
) -> Path:
    """Write the weights with everything needed to use them; validation figures come later."""
    path = out / "weights.safetensors"
    tensors = {k: v.detach().cpu().contiguous() for k, v in sorted(network.state_dict().items())}
    if described:
        named = likeness.to_tensors(described)
        tensors |= {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in named.items()}
    save_file(tensors, path, metadata=_facts(recipe, network))
    return path


def _facts(recipe: Recipe, network: UNet) -> dict[str, str]:
    return network.architecture.to_text() | {
        "name": recipe.name,
        "title": recipe.title,
        "stain": recipe.stain,
        "um_per_px": repr(recipe.um_per_px),
        "smallest_um": repr(recipe.smallest_um),
        "outline_level": repr(recipe.outline_level),
        "tissue_level": repr(recipe.tissue_level),
        "steps": str(recipe.steps),
        "seed": str(recipe.seed),
        "figures": "{}",
    }


def _pools(recipe: Recipe, data: Path, workers: int) -> list[Pool]:
    pools: list[Pool] = []
    for source in recipe.sources:
        if isinstance(source, RealSource):
            found = sources.read_real(source, data, stain=recipe.stain)
        elif isinstance(source, CorrectedSource):
            found = corrected.read(source, data, recipe)
        else:
            found = draw(source, workers, lambda done, total: None)
        log.info("%d examples from a %s source", len(found), source.kind)
        pools.append((found, source.share))
    return pools


def _relabelled(recipe: Recipe, pools: Sequence[Pool], data: Path, average: UNet) -> list[Pool]:
    """Replace the drafts of real sources by the outlines of the network so far."""
    teacher = _ready(recipe, average)

    def relabel(example: Example) -> NDArray[np.int32]:
        image = Image(
            pixels=example.pixels,
            channels=("gray",),
            full_scale=255.0,
            um_per_px=example.um_per_px,
            um_per_px_source="recipe",
            path="",
            sha256="",
            stain=recipe.stain,
        )
        return segment_with(image, teacher).labels

    return [
        (sources.read_real(source, data, relabel, stain=recipe.stain), share)
        if isinstance(source, RealSource) and source.drafts
        else (found, share)
        for source, (found, share) in zip(recipe.sources, pools, strict=True)
    ]


def _fresh(recipe: Recipe) -> UNet:
    torch.manual_seed(recipe.seed)
    network = UNet(Architecture(recipe.channels, recipe.classes))
    if recipe.start_from:
        stored = load_file(assets.model(recipe.start_from) / "weights.safetensors")
        network.load_state_dict({k: v for k, v in stored.items() if not likeness.is_ours(k)})
    return channels_last(network)


def _resume(path: Path, network: UNet, average: UNet, optimiser: torch.optim.Optimizer) -> int:
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def _save(
    path: Path, step: int, network: UNet, average: UNet, optimiser: torch.optim.Optimizer
) -> None:
    temporary = path.with_suffix(".tmp")
    state = {
        "step": step,
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    torch.save(state, temporary)
    temporary.replace(path)


def _set_rate(optimiser: torch.optim.Optimizer, recipe: Recipe, step: int) -> None:
    """Linear rise over the first twentieth, then half a cosine down to a hundredth."""
    rise = max(1, recipe.steps // 20)
    down = (step - rise) / max(1, recipe.steps - rise)
    share = (step + 1) / rise if step < rise else 0.01 + 0.99 * (1 + math.cos(math.pi * down)) / 2
    for group in optimiser.param_groups:
        group["lr"] = recipe.learning_rate * share


Batch = tuple[Tensor, Tensor, Tensor, Tensor]
_AHEAD = 2


def _batches(
    recipe: Recipe, pools: Sequence[Pool], steps: Sequence[int]
) -> Iterator[tuple[int, Batch]]:
    """Each step with its batch, which is cut while the step before it is learned."""
    with ThreadPoolExecutor(1) as cutter:
        waiting = deque(cutter.submit(_batch, recipe, pools, step) for step in steps[:_AHEAD])
        for position, step in enumerate(steps):
            batch = waiting.popleft().result()
            if position + _AHEAD < len(steps):
                waiting.append(cutter.submit(_batch, recipe, pools, steps[position + _AHEAD]))
            yield step, batch


def _batch(recipe: Recipe, pools: Sequence[Pool], step: int) -> Batch:
    rng = np.random.default_rng([recipe.seed, step])
    shares = np.array([share for _, share in pools])
    settings = CropSettings(
        recipe.crop_px,
        recipe.um_per_px,
        CoreMap(recipe.core, recipe.core_um),
        tuple(CLASS_NAMES.index(name) for name in recipe.classes),
        recipe.scale_jitter,
    )
    crops = []
    for _ in range(recipe.batch):
        pool = pools[int(rng.choice(len(pools), p=shares / shares.sum()))][0]
        crops.append(crop(pool[int(rng.integers(len(pool)))], rng, settings))
    stacks = (
        np.stack([getattr(c, name) for c in crops]) for name in ("pixels", "cover", "core", "known")
    )
    pixels, cover, core, known = (torch.from_numpy(stack) for stack in stacks)
    return pixels, cover, core, known


def _step(
    network: UNet, optimiser: torch.optim.Optimizer, batch: Batch, precision: str
) -> tuple[float, float]:
    device = next(network.parameters()).device
    pixels, cover, core, known = (tensor.to(device) for tensor in batch)
    network.train()
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        logits = network(pixels.contiguous(memory_format=torch.channels_last))
    logits = logits.float()
    count = known.sum().clamp(min=1)
    classes = -(cover * functional.log_softmax(logits[:, :-1], dim=1)).sum(dim=1)
    depth = functional.binary_cross_entropy_with_logits(logits[:, -1], core, reduction="none")
    class_loss, core_loss = (classes * known).sum() / count, (depth * known).sum() / count
    optimiser.zero_grad(set_to_none=True)
    (class_loss + core_loss).backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    return class_loss.item(), core_loss.item()


def _average(average: UNet, network: UNet, decay: float) -> None:
    with torch.no_grad():
        state = network.state_dict()
        for name, kept in average.state_dict().items():
            if kept.dtype.is_floating_point:
                kept.lerp_(state[name], 1 - decay)
            else:
                kept.copy_(state[name])


def _record(path: Path, step: int, losses: Sequence[tuple[float, float]], seconds: float) -> None:
    fresh = not path.is_file()
    mean = np.mean(losses, axis=0)
    with path.open("a", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        if fresh:
            rows.writerow(("step", "class_loss", "core_loss", "seconds"))
        rows.writerow((step, f"{mean[0]:.5f}", f"{mean[1]:.5f}", f"{seconds:.0f}"))
