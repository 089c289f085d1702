"""One picture through all stages: load, fitness, segment, measure, write.

Takes a job (a sample and its folder) and the method; gives the picture, or why there is none.
Whatever goes wrong with one picture is recorded beside it and never stops the others: the only
broad ``except`` of the program stands here. A full disk is not a picture's fault and goes on up.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from isletqc import __version__, assets
from isletqc.errors import OutputError, PictureError
from isletqc.load import fitness, location, picture, regions
from isletqc.measure import islets, markers, viability
from isletqc.protocol import LoadedProtocol, Protocol
from isletqc.records import Failure, Fitness, Image, Picture, Regions, Sample
from isletqc.report import picture as files
from isletqc.run import huge
from isletqc.segment import learned, nuclei
from isletqc.segment import run as segmentation
from isletqc.segment.tiles_segment import Pieces, Tell


@dataclass(frozen=True, slots=True)
class Method:
    """Everything but the picture that a picture's numbers depend on."""

    loaded: LoadedProtocol
    device: str
    weights_sha256: str
    pixel_size_um: float | None = None
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One sample, what reports call its picture, and the folder for its files."""

    sample: Sample
    name: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one job.

    ``resumed`` says that an earlier run had finished it; ``trace`` is the traceback of an
    internal error; ``messages`` are warnings of the libraries that read and measured it.
    """

    result: Picture | Failure
    resumed: bool = False
    trace: str = ""
    messages: tuple[str, ...] = ()


OnPart = Callable[[str, str], None]


def analyse(job: Job, method: Method, on_part: OnPart = lambda name, text: None) -> Outcome:
    """Analyse one picture and write its files.

    A finished picture of an earlier run is taken up when its input, protocol, weights, version,
    pixel size and device are the same.

    Parameters
    ----------
    on_part : told the picture's name and what is being done, while a large picture is analysed

    Raises
    ------
    OutputError
        The picture's folder cannot be written.
    """
    trace, resumed = "", False
    with _library_messages() as messages:
        result: Picture | Failure
        try:
            result, resumed = _taken_up_or_made(job, method, on_part)
        except OutputError:
            raise
        except PictureError as e:
            result = Failure(job.sample, e.code, str(e))
        except Exception as e:  # noqa: BLE001 - one bad picture never stops a lot
            result = Failure(job.sample, "internal", f"{type(e).__name__}: {e}")
            trace = traceback.format_exc()
    if isinstance(result, Failure):
        _discard(job.folder)
    return Outcome(result, resumed, trace, tuple(messages))


def crashed(job: Job) -> Outcome:
    """Give the outcome of a picture whose process died."""
    _discard(job.folder)
    message = (
        "the process that analysed this picture died, most likely for want of memory; "
        "try again with --workers 1 or a smaller picture"
    )
    return Outcome(Failure(job.sample, "internal", message))


