"""Commands about the ledger: lots, keys, sign, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isletqc.cli import telling
from isletqc.cli.options import (
    KeyOption,
    LedgerOption,
    MeaningOption,
    PassphraseOption,
    RoleOption,
    passphrase,
)

lots = typer.Typer(
    help="The ledger: lots and their history.", no_args_is_help=True, rich_markup_mode=None
)
keys = typer.Typer(help="Keys that people sign with.", no_args_is_help=True, rich_markup_mode=None)


@lots.command("list")
def lots_list(ledger: LedgerOption = None) -> None:
    """List all lots, each as its newest run left it."""
    with telling.errors():
        from isletqc.run import lots as lines

        telling.lines(lines.listed(ledger))


@lots.command("show")
def lots_show(
    name: Annotated[str, typer.Argument(help="name of the lot")], ledger: LedgerOption = None
) -> None:
    """Show everything about one lot: figures, corrections, signatures, audit trail."""
    with telling.errors():
        from isletqc.run import lots as lines

        telling.lines(lines.shown(name, ledger))


@lots.command("rebuild")
def lots_rebuild(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER...", help="result folders, or folders of them")
    ],
    ledger: LedgerOption = None,
) -> None:
    """Enter result folders that the ledger does not have; builds a lost ledger anew."""
    with telling.errors():
        from isletqc.run import record

        for found in record.rebuild(folders, ledger):
            telling.line(
                f"{found.out}: {'entered as' if found.new else 'is there already:'} {found.run}"
            )


@lots.command("backup")
def lots_backup(
    target: Annotated[str, typer.Argument(help="new SQLite file, or URL of an empty database")],
    ledger: LedgerOption = None,
) -> None:
    """Copy the whole ledger and check the copy; also the way back, and to a server."""
    with telling.errors():
        from isletqc.run import record

        telling.line(record.backup(target, ledger))


@lots.command("upgrade")
def lots_upgrade(ledger: LedgerOption = None) -> None:
    """Bring a ledger of an earlier isletqc up to date; its entries stay as they are."""
    with telling.errors():
        from isletqc.run import record

        telling.line(record.upgrade(ledger))


@keys.command("new")
def keys_new(
    name: Annotated[str, typer.Argument(help="your full name, as it shall stand on reports")],
    passphrase_fd: PassphraseOption = None,
) -> None:
    """Make your key, sealed under a passphrase that you choose."""
    with telling.errors():
        from isletqc.ledger import keys as files
        from isletqc.run import lots as lines

        made = files.new(name, passphrase(passphrase_fd, f"new passphrase of {name}", twice=True))
        telling.lines([lines.key(made), f"file: {made.path}"])


@keys.command("list")
def keys_list() -> None:
    """List your keys: fingerprint, date, name."""
    with telling.errors():
        from isletqc.ledger import keys as files
        from isletqc.run import lots as lines

        telling.lines([lines.key(key) for key in files.every()] or ["no keys here"])


@keys.command("show")
def keys_show(
    name: Annotated[str | None, typer.Argument(help="name, or start of the fingerprint")] = None,
) -> None:
    """Show a key's public half, for the laboratory's list of whose key is whose."""
    with telling.errors():
        from isletqc.ledger import keys as files

        key = files.find(name)
        telling.lines([f"who          {key.who}", f"created      {key.created}"])
        telling.lines([f"fingerprint  {key.fingerprint}", f"public key   {key.public_key}"])


@keys.command("revoke")
def keys_revoke(
    name: Annotated[str, typer.Argument(help="name, or start of the fingerprint")],
    why: Annotated[str, typer.Option("--why", help="the reason, for the audit trail")],
    ledger: LedgerOption = None,
) -> None:
    """Enter in the ledger that a key counts no more: later signatures with it are named."""
    with telling.errors():
        from isletqc.run import record

        found = record.revoke(name, why=why, address=ledger)
        telling.line(f"revoked: {found}. Signatures entered before stand; later ones do not")


def sign(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="folder that run wrote")],
    *,
    role: RoleOption,
    meaning: MeaningOption,
    key: KeyOption = None,
    passphrase_fd: PassphraseOption = None,
    ledger: LedgerOption = None,
) -> None:
    """Sign a run's results: pictures, labels, protocol, weights and figures.

    Any later change makes the signature void, and the report says so.
    """
    with telling.errors():
        from isletqc.ledger import keys as files
        from isletqc.run import lots as lines
        from isletqc.run import record

        mine = files.find(key)
        under = record.sign(
            out,
            role=role.value,
            meaning=meaning,
            key=mine,
            passphrase=passphrase(passphrase_fd, f"passphrase of {mine.who}"),
            address=ledger,
        )
        telling.lines([*lines.signed(under), record.release_standing(out).sentence or "signed"])


def verify(
    outs: Annotated[
        list[Path] | None, typer.Argument(metavar="OUT...", help="folders that run wrote")
    ] = None,
    ledger: LedgerOption = None,
) -> None:
    """Check the ledger's audit trail, and files and signatures of result folders.

    Exit code 4 when something is not as it was entered; each fault is named.
    """
    with telling.errors():
        from isletqc.run import lots as lines
        from isletqc.run import record

        found = record.check(outs or [], ledger)
        telling.lines(lines.findings(found))
        raise typer.Exit(4 if found.broken else 0)
