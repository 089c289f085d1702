"""Check one result folder: its files against the ledger, its pictures, its signatures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from isletqc.errors import IsletQCError
from isletqc.ledger import digest, entry, signatures
from isletqc.ledger.connect import Ledger, read
from isletqc.ledger.files import file_sha256
from isletqc.ledger.schema import run_files
from isletqc.ledger.schema import signatures as signed
from isletqc.ledger.verify import Findings


def check(out: Path, ledger: Ledger | None) -> Findings:
    """Check a result folder; without a ledger only its pictures and signatures can be."""
    try:
        results = digest.document(out / digest.RESULTS)
        broken, notes = [*_pictures(results)], [*_not_there(results)]
        under = signatures.read(out)
    except IsletQCError as e:
        return Findings((), (str(e),))
    looked = f"folder {out}: {len(digest.images(results))} pictures, {len(under)} signatures"
    if ledger is not None:
        wrong, said = read(ledger, lambda connection: _against(connection, out))
        broken += wrong
        notes += said
    broken += [f"{out}: the signature of {s.who} is void: {s.reason}" for s in under if not s.valid]
    return Findings((looked,), tuple(broken), tuple(notes))


def _pictures(results: Mapping[str, Any]) -> Iterator[str]:
    for image in digest.images(results):
        path = Path(image["path"])
        if path.is_file() and file_sha256(path) != image["sha256"]:
            yield f"picture {path} was changed after it was analysed"


def _not_there(results: Mapping[str, Any]) -> Iterator[str]:
    for image in digest.images(results):
        if not Path(image["path"]).is_file():
            yield f"picture {image['path']} is not there any more and was not compared"


def _against(connection: Connection, out: Path) -> tuple[list[str], list[str]]:
    run = entry.newest_run(connection, out)
    if run is None:
        return [f"{out}: this folder is not in the ledger"], []
    files = select(run_files).where(run_files.c.run == run).order_by(run_files.c.event)
    # Signing writes some files again: the newest hash counts.
    entered = {row.path: row.sha256 for row in connection.execute(files)}
    return [*_files(out, entered), *_signatures(connection, out, run)], [f"{out} is run {run}"]


def _files(out: Path, entered: Mapping[str, str]) -> Iterator[str]:
    for name, sha256 in entered.items():
        path = out / name
        if not path.is_file():
            yield f"file {path} is missing"
        elif file_sha256(path) != sha256:
            yield f"file {path} was changed after it was entered"


def _signatures(connection: Connection, out: Path, run: int) -> Iterator[str]:
    here = {one["signature"] for one in signatures.stored(out)}
    rows = connection.execute(select(signed).where(signed.c.run == run)).all()
    for row in rows:
        if row.signature not in here:
            yield f"{out}: the signature of {row.who} ({row.role}, {row.time}) was taken out"
    for one in signatures.stored(out):
        if one["signature"] not in {row.signature for row in rows} and not _known(connection, one):
            yield f"{out}: the signature of {one['who']} is not in the ledger"


def _known(connection: Connection, one: Mapping[str, Any]) -> bool:
    """Whether it was entered with an earlier run; then it stays listed, void."""
    same = select(signed.c.event).where(signed.c.signature == one["signature"])
    return connection.execute(same).first() is not None
