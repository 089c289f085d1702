"""Positive and co-expressing fractions of the nuclei of a lot, with intervals.

Each nucleus is above or below its marker's threshold, x = 1 or 0. With the share a of negative
nuclei above it and b of positive ones below it, (x - a) / (1 - a - b) is a score whose mean is the
true fraction (Rogan and Gladen, doi 10.1093/oxfordjournals.aje.a112510); the mean of the product of
several markers' scores is the fraction positive for all of them. The interval joins sampling, or
the scatter between pictures where that is larger, and the uncertainty of the thresholds.

All figures are supportive: flow cytometry is the method of record, and a picture shows the cells
that lie in its plane.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from isletqc.decide import spread
from isletqc.decide.lot import sample_pictures
from isletqc.decide.shares import Shares, share
from isletqc.decide.spread import Known, Values
from isletqc.measure.positivity import Threshold, from_control, from_two_components
from isletqc.protocol import Markers
from isletqc.records import Estimate, Lot, MarkerThreshold, Picture

_NO_CONTROL = (
    "not determined: no control picture in the lot; add one with role control to the sample sheet, "
    "or let the protocol take its thresholds from two components"
)
_NO_NUCLEI = "not determined: no nucleus found"


def thresholds(lot: Lot, settings: Markers) -> tuple[MarkerThreshold, ...]:
    """Threshold of each marker, by the method that the protocol names."""
    return tuple(_threshold(lot, settings, marker.name) for marker in settings.positive)


def estimates(
    lot: Lot, settings: Markers, found: Sequence[MarkerThreshold], *, confidence: float
) -> dict[str, Known]:
    """Estimate all fractions.

    Parameters
    ----------
    lot : its sample pictures of the last day
    settings : which fractions
    found : thresholds of all markers
    confidence : of the intervals

    Returns
    -------
    dict
        ``nuclei_count``, ``positive_<marker>`` and ``coexpression_<marker>_<marker>``.
    """
    pictures = [p for p in sample_pictures(lot) if p.nuclei]
    by_name = {t.marker: t for t in found}
    wanted: dict[str, tuple[str, ...]] = {
        f"positive_{m.name}": (m.name,) for m in settings.positive
    }
    wanted |= {f"coexpression_{'_'.join(names)}": names for names in settings.coexpression}
    count = float(sum(len(p.nuclei) for p in pictures))
    counted = Estimate("nuclei_count", count, "nuclei", reason="a description of what was seen")
    return {"nuclei_count": Known(counted)} | {
        name: _fraction(name, pictures, [by_name[n] for n in names], confidence)
        for name, names in wanted.items()
    }


def _threshold(lot: Lot, settings: Markers, name: str) -> MarkerThreshold:
    controls = [p for p in lot.pictures if p.sample.role == "control"]
    if settings.threshold == "control":
        found = (
            from_control(
                [_brightness([p], name) for p in controls],
                settings.control_percentile,
                sample=[_brightness([p], name) for p in sample_pictures(lot) if p.nuclei],
                max_shift=settings.max_control_shift,
            )
            if controls
            else Threshold(None, reason=_NO_CONTROL)
        )
    else:
        found = from_two_components(_brightness(sample_pictures(lot), name))
    return MarkerThreshold(
        marker=name,
        source=settings.threshold,
        value=found.value,
        sd=found.sd,
        false_positive=found.false_positive,
        false_negative=found.false_negative,
        reason=found.reason,
    )


def _brightness(pictures: Sequence[Picture], name: str) -> Values:
    return np.array([n.markers[name] for p in pictures for n in p.nuclei], float)


def _fraction(
    name: str, pictures: Sequence[Picture], found: Sequence[MarkerThreshold], confidence: float
) -> Known:
    reasons = [f"{t.marker}: {t.reason}" for t in found if t.value is None]
    if reasons or not pictures:
        reason = "; ".join(reasons) if reasons else _NO_NUCLEI
        return Known(Estimate(name, None, "1", reason=reason))
    seen = share([Shares(s, np.ones_like(s)) for s in _scores(pictures, found, {})])
    errors = {
        "threshold" if len(found) == 1 else f"threshold {t.marker}": _moved(pictures, found, t)
        for t in found
    }
    values, parts = seen.spread(errors)
    low, high = spread.interval(values, confidence)
    # The correction may leave 0 to 1; the value is held there and the interval must hold it.
    ends = min(low, seen.value), max(high, seen.value)
    return Known(Estimate(name, seen.value, "1", *ends, rsd_parts=parts), values)


def _scores(
    pictures: Sequence[Picture], found: Sequence[MarkerThreshold], shift: Mapping[str, float]
) -> list[Values]:
    """Score of each nucleus of each picture, thresholds moved by ``shift``."""
    return [
        np.prod([_score([p], t, shift.get(t.marker, 0.0)) for t in found], axis=0) for p in pictures
    ]


def _score(pictures: Sequence[Picture], found: MarkerThreshold, shift: float) -> Values:
    above = _brightness(pictures, found.marker) > (found.value or 0.0) + shift
    sure = 1 - found.false_positive - found.false_negative
    return np.asarray((above - found.false_positive) / sure, float)


def _moved(
    pictures: Sequence[Picture], found: Sequence[MarkerThreshold], moved: MarkerThreshold
) -> float:
    """How far one standard deviation of a threshold moves the fraction."""
    low, high = (
        float(np.concatenate(_scores(pictures, found, {moved.marker: sign * moved.sd})).mean())
        for sign in (-1, 1)
    )
    return abs(high - low) / 2
