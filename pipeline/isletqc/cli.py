"""Arguments -> run; prints what came out; gives the exit code. Imports nothing heavy by itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from isletqc import __version__
from isletqc.errors import IsletQCError, PictureError, UsageError

if TYPE_CHECKING:
    from isletqc.records import Failure, Picture
    from isletqc.run.batch import Finished, Order
    from isletqc.validation.study import Kind, Observations, Study

EXIT_CODES = """\b
Exit codes of run (the worst wins: 1 > 2 > 3 > 4 > 5 > 0):
  0  all limits are met, or the protocol has none
  1  internal error, or the results could not be written
  2  the command, protocol or sample sheet is wrong; nothing has run
  3  some inputs could not be analysed
  4  a lot misses a limit
  5  a lot needs review
130, 143  stopped by Ctrl-C or SIGTERM; the same command goes on
--fail-on fail keeps only 4, --fail-on never neither 4 nor 5."""

DEFAULT_PROTOCOL = "dtz-us-generic"

app = typer.Typer(
    name="isletqc",
    help="From stained islet pictures to a release decision with its uncertainty.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
protocols = typer.Typer(
    help="The methods: shipped ones, and your own.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(protocols, name="protocols")
validate = typer.Typer(
    help="Method validation. Exit code 4 when a limit that you set is missed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(validate, name="validate")
lots = typer.Typer(
    help="The ledger: lots and their history.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(lots, name="lots")
keys = typer.Typer(help="Keys that people sign with.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(keys, name="keys")


class Device(StrEnum):
    """Where the network runs."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class FailOn(StrEnum):
    """Which verdicts become exit codes."""

    never = "never"
    fail = "fail"
    review = "review"


class Of(StrEnum):
    """What one measurement is, in the results of a run."""

    lot = "lot"
    specimen = "specimen"
    image = "image"


class Role(StrEnum):
    """What a person signs as."""

    author = "author"
    reviewer = "reviewer"


class DrawnStain(StrEnum):
    """What phantom can draw."""

    dithizone = "dithizone"
    brightfield = "brightfield"
    live_dead = "live-dead"


def _pixel_size(value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise typer.BadParameter(f"expected micrometres per pixel above 0, found {value}")
    return value


def _shape(value: str) -> str:
    parts = value.lower().split("x")
    if len(parts) != 2 or not all(p.isdecimal() and 64 <= int(p) <= 20_000 for p in parts):
        raise typer.BadParameter(f"expected height x width like 1024x1280, found {value}")
    return value


ProtocolOption = Annotated[
    str, typer.Option("--protocol", "-p", help="name of a shipped protocol, or a YAML file")
]
PixelSizeOption = Annotated[
    float | None,
    typer.Option("--pixel-size", callback=_pixel_size, help="micrometres per pixel, all pictures"),
]
DeviceOption = Annotated[Device, typer.Option(help="where the network runs")]


PdfOption = Annotated[bool, typer.Option("--pdf", help="write report.pdf too (report extra)")]
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
LedgerOption = Annotated[
    str | None,
    typer.Option("--ledger", help="SQLite file or postgresql:// URL [default: ISLETQC_LEDGER]"),
]
KeyOption = Annotated[
    str | None, typer.Option("--key", help="name or fingerprint of your key, where you have more")
]
PassphraseOption = Annotated[
    int | None,
    typer.Option("--passphrase-fd", help="file descriptor to read the passphrase from"),
]
RoleOption = Annotated[Role, typer.Option(help="what you sign as")]
MeaningOption = Annotated[str, typer.Option(help="what you mean by it, in your words")]
OutArgument = Annotated[Path, typer.Argument(metavar="OUT", help="folder that run wrote")]


@app.callback(invoke_without_command=True)
def _top(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"isletqc {__version__}")
        raise typer.Exit


@app.command(epilog=EXIT_CODES)
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
    with _errors_told():
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


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the results")] = (
        Path("demo-out")
    ),
    device: DeviceOption = Device.auto,
    pdf: PdfOption = False,
) -> None:
    """Draw a lot with known truth, analyse it, show truth beside estimate."""
    with _errors_told():
        from isletqc.run import demo as drawn

        _line(f"Drawing three aliquots of one lot into {out / 'pictures'} ...")
        order, truth = drawn.prepare(out, device=device.value)
        finished = _carry_out(order, truth, pdf=pdf)
        raise typer.Exit(finished.results.exit_code)


