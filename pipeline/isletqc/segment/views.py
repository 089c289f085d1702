"""One picture, seen six ways -> how far each islet's volume depends on the view.

Views: the picture, its three mirror images, and 0.87 and 1.15 times its size. Each islet's volume
is taken from the islet of every view that it shares most of its area with; where there is none, it
has no volume there. The standard deviation over the views, relative to their mean, is its raw
spread s. Networks err more than their views differ, as views of one picture share its stain and
light: the relative standard deviation that is stated is f s^(3/4), at most 1, with f measured for
each network on pictures whose truth is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from isletqc.segment import learned

Labels = NDArray[np.int32]
Values = NDArray[np.float64]

USUAL_FACTOR = 1.5  # of networks whose own was not measured
_POWER = 0.75
_MIRRORS = ((-1, 1), (1, -1), (-1, -1))
_SCALES = (0.87, 1.15)
_SAME = 0.5  # intersection over union


def others(
    trained: learned.TrainedNetwork, prepared: NDArray[np.float32]
) -> Iterator[learned.Prediction]:
    """Predictions of the other five views, on the grid of the prepared picture (y, x, 3)."""
    for y, x in _MIRRORS:
        seen = learned.predict(trained, np.ascontiguousarray(prepared[::y, ::x]))
        yield replace(
            seen,
            probabilities=np.ascontiguousarray(seen.probabilities[::y, ::x]),
            core=np.ascontiguousarray(seen.core[::y, ::x]),
        )
    shape = prepared.shape[0], prepared.shape[1]
    for scale in _SCALES:
        size = max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))
        seen = learned.predict(trained, _resized(prepared, size))
        planes = np.moveaxis(seen.probabilities, -1, 0)
        back = np.stack([_resized(np.ascontiguousarray(plane), shape) for plane in planes], axis=-1)
        yield replace(seen, probabilities=back, core=_resized(seen.core, shape))


def _resized(values: NDArray[np.float32], shape_yx: tuple[int, int]) -> NDArray[np.float32]:
    shrinking = shape_yx[0] < values.shape[0]
    method = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, shape_yx[::-1], interpolation=method), dtype=np.float32)


def spread(labels: Labels, views: Sequence[Labels]) -> Values:
    """Raw spread s of the volumes of islets 1..n over a picture and its other views, (n,)."""
    volumes = np.stack([_areas(labels) ** 1.5, *(partners(labels, view) for view in views)])
    mean = volumes.mean(axis=0)
    return np.asarray(volumes.std(axis=0, ddof=1) / np.maximum(mean, 1e-9))


def stated(raw: Values, factor: float) -> Values:
    """Relative standard deviation of volumes from their raw spread and the network's factor."""
    return np.minimum(factor * raw**_POWER, 1)


def joint(labels: Labels, rsd: Values) -> float | None:
    """Relative standard deviation of the sum of volumes; None without islets.

    Islets of one picture share its stain and light: their errors add up, they do not average out.
    """
    volumes = _areas(labels) ** 1.5
    return float(np.average(rsd, weights=volumes)) if volumes.sum() > 0 else None


def _areas(labels: Labels) -> Values:
    return np.bincount(labels.ravel())[1:].astype(np.float64)


def partners(labels: Labels, view: Labels) -> Values:
    """Area^(3/2) of the partner of each islet 1..n in another view; 0 where it has none, (n,)."""
    own, seen = _areas(labels), _areas(view)
    if not own.size or not seen.size:
        return np.zeros(own.size)
    both = (labels > 0) & (view > 0)
    width = seen.size + 1
    keys, counts = np.unique(labels[both].astype(np.int64) * width + view[both], return_counts=True)
    first, second = np.divmod(keys, width)
    same = counts >= _SAME * (own[first - 1] + seen[second - 1] - counts)
    found = np.zeros(own.size)
    # Over half of the union has one partner at most, but for ties: the larger stays.
    np.maximum.at(found, first[same] - 1, seen[second[same] - 1] ** 1.5)
    return found
