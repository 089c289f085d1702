"""Find the protocols and networks that ship with isletqc, installed or in a checkout."""

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
    """Folder of the shipped network ``name``; it may not exist."""
    return _ROOT / "models" / name


def models() -> tuple[Path, ...]:
    """Folders of all shipped networks that have weights, by name."""
    return tuple(sorted(p.parent for p in (_ROOT / "models").glob("*/weights.safetensors")))
