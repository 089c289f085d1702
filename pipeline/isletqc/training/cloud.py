"""Training pictures -> the cloud that likeness is measured against.

Pictures are seen whole and in part, relit as in training, and each gives one point. Copies that
the lights of training have turned grey teach a network to hold, but a grey picture is not like a
stained one: they are lit anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file

from isletqc.segment import learned, likeness
from isletqc.segment.prepare import resample, working_shape
from isletqc.training.augment import seen
from isletqc.training.examples import Example

_SMALLEST_PART = 0.25  # of the picture's area
_MOST_PX = 600_000.0  # at the working pixel size: larger pictures are cut, they tell no more
_COLOURED = 0.03  # mean difference of red and blue; less is grey
_LIGHTS = 20


def measure(
    trained: learned.TrainedNetwork, examples: Iterable[Example], *, looks: int, seed: int
) -> likeness.Cloud:
    """Fit the cloud of a network's training pictures, each under several lights.

    Parameters
    ----------
    trained : as it is used, with its outline level
    looks : the first shows the whole picture, further ones a part of it
    """
    points = [
        learned.predict(trained, _shown(example, trained.um_per_px, [seed, number, look])).point
        for look in range(looks)
        for number, example in enumerate(examples)
    ]
    return likeness.fit(np.stack(points))


def store(weights: Path, cloud: likeness.Cloud) -> None:
    """Write a cloud into a file of weights; nothing else in it changes."""
    with safe_open(weights, framework="pt") as stored:
        facts = stored.metadata()
        names = [key for key in stored.keys() if not likeness.is_ours(key)]  # noqa: SIM118
        tensors = {key: stored.get_tensor(key) for key in names}
    named = {key: torch.from_numpy(value) for key, value in likeness.to_tensors(cloud).items()}
    temporary = weights.with_suffix(".tmp")
    save_file(tensors | named, temporary, metadata=facts)
    temporary.replace(weights)


def _shown(example: Example, um_per_px: float, seed: list[int]) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    pixels = _part(example, um_per_px, rng, whole=seed[-1] == 0)
    shape = working_shape((pixels.shape[0], pixels.shape[1]), example.um_per_px, um_per_px)
    small = resample(pixels, shape) / np.float32(example.white)
    small = small.reshape(*shape, -1)
    for _ in range(_LIGHTS):
        shown = seen(example, small, rng)
        if example.fluorescent or _colour(small) < 2 * _COLOURED or _colour(shown) > _COLOURED:
            break
    return shown


def _colour(pixels: NDArray[np.float32]) -> float:
    return float(np.abs(pixels[..., 0] - pixels[..., -1]).mean())


def _part(
    example: Example, um_per_px: float, rng: np.random.Generator, *, whole: bool
) -> NDArray[np.generic]:
    """Cut a part of a picture, at random; never more than is worth looking at."""
    height, width = example.classes.shape
    working_px = height * width * (example.um_per_px / um_per_px) ** 2
    share = 1.0 if whole else float(rng.uniform(_SMALLEST_PART, 1))
    side = np.sqrt(min(share, _MOST_PX / working_px))
    high, wide = max(1, round(height * side)), max(1, round(width * side))
    top, left = (int(rng.integers(n + 1)) for n in (height - high, width - wide))
    return example.pixels[top : top + high, left : left + wide]
