from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, sql, text

from isletqc.errors import LedgerError
from isletqc.ledger import connect, copying, entry, lots, store, verify
from isletqc.ledger.connect import Ledger
from isletqc.ledger.schema import TABLES, VERSION, VERSION_TABLE, events, metadata, runs

MakeFolder = Callable[..., Path]
NewAddress = Callable[[str], str]
EARLIER = sorted((Path(__file__).parent / "data").glob("ledger_*.json"))


def enter(ledger: Ledger, out: Path) -> int:
    return store.enter(ledger, lambda c: entry.enter(c, entry.read(out)))


def set_version(address: str, version: str) -> None:
    with connect.connected(address) as plain, plain.engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '{version}'"))


def old_ledger(address: str, data: Path) -> None:
    """Make a ledger of an earlier version with entries that it wrote."""
    version = data.stem.removeprefix("ledger_")
    with connect.connected(address) as plain:
        store.upgrade(plain, version)
        rows = json.loads(data.read_text("utf-8"))
        with plain.engine.begin() as connection:
            for table in (events, *TABLES):
                if found := rows.get(table.name):
                    old = sql.table(table.name, *(sql.column(name) for name in found[0]))
                    connection.execute(insert(old), found)


def test_the_newest_revision_makes_the_tables_of_the_code(ledger: Ledger) -> None:
    with ledger.engine.connect() as connection:
        facts = {"include_object": lambda o, name, kind, *_: name != VERSION_TABLE}
        context = MigrationContext.configure(connection, opts=facts)
        assert compare_metadata(context, metadata) == []


