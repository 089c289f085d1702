"""One run on disk: the seven files that people, spreadsheets and other programs read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isletqc.records import Picture
from isletqc.report import crate, multiqc, workbook
from isletqc.report.files import write_text_atomically
from isletqc.report.junit import junit_xml
from isletqc.report.page import report_html
from isletqc.report.results import RunResults, network_facts, results_document
from isletqc.report.tables import images_csv, lots_csv, nuclei_csv, objects_csv
from isletqc.report.trend import Trend

PROVENANCE_VERSION = "1.0"
# Made from the files of a run on request; they must not outlive these.
_DERIVED = ("report.pdf", workbook.FILE, multiqc.FILE, crate.FILE)


def write_run(out: Path, *, results: RunResults, trends: Sequence[Trend] = ()) -> None:
    """Write the files of a run into ``out``; ``results.json`` last of all.

    The thumbnails in ``report.html`` are made from the overlays under ``out``; a picture whose
    overlay is missing is listed without one. ``trends`` are charts of earlier lots for the page.

    Raises
    ------
    OSError
        ``out`` cannot be written; ``results.json`` is then absent or that of the run before.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name in _DERIVED:
        (out / name).unlink(missing_ok=True)
    write_text_atomically(out / "objects.csv", objects_csv(results))
    if nuclei := nuclei_csv(results):
        write_text_atomically(out / "nuclei.csv", nuclei)
    write_text_atomically(out / "images.csv", images_csv(results))
    write_text_atomically(out / "lots.csv", lots_csv(results))
    write_text_atomically(out / "junit.xml", junit_xml(results))
    write_text_atomically(out / "provenance.json", _json(provenance_document(results)))
    write_text_atomically(out / "report.html", report_html(results, out, trends=trends))
    write_text_atomically(out / "results.json", _json(results_document(results)))


def provenance_document(results: RunResults) -> dict[str, Any]:
    """``provenance.json`` as plain data: who made these figures from what, when and how."""
    loaded = results.protocol
    return {
        "schema_version": PROVENANCE_VERSION,
        "command": results.command,
        "started": results.started,
        "finished": results.finished,
        "exit_code": results.exit_code,
        "protocol": {
            "path": str(loaded.path),
            "sha256": loaded.sha256,
            "settings": loaded.protocol.model_dump(mode="json"),
        },
        "network": network_facts(results.network),
        "inputs": [_input(p) for v in results.verdicts for p in v.lot.pictures],
        **_plain(results.provenance),
    }


def _input(picture: Picture) -> dict[str, Any]:
    return {
        "path": picture.sample.image,
        "sha256": picture.sha256,
        "um_per_px": picture.um_per_px,
        "um_per_px_source": picture.um_per_px_source,
    }


def _plain(value: Any) -> Any:
    """Provenance comes from many places: what JSON does not know is written as text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2) + "\n"
