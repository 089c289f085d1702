"""Find the protocols and networks that ship with isletqc, and a laboratory's own networks.

The environment variable ``ISLETQC_MODELS`` names a folder of own networks, one folder each. A
shipped name always means the shipped network.
"""

import os
from importlib.resources import files
from pathlib import Path

_PACKAGE = Path(str(files("isletqc")))
# A wheel carries both folders inside the package; a checkout keeps them at its root.
_ROOT = _PACKAGE if (_PACKAGE / "configs").is_dir() else _PACKAGE.parents[1]


def config(name: str) -> Path:
    """Path of the shipped protocol ``name`` (without ``.yaml``); it may not exist."""
    return _ROOT / "configs" / f"{name}.yaml"


def configs() -> tuple[Path, ...]:
    """All shipped protocols, by name."""
    return tuple(sorted((_ROOT / "configs").glob("*.yaml")))


def model(name: str) -> Path:
    """Folder of the network ``name``, shipped or own; it may not exist."""
    shipped = _ROOT / "models" / name
    return shipped if shipped.is_dir() or not _own() else Path(_own()) / name


def models() -> tuple[Path, ...]:
    """Folders of all networks that have weights, by name, the shipped ones first."""
    roots = (_ROOT / "models", *([Path(_own())] if _own() else []))
    found = [p.parent for root in roots for p in sorted(root.glob("*/weights.safetensors"))]
    return tuple(folder for folder in found if folder == model(folder.name))


def _own() -> str:
    return os.environ.get("ISLETQC_MODELS", "")
