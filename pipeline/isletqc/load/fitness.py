"""Is a picture fit to be measured? Focus, exposure, contrast, evenness of light, calibration.

Everything is measured at physical scales, on a copy at about 2 um per pixel, so that the same
limits hold for every objective.

* Focus: energy of the edges at 4, 8 and 16 um. A blur of s um lets the energy of a structure of
  any shape fall as ``(s^2 + scale^2)^-n``; the ratio of two falls on a log scale cancels n and
  contrast, and leaves s. It is 1 for sharp edges and approaches 0.25 for wholly blurred ones
  (after the re-blur idea of Zhuo and Sim, doi:10.1016/j.patcog.2011.03.009).
* Light: the upper envelope of the background, with dark objects that do not reach across the
  border filled in, against a smooth surface.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.morphology import reconstruction

from isletqc.protocol import FitnessLimits
from isletqc.records import Check, Fitness, Image, Relation

_WORKING_UM = 2.0
_FINEST_UM = 4.0
_TILE_UM = 250.0
_LEVELS = 3
_STRONG_SHARE = 0.1
_BLURS_UM = np.geomspace(0.1, 100, 400)
_BLACK_LEVEL = 0.01
_CELL = 6
_COARSE_UM = 16.0
_CLOSING_UM = 300.0
_DEPARTURE = 0.1
_BRIGHT_GROUND = ("dithizone", "brightfield")
Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Level:
    """The picture blurred to one scale, and its side of a pixel."""

    plane: Plane
    px_um: float
    scale_um: float


@dataclass(frozen=True, slots=True)
class _View:
    """What the checks look at: one channel as grey values in units of full scale."""

    levels: tuple[_Level, ...]
    noise: float
    background: Plane
    bright_ground: bool


def assess(image: Image, limits: FitnessLimits) -> Fitness:
    """Check whether a picture is fit to be measured.

    Parameters
    ----------
    image : the picture as read
    limits : the protocol's limits

    Returns
    -------
    Fitness
        All checks; one that makes no sense for the stain (dark background, no edges) is
        ``skipped`` with its reason. Nothing raises for a bad picture.
    """
    bright_ground = image.stain in _BRIGHT_GROUND
    views = [_view(plane, image.um_per_px, bright_ground) for plane in _planes(image)]
    contrasts = [_contrast(view) for view in views]
    best = int(np.argmax(contrasts))
    contrast, view = contrasts[best], views[best]
    return Fitness(
        (
            _focus_check(view, limits, has_edges=contrast >= limits.min_contrast),
            _saturation_check(image, limits),
            _black_check(image, limits),
            _contrast_check(contrast, limits),
            *_light_checks(image, limits),
            _pixel_size_check(image.um_per_px, limits),
        )
    )
