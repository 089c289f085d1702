"""Verdicts -> ``objects.csv``, ``images.csv``, ``lots.csv``: one row an islet, a picture, a lot.

Units stand in the column names; numbers have six significant digits and no exponent; nothing that
could not be determined is filled in. Text that a spreadsheet would run as a formula gets a leading
apostrophe. No times: the same pictures give the same bytes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from isletqc.records import Failure, Islet, Nucleus, Picture, Verdict
from isletqc.report.results import RunResults, failure_name

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_NO_UNIT = {"", "1"}
_SPECIAL = re.compile('[",\r\n]')

Row = dict[str, Any]


def objects_csv(results: RunResults) -> str:
    """One row for each islet of each picture, excluded ones too; ``label`` is the label image's."""
    stains = sorted({name for i in _islets(results) for name in i.stain})
    necks = any(i.fused is not None for i in _islets(results))
    lives = any(i.viability is not None for i in _islets(results))
    spreads = any(i.volume_rsd is not None for i in _islets(results))
    rows = (
        _object_row(islet, picture, verdict.lot.name, specimen.name, stains)
        | {"folder": results.folders.get(picture.sample.image, "")}
        for verdict in results.verdicts
        for specimen in verdict.lot.specimens
        for picture in specimen.pictures
        for islet in picture.islets
    )
    columns = _object_columns(stains, necks=necks, lives=lives, spreads=spreads)
    return csv_text(columns, rows)


def nuclei_csv(results: RunResults) -> str:
    """One row for each nucleus; empty where the run saw none. Supportive, as all its figures."""
    names = [t.marker for v in results.verdicts[:1] for t in v.markers]
    columns = [
        *("image", "lot", "specimen", "role", "label", "centroid_y_um", "centroid_x_um"),
        *("area_um2", "diameter_um", "touches_border"),
        *(column for n in names for column in (f"brightness_{n}", f"positive_{n}")),
        "folder",
    ]
    rows = [
        _nucleus_row(nucleus, picture, specimen.name, verdict)
        | {"folder": results.folders.get(picture.sample.image, "")}
        for verdict in results.verdicts
        for specimen in verdict.lot.specimens
        for picture in specimen.pictures
        for nucleus in picture.nuclei
    ]
    return csv_text(columns, rows) if rows else ""


def images_csv(results: RunResults) -> str:
    """One row for each input: the measured pictures, then those that could not be analysed."""
    checks = sorted(
        {
            _with_unit(f"check_{check.name}", check.unit)
            for verdict in results.verdicts
            for picture in verdict.lot.pictures
            for check in picture.fitness.checks
        }
    )
    rows = [
        _image_row(picture, verdict.lot.name, specimen.name)
        | {"folder": results.folders.get(picture.sample.image, "")}
        for verdict in results.verdicts
        for specimen in verdict.lot.specimens
        for picture in specimen.pictures
    ]
    rows += [_failure_row(failure, results) for failure in results.failures]
    return csv_text([*_IMAGE_COLUMNS, *checks, "folder", "path", "sha256"], rows)


def lots_csv(results: RunResults) -> str:
    """One row for each lot: verdict, estimates with intervals, limits with probabilities."""
    rows = [_lot_row(verdict) for verdict in results.verdicts]
    # Lots may lack an estimate or a limit; the columns keep the order of first sight.
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return csv_text(columns or ["lot", "verdict", "reason"], rows)


