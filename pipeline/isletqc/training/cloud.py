"""Training pictures -> the cloud that likeness is measured against.

Every picture is seen whole, relit as in training, and gives one point.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from isletqc.segment import learned, likeness
from isletqc.segment.prepare import resample, working_shape
from isletqc.training.augment import seen
from isletqc.training.examples import Example


def measure(
    trained: learned.TrainedNetwork, examples: Iterable[Example], *, looks: int, seed: int
) -> likeness.Cloud:
    """Fit the cloud of a network's training pictures, each under several lights."""
    points = [
        learned.predict(trained, _seen(example, trained.um_per_px, [seed, number, look])).point
        for number, example in enumerate(examples)
        for look in range(looks)
    ]
    return likeness.fit(np.stack(points))


def _seen(example: Example, um_per_px: float, seed: list[int]) -> NDArray[np.float32]:
    shape_yx = example.pixels.shape[0], example.pixels.shape[1]
    shape = working_shape(shape_yx, example.um_per_px, um_per_px)
    small = resample(example.pixels, shape) / np.float32(example.white)
    return seen(example, small.reshape(*shape, -1), np.random.default_rng(seed))
