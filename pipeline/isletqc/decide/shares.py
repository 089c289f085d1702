"""A fraction of objects seen in several pictures, and what is known of it.

Each object says yes or no, or gives a score whose mean is the fraction. Objects of one picture may
be more alike than chance makes them: the variance is the larger of that within one common pool and
that between pictures (the cluster-sampling estimate of a ratio). The fraction is then known as if
from fewer independent objects, and Jeffreys' interval of that number is taken.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from isletqc.decide import spread
from isletqc.decide.spread import Values


@dataclass(frozen=True, slots=True)
class Shares:
    """One picture's objects: what each says, and how much it weighs."""

    scores: Values
    weights: Values


@dataclass(frozen=True, slots=True)
class Share:
    """A fraction, the variance of its sampling, and whether pictures differ beyond chance.

    ``each`` is the variance of one object's answer, not 0 where all agree.
    """

    value: float
    variance: float
    each: float
    between: bool

    def spread(self, errors: Mapping[str, float]) -> tuple[Values, dict[str, float]]:
        """Values behind the interval, and the parts of the relative standard deviation.

        Parameters
        ----------
        errors : further standard deviations of the fraction, by name
        """
        total = self.variance + sum(e**2 for e in errors.values())
        trials = self.each / total
        values = spread.share(self.value * trials, trials)
        name = "between pictures" if self.between else "sampling"
        parts = {name: math.sqrt(self.variance)} | dict(errors)
        scale = max(self.value, 1e-9)
        return values, {n: e / scale for n, e in parts.items()}


def share(pictures: Sequence[Shares]) -> Share:
    """Pool the pictures, at least one object in all.

    The fraction is held within 0 to 1, which scores can leave by chance.
    """
    scores = np.concatenate([p.scores for p in pictures])
    weights = np.concatenate([p.weights for p in pictures])
    whole = float(weights.sum())
    value = float(np.clip(scores @ weights / whole, 0, 1))
    worth = whole**2 / float((weights**2).sum())
    # One object of each kind is taken as seen, so that no or all leave a variance too.
    likely = (value * worth + 0.5) / (worth + 1)
    each = likely * (1 - likely)
    within = max(float((weights**2 * (scores - value) ** 2).sum()) / whole**2, each / worth)
    among = _between(pictures, value, whole)
    return Share(value, max(within, among), each, among > within)


def _between(pictures: Sequence[Shares], value: float, whole: float) -> float:
    count = len(pictures)
    if count < 2:
        return 0.0
    gaps = [float(p.weights @ (p.scores - value)) for p in pictures]
    return count / (count - 1) * sum(g**2 for g in gaps) / whole**2
