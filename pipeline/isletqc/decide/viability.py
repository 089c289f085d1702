"""Viability of a lot by each of its three definitions, with its interval.

- tissue-weighted: live tissue / all tissue of the islets that count, by projected area
- islet-mean: mean of the live fractions of the islets, each islet alike
- by-islet: share of islets whose live fraction reaches the protocol's threshold

Islets differ, so the interval comes from drawing islets again (bootstrap, fixed seed) within each
replicate, which is a specimen; for by-islet, a mere count, from Jeffreys' interval. Where the
replicates differ by more than that allows, the interval is widened by their spread. The standard
deviation of the method itself comes on top. Islets whose viability could not be measured are left
out; too few of the others, and the viability is not determined.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from isletqc.decide import dispersion, spread
from isletqc.decide.lot import sample_pictures
from isletqc.decide.spread import Known
from isletqc.decide.totals import no_sample
from isletqc.protocol import Viability
from isletqc.records import Estimate, Islet, Lot, Picture, Specimen

NAMES = {
    "tissue-weighted": "viability_tissue_weighted",
    "islet-mean": "viability_islet_mean",
    "by-islet": "viability_by_islet",
}
_DRAWS = 2000
_SEED = 20_260_101
_METHOD_NODES = 41
_NOT_THE_METHOD = "not determined: viability needs live / dead pictures"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Seen:
    """Islets of one replicate: live fraction of each, and what each stands for."""

    live: Floats
    area_um2: Floats
    weight: Floats


def viability(lot: Lot, settings: Viability | None, *, confidence: float) -> dict[str, Known]:
    """Estimate the viability by all definitions, and the live fraction by depth.

    Parameters
    ----------
    lot : its pictures; controls do not count
    settings : definition in use, threshold, smallest number; None without live / dead pictures
    confidence : of the interval

    Returns
    -------
    dict
        ``viability`` by the protocol's definition, 0 to 1, the same by each definition,
        ``loose_dead_per_islet``, and ``live_fraction_<from>_to_<to>_um`` below the outline (both
        are descriptions without an interval). Only ``viability`` where ``settings`` is None.
    """
    if settings is None:
        return {"viability": _undetermined("viability", _NOT_THE_METHOD)}
    seen = [s for s in map(_seen, lot.specimens) if s.live.size]
    reason = _why_not(lot, settings, sum(s.live.size for s in seen))
    found = {
        name: _undetermined(name, reason)
        if reason
        else _estimate(name, definition, seen, settings, confidence=confidence)
        for definition, name in NAMES.items()
    }
    chosen = found[NAMES[settings.definition]]
    named = replace(chosen, estimate=replace(chosen.estimate, name="viability"))
    return {"viability": named, **found, **_descriptions(lot)}


def _undetermined(name: str, reason: str) -> Known:
    return Known(Estimate(name, None, "1", reason=reason))


def _measured(pictures: Sequence[Picture]) -> list[Islet]:
    return [i for p in pictures for i in p.counted if i.viability is not None]


def _seen(specimen: Specimen) -> _Seen:
    pictures = [p for p in specimen.pictures if p.sample.role == "sample"]
    islets = _measured(pictures)
    return _Seen(
        live=np.array([i.viability for i in islets], float),
        area_um2=np.array([i.area_um2 for i in islets], float),
        weight=np.array([i.weight for i in islets], float),
    )


def _why_not(lot: Lot, settings: Viability, measured: int) -> str:
    pictures = sample_pictures(lot)
    if not pictures:
        return no_sample(lot)
    if measured >= settings.min_islets:
        return ""
    refused = [f"{p.name}: {'; '.join(p.fitness.reasons)}" for p in pictures if _refused(p)]
    few = f"viability measured in {measured} islets, at least {settings.min_islets} needed"
    return f"not determined: {'; '.join([few, *refused])}"


def _refused(picture: Picture) -> bool:
    return picture.fitness.verdict == "unfit" and not _measured([picture])


def _estimate(
    name: str,
    definition: str,
    seen: Sequence[_Seen],
    settings: Viability,
    *,
    confidence: float,
) -> Known:
    rng = np.random.default_rng(_SEED)
    shares = [_share(s, definition, settings.live_threshold) for s in seen]
    draws = [_draws(rng, v, w) for v, w in shares]
    # Each replicate brings in as much as it holds, in every draw as in the value itself.
    totals = [sum(parts) for parts in zip(*draws, strict=True)]
    whole, parts = sum(w.sum() for _, w in shares), sum(float(v @ w) for v, w in shares)
    value = float(parts / whole)
    values = np.sort(totals[0] / totals[1])
    if definition == "by-islet":
        weights = np.concatenate([w for _, w in shares])
        trials = float(weights.sum() ** 2 / (weights**2).sum())
        values = spread.share(value * trials, trials)
    between = _between(shares, draws)
    widened = np.sqrt(between.inflation(confidence)) * _few(shares, confidence)
    values = np.clip(value + (values - value) * widened, 0, 1)
    sampling = float(values.std()) / value if value > 0 else 0.0
    values = _with_method_error(values, settings.method_sd)
    low, high = spread.interval(values, confidence)
    rsd = {"between aliquots" if between.excessive else "sampling": sampling}
    rsd |= {"method": settings.method_sd / value} if value > 0 else {}
    return Known(Estimate(name, value, "1", low, high, rsd_parts=rsd), values)


def _share(seen: _Seen, definition: str, threshold: float) -> tuple[Floats, Floats]:
    """Figure of each islet, and its weight in the mean."""
    if definition == "tissue-weighted":
        return seen.live, seen.weight * seen.area_um2
    if definition == "islet-mean":
        return seen.live, seen.weight
    return (seen.live >= threshold).astype(float), seen.weight


def _draws(rng: np.random.Generator, values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Sum weight x value, and weights, over islets drawn again many times."""
    count = values.size
    times = rng.multinomial(count, np.full(count, 1 / count), size=_DRAWS).astype(float)
    return times @ (values * weights), times @ weights


