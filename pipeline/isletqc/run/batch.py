"""Many lots: samples in, an output folder and an exit code out.

1. Check everything that can be wrong before anything runs. 2. Lock the output folder. 3. Analyse
the pictures; each is finished on disk before the next result is summed. 4. Gather them into lots,
judge the lots, write the run's files. A rerun takes up what an earlier run finished.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from isletqc import __version__, assets
from isletqc.decide.lot import gather
from isletqc.decide.verdict import judge
from isletqc.errors import OutputError, ProtocolError, UsageError
from isletqc.protocol import LoadedProtocol
from isletqc.records import Failure, Picture, Sample, Verdict
from isletqc.report.files import RUN
from isletqc.report.results import NetworkCard, RunResults
from isletqc.run import cluster, inputs, kept, lock, log, names, provenance, record
from isletqc.run.picture import Job, Method, OnPart, Outcome
from isletqc.run.pool import analysed, cores, stoppable
from isletqc.segment import learned
from isletqc.segment import run as segmentation

FailOn = Literal["never", "fail", "review"]
Progress = Callable[[int, int, str, Picture | Failure], None]
RUN_FILES = (
    *("results.json", "objects.csv", "images.csv", "lots.csv"),
    *("report.html", "junit.xml", "provenance.json"),
)
# Written by some runs only.
_SOME_FILES = ("nuclei.csv", RUN)
# Starting a process costs as much as a few pictures.
_PICTURES_FOR_WORKERS = 8
_MOST_WORKERS = 8


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for.

    Attributes
    ----------
    samples : at least one, in the order of the report
    pixel_size_um : for every picture that the sheet gives none for
    device : ``auto``, ``cpu`` or ``cuda``
    workers : processes; None chooses
    scheduler : ``local`` or the address of a Dask scheduler; None runs without one
    fresh : analyse again what an earlier run finished
    fail_on : ``review`` keeps exit codes 4 and 5, ``fail`` only 4, ``never`` neither
    notes : what a person should know about the choice of inputs
    ledger : file or URL of the ledger that the results enter; None enters them nowhere
    command : what a person would type for it, for the record; empty takes what was typed
    """

    samples: tuple[Sample, ...]
    protocol: LoadedProtocol
    out: Path
    pixel_size_um: float | None = None
    device: str = "auto"
    workers: int | None = None
    scheduler: str | None = None
    fresh: bool = False
    fail_on: FailOn = "review"
    notes: tuple[str, ...] = ()
    ledger: str | None = None
    command: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """What came out of a run."""

    results: RunResults
    report: Path
    resumed: int


def run(
    order: Order,
    *,
    on_progress: Progress | None = None,
    on_part: OnPart = lambda name, text: None,
) -> Finished:
    """Analyse all samples, judge their lots and write everything.

    Parameters
    ----------
    on_progress : called after each picture with pictures done, pictures in all, the picture's
        name and its result
    on_part : called with a picture's name and what is being done to it, while a large one is
        analysed by one worker

    Raises
    ------
    UsageError
        The order cannot be carried out; nothing has run.
    OutputError
        The output folder cannot be written any more; finished pictures are kept.
    KeyboardInterrupt
        Ctrl-C or SIGTERM; finished pictures are kept.
    """
    started = _now()
    _check(order)
    method = _method(order)
    jobs = _jobs(order)
    kept.check_hand_work(jobs, method)
    _make_folder(order.out)
    with (
        _writing_to(order.out),
        lock.hold(order.out),
        log.opened(order.out / "log.jsonl") as write,
        stoppable(),
    ):
        _log_start(write, order, method)
        _clear(order.out)
        kept.write_protocol(order.out, order.protocol)
        ready = _analysed(jobs, method, order, on_part)
        outcomes = _outcomes(jobs, ready, write=write, on_progress=on_progress)
        results = _conclude(outcomes, jobs, method, order=order, started=started)
        kept.write(order.out, jobs, results, fail_on=order.fail_on)
        results = record.write(order.out, results, ledger=order.ledger)
        if order.ledger is not None:
            record.enter(order.out, order.ledger)
        write("info", "finished", exit_code=results.exit_code)
    resumed = sum(outcome.resumed for outcome in outcomes)
    return Finished(results, order.out / "report.html", resumed)


