"""First ledger: audit trail, lots, protocols, runs, results, edits, approvals, files."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from isletqc.ledger import guards

revision = "0001"
down_revision = None
_KEYS = {"events": ["seq"], "lots": ["name"], "protocols": ["sha256"], "runs": ["event"]}
_GUARDED = (
    *("events", "lots", "protocols", "runs", "results", "specimens", "pictures"),
    *("estimates", "criteria", "edits", "approvals", "run_files"),
)


def upgrade() -> None:
    """Make the tables and their guards."""
    _trail_and_runs()
    _figures()
    _corrections()
    for table in _GUARDED:
        key = _KEYS.get(table, ["event", "n"])
        for statement in guards.statements(table, key, op.get_context().dialect.name):
            op.execute(statement)


def _trail_and_runs() -> None:
    op.create_table(
        "events",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        *_text("time", "who", "account", "action", "subject", "old", "new", "why", "rows"),
        *_text("previous", "hash"),
    )
    op.create_index("events_action", "events", ["action", "subject"])
    op.create_table(
        "lots", sa.Column("name", sa.Text, primary_key=True), _link("event", "events.seq")
    )
    op.create_table(
        "protocols",
        sa.Column("sha256", sa.Text, primary_key=True),
        _link("event", "events.seq"),
        *_text("name", "version", "status", "settings"),
    )
    op.create_table(
        "runs",
        _event(),
        _link("protocol", "protocols.sha256"),
        *_text("out", "isletqc", "command", "started", "finished", "verdict"),
        *_perhaps("weights", "device"),
        sa.Column("exit_code", sa.Integer),
    )
    op.create_index("runs_out", "runs", ["out"])


def _figures() -> None:
    op.create_table(
        "results",
        *_of_lot(),
        *_text("verdict", "reason"),
        *_numbers("suspension_ml", "recipient_kg", "settled_tissue_ml", "day"),
        *_perhaps("infusion"),
    )
    op.create_index("results_lot", "results", ["lot"])
    numbers = _numbers("aliquot_ul", "dilution", "day", "islet_count", "ieq")
    op.create_table("specimens", *_of_lot(), *_text("specimen"), *numbers)
    op.create_table(
        "pictures",
        *_place(),
        _link("run", "runs.event"),
        _link("lot", "lots.name", nullable=True),
        *_text("image", "path", "verdict", "reason"),
        *_perhaps("specimen", "role", "folder", "sha256", "labels_sha256"),
        *_numbers("um_per_px", "islet_count", "ieq"),
    )
    op.create_index("pictures_run", "pictures", ["run"])
    numbers = _numbers("value", "ci_low", "ci_high")
    op.create_table("estimates", *_of_lot(), *_text("name", "unit", "reason"), *numbers)
    op.create_index("estimates_name", "estimates", ["name", "lot"])
    op.create_table(
        "criteria",
        *_of_lot(),
        *_text("name", "estimate", "unit", "relation", "verdict", "reason"),
        *_numbers("value", "limit", "ci_low", "ci_high", "probability"),
        sa.Column("supportive", sa.Boolean, nullable=False),
    )


def _corrections() -> None:
    op.create_table(
        "edits",
        *_of_lot(),
        *_text("image", "picture_sha256", "time", "who", "action", "reason"),
        *_text("labels", "old", "new"),
    )
    op.create_index("edits_picture", "edits", ["picture_sha256"])
    named = _text("image", "picture_sha256", "time", "who", "labels_sha256")
    op.create_table("approvals", *_of_lot(), *named)
    op.create_index("approvals_picture", "approvals", ["picture_sha256"])
    op.create_table("run_files", *_place(), _link("run", "runs.event"), *_text("path", "sha256"))
    op.create_index("run_files_run", "run_files", ["run"])


def _text(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _perhaps(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text) for name in names]


def _numbers(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Double) for name in names]


def _link(name: str, target: str, *, nullable: bool = False) -> sa.Column[Any]:
    kind = sa.Integer if target in {"events.seq", "runs.event"} else sa.Text
    to = sa.ForeignKey(target, deferrable=True, initially="DEFERRED")
    return sa.Column(name, kind, to, nullable=nullable)


def _event() -> sa.Column[Any]:
    to = sa.ForeignKey("events.seq", deferrable=True, initially="DEFERRED")
    return sa.Column("event", sa.Integer, to, primary_key=True, autoincrement=False)


def _place() -> list[sa.Column[Any]]:
    return [_event(), sa.Column("n", sa.Integer, primary_key=True, autoincrement=False)]


def _of_lot() -> list[sa.Column[Any]]:
    return [*_place(), _link("run", "runs.event"), _link("lot", "lots.name")]