def key(sample: Sample, sha256: str, method: Method) -> str:
    """Hash of everything that a picture's numbers depend on.

    Parameters
    ----------
    sample : its stain and pixel size count; its lot and volumes do not
    sha256 : of the picture's file
    """
    facts = {
        "input": sha256,
        "protocol": method.loaded.sha256,
        "weights": method.weights_sha256,
        "version": __version__,
        "um_per_px": method.pixel_size_um,
        "sheet_um_per_px": sample.pixel_size_um,
        "stain": sample.stain,
        "device": method.device,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _taken_up_or_made(job: Job, method: Method, on_part: OnPart) -> tuple[Picture, bool]:
    path = Path(job.sample.image)
    found = "" if method.fresh or not location.exists(path) else files.read_key(job.folder)
    if found and found == key(job.sample, picture.identity(path), method):
        return _taken_up(job, found), True
    return _make(job, method, on_part), False


def _taken_up(job: Job, mark: str) -> Picture:
    """Read a finished picture; facts of the sheet are today's, on disk too."""
    done = files.read_picture(job.folder)
    today = replace(done, sample=job.sample, name=job.name)
    if today != done:
        with _writing(job):
            files.write_result(job.folder, today, mark)
    return today


def _make(job: Job, method: Method, on_part: OnPart) -> Picture:
    if not huge.suits(method.loaded.protocol):
        return _make_whole(job, method)
    with regions.opened(**_reading(job, method), over_megapixels=huge.OVER_MEGAPIXELS) as source:
        if source is not None and huge.fine_enough(source, method.loaded.protocol):
            return _make_in_parts(job, method, source, partial(on_part, job.name))
    return _make_whole(job, method)


def _make_whole(job: Job, method: Method) -> Picture:
    protocol = method.loaded.protocol
    seconds: dict[str, float] = {}
    with _timed(seconds, "load"):
        image = picture.read(**_reading(job, method))
        if protocol.viability is not None:
            image = viability.channels(image, protocol.viability)
    with _timed(seconds, "fitness"):
        fit = fitness.assess(image, protocol.fitness)
    with _timed(seconds, "segment"):
        found = _segment(image, method)
    alike = fitness.likeness_check(found.likeness, protocol.fitness)
    fit = replace(fit, checks=(*fit.checks, alike))
    with _timed(seconds, "measure"):
        measured = islets.measure(image, _of_islets(found, protocol), protocol.sizing)
        described = huge.with_outlines(measured.islets, image, found, protocol)
        live_dead = None
        if protocol.viability is not None:
            vital = viability.measure(image, found, protocol.viability)
            described, live_dead = viability.applied(described, vital), vital.live_dead
            fit = replace(fit, checks=(*fit.checks, *vital.checks))
        cells = markers.measure(image, found.labels, protocol.markers) if protocol.markers else ()
    result = replace(
        _picture(job, image, fit, replace(measured, islets=described), seconds),
        method=found.method,
        likeness=found.likeness,
        volume_rsd=found.volume_rsd,
        live_dead=live_dead,
        nuclei=cells,
    )
    with _timed(seconds, "write"), _writing(job):
        mark = key(job.sample, image.sha256, method)
        files.write_picture(job.folder, image=image, regions=found, picture=result, key=mark)
    return replace(result, seconds=seconds)


def _make_in_parts(job: Job, method: Method, source: regions.Source, tell: Tell) -> Picture:
    """Analyse a picture larger than memory; its planes lie beside its results until it is done."""
    protocol = method.loaded.protocol
    network = assets.model(protocol.segmentation.network)
    trained = learned.load(network, learned.choose_device(method.device))
    seconds: dict[str, float] = {}
    with _writing(job), _planes(job.folder) as folder:
        with _timed(seconds, "segment"):
            pieces = Pieces()
            found = huge.analyse(source, protocol, trained, folder=folder, pieces=pieces, tell=tell)
        result = replace(
            _picture(job, source, found.fitness, found.measured, seconds),
            method=found.regions.method,
            likeness=found.regions.likeness,
        )
        tell("writing")
        with _timed(seconds, "write"):
            mark = key(job.sample, source.sha256, method)
            huge.write(job.folder, source, found, picture=result, key=mark)
    return replace(result, seconds=seconds)


@contextmanager
def _planes(folder: Path) -> Iterator[Path]:
    """Make a folder for planes on disk, and take it away."""
    planes = folder / "planes"
    shutil.rmtree(planes, ignore_errors=True)  # of a run that was cut off
    planes.mkdir(parents=True)
    try:
        yield planes
    finally:
        shutil.rmtree(planes, ignore_errors=True)


def _picture(
    job: Job,
    image: Image | regions.Source,
    fit: Fitness,
    measured: islets.Measurement,
    seconds: Mapping[str, float],
) -> Picture:
    return Picture(
        sample=job.sample,
        name=job.name,
        sha256=image.sha256,
        shape_yx=image.shape_yx,
        um_per_px=image.um_per_px,
        um_per_px_source=image.um_per_px_source,
        fitness=fit,
        islets=measured.islets,
        islet_area_um2=measured.islet_area_um2,
        exocrine_area_um2=measured.exocrine_area_um2,
        seconds=dict(seconds),
        method="",
        exocrine_clusters=measured.exocrine_clusters,
        exocrine_volume_nl=measured.exocrine_volume_nl,
        exocrine_area_squares_um4=measured.exocrine_area_squares_um4,
        exocrine_area_cubes_um6=measured.exocrine_area_cubes_um6,
        exocrine_largest_um2=measured.exocrine_largest_um2,
    )


def _segment(image: Image, method: Method) -> Regions:
    """Find islets, or nuclei where the protocol asks for markers."""
    protocol = method.loaded.protocol
    if protocol.markers is not None:
        return nuclei.regions(
            image, protocol.markers.nuclei, protocol.segmentation, device=method.device
        )
    return segmentation.segment(image, protocol.segmentation, device=method.device)


def _of_islets(found: Regions, protocol: Protocol) -> Regions:
    """Regions without nuclei, which are no islets."""
    if protocol.markers is None:
        return found
    nothing = np.zeros_like(found.labels)
    return replace(found, labels=nothing, classes=np.zeros_like(found.classes))


def _reading(job: Job, method: Method) -> dict[str, Any]:
    """Say what is read, and how."""
    sample, protocol = job.sample, method.loaded.protocol
    from_sheet = sample.pixel_size_um is not None
    return {
        "path": Path(sample.image),
        "stain": protocol.stain,
        "pixel_size_um": sample.pixel_size_um if from_sheet else method.pixel_size_um,
        "pixel_size_source": "sheet" if from_sheet else "given",
        "max_megapixels": protocol.segmentation.max_megapixels,
    }


@contextmanager
def _writing(job: Job) -> Iterator[None]:
    """Say what to do when the results of a picture cannot be written."""
    try:
        yield
    except OSError as e:
        raise OutputError(
            f"{job.folder}: the results of {job.name} cannot be written: {e.strerror or e}; "
            "make room or choose another folder with -o, then run the same command again: "
            "finished pictures are kept"
        ) from e


def _discard(folder: Path) -> None:
    """Results of an earlier run must not stand beside today's failure."""
    try:
        (folder / files.RESULT).unlink(missing_ok=True)
    except OSError as e:
        raise OutputError(f"{folder}: cannot be written: {e.strerror or e}") from e


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = perf_counter()
    yield
    seconds[stage] = perf_counter() - start


@contextmanager
def _library_messages() -> Iterator[list[str]]:
    """Catch what libraries log or warn about, for the run's log instead of the terminal."""
    caught: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: caught.append(f"{record.name}: {record.getMessage()}")  # type: ignore[method-assign]
    root = logging.getLogger()
    root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield caught
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
