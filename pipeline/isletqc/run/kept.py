"""What a run leaves behind so that its lots can be judged again: ``run.json``, ``protocol.yaml``.

``protocol.yaml`` is the protocol's file byte for byte. ``run.json`` has every sample in its order,
with the folder of its picture or why it failed, and the run's own facts. Corrected pictures must
not be lost to a later run into the same folder: `check_hand_work` refuses that run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from isletqc import protocol
from isletqc.errors import IsletQCError, ProtocolError, UsageError
from isletqc.load import picture
from isletqc.protocol import LoadedProtocol
from isletqc.records import Failure, Sample
from isletqc.report import picture as files
from isletqc.report.files import RUN, write_bytes_atomically, write_text_atomically
from isletqc.report.results import NetworkCard, RunResults
from isletqc.run import autosave
from isletqc.run.picture import Job, Method, key
from isletqc.segment import run as segmentation

PROTOCOL = "protocol.yaml"
SCHEMA_VERSION = "1.0"
FailOn = Literal["never", "fail", "review"]


@dataclass(frozen=True, slots=True)
class Place:
    """One sample of a run: what reports call its picture, its folder in OUT, why it failed."""

    sample: Sample
    name: str
    folder: str
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """Everything that judging a run again needs beside its pictures.

    Attributes
    ----------
    folder : the working folder of the run, for samples with a relative path
    segmentation_rsd : of the network that was used
    """

    schema_version: str
    places: tuple[Place, ...]
    folder: str
    protocol_path: str
    segmentation_rsd: float
    network: NetworkCard | None
    fail_on: FailOn
    provenance: Mapping[str, Any]
    command: str
    started: str
    finished: str


_KEPT = TypeAdapter(Kept)


def write_protocol(out: Path, loaded: LoadedProtocol) -> None:
    """Keep the protocol's file as it was read.

    Raises
    ------
    ProtocolError
        The file has changed since it was read.
    OSError
        ``out`` cannot be written, or the file has gone away.
    """
    data = loaded.path.read_bytes()
    if hashlib.sha256(data).hexdigest() != loaded.sha256:
        raise ProtocolError(f"{loaded.path}: the file changed while it was in use; run again")
    write_bytes_atomically(out / PROTOCOL, data)


def write(out: Path, jobs: Sequence[Job], results: RunResults, *, fail_on: FailOn) -> None:
    """Keep what judging again needs.

    Raises
    ------
    OSError
        ``out`` cannot be written.
    """
    failed = {failure.sample: failure for failure in results.failures}
    facts = segmentation.method_facts(results.protocol.protocol.segmentation)
    kept = Kept(
        schema_version=SCHEMA_VERSION,
        places=tuple(
            Place(j.sample, j.name, f"images/{j.folder.name}", failed.get(j.sample)) for j in jobs
        ),
        folder=str(Path.cwd()),
        protocol_path=str(results.protocol.path),
        segmentation_rsd=facts.volume_rsd,
        network=results.network,
        fail_on=fail_on,
        provenance=results.provenance,
        command=results.command,
        started=results.started,
        finished=results.finished,
    )
    plain = _KEPT.dump_python(kept, mode="json")
    write_text_atomically(out / RUN, json.dumps(plain, indent=1) + "\n")


def read(out: Path) -> tuple[Kept, LoadedProtocol]:
    """Read what a run left behind.

    Raises
    ------
    UsageError
        The folder is not that of a finished run, or of one by another version.
    """
    try:
        found = _KEPT.validate_json((out / RUN).read_bytes())
        if found.schema_version != SCHEMA_VERSION:
            raise ValueError(f"schema version {found.schema_version}, not {SCHEMA_VERSION}")
    except (OSError, ValueError, ValidationError) as e:
        raise UsageError(
            f"{out / RUN}: expected what a finished isletqc run leaves there, found {e}; give the "
            "folder that isletqc run wrote, or run the pictures again into it"
        ) from e
    loaded = protocol.load(str(out / PROTOCOL))
    return found, loaded.model_copy(update={"path": Path(found.protocol_path)})


def check_hand_work(jobs: Sequence[Job], method: Method) -> None:
    """Refuse a run that would analyse again what a person has corrected.

    Raises
    ------
    UsageError
        Pictures with corrections, saved or not, would not be taken up as they are.
    """
    lost = [job.name for job in jobs if _corrected(job.folder) and not _taken_up(job, method)]
    if lost:
        raise UsageError(
            f"corrections by hand would be lost: {', '.join(lost)} would be analysed again "
            "(--fresh, or another protocol, network, version, device or pixel size); choose "
            "another folder with -o, or remove the folders of these pictures first"
        )


def _corrected(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (autosave.HISTORY, autosave.JOURNAL))


def _taken_up(job: Job, method: Method) -> bool:
    try:
        identity = picture.identity(Path(job.sample.image))
    except IsletQCError:
        return False
    return not method.fresh and files.read_key(job.folder) == key(job.sample, identity, method)
