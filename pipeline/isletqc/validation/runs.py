"""Result folders of finished runs -> rows of the same form as those of a CSV file.

A folder is given as ``FOLDER`` or ``LABEL=FOLDER``; the label (else the folder's name) is the
day, method or operator. ``of`` says what one measurement is: a lot, a specimen or a picture.

- repeatability: the sample is the lot (all lots one sample when a lot is the measurement), the
  label the day, the specimen of a picture the run
- linearity: the fraction is aliquot volume / dilution, relative to the largest
- agreement: two folders, reference first; paired by name
- gage: the label is the operator, the lot, specimen or picture the part
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from isletqc.errors import UsageError
from isletqc.report.results import read_results
from isletqc.validation.study import Kind, Observations, Row, Source

Of = Literal["lot", "specimen", "image"]

_UNITS = {"islet_count": "islets", "ieq": "IEQ", "islet_area_um2": "µm²"}


@dataclass(frozen=True, slots=True)
class _Measured:
    label: str
    lot: str
    specimen: str
    name: str
    value: float
    unit: str
    amount: float | None


def split(given: str) -> tuple[str, Path]:
    """Tell label and path of ``LABEL=PATH``; a path that exists as it stands has no label."""
    label, equals, path = given.partition("=")
    if not equals or Path(given).exists():
        return Path(given).resolve().stem, Path(given)
    return label, Path(path)


def read(given: Sequence[str], kind: Kind, *, figure: str, of: Of) -> Observations:
    """Read one figure of every lot, specimen or picture of finished runs.

    Parameters
    ----------
    given : folders or ``results.json`` files, each with or without a label
    kind : of the study
    figure : an estimate of the lots, or a figure of specimens or pictures (``ieq``)
    of : what is one measurement

    Raises
    ------
    UsageError
        No such results, no such figure, a figure that was not determined, or no pairs.
    """
    measured: list[_Measured] = []
    sources = []
    for text in given:
        label, path = split(text)
        path, document = read_results(path)
        sources.append(Source(str(path), hashlib.sha256(path.read_bytes()).hexdigest()))
        for lot in document["lots"]:
            measured += _measured(lot, label, figure, of)
    if not measured:
        raise UsageError(f"expected at least one {of} in {', '.join(given)}, found none")
    rows = _ROWS[kind](measured, of)
    return Observations(tuple(rows), tuple(sources), figure, measured[0].unit)


def _measured(lot: Mapping[str, Any], label: str, figure: str, of: Of) -> Iterator[_Measured]:
    name = lot["lot"]
    if of == "lot":
        entry = lot["estimates"].get(figure)
        known = ", ".join(lot["estimates"])
        value = None if entry is None else entry["value"]
        reason = "there is no such estimate" if entry is None else entry["reason"]
        unit = "" if entry is None else entry["unit"].replace("1", "")
        yield _Measured(label, name, "", name, _known(value, figure, name, reason, known), unit, 1)
        return
    amounts = {s["specimen"]: _amount(s) for s in lot["specimens"]}
    for entry in lot[f"{of}s"]:
        if entry.get("role", "sample") == "control":
            continue
        specimen = entry["specimen"]
        what = f"{name} / {specimen}" if of == "specimen" else entry["image"]
        numbers = ", ".join(k for k, v in entry.items() if isinstance(v, (int, float)))
        value = _known(entry.get(figure), figure, what, "there is no such figure", numbers)
        unit = _UNITS.get(figure, "")
        yield _Measured(label, name, specimen, what, value, unit, amounts[specimen])


def _amount(specimen: Mapping[str, Any]) -> float | None:
    """Relative amount that reached the picture; None where the sheet is silent."""
    if specimen["dilution"] is None:
        return None
    return float((specimen["aliquot_ul"] or 1.0) / specimen["dilution"])


def _known(value: Any, figure: str, what: str, reason: str, known: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        message = f"expected {figure} of {what}, found none: {reason}; the figures are {known}"
        raise UsageError(message)
    return float(value)


def _repeatability(measured: Sequence[_Measured], of: Of) -> Iterator[Row]:
    for m in measured:
        row: dict[str, str | float] = {"value": m.value, "day": m.label}
        if of != "lot":
            row["sample"] = m.lot
        if of == "image":
            row["run"] = m.specimen
        yield row


def _linearity(measured: Sequence[_Measured], of: Of) -> Iterator[Row]:
    amounts = [m.amount for m in measured if m.amount is not None]
    if of == "lot" or len(amounts) < len(measured):
        raise UsageError(
            "expected specimens with a dilution in the sample sheet, found "
            f"{len(amounts) if of != 'lot' else 'lots'}; give --of specimen and the dilutions"
        )
    whole = max(amounts)
    for m in measured:
        yield {"value": m.value, "fraction": (m.amount or 0) / whole}


def _agreement(measured: Sequence[_Measured], of: Of) -> Iterator[Row]:
    labels = list(dict.fromkeys(m.label for m in measured))
    if len(labels) != 2:
        raise UsageError(
            "expected two results with different labels, the reference first, found "
            f"{len(labels)}; write for example person=out1 program=out2"
        )
    first, second = ({m.name: m.value for m in measured if m.label == label} for label in labels)
    alone = sorted(first.keys() ^ second.keys())
    if alone:
        raise UsageError(f"expected each {of} in both results, found in one only: {alone[0]}")
    for name, value in first.items():
        yield {"sample": name, "reference": value, "test": second[name]}


def _gage(measured: Sequence[_Measured], of: Of) -> Iterator[Row]:
    for m in measured:
        yield {"part": m.name, "operator": m.label, "value": m.value}


_ROWS = {
    "repeatability": _repeatability,
    "linearity": _linearity,
    "agreement": _agreement,
    "gage": _gage,
}
