"""A drawn lot whose totals are known, ready to be analysed."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from isletqc import protocol
from isletqc.errors import OutputError
from isletqc.load import sheet
from isletqc.run.batch import Order
from isletqc.run.phantoms import write_field
from isletqc.synthetic.draw import Field, LotTruth, phantom_lot

PROTOCOL = "dtz-us-generic"
LOT = "demo"
_SEED = 2


def prepare(out: Path, *, device: str = "auto") -> tuple[Order, Mapping[str, float]]:
    """Draw three aliquots of one lot with their sample sheet.

    Returns
    -------
    order : analyses them, results in ``out``
    truth : name of an estimate -> its true value

    Raises
    ------
    OutputError
        ``out`` cannot be written.
    """
    fields, truth = phantom_lot(
        _SEED, islets_per_aliquot=170, suspension_ml=600, shape_yx=(1152, 1536)
    )
    written = write_lot(out / "pictures", fields, truth)
    order = Order(
        samples=sheet.read(written), protocol=protocol.load(PROTOCOL), out=out, device=device
    )
    return order, true_values(truth)


def write_lot(folder: Path, fields: Sequence[Field], truth: LotTruth) -> Path:
    """Write the pictures of a drawn lot, one for each aliquot, with their sample sheet.

    Returns
    -------
    Path of the sheet

    Raises
    ------
    OutputError
        ``folder`` cannot be written.
    """
    try:
        paths = [write_field(folder, f"aliquot_{k}.tif", f) for k, f in enumerate(fields, 1)]
        return _write_sheet(folder / "samples.csv", paths, truth)
    except OSError as e:
        raise OutputError(f"{folder}: cannot be written: {e.strerror or e}") from e


def true_values(truth: LotTruth) -> Mapping[str, float]:
    """Name of an estimate -> what it should find."""
    return {
        "islet_count": sum(truth.aliquot_islets),
        "ieq_counted": sum(truth.aliquot_ieq),
        "ieq_total": truth.total_ieq,
        "ieq_per_kg": truth.ieq_per_kg,
        "purity": truth.purity,
    }


def _write_sheet(path: Path, pictures: Sequence[Path], truth: LotTruth) -> Path:
    rows = [
        {
            "image": picture.relative_to(path.parent).as_posix(),
            "lot": LOT,
            "specimen": number,
            "stain": "dithizone",
            "aliquot_ul": truth.aliquot_ul,
            "dilution": truth.dilution,
            "suspension_ml": truth.suspension_ml,
            "recipient_kg": truth.recipient_kg,
            "settled_tissue_ml": round(truth.settled_tissue_ml, 3),
            "infusion": "first",
        }
        for number, picture in enumerate(pictures, 1)
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path
