"""Assays that people typed in, tied to the samples of their lots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from isletqc.load import assays
from isletqc.protocol import Protocol
from isletqc.records import Sample


def attach(
    samples: Sequence[Sample], path: Path | None, protocol: Protocol
) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    """Give each sample the assays of its lot.

    Parameters
    ----------
    samples : of a run
    path : table of assays (``load.assays``); None leaves the samples as they are
    protocol : for the assays that it has limits on

    Returns
    -------
    tuple
        The samples, and notes for a person: lots of the table that are not in the run, assays
        without a limit.

    Raises
    ------
    SheetError
        The table is wrong.
    """
    if path is None:
        return tuple(samples), ()
    entered = assays.read(path)
    strangers = sorted(entered.keys() - {s.lot for s in samples})
    limits = {limit.estimate for limit in protocol.limits if limit.entered}
    idle = sorted({a.name for of_lot in entered.values() for a in of_lot} - limits)
    notes = [f"{path}: lot {lot} has assays, but no picture in this run" for lot in strangers]
    notes += [f"{path}: {n} is shown, but protocol {protocol.name} has no limit" for n in idle]
    return tuple(replace(s, assays=entered.get(s.lot, ())) for s in samples), tuple(notes)