def cell(value: Any) -> str:
    """One value as it stands in a CSV cell.

    Examples
    --------
    >>> cell(1234567.8), cell(None), cell(True), cell("=1+1")
    ('1234570', '', 'true', "'=1+1")
    """
    if type(value) is float:  # most cells are
        return _plain_number(value)
    if value is None:
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (int, np.integer)):
        return str(value)
    if isinstance(value, (float, np.floating)):
        return _plain_number(float(value))
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _plain_number(value: float) -> str:
    if not math.isfinite(value):
        return ""
    text = f"{value or 0.0:.6g}"  # no minus sign before nothing
    if "e" not in text:
        return text
    return np.format_float_positional(value, 6, unique=False, fractional=False, trim="-")


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Write rows under their columns; text that a spreadsheet would run is written as text."""
    lines = [_line(columns)]
    lines += [_line([cell(row.get(column)) for column in columns]) for row in rows]
    return "".join(lines)


def _line(cells: Sequence[str]) -> str:
    """Join cells; not by csv.writer, which leaves a lone carriage return unquoted."""
    # One search a row, not one a cell.
    if _SPECIAL.search(";".join(cells)):
        cells = [_quoted(c) if _SPECIAL.search(c) else c for c in cells]
    return ",".join(cells) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _islets(results: RunResults) -> Iterable[Islet]:
    return (i for v in results.verdicts for p in v.lot.pictures for i in p.islets)


def _object_columns(stains: Sequence[str], *, necks: bool, lives: bool, spreads: bool) -> list[str]:
    return [
        *("image", "lot", "specimen", "label", "class", "centroid_y_um", "centroid_x_um"),
        *("area_um2", "diameter_um", "major_axis_um", "minor_axis_um", "feret_um"),
        *("circularity", "solidity", "volume_nl", "ieq", "probability", "viability"),
        *("touches_border", "weight", "included", "exclusion_reason", "mantle", "border_width_um"),
        *(("neck_ratio", "fused") if necks else ()),
        *(("dead_core_depth_um",) if lives else ()),
        *(("volume_rsd",) if spreads else ()),
        *(f"stain_{name}" for name in stains),
        "folder",
    ]


def _object_row(
    islet: Islet, picture: Picture, lot: str, specimen: str, stains: Sequence[str]
) -> Row:
    names = (
        *_ISLET_FIELDS,
        "mantle",
        "border_width_um",
        "neck_ratio",
        "fused",
        "dead_core_depth_um",
        "volume_rsd",
    )
    measures = {name: getattr(islet, name) for name in names}
    return measures | {
        "image": picture.name,
        "lot": lot,
        "specimen": specimen,
        "class": islet.class_name,
        "centroid_y_um": islet.centroid_yx_um[0],
        "centroid_x_um": islet.centroid_yx_um[1],
        **{f"stain_{name}": islet.stain.get(name) for name in stains},
    }


def _nucleus_row(nucleus: Nucleus, picture: Picture, specimen: str, verdict: Verdict) -> Row:
    row: Row = {
        "image": picture.name,
        "lot": verdict.lot.name,
        "specimen": specimen,
        "role": picture.sample.role,
        "label": nucleus.label,
        "centroid_y_um": nucleus.centroid_yx_um[0],
        "centroid_x_um": nucleus.centroid_yx_um[1],
        "area_um2": nucleus.area_um2,
        "diameter_um": nucleus.diameter_um,
        "touches_border": nucleus.touches_border,
    }
    for threshold in verdict.markers:
        brightness = nucleus.markers[threshold.marker]
        row[f"brightness_{threshold.marker}"] = brightness
        # Not determined stays empty.
        if threshold.value is not None:
            row[f"positive_{threshold.marker}"] = brightness > threshold.value
    return row


_ISLET_FIELDS = (
    *("label", "area_um2", "diameter_um", "major_axis_um", "minor_axis_um", "feret_um"),
    *("circularity", "solidity", "volume_nl", "ieq", "probability", "viability"),
    *("touches_border", "weight", "included", "exclusion_reason"),
)

_IMAGE_COLUMNS = (
    *("image", "lot", "specimen", "role", "verdict", "reason", "islet_count", "ieq"),
    *("um_per_px", "um_per_px_source", "width_px", "height_px"),
    *("islet_area_um2", "exocrine_area_um2", "likeness", "volume_rsd", "method"),
)


_PICTURE_FIELDS = (
    *("islet_count", "ieq", "um_per_px", "um_per_px_source", "islet_area_um2"),
    *("exocrine_area_um2", "likeness", "volume_rsd", "method", "sha256"),
)


def _image_row(picture: Picture, lot: str, specimen: str) -> Row:
    return {name: getattr(picture, name) for name in _PICTURE_FIELDS} | {
        "image": picture.name,
        "lot": lot,
        "specimen": specimen,
        "role": picture.sample.role,
        "verdict": picture.fitness.verdict,
        "reason": "; ".join(picture.fitness.reasons),
        "width_px": picture.shape_yx[1],
        "height_px": picture.shape_yx[0],
        "path": picture.sample.image,
        **{_with_unit(f"check_{c.name}", c.unit): c.value for c in picture.fitness.checks},
    }


def _failure_row(failure: Failure, results: RunResults) -> Row:
    return {
        "image": failure_name(failure, results),
        "lot": failure.sample.lot,
        "specimen": failure.sample.specimen,
        "role": failure.sample.role,
        "verdict": "not analysed",
        "reason": f"{failure.error}: {failure.message}",
        "path": failure.sample.image,
    }


def _lot_row(verdict: Verdict) -> Row:
    lot = verdict.lot
    row: Row = {"lot": lot.name, "verdict": verdict.verdict, "reason": verdict.reason}
    row |= {"image_count": len(lot.pictures), "failure_count": len(lot.failures)}
    row |= {"flags": "; ".join(flag.name for flag in verdict.flags)}
    for name, estimate in verdict.estimates.items():
        column = _with_unit(name, estimate.unit)
        row[column] = estimate.value
        row[f"{column}_ci_low"], row[f"{column}_ci_high"] = estimate.ci_low, estimate.ci_high
    for criterion in verdict.criteria:
        row[f"limit_{criterion.name}_verdict"] = criterion.verdict
        row[f"limit_{criterion.name}_probability"] = criterion.probability
    for name, ieq in verdict.conventions.items():
        row[f"convention_{name}_ieq"] = ieq
    return row


def _with_unit(name: str, unit: str) -> str:
    """``depth`` in um -> ``depth_um``; a unit that the name already says is not said twice."""
    if unit in _NO_UNIT:
        return f"{name}_fraction" if name in {"purity", "viability"} else name
    words = re.findall(r"[a-z0-9]+", unit.lower().replace("µ", "u").replace("%", "percent"))
    said = set(re.split(r"[^a-z0-9]+", name.lower()))
    new = [word for word in words if word not in said and word.rstrip("s") not in said]
    return "_".join([name, *new])
