"""A finished run -> its report again, and the same figures in other forms.

Nothing is measured or judged anew: what stands in ``results.json`` is what every form says. Takes
the output folder of a run; gives ``report.html`` with the trend of earlier lots, ``report.pdf``,
``results.xlsx``, ``isletqc_mqc.json``, ``ro-crate-metadata.json``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from isletqc.errors import LedgerError, UsageError
from isletqc.ledger import signatures
from isletqc.records import Failure
from isletqc.report import crate, files, markdown, multiqc, pdf, workbook
from isletqc.report.files import write_text_atomically
from isletqc.report.page import report_html
from isletqc.report.results import RunResults, read_results, results_document
from isletqc.report.trend import Trend
from isletqc.run import kept, record, review, trend

# What provenance.json has beside the facts of RunResults.provenance.
_OWN_FACTS = frozenset(
    (
        *("schema_version", "command", "started", "finished", "exit_code"),
        *("protocol", "network", "inputs"),
    )
)


def write_report(out: Path, history: Sequence[Path] = ()) -> Path:
    """Write ``report.html`` again, with the trend of the lots in ``history``; gives its path.

    Without a history the trend is that of the ledger which holds the results, where one does.

    Raises
    ------
    UsageError
        The folder is not that of a finished run, or pictures were corrected since it was judged.
    OutputError
        The folder cannot be written.
    """
    file, document = read_results(out)
    results = from_folder(out, document)
    trends = trend.of_run(file, history) if history else _of_ledger(out, results)
    page = out / "report.html"
    with files.writing(out):
        write_text_atomically(page, report_html(results, out, trends=trends))
    return page


def from_folder(out: Path, document: Mapping[str, Any]) -> RunResults:
    """Restore what a run found from its folder.

    Parameters
    ----------
    out : folder of a finished run
    document : its ``results.json``

    Raises
    ------
    UsageError
        The folder is not that of a finished run, or pictures were corrected since it was judged.
    """
    found, loaded = kept.read(out)
    opened = review.open_results(out)
    entries = tuple(replace(e, result=review.checked(e)) for e in opened.entries)
    outcomes = [entry.result for entry in entries]
    provenance = json.loads((out / "provenance.json").read_text("utf-8"))
    results = RunResults(
        verdicts=review.verdicts(replace(opened, entries=entries)),
        failures=tuple(outcome for outcome in outcomes if isinstance(outcome, Failure)),
        protocol=loaded,
        network=found.network,
        folders={place.sample.image: place.folder for place in found.places},
        provenance={k: v for k, v in provenance.items() if k not in _OWN_FACTS},
        command=provenance["command"],
        started=provenance["started"],
        finished=provenance["finished"],
        exit_code=document["exit_code"],
        signatures=signatures.read(out),
    )
    if _without_times(results_document(results)) != _without_times(document):
        raise UsageError(
            f"{out}: the pictures are no longer those that the lots were judged by; "
            f"run isletqc rejudge {out} first"
        )
    return results


def check(*, as_pdf: bool = False, xlsx: bool = False, rocrate: bool = False) -> None:
    """Refuse before anything runs where a library for one of the forms is missing.

    Raises
    ------
    UsageError
        Something is missing; the message says how to get it.
    """
    for wanted, module in ((as_pdf, pdf), (xlsx, workbook), (rocrate, crate)):
        if wanted:
            module.check()


def write_pdf(out: Path) -> Path:
    """Write ``report.pdf`` from ``report.html``; gives its path.

    Raises
    ------
    UsageError
        There is no report, or WeasyPrint is missing.
    OutputError
        The folder cannot be written.
    """
    page = out / "report.html"
    if not page.is_file():
        raise UsageError(f"{page}: expected a report, found none; give the folder of a run")
    with files.writing(out):
        return pdf.write_pdf(page)


def write_workbook(out: Path) -> Path:
    """Write ``results.xlsx``; gives its path. Errors as of `write_pdf`."""
    return _written(out, workbook.write_workbook)


def write_crate(out: Path) -> Path:
    """Write ``ro-crate-metadata.json``, last of all files; gives its path."""
    return _written(out, crate.write_crate)


def write_multiqc(out: Path) -> Path:
    """Write ``isletqc_mqc.json`` for MultiQC; gives its path."""

    def write(folder: Path, document: Mapping[str, Any]) -> Path:
        text = json.dumps(multiqc.multiqc_document(document), ensure_ascii=False, indent=2)
        write_text_atomically(folder / multiqc.FILE, text + "\n")
        return folder / multiqc.FILE

    return _written(out, write)


def append_step_summary(results: RunResults) -> None:
    """Append a Markdown summary to the file that a build server names; nothing elsewhere.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    named = os.environ.get("GITHUB_STEP_SUMMARY")
    if not named:
        return
    with files.writing(Path(named)), Path(named).open("a", encoding="utf-8") as file:
        room = max(markdown.MOST_BYTES - file.tell(), 0)
        markers = results.protocol.protocol.markers
        document = results_document(results)
        file.write(markdown.step_summary(document, markers=markers, most_bytes=room))


def _of_ledger(out: Path, results: RunResults) -> tuple[Trend, ...]:
    try:
        return trend.of_run_in_ledger(results, record.named_ledger(None, out))
    except LedgerError:  # its address had a password, which is kept nowhere
        return ()


def _without_times(document: Mapping[str, Any]) -> list[Any]:
    """Lots as JSON has them; a picture's own file was written before its last time was taken."""
    lots: list[Any] = json.loads(json.dumps(document["lots"]))
    for lot in lots:
        for image in lot["images"]:
            image.pop("seconds", None)
    return lots


def _written(out: Path, write: Callable[[Path, Mapping[str, Any]], Path]) -> Path:
    file, document = read_results(out)
    with files.writing(out):
        return write(file.parent, document)
