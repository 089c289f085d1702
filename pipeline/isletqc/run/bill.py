"""Software bill of materials: every package and network that this installation stands on.

CycloneDX 1.5 JSON from the metadata of the installed packages, followed from isletqc through what
each one requires here, and the hashes of the networks. The same installation gives the same
document.
"""

from __future__ import annotations

import hashlib
import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from isletqc import assets

_ROOT = "isletqc"
_REQUIREMENT = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?")
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")


def of_materials() -> dict[str, Any]:
    """Give the bill as plain data."""
    found = _installed()
    main = found.pop(_ROOT)
    libraries = [found[name] for name in sorted(found)]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {**_component(main), "type": "application"}},
        "components": [*map(_component, libraries), *map(_network, assets.models())],
        "dependencies": [
            {"ref": _purl(one), "dependsOn": [_purl(found[n]) for n in _known(one, found)]}
            for one in (main, *libraries)
        ],
    }


def _installed() -> dict[str, Distribution]:
    """Follow requirements as far as they are installed here."""
    found: dict[str, Distribution] = {}
    wanted = [(_ROOT, _extras(distribution(_ROOT)))]
    seen = set()
    while wanted:
        name, extras = wanted.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue
        wanted += _needs(found[name], extras)
    return found


def _needs(one: Distribution, extras: frozenset[str]) -> list[tuple[str, frozenset[str]]]:
    found = []
    for line in one.requires or []:
        asked = set(_EXTRA.findall(line))
        match = _REQUIREMENT.match(line)
        if match and (not asked or asked & extras):
            more = frozenset(x.strip() for x in (match.group(2) or "").split(",") if x.strip())
            found.append((_normal(match.group(1)), more))
    return found


def _extras(one: Distribution) -> frozenset[str]:
    return frozenset(one.metadata.get_all("Provides-Extra") or ())


def _known(one: Distribution, found: dict[str, Distribution]) -> list[str]:
    names = {name for name, _ in _needs(one, _extras(one))}
    return sorted(name for name in names if name in found)


def _component(one: Distribution) -> dict[str, Any]:
    facts = one.metadata
    stated = facts.get_all("License-Expression") or facts.get_all("License") or [""]
    licence = str(stated[0]).strip().partition("\n")[0][:100]
    return {
        "type": "library",
        "bom-ref": _purl(one),
        "name": one.name,
        "version": one.version,
        "purl": _purl(one),
        "licenses": [{"license": {"name": licence}}] if licence else [],
    }


def _network(folder: Path) -> dict[str, Any]:
    with (folder / "weights.safetensors").open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "type": "machine-learning-model",
        "bom-ref": f"network:{folder.name}",
        "name": folder.name,
        "hashes": [{"alg": "SHA-256", "content": sha256}],
    }


def _purl(one: Distribution) -> str:
    return f"pkg:pypi/{_normal(one.name)}@{one.version}"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
