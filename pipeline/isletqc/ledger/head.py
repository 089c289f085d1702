"""The signed head: how many entries there are and the hash of the last, signed and kept apart.

A chain of hashes cannot tell that its end was cut off. So after each entry the number, hash and
time of the newest one are signed (Ed25519) and written beside a ledger file, into this user's
state folder, and into the folder ISLETQC_HEADS where one is named, best on another computer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Connection, select

from isletqc.errors import LedgerError, OutputError
from isletqc.ledger import canonical, chain, connect
from isletqc.ledger.connect import Ledger
from isletqc.ledger.files import state_folder, write_whole
from isletqc.ledger.schema import events

FORMAT = "isletqc head 1"
ENVIRONMENT = "ISLETQC_HEADS"
_KEY_FILE = "head.key"


def introduce(connection: Connection) -> None:
    """Enter this user's head key into the trail when the trail does not know it yet."""
    public = _private_key().public_key().public_bytes_raw().hex()
    known = select(events.c.seq).where(
        events.c.action == "head key", events.c.subject == f"key {public}"
    )
    if connection.execute(known).first() is None:
        chain.append(connection, chain.Event("head key", f"key {public}", chain.user()))


def publish(ledger: Ledger) -> None:
    """Sign the newest entry and write the head wherever it is kept."""

    def write(connection: Connection) -> None:
        # Under the ledger's own lock: of two writers the later head stays.
        number, last = chain.head(connection)
        identity = chain.identity(connection)
        document = _signed({"ledger": identity, "count": number, "hash": last})
        for path in places(ledger, identity):
            write_whole(path, json.dumps(document, indent=2) + "\n")

    try:
        connect.write(ledger, write)
    except OSError as e:
        raise OutputError(
            f"ledger {ledger.address}: everything was entered, but its signed head cannot be "
            f"written: {e.strerror or e} ({e.filename})"
        ) from e


def places(ledger: Ledger, identity: str) -> tuple[Path, ...]:
    """Files that hold the signed head of a ledger, the nearest first."""
    beside = ledger.file.with_name(f"{ledger.file.name}.head.json") if ledger.file else None
    elsewhere = os.environ.get(ENVIRONMENT)
    found = [
        beside,
        state_folder() / "heads" / f"{identity}.json",
        Path(elsewhere) / f"{identity}.json" if elsewhere else None,
    ]
    return tuple(path for path in found if path is not None)


def is_genuine(document: Mapping[str, Any]) -> bool:
    """Whether a head is signed by the key that it names."""
    content = {k: v for k, v in document.items() if k != "signature"}
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(document["public_key"]))
        key.verify(bytes.fromhex(document["signature"]), canonical.text(content).encode("ascii"))
    except (InvalidSignature, KeyError, TypeError, ValueError):
        return False
    return document.get("format") == FORMAT


def _signed(facts: Mapping[str, Any]) -> dict[str, Any]:
    key = _private_key()
    content = {
        "format": FORMAT,
        **facts,
        "time": canonical.now(),
        "public_key": key.public_key().public_bytes_raw().hex(),
    }
    return {**content, "signature": key.sign(canonical.text(content).encode("ascii")).hex()}


def _private_key() -> Ed25519PrivateKey:
    path = state_folder() / _KEY_FILE
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text("ascii")))
    except FileNotFoundError:
        return _new_key(path)
    except (OSError, ValueError) as e:
        raise LedgerError(f"{path}: expected this user's head key: {e}; remove the file") from e


def _new_key(path: Path) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    mine = path.with_name(f".{path.name}.{os.getpid()}")
    write_whole(mine, key.private_bytes_raw().hex(), private=True)
    try:
        # Of several processes that begin at once one key stays.
        os.link(mine, path)
    except FileExistsError:
        return _private_key()
    finally:
        mine.unlink()
    return key
