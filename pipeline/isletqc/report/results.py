"""Everything one run found, and the document ``results.json`` made of it.

Takes the verdicts, failures and facts of a run; gives plain data that follow
``results.schema.json``. Values that could not be determined are null with a reason beside them.
The same pictures give the same document but for ``seconds``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path, PurePath
from typing import Any

from isletqc.errors import UsageError
from isletqc.protocol import LoadedProtocol
from isletqc.records import (
    Check,
    Criterion,
    DayFigures,
    Estimate,
    Failure,
    Lot,
    LotVerdict,
    MarkerThreshold,
    Picture,
    Signature,
    Specimen,
    Verdict,
)
from isletqc.report import texts

SCHEMA_VERSION = "1.0"
# Programs may rely on finding these names in every lot, if only as null with a reason.
PROMISED = (
    ("islet_count", "islets"),
    ("ieq_counted", "IEQ"),
    ("ieq_total", "IEQ"),
    ("ieq_per_kg", "IEQ/kg"),
    ("size_index", "1"),
    ("purity", "1"),
    ("viability", "1"),
)
WORST_FIRST: tuple[LotVerdict, ...] = ("fail", "review", "not judged", "pass")


@dataclass(frozen=True, slots=True)
class NetworkCard:
    """The network that was used and the figures of its card (name -> number or words)."""

    name: str
    title: str
    sha256: str
    um_per_px: float
    figures: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunResults:
    """Everything that the files of a run are made of.

    Attributes
    ----------
    verdicts : one for each lot, in the order of the report
    failures : every input that could not be analysed, those without a lot included
    protocol : the method and its hash
    network : None when no network was used
    folders : ``Picture.sample.image`` -> folder of that picture, relative to the output folder,
        with forward slashes (``"images/field_01"``)
    provenance : versions, hashes, device, settings; plain data, no times
    command : the command line as given
    started, finished : ISO 8601 with time zone
    exit_code : what the program is going to return
    names : ``Sample.image`` -> what the report calls the picture; the file's name where absent
    signatures : under these results, in the order of signing
    """

    verdicts: tuple[Verdict, ...]
    failures: tuple[Failure, ...]
    protocol: LoadedProtocol
    network: NetworkCard | None
    folders: Mapping[str, str]
    provenance: Mapping[str, Any]
    command: str
    started: str
    finished: str
    exit_code: int
    names: Mapping[str, str] = field(default_factory=dict)
    signatures: tuple[Signature, ...] = ()


def overall_verdict(results: RunResults) -> LotVerdict:
    """Give the worst lot's verdict; never ``pass`` when an input could not be analysed."""
    found = {verdict.verdict for verdict in results.verdicts}
    worst: LotVerdict = next((v for v in WORST_FIRST if v in found), "not judged")
    unseen = results.failures and (worst == "pass" or not found)
    return "review" if unseen else worst


def results_document(results: RunResults) -> dict[str, Any]:
    """``results.json`` as plain data; ``results.schema.json`` describes it."""
    protocol = results.protocol.protocol
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": overall_verdict(results),
        "exit_code": results.exit_code,
        "protocol": {
            "name": protocol.name,
            "version": protocol.version,
            "status": protocol.status,
            "sha256": results.protocol.sha256,
            "assurance": protocol.assurance,
            "confidence": protocol.uncertainty.confidence,
        },
        "network": network_facts(results.network),
        "lots": [_lot(verdict, results) for verdict in results.verdicts],
        "failures": [_failure(failure, results) for failure in results.failures],
    }


