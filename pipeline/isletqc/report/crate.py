"""A finished run -> ``ro-crate-metadata.json``: the folder as a research object (RO-Crate)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isletqc import __version__
from isletqc.report import extras, texts
from isletqc.report.plain import short, shown

FILE = "ro-crate-metadata.json"
_FILES = {
    "results.json": ("application/json", "Verdicts, limits, estimates, pictures"),
    "report.html": ("text/html", "Report"),
    "report.pdf": ("application/pdf", "Report"),
    "objects.csv": ("text/csv", "One row an islet"),
    "nuclei.csv": ("text/csv", "One row a nucleus"),
    "images.csv": ("text/csv", "One row a picture"),
    "lots.csv": ("text/csv", "One row a lot"),
    "results.xlsx": (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "The tables as a workbook",
    ),
    "junit.xml": ("application/xml", "Verdicts for build servers"),
    "provenance.json": ("application/json", "Versions, hashes, settings"),
    "log.jsonl": ("application/jsonl", "Events of the run"),
}


def check() -> None:
    """Refuse early where a crate cannot be written.

    Raises
    ------
    UsageError
        rocrate is missing.
    """
    extras.require("rocrate", "RO-Crate")


def write_crate(out: Path, document: Mapping[str, Any]) -> Path:
    """Describe the folder of a finished run in ``ro-crate-metadata.json``; gives its path.

    Parameters
    ----------
    out : folder of a finished run
    document : its ``results.json``

    Raises
    ------
    UsageError
        rocrate is missing.
    OSError
        The folder cannot be read or written.
    """
    check()
    from rocrate.rocrate import ROCrate  # type: ignore[import-untyped]

    provenance = json.loads((out / "provenance.json").read_text("utf-8"))
    lots = ", ".join(short(shown(lot["lot"]), 60) for lot in document["lots"][:20])
    crate = ROCrate()
    crate.name = f"{texts.REPORT}: {lots}"
    crate.description = f"{texts.VERDICT_WORDS[document['verdict']]}. {texts.OVERALL_SCOPE}"
    crate.datePublished = provenance["finished"]
    crate.root_dataset["license"] = texts.LICENCE_OF_DATA
    files = [_file(crate, out / name) for name in _FILES if (out / name).is_file()]
    if (out / "images").is_dir():
        files.append(crate.add_dataset(out / "images", "images"))
    inputs = [_input(crate, picture) for picture in provenance["inputs"]]
    _action(crate, provenance, inputs, files)
    crate.metadata.write(out)
    return out / FILE


def _file(crate: Any, path: Path) -> Any:
    encoding, description = _FILES[path.name]
    facts = {
        "name": path.name,
        "description": description,
        "encodingFormat": encoding,
        "contentSize": str(path.stat().st_size),
    }
    return crate.add_file(path, path.name, properties=facts)


def _input(crate: Any, picture: Mapping[str, Any]) -> Any:
    """Name a picture that was analysed by its hash: it lies outside of the folder."""
    from rocrate.model.contextentity import ContextEntity  # type: ignore[import-untyped]

    facts = {
        "@type": "CreativeWork",
        "name": short(shown(str(picture["path"])), 200),
        "identifier": f"sha256:{picture['sha256']}",
    }
    return crate.add(ContextEntity(crate, f"#{picture['sha256']}", properties=facts))


def _action(crate: Any, provenance: Mapping[str, Any], inputs: list[Any], files: list[Any]) -> None:
    from rocrate.model.contextentity import ContextEntity

    program = {"@type": "SoftwareApplication", "name": "isletqc", "version": __version__}
    instrument = crate.add(ContextEntity(crate, "#isletqc", properties=program))
    facts = {
        "@type": "CreateAction",
        "name": short(shown(provenance["command"]), 500),
        "startTime": provenance["started"],
        "endTime": provenance["finished"],
    }
    action = crate.add(ContextEntity(crate, "#run", properties=facts))
    action["instrument"] = instrument
    action["object"] = inputs
    action["result"] = files
    crate.root_dataset["mentions"] = action
