"""Fraction of the counted clusters that are two grown together, with its interval.

The interval is Jeffreys' for as many clusters as the border weights are worth, made wider where
pictures differ by more than chance, and by the reading of the neck: what the fraction would be
were every neck ratio one standard deviation larger or smaller.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from isletqc.decide import spread
from isletqc.decide.shares import Shares, share
from isletqc.decide.spread import Known, Values
from isletqc.records import Estimate, Picture

# Of two overlapping discs on pixels, against the formula: within 0.04 in the tests.
NECK_SD = 0.03
_NAME = "fraction_fused"


def fraction_fused(
    pictures: Sequence[Picture], max_neck_ratio: float, *, confidence: float
) -> Known | None:
    """Estimate the fraction of fused clusters; None where nobody looked for them.

    Parameters
    ----------
    pictures : the sample pictures; their counted islets enter
    max_neck_ratio : a waist up to this share of the narrower lobe makes a fused pair
    confidence : of the interval
    """
    counted = [i for p in pictures for i in p.counted]
    if not counted:
        reason = "not determined: no islet counted"
        return Known(Estimate(_NAME, None, "1", reason=reason))
    if any(i.fused is None for i in counted):
        return None
    groups = [
        (np.array([i.neck_ratio or math.inf for i in p.counted]), _weights(p))
        for p in pictures
        if p.counted
    ]
    found = share([Shares((r <= max_neck_ratio).astype(float), w) for r, w in groups])
    necks, weights = (np.concatenate(parts) for parts in zip(*groups, strict=True))
    low, high = (
        float(np.average(necks <= max_neck_ratio + sign * NECK_SD, weights=weights))
        for sign in (-1, 1)
    )
    values, parts = found.spread({"neck reading": (high - low) / 2})
    ends = spread.interval(values, confidence)
    return Known(Estimate(_NAME, found.value, "1", *ends, rsd_parts=parts), values)


def _weights(picture: Picture) -> Values:
    return np.array([i.weight for i in picture.counted])
