"""Commands over finished runs: report, chart, plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isletqc.cli import telling
from isletqc.cli.options import PdfOption


def report(
    out: Annotated[Path, typer.Argument(help="folder that run wrote; with --index one of many")],
    *,
    history: Annotated[
        list[Path] | None,
        typer.Option(help="folder of earlier runs, or holding such: their trend in the report"),
    ] = None,
    pdf: PdfOption = False,
    xlsx: Annotated[bool, typer.Option("--xlsx", help="write results.xlsx")] = False,
    multiqc: Annotated[bool, typer.Option("--multiqc", help="write isletqc_mqc.json")] = False,
    rocrate: Annotated[
        bool, typer.Option("--rocrate", help="write ro-crate-metadata.json")
    ] = False,
    index: Annotated[
        bool, typer.Option("--index", help="write index.html over all runs in the folder")
    ] = False,
    ledger: Annotated[
        str | None, typer.Option(help="with --index: over the lots of this ledger")
    ] = None,
) -> None:
    """Write the report of a finished run again, and its figures in other forms."""
    with telling.errors():
        if index:
            from isletqc.run import catalogue

            page = catalogue.of_ledger(out, ledger) if ledger else catalogue.of_folder(out)
            telling.line(f"index: {page}")
            raise typer.Exit
        from isletqc.run import record, reports

        reports.check(as_pdf=pdf, xlsx=xlsx, rocrate=rocrate)
        telling.line(f"report: {reports.write_report(out, history or ())}")
        record.report_written(out)
        forms = (
            (pdf, reports.write_pdf),
            (xlsx, reports.write_workbook),
            (multiqc, reports.write_multiqc),
            (rocrate, reports.write_crate),
        )
        telling.lines([f"written: {write(out)}" for wanted, write in forms if wanted])


def chart(
    results: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[RESULTS...]", help="folders of runs, or holding such"),
    ] = None,
    *,
    ledger: Annotated[str | None, typer.Option(help="take the lots of this ledger")] = None,
    protocol: Annotated[str, typer.Option(help="only results by this protocol")] = "",
    figure: Annotated[
        str, typer.Option(help="ieq_total, purity, ...; of a picture ieq, islet_count, focus, ...")
    ] = "ieq_total",
    image: Annotated[
        str, typer.Option(help="name of a reference picture that is taken again and again")
    ] = "",
    mean: Annotated[float | None, typer.Option(help="given mean, with --sd")] = None,
    sd: Annotated[float | None, typer.Option(min=0, help="given SD, with --mean")] = None,
    first: Annotated[
        int | None, typer.Option(min=2, help="values that establish mean and SD [default: 20]")
    ] = None,
    last: Annotated[int | None, typer.Option(min=2, help="chart only the last values")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the charts")] = Path("chart"),
) -> None:
    """Chart a figure over lots: Levey-Jennings and individuals charts, Westgard's rules named.

    Exit code 5 when the last value breaks a rule.
    """
    with telling.errors():
        from isletqc.report.trend import answer, baseline_words
        from isletqc.run import provenance, trend

        given = trend.given(mean, sd)
        question = trend.Question(figure, image, protocol, given=given, count=first, last=last)
        found = (
            trend.from_folders(results, question)
            if results
            else trend.from_ledger(ledger, question)
        )
        page = trend.write(out, found, command=provenance.command_line())
        telling.lines([f"note: {reason}" for reason in found.skipped])
        telling.lines([f"{figure}: {answer(found)}", baseline_words(found), f"page: {page}"])
        raise typer.Exit(5 if trend.broken(found) else 0)


def plan(
    results: Annotated[Path, typer.Argument(help="folder that run wrote, or its results.json")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Say how many more aliquots would clear up each limit in review, and with what chance."""
    with telling.errors():
        import json

        from isletqc.report.results import read_results
        from isletqc.run import outlook

        document = read_results(results)[1]
        found, notes = outlook.plans(document), outlook.flags(document)
        if as_json:
            telling.line(json.dumps(outlook.as_data(found, notes), indent=2))
        else:
            telling.lines(outlook.lines(found, notes))
