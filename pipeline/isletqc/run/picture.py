"""One picture through all stages: load, fitness, segment, measure, write.

Takes a job (a sample and its folder) and the method; gives the picture, or why there is none.
Whatever goes wrong with one picture is recorded beside it and never stops the others: the only
broad ``except`` of the program stands here. A full disk is not a picture's fault and goes on up.
"""

from __future__ import annotations

import hashlib
import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np

from isletqc import __version__
from isletqc.errors import OutputError, PictureError
from isletqc.load import fitness, location, picture
from isletqc.measure import fusion, islets, markers, outline, viability
from isletqc.protocol import LoadedProtocol, Protocol
from isletqc.records import Failure, Image, Islet, Picture, Regions, Sample
from isletqc.report import picture as files
from isletqc.segment import nuclei
from isletqc.segment import run as segmentation


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


def analyse(job: Job, method: Method) -> Outcome:
    """Analyse one picture and write its files.

    A finished picture of an earlier run is taken up when its input, protocol, weights, version,
    pixel size and device are the same.

    Raises
    ------
    OutputError
        The picture's folder cannot be written.
    """
    trace, resumed = "", False
    with _library_messages() as messages:
        result: Picture | Failure
        try:
            result, resumed = _taken_up_or_made(job, method)
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


def _taken_up_or_made(job: Job, method: Method) -> tuple[Picture, bool]:
    path = Path(job.sample.image)
    found = "" if method.fresh or not location.exists(path) else files.read_key(job.folder)
    if found and found == key(job.sample, picture.identity(path), method):
        done = files.read_picture(job.folder)
        return replace(done, sample=job.sample, name=job.name), True
    return _make(job, method), False


def _make(job: Job, method: Method) -> Picture:
    protocol = method.loaded.protocol
    seconds: dict[str, float] = {}
    with _timed(seconds, "load"):
        image = _load(job.sample, method)
        if protocol.viability is not None:
            image = viability.channels(image, protocol.viability)
    with _timed(seconds, "fitness"):
        fit = fitness.assess(image, protocol.fitness)
    with _timed(seconds, "segment"):
        regions = _segment(image, method)
    alike = fitness.likeness_check(regions.likeness, protocol.fitness)
    fit = replace(fit, checks=(*fit.checks, alike))
    with _timed(seconds, "measure"):
        measured = islets.measure(image, _of_islets(regions, protocol), protocol.sizing)
        found = outline.described(measured.islets, image, regions)
        found = _with_necks(found, regions, protocol)
        live_dead = None
        if protocol.viability is not None:
            vital = viability.measure(image, regions, protocol.viability)
            found, live_dead = viability.applied(found, vital), vital.live_dead
            fit = replace(fit, checks=(*fit.checks, *vital.checks))
        cells = markers.measure(image, regions.labels, protocol.markers) if protocol.markers else ()
    result = Picture(
        sample=job.sample,
        name=job.name,
        sha256=image.sha256,
        shape_yx=image.shape_yx,
        um_per_px=image.um_per_px,
        um_per_px_source=image.um_per_px_source,
        fitness=fit,
        islets=found,
        islet_area_um2=measured.islet_area_um2,
        exocrine_area_um2=measured.exocrine_area_um2,
        seconds=dict(seconds),
        method=regions.method,
        likeness=regions.likeness,
        volume_rsd=regions.volume_rsd,
        exocrine_clusters=measured.exocrine_clusters,
        exocrine_volume_nl=measured.exocrine_volume_nl,
        exocrine_area_squares_um4=measured.exocrine_area_squares_um4,
        exocrine_area_cubes_um6=measured.exocrine_area_cubes_um6,
        exocrine_largest_um2=measured.exocrine_largest_um2,
        live_dead=live_dead,
        nuclei=cells,
    )
    with _timed(seconds, "write"):
        _write(job, method, image=image, regions=regions, result=result)
    return replace(result, seconds=seconds)


def _segment(image: Image, method: Method) -> Regions:
    """Find islets, or nuclei where the protocol asks for markers."""
    protocol = method.loaded.protocol
    if protocol.markers is not None:
        return nuclei.regions(image, protocol.markers.nuclei)
    return segmentation.segment(image, protocol.segmentation, device=method.device)


def _of_islets(regions: Regions, protocol: Protocol) -> Regions:
    """Regions without nuclei, which are no islets."""
    if protocol.markers is None:
        return regions
    nothing = np.zeros_like(regions.labels)
    return replace(regions, labels=nothing, classes=np.zeros_like(regions.classes))


def _with_necks(
    found: tuple[Islet, ...], regions: Regions, protocol: Protocol
) -> tuple[Islet, ...]:
    """Look for fused clusters; donor islets are no clusters."""
    if protocol.stain != "brightfield":
        return found
    return fusion.judge(
        found,
        regions.labels,
        um_per_px=regions.um_per_px,
        max_neck_ratio=protocol.sizing.fused_neck_ratio,
    )


def _load(sample: Sample, method: Method) -> Image:
    protocol = method.loaded.protocol
    from_sheet = sample.pixel_size_um is not None
    return picture.read(
        Path(sample.image),
        stain=protocol.stain,
        pixel_size_um=sample.pixel_size_um if from_sheet else method.pixel_size_um,
        pixel_size_source="sheet" if from_sheet else "given",
        max_megapixels=protocol.segmentation.max_megapixels,
    )


def _write(job: Job, method: Method, *, image: Image, regions: Regions, result: Picture) -> None:
    mark = key(job.sample, image.sha256, method)
    try:
        files.write_picture(job.folder, image=image, regions=regions, picture=result, key=mark)
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
