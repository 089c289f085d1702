"""All figures of a lot, each with its interval and the values behind it."""

from __future__ import annotations

from collections.abc import Mapping

from isletqc.decide import drift, markers, spread
from isletqc.decide.fused import fraction_fused
from isletqc.decide.lot import aliquots, sample_pictures
from isletqc.decide.morphology import morphology
from isletqc.decide.purity import by_definition, purity
from isletqc.decide.size_law import size_laws
from isletqc.decide.sizes import sizes
from isletqc.decide.spread import Known
from isletqc.decide.totals import totals
from isletqc.decide.viability import viability
from isletqc.measure import ieq
from isletqc.protocol import Protocol
from isletqc.records import Estimate, Lot


def estimates(lot: Lot, protocol: Protocol, *, segmentation_rsd: float) -> dict[str, Known]:
    """Estimate everything that a limit can be held against.

    Parameters
    ----------
    lot : its pictures and what the sheet says about it
    protocol : definitions and errors that the pictures cannot tell
    segmentation_rsd : relative standard deviation of the total islet volume

    Returns
    -------
    dict
        By name; figures that cannot be determined have no value and a reason.
    """
    given = protocol.uncertainty
    if protocol.markers is not None:
        found = markers.thresholds(lot, protocol.markers)
        return markers.estimates(lot, protocol.markers, found, confidence=given.confidence)
    counted = tuple(islet for p in sample_pictures(lot) for islet in p.counted)
    fractions = purity(
        sample_pictures(lot), protocol.purity, given, segmentation_rsd=segmentation_rsd
    )
    return {
        **totals(lot, aliquots(lot), given, segmentation_rsd=segmentation_rsd),
        **sizes(counted, protocol.sizing, given, segmentation_rsd=segmentation_rsd),
        **size_laws(counted, protocol.sizing),
        **morphology(sample_pictures(lot), protocol.sizing, given.confidence),
        **_clusters(lot, protocol, segmentation_rsd),
        "purity": fractions,
        **viability(lot, protocol.viability, confidence=given.confidence),
        "settled_tissue_ml": _entered(lot, protocol),
    }


def conventions(lot: Lot, protocol: Protocol) -> Mapping[str, float]:
    """Say what each other convention makes of the same islets.

    Returns
    -------
    mapping
        ``ieq_counted`` by each IEQ convention, and ``purity-<definition>`` by each definition
        where the protocol has a purity; a convention that lacks a figure is left out.
    """
    counted = [i for p in sample_pictures(lot) for i in p.counted]
    found: dict[str, float] = {}
    if protocol.markers is not None:
        return found
    for name in ieq.CONVENTIONS:
        if name == "extrusion" and any(i.extrusion_nl is None for i in counted):
            continue
        volumes = ieq.volume_nl(
            name,
            diameter_um=[i.diameter_um for i in counted],
            major_um=[i.major_axis_um for i in counted],
            minor_um=[i.minor_axis_um for i in counted],
            extrusion_nl=[i.extrusion_nl or 0.0 for i in counted],
        )
        found[name] = float((ieq.ieq(volumes) * [i.weight for i in counted]).sum())
    if protocol.purity is None:
        return found
    return found | {f"purity-{n}": v for n, v in by_definition(sample_pictures(lot)).items()}


def _clusters(lot: Lot, protocol: Protocol, segmentation_rsd: float) -> dict[str, Known]:
    """Give the figures of stem-cell clusters: fused ones, and growth over the days."""
    if protocol.stain != "brightfield":
        return {}
    given = protocol.uncertainty
    fused = fraction_fused(
        sample_pictures(lot), protocol.sizing.fused_neck_ratio, confidence=given.confidence
    )
    slope = drift.slope(lot, given, segmentation_rsd=segmentation_rsd)
    return {k.estimate.name: k for k in (fused, slope) if k is not None}


def _entered(lot: Lot, protocol: Protocol) -> Known:
    """Give the settled tissue volume as entered, with the error of its reading."""
    name, unit, value = "settled_tissue_ml", "mL", lot.settled_tissue_ml
    if value is None:
        return Known(Estimate(name, None, unit, reason="not determined: not entered"))
    rsd = protocol.uncertainty.settled_tissue_rsd
    values = spread.blur(spread.exactly(value), rsd)
    low, high = spread.interval(values, protocol.uncertainty.confidence)
    return Known(Estimate(name, value, unit, low, high, rsd_parts={"settled tissue": rsd}), values)
