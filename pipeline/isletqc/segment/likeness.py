"""How much a picture is like the ones a network learned from.

The deepest activations say what a picture shows. Their mean and spread over a picture are one
point; the training pictures are a cloud of such points, described by its main axes and what is
left beside them. A picture's distance from the cloud, in units of the cloud's own spread, gives
the likeness: 1 within the distance that 99 % of the training pictures keep, falling as its inverse.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_PREFIX = "likeness."
_AXES = 24
_WITHIN = 0.99


@dataclass(frozen=True, slots=True)
class Cloud:
    """The training pictures as a cloud of points.

    Attributes
    ----------
    mean : (D,) centre
    axes : (k, D) main axes, rows of unit length
    spread : (k + 1,) standard deviation along each axis, then of the distance beside them
    reach : (1,) distance that 99 % of the training pictures keep
    """

    mean: Floats
    axes: Floats
    spread: Floats
    reach: Floats


def point(deepest: Floats) -> Floats:
    """Mean and standard deviation over a picture of activations (C, positions): (2 C,)."""
    return np.concatenate((deepest.mean(axis=1), deepest.std(axis=1)))


def fit(points: Floats) -> Cloud:
    """Describe a cloud of (N, D) points; half of them give its axes, the other half its reach."""
    first, second = points[::2], points[1::2]
    mean = first.mean(axis=0)
    _, sizes, rows = np.linalg.svd(first - mean, full_matrices=False)
    count = min(_AXES, len(first) // 4)
    axes = rows[:count]
    beside = _beside(second - mean, axes)
    spread = np.append(sizes[:count] / np.sqrt(len(first) - 1), np.sqrt(np.mean(beside**2)))
    rough = Cloud(mean, axes, np.maximum(spread, 1e-6), np.ones(1, dtype=np.float32))
    reach = np.quantile([distance(rough, p) for p in second], _WITHIN)
    return Cloud(rough.mean, rough.axes, rough.spread, np.array([reach]))


def distance(cloud: Cloud, where: Floats) -> float:
    """Root mean square distance from the centre, each part in units of its own spread."""
    offset = where - cloud.mean
    parts = np.append(cloud.axes @ offset, _beside(offset[None], cloud.axes))
    return float(np.sqrt(np.mean((parts / cloud.spread) ** 2)))


def likeness(cloud: Cloud, where: Floats) -> float:
    """Likeness from 0 (nothing like them) to 1 (as like as 99 % of the training pictures)."""
    far = distance(cloud, where)
    return float(min(1.0, cloud.reach[0] / far)) if far > 0 else 1.0


def to_tensors(cloud: Cloud) -> dict[str, Floats]:
    """Name the cloud's arrays as they stand in a file of weights."""
    named = {"mean": cloud.mean, "axes": cloud.axes, "spread": cloud.spread, "reach": cloud.reach}
    return {_PREFIX + key: np.asarray(value, dtype=np.float32) for key, value in named.items()}


def is_ours(key: str) -> bool:
    """Whether a tensor in a file of weights belongs to the cloud."""
    return key.startswith(_PREFIX)


def from_tensors(tensors: dict[str, Floats]) -> Cloud | None:
    """Inverse of ``to_tensors``; None where the weights carry no cloud."""
    if not tensors:
        return None
    return Cloud(*(tensors[_PREFIX + key] for key in ("mean", "axes", "spread", "reach")))


def _beside(offsets: Floats, axes: Floats) -> Floats:
    """Length of what is left of each offset (N, D) beside the axes."""
    left: Floats = np.linalg.norm(offsets - offsets @ axes.T @ axes, axis=1)
    return left
