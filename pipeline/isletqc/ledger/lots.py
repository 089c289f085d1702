"""What the ledger knows about lots: one line each, one lot in full, one figure over all lots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, func, select

from isletqc.errors import LedgerError
from isletqc.ledger.connect import Ledger, read
from isletqc.ledger.schema import (
    approvals,
    criteria,
    edits,
    estimates,
    events,
    pictures,
    protocols,
    results,
    runs,
    signatures,
    specimens,
)


@dataclass(frozen=True, slots=True)
class LotLine:
    """A lot as its newest run left it; ``runs`` counts all that judged it."""

    lot: str
    verdict: str
    reason: str
    run: int
    runs: int
    started: str
    protocol: str
    protocol_version: str
    signatures: int
    out: str


@dataclass(frozen=True, slots=True)
class Point:
    """One figure of one lot as its newest run left it; None with a reason where not determined."""

    lot: str
    started: str
    value: float | None
    ci_low: float | None
    ci_high: float | None
    unit: str
    reason: str
    verdict: str
    protocol: str
    protocol_version: str
    run: int


@dataclass(frozen=True, slots=True)
class History:
    """Everything about one lot, as rows of the ledger, oldest first.

    ``newest`` is the number of the newest run; figures are of that run.
    """

    lot: str
    newest: int
    runs: tuple[Row[Any], ...]
    criteria: tuple[Row[Any], ...]
    estimates: tuple[Row[Any], ...]
    specimens: tuple[Row[Any], ...]
    pictures: tuple[Row[Any], ...]
    edits: tuple[Row[Any], ...]
    approvals: tuple[Row[Any], ...]
    signatures: tuple[Row[Any], ...]
    events: tuple[Row[Any], ...]


def every(ledger: Ledger) -> tuple[LotLine, ...]:
    """All lots, by the start of their newest run."""
    newest = _newest()
    signed = select(func.count()).where(signatures.c.run == results.c.run).scalar_subquery()
    asked = (
        select(
            results.c.lot,
            results.c.verdict,
            results.c.reason,
            results.c.run,
            newest.c.runs,
            runs.c.started,
            protocols.c.name.label("protocol"),
            protocols.c.version.label("protocol_version"),
            signed.label("signatures"),
            runs.c.out,
        )
        .join(newest, (newest.c.run == results.c.run) & (newest.c.lot == results.c.lot))
        .join(runs, runs.c.event == results.c.run)
        .join(protocols, protocols.c.sha256 == runs.c.protocol)
        .order_by(runs.c.started, results.c.lot)
    )
    rows = read(ledger, lambda connection: connection.execute(asked).all())
    return tuple(LotLine(**row._mapping) for row in rows)


def series(ledger: Ledger, estimate: str, *, protocol: str | None = None) -> tuple[Point, ...]:
    """One estimate of every lot, by the start of its newest run.

    Parameters
    ----------
    estimate : as in ``results.json``, e.g. ``ieq_total``
    protocol : only of runs with a protocol of this name
    """
    newest = _newest()
    asked = (
        select(
            estimates.c.lot,
            runs.c.started,
            estimates.c.value,
            estimates.c.ci_low,
            estimates.c.ci_high,
            estimates.c.unit,
            estimates.c.reason,
            results.c.verdict,
            protocols.c.name.label("protocol"),
            protocols.c.version.label("protocol_version"),
            estimates.c.run,
        )
        .join(newest, (newest.c.run == estimates.c.run) & (newest.c.lot == estimates.c.lot))
        .join(results, (results.c.run == estimates.c.run) & (results.c.lot == estimates.c.lot))
        .join(runs, runs.c.event == estimates.c.run)
        .join(protocols, protocols.c.sha256 == runs.c.protocol)
        .where(estimates.c.name == estimate)
        .order_by(runs.c.started, estimates.c.lot)
    )
    if protocol is not None:
        asked = asked.where(protocols.c.name == protocol)
    rows = read(ledger, lambda connection: connection.execute(asked).all())
    return tuple(Point(**row._mapping) for row in rows)


def history(ledger: Ledger, name: str) -> History:
    """Everything the ledger knows about one lot.

    Raises
    ------
    LedgerError
        There is no such lot.
    """
    return read(ledger, lambda connection: _history(connection, name, ledger))


def _newest() -> Any:
    """Newest run of each lot, and how many judged it."""
    newest = func.max(results.c.run).label("run")
    count = func.count().label("runs")
    return select(results.c.lot, newest, count).group_by(results.c.lot).subquery()


def _history(connection: Connection, name: str, ledger: Ledger) -> History:
    numbers = list(connection.execute(_of(results, name, results.c.run)).scalars())
    if not numbers:
        raise LedgerError(f"{ledger.address}: no lot {name!r}; isletqc lots list names them")
    newest = max(numbers)

    def figures(table: Table) -> tuple[Row[Any], ...]:
        mine = _of(table, name).where(table.c.run == newest)
        return tuple(connection.execute(mine.order_by(table.c.n)))

    def all_of(table: Table) -> tuple[Row[Any], ...]:
        return tuple(connection.execute(_of(table, name).order_by(table.c.event)))

    of_runs = select(runs).where(runs.c.event.in_(numbers)).order_by(runs.c.event)
    signed = select(signatures).where(signatures.c.run.in_(numbers))
    entries = _entries(connection, [*numbers, *_numbers(connection, name, numbers)])
    return History(
        lot=name,
        newest=newest,
        runs=tuple(connection.execute(of_runs)),
        criteria=figures(criteria),
        estimates=figures(estimates),
        specimens=figures(specimens),
        pictures=figures(pictures),
        edits=all_of(edits),
        approvals=all_of(approvals),
        signatures=tuple(connection.execute(signed.order_by(signatures.c.event))),
        events=entries,
    )


def _of(table: Table, name: str, *columns: Any) -> Select[Any]:
    return select(*(columns or (table,))).where(table.c.lot == name)


def _numbers(connection: Connection, name: str, run_numbers: list[int]) -> list[int]:
    """Entries that touched the lot, beside its runs."""
    found = [
        *connection.execute(_of(edits, name, edits.c.event)).scalars(),
        *connection.execute(_of(approvals, name, approvals.c.event)).scalars(),
    ]
    signed = select(signatures.c.event).where(signatures.c.run.in_(run_numbers))
    return [*found, *connection.execute(signed).scalars()]


def _entries(connection: Connection, numbers: list[int]) -> tuple[Row[Any], ...]:
    mine = select(events).where(events.c.seq.in_(numbers)).order_by(events.c.seq)
    return tuple(connection.execute(mine))
