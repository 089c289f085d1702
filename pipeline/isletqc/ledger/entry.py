"""A result folder in, the rows of its run out, and their way into the ledger.

Only the files that a run writes are read, so a folder can be entered when it is made, again after
corrections, or years later when a ledger is built anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, select

from isletqc.ledger import canonical, chain, digest
from isletqc.ledger.digest import document
from isletqc.ledger.files import file_sha256
from isletqc.ledger.schema import (
    approvals,
    criteria,
    edits,
    estimates,
    lots,
    pictures,
    protocols,
    results,
    run_files,
    runs,
    specimens,
)

RUN_FILES = (
    *("results.json", "objects.csv", "nuclei.csv", "images.csv", "lots.csv"),
    *("report.html", "junit.xml", "provenance.json"),
)


# Two edits that agree in all of this are one and the same.
_EDIT = ("picture_sha256", "time", "who", "action", "labels", "old", "new")


@dataclass(frozen=True, slots=True)
class Folder:
    """One result folder as the ledger takes it.

    ``edits`` and ``approvals`` are rows of their own events; ``signatures`` are not in here.
    """

    out: str
    digest: str
    verdict: str
    results: Mapping[str, Any]
    provenance: Mapping[str, Any]
    edits: tuple[Mapping[str, Any], ...]
    approvals: tuple[Mapping[str, Any], ...]
    files: Mapping[str, str]


def read(out: Path) -> Folder:
    """Read a result folder.

    Raises
    ------
    UsageError
        It holds no finished run.
    """
    found = document(out / digest.RESULTS)
    corrected = list(_corrections(out, found))
    return Folder(
        out=str(out.resolve()),
        digest=digest.digest(out),
        verdict=str(found["verdict"]),
        results=found,
        provenance=document(out / digest.PROVENANCE),
        edits=tuple(row for table, row in corrected if table is edits),
        approvals=tuple(row for table, row in corrected if table is approvals),
        files=file_hashes(out, found),
    )


def enter(connection: Connection, folder: Folder, *, action: str = "run", why: str = "") -> int:
    """Enter a run, and those of its edits and approvals that are not entered yet.

    Gives the number of the run.
    """
    before = _run_before(connection, folder)
    seq = chain.append(
        connection,
        chain.Event(
            action=action,
            subject=f"folder {folder.out}",
            who=chain.user(),
            why=why,
            old=before,
            new={"digest": folder.digest, "verdict": folder.verdict},
        ),
        _rows(connection, folder),
    )
    for row in folder.edits:
        _enter_edit(connection, {**row, "run": seq})
    for row in folder.approvals:
        _enter_approval(connection, {**row, "run": seq})
    return seq


def enter_files(connection: Connection, folder: Folder, run: int, *, action: str) -> int:
    """Enter the hashes of a run's files as they are now."""
    event = chain.Event(action, f"folder {folder.out}", chain.user(), new={"run": run})
    rows = [{**row, "run": run} for row in file_rows(folder.files)]
    return chain.append(connection, event, {run_files: rows})


def known(connection: Connection, folder: Folder) -> int | None:
    """Give the newest run of the same content and place; None where it is not entered."""
    same = select(runs.c.event).where(runs.c.out == _text(folder.out))
    newest = connection.execute(same.order_by(runs.c.event.desc()).limit(1)).scalar()
    if newest is None:
        return None
    found = connection.execute(select(runs.c.digest).where(runs.c.event == newest)).scalar()
    return newest if found == folder.digest else None


def newest_run(connection: Connection, out: Path) -> int | None:
    """Give the newest run that was entered from a folder."""
    mine = select(runs.c.event).where(runs.c.out == _text(str(out.resolve())))
    return connection.execute(mine.order_by(runs.c.event.desc()).limit(1)).scalar()