@app.command()
def inspect(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="pictures")],
    *,
    protocol: ProtocolOption = DEFAULT_PROTOCOL,
    pixel_size: PixelSizeOption = None,
) -> None:
    """Show what would be read: shape, channels, pixel size and its source, fitness.

    Exit code 3 when a picture could not be analysed.
    """
    with _errors_told():
        from isletqc import protocol as protocol_files
        from isletqc.run import look

        method = protocol_files.load(protocol).protocol
        fine = True
        for path in images:
            seen = look.at(path, method, pixel_size_um=pixel_size)
            fine = fine and not seen.problem
            _lines([str(path), *(f"  {name:<12} {value}" for name, value in seen.facts.items())])
            if seen.problem:
                _line(f"  {'PROBLEM':<12} {seen.problem}")
        raise typer.Exit(0 if fine else 3)


@protocols.command("list")
def protocols_list() -> None:
    """List the shipped protocols."""
    with _errors_told():
        from isletqc import assets
        from isletqc import protocol as protocol_files

        for path in assets.configs():
            found = protocol_files.load(path.stem).protocol
            count = f"{len(found.limits)} limits" if found.limits else "no limits"
            _line(
                f"{found.name:<22} {found.version:<5} {found.status:<9} {count:<10} {found.title}"
            )


@protocols.command("show")
def protocols_show(
    name: Annotated[str, typer.Argument(help="shipped name or YAML file")],
) -> None:
    """Print a protocol file."""
    with _errors_told():
        from isletqc import protocol as protocol_files

        _line(protocol_files.load(name).path.read_text(encoding="utf-8").rstrip("\n"))


@protocols.command("check")
def protocols_check(file: Annotated[str, typer.Argument(help="YAML file or shipped name")]) -> None:
    """Check a protocol file; each fault is printed with its line."""
    with _errors_told():
        from isletqc import protocol as protocol_files

        found = protocol_files.load(file)
        about = f"{found.protocol.name} {found.protocol.version} ({found.protocol.status})"
        _line(f"{found.path}: valid: {about}, SHA-256 {found.sha256}")


@protocols.command("new")
def protocols_new(
    name: Annotated[str, typer.Argument(help="name of the new protocol")],
    *,
    source: Annotated[str, typer.Option("--from", help="protocol to start from")] = (
        DEFAULT_PROTOCOL
    ),
    out: Annotated[Path | None, typer.Option("--out", "-o", help="file [default: NAME.yaml]")] = (
        None
    ),
) -> None:
    """Start a protocol of your own from an existing one."""
    with _errors_told():
        from isletqc.run import drafts

        path = drafts.write(name, source=source, path=out or Path(f"{name}.yaml"))
        _line(
            f"{path}: a draft, copied from {source}. Edit it, then: isletqc protocols check {path}"
        )


@protocols.command("schema")
def protocols_schema() -> None:
    """Print the JSON Schema of protocol files, for editors."""
    with _errors_told():
        import json

        from isletqc import protocol as protocol_files

        _line(json.dumps(protocol_files.json_schema(), indent=2))


