"""Signatures under results, protocol control, and the digest that a run was entered with."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from isletqc.ledger import guards

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what signatures and protocol control need; rows that are there stay as they are."""
    op.add_column("runs", sa.Column("digest", sa.Text))
    op.create_table(
        "signatures",
        *_place(),
        _link("run", sa.Integer, "runs.event"),
        *_text("who", "role", "meaning", "time", "key", "digest", "public_key", "signature"),
    )
    op.create_index("signatures_run", "signatures", ["run"])
    op.create_table(
        "protocol_states",
        *_place(),
        _link("protocol", sa.Text, "protocols.sha256"),
        *_text("state", "who", "role", "meaning", "time", "key", "public_key", "signature"),
    )
    op.create_index("protocol_states_protocol", "protocol_states", ["protocol"])
    for table in ("signatures", "protocol_states"):
        for statement in guards.statements(table, ["event", "n"], op.get_context().dialect.name):
            op.execute(statement)


def _text(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _link(name: str, kind: type[Any], target: str) -> sa.Column[Any]:
    to = sa.ForeignKey(target, deferrable=True, initially="DEFERRED")
    return sa.Column(name, kind, to, nullable=False)


def _place() -> list[sa.Column[Any]]:
    to = sa.ForeignKey("events.seq", deferrable=True, initially="DEFERRED")
    return [
        sa.Column("event", sa.Integer, to, primary_key=True, autoincrement=False),
        sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    ]
