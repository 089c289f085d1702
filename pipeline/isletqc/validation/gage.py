"""Gage R&R: how much of the spread of repeated measurements is the measuring itself.

Every operator measures every part the same number of times (crossed study). Two-way analysis of
variance with random parts and operators; the interaction is pooled with the repeatability when
its F test has p over 0.25 (AIAG, Measurement Systems Analysis, 4th edition, 2010, ANOVA method).
The interval of the R&R variance is the modified large sample one (Burdick, Borror, Montgomery,
J Qual Technol 2003;35:342, doi 10.1080/00224065.2003.11980232).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from isletqc.validation.components import large_sample_interval

POOL_ABOVE = 0.25
# AIAG: under 10 % of the study variation acceptable, up to 30 % conditional; 5 categories or more.
ACCEPTABLE, CONDITIONAL, CATEGORIES = 10.0, 30.0, 5

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Source:
    """One line of the analysis of variance; ``probability`` of its F test, None without one."""

    name: str
    degrees: float
    squares: float
    mean_square: float
    f: float | None = None
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Gage:
    """Variances of a study; ``sources`` before pooling, ``interaction`` 0 when pooled."""

    sources: tuple[Source, ...]
    pooled: bool
    repeatability: float
    operator: float
    interaction: float
    part: float
    rr_interval: tuple[float, float]

    @property
    def reproducibility(self) -> float:
        """Variance between operators, interaction included."""
        return self.operator + self.interaction

    @property
    def rr(self) -> float:
        """Variance of the measuring: repeatability and reproducibility."""
        return self.repeatability + self.reproducibility

    @property
    def total(self) -> float:
        """Variance of all that varies."""
        return self.rr + self.part

    @property
    def grr_percent(self) -> float:
        """Share of the study variation that is the measuring, by standard deviations, percent."""
        return 100 * math.sqrt(self.rr / self.total) if self.total else 0.0

    @property
    def distinct_categories(self) -> int | None:
        """Groups of parts that can be told apart, 1 or more; None when nothing is uncertain."""
        if not self.rr:
            return None
        return max(1, math.floor(1.41 * math.sqrt(self.part / self.rr)))

    @property
    def verdict(self) -> str:
        """What AIAG calls it: acceptable, conditional or not acceptable."""
        few = self.distinct_categories is not None and self.distinct_categories < CATEGORIES
        if self.grr_percent > CONDITIONAL:
            return "not acceptable"
        return "conditional" if few or self.grr_percent >= ACCEPTABLE else "acceptable"


def crossed(values: ArrayLike, *, confidence: float) -> Gage:
    """Analyse a crossed study.

    Parameters
    ----------
    values : (parts, operators, repeats) measurements, each at least 2
    confidence : of the interval of the R&R variance
    """
    y = np.asarray(values, float)
    p, o, n = y.shape
    sources = _sources(y)
    part, operator, both, error = sources
    pooled = (both.probability or 0.0) > POOL_ABOVE
    if pooled:
        degrees = both.degrees + error.degrees
        within = between = (both.squares + error.squares) / degrees
        weights, squares = np.array([1.0, p * n - 1]) / (p * n), [operator.mean_square, within]
        freedom = [operator.degrees, degrees]
    else:
        within, between = error.mean_square, both.mean_square
        weights = np.array([1.0, p - 1, p * (n - 1)]) / (p * n)
        squares = [operator.mean_square, between, within]
        freedom = [operator.degrees, both.degrees, error.degrees]
    return Gage(
        sources=sources,
        pooled=pooled,
        repeatability=within,
        operator=max((operator.mean_square - between) / (p * n), 0.0),
        interaction=max((between - within) / n, 0.0),
        part=max((part.mean_square - between) / (o * n), 0.0),
        rr_interval=large_sample_interval(
            weights, np.array(squares), np.array(freedom), confidence
        ),
    )


def _sources(y: Numbers) -> tuple[Source, Source, Source, Source]:
    p, o, n = y.shape
    grand, cells = y.mean(), y.mean(axis=2)
    parts, operators = cells.mean(axis=1), cells.mean(axis=0)
    of_parts = o * n * float(((parts - grand) ** 2).sum())
    of_operators = p * n * float(((operators - grand) ** 2).sum())
    both = n * float(((cells - parts[:, None] - operators + grand) ** 2).sum())
    error = float(((y - cells[:, :, None]) ** 2).sum())
    within = error / (p * o * (n - 1))
    interaction = _source("part x operator", (p - 1) * (o - 1), both, within, p * o * (n - 1))
    between, degrees = interaction.mean_square, interaction.degrees
    return (
        _source("part", p - 1, of_parts, between, degrees),
        _source("operator", o - 1, of_operators, between, degrees),
        interaction,
        Source("repeatability", p * o * (n - 1), error, within),
    )


def _source(name: str, degrees: float, squares: float, against: float, of: float) -> Source:
    mean_square = squares / degrees
    if not against > 0:
        return Source(name, degrees, squares, mean_square)
    f = mean_square / against
    return Source(name, degrees, squares, mean_square, f, float(stats.f.sf(f, degrees, of)))
