"""The audit trail: entries in a row, each with the hash of the one before.

An entry says who did what, when, to what, the old and the new, and why; it carries the hash of the
rows that came with it. Its own hash covers all of that and the hash before it, so nothing earlier
can be changed, taken away or put in between without every later hash changing.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, Table, insert, select

from isletqc.ledger import canonical
from isletqc.ledger.schema import events

GENESIS = "0" * 64
CONTENT = ("seq", "time", "who", "account", "action", "subject", "old", "new", "why", "rows")
Rows = Mapping[Table, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Event:
    """What is to be entered; time, account and hashes are added with it."""

    action: str
    subject: str
    who: str
    why: str = ""
    old: Mapping[str, Any] = field(default_factory=dict)
    new: Mapping[str, Any] = field(default_factory=dict)


def append(connection: Connection, event: Event, rows: Rows | None = None) -> int:
    """Enter one event with its rows; gives its number.

    Only inside `connect.write`, which lets one writer in at a time. A row that names no ``run``
    belongs to the run of this event.
    """
    last = connection.execute(_newest()).first()
    seq = last.seq + 1 if last else 1
    given = {table: list(found) for table, found in (rows or {}).items() if found}
    for table, found in given.items():
        connection.execute(insert(table), [_row(table, seq, n, row) for n, row in enumerate(found)])
    entry = {
        "seq": seq,
        "time": canonical.now(),
        "who": printable(event.who),
        "account": account(),
        "action": event.action,
        "subject": printable(event.subject),
        "old": canonical.text(event.old),
        "new": canonical.text(event.new),
        "why": printable(event.why),
        # Read back: the hash is of what the database holds, not of what it was given.
        "rows": canonical.text({t.name: _stored(connection, t, seq) for t in given}),
        "previous": last.hash if last else GENESIS,
    }
    connection.execute(insert(events), {**entry, "hash": link(entry)})
    return seq


def link(entry: Mapping[str, Any]) -> str:
    """Hash of an entry: SHA-256 of the previous hash, a line feed and the canonical content."""
    content = canonical.text({name: entry[name] for name in CONTENT})
    return hashlib.sha256(f"{entry['previous']}\n{content}".encode("ascii")).hexdigest()


def rows_sha256(table: Table, rows: Iterable[Row[Any]]) -> str:
    """Hash of rows of one table; empty cells are left out, the order does not count."""
    names = [column.name for column in table.columns]
    cells = ({k: v for k, v in zip(names, row, strict=True) if v is not None} for row in rows)
    return canonical.sha256(sorted(canonical.text(row) for row in cells))


def head(connection: Connection) -> tuple[int, str]:
    """Give number and hash of the newest entry; (0, zeros) of an empty trail."""
    last = connection.execute(_newest()).first()
    return (last.seq, last.hash) if last else (0, GENESIS)


def identity(connection: Connection) -> str:
    """Identity of the ledger, which its first entry carries; empty when that entry is gone."""
    first = connection.execute(select(events.c.new).where(events.c.seq == 1)).scalar()
    try:
        return str(json.loads(first or "{}").get("ledger", ""))
    except ValueError:
        return ""


def account() -> str:
    """Account and computer that this program runs under."""
    return printable(f"{user()}@{socket.gethostname()}")


def user() -> str:
    """Name of the account, which stands for the person where no other name is given."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def printable(text: str) -> str:
    r"""Text as both databases can hold it: NUL as ``\x00``, what is not UTF-8 as ``\udcxx``."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def _newest() -> Any:
    return select(events.c.seq, events.c.hash).order_by(events.c.seq.desc()).limit(1)


def _row(table: Table, seq: int, n: int, row: Mapping[str, Any]) -> dict[str, Any]:
    own = {"event": seq, "n": n, "run": seq, **row}
    return {
        column.name: printable(value) if isinstance(value, str) else value
        for column in table.columns
        for value in (own.get(column.name),)
    }


def _stored(connection: Connection, table: Table, seq: int) -> str:
    return rows_sha256(table, connection.execute(select(table).where(table.c.event == seq)))
