"""Commands that analyse pictures or judge them: run, demo, inspect, rejudge."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isletqc.cli import telling
from isletqc.cli.options import (
    DEFAULT_PROTOCOL,
    Device,
    DeviceOption,
    LedgerOption,
    PdfOption,
    PixelSizeOption,
    ProtocolOption,
)

if TYPE_CHECKING:
    from isletqc.run.batch import Finished, Order


class FailOn(StrEnum):
    """Which verdicts become exit codes."""

    never = "never"
    fail = "fail"
    review = "review"


def run(
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="INPUT...", help="pictures, or folders searched with subfolders"),
    ] = None,
    *,
    protocol: ProtocolOption = DEFAULT_PROTOCOL,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", "-s", help="CSV that ties pictures to lots")
    ] = None,
    assays: Annotated[
        Path | None, typer.Option(help="CSV of assays typed in: endotoxin, sterility, ...")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the results")] = Path("out"),
    pixel_size: PixelSizeOption = None,
    device: DeviceOption = Device.auto,
    workers: Annotated[
        int | None, typer.Option(min=1, help="processes [default: by pictures and cores]")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="local|ADDRESS", help="Dask: workers of a cluster do the pictures"),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="analyse again what an earlier run finished")
    ] = False,
    fail_on: Annotated[FailOn, typer.Option(help="verdicts that become exit codes")] = (
        FailOn.review
    ),
    ledger: LedgerOption = None,
    release: Annotated[
        bool, typer.Option("--release", help="refuse a protocol that is not approved in the ledger")
    ] = False,
    pdf: PdfOption = False,
) -> None:
    """Analyse pictures, judge their lots, write report and tables.

    Without a sheet each folder is a lot of one specimen, and totals that need volumes are not
    determined.
    """
    with telling.errors():
        from isletqc import protocol as protocol_files
        from isletqc.run import assays as entered
        from isletqc.run import inputs as chosen
        from isletqc.run import record
        from isletqc.run.batch import Order

        loaded = protocol_files.load(protocol)
        if release:
            record.refuse_unreleased(loaded, ledger)
        found = chosen.gather(inputs or [], sheet=sheet, out=out)
        samples, notes = entered.attach(found.samples, assays, loaded.protocol)
        order = Order(
            samples=samples,
            protocol=loaded,
            out=out,
            pixel_size_um=pixel_size,
            device=device.value,
            workers=workers,
            scheduler=scheduler,
            fresh=fresh,
            fail_on=fail_on.value,
            notes=found.notes + notes,
            ledger=record.named_ledger(ledger),
        )
        finished = _carry_out(order, pdf=pdf)
        raise typer.Exit(finished.results.exit_code)


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the results")] = (
        Path("demo-out")
    ),
    device: DeviceOption = Device.auto,
    pdf: PdfOption = False,
) -> None:
    """Draw a lot with known truth, analyse it, show truth beside estimate."""
    with telling.errors():
        from isletqc.run import demo as drawn

        telling.line(f"Drawing three aliquots of one lot into {out / 'pictures'} ...")
        order, truth = drawn.prepare(out, device=device.value)
        finished = _carry_out(order, truth, pdf=pdf)
        raise typer.Exit(finished.results.exit_code)


def inspect(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="pictures")],
    *,
    protocol: ProtocolOption = DEFAULT_PROTOCOL,
    pixel_size: PixelSizeOption = None,
) -> None:
    """Show what would be read: shape, channels, pixel size and its source, fitness.

    Exit code 3 when a picture could not be analysed.
    """
    with telling.errors():
        from isletqc import protocol as protocol_files
        from isletqc.run import look

        method = protocol_files.load(protocol).protocol
        fine = True
        for path in images:
            seen = look.at(path, method, pixel_size_um=pixel_size)
            fine = fine and not seen.problem
            telling.lines(
                [str(path), *(f"  {name:<12} {value}" for name, value in seen.facts.items())]
            )
            if seen.problem:
                telling.line(f"  {'PROBLEM':<12} {seen.problem}")
        raise typer.Exit(0 if fine else 3)


def rejudge(
    out: Annotated[Path, typer.Argument(help="output folder of a finished run")],
    ledger: LedgerOption = None,
) -> None:
    """Judge a run again from what is in its folder, corrections and approvals with it."""
    with telling.errors():
        from isletqc.run import record
        from isletqc.run import rejudge as again

        finished = again.rejudge(out, ledger=record.named_ledger(ledger, out))
        telling.lines(f"WARNING: {line}" for line in again.unsaved(out))
        telling.show(finished, None)
        raise typer.Exit(finished.results.exit_code)


def _carry_out(
    order: Order, truth: Mapping[str, float] | None = None, *, pdf: bool = False
) -> Finished:
    from isletqc.run import batch, reports

    reports.check(as_pdf=pdf)
    _announce(order)
    try:
        with telling.progress(len(order.samples)) as (on_progress, on_part):
            finished = batch.run(order, on_progress=on_progress, on_part=on_part)
    except KeyboardInterrupt as e:
        telling.line(
            "Stopped. Finished pictures are kept: run the same command again to go on.", err=True
        )
        raise typer.Exit(128 + (e.args[0] if e.args else 2)) from e
    telling.show(finished, truth)
    if pdf:
        telling.line(f"PDF: {reports.write_pdf(order.out)}")
    reports.append_step_summary(finished.results)
    return finished


def _announce(order: Order) -> None:
    from isletqc.run import batch

    found = order.protocol.protocol
    device = batch.device(order)
    chosen = f" (auto chose {device})" if order.device == "auto" else ""
    telling.line(f"protocol {found.name} {found.version} ({found.status}): {found.title}")
    telling.line(f"{len(order.samples)} pictures, device {device}{chosen}, results in {order.out}")
    telling.lines([f"note: {note}" for note in order.notes])