@app.command()
def phantom(
    out: Annotated[Path, typer.Argument(help="folder for pictures, labels, classes, truth.csv")],
    *,
    stain: Annotated[DrawnStain, typer.Option(help="what to draw")] = DrawnStain.dithizone,
    count: Annotated[int, typer.Option(min=1, help="number of pictures")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same pictures")] = 0,
    um_per_px: Annotated[
        float, typer.Option("--um-per-px", callback=_pixel_size, help="micrometres per pixel")
    ] = 2.0,
    shape: Annotated[
        str, typer.Option(callback=_shape, help="height x width in pixels")
    ] = "1024x1280",
) -> None:
    """Draw pictures with exact truth."""
    with _errors_told():
        from isletqc.run import phantoms

        height, width = (int(part) for part in shape.lower().split("x"))
        drawn = phantoms.write(
            out,
            stain=stain.value,
            seeds=range(seed, seed + count),
            um_per_px=um_per_px,
            shape_yx=(height, width),
        )
        _line(f"{len(drawn)} pictures in {out}; truth.csv has one row an islet")


@app.command()
def evaluate(
    images: Annotated[Path, typer.Argument(help="folder of pictures")],
    labels: Annotated[Path, typer.Argument(help="folder of label images of the same names")],
    *,
    ignore: Annotated[
        Path | None, typer.Option(help="folder of masks: neither rewarded nor punished")
    ] = None,
    pixel_size: PixelSizeOption = None,
    object_um: Annotated[
        float | None,
        typer.Option(
            min=0.1, help="where no pixel size is known: diameter of each picture's median object"
        ),
    ] = None,
    protocol: ProtocolOption = DEFAULT_PROTOCOL,
    device: DeviceOption = Device.auto,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="CSV with all figures; JSON and page beside it"),
    ] = None,
) -> None:
    """Hold the protocol's segmentation against masks, beside the classical one."""
    with _errors_told():
        from isletqc import protocol as protocol_files
        from isletqc.run import accuracy, provenance

        masks = accuracy.Masks(images, labels, ignore, object_um)
        method = protocol_files.load(protocol).protocol
        found = accuracy.evaluate(masks, method, pixel_size_um=pixel_size, device=device.value)
        rows = []
        _line(accuracy.HEADING)
        for row in found:
            rows.append(row)
            _line(accuracy.line(row))
        if out is not None:
            written = accuracy.write(out, rows, command=provenance.command_line())
            _line(f"all figures: {', '.join(str(path) for path in written)}")