def exit_code(
    verdicts: Sequence[Verdict], failures: Sequence[Failure], fail_on: FailOn = "review"
) -> int:
    """Exit code of a run: the worst wins, 1 > 3 > 4 > 5 > 0.

    ``fail_on`` softens what the lots say (4 and 5), never what could not be analysed (1 and 3).
    """
    said = {verdict.verdict for verdict in verdicts}
    if any(failure.error == "internal" for failure in failures):
        return 1
    if failures:
        return 3
    if "fail" in said and fail_on != "never":
        return 4
    if "review" in said and fail_on == "review":
        return 5
    return 0


def _check(order: Order) -> None:
    """Refuse what contradicts itself, before anything runs."""
    inputs.check_stains(order.samples, order.protocol.protocol)
    inputs.check_pixel_sizes(order.samples, order.pixel_size_um)
    gather([], [Failure(sample, "pending", "") for sample in order.samples])


def _method(order: Order) -> Method:
    """Everything but the picture that the numbers depend on; refuses a missing network or GPU."""
    protocol = order.protocol.protocol
    facts = segmentation.method_facts(protocol.segmentation)
    if facts.stain is not None and facts.stain != protocol.stain:
        raise ProtocolError(
            f"{order.protocol.path}: segmentation.network: network {facts.name} is for "
            f"{facts.stain}, but the protocol is for {protocol.stain}"
        )
    return Method(
        loaded=order.protocol,
        device=device(order),
        weights_sha256=facts.sha256,
        pixel_size_um=order.pixel_size_um,
        fresh=order.fresh,
    )


def _jobs(order: Order) -> tuple[Job, ...]:
    called = names.picture_names([s.image for s in order.samples])
    folders = names.folder_names(tuple(called.values()))
    images = order.out / "images"
    return tuple(
        Job(sample, name, images / folders[name])
        for sample, name in ((s, called[s.image]) for s in order.samples)
    )


def _make_folder(out: Path) -> None:
    try:
        (out / "images").mkdir(parents=True, exist_ok=True)
        probe = out / ".writable"
        probe.touch()
        probe.unlink()
    except (FileExistsError, NotADirectoryError) as e:
        raise UsageError(f"{out}: expected a folder for the results, found a file") from e
    except OSError as e:
        raise UsageError(
            f"{out}: results cannot be written there: {e.strerror}; choose another folder with -o"
        ) from e


def _log_start(write: log.Log, order: Order, method: Method) -> None:
    protocol = order.protocol.protocol
    write(
        "info",
        "started",
        version=__version__,
        command=order.command or provenance.command_line(),
        pictures=len(order.samples),
        protocol=f"{protocol.name} {protocol.version} ({protocol.status})",
        protocol_sha256=order.protocol.sha256,
        weights_sha256=method.weights_sha256,
        device=method.device,
        workers=workers(order),
        scheduler=order.scheduler,
    )
    for note in order.notes:
        write("warning", "input", message=note)


def device(order: Order) -> str:
    """Give the device of the run: this machine's, or that of the cluster's workers."""
    if order.scheduler is None:
        return segmentation.device_name(order.device)
    return cluster.device(order.device, scheduler=order.scheduler)


def workers(order: Order) -> int:
    """Give the number of processes: as ordered, or one a core when there are many pictures."""
    if order.workers is not None:
        return order.workers
    many = len(order.samples) >= _PICTURES_FOR_WORKERS
    return min(cores(), _MOST_WORKERS) if many else 1


