"""Protocol control: which protocol files are approved, by whom, and which are retired.

What counts is the SHA-256 of the file, so an approved protocol that is changed in one letter is
not approved any more. The file itself must say ``status: approved``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, select

from isletqc.decide.release import Role, missing_roles
from isletqc.errors import SigningError
from isletqc.ledger import canonical, chain, entry, keys
from isletqc.ledger.connect import Ledger, read
from isletqc.ledger.schema import protocol_states, protocols
from isletqc.protocol import LoadedProtocol, Release
from isletqc.records import Signature

FORMAT = "isletqc protocol signature 1"
State = Literal["approved", "retired"]
_SIGNED = ("protocol", "state", "who", "role", "meaning", "time", "key")


@dataclass(frozen=True, slots=True)
class Control:
    """Where a protocol stands; ``reason`` says why it may not be used for release."""

    state: Literal["draft", "approved", "retired"]
    reason: str
    signed: tuple[str, ...]


def state(ledger: Ledger, loaded: LoadedProtocol) -> Control:
    """Where a protocol file stands in a ledger."""
    return read(ledger, lambda connection: _state(connection, loaded))


def make(
    loaded: LoadedProtocol,
    state: State,
    *,
    role: Role,
    meaning: str,
    key: keys.Key,
    passphrase: str,
) -> dict[str, Any]:
    """Sign a protocol's approval or retirement; gives the row for the ledger.

    Raises
    ------
    SigningError
        The file is no approved one, or the passphrase is wrong.
    """
    said = loaded.protocol.status
    if state == "approved" and said != "approved":
        raise SigningError(
            f"{loaded.path}: expected status: approved, found {said}; "
            "set it in the file first, as the approval covers every letter of it"
        )
    if not meaning.strip():
        raise SigningError("say with --meaning why the protocol is approved or retired")
    row = {
        "protocol": loaded.sha256,
        "state": state,
        "who": key.who,
        "role": role,
        "meaning": " ".join(meaning.split()),
        "time": canonical.now(),
        "key": key.fingerprint,
    }
    signature = keys.sign(key, passphrase, payload(row))
    return {**row, "public_key": key.public_key, "signature": signature}


def enter(connection: Connection, loaded: LoadedProtocol, row: Mapping[str, Any]) -> Control:
    """Enter a signed approval or retirement; gives where the protocol stands then.

    Raises
    ------
    SigningError
        The same person or key has approved it already, or it is retired.
    """
    before = _state(connection, loaded)
    if before.state == "retired":
        raise SigningError(f"{loaded.path}: this protocol is retired; start a new version of it")
    if row["state"] == "approved":
        _refuse_twice(_rows(connection, loaded.sha256), row)
    protocol = loaded.protocol
    event = chain.Event(
        action=f"protocol {row['state']}",
        subject=f"protocol {loaded.sha256}",
        who=row["who"],
        why=row["meaning"],
        old={"state": before.state},
        new={name: row[name] for name in ("state", "role", "key", "time")},
    )
    about = {
        "sha256": loaded.sha256,
        "name": protocol.name,
        "version": protocol.version,
        "status": protocol.status,
        "settings": canonical.text(protocol.model_dump(mode="json")),
    }
    new = entry.new_protocol(connection, about)
    chain.append(connection, event, {protocols: new, protocol_states: [row]})
    return _state(connection, loaded)


def payload(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give what the key signs."""
    return {"format": FORMAT, **{name: row[name] for name in _SIGNED}}


def _rows(connection: Connection, sha256: str) -> Sequence[Row[Any]]:
    mine = select(protocol_states).where(protocol_states.c.protocol == sha256)
    return connection.execute(mine.order_by(protocol_states.c.event)).all()


def _state(connection: Connection, loaded: LoadedProtocol) -> Control:
    rows = _rows(connection, loaded.sha256)
    signed = tuple(f"{row.state} by {row.who} ({row.role}), {row.time}" for row in rows)
    if any(row.state == "retired" for row in rows) or loaded.protocol.status == "retired":
        return Control("retired", "it is retired", signed)
    if loaded.protocol.status == "draft":
        return Control("draft", "its file says status: draft", signed)
    lacking = missing_roles(_rule(loaded), [_signature(row) for row in rows])
    if lacking:
        missing = " and ".join(f"{role}'s" for role in lacking)
        return Control("draft", f"the {missing} approval is missing in the ledger", signed)
    return Control("approved", "", signed)


def _rule(loaded: LoadedProtocol) -> Release:
    """Ask of an approval what is asked of results, and one signature at least."""
    asked = loaded.protocol.release
    return Release(signatures="author") if asked.signatures == "none" else asked


def _signature(row: Row[Any]) -> Signature:
    genuine = keys.is_signed(
        payload(dict(row._mapping)), public_key=row.public_key, signature=row.signature
    )
    return Signature(row.who, row.role, row.meaning, row.time, row.key, row.protocol, valid=genuine)


def _refuse_twice(rows: Sequence[Row[Any]], new: Mapping[str, Any]) -> None:
    for row in rows:
        if row.key == new["key"] or keys.same_person(row.who, new["who"]):
            raise SigningError(
                f"{row.who} has approved this protocol already; "
                "author and reviewer must be two people, each with a key of their own"
            )
        if row.role == new["role"]:
            raise SigningError(f"{row.who} has approved this protocol as {row.role} already")
