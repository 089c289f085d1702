"""Many finished runs -> ``index.html``: from their folders, or from a ledger."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from isletqc.errors import UsageError
from isletqc.ledger import connect, lots, store
from isletqc.report import index, texts_charts
from isletqc.report.files import write_text_atomically, writing
from isletqc.report.results import read_results
from isletqc.run import trend


def of_folder(folder: Path) -> Path:
    """Write ``index.html`` over all runs in and under a folder; gives its path.

    Results that cannot be read are named on the page.

    Raises
    ------
    UsageError
        There are no results.
    OutputError
        The folder cannot be written.
    """
    rows, broken, runs = [], [], 0
    for file in trend.result_folders([folder]):
        try:
            run = index.Run(file, read_results(file)[1], trend.finished(file))
        except UsageError as e:
            broken.append(str(e))
            continue
        rows += index.rows_of(run, folder)
        runs += 1
    return _write(folder, index.index_html(rows, runs=runs, broken=broken))


def of_ledger(folder: Path, address: str | None) -> Path:
    """Write ``index.html`` over all lots of a ledger, as their newest runs left them.

    Raises
    ------
    UsageError
        No ledger is named.
    LedgerError
        The ledger cannot be read.
    OutputError
        The folder cannot be written.
    """
    with store.opened(connect.required(address)) as ledger:
        lines = lots.every(ledger)
        values = {
            name: {point.lot: point.value for point in lots.series(ledger, name)}
            for name in texts_charts.INDEX_COLUMNS
        }
    rows = [_ledger_row(line, folder, values) for line in lines]
    return _write(folder, index.index_html(rows, runs=len({line.run for line in lines})))


def _ledger_row(
    line: lots.LotLine, folder: Path, values: Mapping[str, Mapping[str, float | None]]
) -> index.LotRow:
    href, where = index.link(Path(line.out), folder)
    return index.LotRow(
        lot=line.lot,
        verdict=line.verdict,
        reason=line.reason,
        finished=line.started,
        protocol=f"{line.protocol} {line.protocol_version}",
        pictures=None,
        failures=0,
        values=tuple(index.figure(name, values[name].get(line.lot)) for name in values),
        href=href,
        folder=where,
    )


def _write(folder: Path, text: str) -> Path:
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_text_atomically(folder / "index.html", text)
    return folder / "index.html"
