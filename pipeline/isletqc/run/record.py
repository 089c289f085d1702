"""Where the results of a run enter the ledger, and where signatures come back into its report.

Takes result folders; gives entries in the ledger that is named by address or by ISLETQC_LEDGER.
Without a ledger nothing is entered, and signatures live in the folder alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection

from isletqc.decide.release import Role, Standing, standing
from isletqc.errors import LedgerError, OutputError, SigningError
from isletqc.ledger import (
    connect,
    control,
    copying,
    digest,
    entry,
    folder,
    head,
    keys,
    revoked,
    signatures,
    store,
    verify,
)
from isletqc.ledger.connect import Ledger
from isletqc.ledger.verify import Findings
from isletqc.protocol import LoadedProtocol, Release
from isletqc.records import Signature
from isletqc.report.results import RunResults
from isletqc.report.run import write_run
from isletqc.run import home_ledger, lock
from isletqc.run.trend import of_run_in_ledger


@dataclass(frozen=True, slots=True)
class Entered:
    """A folder in the ledger: number of its run, and whether it was new there."""

    out: Path
    run: int
    new: bool


def write(out: Path, results: RunResults, *, ledger: str | None = None) -> RunResults:
    """Write a run's files with the signatures that lie in the folder; gives the results with them.

    A signature is held to what was just written, so one under earlier results turns void. With the
    address of a ledger the report shows the trend of its last lots.
    """
    trends = of_run_in_ledger(results, ledger)
    write_run(out, results=replace(results, signatures=()), trends=trends)
    under = signatures.read(out)
    if not under:
        return results
    signed = replace(results, signatures=under)
    write_run(out, results=signed, trends=trends)
    return signed


def enter(out: Path, address: str | None = None, *, action: str = "run", why: str = "") -> bool:
    """Enter a finished run; False where no ledger is named.

    Parameters
    ----------
    action : what was done, e.g. ``run`` or ``corrected``
    why : reason, for the audit trail

    Raises
    ------
    OutputError
        The results are there, but the ledger did not take them.
    """
    named = connect.named(address)
    if named is None:
        return False
    with _kept(out), store.opened(named, create=True) as ledger:
        found = entry.read(out)

        def work(connection: Connection) -> None:
            run = entry.enter(connection, found, action=action, why=why)
            signatures.enter(connection, out, run)

        store.enter(ledger, work)
        home_ledger.keep(out, ledger, named)
    return True


def named_ledger(address: str | None = None, *outs: Path) -> str | None:
    """Address that was given, else that of ISLETQC_LEDGER, else of the ledger of these results."""
    return home_ledger.of(outs, address)


def backup(target: str, address: str | None = None) -> str:
    """Copy the whole ledger into a new file or an empty database; says what was copied."""
    with store.opened(connect.required(address)) as ledger:
        count = copying.backup(ledger, target)
        return f"{count} entries copied from {ledger.address}; the copy is whole"


def upgrade(address: str | None = None) -> str:
    """Bring a ledger up to date; says from which version to which."""
    with connect.connected(connect.required(address)) as ledger:
        if ledger.file is not None and not ledger.file.is_file():
            raise LedgerError(f"{ledger.address}: expected a ledger, found none")
        before, after = store.upgrade(ledger)
        if before == after:
            return f"{ledger.address}: version {after}, nothing to do"
        return f"{ledger.address}: version {before or 'none'} is now version {after}"


def protocol_state(loaded: LoadedProtocol, address: str | None = None) -> control.Control:
    """Where a protocol file stands in the ledger."""
    with store.opened(connect.required(address)) as ledger:
        return control.state(ledger, loaded)


def report_written(out: Path, address: str | None = None) -> bool:
    """Enter that a report was written again; False where its run is in no ledger."""
    named = home_ledger.of([out], address)
    if named is None:
        return False
    with store.opened(named) as ledger:
        found = entry.read(out)
        run = connect.read(ledger, lambda connection: entry.known(connection, found))
        if run is None:
            return False
        store.enter(ledger, lambda c: entry.enter_files(c, found, run, action="report written"))
    return True


def rebuild(outs: Sequence[Path], address: str | None = None) -> Iterator[Entered]:
    """Enter result folders that the ledger does not have; folders inside folders are searched."""
    with store.opened(connect.required(address), create=True) as ledger:
        for out in result_folders(outs):
            yield _rebuilt(ledger, out, connect.required(address))


def result_folders(folders: Sequence[Path]) -> tuple[Path, ...]:
    """Folders with a finished run, in and under those given.

    Raises
    ------
    LedgerError
        There is none in one of them.
    """
    found: list[Path] = []
    for given in folders:
        inside = sorted(path.parent for path in given.rglob(digest.RESULTS))
        if not inside:
            raise LedgerError(f"{given}: expected results of a run in or under it, found none")
        found += inside
    return tuple(dict.fromkeys(found))


def sign(
    out: Path,
    *,
    role: Role,
    meaning: str,
    key: keys.Key,
    passphrase: str,
    address: str | None = None,
) -> tuple[Signature, ...]:
    """Sign a run's results: in the folder, in its report and in the ledger.

    Gives all signatures under the results.

    Raises
    ------
    SigningError
        The signature cannot be accepted; nothing has changed.
    LedgerError
        The ledger does not have these results, or does not answer; nothing has changed.
    """
    named = home_ledger.of([out], address)
    digest.document(out / digest.RESULTS)
    with lock.hold(out), _perhaps_opened(named) as ledger:
        if ledger is not None:
            connect.read(ledger, lambda connection: revoked.refuse(connection, key.fingerprint))
        run = _run_to_sign(ledger, out)
        before = signatures.stored(out)
        made = signatures.make(out, role=role, meaning=meaning, key=key, passphrase=passphrase)
        signatures.add(out, made)
        try:
            _write_report(out)
            _refuse_void(out, key)
            if ledger is not None and run is not None:
                store.write(ledger, lambda c: signatures.enter(c, out, run))
        except BaseException:
            # Half a signature is none.
            signatures.write(out, before)
            _write_report(out)
            raise
        if ledger is not None:
            head.publish(ledger)
    return signatures.read(out)


def release_standing(out: Path) -> Standing:
    """Whether the results in a folder may be used for release, as the protocol asks."""
    results = digest.document(out / digest.RESULTS)
    settings = digest.document(out / digest.PROVENANCE)["protocol"]["settings"]
    rule = Release.model_validate(settings.get("release") or {})
    return standing(rule, results["verdict"], signatures.read(out))


def refuse_unreleased(loaded: LoadedProtocol, address: str | None) -> None:
    """Refuse a protocol that is not approved for release in the ledger.

    Raises
    ------
    LedgerError
        No ledger is named, or it does not answer.
    SigningError
        The protocol is a draft, retired, or not the file that was approved.
    """
    with store.opened(connect.required(address)) as ledger:
        found = control.state(ledger, loaded)
    if found.state == "approved":
        return
    raise SigningError(
        f"{loaded.path}: --release needs an approved protocol: {found.reason} "
        f"(SHA-256 {loaded.sha256[:16]}...). Run without --release, or have it approved: "
        "isletqc protocols approve FILE"
    )


def decide_on_protocol(
    loaded: LoadedProtocol,
    state: control.State,
    *,
    role: Role,
    meaning: str,
    key: keys.Key,
    passphrase: str,
    address: str | None = None,
) -> control.Control:
    """Approve or retire a protocol under a signature; gives where it stands then."""
    with store.opened(connect.required(address), create=True) as ledger:
        row = control.make(
            loaded, state, role=role, meaning=meaning, key=key, passphrase=passphrase
        )

        def work(connection: Connection) -> control.Control:
            revoked.refuse(connection, key.fingerprint)
            return control.enter(connection, loaded, row)

        return store.enter(ledger, work)


def revoke(name: str, *, why: str, address: str | None = None) -> str:
    """Enter that a key counts no more; gives its fingerprint. Errors as of `revoked.enter`.

    The key's file, where it is here, is set aside: its person can make another.
    """
    with store.opened(connect.required(address)) as ledger:
        found = store.enter(ledger, lambda connection: revoked.enter(connection, name, why=why))
    keys.set_aside(found)
    return found


def check(outs: Sequence[Path], address: str | None = None) -> Findings:
    """Check a ledger and result folders; without a ledger only the folders' own evidence."""
    named = home_ledger.of(outs, address)
    with _perhaps_opened(named) as ledger:
        found = [verify.ledger(ledger)] if ledger is not None else []
        found += [folder.check(out, ledger) for out in outs]
    return Findings(
        looked_at=tuple(line for one in found for line in one.looked_at),
        broken=tuple(line for one in found for line in one.broken),
        notes=tuple(line for one in found for line in one.notes),
    )


