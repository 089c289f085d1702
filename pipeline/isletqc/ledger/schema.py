"""The tables of the ledger, as they are in its newest version.

Every row belongs to one entry of the audit trail (``event``), which carries the hash of its rows.
Rows are only ever added. Empty cells are left out of the hashes, so that a column added by a later
version leaves the hashes of earlier rows as they are.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, ForeignKey, Index, Integer, MetaData, Table, Text

VERSION = "0002"
VERSION_TABLE = "ledger_version"
metadata = MetaData()


def _text(*names: str) -> list[Column[str]]:
    return [Column(name, Text, nullable=False) for name in names]


def _perhaps_text(*names: str) -> list[Column[str]]:
    return [Column(name, Text) for name in names]


def _numbers(*names: str) -> list[Column[float]]:
    return [Column(name, Double) for name in names]


def _reference(name: str, target: str) -> Column[str]:
    # Checked at the end of the transaction: rows are hashed before their entry is written.
    link = ForeignKey(target, deferrable=True, initially="DEFERRED")
    return Column(name, link, nullable=False)


def _place() -> list[Column[str] | Column[int]]:
    event = Column(
        "event",
        Integer,
        ForeignKey("events.seq", deferrable=True, initially="DEFERRED"),
        primary_key=True,
        autoincrement=False,
    )
    return [event, Column("n", Integer, primary_key=True, autoincrement=False)]


def _of_lot() -> list[Column[str] | Column[int]]:
    return [*_place(), _reference("run", "runs.event"), _reference("lot", "lots.name")]


events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    *_text("time", "who", "account", "action", "subject", "old", "new", "why", "rows"),
    *_text("previous", "hash"),
    Index("events_action", "action", "subject"),
)
lots = Table(
    "lots",
    metadata,
    Column("name", Text, primary_key=True),
    _reference("event", "events.seq"),
)
protocols = Table(
    "protocols",
    metadata,
    Column("sha256", Text, primary_key=True),
    _reference("event", "events.seq"),
    *_text("name", "version", "status", "settings"),
)
runs = Table(
    "runs",
    metadata,
    Column(
        "event",
        Integer,
        ForeignKey("events.seq", deferrable=True, initially="DEFERRED"),
        primary_key=True,
        autoincrement=False,
    ),
    _reference("protocol", "protocols.sha256"),
    *_text("out", "isletqc", "command", "started", "finished", "verdict"),
    *_perhaps_text("weights", "device"),
    Column("exit_code", Integer),
    *_perhaps_text("digest"),
    Index("runs_out", "out"),
)
results = Table(
    "results",
    metadata,
    *_of_lot(),
    *_text("verdict", "reason"),
    *_numbers("suspension_ml", "recipient_kg", "settled_tissue_ml", "day"),
    *_perhaps_text("infusion"),
    Index("results_lot", "lot"),
)
specimens = Table(
    "specimens",
    metadata,
    *_of_lot(),
    *_text("specimen"),
    *_numbers("aliquot_ul", "dilution", "day", "islet_count", "ieq"),
)
pictures = Table(
    "pictures",
    metadata,
    *_place(),
    _reference("run", "runs.event"),
    Column("lot", Text, ForeignKey("lots.name", deferrable=True, initially="DEFERRED")),
    *_text("image", "path", "verdict", "reason"),
    *_perhaps_text("specimen", "role", "folder", "sha256", "labels_sha256"),
    *_numbers("um_per_px", "islet_count", "ieq"),
    Index("pictures_run", "run"),
)
estimates = Table(
    "estimates",
    metadata,
    *_of_lot(),
    *_text("name", "unit", "reason"),
    *_numbers("value", "ci_low", "ci_high"),
    Index("estimates_name", "name", "lot"),
)
criteria = Table(
    "criteria",
    metadata,
    *_of_lot(),
    *_text("name", "estimate", "unit", "relation", "verdict", "reason"),
    *_numbers("value", "limit", "ci_low", "ci_high", "probability"),
    Column("supportive", Boolean, nullable=False),
)
edits = Table(
    "edits",
    metadata,
    *_of_lot(),
    *_text("image", "picture_sha256", "time", "who", "action", "reason", "labels", "old", "new"),
    Index("edits_picture", "picture_sha256"),
)
approvals = Table(
    "approvals",
    metadata,
    *_of_lot(),
    *_text("image", "picture_sha256", "time", "who", "labels_sha256"),
    Index("approvals_picture", "picture_sha256"),
)
run_files = Table(
    "run_files",
    metadata,
    *_place(),
    _reference("run", "runs.event"),
    *_text("path", "sha256"),
    Index("run_files_run", "run"),
)
signatures = Table(
    "signatures",
    metadata,
    *_place(),
    _reference("run", "runs.event"),
    *_text("who", "role", "meaning", "time", "key", "digest", "public_key", "signature"),
    Index("signatures_run", "run"),
)
protocol_states = Table(
    "protocol_states",
    metadata,
    *_place(),
    _reference("protocol", "protocols.sha256"),
    *_text("state", "who", "role", "meaning", "time", "key", "public_key", "signature"),
    Index("protocol_states_protocol", "protocol"),
)
TABLES = tuple(table for table in metadata.sorted_tables if table is not events)