def _between(
    shares: Sequence[tuple[Floats, Floats]], draws: Sequence[tuple[Floats, Floats]]
) -> dispersion.Dispersion:
    """Compare the replicates with what drawing islets allows."""
    means = [float(v @ w / w.sum()) for v, w in shares]
    variances = [float(np.var(part / whole)) for part, whole in draws]
    return dispersion.between(means, np.maximum(variances, 1e-6))


def _few(shares: Sequence[tuple[Floats, Floats]], confidence: float) -> float:
    """Widen for few islets, or few large ones among many: their spread is known from few."""
    weights = np.concatenate([w for _, w in shares])
    degrees = max(float(weights.sum() ** 2 / (weights**2).sum()) - 1, 1.0)
    tail = (1 + confidence) / 2
    lost = math.sqrt((degrees + 1) / degrees)
    return float(lost * stdtrit(degrees, tail) / ndtri(tail))


def _with_method_error(values: Floats, sd: float) -> Floats:
    errors = sd * ndtri((np.arange(_METHOD_NODES) + 0.5) / _METHOD_NODES)
    thinned = np.quantile(values, (np.arange(200) + 0.5) / 200, method="hazen")
    return np.sort(np.clip(np.add.outer(thinned, errors), 0, 1).reshape(-1))


def _descriptions(lot: Lot) -> Mapping[str, Known]:
    pictures = [p for p in sample_pictures(lot) if p.live_dead is not None]
    if not pictures:
        return {}
    layers: dict[tuple[float, float], list[float]] = {}
    for found in (p.live_dead for p in pictures):
        if found is None:
            continue
        step = found.depth_step_um
        for k, (live, tissue) in enumerate(zip(found.live_um2, found.tissue_um2, strict=True)):
            sums = layers.setdefault((k * step, (k + 1) * step), [0.0, 0.0])
            sums[0] += live
            sums[1] += tissue
    loose = sum(p.live_dead.loose_dead_count for p in pictures if p.live_dead is not None)
    islets = sum(len(p.counted) for p in pictures)
    described = {
        f"live_fraction_{low:g}_to_{high:g}_um": live / tissue
        for (low, high), (live, tissue) in sorted(layers.items())
        if tissue > 0
    }
    described |= {"loose_dead_per_islet": loose / islets} if islets else {}
    return {n: Known(Estimate(n, v, "1", reason="description")) for n, v in described.items()}
