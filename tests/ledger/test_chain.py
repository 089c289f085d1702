from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, Table, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from isletqc.ledger import canonical, chain, connect, entry, guards, lots, store, verify
from isletqc.ledger.connect import Ledger
from isletqc.ledger.schema import TABLES, estimates, events, pictures
from isletqc.ledger.schema import lots as lots_table

MakeFolder = Callable[..., Path]


def entered(ledger: Ledger, out: Path) -> int:
    return store.enter(ledger, lambda c: entry.enter(c, entry.read(out)))


def test_canonical_text_is_the_same_for_equal_data_and_plain_ascii() -> None:
    assert canonical.text({"b": 1, "a": [1.5, "µ"]}) == '{"a":[1.5,"\\u00b5"],"b":1}'
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical.text(float("nan"))


def test_an_entrys_hash_can_be_recomputed_by_hand(ledger: Ledger) -> None:
    trail = connect.read(ledger, lambda c: c.execute(select(events).order_by(events.c.seq)).all())
    before = "0" * 64
    for row in trail:
        names = ("seq", "time", "who", "account", "action", "subject", "old", "new", "why", "rows")
        content = json.dumps(
            {name: getattr(row, name) for name in names}, sort_keys=True, separators=(",", ":")
        )
        assert row.previous == before
        assert row.hash == hashlib.sha256(f"{before}\n{content}".encode()).hexdigest()
        before = row.hash
    assert len(trail) == 2  # begun, and the key of the head


def test_a_run_is_entered_with_all_that_it_found(ledger: Ledger, make_folder: MakeFolder) -> None:
    out = make_folder("LOT-7", ieq=8123.25)
    run = entered(ledger, out)
    (line,) = lots.every(ledger)
    assert (line.lot, line.verdict, line.run, line.runs) == ("LOT-7", "pass", run, 1)
    (point,) = lots.series(ledger, "ieq_total")
    assert (point.value, point.ci_low, point.unit) == (8123.25, 0.9 * 8123.25, "IEQ")
    found = lots.history(ledger, "LOT-7")
    assert found.pictures[0].sha256 == hashlib.sha256(b"pixels of LOT-7").hexdigest()
    assert found.criteria[0].limit == 1
    assert verify.ledger(ledger).broken == ()


@pytest.mark.parametrize(
    "lot", ["<script>", "lot \N{ZERO WIDTH JOINER} \U0001f9ea", "x\0y", "a\udcff"]
)
def test_hostile_names_are_kept_as_text(ledger: Ledger, make_folder: MakeFolder, lot: str) -> None:
    out = make_folder("plain")
    found = json.loads((out / "results.json").read_text())
    found["lots"][0]["lot"] = lot
    (out / "results.json").write_text(json.dumps(found))
    entered(ledger, out)
    entered(ledger, out)
    assert [line.runs for line in lots.every(ledger)] == [2]
    assert verify.ledger(ledger).broken == ()


def test_every_table_refuses_change_and_removal(ledger: Ledger, make_folder: MakeFolder) -> None:
    entered(ledger, make_folder())
    for table in (events, *TABLES):
        column = table.columns[0]
        if connect.read(ledger, partial(count, table=table)) == 0:
            continue
        for wrong in (update(table).values({column.name: column}), delete(table)):
            with pytest.raises(DBAPIError, match=guards.REFUSAL), ledger.engine.begin() as c:
                c.execute(wrong)


def count(connection: Connection, table: Table) -> int:
    return len(connection.execute(select(table)).all())


def test_pictures_that_could_not_be_analysed_are_entered_too(
    ledger: Ledger, make_folder: MakeFolder
) -> None:
    out = make_folder("A")
    found = json.loads((out / "results.json").read_text())
    failure = {"image": "bad.tif", "lot": "B", "path": "bad.tif"}
    found["failures"] = [{**failure, "error": "unreadable", "message": "empty file"}]
    (out / "results.json").write_text(json.dumps(found))
    entered(ledger, out)
    rows = connect.read(ledger, lambda c: c.execute(select(pictures)).all())
    assert [(row.lot, row.verdict, row.reason) for row in rows] == [
        ("A", "fit", ""),
        ("B", "failed", "unreadable: empty file"),
    ]
    assert verify.ledger(ledger).broken == ()


def test_sqlite_refuses_to_replace_a_row(tmp_path: Path) -> None:
    with store.opened(str(tmp_path / "ledger.sqlite"), create=True) as ledger:
        row = connect.read(ledger, lambda c: c.execute(select(events)).first())
        assert row is not None
        with pytest.raises(DBAPIError, match=guards.REFUSAL), ledger.engine.begin() as c:
            c.execute(insert(events).prefix_with("OR REPLACE"), [dict(row._mapping)])


@pytest.mark.postgresql
def test_postgresql_refuses_to_empty_a_table(new_address: Callable[[str], str]) -> None:
    with (
        store.opened(new_address("postgresql"), create=True) as ledger,
        pytest.raises(DBAPIError, match=guards.REFUSAL),
        ledger.engine.begin() as connection,
    ):
        connection.execute(text("TRUNCATE events CASCADE"))


def test_a_write_that_fails_leaves_nothing_behind(ledger: Ledger) -> None:
    before = connect.read(ledger, chain.head)

    def half(connection: Connection) -> None:
        event = chain.Event("run", "run x", "me")
        chain.append(connection, event, {lots_table: [{"name": "half"}]})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        connect.write(ledger, half)
    assert connect.read(ledger, chain.head) == before
    assert lots.every(ledger) == ()


def test_a_row_without_its_entry_is_refused(ledger: Ledger) -> None:
    with pytest.raises(DBAPIError), ledger.engine.begin() as c:
        c.execute(insert(lots_table), [{"name": "loose", "event": 99}])


def test_a_column_of_a_later_version_leaves_hashes_of_earlier_rows(ledger: Ledger) -> None:
    row = (1, 0, 1, "L", "ieq", "IEQ", "", None, None, None)
    names = [c.name for c in estimates.columns]
    assert len(names) == len(row)
    filled = {name: value for name, value in zip(names, row, strict=True) if value is not None}
    assert chain.rows_sha256(estimates, [row]) == canonical.sha256([canonical.text(filled)])  # type: ignore[list-item]
