"""How even is the light of a picture on a bright ground, whatever lies in front of it.

Takes a coarse grey picture; gives its background as an upper envelope: the bright tenth of small
cells, with dark objects closed that are smaller than 300 um or do not reach the border. What the
envelope is not allowed to close is light itself: a lamp out of centre, the edge of the dish.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.morphology import reconstruction

_CELL_PX = 6
_BRIGHT_PERCENTILE = 90
_CLOSED_UM = 300.0
_DIM, _BRIGHT = 3, 97
_DEPARTURE = 0.1
_ROUNDS = 15
_FLOOR = 1e-4

Plane = NDArray[np.float32]


def background(coarse: Plane, px_um: float) -> Plane:
    """Find the background of a picture cell by cell.

    Parameters
    ----------
    coarse : (Y, X) float32, at least 6 x 6, fractions of full scale
    px_um : side of its pixels; a cell is six of them

    Returns
    -------
    (Y / 6, X / 6) float32
    """
    rows, columns = coarse.shape[0] // _CELL_PX, coarse.shape[1] // _CELL_PX
    cells = coarse[: rows * _CELL_PX, : columns * _CELL_PX]
    cells = cells.reshape(rows, _CELL_PX, columns, _CELL_PX).swapaxes(1, 2)
    bright = np.percentile(cells.reshape(rows, columns, -1), _BRIGHT_PERCENTILE, axis=2)
    return _lamp_apart(bright.astype(np.float32), px_um)


def evenness(envelope: Plane) -> float:
    """Compare the dimmest part of a background with its brightest, 0 to 1."""
    dim, bright = np.percentile(envelope, (_DIM, _BRIGHT))
    return float(dim / bright) if bright > 0 else 0.0


def surface(envelope: Plane) -> Plane:
    """Fit the smooth light of a lamp to a background.

    A quadratic in the logarithm, fitted by least absolute deviations: a lamp's fall-off follows
    it, the edge of a dish, a shade or a bubble does not and is passed over.

    Returns
    -------
    (Y, X) float32, the shape of ``envelope``
    """
    down, across = np.mgrid[-1 : 1 : envelope.shape[0] * 1j, -1 : 1 : envelope.shape[1] * 1j]
    terms = (np.ones_like(down), down, across, down**2, across**2, down * across)
    design = np.stack(terms, axis=-1).reshape(-1, len(terms))
    values = np.log(np.maximum(envelope.ravel().astype(np.float64), _FLOOR))
    smooth = _fitted(design, values, np.ones_like(values))
    for _ in range(_ROUNDS - 1):
        away = np.abs(values - smooth)
        smooth = _fitted(design, values, 1 / np.maximum(away, _DEPARTURE / 10))
    return np.asarray(np.exp(smooth).reshape(envelope.shape), np.float32)


def _fitted(
    design: NDArray[np.float64], values: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Values of the weighted least-squares fit.

    By sums, not by BLAS: its threads wait for each other longer than they work when several
    processes share the cores.
    """
    weighted = design * weights[:, None]
    normal = np.einsum("ij,ik->jk", weighted, design)
    fit, *_ = np.linalg.lstsq(normal, np.einsum("ij,i->j", weighted, values), rcond=None)
    return np.asarray(np.einsum("ij,j->i", design, fit))


def off_field_share(envelope: Plane) -> float:
    """Share of a background that departs by over 10 % from its smooth surface."""
    ratio = np.maximum(envelope, _FLOOR) / np.maximum(surface(envelope), _FLOOR)
    return float(np.mean(np.abs(np.log(ratio)) > math.log1p(_DEPARTURE)))


def _lamp_apart(bright: Plane, px_um: float) -> Plane:
    """Close dark objects in what the lamp's own fall-off leaves: else dim corners were closed."""
    lamp = np.maximum(surface(_holes_filled(_closed(bright, px_um))), _FLOOR)
    share = np.asarray(bright / lamp, np.float32)
    return np.asarray(_holes_filled(_closed(share, px_um)) * lamp, np.float32)


def _closed(bright: Plane, px_um: float) -> Plane:
    reach = round(_CLOSED_UM / (2 * _CELL_PX * px_um))
    reach = max(1, min(reach, min(bright.shape) // 8))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.morphologyEx(bright, cv2.MORPH_CLOSE, disc), np.float32)


def _holes_filled(bright: Plane) -> Plane:
    """Raise dark parts that do not touch the border to the lowest rim around them."""
    flooded = np.full_like(bright, bright.max())
    flooded[[0, -1]], flooded[:, [0, -1]] = bright[[0, -1]], bright[:, [0, -1]]
    filled = reconstruction(flooded, bright, method="erosion")  # type: ignore[no-untyped-call]
    return np.asarray(filled, np.float32)
