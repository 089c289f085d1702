"""What a signature stands under: one hash over pictures, labels, protocol, weights and results.

The manifest names each part and its SHA-256; the digest is the SHA-256 of the manifest's canonical
JSON. Parts that signing itself changes (``report.html``, the list of signatures in
``results.json``) and parts that only tell of the writing (times, command, log) are left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isletqc.errors import UsageError
from isletqc.ledger import canonical
from isletqc.ledger.files import file_sha256

FORMAT = "isletqc digest 1"
RESULTS, PROVENANCE = "results.json", "provenance.json"
TABLES = ("objects.csv", "images.csv", "lots.csv", "nuclei.csv")
PICTURE_FILES = ("labels.ome.tif", "classes.ome.tif", "overlay.jpg", "result.json")
# Written by signing; everything else in results.json is signed.
UNSIGNED = ("signatures", "release")
_SIGNED_PROVENANCE = ("protocol", "network", "inputs")


def digest(out: Path) -> str:
    """SHA-256, hexadecimal, of everything that a signature under a run's results binds.

    Raises
    ------
    UsageError
        ``out`` does not hold the results of a finished run.
    """
    return of_manifest(manifest(out))


def manifest(out: Path) -> dict[str, str]:
    """Name of each signed part and its SHA-256; files that are missing are not in it."""
    results = document(out / RESULTS)
    provenance = document(out / PROVENANCE)
    signed = {k: v for k, v in results.items() if k not in UNSIGNED}
    network = results.get("network") or {}
    found = {
        "format": FORMAT,
        "protocol": str((results.get("protocol") or {}).get("sha256", "")),
        "weights": str(network.get("sha256", "")),
        RESULTS: canonical.sha256(signed),
        PROVENANCE: canonical.sha256({k: provenance.get(k) for k in _SIGNED_PROVENANCE}),
    }
    for image in images(results):
        found[f"picture {image['path']}"] = str(image["sha256"])
    names = [*TABLES, *picture_files(results)]
    found |= {name: file_sha256(out / name) for name in names if (out / name).is_file()}
    return {canonical_name(name): value for name, value in found.items()}


def of_manifest(parts: Mapping[str, str]) -> str:
    """Digest of a manifest."""
    return hashlib.sha256(canonical.text(dict(parts)).encode("ascii")).hexdigest()


def changes(signed: Mapping[str, str], found: Mapping[str, str]) -> tuple[str, ...]:
    """Say which parts differ, one phrase each, those that people recognise first."""
    names = sorted(signed.keys() | found.keys(), key=lambda name: (_rank(name), name))
    return tuple(
        f"{name} {_kind(name, signed, found)}"
        for name in names
        if signed.get(name) != found.get(name)
    )


def images(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All analysed pictures of a ``results.json``, in its order."""
    return [image for lot in results.get("lots", ()) for image in lot.get("images", ())]


def picture_files(results: Mapping[str, Any]) -> list[str]:
    """Names, relative to the output folder, of the files of all pictures."""
    folders = [str(image["folder"]) for image in images(results) if image.get("folder")]
    return [f"{folder}/{name}" for folder in folders for name in PICTURE_FILES]


def document(path: Path) -> dict[str, Any]:
    """Read a JSON file of a run.

    Raises
    ------
    UsageError
        It is missing or no JSON object.
    """
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as e:
        raise UsageError(
            f"{path}: expected a file of a finished run: {e}; give the folder that isletqc run "
            "wrote, or run again"
        ) from e
    if not isinstance(found, dict):
        raise UsageError(f"{path}: expected a JSON object, found {type(found).__name__}")
    return found


def canonical_name(name: str) -> str:
    """Name of a part as JSON can carry it, whatever bytes a file name has."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _rank(name: str) -> int:
    if name.startswith("picture "):
        return 0
    if name.startswith("images/"):
        return 1
    return 2


def _kind(name: str, signed: Mapping[str, str], found: Mapping[str, str]) -> str:
    if name not in found:
        return "is missing"
    return "was changed" if name in signed else "was added"
