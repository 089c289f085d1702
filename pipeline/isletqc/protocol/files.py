"""A protocol's file: found by shipped name or path, read strictly, each fault told by its line."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from isletqc import assets
from isletqc.errors import ProtocolError
from isletqc.protocol.sections import Frozen, Protocol


class LoadedProtocol(Frozen):
    """A protocol, the file it came from and that file's SHA-256."""

    protocol: Protocol
    path: Path
    sha256: str


def load(name_or_path: str) -> LoadedProtocol:
    """Read a protocol by shipped name or by path.

    Raises
    ------
    ProtocolError
        Not found, not YAML, an unknown or duplicate key, or a value out of range; the message
        has one ``file:line: key: what`` for each fault.
    """
    path = _find(name_or_path)
    try:
        data = path.read_bytes()
        tree = YAML(typ="rt", pure=True).load(data.decode("utf-8"))
    except MarkedYAMLError as e:
        line = e.problem_mark.line + 1 if e.problem_mark else 1
        raise ProtocolError(f"{path}:{line}: not valid YAML: {e.problem}") from e
    except (OSError, UnicodeDecodeError, YAMLError) as e:
        raise ProtocolError(f"{path}: cannot be read as a protocol: {e}") from e
    if not isinstance(tree, dict):
        raise ProtocolError(f"{path}:1: expected keys such as name and version, found none")
    try:
        protocol = Protocol.model_validate(tree)
    except ValidationError as e:
        raise ProtocolError("\n".join(_faults(path, tree, e))) from e
    return LoadedProtocol(protocol=protocol, path=path, sha256=hashlib.sha256(data).hexdigest())


def json_schema() -> dict[str, Any]:
    """JSON Schema of a protocol file, for editors."""
    return Protocol.model_json_schema()


def _find(name_or_path: str) -> Path:
    path = Path(name_or_path)
    if path.suffix.lower() in {".yaml", ".yml"} or path.is_file():
        if not path.is_file():
            raise ProtocolError(f"{path}: no such protocol file")
        return path
    shipped = assets.config(name_or_path)
    # A shipped name is one word: a path in it would leave the folder of shipped protocols.
    if shipped.parent == assets.config("x").parent and shipped.is_file():
        return shipped
    names = ", ".join(p.stem for p in assets.configs())
    raise ProtocolError(f"no protocol named {name_or_path!r}; shipped are: {names}")


def _faults(path: Path, tree: Any, error: ValidationError) -> list[str]:
    return [
        f"{path}:{_line(tree, fault['loc'])}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}"
        for fault in error.errors()
    ]


def _line(tree: Any, keys: tuple[int | str, ...]) -> int:
    line = 1
    for key in keys:
        marks = getattr(tree, "lc", None)
        try:
            line = (marks.key(key) if isinstance(tree, dict) else marks.item(key))[0] + 1  # type: ignore[union-attr]
            tree = tree[key]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return line
