"""Open a ledger of the right version, make a new one, bring an old one up to date."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import TypeVar

from sqlalchemy import Connection, inspect, text

from isletqc import __version__
from isletqc.errors import LedgerError
from isletqc.ledger import chain, connect, head
from isletqc.ledger.connect import Ledger
from isletqc.ledger.schema import VERSION, VERSION_TABLE

T = TypeVar("T")


@contextmanager
def opened(address: str, *, create: bool = False) -> Iterator[Ledger]:
    """Open a ledger by file or URL.

    Parameters
    ----------
    create : make it when there is none

    Raises
    ------
    LedgerError
        There is none, it does not answer, or it is of an older or a newer version.
    """
    with connect.connected(address) as ledger:
        found = version(ledger) if _may_exist(ledger) else ""
        if not found and not create:
            raise LedgerError(
                f"{ledger.address}: expected a ledger, found none; a run with --ledger begins one, "
                "isletqc lots rebuild makes one from result folders"
            )
        if not found:
            upgrade(ledger)
        elif found != VERSION:
            raise LedgerError(_other_version(ledger, found))
        yield ledger


def enter(ledger: Ledger, work: Callable[[Connection], T]) -> T:
    """Write to the ledger, then sign its new head."""
    result = write(ledger, work)
    head.publish(ledger)
    return result


def write(ledger: Ledger, work: Callable[[Connection], T]) -> T:
    """Write to the ledger; its new head is still to be published."""

    def all_of_it(connection: Connection) -> T:
        head.introduce(connection)
        return work(connection)

    return connect.write(ledger, all_of_it)


def version(ledger: Ledger) -> str:
    """Version of the ledger's tables; empty where there are none."""

    def find(connection: Connection) -> str:
        if not inspect(connection).has_table(VERSION_TABLE):
            return ""
        found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
        return str(found or "")

    return connect.read(ledger, find)


def upgrade(ledger: Ledger, to: str = VERSION) -> tuple[str, str]:
    """Bring the tables to a version; entries that are there stay as they are.

    Returns
    -------
    tuple
        Version before (empty for a new ledger) and after.

    Raises
    ------
    LedgerError
        The ledger is newer than this program.
    """
    if ledger.file is not None:
        ledger.file.parent.mkdir(parents=True, exist_ok=True)
    before = version(ledger)
    if before > VERSION:
        raise LedgerError(_other_version(ledger, before))

    def migrate(connection: Connection) -> bool:
        found = _version_here(connection)
        if found >= to:
            return False  # another process was first
        _run_migrations(connection, to)
        if to == VERSION:
            chain.append(connection, _event(found))
        return True

    changed = connect.write(ledger, migrate)
    if changed and to == VERSION:
        enter(ledger, lambda connection: None)
    return before, version(ledger)


def make_tables(ledger: Ledger) -> None:
    """Make the tables of a ledger without an entry, for a copy of another."""
    connect.write(ledger, lambda connection: _run_migrations(connection, VERSION))


def _may_exist(ledger: Ledger) -> bool:
    # SQLite makes a file by looking into it.
    return ledger.file is None or ledger.file.is_file()


def _version_here(connection: Connection) -> str:
    if not inspect(connection).has_table(VERSION_TABLE):
        return ""
    return str(connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar() or "")


def _event(before: str) -> chain.Event:
    new = {"version": VERSION, "isletqc": __version__}
    if before:
        old = {"version": before}
        return chain.Event("ledger upgraded", "ledger", chain.user(), old=old, new=new)
    new["ledger"] = str(uuid.uuid4())
    return chain.Event("ledger begun", "ledger", chain.user(), new=new)


def _run_migrations(connection: Connection, to: str) -> None:
    # Needed once in a ledger's life, and slow to import.
    from alembic import command
    from alembic.config import Config

    config = Config()
    folder = str(files("isletqc.ledger").joinpath("migrations"))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _other_version(ledger: Ledger, found: str) -> str:
    what = f"{ledger.address}: a ledger of version {found}, this isletqc reads {VERSION}"
    if found > VERSION:
        return f"{what}; install the newer isletqc that wrote it"
    return (
        f"{what}; make a backup of it with the isletqc that wrote it, "
        "then: isletqc lots upgrade --ledger ..."
    )
