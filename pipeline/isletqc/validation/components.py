"""Variance components of nested replicates, and intervals for sums of mean squares.

Analysis of variance with random factors, each nested in the one before it, balanced or not: the
sums of squares are set equal to what they are on average (Searle, Casella, McCulloch, Variance
Components, 1992, doi 10.1002/9780470316856). Sums of mean squares get Satterthwaite's degrees of
freedom (Biometrics Bull 1946;2:110, doi 10.2307/3002019); single components, which are
differences of mean squares, get the modified large sample interval (Ting, Burdick, Graybill,
Jeyaratnam, Lu, J Stat Comput Simul 1990;35:135, doi 10.1080/00949659008811240).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Numbers = NDArray[np.float64]
ERROR = "error"


@dataclass(frozen=True, slots=True)
class Anova:
    """Mean squares of nested factors, coarsest first, ``error`` last.

    Attributes
    ----------
    names : factors, then ``error``
    degrees, squares, mean_squares : (L,) of each
    weights : (L, L) row m times the mean squares is variance component m
    mean, count : of all values
    """

    names: tuple[str, ...]
    degrees: Numbers
    squares: Numbers
    mean_squares: Numbers
    weights: Numbers
    mean: float
    count: int

    @property
    def components(self) -> Numbers:
        """Variance components as they come out, below zero where chance has it so."""
        return np.asarray(self.weights @ self.mean_squares)


def nested(values: ArrayLike, factors: Mapping[str, Sequence[str]]) -> Anova:
    """Take nested replicates apart.

    Parameters
    ----------
    values : (N,) measurements
    factors : name -> (N,) level of each measurement, coarsest factor first; every factor must
        have at least two levels, and some finest group two values

    Returns
    -------
    Anova
    """
    y = np.asarray(values, float)
    groups = _groups(len(y), list(factors.values()))
    sums = np.array([_square_of_means(y, g) for g in groups])
    counts = np.array([g.max() + 1 for g in groups])
    squares, degrees = np.diff(sums), np.diff(counts).astype(float)
    expected = np.diff(_expected(groups), axis=0) / degrees[:, None]
    return Anova(
        names=(*factors, ERROR),
        degrees=degrees,
        squares=squares,
        mean_squares=squares / degrees,
        weights=np.linalg.inv(expected),
        mean=float(y.mean()),
        count=len(y),
    )


def satterthwaite(weights: Numbers, mean_squares: Numbers, degrees: Numbers) -> float:
    """Degrees of freedom of a weighted sum of mean squares."""
    parts = weights * mean_squares
    return float(parts.sum() ** 2 / (parts**2 / degrees).sum())


def variance_interval(variance: float, degrees: float, confidence: float) -> tuple[float, float]:
    """Chi-square interval of a variance."""
    tail = (1 - confidence) / 2
    low, high = stats.chi2.ppf([1 - tail, tail], degrees)
    return float(degrees * variance / low), float(degrees * variance / high)


def large_sample_interval(
    weights: Numbers, mean_squares: Numbers, degrees: Numbers, confidence: float
) -> tuple[float, float]:
    """Give the modified large sample interval of a weighted sum or difference of mean squares.

    Returns
    -------
    tuple
        Lower and upper end; a lower end under zero is zero.
    """
    tail, parts = (1 - confidence) / 2, weights * mean_squares
    plus, minus = weights > 0, weights < 0
    up = 1 - degrees / stats.chi2.isf(tail, degrees)
    down = degrees / stats.chi2.ppf(tail, degrees) - 1
    below = ((up * parts)[plus] ** 2).sum() + ((down * parts)[minus] ** 2).sum()
    above = ((down * parts)[plus] ** 2).sum() + ((up * parts)[minus] ** 2).sum()
    for q in np.flatnonzero(plus):
        for r in np.flatnonzero(minus):
            f_up = stats.f.isf(tail, degrees[q], degrees[r])
            f_down = stats.f.ppf(tail, degrees[q], degrees[r])
            product = -parts[q] * parts[r]
            below += product * ((f_up - 1) ** 2 - (up[q] * f_up) ** 2 - down[r] ** 2) / f_up
            above += product * ((1 - f_down) ** 2 - (down[q] * f_down) ** 2 - up[r] ** 2) / f_down
    middle = float(parts.sum())
    low = middle - float(np.sqrt(max(below, 0.0)))
    return max(low, 0.0), max(middle + float(np.sqrt(max(above, 0.0))), 0.0)


def _groups(count: int, levels: Sequence[Sequence[str]]) -> list[NDArray[np.intp]]:
    """Group number of each value: all in one, by each factor within the ones before, alone."""
    groups = [np.zeros(count, dtype=np.intp)]
    for level in levels:
        own = np.unique(np.asarray(level, dtype=str), return_inverse=True)[1]
        pairs = groups[-1] * (own.max() + 1) + own
        groups.append(np.unique(pairs, return_inverse=True)[1])
    return [*groups, np.arange(count)]


def _square_of_means(y: Numbers, group: NDArray[np.intp]) -> float:
    # About the grand mean, so that large values with little spread lose no digits.
    sums = np.bincount(group, y - y.mean())
    return float((sums**2 / np.bincount(group)).sum())


def _expected(groups: Sequence[NDArray[np.intp]]) -> Numbers:
    """How often each component counts in each level's sum of squared means."""
    table = np.empty((len(groups), len(groups) - 1))
    for i, coarse in enumerate(groups):
        for j, fine in enumerate(groups[1:], start=1):
            finest = fine if j > i else coarse
            sizes = np.bincount(finest)
            parent = np.zeros(len(sizes), dtype=np.intp)
            parent[finest] = coarse
            table[i, j - 1] = (sizes**2 / np.bincount(coarse)[parent]).sum()
    return table
