"""Keys that count no more: said in the audit trail, and held against every later signature.

Whose key is lost or whose passphrase is known to others says so once, with the reason. Signatures
that were entered before stand; one that is entered later is named by ``verify``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sqlalchemy import Connection, Row, select

from isletqc.errors import SigningError
from isletqc.ledger import chain, keys
from isletqc.ledger.schema import events, protocol_states, signatures

ACTION = "key revoked"
_SIGNED = (signatures, protocol_states)
_FINGERPRINT = re.compile("[0-9a-f]{64}")


def enter(connection: Connection, name: str, *, why: str) -> str:
    """Enter that a key counts no more; gives its fingerprint.

    Parameters
    ----------
    name : of a person with a key here or with a signature in the ledger, or the beginning of a
        fingerprint; of a key that is known to neither, the whole fingerprint

    Raises
    ------
    SigningError
        No reason, no such key or more than one, or it is revoked already.
    """
    if not why.strip():
        raise SigningError('say with --why the reason, as "passphrase was seen by others"')
    found = _find(connection, name)
    refuse(connection, found)
    event = chain.Event(ACTION, f"key {found}", who=chain.user(), why=" ".join(why.split()))
    chain.append(connection, event)
    return found


def refuse(connection: Connection, fingerprint: str) -> None:
    """Refuse a key that counts no more.

    Raises
    ------
    SigningError
        It was revoked; the message says when and why.
    """
    row = _entries(connection).get(fingerprint)
    if row is not None:
        raise SigningError(
            f"the key {fingerprint[:16]} was revoked at {row.time} by {row.who}: {row.why}; "
            "make another with isletqc keys new"
        )


def late(connection: Connection) -> Iterator[str]:
    """Name what was signed with a key after it was revoked."""
    revoked = _entries(connection)
    for table in _SIGNED:
        for row in connection.execute(select(table).order_by(table.c.event)):
            entry = revoked.get(row.key)
            if entry is not None and row.event > entry.seq:
                yield (
                    f"entry {row.event}: signed as {row.role} by {row.who} with the key "
                    f"{row.key[:16]}, which entry {entry.seq} revoked at {entry.time}: {entry.why}"
                )


def _entries(connection: Connection) -> Mapping[str, Row[tuple[object, ...]]]:
    asked = select(events).where(events.c.action == ACTION).order_by(events.c.seq.desc())
    # The first entry of a key counts: it comes last and stays.
    return {row.subject.removeprefix("key "): row for row in connection.execute(asked)}


def _find(connection: Connection, name: str) -> str:
    known = {key.fingerprint: key.who for key in keys.every()}
    for table in _SIGNED:
        known |= {row.key: row.who for row in connection.execute(select(table.c.key, table.c.who))}
    start = name.strip().lower()
    fits = [
        key
        for key, who in known.items()
        if keys.same_person(who, name) or (len(start) >= 4 and key.startswith(start))
    ]
    if not fits and _FINGERPRINT.fullmatch(start):
        return start
    if len(fits) == 1:
        return fits[0]
    listed = ", ".join(f"{who} ({key[:16]})" for key, who in sorted(known.items())) or "none"
    raise SigningError(f"{name}: expected one key, found {len(fits)}; known are: {listed}")
