"""The lots of a finished run judged again, from what is in its folder now.

Takes the output folder; gathers every picture from disk, corrections and approvals with it, judges
the lots and writes the run's files again. Without corrections the results are those of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isletqc.errors import OutputError, UsageError
from isletqc.records import Failure, Picture
from isletqc.report.results import RunResults
from isletqc.run import autosave, batch, kept, lock, log, provenance, record, review
from isletqc.run.batch import Finished
from isletqc.run.review import Entry


def rejudge(out: Path, *, ledger: str | None = None, command: str = "") -> Finished:
    """Judge a run again and write its files again.

    Parameters
    ----------
    out : output folder of a finished run
    ledger : address; the results are entered as corrected; None enters nothing
    command : what a person would type for it, for the record; empty takes what was typed

    Returns
    -------
    Finished
        As of the run; no picture is resumed.

    Raises
    ------
    UsageError
        The folder is not that of a finished run, or saving a picture was cut short.
    OutputError
        The folder cannot be written.
    """
    found, _ = kept.read(out)
    try:
        with lock.hold(out), log.opened(out / "log.jsonl") as write:
            opened = review.open_results(out)
            _refuse_half_saved(opened.entries)
            results = _results(opened, found, command or provenance.command_line())
            # Half of the new files must not stand beside the old verdict.
            (out / "results.json").unlink(missing_ok=True)
            results = record.write(out, results, ledger=ledger)
            if ledger is not None:
                record.enter(out, ledger, action="corrected")
            write("info", "rejudged", exit_code=results.exit_code)
    except OSError as e:
        raise OutputError(
            f"{out}: the results cannot be written: {e.strerror or e}; make room, then run "
            "isletqc rejudge again: pictures and corrections are kept"
        ) from e
    return Finished(results, out / "report.html", 0)


def unsaved(out: Path) -> Iterator[str]:
    """Name the pictures whose edits were not saved and are in no result."""
    for entry in review.open_results(out).entries:
        if entry.unsaved:
            yield (
                f"{entry.name}: {entry.unsaved} edits are not saved and not in these results; "
                "open the picture in napari to recover or discard them"
            )


def _refuse_half_saved(entries: Sequence[Entry]) -> None:
    for entry in entries:
        journal = autosave.read(entry.folder)
        if journal is not None and journal.saving:
            raise UsageError(
                f"{entry.name}: saving it was cut short, so its files do not fit each other; open "
                "the picture in napari, recover its edits and save, then run isletqc rejudge again"
            )


def _results(opened: review.Review, found: kept.Kept, command: str) -> RunResults:
    entries = [replace(entry, result=review.checked(entry)) for entry in opened.entries]
    verdicts = review.verdicts(replace(opened, entries=tuple(entries)))
    failures = tuple(e.result for e in entries if isinstance(e.result, Failure))
    return RunResults(
        verdicts=verdicts,
        failures=failures,
        protocol=opened.protocol,
        network=found.network,
        folders={place.sample.image: place.folder for place in found.places},
        provenance={**found.provenance, **_corrections(entries, command)},
        command=found.command,
        started=found.started,
        finished=found.finished,
        exit_code=batch.exit_code(verdicts, failures, found.fail_on),
    )


def _corrections(entries: Sequence[Entry], command: str) -> dict[str, Any]:
    """Say when and by which command it was judged again, and which pictures a person changed."""
    pictures = [e.result for e in entries if isinstance(e.result, Picture)]
    return {
        "rejudged": {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": command,
        },
        "corrected": [
            {
                "image": p.name,
                "edits": len(p.edits),
                "by": sorted({e.who for e in p.edits}),
                "approved_by": p.approval.who if p.approval and p.approved else None,
            }
            for p in pictures
            if p.edits
        ],
    }
