"""Whether the aliquots of a lot differ by more than chance.

Badly mixed suspensions give aliquots that differ by more than compound Poisson sampling and
pipetting allow. With two to four aliquots the spread between them is known so badly that using it
always would ruin the interval; it is used when a chi-square test says that it is real, and then
with Student's quantile for its few degrees of freedom.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtri, stdtrit

# Of well-mixed lots, this share is called badly mixed, and this share has its interval widened.
# Calling a person costs more than widening an interval, so it takes more evidence.
FLAGGED, WIDENED = 0.01, 0.05


@dataclass(frozen=True, slots=True)
class Dispersion:
    """Observed over expected variance between aliquots, and the chance of it under good mixing."""

    ratio: float
    probability: float
    degrees: int

    @property
    def excessive(self) -> bool:
        """Whether the aliquots differ so much that a person should know."""
        return self.probability < FLAGGED and self.ratio > 1

    def inflation(self, confidence: float) -> float:
        """Factor on the sampling variance; 1 unless the aliquots differ significantly."""
        if self.probability >= WIDENED or self.ratio <= 1:
            return 1.0
        tail = (1 + confidence) / 2
        few = stdtrit(self.degrees, tail) / ndtri(tail)
        return float(self.ratio * few**2)


NONE = Dispersion(ratio=1.0, probability=1.0, degrees=0)


def between(values: ArrayLike, variances: ArrayLike) -> Dispersion:
    """Compare values that should be one value, each with its variance under good mixing.

    Parameters
    ----------
    values : (M,) the same figure from each aliquot
    variances : (M,) its expected variance in each; over 0
    """
    y, expected = np.asarray(values, float), np.asarray(variances, float)
    degrees = y.size - 1
    if degrees < 1 or not (expected > 0).all():
        return NONE
    middle = (y / expected).sum() / (1 / expected).sum()
    square = float(((y - middle) ** 2 / expected).sum())
    return Dispersion(square / degrees, float(chdtrc(degrees, square)), degrees)