def test_every_revision_has_its_ledger_to_upgrade_from() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(store.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [VERSION]
    earlier = {script.revision for script in scripts.walk_revisions()} - {VERSION}
    assert {path.stem.removeprefix("ledger_") for path in EARLIER} == earlier


@pytest.mark.parametrize("data", EARLIER, ids=lambda path: path.stem)
def test_every_earlier_ledger_is_refused_then_upgraded_with_its_chain_whole(
    address: str, data: Path, make_folder: MakeFolder
) -> None:
    old_ledger(address, data)
    with pytest.raises(LedgerError, match="isletqc lots upgrade"), store.opened(address):
        pass
    with connect.connected(address) as plain:
        assert store.upgrade(plain) == ("0001", VERSION)
        assert store.upgrade(plain) == (VERSION, VERSION)
    with store.opened(address) as ledger:
        assert verify.ledger(ledger).broken == ()
        enter(ledger, make_folder("NEW"))
        assert [line.lot for line in lots.every(ledger)] == ["OLD-1", "OLD-2", "NEW"]
        assert lots.history(ledger, "OLD-2").edits[0].reason == "bubble"
        assert verify.ledger(ledger).broken == ()


def test_a_newer_ledger_is_refused_and_left_alone(address: str) -> None:
    with store.opened(address, create=True):
        pass
    set_version(address, "0999")
    with (
        pytest.raises(LedgerError, match=f"version 0999, this isletqc reads {VERSION}; install"),
        store.opened(address),
    ):
        pass
    with connect.connected(address) as plain, pytest.raises(LedgerError, match="install the newer"):
        store.upgrade(plain)


def test_looking_for_a_ledger_does_not_make_one(tmp_path: Path) -> None:
    path = tmp_path / "none.sqlite"
    with pytest.raises(LedgerError, match="expected a ledger, found none"), store.opened(str(path)):
        pass
    assert not path.exists()


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be looked at " * 20)
    with pytest.raises(LedgerError, match="file is not a database"), store.opened(str(path)):
        pass


@pytest.mark.parametrize("address", ["mysql://x/y", "sqlite://", "postgresql:/"])
def test_an_address_that_cannot_be_is_refused(address: str) -> None:
    with pytest.raises(LedgerError), store.opened(address):
        pass


def test_a_server_that_is_not_there_is_told_without_the_password(tmp_path: Path) -> None:
    address = f"postgresql://ada:secret@/none?host={tmp_path}"
    with pytest.raises(LedgerError) as told, store.opened(address):
        pass
    assert "postgresql://ada:***@/none" in str(told.value)
    assert "secret" not in str(told.value)


def test_sqlite_is_kept_as_a_network_share_needs_it(tmp_path: Path) -> None:
    with (
        store.opened(str(tmp_path / "ledger.sqlite"), create=True) as ledger,
        ledger.engine.connect() as connection,
    ):
        settings = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    assert settings == {
        "journal_mode": "delete",
        "foreign_keys": 1,
        "synchronous": 3,
        "busy_timeout": 60_000,
    }


DIRECTIONS = [
    ("sqlite", "sqlite"),
    pytest.param("sqlite", "postgresql", marks=pytest.mark.postgresql),
    pytest.param("postgresql", "sqlite", marks=pytest.mark.postgresql),
]


@pytest.mark.parametrize(("here", "there"), DIRECTIONS)
def test_a_backup_is_whole_can_be_written_to_and_is_in_the_trail(
    new_address: NewAddress, make_folder: MakeFolder, here: str, there: str
) -> None:
    target = new_address(there)
    with store.opened(new_address(here), create=True) as ledger:
        enter(ledger, make_folder("A"))
        count = copying.backup(ledger, target)
        assert count == connect.read(ledger, lambda c: len(c.execute(events.select()).all()))
        with pytest.raises(LedgerError, match="there is a ledger already"):
            copying.backup(ledger, target)
        with store.opened(target) as copy:
            assert lots.every(copy) == lots.every(ledger)
            enter(copy, make_folder("B"))
            assert verify.ledger(copy).broken == ()


def test_an_old_backup_put_back_is_found(
    new_address: NewAddress, make_folder: MakeFolder, tmp_path: Path
) -> None:
    with store.opened(new_address("sqlite"), create=True) as ledger:
        enter(ledger, make_folder("A"))
        assert ledger.file is not None
        old = ledger.file.read_bytes()
        enter(ledger, make_folder("B"))
        ledger.engine.dispose()
        ledger.file.write_bytes(old)
        found = verify.ledger(ledger).broken
    assert found
    assert all("the chain is cut at its end" in line for line in found)


def test_a_run_keeps_its_number_when_its_folder_is_read_again(
    ledger: Ledger, make_folder: MakeFolder
) -> None:
    out = make_folder("A")
    run = enter(ledger, out)
    found = entry.read(out)
    assert connect.read(ledger, lambda c: entry.known(c, found)) == run
    (out / "lots.csv").write_text("changed")
    assert connect.read(ledger, lambda c: entry.known(c, entry.read(out))) is None
    assert connect.read(ledger, lambda c: c.execute(runs.select()).one()).digest == found.digest


def edit(reason: str, time: str = "2026-01-05T10:00:00+00:00") -> dict[str, object]:
    return {
        "time": time,
        "who": "Ada Author",
        "action": "exclude",
        "reason": reason,
        "labels": [3],
        "old": {"included": "yes"},
        "new": {"included": "no"},
    }


def test_each_edit_is_an_entry_of_its_own_and_enters_once(
    ledger: Ledger, make_folder: MakeFolder
) -> None:
    out = make_folder("A", edits=[edit("bubble"), edit("hair", "2026-01-05T10:01:00+00:00")])
    enter(ledger, out)
    enter(ledger, out)
    found = lots.history(ledger, "A")
    assert [row.reason for row in found.edits] == ["bubble", "hair"]
    entries = [row for row in found.events if row.action == "exclude"]
    assert [(row.who, row.why) for row in entries] == [
        ("Ada Author", "bubble"),
        ("Ada Author", "hair"),
    ]
    assert json.loads(entries[0].old)["cells"] == '{"included":"yes"}'
    assert json.loads(entries[0].new)["cells"] == '{"included":"no"}'


def test_an_edit_dated_after_it_was_entered_shows_a_clock_set_back(
    ledger: Ledger, make_folder: MakeFolder
) -> None:
    enter(ledger, make_folder("A", edits=[edit("bubble", "2999-01-01T00:00:00+00:00")]))
    (found,) = verify.ledger(ledger).broken
    assert "is dated 2999-01-01" in found
    assert "a clock was set back" in found


def test_without_psycopg_the_message_says_what_to_install(environment: pytest.MonkeyPatch) -> None:
    environment.setitem(sys.modules, "psycopg", None)
    with (
        pytest.raises(LedgerError, match=r"pip install 'isletqc\[postgresql\]'"),
        store.opened("postgresql://nowhere/none"),
    ):
        pass


def test_a_backup_of_a_broken_ledger_is_made_and_says_so(
    new_address: NewAddress, make_folder: MakeFolder
) -> None:
    with store.opened(new_address("sqlite"), create=True) as ledger:
        enter(ledger, make_folder("A"))
        with ledger.engine.begin() as connection:
            connection.execute(text("DROP TRIGGER estimates_no_update"))
            connection.execute(text("UPDATE estimates SET value = 1"))
        with pytest.raises(LedgerError, match="everything was copied, but it is not whole: rows"):
            copying.backup(ledger, new_address("sqlite"))