def _clear(out: Path) -> None:
    """Take away what an earlier run concluded: half of a new run must not stand beside it."""
    for name in (*RUN_FILES, *_SOME_FILES):
        (out / name).unlink(missing_ok=True)
    # A run that was killed could not take its half-written files away.
    for pattern in (".*.tmp", "images/*/.*.tmp"):
        for half in out.glob(pattern):
            half.unlink(missing_ok=True)


def _outcomes(
    jobs: Sequence[Job],
    analysing: Generator[tuple[int, Outcome], None, None],
    *,
    write: log.Log,
    on_progress: Progress | None,
) -> tuple[Outcome, ...]:
    """All outcomes in the order of the jobs, told and logged as they come."""
    found: dict[int, Outcome] = {}
    with closing(analysing) as ready:
        for place, outcome in ready:
            found[place] = outcome
            _log_outcome(write, jobs[place], outcome)
            if on_progress is not None:
                on_progress(len(found), len(jobs), jobs[place].name, outcome.result)
    return tuple(found[place] for place in range(len(jobs)))


def _analysed(
    jobs: Sequence[Job], method: Method, order: Order, on_part: OnPart
) -> Generator[tuple[int, Outcome], None, None]:
    if order.scheduler is None:
        return analysed(jobs, method, workers=workers(order), on_part=on_part)
    return cluster.analysed(jobs, method, scheduler=order.scheduler, workers=workers(order))


def _log_outcome(write: log.Log, job: Job, outcome: Outcome) -> None:
    image = {"image": job.name, "path": job.sample.image}
    for message in outcome.messages:
        write("warning", "library", **image, message=message)
    match outcome.result:
        case Failure(error=error, message=message):
            trace = {"traceback": outcome.trace} if outcome.trace else {}
            write("error", "failed", **image, error=error, message=message, **trace)
        case Picture() as picture:
            write(
                "info",
                "resumed" if outcome.resumed else "analysed",
                **image,
                islets=picture.islet_count,
                ieq=picture.ieq,
                verdict=picture.fitness.verdict,
                reasons=picture.fitness.reasons,
                seconds=picture.seconds,
            )


def _conclude(
    outcomes: Sequence[Outcome], jobs: Sequence[Job], method: Method, *, order: Order, started: str
) -> RunResults:
    pictures = [o.result for o in outcomes if isinstance(o.result, Picture)]
    failures = tuple(o.result for o in outcomes if isinstance(o.result, Failure))
    protocol = order.protocol.protocol
    facts = segmentation.method_facts(protocol.segmentation)
    verdicts = tuple(
        judge(lot, protocol, segmentation_rsd=facts.volume_rsd)
        for lot in gather(pictures, failures)
    )
    return RunResults(
        verdicts=verdicts,
        failures=failures,
        protocol=order.protocol,
        network=_card(facts),
        folders={j.sample.image: f"images/{j.folder.name}" for j in jobs},
        provenance=provenance.collect(method, workers=workers(order), notes=order.notes),
        command=order.command or provenance.command_line(),
        started=started,
        finished=_now(),
        exit_code=exit_code(verdicts, failures, order.fail_on),
    )


def _card(facts: segmentation.NetworkFacts) -> NetworkCard | None:
    if not facts.sha256:
        return None
    weights = learned.load(assets.model(facts.name), learned.choose_device("cpu"))
    return NetworkCard(
        name=facts.name,
        title=facts.title,
        sha256=facts.sha256,
        um_per_px=facts.um_per_px,
        figures=learned.figures(weights.facts),
    )


@contextmanager
def _writing_to(out: Path) -> Iterator[None]:
    """Say what to do when the disk is full or the folder goes away in mid-run."""
    try:
        yield
    except OSError as e:
        raise OutputError(
            f"{out}: the results cannot be written: {e.strerror or e}; make room, then run the "
            "same command again: finished pictures are kept"
        ) from e


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
