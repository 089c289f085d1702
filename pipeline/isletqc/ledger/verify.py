"""Walk the trail and the files; name what is not as it was entered.

1. Each entry's hash and link. 2. The rows of each entry. 3. Clocks. 4. Keys that were revoked.
5. The signed heads. 6. The triggers. 7. Files and signatures of result folders. Every question is
asked, whatever the others found; of a broken chain the first broken link is named, as everything
after it hangs on it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Table, select, text

from isletqc.ledger import canonical, chain, guards, head, revoked
from isletqc.ledger.connect import Ledger, read
from isletqc.ledger.schema import (
    TABLES,
    approvals,
    edits,
    events,
    protocol_states,
    signatures,
)

# Clocks of two computers may differ by this much.
TOLERANCE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Findings:
    """What a check looked at, what it found wrong, and what a person should know besides."""

    looked_at: tuple[str, ...]
    broken: tuple[str, ...]
    notes: tuple[str, ...] = ()


def ledger(opened: Ledger) -> Findings:
    """Check a whole ledger."""
    return read(opened, lambda connection: _check(connection, opened))


def _check(connection: Connection, opened: Ledger) -> Findings:
    trail = connection.execute(select(events).order_by(events.c.seq)).all()
    broken = [
        *_first_broken_link(trail),
        *_rows(connection, trail),
        *_clock(trail),
        *_dated_later(connection, trail),
        *revoked.late(connection),
        *_triggers(connection),
    ]
    heads, notes = _heads(connection, opened, trail)
    rows = sum(1 for table in TABLES for _ in connection.execute(select(table.c.event)))
    looked = f"ledger {opened.address}: {len(trail)} entries with {rows} rows"
    return Findings((looked,), (*broken, *heads), tuple(notes))


def _first_broken_link(trail: list[Row[Any]] | Any) -> Iterator[str]:
    before = chain.GENESIS
    for place, row in enumerate(trail, start=1):
        if row.seq != place:
            yield f"entry {place} is missing: the trail goes on with entry {row.seq}"
            return
        if chain.link(row._mapping) != row.hash:
            yield f"entry {place} ({_about(row)}) was changed: its hash is of other content"
            return
        if row.previous != before:
            yield (
                f"entry {place} ({_about(row)}) does not follow from entry {place - 1}: "
                "one of the two was put in the place of another"
            )
            return
        before = row.hash


def _rows(connection: Connection, trail: Any) -> Iterator[str]:
    """Compare the rows of each table with the hashes that their entries carry."""
    said = {row.seq: _hashes(row) for row in trail}
    about = {row.seq: _about(row) for row in trail}
    for table in TABLES:
        found = dict(_found_hashes(connection, table))
        entered = {seq: hashes[table.name] for seq, hashes in said.items() if table.name in hashes}
        for seq in sorted(entered.keys() | found.keys()):
            if found.get(seq) == entered.get(seq):
                continue
            what = "were changed"
            if seq not in found:
                what = "were removed"
            elif seq not in entered:
                what = "were added later"
            of = f"entry {seq} ({about[seq]})" if seq in about else f"entry {seq}, which is missing"
            yield f"rows of {of} in table {table.name} {what}"


def _found_hashes(connection: Connection, table: Table) -> Iterator[tuple[int, str]]:
    rows = connection.execute(select(table).order_by(table.c.event))
    for seq, group in groupby(rows, key=lambda row: row.event):
        yield seq, chain.rows_sha256(table, group)


def _hashes(row: Row[Any]) -> dict[str, str]:
    try:
        found = json.loads(row.rows)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _clock(trail: Any) -> Iterator[str]:
    last = None
    for row in trail:
        time = _time(row.time)
        if last and time and time < last - TOLERANCE:
            yield (
                f"the clock was set back: entry {row.seq} ({_about(row)}) is dated {row.time}, "
                f"{_span(last - time)} before entry {row.seq - 1}"
            )
        last = time or last
    now = _time(canonical.now())
    if last and now and last > now + TOLERANCE:
        yield (
            f"the clock was set back: the last entry is dated {_span(last - now)} later than this "
            "computer's clock"
        )


def _dated_later(connection: Connection, trail: Any) -> Iterator[str]:
    """Name what is dated after the entry that it came with."""
    entered = {row.seq: row for row in trail}
    for table in (edits, approvals, signatures, protocol_states):
        for row in connection.execute(select(table)):
            event = entered.get(row.event)
            done, known = _time(row.time), _time(event.time) if event else None
            if done and known and done > known + TOLERANCE:
                yield (
                    f"entry {row.event} ({_about(event)}) is dated {row.time}, "
                    f"{_span(done - known)} after it was entered: a clock was set back"
                )


def _triggers(connection: Connection) -> Iterator[str]:
    dialect = connection.dialect.name
    # PostgreSQL can also leave a trigger there and switch it off.
    ask = (
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A') "
        "AND pg_table_is_visible(tgrelid)"
        if dialect == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    )
    have = set(connection.execute(text(ask)).scalars())
    for table in (events, *TABLES):
        lacking = [name for name in guards.names(table.name, dialect) if name not in have]
        if lacking:
            yield f"table {table.name} has lost its guards: {', '.join(lacking)}"


def _heads(connection: Connection, opened: Ledger, trail: Any) -> tuple[list[str], list[str]]:
    broken: list[str] = []
    notes: list[str] = []
    hashes = {row.seq: row.hash for row in trail}
    known = {row.subject for row in trail if row.action == "head key"}
    for path in head.places(opened, chain.identity(connection)):
        if not path.is_file():
            beside = opened.file is not None and path.parent == opened.file.parent
            (broken if beside else notes).append(f"there is no signed head at {path}")
            continue
        fault = _head_fault(path, hashes, known)
        if fault:
            broken.append(fault)
        else:
            notes.append(f"signed head {path} agrees")
    return broken, notes


def _head_fault(path: Path, hashes: Mapping[int, str], known: set[str]) -> str:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as e:
        return f"signed head {path} cannot be read: {e}"
    if not isinstance(found, dict) or not head.is_genuine(found):
        return f"signed head {path} was changed: its signature does not fit"
    count, last = found["count"], max(hashes, default=0)
    if count > last:
        lost = f"entry {count} is" if count == last + 1 else f"entries {last + 1} to {count} are"
        return (
            f"the chain is cut at its end: the head of {found['time']} ({path}) counts {count} "
            f"entries, the ledger has {last}; {lost} missing"
        )
    if hashes.get(count) != found["hash"]:
        return f"entry {count} is not the one that the signed head {path} of {found['time']} names"
    if f"key {found['public_key']}" not in known:
        return f"signed head {path} is signed by a key that the trail does not know"
    return ""


def _about(row: Any) -> str:
    return f"{row.action}, {row.subject}"


def _time(value: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _span(gap: timedelta) -> str:
    minutes = round(gap.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{round(minutes / 60)} h" if minutes < 48 * 60 else f"{round(minutes / 1440)} days"
