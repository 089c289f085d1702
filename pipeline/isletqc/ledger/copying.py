"""Whole ledgers from one database to another: backup, restore, move to a server."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from isletqc.errors import LedgerError
from isletqc.ledger import chain, connect, head, store, verify
from isletqc.ledger.connect import Ledger
from isletqc.ledger.schema import TABLES, events


def backup(source: Ledger, target: str) -> int:
    """Copy a ledger, entry by entry, into a new file or an empty database; gives the entries.

    The copy has the same entries and hashes, and is checked before this returns.

    Raises
    ------
    LedgerError
        The target holds a ledger already; or the copy is not whole, as the ledger is not.
    """
    with connect.connected(target) as copy:
        if (copy.file is None or copy.file.is_file()) and store.version(copy):
            raise LedgerError(f"{copy.address}: there is a ledger already; choose another place")
        event = chain.Event("backup", "ledger", chain.user(), new={"to": copy.address})
        store.enter(source, lambda connection: chain.append(connection, event))
        store.make_tables(copy)
        connect.read(source, lambda connection: _copy(connection, copy))
        head.publish(copy)
        found = verify.ledger(copy)
        if found.broken:
            raise LedgerError(
                f"{copy.address}: everything was copied, but it is not whole: {found.broken[0]}; "
                f"see isletqc verify --ledger {source.address}"
            )
        return connect.read(copy, chain.head)[0]


def _copy(source: Connection, copy: Ledger) -> None:
    def fill(connection: Connection) -> None:
        for table in (events, *TABLES):
            rows = [dict(row._mapping) for row in source.execute(select(table))]
            if rows:
                connection.execute(insert(table), rows)

    connect.write(copy, fill)
