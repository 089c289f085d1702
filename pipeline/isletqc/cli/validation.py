"""Commands of method validation: repeatability, linearity, agreement, gage."""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isletqc.cli import telling

if TYPE_CHECKING:
    from isletqc.validation.study import Kind, Observations, Study

app = typer.Typer(
    help="Method validation. Exit code 4 when a limit that you set is missed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class Of(StrEnum):
    """What one measurement is, in the results of a run."""

    lot = "lot"
    specimen = "specimen"
    image = "image"


MeasuredArgument = Annotated[
    list[str], typer.Argument(metavar="INPUT...", help="a CSV file, or results as [LABEL=]FOLDER")
]
ValidationOut = Annotated[Path, typer.Option("--out", "-o", help="folder for page and JSON")]
FigureOption = Annotated[
    str | None, typer.Option(help="figure of the results: ieq_total, purity, ieq, ...")
]
OfOption = Annotated[Of, typer.Option(help="what is one measurement in the results")]
ConfidenceOption = Annotated[float, typer.Option(min=0.5, max=0.999, help="of all intervals")]
AssuredOption = Annotated[
    bool, typer.Option("--assured", help="hold the far ends of the intervals against the limits")
]
PercentOption = Annotated[float | None, typer.Option(min=0, help="limit, percent")]
ShareOption = Annotated[float | None, typer.Option(min=0, max=1, help="limit, 0 to 1")]
VALIDATION_OUT = Path("validation")


@app.command()
def repeatability(
    inputs: MeasuredArgument,
    *,
    out: ValidationOut = VALIDATION_OUT,
    figure: FigureOption = None,
    of: OfOption = Of.lot,
    confidence: ConfidenceOption = 0.95,
    max_cv: PercentOption = None,
    max_intermediate_cv: PercentOption = None,
    assured: AssuredOption = False,
) -> None:
    """Repeats: repeatability and intermediate precision. Columns value, sample, site, day, run."""
    with telling.errors():
        from isletqc.validation.answers import repeatability as question

        measured = _measured("repeatability", inputs, figure, of)
        study = question.study(
            measured,
            confidence=confidence,
            max_cv=max_cv,
            max_intermediate_cv=max_intermediate_cv,
            assured=assured,
        )
        _answered(study, out)


@app.command()
def linearity(
    inputs: MeasuredArgument,
    *,
    out: ValidationOut = VALIDATION_OUT,
    figure: FigureOption = None,
    of: OfOption = Of.specimen,
    confidence: ConfidenceOption = 0.95,
    max_index: PercentOption = None,
    min_r2: ShareOption = None,
    max_cv: PercentOption = None,
    assured: AssuredOption = False,
) -> None:
    """Dilution series: proportionality. Columns value and fraction, or value and dilution."""
    with telling.errors():
        from isletqc.validation.answers import linearity as question

        measured = _measured("linearity", inputs, figure, of)
        study = question.study(
            measured,
            confidence=confidence,
            max_index=max_index,
            min_r2=min_r2,
            max_cv=max_cv,
            assured=assured,
        )
        _answered(study, out)


@app.command()
def agreement(
    inputs: MeasuredArgument,
    *,
    out: ValidationOut = VALIDATION_OUT,
    figure: FigureOption = None,
    of: OfOption = Of.image,
    confidence: ConfidenceOption = 0.95,
    error_ratio: Annotated[
        float, typer.Option(min=1e-6, help="error variance of reference / test, for Deming")
    ] = 1.0,
    max_bias: PercentOption = None,
    max_difference: PercentOption = None,
    min_concordance: ShareOption = None,
    assured: AssuredOption = False,
) -> None:
    """Two methods on the same samples. Columns reference, test, sample; or two result folders."""
    with telling.errors():
        from isletqc.validation.answers import agreement as question

        measured = _measured("agreement", inputs, figure, of)
        study = question.study(
            measured,
            confidence=confidence,
            error_ratio=error_ratio,
            max_bias=max_bias,
            max_difference=max_difference,
            min_concordance=min_concordance,
            assured=assured,
        )
        _answered(study, out)


@app.command()
def gage(
    inputs: MeasuredArgument,
    *,
    out: ValidationOut = VALIDATION_OUT,
    figure: FigureOption = None,
    of: OfOption = Of.image,
    confidence: ConfidenceOption = 0.95,
    tolerance: Annotated[
        float | None, typer.Option(min=1e-12, help="width of the specification, unit of the values")
    ] = None,
    max_grr: PercentOption = None,
    min_categories: Annotated[int | None, typer.Option(min=1, help="limit, a number")] = None,
    assured: AssuredOption = False,
) -> None:
    """Gage R&R, crossed: every operator measures every part. Columns part, operator, value."""
    with telling.errors():
        from isletqc.validation.answers import gage as question

        measured = _measured("gage", inputs, figure, of)
        study = question.study(
            measured,
            confidence=confidence,
            tolerance=tolerance,
            max_grr=max_grr,
            min_categories=min_categories,
            assured=assured,
        )
        _answered(study, out)


def _measured(kind: Kind, inputs: list[str], figure: str | None, of: Of) -> Observations:
    from isletqc.validation import measurements

    return measurements.gather(inputs, kind, figure=figure, of=of.value)


def _answered(study: Study, out: Path) -> None:
    """Write page and JSON, say the answer, end with 4 when a limit is missed."""
    from isletqc.validation import page

    page.write(out, study, command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]))
    telling.lines([study.answer, *(f"note: {caution}" for caution in study.cautions)])
    telling.lines(page.acceptance_lines(study))
    telling.line(f"page: {out / 'validation.html'}")
    raise typer.Exit(4 if study.verdict == "fail" else 0)
