"""How a result was made: versions, device, settings, machine, command. No secrets."""

from __future__ import annotations

import platform
import re
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from isletqc import __version__
from isletqc.run.picture import Method


def collect(method: Method, *, workers: int, notes: Sequence[str] = ()) -> dict[str, Any]:
    """Plain data for ``provenance.json``, beside protocol, network, inputs and command.

    ``notes`` say what was left out of the run.
    """
    return {
        "isletqc": __version__,
        "packages": packages(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": method.device,
        "pixel_size_um": method.pixel_size_um,
        "workers": workers,
        **({"notes": list(notes)} if notes else {}),
    }


def packages() -> dict[str, str]:
    """Versions of the packages that isletqc depends on; empty for one that is missing."""
    return {name: installed(name) for name in _dependencies()}


def installed(name: str) -> str:
    """Version of a distribution; empty when it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _dependencies() -> list[str]:
    try:
        lines = requires("isletqc") or []
    except PackageNotFoundError:
        return []
    return sorted({_name(line) for line in lines if "extra ==" not in line})


def _name(requirement: str) -> str:
    name = requirement
    for stop in "<>=!~;[ ":
        name = name.split(stop)[0]
    return name


def command_line() -> str:
    """Give the command as it was typed, without the program's folder and passwords in URLs."""
    typed = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    return re.sub(r"(://[^:/@\s]*:)[^@\s]*@", r"\1***@", typed)
