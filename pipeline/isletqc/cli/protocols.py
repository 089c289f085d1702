"""Commands about protocols: shipped ones, your own, and their approval."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from isletqc.cli import telling
from isletqc.cli.options import (
    DEFAULT_PROTOCOL,
    KeyOption,
    LedgerOption,
    MeaningOption,
    PassphraseOption,
    Role,
    RoleOption,
    passphrase,
)

app = typer.Typer(
    help="The methods: shipped ones, and your own.", no_args_is_help=True, rich_markup_mode=None
)
FileArgument = Annotated[str, typer.Argument(help="YAML file or shipped name")]


@app.command("list")
def list_shipped() -> None:
    """List the shipped protocols."""
    with telling.errors():
        from isletqc import assets
        from isletqc import protocol as protocol_files

        for path in assets.configs():
            found = protocol_files.load(path.stem).protocol
            count = f"{len(found.limits)} limits" if found.limits else "no limits"
            telling.line(
                f"{found.name:<22} {found.version:<5} {found.status:<9} {count:<10} {found.title}"
            )


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="shipped name or YAML file")],
) -> None:
    """Print a protocol file."""
    with telling.errors():
        from isletqc import protocol as protocol_files

        telling.line(protocol_files.load(name).path.read_text(encoding="utf-8").rstrip("\n"))


@app.command()
def check(file: FileArgument) -> None:
    """Check a protocol file; each fault is printed with its line."""
    with telling.errors():
        from isletqc import protocol as protocol_files

        found = protocol_files.load(file)
        about = f"{found.protocol.name} {found.protocol.version} ({found.protocol.status})"
        telling.line(f"{found.path}: valid: {about}, SHA-256 {found.sha256}")


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="name of the new protocol")],
    *,
    source: Annotated[str, typer.Option("--from", help="protocol to start from")] = (
        DEFAULT_PROTOCOL
    ),
    out: Annotated[Path | None, typer.Option("--out", "-o", help="file [default: NAME.yaml]")] = (
        None
    ),
) -> None:
    """Start a protocol of your own from an existing one."""
    with telling.errors():
        from isletqc.run import drafts

        path = drafts.write(name, source=source, path=out or Path(f"{name}.yaml"))
        telling.line(
            f"{path}: a draft, copied from {source}. Edit it, then: isletqc protocols check {path}"
        )


@app.command()
def schema() -> None:
    """Print the JSON Schema of protocol files, for editors."""
    with telling.errors():
        import json

        from isletqc import protocol as protocol_files

        telling.line(json.dumps(protocol_files.json_schema(), indent=2))


@app.command()
def approve(
    file: FileArgument,
    *,
    role: RoleOption = Role.author,
    meaning: MeaningOption,
    key: KeyOption = None,
    passphrase_fd: PassphraseOption = None,
    ledger: LedgerOption = None,
) -> None:
    """Approve a protocol file for release under your signature; its hash enters the ledger."""
    _decide(file, "approved", role, meaning=meaning, key=key, fd=passphrase_fd, ledger=ledger)


@app.command()
def retire(
    file: FileArgument,
    *,
    role: RoleOption = Role.author,
    meaning: MeaningOption,
    key: KeyOption = None,
    passphrase_fd: PassphraseOption = None,
    ledger: LedgerOption = None,
) -> None:
    """Take a protocol file out of use under your signature."""
    _decide(file, "retired", role, meaning=meaning, key=key, fd=passphrase_fd, ledger=ledger)


@app.command()
def state(
    file: FileArgument,
    *,
    ledger: LedgerOption = None,
) -> None:
    """Say whether the ledger knows a protocol file as approved, and by whom."""
    with telling.errors():
        from isletqc import protocol as protocol_files
        from isletqc.run import lots as lines
        from isletqc.run import record

        loaded = protocol_files.load(file)
        telling.lines(lines.protocol(loaded, record.protocol_state(loaded, ledger)))


def _decide(
    file: str,
    state: Literal["approved", "retired"],
    role: Role,
    *,
    meaning: str,
    key: str | None,
    fd: int | None,
    ledger: str | None,
) -> None:
    with telling.errors():
        from isletqc import protocol as protocol_files
        from isletqc.ledger import keys as files
        from isletqc.run import lots as lines
        from isletqc.run import record

        loaded = protocol_files.load(file)
        mine = files.find(key)
        found = record.decide_on_protocol(
            loaded,
            state,
            role=role.value,
            meaning=meaning,
            key=mine,
            passphrase=passphrase(fd, f"passphrase of {mine.who}"),
            address=ledger,
        )
        telling.lines(lines.protocol(loaded, found))