def _rebuilt(ledger: Ledger, out: Path, address: str) -> Entered:
    found = entry.read(out)

    def work(connection: Connection) -> Entered:
        there = entry.known(connection, found)
        run = there or entry.enter(connection, found, action="rebuilt from its folder")
        signatures.enter(connection, out, run)
        return Entered(out, run, there is None)

    done = store.enter(ledger, work)
    home_ledger.keep(out, ledger, address)
    return done


def _run_to_sign(ledger: Ledger | None, out: Path) -> int | None:
    """Find the run that is to be signed; the folder must be what was entered."""
    if ledger is None:
        return None
    found = entry.read(out)
    run = connect.read(ledger, lambda connection: entry.known(connection, found))
    if run is None:
        raise LedgerError(
            f"{out}: these results are not in the ledger {ledger.address}, or were changed since; "
            f"see isletqc verify {out}; isletqc lots rebuild {out} enters them as they are"
        )
    return run


def _write_report(out: Path) -> None:
    # That module reads signatures back and would import this one.
    from isletqc.run import reports

    reports.write_report(out)


def _refuse_void(out: Path, key: keys.Key) -> None:
    mine = [s for s in signatures.read(out) if s.key == key.fingerprint][-1]
    if not mine.valid:
        raise SigningError(
            f"{out}: the report cannot be written again as it was: {mine.reason}. "
            "Run the pictures again with this version, then sign"
        )


@contextmanager
def _perhaps_opened(address: str | None) -> Iterator[Ledger | None]:
    if address is None:
        yield None
        return
    with store.opened(address) as ledger:
        yield ledger


@contextmanager
def _kept(out: Path) -> Iterator[None]:
    try:
        yield
    except LedgerError as e:
        raise OutputError(
            f"{e}. The results in {out} are whole; enter them with: isletqc lots rebuild {out}"
        ) from e