def file_hashes(out: Path, found: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of every file that the run wrote, by name relative to its folder."""
    names = [*RUN_FILES, *digest.picture_files(found)]
    return {name: file_sha256(out / name) for name in names if (out / name).is_file()}


def file_rows(hashes: Mapping[str, str]) -> list[dict[str, Any]]:
    """Rows of `run_files`."""
    return [{"path": path, "sha256": sha256} for path, sha256 in sorted(hashes.items())]


def protocol_row(folder: Folder) -> dict[str, Any]:
    """Row of the protocol that a run was made with."""
    named = folder.results["protocol"]
    settings = (folder.provenance.get("protocol") or {}).get("settings") or {}
    return {
        **{name: named[name] for name in ("sha256", "name", "version", "status")},
        "settings": canonical.text(settings),
    }


def _rows(connection: Connection, folder: Folder) -> dict[Table, list[dict[str, Any]]]:
    found = folder.results
    of_lots = list(found["lots"])
    names = {lot["lot"] for lot in of_lots}
    names |= {f["lot"] for f in found["failures"] if f.get("lot")}
    return {
        lots: new_lots(connection, names),
        protocols: new_protocol(connection, protocol_row(folder)),
        runs: [_run(folder)],
        results: [_result(lot) for lot in of_lots],
        specimens: [
            _cells(specimens, row, lot=lot["lot"]) for lot in of_lots for row in lot["specimens"]
        ],
        pictures: [*_pictures(folder), *_failures(found)],
        estimates: [
            _cells(estimates, {"name": name, **value}, lot=lot["lot"])
            for lot in of_lots
            for name, value in lot["estimates"].items()
        ],
        criteria: [
            _cells(criteria, row, lot=lot["lot"]) for lot in of_lots for row in lot["criteria"]
        ],
        run_files: file_rows(folder.files),
    }


def new_lots(connection: Connection, names: set[str]) -> list[dict[str, Any]]:
    """Rows of the lots that the ledger does not have yet."""
    wanted = {_text(name) for name in names}
    have = set(connection.execute(select(lots.c.name).where(lots.c.name.in_(wanted))).scalars())
    return [{"name": name} for name in sorted(wanted - have)]


def new_protocol(connection: Connection, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Row of a protocol that the ledger does not have yet."""
    same = select(protocols.c.sha256).where(protocols.c.sha256 == row["sha256"])
    return [] if connection.execute(same).first() else [dict(row)]


def _run(folder: Folder) -> dict[str, Any]:
    made, found = folder.provenance, folder.results
    return {
        "protocol": found["protocol"]["sha256"],
        "out": folder.out,
        "isletqc": str(made.get("isletqc", "")),
        "command": str(made.get("command", "")),
        "started": str(made.get("started", "")),
        "finished": str(made.get("finished", "")),
        "verdict": folder.verdict,
        "weights": (found.get("network") or {}).get("sha256"),
        "device": made.get("device"),
        "exit_code": found.get("exit_code"),
        "digest": folder.digest,
    }


def _result(lot: Mapping[str, Any]) -> dict[str, Any]:
    return _cells(results, {**lot["facts"], **lot}, lot=lot["lot"])


def _pictures(folder: Folder) -> Iterator[dict[str, Any]]:
    for lot in folder.results["lots"]:
        for image in lot["images"]:
            labels = folder.files.get(f"{image['folder']}/labels.ome.tif")
            failed = [c["reason"] for c in image["checks"] if c["verdict"] == "fail"]
            reason = "; ".join(failed)
            row = {**image, "labels_sha256": labels, "reason": reason}
            yield _cells(pictures, row, lot=lot["lot"])


def _failures(found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for failure in found["failures"]:
        row = {"verdict": "failed", "reason": f"{failure['error']}: {failure['message']}"}
        yield _cells(pictures, {**failure, **row})


def _cells(table: Table, row: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    own = {**row, **more}
    return {c.name: own[c.name] for c in table.columns if c.name in own}


def _corrections(out: Path, found: Mapping[str, Any]) -> Iterator[tuple[Table, Mapping[str, Any]]]:
    for lot in found["lots"]:
        for image in lot["images"]:
            if not image.get("folder"):
                continue
            picture = document(out / image["folder"] / "result.json")["picture"]
            named = {
                "lot": lot["lot"],
                "image": image["image"],
                "picture_sha256": image["sha256"],
            }
            for edit in picture.get("edits") or ():
                yield edits, {**named, **_plain_edit(edit)}
            if approval := picture.get("approval"):
                yield approvals, {**named, **approval}


def _plain_edit(edit: Mapping[str, Any]) -> dict[str, Any]:
    wholes = {name: canonical.text(edit[name]) for name in ("labels", "old", "new")}
    return {**{k: edit[k] for k in ("time", "who", "action", "reason")}, **wholes}


def _enter_edit(connection: Connection, row: Mapping[str, Any]) -> None:
    if _is_there(connection, edits, row, _EDIT):
        return
    old, new = ({"cells": row[k], "labels": row["labels"]} for k in ("old", "new"))
    what = f"picture {row['image']} of lot {row['lot']}"
    event = chain.Event(row["action"], what, row["who"], row["reason"], old=old, new=new)
    chain.append(connection, event, {edits: [row]})


def _enter_approval(connection: Connection, row: Mapping[str, Any]) -> None:
    if _is_there(connection, approvals, row, ("picture_sha256", "time", "who", "labels_sha256")):
        return
    what = f"picture {row['image']} of lot {row['lot']}"
    event = chain.Event("approval", what, row["who"], new={"labels_sha256": row["labels_sha256"]})
    chain.append(connection, event, {approvals: [row]})


def _is_there(
    connection: Connection, table: Table, row: Mapping[str, Any], names: Sequence[str]
) -> bool:
    same = [table.c[name] == _text(row[name]) for name in ("lot", *names)]
    return connection.execute(select(table.c.event).where(*same)).first() is not None


def _run_before(connection: Connection, folder: Folder) -> dict[str, Any]:
    mine = select(runs).where(runs.c.out == _text(folder.out)).order_by(runs.c.event.desc())
    last = connection.execute(mine.limit(1)).first()
    if last is None:
        return {}
    return {"run": last.event, "digest": last.digest, "verdict": last.verdict}


def _text(value: str) -> str:
    return chain.printable(value)
