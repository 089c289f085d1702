"""What a person at the terminal is told: lines, progress, results, errors and their exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

import typer

from isletqc.errors import IsletQCError, PictureError, UsageError

if TYPE_CHECKING:
    from isletqc.records import Failure, Picture
    from isletqc.run.batch import Finished

_SECONDS_BETWEEN = 30.0


@contextmanager
def errors() -> Iterator[None]:
    """Turn the program's own errors into a message and an exit code."""
    try:
        yield
    except IsletQCError as e:
        line(f"error: {e}", err=True)
        code = 2 if isinstance(e, UsageError) else 3 if isinstance(e, PictureError) else 1
        raise typer.Exit(code) from e


def line(text: str, *, err: bool = False) -> None:
    """Print one line; control characters in names must not steer the terminal."""
    shown = "".join(
        c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text
    )
    try:
        typer.echo(shown.encode("utf-8", errors="replace").decode("utf-8"), err=err)
    except BrokenPipeError:
        _hush(err=err)


def lines(texts: Iterable[str]) -> None:
    """Print each text as a line."""
    for text in texts:
        line(text)


def _hush(*, err: bool) -> None:
    """Nobody reads on (``| head``): the work goes on in silence and keeps its own exit code."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, (sys.stderr if err else sys.stdout).fileno())
    os.close(nowhere)


@contextmanager
def progress(pictures: int) -> Iterator[tuple[Any, Any]]:
    """Show a bar on a terminal, one line a picture and half a minute of a large one elsewhere."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from isletqc.run import summary

    console = Console(stderr=True)
    if not console.is_terminal:
        yield (
            lambda done, total, name, result: line(summary.picture_line(done, total, name, result)),
            _now_and_then(_SECONDS_BETWEEN),
        )
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=pictures)

        def advance(done: int, total: int, name: str, result: Picture | Failure) -> None:
            bar.update(task, completed=done, description=name)
            if _is_failure(result):
                bar.console.print(summary.picture_line(done, total, name, result), markup=False)

        yield advance, lambda name, text: bar.update(task, description=f"{name}: {text}")


def _now_and_then(seconds: float) -> Callable[[str, str], None]:
    """Tell of a large picture where no bar can, at most so often."""
    told = [perf_counter()]

    def part(name: str, text: str) -> None:
        if perf_counter() - told[0] >= seconds:
            told[0] = perf_counter()
            line(f"{name}: {text}")

    return part


def _is_failure(result: Picture | Failure) -> bool:
    return hasattr(result, "error")


def show(finished: Finished, truth: Mapping[str, float] | None) -> None:
    """Say what a person must know first, then the limits of each lot, then where the report is."""
    from isletqc.run import record, summary

    if finished.resumed:
        line(f"{finished.resumed} pictures were taken up from an earlier run (--fresh does not)")
    lines(summary.warnings(finished.results))
    for verdict in finished.results.verdicts:
        lines(["", *summary.lot_lines(verdict)])
    if truth is not None:
        lines(["", *summary.truth_lines(truth, finished.results)])
    if released := record.release_standing(finished.report.parent).sentence:
        lines(["", released])
    lines(["", f"report: {finished.report}"])
