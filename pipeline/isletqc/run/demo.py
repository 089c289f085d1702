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
from isletqc.synthetic.draw import LotTruth, phantom_lot

PROTOCOL = "dtz-us-generic"
LOT = "demo"


def prepare(
    out: Path,
    *,
    device: str = "auto",
    protocol_name: str = PROTOCOL,
    shape_yx: tuple[int, int] = (1536, 2048),
    islets_per_aliquot: float = 300,
    recipient_kg: float = 60,
) -> tuple[Order, Mapping[str, float]]:
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
        2,
        shape_yx=shape_yx,
        islets_per_aliquot=islets_per_aliquot,
        recipient_kg=recipient_kg,
    )
    folder = out / "pictures"
    try:
        paths = [write_field(folder, f"aliquot_{k}.tif", f) for k, f in enumerate(fields, 1)]
        written = _write_sheet(folder / "samples.csv", paths, truth)
    except OSError as e:
        raise OutputError(f"{folder}: cannot be written: {e.strerror or e}") from e
    order = Order(
        samples=sheet.read(written), protocol=protocol.load(protocol_name), out=out, device=device
    )
    return order, _true_values(truth)


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


def _true_values(truth: LotTruth) -> Mapping[str, float]:
    return {
        "islet_count": sum(truth.aliquot_islets),
        "ieq_counted": sum(truth.aliquot_ieq),
        "ieq_total": truth.total_ieq,
        "ieq_per_kg": truth.ieq_per_kg,
        "purity": truth.purity,
    }
