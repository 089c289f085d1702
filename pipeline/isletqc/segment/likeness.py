"""How much a picture is like the ones a network learned from.

What a picture shows is told by the network's activations at every level, by the colours of its
input and by how unsure the network is of its pixels: their means and standard deviations over the
picture are one point. The training pictures are a cloud of such points, described by its main axes
and by what is left beside them. Two distances of a picture from the cloud, along the axes and
beside them, each in units of what 95 % of the training pictures keep, give the likeness: 1 while
both are kept, falling as the inverse of the larger one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Sums = NDArray[np.float64]

_PREFIX = "likeness."
_AXES = 48
_WITHIN = 0.95
_SPACING_PX = 8  # of the positions that are looked at; neighbours tell the same
_QUIET = 0.1  # of the median spread: features that hardly vary are not read more finely


@dataclass(frozen=True, slots=True)
class Cloud:
    """The training pictures as a cloud of points.

    Attributes
    ----------
    mean, scale : (D,) centre, and unit of each coordinate
    axes : (k, D) main axes in these units, rows of unit length
    spread : (k,) standard deviation along each axis
    reach : (2,) distances along and beside the axes that 95 % of the training pictures keep
    """

    mean: Floats
    scale: Floats
    axes: Floats
    spread: Floats
    reach: Floats


def sums(planes: Sequence[Floats]) -> Sums:
    """Add up planes (y, x, C): for each channel number of positions, sum, sum of squares, (3, D).

    Those of the parts of a picture add up to those of the picture.
    """
    return np.concatenate([_sums(plane) for plane in planes], axis=1)


def _sums(plane: Floats) -> Sums:
    # In double precision: the variance is a small difference of the two.
    values = plane.reshape(-1, plane.shape[2]).astype(np.float64)
    second = np.einsum("pc,pc->c", values, values)
    return np.stack((np.full(plane.shape[2], float(len(values))), values.sum(axis=0), second))


def planes(levels: Sequence[Floats], pixels: Floats, probabilities: Floats) -> list[Floats]:
    """Choose what is looked at.

    Parameters
    ----------
    levels : activations (y, x, C) of each level, finest first, each at every ``step``-th position
    pixels : the network's input (y, x, 3)
    probabilities : of the classes (C, y, x)
    """
    colours = pixels[::_SPACING_PX, ::_SPACING_PX]
    contrasts = colours[..., :-1] - colours[..., 1:]
    doubt = 1 - probabilities[:, ::_SPACING_PX, ::_SPACING_PX].max(axis=0)[..., None]
    return [*levels, colours, contrasts, doubt]


def step(level: int) -> int:
    """How far apart, in its own pixels, a level is looked at: 8 pixels of the input at least."""
    return max(1, _SPACING_PX >> level)


def point(found: Sums) -> Floats:
    """Mean and standard deviation of each channel, from its sums (3, D): (2 D,)."""
    count, first, second = found
    mean = first / count
    variance = np.maximum(second / count - mean**2, 0)
    return np.concatenate((mean, np.sqrt(variance))).astype(np.float32)


def fit(points: Floats) -> Cloud:
    """Describe a cloud of (N, D) points."""
    found = points.astype(np.float64)
    mean, deviation = found.mean(axis=0), found.std(axis=0)
    scale = deviation + _QUIET * np.median(deviation) + 1e-6
    _, sizes, rows = np.linalg.svd((found - mean) / scale, full_matrices=False)
    count = max(1, min(_AXES, len(found) // 4))
    spread = np.maximum(sizes[:count] / np.sqrt(len(found) - 1), 1e-6)
    rough = _cloud(mean, scale, rows[:count], spread, np.ones(2))
    reach = np.quantile([distances(rough, p) for p in points], _WITHIN, axis=0)
    return _cloud(mean, scale, rows[:count], spread, np.maximum(reach, 1e-6))


def _cloud(*parts: NDArray[np.float64]) -> Cloud:
    return Cloud(*(np.asarray(part, dtype=np.float32) for part in parts))


def distances(cloud: Cloud, where: Floats) -> tuple[float, float]:
    """Root mean square distance from the centre: along the axes, each in its spread; beside."""
    offset = (where - cloud.mean) / cloud.scale
    # By sums: the threads of BLAS get in the way of other processes.
    along = np.einsum("ij,j->i", cloud.axes, offset)
    beside = offset - np.einsum("i,ij->j", along, cloud.axes)
    return (
        float(np.sqrt(np.mean((along / cloud.spread) ** 2))),
        float(np.sqrt(np.mean(beside**2))),
    )


def likeness(cloud: Cloud, where: Floats) -> float:
    """Likeness from 0 (nothing like them) to 1 (as like as 95 % of the training pictures)."""
    far = max(np.array(distances(cloud, where)) / cloud.reach)
    return float(min(1.0, 1 / far)) if far > 0 else 1.0


_PARTS = ("mean", "scale", "axes", "spread", "reach")


def to_tensors(cloud: Cloud) -> dict[str, Floats]:
    """Name the cloud's arrays as they stand in a file of weights."""
    return {_PREFIX + part: np.asarray(getattr(cloud, part), np.float32) for part in _PARTS}


def is_ours(key: str) -> bool:
    """Whether a tensor in a file of weights belongs to the cloud."""
    return key.startswith(_PREFIX)


def from_tensors(tensors: dict[str, Floats]) -> Cloud | None:
    """Inverse of ``to_tensors``; None where the weights carry no cloud, or one of another kind."""
    if any(_PREFIX + part not in tensors for part in _PARTS):
        return None
    return Cloud(*(tensors[_PREFIX + part] for part in _PARTS))