@app.command()
def plan(
    results: Annotated[Path, typer.Argument(help="folder that run wrote, or its results.json")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Say how many more aliquots would clear up each limit in review, and with what chance."""
    with _errors_told():
        import json

        from isletqc.report.results import read_results
        from isletqc.run import outlook

        document = read_results(results)[1]
        found, notes = outlook.plans(document), outlook.flags(document)
        if as_json:
            _line(json.dumps(outlook.as_data(found, notes), indent=2))
        else:
            _lines(outlook.lines(found, notes))


@validate.command()
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
    with _errors_told():
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


@validate.command()
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
    with _errors_told():
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


@validate.command()
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
    with _errors_told():
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


@validate.command()
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
    with _errors_told():
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


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="recipe.yaml of the network")],
    *,
    data: Annotated[Path, typer.Option(help="folder that the recipe's pictures lie in")] = (Path()),
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the weights")] = (
        Path("trained")
    ),
    device: DeviceOption = Device.auto,
    workers: Annotated[int, typer.Option(min=1, help="processes that draw pictures")] = 1,
) -> None:
    """Train a network from its recipe; the same command goes on after a stop."""
    with _errors_told():
        from isletqc.segment.learned import choose_device
        from isletqc.training import recipe as recipes
        from isletqc.training import train as training

        weights = training.train(
            recipes.load(recipe),
            data=data,
            out=out,
            device=choose_device(device.value),
            workers=workers,
            on_progress=lambda step, steps: _line(f"step {step} of {steps}"),
        )
        _line(f"weights: {weights}")


@app.command()
def export(
    network: Annotated[str, typer.Argument(help="name of a shipped network")],
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the files")] = (
        Path("exported")
    ),
) -> None:
    """Write a network as ONNX and as a BioImage Model Zoo package, checked against PyTorch."""
    with _errors_told():
        from isletqc.training import export as exporting

        written = exporting.export(network, out)
        _line(f"{written.onnx}")
        _line(f"{written.package}")
        _line(f"largest difference to PyTorch on a sample: {written.largest_difference:.1g}")


@app.command()
def doctor() -> None:
    """Check this installation: versions, device, known traps, networks, a drawn picture."""
    with _errors_told():
        from isletqc.run import health

        faults = 0
        for finding in health.examine():
            faults += not finding.fine
            _line(f"{'ok ' if finding.fine else 'BAD'}  {finding.name:<22} {finding.message}")
        _line("no faults found" if not faults else f"{faults} found: see the lines with BAD")
        raise typer.Exit(1 if faults else 0)


@app.command()
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
    with _errors_told():
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
        _lines([f"note: {reason}" for reason in found.skipped])
        _lines([f"{figure}: {answer(found)}", baseline_words(found), f"page: {page}"])
        raise typer.Exit(5 if trend.broken(found) else 0)


@protocols.command("approve")
def protocols_approve(
    file: Annotated[str, typer.Argument(help="YAML file or shipped name")],
    *,
    role: RoleOption = Role.author,
    meaning: MeaningOption,
    key: KeyOption = None,
    passphrase_fd: PassphraseOption = None,
    ledger: LedgerOption = None,
) -> None:
    """Approve a protocol file for release under your signature; its hash enters the ledger."""
    _decide(file, "approved", role, meaning=meaning, key=key, fd=passphrase_fd, ledger=ledger)


@protocols.command("retire")
def protocols_retire(
    file: Annotated[str, typer.Argument(help="YAML file or shipped name")],
    *,
    role: RoleOption = Role.author,
    meaning: MeaningOption,
    key: KeyOption = None,
    passphrase_fd: PassphraseOption = None,
    ledger: LedgerOption = None,
) -> None:
    """Take a protocol file out of use under your signature."""
    _decide(file, "retired", role, meaning=meaning, key=key, fd=passphrase_fd, ledger=ledger)


@protocols.command("state")
def protocols_state(
    file: Annotated[str, typer.Argument(help="YAML file or shipped name")],
    *,
    ledger: LedgerOption = None,
) -> None:
    """Say whether the ledger knows a protocol file as approved, and by whom."""
    with _errors_told():
        from isletqc import protocol as protocol_files
        from isletqc.run import lots as lines
        from isletqc.run import record

        loaded = protocol_files.load(file)
        _lines(lines.protocol(loaded, record.protocol_state(loaded, ledger)))


@lots.command("list")
def lots_list(ledger: LedgerOption = None) -> None:
    """List all lots, each as its newest run left it."""
    with _errors_told():
        from isletqc.run import lots as lines

        _lines(lines.listed(ledger))


@lots.command("show")
def lots_show(
    name: Annotated[str, typer.Argument(help="name of the lot")], ledger: LedgerOption = None
) -> None:
    """Show everything about one lot: figures, corrections, signatures, audit trail."""
    with _errors_told():
        from isletqc.run import lots as lines

        _lines(lines.shown(name, ledger))


@lots.command("rebuild")
def lots_rebuild(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER...", help="result folders, or folders of them")
    ],
    ledger: LedgerOption = None,
) -> None:
    """Enter result folders that the ledger does not have; builds a lost ledger anew."""
    with _errors_told():
        from isletqc.run import record

        for found in record.rebuild(folders, ledger):
            _line(f"{found.out}: {'entered as' if found.new else 'is there already:'} {found.run}")


@lots.command("backup")
def lots_backup(
    target: Annotated[str, typer.Argument(help="new SQLite file, or URL of an empty database")],
    ledger: LedgerOption = None,
) -> None:
    """Copy the whole ledger and check the copy; also the way back, and to a server."""
    with _errors_told():
        from isletqc.run import record

        _line(record.backup(target, ledger))


@lots.command("upgrade")
def lots_upgrade(ledger: LedgerOption = None) -> None:
    """Bring a ledger of an earlier isletqc up to date; its entries stay as they are."""
    with _errors_told():
        from isletqc.run import record

        _line(record.upgrade(ledger))


@keys.command("new")
def keys_new(
    name: Annotated[str, typer.Argument(help="your full name, as it shall stand on reports")],
    passphrase_fd: PassphraseOption = None,
) -> None:
    """Make your key, sealed under a passphrase that you choose."""
    with _errors_told():
        from isletqc.ledger import keys as files
        from isletqc.run import lots as lines

        made = files.new(name, _passphrase(passphrase_fd, f"new passphrase of {name}", twice=True))
        _lines([lines.key(made), f"file: {made.path}"])


@keys.command("list")
def keys_list() -> None:
    """List your keys: fingerprint, date, name."""
    with _errors_told():
        from isletqc.ledger import keys as files
        from isletqc.run import lots as lines

        _lines([lines.key(key) for key in files.every()] or ["no keys here"])


@keys.command("show")
def keys_show(
    name: Annotated[str | None, typer.Argument(help="name, or start of the fingerprint")] = None,
) -> None:
    """Show a key's public half, for the laboratory's list of whose key is whose."""
    with _errors_told():
        from isletqc.ledger import keys as files

        key = files.find(name)
        _lines([f"who          {key.who}", f"created      {key.created}"])
        _lines([f"fingerprint  {key.fingerprint}", f"public key   {key.public_key}"])


@app.command()
def sign(
    out: OutArgument,
    *,
    role: RoleOption,
    meaning: MeaningOption,
    key: KeyOption = None,
    passphrase_fd: PassphraseOption = None,
    ledger: LedgerOption = None,
) -> None:
    """Sign a run's results: pictures, labels, protocol, weights and figures.

    Any later change makes the signature void, and the report says so.
    """
    with _errors_told():
        from isletqc.ledger import keys as files
        from isletqc.run import lots as lines
        from isletqc.run import record

        mine = files.find(key)
        under = record.sign(
            out,
            role=role.value,
            meaning=meaning,
            key=mine,
            passphrase=_passphrase(passphrase_fd, f"passphrase of {mine.who}"),
            address=ledger,
        )
        _lines([*lines.signed(under), record.release_standing(out).sentence or "signed"])


@app.command()
def verify(
    outs: Annotated[
        list[Path] | None, typer.Argument(metavar="OUT...", help="folders that run wrote")
    ] = None,
    ledger: LedgerOption = None,
) -> None:
    """Check the ledger's audit trail, and files and signatures of result folders.

    Exit code 4 when something is not as it was entered; each fault is named.
    """
    with _errors_told():
        from isletqc.run import lots as lines
        from isletqc.run import record

        found = record.check(outs or [], ledger)
        _lines(lines.findings(found))
        raise typer.Exit(4 if found.broken else 0)


@app.command()
def sbom() -> None:
    """Print the software bill of materials: CycloneDX JSON of all packages and networks."""
    with _errors_told():
        import json

        from isletqc.run import bill

        _line(json.dumps(bill.of_materials(), indent=2))


@app.command(epilog=EXIT_CODES)
def rejudge(
    out: Annotated[Path, typer.Argument(help="output folder of a finished run")],
    ledger: LedgerOption = None,
) -> None:
    """Judge a run again from what is in its folder, corrections and approvals with it."""
    with _errors_told():
        from isletqc.run import record
        from isletqc.run import rejudge as again

        finished = again.rejudge(out, ledger=record.named_ledger(ledger))
        _lines(f"WARNING: {line}" for line in again.unsaved(out))
        _show(finished, None)
        raise typer.Exit(finished.results.exit_code)


@app.command()
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
    with _errors_told():
        if index:
            from isletqc.run import catalogue

            page = catalogue.of_ledger(out, ledger) if ledger else catalogue.of_folder(out)
            _line(f"index: {page}")
            raise typer.Exit
        from isletqc.run import record, reports

        reports.check(as_pdf=pdf, xlsx=xlsx, rocrate=rocrate)
        _line(f"report: {reports.write_report(out, history or ())}")
        record.report_written(out)
        forms = (
            (pdf, reports.write_pdf),
            (xlsx, reports.write_workbook),
            (multiqc, reports.write_multiqc),
            (rocrate, reports.write_crate),
        )
        _lines([f"written: {write(out)}" for wanted, write in forms if wanted])


def main() -> None:
    """Run the program."""
    app()


def _decide(
    file: str,
    state: Literal["approved", "retired"],
    role: Role,
    *,
    meaning: str,
    key: str | None,
    fd: int | None,
    ledger: str | None,
) -> None:
    with _errors_told():
        from isletqc import protocol as protocol_files
        from isletqc.ledger import keys as files
        from isletqc.run import lots as lines
        from isletqc.run import record

        loaded = protocol_files.load(file)
        mine = files.find(key)
        found = record.decide_on_protocol(
            loaded,
            state,
            role=role.value,
            meaning=meaning,
            key=mine,
            passphrase=_passphrase(fd, f"passphrase of {mine.who}"),
            address=ledger,
        )
        _lines(lines.protocol(loaded, found))


def _passphrase(fd: int | None, prompt: str, *, twice: bool = False) -> str:
    """Read a passphrase from a descriptor, else ISLETQC_PASSPHRASE, else the terminal."""
    import os

    if fd is not None:
        try:
            with os.fdopen(fd, encoding="utf-8") as file:
                return file.readline().rstrip("\n")
        except OSError as e:
            raise UsageError(f"--passphrase-fd {fd}: cannot be read: {e.strerror}") from e
    if (given := os.environ.get("ISLETQC_PASSPHRASE")) is not None:
        return given
    return str(typer.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True))


def _measured(kind: Kind, inputs: list[str], figure: str | None, of: Of) -> Observations:
    from isletqc.validation import measurements

    return measurements.gather(inputs, kind, figure=figure, of=of.value)


def _answered(study: Study, out: Path) -> None:
    """Write page and JSON, say the answer, end with 4 when a limit is missed."""
    import shlex
    import sys

    from isletqc.validation import page

    page.write(out, study, command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]))
    _lines([study.answer, *(f"note: {caution}" for caution in study.cautions)])
    _lines(page.acceptance_lines(study))
    _line(f"page: {out / 'validation.html'}")
    raise typer.Exit(4 if study.verdict == "fail" else 0)


def _carry_out(
    order: Order, truth: Mapping[str, float] | None = None, *, pdf: bool = False
) -> Finished:
    from isletqc.run import batch, reports

    reports.check(as_pdf=pdf)
    _announce(order)
    try:
        with _progress(len(order.samples)) as on_progress:
            finished = batch.run(order, on_progress=on_progress)
    except KeyboardInterrupt as e:
        _line("Stopped. Finished pictures are kept: run the same command again to go on.", err=True)
        raise typer.Exit(128 + (e.args[0] if e.args else 2)) from e
    _show(finished, truth)
    if pdf:
        _line(f"PDF: {reports.write_pdf(order.out)}")
    reports.append_step_summary(finished.results)
    return finished


def _announce(order: Order) -> None:
    from isletqc.run import batch

    found = order.protocol.protocol
    device = batch.device(order)
    chosen = f" (auto chose {device})" if order.device == "auto" else ""
    _line(f"protocol {found.name} {found.version} ({found.status}): {found.title}")
    _line(f"{len(order.samples)} pictures, device {device}{chosen}, results in {order.out}")
    _lines([f"note: {note}" for note in order.notes])


@contextmanager
def _progress(pictures: int) -> Iterator[Any]:
    """Show a bar on a terminal, one line a picture elsewhere."""
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
        yield lambda done, total, name, result: _line(
            summary.picture_line(done, total, name, result)
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

        yield advance


def _is_failure(result: Picture | Failure) -> bool:
    return hasattr(result, "error")


def _show(finished: Finished, truth: Mapping[str, float] | None) -> None:
    """Say what a person must know first, then the limits of each lot, then where the report is."""
    from isletqc.run import record, summary

    if finished.resumed:
        _line(f"{finished.resumed} pictures were taken up from an earlier run (--fresh does not)")
    _lines(summary.warnings(finished.results))
    for verdict in finished.results.verdicts:
        _lines(["", *summary.lot_lines(verdict)])
    if truth is not None:
        _lines(["", *summary.truth_lines(truth, finished.results)])
    if released := record.release_standing(finished.report.parent).sentence:
        _lines(["", released])
    _lines(["", f"report: {finished.report}"])


def _line(text: str, *, err: bool = False) -> None:
    """Print one line; control characters in names must not steer the terminal."""
    shown = "".join(
        c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text
    )
    try:
        typer.echo(shown.encode("utf-8", errors="replace").decode("utf-8"), err=err)
    except BrokenPipeError:
        _hush(err=err)


def _hush(*, err: bool) -> None:
    """Nobody reads on (``| head``): the work goes on in silence and keeps its own exit code."""
    import os
    import sys

    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, (sys.stderr if err else sys.stdout).fileno())
    os.close(nowhere)


def _lines(texts: Iterable[str]) -> None:
    for text in texts:
        _line(text)


@contextmanager
def _errors_told() -> Iterator[None]:
    """Turn the program's own errors into a message and an exit code."""
    try:
        yield
    except IsletQCError as e:
        _line(f"error: {e}", err=True)
        code = 2 if isinstance(e, UsageError) else 3 if isinstance(e, PictureError) else 1
        raise typer.Exit(code) from e
