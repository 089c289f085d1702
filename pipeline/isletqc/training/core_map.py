"""Labels -> the map that a network learns in order to part islets that touch.

Of three kinds; which one ships was chosen by measurement (``scripts/ablation``). All are one in
the middle of an islet and zero outside it, so that seeds are found in all of them alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from isletqc.segment.depth import depth_px

Core = Literal["distance", "boundary", "centre"]
Maps = NDArray[np.float32]

_BAND = 0.3  # of core_um: how far a boundary reaches inwards
_SPREAD = 0.5  # of an islet's radius: the standard deviation of its centre's hill


@dataclass(frozen=True, slots=True)
class CoreMap:
    """Kind of map, and the depth below the outline at which ``distance`` reaches one."""

    kind: Core
    um: float


def core_map(labels: NDArray[Any], um_per_px: float, settings: CoreMap) -> Maps:
    """Map (Y, X) from 0 to 1 of the islets of a label image.

    ``distance``: depth below the nearest outline or contact, as a share of ``um``, at most 1.
    ``boundary``: 1 but for a band along outlines and contacts.
    ``centre``: a Gaussian hill on the middle of each islet, half as wide as the islet.
    """
    if settings.kind == "centre":
        return _centres(labels)
    depth = depth_px(_inside(labels)) * np.float32(um_per_px / settings.um)
    if settings.kind == "boundary":
        return (depth > _BAND).astype(np.float32)
    return np.asarray(np.minimum(depth, 1), dtype=np.float32)


def _inside(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels of an islet whose neighbours are of the same one."""
    same = np.ones(labels.shape, dtype=np.bool_)
    down, across = labels[1:] == labels[:-1], labels[:, 1:] == labels[:, :-1]
    same[1:] &= down
    same[:-1] &= down
    same[:, 1:] &= across
    same[:, :-1] &= across
    inside: NDArray[np.bool_] = same & (labels != 0)
    return inside


def _centres(labels: NDArray[Any]) -> Maps:
    numbers, flat = np.unique(labels, return_inverse=True)
    flat = flat.ravel()
    y, x = (axis.ravel() for axis in np.indices(labels.shape))
    area = np.bincount(flat)
    middle_y, middle_x = (np.bincount(flat, weights=axis) / area for axis in (y, x))
    far2 = (y - middle_y[flat]) ** 2 + (x - middle_x[flat]) ** 2
    hill = np.exp(-far2 / (2 * _SPREAD**2 * (area / np.pi)[flat]))
    return np.where(numbers[flat] == 0, 0, hill).reshape(labels.shape).astype(np.float32)
