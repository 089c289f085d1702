"""Counts and islet equivalents: in the pictures, in the lot, per kg and per mL of tissue.

Total = mean over aliquots of (counted / aliquot volume x dilution) x suspension volume. Its
relative variance joins sampling (compound Poisson, with the variance between aliquots where that
is excessive), pixel size (three times, as volumes go with its cube), segmentation, and the errors
of the entered volumes. The error of the aliquot volume and the stated unevenness of mixing shrink
with the number of aliquots; the others are shared by all of them. A volume that nobody entered
leaves the total undetermined; a dilution that nobody entered for any aliquot means that nothing
was diluted.

``islet_count`` and ``ieq_counted`` are what the pictures show; their intervals say what samples
of the same size from the same suspension show on average.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from isletqc.decide import dispersion, spread
from isletqc.decide.dispersion import Dispersion
from isletqc.decide.lot import Aliquot
from isletqc.decide.spread import Known, Values
from isletqc.protocol import Uncertainty
from isletqc.records import Estimate, Lot

# With no islet counted, the bound on their number stands; it becomes a bound on the islet
# equivalents as if the unseen islets had the reference size of 150 um.
_REFERENCE_IEQ = 1.0
# Fewer islets do not show how large the largest are: in simulated lots with 5 islets seen,
# limits from above were falsely passed in up to 10 of 100.
FEWEST_FOR_UPPER_LIMIT = 10

_NO_PICTURE = "not determined: no picture could be analysed"
_ONLY_CONTROLS = "not determined: all pictures that could be analysed are controls, none a sample"
_UNITS = {
    "islet_count": "islets",
    "ieq_counted": "IEQ",
    "islet_total": "islets",
    "ieq_total": "IEQ",
    "ieq_per_kg": "IEQ/kg",
    "ieq_per_ml_tissue": "IEQ/mL",
}
_TOTALS = ("islet_total", "ieq_total", "ieq_per_kg", "ieq_per_ml_tissue")


@dataclass(frozen=True, slots=True)
class _Sum:
    """A figure that is a sum over counted islets.

    ``parts`` is each aliquot's contributions, ``reference`` that of one islet when there is none;
    ``sized`` where they go with the islets' volumes, not only their number.
    """

    name: str
    parts: tuple[Values, ...]
    reference: float
    rsd: dict[str, float]
    sized: bool
    dispersion: Dispersion = dispersion.NONE


def totals(
    lot: Lot, aliquots: Sequence[Aliquot], given: Uncertainty, *, segmentation_rsd: float
) -> dict[str, Known]:
    """Estimate every count and every sum of islet equivalents of the lot.

    Parameters
    ----------
    lot : for its volumes and weights
    aliquots : those with analysed pictures
    given : confidence and relative standard deviations that the pictures cannot tell
    segmentation_rsd : of the total islet volume

    Returns
    -------
    dict
        ``islet_count``, ``ieq_counted``, ``islet_total``, ``ieq_total``, ``ieq_per_kg`` and
        ``ieq_per_ml_tissue``; those that cannot be determined have a reason and no value.
    """
    sizing = {"pixel size": 3 * given.pixel_size_rsd, "segmentation": segmentation_rsd}
    sums = [
        _Sum("islet_count", tuple(a.weights for a in aliquots), 1.0, {}, sized=False),
        _Sum("ieq_counted", tuple(a.ieq for a in aliquots), _REFERENCE_IEQ, sizing, True),
    ]
    if not aliquots:
        return _undetermined(no_sample(lot), "islet_count", "ieq_counted", *_TOTALS)
    why = why_no_total(lot, aliquots)
    if why:
        return _estimates(sums, given) | _undetermined(why, *_TOTALS)
    complete = [a for a in aliquots if not a.missing]
    total = _scaled("ieq_total", lot, complete, given, sizing)
    sums += [_scaled("islet_total", lot, complete, given, {}), total]
    missing: dict[str, Known] = {}
    for name, divisor, what, rsd in _divisors(lot, given):
        if divisor and _stated(divisor):
            sums.append(_divided(total, name, divisor, {what: rsd}))
        else:
            missing |= _undetermined(f"not determined: no {what}", name)
    return _estimates(sums, given) | missing


def ieq_total(
    lot: Lot, aliquots: Sequence[Aliquot], given: Uncertainty, *, segmentation_rsd: float
) -> Known:
    """Estimate the islet equivalents of a lot whose volumes are all known.

    Parameters are those of ``totals``, which gives the same figure.
    """
    sizing = {"pixel size": 3 * given.pixel_size_rsd, "segmentation": segmentation_rsd}
    return _estimate(_scaled("ieq_total", lot, aliquots, given, sizing), given.confidence)


def between_aliquots(
    lot: Lot, aliquots: Sequence[Aliquot], given: Uncertainty
) -> dict[str, Dispersion]:
    """Compare the aliquots' concentrations of islets and of islet equivalents with chance."""
    complete = [a for a in aliquots if not a.missing]
    if why_no_total(lot, aliquots):
        return {}
    scaled = (_scaled(name, lot, complete, given, {}) for name in ("islet_total", "ieq_total"))
    return {_UNITS[s.name]: s.dispersion for s in scaled}


