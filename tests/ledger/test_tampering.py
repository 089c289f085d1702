"""What an attacker with the rights of the database's owner does, and what verify says of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Executable, create_engine, delete, select, text, update

from isletqc.ledger import canonical, chain, connect, entry, folder, guards, head, store, verify
from isletqc.ledger.connect import Ledger
from isletqc.ledger.schema import TABLES, estimates, events, pictures, run_files

MakeFolder = Callable[..., Path]
real_now = canonical.now


def enter(ledger: Ledger, out: Path) -> int:
    return store.enter(ledger, lambda c: entry.enter(c, entry.read(out)))


@pytest.fixture
def filled(ledger: Ledger, make_folder: MakeFolder) -> Ledger:
    """Ledger of five entries: begun, key of the head, three runs."""
    for lot in ("A", "B", "C"):
        enter(ledger, make_folder(lot))
    assert verify.ledger(ledger).broken == ()
    return ledger


@contextmanager
def attacker(ledger: Ledger) -> Iterator[Connection]:
    """Owner of the database, with foreign keys switched off."""
    engine = create_engine(ledger.engine.url)
    with engine.begin() as connection:
        if ledger.file is None:
            connection.execute(text("SET session_replication_role = replica"))
        yield connection
    engine.dispose()


def drop_guards(connection: Connection) -> None:
    for table in (events, *TABLES):
        for name in guards.names(table.name, connection.dialect.name):
            on = f" ON {table.name}" if connection.dialect.name == "postgresql" else ""
            connection.execute(text(f"DROP TRIGGER {name}{on}"))


def attack(ledger: Ledger, *statements: Executable) -> None:
    """Drop the guards, do harm, put the guards back."""
    with attacker(ledger) as connection:
        drop_guards(connection)
        for statement in statements:
            connection.execute(statement)
        for table in (events, *TABLES):
            key = [column.name for column in table.primary_key]
            for line in guards.statements(table.name, key, connection.dialect.name):
                connection.execute(text(line))


def done(ledger: Ledger, *statements: Executable) -> tuple[str, ...]:
    """Findings after an attack."""
    attack(ledger, *statements)
    return verify.ledger(ledger).broken


def cut_from(seq: int) -> list[Executable]:
    """Statements that take away an entry and all later ones with their rows."""
    rows = [delete(table).where(table.c.event >= seq) for table in TABLES]
    return [*rows, delete(events).where(events.c.seq >= seq)]


def test_a_changed_entry_is_named(filled: Ledger) -> None:
    found = done(filled, update(events).where(events.c.seq == 4).values(who="somebody else"))
    assert len(found) == 1
    assert found[0].startswith("entry 4 (run, folder ")
    assert "was changed" in found[0]


def test_a_changed_figure_is_named_with_its_table_and_entry(filled: Ledger) -> None:
    found = done(filled, update(estimates).where(estimates.c.lot == "B").values(value=99999.0))
    assert len(found) == 1
    assert found[0].startswith("rows of entry 4 (run, ")
    assert found[0].endswith("in table estimates were changed")


def test_a_removed_figure_is_named(filled: Ledger) -> None:
    found = done(filled, delete(pictures).where(pictures.c.lot == "C"))
    assert found == (found[0],)
    assert found[0].endswith("in table pictures were removed")


def test_a_figure_that_is_added_to_an_old_entry_is_named(filled: Ledger) -> None:
    row = {"event": 2, "n": 0, "run": 3, "path": "results.json", "sha256": "b" * 64}
    (found,) = done(filled, run_files.insert().values(**row))
    assert found.startswith("rows of entry 2 (head key, ")
    assert found.endswith("in table run_files were added later")


def test_a_removed_entry_is_named(filled: Ledger) -> None:
    found = done(filled, delete(events).where(events.c.seq == 4))
    assert found[0] == "entry 4 is missing: the trail goes on with entry 5"
    assert any("entry 4, which is missing" in line for line in found)


def test_an_entry_with_a_new_hash_breaks_the_link_after_it(filled: Ledger) -> None:
    row = connect.read(filled, lambda c: c.execute(select(events).where(events.c.seq == 3)).one())
    forged = {**row._mapping, "who": "somebody else"}
    change = update(events).where(events.c.seq == 3)
    found = done(filled, change.values(who="somebody else", hash=chain.link(forged)))
    assert found[0].startswith("entry 4 (run, ")
    assert "does not follow from entry 3" in found[0]


def test_a_chain_that_is_written_anew_does_not_fit_the_signed_head(filled: Ledger) -> None:
    rows = connect.read(filled, lambda c: c.execute(select(events).order_by(events.c.seq)).all())
    forged, before = [], rows[2].previous
    for row in rows[2:]:
        new = {**row._mapping, "previous": before}
        new |= {"who": "somebody else"} if row.seq == 3 else {}
        before = chain.link(new)
        values = {"who": new["who"], "previous": new["previous"], "hash": before}
        forged.append(update(events).where(events.c.seq == row.seq).values(**values))
    found = done(filled, *forged)
    assert found
    assert all("entry 5 is not the one that the signed head" in line for line in found)


def test_a_chain_cut_at_its_end_is_found_by_the_signed_head(filled: Ledger) -> None:
    found = done(filled, *cut_from(5))
    assert found
    for line in found:
        assert line.startswith("the chain is cut at its end: the head of ")
        assert "counts 5 entries, the ledger has 4; entry 5 is missing" in line


def test_a_forged_head_is_found(filled: Ledger, state: Path) -> None:
    (path,) = (state / "heads").glob("*.json")
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "count": 4}))
    assert verify.ledger(filled).broken == (
        f"signed head {path} was changed: its signature does not fit",
    )


def test_a_head_by_a_strange_key_is_found(
    filled: Ledger, state: Path, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    (mine,) = (state / "heads").glob("*.json")
    environment.setenv("ISLETQC_STATE", str(tmp_path / "stranger"))
    head.publish(filled)
    (strange,) = (tmp_path / "stranger" / "heads").glob("*.json")
    mine.write_bytes(strange.read_bytes())
    found = verify.ledger(filled).broken
    assert found
    assert all("signed by a key that the trail does not know" in line for line in found)


def test_a_head_kept_elsewhere_finds_what_the_near_ones_cannot(
    filled: Ledger, tmp_path: Path, environment: pytest.MonkeyPatch, make_folder: MakeFolder
) -> None:
    environment.setenv("ISLETQC_HEADS", str(tmp_path / "elsewhere"))
    enter(filled, make_folder("D"))
    attack(filled, *cut_from(6))
    environment.delenv("ISLETQC_HEADS")
    head.publish(filled)  # the attacker has the head key of this computer
    assert verify.ledger(filled).broken == ()
    environment.setenv("ISLETQC_HEADS", str(tmp_path / "elsewhere"))
    (found,) = verify.ledger(filled).broken
    assert "counts 6 entries, the ledger has 5; entry 6 is missing" in found
    assert "elsewhere" in found


def test_lost_guards_are_named(filled: Ledger) -> None:
    with attacker(filled) as connection:
        drop_guards(connection)
    found = verify.ledger(filled).broken
    assert len(found) == len(TABLES) + 1
    assert found[0].startswith("table events has lost its guards: events_no_")


def test_a_clock_set_back_between_two_entries_is_found(
    filled: Ledger, make_folder: MakeFolder, environment: pytest.MonkeyPatch
) -> None:
    earlier = (datetime.now(UTC) - timedelta(hours=5)).isoformat()
    environment.setattr(canonical, "now", lambda: earlier)
    enter(filled, make_folder("D"))
    environment.setattr(canonical, "now", real_now)
    (found,) = verify.ledger(filled).broken
    assert found.startswith("the clock was set back: entry 6 (run, ")
    assert found.endswith("5 h before entry 5")


def test_a_clock_set_back_after_the_last_entry_is_found(
    filled: Ledger, make_folder: MakeFolder, environment: pytest.MonkeyPatch
) -> None:
    later = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    environment.setattr(canonical, "now", lambda: later)
    enter(filled, make_folder("D"))
    environment.setattr(canonical, "now", real_now)
    (found,) = verify.ledger(filled).broken
    assert "the last entry is dated 3 days later than this computer's clock" in found


def test_clocks_of_two_computers_may_differ_by_a_minute(
    filled: Ledger, make_folder: MakeFolder, environment: pytest.MonkeyPatch
) -> None:
    earlier = (datetime.now(UTC) - timedelta(seconds=45)).isoformat()
    environment.setattr(canonical, "now", lambda: earlier)
    enter(filled, make_folder("D"))
    environment.setattr(canonical, "now", real_now)
    assert verify.ledger(filled).broken == ()


FILES = ("results.json", "lots.csv", "report.html", "images/field/labels.ome.tif")


@pytest.mark.parametrize("name", FILES)
def test_a_changed_result_file_is_named(ledger: Ledger, make_folder: MakeFolder, name: str) -> None:
    out = make_folder()
    enter(ledger, out)
    assert folder.check(out, ledger).broken == ()
    text_ = (out / name).read_text()
    (out / name).write_text(text_.replace("12.5", "99.5") + " ")
    assert folder.check(out, ledger).broken == (
        f"file {out / name} was changed after it was entered",
    )


def test_a_missing_result_file_is_named(ledger: Ledger, make_folder: MakeFolder) -> None:
    out = make_folder()
    enter(ledger, out)
    (out / "objects.csv").unlink()
    assert folder.check(out, ledger).broken == (f"file {out / 'objects.csv'} is missing",)


def test_a_changed_picture_is_named(ledger: Ledger, make_folder: MakeFolder) -> None:
    out = make_folder()
    enter(ledger, out)
    (out / "field.tif").write_bytes(b"other pixels")
    assert folder.check(out, ledger).broken == (
        f"picture {out / 'field.tif'} was changed after it was analysed",
    )


def test_a_picture_that_is_gone_is_a_note_and_no_fault(
    ledger: Ledger, make_folder: MakeFolder
) -> None:
    out = make_folder()
    enter(ledger, out)
    (out / "field.tif").unlink()
    found = folder.check(out, ledger)
    assert found.broken == ()
    assert f"picture {out / 'field.tif'} is not there any more and was not compared" in found.notes


def test_a_folder_that_was_never_entered_is_named(ledger: Ledger, make_folder: MakeFolder) -> None:
    out = make_folder()
    assert folder.check(out, ledger).broken == (f"{out}: this folder is not in the ledger",)
