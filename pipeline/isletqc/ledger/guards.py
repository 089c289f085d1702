"""Triggers that keep a table append-only, for SQLite and PostgreSQL.

They stop mistakes and other programs. Who may change the database's structure can drop them; the
chain of hashes then shows what was changed.
"""

from __future__ import annotations

from collections.abc import Sequence

REFUSAL = "the ledger is append-only"
_FUNCTION = f"""
CREATE OR REPLACE FUNCTION isletqc_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{REFUSAL}: % of % refused', TG_OP, TG_TABLE_NAME; END $$
"""


def statements(table: str, key: Sequence[str], dialect: str) -> tuple[str, ...]:
    """Give the SQL that guards one table; ``key`` is its primary key."""
    return _postgresql(table) if dialect == "postgresql" else _sqlite(table, key)


def names(table: str, dialect: str) -> tuple[str, ...]:
    """Names of the triggers that must be there."""
    kinds = ("change", "truncate") if dialect == "postgresql" else ("update", "delete", "replace")
    return tuple(f"{table}_no_{kind}" for kind in kinds)


def _postgresql(table: str) -> tuple[str, ...]:
    refuse = "EXECUTE FUNCTION isletqc_refuse()"
    return (
        _FUNCTION,
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW {refuse}",
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT {refuse}",
    )


def _sqlite(table: str, key: Sequence[str]) -> tuple[str, ...]:
    refuse = f"SELECT RAISE(ABORT, '{REFUSAL}')"
    same = " AND ".join(f"{column} = NEW.{column}" for column in key)
    return (
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} BEGIN {refuse}; END",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} BEGIN {refuse}; END",
        # INSERT OR REPLACE removes a row without asking the trigger on DELETE.
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
        f"BEGIN {refuse} WHERE EXISTS (SELECT 1 FROM {table} WHERE {same}); END",
    )
