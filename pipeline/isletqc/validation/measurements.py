"""What the user gave -> the measurements of a study: one CSV file, or results of runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from isletqc.errors import UsageError
from isletqc.validation import runs, table
from isletqc.validation.study import Kind, Observations


def gather(given: Sequence[str], kind: Kind, *, figure: str | None, of: runs.Of) -> Observations:
    """Read the measurements.

    Parameters
    ----------
    given : one CSV file, or result folders with or without ``LABEL=``
    kind : of the study
    figure, of : which figure of what; only for result folders

    Raises
    ------
    UsageError
        Nothing usable was given.
    """
    results = [text for text in given if _is_run(runs.split(text)[1])]
    if results and len(results) == len(given):
        if figure is None:
            raise UsageError(
                "expected a figure for result folders, found none; "
                "add for example --figure ieq_total, or --figure ieq --of specimen"
            )
        return runs.read(given, kind, figure=figure, of=of)
    if len(given) != 1:
        raise UsageError(
            f"expected one CSV file or result folders, found {len(given)} inputs of which "
            f"{len(results)} are result folders; name only the one or the other"
        )
    if figure is not None:
        raise UsageError(
            f"{given[0]}: expected the result folder of a run for --figure, found none there; "
            "leave --figure away for a CSV file"
        )
    return table.read(Path(given[0]), kind)


def _is_run(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() == ".json"
