"""Islet equivalents from sizes: plain numbers, no pixels.

Takes diameters and axes in um, gives volumes in nL and islet equivalents (IEQ) by each convention
in use. 1 IEQ is the volume of a sphere of 150 um. The 50 um class factors are the mean of the
volumes at the two ends of the class, (a^3 + b^3) / (2 x 150^3), as printed in the long table; the
short table rounds them. Definitions and their bias: doi 10.1177/0963689718779898.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isletqc.protocol import Convention

IEQ_DIAMETER_UM = 150.0
IEQ_VOLUME_NL = math.pi / 6 * IEQ_DIAMETER_UM**3 * 1e-6

# Classes are half open, [50, 100) and so on; smaller islets contribute nothing and the last class
# holds everything from 350 um up with the factor of 350 to 400 um.
CLASS_EDGES_UM = (50.0, 100.0, 150.0, 200.0, 250.0, 300.0, 350.0)
RICORDI_LONG = (0.167, 0.648, 1.685, 3.500, 6.315, 10.352, 15.833)
RICORDI_SHORT = (1 / 6, 1 / 1.5, 1.7, 3.5, 6.3, 10.4, 15.8)

CONVENTIONS: tuple[Convention, ...] = (
    "sphere",
    "ricordi-long",
    "ricordi-short",
    "prolate",
    "oblate",
    "extrusion",
)


def sphere_nl(diameter_um: ArrayLike) -> NDArray[np.float64]:
    """Volume of spheres, nL: pi/6 d^3."""
    return np.asarray(math.pi / 6 * 1e-6 * np.asarray(diameter_um, float) ** 3)


def spheroid_nl(turned_um: ArrayLike, other_um: ArrayLike) -> NDArray[np.float64]:
    """Volume of spheroids, nL: pi/6 x turned^2 x other.

    ``turned_um`` is the axis that is taken for the unseen third one: the minor axis gives the
    prolate spheroid, the major axis the oblate one.
    """
    turned = np.asarray(turned_um, float)
    return np.asarray(math.pi / 6 * 1e-6 * turned**2 * np.asarray(other_um, float))


def class_factor(diameter_um: ArrayLike, factors: Sequence[float]) -> NDArray[np.float64]:
    """IEQ of one islet by its 50 um class; 0 below 50 um."""
    index = np.searchsorted(CLASS_EDGES_UM, np.asarray(diameter_um, float), side="right")
    return np.concatenate([[0.0], factors])[index]


def volume_nl(
    convention: Convention,
    *,
    diameter_um: ArrayLike,
    major_um: ArrayLike,
    minor_um: ArrayLike,
    extrusion_nl: ArrayLike,
) -> NDArray[np.float64]:
    """Volume of each islet, nL, as the convention has it.

    Parameters
    ----------
    convention : one of ``CONVENTIONS``
    diameter_um : (N,) area-equivalent diameters, 2 sqrt(area / pi)
    major_um, minor_um : (N,) axes of the ellipse with the islet's second moments
    extrusion_nl : (N,) volume by spherical extrusion (doi 10.5566/ias.1869)
    """
    match convention:
        case "sphere":
            return sphere_nl(diameter_um)
        case "ricordi-long":
            return class_factor(diameter_um, RICORDI_LONG) * IEQ_VOLUME_NL
        case "ricordi-short":
            return class_factor(diameter_um, RICORDI_SHORT) * IEQ_VOLUME_NL
        case "prolate":
            return spheroid_nl(minor_um, major_um)
        case "oblate":
            return spheroid_nl(major_um, minor_um)
        case "extrusion":
            return np.asarray(extrusion_nl, float)


def ieq(volume_nl: ArrayLike) -> NDArray[np.float64]:
    """Islet equivalents of volumes in nL."""
    return np.asarray(volume_nl, float) / IEQ_VOLUME_NL


def size_classes(diameter_um: ArrayLike, weights: ArrayLike | None = None) -> NDArray[np.float64]:
    """Count the islets in each class of ``CLASS_EDGES_UM``, border weights applied; (7,)."""
    edges = [*CLASS_EDGES_UM, np.inf]
    counts, _ = np.histogram(np.asarray(diameter_um, float), bins=edges, weights=weights)
    return counts.astype(float)


def size_index(ieq_sum: float, count: float) -> float | None:
    """IEQ per islet (doi 10.1097/TP.0000000000002392 and others); None without islets."""
    return ieq_sum / count if count > 0 else None
