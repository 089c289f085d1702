"""What the ledger knows, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from isletqc.ledger import connect, lots, store
from isletqc.ledger.control import Control
from isletqc.ledger.keys import Key
from isletqc.ledger.verify import Findings
from isletqc.protocol import LoadedProtocol
from isletqc.records import Signature


def listed(address: str | None) -> list[str]:
    """One line a lot, the newest last."""
    with store.opened(connect.required(address)) as ledger:
        found = lots.every(ledger)
    if not found:
        return ["no lots yet"]
    width = max(len("lot"), *(len(line.lot) for line in found))
    names = f"{'verdict':<10}  {'run':>5}  {'of':>3}  {'signed':>6}  {'started':<23}  protocol"
    heading = f"{'lot':<{width}}  {names}"
    return [
        heading,
        *(
            f"{line.lot:<{width}}  {line.verdict:<10}  {line.run:>5}  {line.runs:>3}  "
            f"{line.signatures:>6}  {_moment(line.started):<23}  "
            f"{line.protocol} {line.protocol_version}"
            for line in found
        ),
    ]


def shown(name: str, address: str | None) -> list[str]:
    """Everything about one lot."""
    with store.opened(connect.required(address)) as ledger:
        found = lots.history(ledger, name)
    run = found.runs[-1]
    return [
        f"lot {found.lot}: run {found.newest}, isletqc {run.isletqc}, {_moment(run.started)}",
        f"  folder    {run.out}",
        f"  protocol  SHA-256 {run.protocol}",
        f"  weights   {f'SHA-256 {run.weights}' if run.weights else 'none'}",
        f"  digest    {run.digest}",
        *_part("limits", (_criterion(row) for row in found.criteria)),
        *_part("figures", (_estimate(row) for row in found.estimates)),
        *_part("pictures", (_picture(row) for row in found.pictures)),
        *_part(
            "signatures",
            (f"{_moment(s.time)}  {s.who}, {s.role}: {s.meaning}" for s in found.signatures),
        ),
        *_part("audit trail", (line for row in found.events for line in _event(row))),
    ]


def findings(found: Findings) -> list[str]:
    """Say what a check found; the last line is the answer."""
    count = len(found.broken)
    answer = f"{count} {'fault' if count == 1 else 'faults'} found"
    return [
        *(f"looked at {line}" for line in found.looked_at),
        *(f"note: {line}" for line in found.notes),
        *(f"BROKEN: {line}" for line in found.broken),
        answer if count else "nothing has changed: every entry, row and file is as it was entered",
    ]


def signed(under: tuple[Signature, ...]) -> list[str]:
    """One line a signature."""
    return [
        f"{_moment(one.time)}  {one.who}, {one.role}: {one.meaning}"
        + ("" if one.valid else f"  VOID: {one.reason}")
        for one in under
    ]


def key(found: Key) -> str:
    """One line a key."""
    return f"{found.fingerprint[:16]}  {_moment(found.created)}  {found.who}"


def protocol(loaded: LoadedProtocol, control: Control) -> list[str]:
    """Where a protocol stands in the ledger."""
    about = f"{loaded.protocol.name} {loaded.protocol.version}, SHA-256 {loaded.sha256}"
    reason = f": {control.reason}" if control.state == "draft" else ""
    return [f"{about}: {control.state}{reason}", *(f"  {line}" for line in control.signed)]


def _part(title: str, lines: Iterator[str]) -> list[str]:
    found = [f"    {line}" for line in lines]
    return [f"  {title}", *found] if found else []


def _criterion(row: Any) -> str:
    held = f"{_number(row.value)} {row.relation} {row.limit:g} {row.unit}"
    return f"{row.verdict:<14} {row.name}: {held}"


def _estimate(row: Any) -> str:
    if row.value is None:
        return f"{row.name}: {row.reason or 'not determined'}"
    interval = (
        ""
        if row.ci_low is None or row.ci_high is None
        else f" ({_number(row.ci_low)} to {_number(row.ci_high)})"
    )
    return f"{row.name}: {_number(row.value)}{interval} {row.unit}"


def _picture(row: Any) -> str:
    reason = f": {row.reason}" if row.reason else ""
    return f"{row.image}: {row.verdict}{reason}; SHA-256 {(row.sha256 or 'unknown')[:16]}"


def _event(row: Any) -> Iterator[str]:
    by = f"{row.who} ({row.account})"
    yield f"{row.seq:>5}  {_moment(row.time)}  {by}  {row.action}, {row.subject}"
    if row.why:
        yield f"       why: {row.why}"
    for name in ("old", "new"):
        if (value := getattr(row, name)) != "{}":
            yield f"       {name}: {value}"


def _moment(time: str) -> str:
    """Time as people read it, to the second."""
    return f"{time[:19].replace('T', ' ')} UTC" if time.endswith("+00:00") else time


def _number(value: float | None) -> str:
    return "not determined" if value is None else f"{value:.4g}"