def why_no_total(lot: Lot, aliquots: Sequence[Aliquot]) -> str:
    """Say what is missing for lot totals; empty when nothing is."""
    complete = [a for a in aliquots if not a.missing]
    if not aliquots:
        return no_sample(lot)
    if not complete:
        return "not determined: in each aliquot a picture could not be analysed"
    if not _stated(lot.suspension_ml):
        return "not determined: no suspension volume"
    silent = [a.name for a in complete if not _stated(a.volume_ul)]
    if silent:
        return f"not determined: no aliquot volume for specimen {', '.join(silent)}"
    undiluted = [a.name for a in complete if not _stated(a.dilution)]
    unsaid = all(a.dilution is None for a in complete)
    if undiluted and not unsaid:
        return f"not determined: no dilution for specimen {', '.join(undiluted)}"
    return ""


def no_sample(lot: Lot) -> str:
    """Say why a lot without an analysed sample picture has no figures."""
    return _ONLY_CONTROLS if lot.pictures else _NO_PICTURE


def _stated(quantity: float | None) -> bool:
    """Tell whether a volume, weight or factor was entered; 0 and less is none."""
    return quantity is not None and quantity > 0


def _scaled(
    name: str, lot: Lot, aliquots: Sequence[Aliquot], given: Uncertainty, rsd: dict[str, float]
) -> _Sum:
    """Scale each aliquot's islets up to the lot, divided by the number of aliquots."""
    suspension_ul = 1000 * (lot.suspension_ml or 0)
    undiluted_ul = np.array([(a.volume_ul or 0) / (a.dilution or 1) for a in aliquots])
    factors = suspension_ul / undiluted_ul / len(aliquots)
    is_ieq = name == "ieq_total"
    parts = tuple(
        k * (a.ieq if is_ieq else a.weights) for k, a in zip(factors, aliquots, strict=True)
    )
    return _Sum(
        name=name,
        parts=parts,
        reference=float(factors.mean()) * (_REFERENCE_IEQ if is_ieq else 1.0),
        rsd=rsd | _volume_rsd(aliquots, parts, given),
        sized=is_ieq,
        dispersion=_dispersion(
            parts, undiluted_ul, math.hypot(given.aliquot_rsd, given.mixing_rsd)
        ),
    )


def _volume_rsd(
    aliquots: Sequence[Aliquot], parts: Sequence[Values], given: Uncertainty
) -> dict[str, float]:
    sums = np.array([p.sum() for p in parts])
    # Independent errors of the aliquots, each weighted by what it brings to the total.
    shares = sums / sums.sum() if sums.sum() > 0 else np.full(len(parts), 1 / len(parts))
    averaged = float(np.sqrt((shares**2).sum()))
    rsd = {"aliquot volume": given.aliquot_rsd * averaged}
    if given.mixing_rsd > 0:
        rsd["mixing"] = given.mixing_rsd * averaged
    if any((a.dilution or 1) != 1 for a in aliquots):
        rsd["dilution"] = given.dilution_rsd
    return rsd | {"suspension volume": given.suspension_rsd}


def _dispersion(parts: Sequence[Values], undiluted_ul: Values, aliquot_rsd: float) -> Dispersion:
    """Compare the aliquots; well mixed, their variances go with 1 / undiluted volume."""
    sums = np.array([p.sum() for p in parts])
    sampling = sum(float((p**2).sum()) for p in parts)
    expected = sampling / undiluted_ul / (1 / undiluted_ul).sum()
    return dispersion.between(sums, expected + (aliquot_rsd * sums.mean()) ** 2)


def _divisors(lot: Lot, given: Uncertainty) -> list[tuple[str, float | None, str, float]]:
    tissue = "settled tissue volume"
    return [
        ("ieq_per_kg", lot.recipient_kg, "recipient weight", given.recipient_rsd),
        ("ieq_per_ml_tissue", lot.settled_tissue_ml, tissue, given.settled_tissue_rsd),
    ]


def _divided(total: _Sum, name: str, divisor: float, rsd: dict[str, float]) -> _Sum:
    return replace(
        total,
        name=name,
        parts=tuple(p / divisor for p in total.parts),
        reference=total.reference / divisor,
        rsd=total.rsd | rsd,
    )


def _undetermined(reason: str, *names: str) -> dict[str, Known]:
    return {n: Known(Estimate(n, None, _UNITS[n], reason=reason)) for n in names}


def _estimates(sums: Sequence[_Sum], given: Uncertainty) -> dict[str, Known]:
    return {s.name: _estimate(s, given.confidence) for s in sums}


def _estimate(figure: _Sum, confidence: float) -> Known:
    contributions = np.concatenate(figure.parts)
    inflation = figure.dispersion.inflation(confidence)
    sampling = spread.poisson_sum(
        spread.moments(contributions),
        reference=figure.reference,
        sized=figure.sized,
        inflation=inflation,
    )
    common = math.sqrt(sum(rsd**2 for rsd in figure.rsd.values()))
    values = spread.blur(sampling, common)
    low, high = spread.interval(values, confidence)
    value = float(contributions.sum())
    rsd = dict(figure.rsd)
    if value > 0:
        of_chance = math.sqrt(inflation * float((contributions**2).sum())) / value
        rsd = {"between aliquots" if inflation > 1 else "sampling": of_chance} | rsd
    estimate = Estimate(figure.name, value, _UNITS[figure.name], low, high, rsd_parts=rsd)
    if not figure.sized:
        return Known(estimate, values)
    if contributions.size < FEWEST_FOR_UPPER_LIMIT:
        return Known(estimate, values, too_few=_too_few(contributions.size))
    above = spread.blur(spread.cautious_sum(contributions, inflation=inflation), common)
    return Known(estimate, values, above)


def _too_few(count: int) -> str:
    return (
        f"{count} islets counted, at least {FEWEST_FOR_UPPER_LIMIT} needed to pass a limit from "
        "above: so few do not show how large the largest are"
    )
