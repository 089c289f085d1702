"""Sizes of the counted islets: index, mean, median, spread, fractions, the largest three.

Takes the islets that count, with their border weights; diameters are area-equivalent. Intervals
hold sampling (of as many islets as the weights are worth), the pixel size and the segmentation,
of whose volume error a third falls to the diameter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from isletqc.decide import spread
from isletqc.decide.spread import Known, Values
from isletqc.protocol import Sizing, Uncertainty
from isletqc.records import Estimate, Islet

_NO_ISLETS = "not determined: no islet counted"
_ONE_ISLET = "one islet gives no interval"
_LARGEST = 3
_UNITS = {
    "size_index": "1",
    "diameter_mean_um": "um",
    "diameter_median_um": "um",
    "diameter_cv": "1",
    "largest_three_share": "1",
}


def sizes(
    islets: Sequence[Islet], sizing: Sizing, given: Uncertainty, *, segmentation_rsd: float
) -> dict[str, Known]:
    """Estimate the size figures of a lot.

    Parameters
    ----------
    islets : those that count, of all sample pictures
    sizing : size window and oversize diameters
    given : confidence and pixel size error
    segmentation_rsd : of the total islet volume

    Returns
    -------
    dict
        ``size_index`` (IEQ per islet), ``diameter_mean_um``, ``diameter_median_um``,
        ``diameter_cv``, ``fraction_over_<d>_um`` for each oversize diameter,
        ``fraction_in_window`` where the protocol has a window, ``largest_three_share`` of the
        IEQ (a description without interval).
    """
    windows = _windows(sizing)
    if not islets:
        units = _UNITS | dict.fromkeys(windows, "1")
        return {n: Known(Estimate(n, None, u, reason=_NO_ISLETS)) for n, u in units.items()}
    seen = _Seen(
        diameters_um=np.array([i.diameter_um for i in islets]),
        weights=np.array([i.weight for i in islets]),
        ieq=np.array([i.ieq for i in islets]),
        confidence=given.confidence,
        pixel_rsd=given.pixel_size_rsd,
        boundary_rsd=segmentation_rsd / 3,
    )
    found = [_index(seen), _mean(seen), _median(seen), _variation(seen)]
    found += [_fraction(seen, name, window) for name, window in windows.items()]
    return {k.estimate.name: k for k in (*found, _largest(seen))}


@dataclass(frozen=True, slots=True)
class _Seen:
    """The counted islets and the relative errors of a diameter."""

    diameters_um: Values
    weights: Values
    ieq: Values
    confidence: float
    pixel_rsd: float
    boundary_rsd: float

    @property
    def worth(self) -> float:
        """Number of islets of equal weight that would be as precise."""
        return float(self.weights.sum() ** 2 / (self.weights**2).sum())


def _windows(sizing: Sizing) -> dict[str, tuple[float, float]]:
    over = {f"fraction_over_{d:g}_um".replace(".", "_"): (d, math.inf) for d in sizing.oversize_um}
    return over | ({"fraction_in_window": sizing.window_um} if sizing.window_um else {})


def _index(seen: _Seen) -> Known:
    return _ratio(seen, "size_index", seen.ieq, power=3)


def _mean(seen: _Seen) -> Known:
    return _ratio(seen, "diameter_mean_um", seen.diameters_um, power=1)


def _ratio(seen: _Seen, name: str, figure: Values, power: int) -> Known:
    """Weighted mean of a figure that goes with this power of the diameter."""
    w = seen.weights
    value = float(np.average(figure, weights=w))
    common = {"pixel size": power * seen.pixel_rsd, "segmentation": power * seen.boundary_rsd}
    if len(w) < 2:
        return Known(Estimate(name, value, _UNITS[name], reason=_ONE_ISLET))
    few = seen.worth / max(seen.worth - 1, 0.5)
    error = math.sqrt(few * float((w**2 * (figure - value) ** 2).sum())) / float(w.sum())
    rsd = error / value if value else 0.0
    # On the logarithm, as a mean of positive figures has its longer tail above.
    sampling = value * np.exp(spread.student(0.0, rsd, max(seen.worth - 1, 1.0)))
    return _known(
        seen, name, value, spread.blur(sampling, _joined(common)), {"sampling": rsd} | common
    )


def _median(seen: _Seen) -> Known:
    """Weighted median; its spread is that of the rank, read off the sorted diameters."""
    order = np.argsort(seen.diameters_um, kind="stable")
    diameters, weights = seen.diameters_um[order], seen.weights[order]
    ranks = (np.cumsum(weights) - weights / 2) / weights.sum()
    value = float(np.interp(0.5, ranks, diameters))
    common = {"pixel size": seen.pixel_rsd, "segmentation": seen.boundary_rsd}
    if len(weights) < 2:
        return Known(Estimate("diameter_median_um", value, "um", reason=_ONE_ISLET))
    sampling = np.interp(spread.share(seen.worth / 2, seen.worth), ranks, diameters)
    return _known(seen, "diameter_median_um", value, spread.blur(sampling, _joined(common)), common)


def _variation(seen: _Seen) -> Known:
    """Coefficient of variation; pixel size cancels."""
    w, d = seen.weights, seen.diameters_um
    name, count = "diameter_cv", len(seen.weights)
    if count < 2:
        return Known(Estimate(name, None, "1", reason="not determined: one islet has no spread"))
    value = _cv(d, w)
    if count < 3 or not value:
        return Known(Estimate(name, value, "1", reason="too few islets for an interval"))
    # Delta method on the first two moments.
    mean = float(np.average(d, weights=w))
    z = (d - mean) / (mean * value)
    influence = w * value * ((z * z - 1) / 2 - value * z)
    error = math.sqrt(float((influence**2).sum())) / float(w.sum())
    values = value * np.exp(spread.student(0.0, error / value, count - 1))
    return _known(seen, name, value, values, {"sampling": error / value})


def _cv(diameters_um: Values, weights: Values) -> float:
    mean = np.average(diameters_um, weights=weights)
    squares = np.average((diameters_um - mean) ** 2, weights=weights)
    few = len(weights) / (len(weights) - 1)
    return float(math.sqrt(few * squares) / mean)


def _fraction(seen: _Seen, name: str, window: tuple[float, float]) -> Known:
    """Fraction of islets over the lower and up to the upper diameter, um."""
    value = _inside(seen, window, 1.0)
    share_error = {
        "pixel size": _moved(seen, window, seen.pixel_rsd),
        "segmentation": _moved(seen, window, seen.boundary_rsd),
    }
    likely = (value * seen.worth + 0.5) / (seen.worth + 1)
    sampling = likely * (1 - likely) / seen.worth
    shift = sum(e**2 for e in share_error.values())
    trials = seen.worth * sampling / (sampling + shift)
    values = spread.share(value * trials, trials)
    parts = {"sampling": math.sqrt(sampling)} | share_error
    return _known(seen, name, value, values, {n: e / likely for n, e in parts.items()})


def _inside(seen: _Seen, window: tuple[float, float], scale: float) -> float:
    low, high = window
    d = seen.diameters_um * scale
    return float(seen.weights[(d > low) & (d <= high)].sum() / seen.weights.sum())


def _moved(seen: _Seen, window: tuple[float, float], rsd: float) -> float:
    """How far an error of one standard deviation in the diameters moves the fraction."""
    return abs(_inside(seen, window, 1 + rsd) - _inside(seen, window, 1 - rsd)) / 2


def _largest(seen: _Seen) -> Known:
    """Share of the islet equivalents in the three largest objects; a description."""
    ieq = np.sort(seen.ieq * seen.weights)
    total = float(ieq.sum())
    share = float(ieq[-_LARGEST:].sum()) / total if total > 0 else 0.0
    return Known(
        Estimate("largest_three_share", share, "1", reason="a description of what was seen")
    )


def _joined(rsd: Mapping[str, float]) -> float:
    return math.sqrt(sum(r**2 for r in rsd.values()))


def _known(seen: _Seen, name: str, value: float, values: Values, rsd: Mapping[str, float]) -> Known:
    low, high = spread.interval(values, seen.confidence)
    unit = _UNITS.get(name, "1")
    return Known(Estimate(name, value, unit, low, high, rsd_parts=rsd), values)