def schema() -> dict[str, Any]:
    """JSON Schema of ``results.json``."""
    text = files("isletqc.report").joinpath("results.schema.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def read_results(path: Path) -> tuple[Path, dict[str, Any]]:
    """Read the ``results.json`` of a finished run.

    Parameters
    ----------
    path : the file, or the output folder of the run

    Returns
    -------
    tuple
        Path of the file, and the document.

    Raises
    ------
    UsageError
        There is no such file, it is not the results of a run, or of a version not known here.
    """
    file = path / "results.json" if path.is_dir() else path
    try:
        document = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as e:
        raise UsageError(
            f"{file}: expected the results.json of a finished run: {e}; "
            "give the folder that isletqc run wrote"
        ) from e
    found = document.get("schema_version") if isinstance(document, dict) else None
    if not isinstance(found, str) or found.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise UsageError(
            f"{file}: expected results of schema_version {SCHEMA_VERSION}, found {found}; "
            "run the pictures again with this version"
        )
    return file, document


def network_facts(network: NetworkCard | None) -> dict[str, Any] | None:
    """Give the network as plain data."""
    if network is None:
        return None
    return {
        "name": network.name,
        "title": network.title,
        "sha256": network.sha256,
        "um_per_px": network.um_per_px,
        "figures": dict(network.figures),
    }


def failure_name(failure: Failure, results: RunResults) -> str:
    """Name a picture that could not be analysed as the other pictures are named."""
    path = failure.sample.image
    return results.names.get(path) or PurePath(path.replace("\\", "/")).name or path


def _lot(verdict: Verdict, results: RunResults) -> dict[str, Any]:
    lot = verdict.lot
    return {
        "lot": lot.name,
        "verdict": verdict.verdict,
        "reason": verdict.reason,
        "criteria": [_criterion(criterion) for criterion in verdict.criteria],
        "estimates": _estimates(verdict.estimates),
        "conventions": {name: finite(value) for name, value in verdict.conventions.items()},
        "flags": [{"name": flag.name, "message": flag.message} for flag in verdict.flags],
        "facts": _facts(lot),
        "days": [_day(day) for day in verdict.days],
        "markers": [_marker(threshold) for threshold in verdict.markers],
        "specimens": [_specimen(specimen) for specimen in lot.specimens],
        "images": [_image(p, s.name, results.folders) for s in lot.specimens for p in s.pictures],
        "failures": [_failure(failure, results) for failure in lot.failures],
    }


def _facts(lot: Lot) -> dict[str, Any]:
    return {
        "suspension_ml": lot.suspension_ml,
        "recipient_kg": lot.recipient_kg,
        "settled_tissue_ml": lot.settled_tissue_ml,
        "infusion": lot.infusion,
        "day": lot.day,
    }


def _criterion(criterion: Criterion) -> dict[str, Any]:
    estimate = criterion.estimate
    return {
        "name": criterion.name,
        "estimate": estimate.name,
        "value": finite(estimate.value),
        "unit": estimate.unit,
        "relation": criterion.relation,
        "limit": criterion.limit,
        "ci_low": finite(estimate.ci_low),
        "ci_high": finite(estimate.ci_high),
        "probability": finite(criterion.probability),
        "verdict": criterion.verdict,
        "reason": criterion.reason,
        "supportive": criterion.supportive,
        "source": criterion.source,
    }


def _estimates(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    missing = {
        name: Estimate(name, None, unit, reason=texts.NOT_PART_OF_METHOD) for name, unit in PROMISED
    }
    return {name: _estimate(estimate) for name, estimate in {**missing, **estimates}.items()}


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {
        "value": finite(estimate.value),
        "unit": estimate.unit,
        "ci_low": finite(estimate.ci_low),
        "ci_high": finite(estimate.ci_high),
        "reason": estimate.reason,
        "rsd_parts": {name: finite(rsd) for name, rsd in estimate.rsd_parts.items()},
    }


def _specimen(specimen: Specimen) -> dict[str, Any]:
    return {
        "specimen": specimen.name,
        "aliquot_ul": specimen.aliquot_ul,
        "dilution": specimen.dilution,
        "day": specimen.day,
        "islet_count": finite(sum(picture.islet_count for picture in specimen.pictures)),
        "ieq": finite(sum(picture.ieq for picture in specimen.pictures)),
        "image_count": len(specimen.pictures),
        "failure_count": len(specimen.failures),
    }


def _marker(threshold: MarkerThreshold) -> dict[str, Any]:
    return {
        "marker": threshold.marker,
        "threshold": finite(threshold.value),
        "threshold_sd": finite(threshold.sd),
        "source": threshold.source,
        "false_positive": finite(threshold.false_positive),
        "false_negative": finite(threshold.false_negative),
        "reason": threshold.reason,
        "supportive": True,
    }


def _day(day: DayFigures) -> dict[str, Any]:
    quartiles = day.quartiles_um or (None, None)
    return {
        "day": day.day,
        "image_count": day.picture_count,
        "islet_count": day.islet_count,
        "diameter_mean_um": _estimate(day.diameter_mean),
        "diameter_median_um": _estimate(day.diameter_median),
        "diameter_quartiles_um": [finite(q) for q in quartiles],
    }


def _image(picture: Picture, specimen: str, folders: Mapping[str, str]) -> dict[str, Any]:
    return {
        "image": picture.name,
        "specimen": specimen,
        "role": picture.sample.role,
        "verdict": picture.fitness.verdict,
        "islet_count": finite(picture.islet_count),
        "ieq": finite(picture.ieq),
        "um_per_px": picture.um_per_px,
        "um_per_px_source": picture.um_per_px_source,
        "width_px": picture.shape_yx[1],
        "height_px": picture.shape_yx[0],
        "islet_area_um2": finite(picture.islet_area_um2),
        "exocrine_area_um2": finite(picture.exocrine_area_um2),
        "likeness": finite(picture.likeness),
        "volume_rsd": finite(picture.volume_rsd),
        "method": picture.method,
        "checks": [_check(check) for check in picture.fitness.checks],
        "folder": folders.get(picture.sample.image),
        "path": picture.sample.image,
        "sha256": picture.sha256,
        "seconds": {stage: finite(seconds) for stage, seconds in picture.seconds.items()},
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "value": finite(check.value),
        "unit": check.unit,
        "relation": check.relation,
        "limit": check.limit,
        "verdict": check.verdict,
        "reason": check.reason,
    }


def _failure(failure: Failure, results: RunResults) -> dict[str, Any]:
    return {
        "image": failure_name(failure, results),
        "lot": failure.sample.lot or None,
        "error": failure.error,
        "message": failure.message,
        "path": failure.sample.image,
    }


def finite(value: float | None) -> float | None:
    """Give a number that JSON can carry; None for an infinite one and for not a number."""
    if value is None or not math.isfinite(value):
        return None
    return int(value) if isinstance(value, int) else float(value)
