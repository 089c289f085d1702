"""An address in, a database out, and one way each to read and to write.

SQLite: rollback journal (no WAL, which a network share cannot have), every commit on the disk,
foreign keys on, 60 s of patience with other writers. PostgreSQL: by URL, one writer at a time in
the audit trail. What is locked is tried again; what fails otherwise is told.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from isletqc.errors import LedgerError

T = TypeVar("T")
ENVIRONMENT = "ISLETQC_LEDGER"
_PATIENCE_SECONDS = 60
_PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
# serialization failure, deadlock, lock not available
_LOCKED = frozenset({"40001", "40P01", "55P03"})
_WRITING = {"isletqc_writing": True}


@dataclass(frozen=True, slots=True)
class Ledger:
    """An open ledger.

    Attributes
    ----------
    address : as shown to people, without password
    engine : the way to the database
    file : of a SQLite ledger; None for a server
    """

    address: str
    engine: Engine
    file: Path | None


def named(address: str | None) -> str | None:
    """Address that was given, else that of the environment, else None."""
    return address or os.environ.get(ENVIRONMENT) or None


def required(address: str | None) -> str:
    """Address as `named`; refuses when there is none."""
    found = named(address)
    if found is None:
        raise LedgerError(
            f"no ledger is named: give --ledger FILE or URL, or set {ENVIRONMENT} once for all"
        )
    return found


@contextmanager
def connected(address: str) -> Iterator[Ledger]:
    """Open a database by file name or by ``sqlite://`` or ``postgresql://`` URL; close it after."""
    url = _url(address)
    file = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
    engine = _sqlite(url) if file else _server(url)
    shown = str(file) if file else _without_password(url)
    try:
        yield Ledger(shown, engine, file)
    finally:
        engine.dispose()


def read(ledger: Ledger, work: Callable[[Connection], T]) -> T:
    """Do ``work`` on one unchanging view of the ledger."""
    with _told(ledger), ledger.engine.connect() as connection:
        if ledger.file is None:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            return work(connection)


def write(ledger: Ledger, work: Callable[[Connection], T]) -> T:
    """Do ``work`` as the only writer, wholly or not at all; again when others hold the lock."""
    with _told(ledger):
        for pause in _PAUSES_SECONDS:
            try:
                return _once(ledger, work)
            except DBAPIError as e:
                if not _is_locked(e):
                    raise
                time.sleep(pause)
        return _once(ledger, work)


def _once(ledger: Ledger, work: Callable[[Connection], T]) -> T:
    with ledger.engine.execution_options(**_WRITING).begin() as connection:
        if ledger.file is None:
            # One number for all ledgers of a database: only one is kept in it.
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_PATIENCE_SECONDS}s'")
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(1769172076)")
        return work(connection)


def _url(address: str) -> URL:
    if "://" not in address:
        return URL.create("sqlite", database=address)
    try:
        url = make_url(address)
    except ArgumentError as e:
        raise LedgerError("the ledger's address cannot be read: expected a file or a URL") from e
    backend = url.get_backend_name()
    if backend == "sqlite" and url.database:
        return url
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    raise LedgerError(
        f"expected a ledger as a file, sqlite:///FILE or postgresql://..., found {backend}"
    )


def _without_password(url: URL) -> str:
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def _sqlite(url: URL) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        # The program says itself when a transaction begins.
        connect_args={"timeout": _PATIENCE_SECONDS, "isolation_level": None},
    )
    event.listen(engine, "connect", _settings)
    event.listen(engine, "begin", _begin)
    return engine


def _server(url: URL) -> Engine:
    try:
        return create_engine(url)
    except ImportError as e:
        raise LedgerError(
            "a ledger on a PostgreSQL server needs psycopg: pip install 'isletqc[postgresql]'"
        ) from e


def _settings(connection: Any, _: Any) -> None:
    for setting in ("foreign_keys = ON", "journal_mode = DELETE", "synchronous = EXTRA"):
        connection.execute(f"PRAGMA {setting}").close()


def _begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get("isletqc_writing")
    # A reader that later writes would have to be refused: writers say so at once.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _is_locked(error: DBAPIError) -> bool:
    found = error.orig
    if getattr(found, "sqlstate", None) in _LOCKED:
        return True
    return "is locked" in str(found)


@contextmanager
def _told(ledger: Ledger) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as e:
        cause = str(getattr(e, "orig", None) or e).strip().splitlines()[0]
        raise LedgerError(
            f"ledger {ledger.address}: the database answers: {cause}; nothing was entered"
        ) from e
