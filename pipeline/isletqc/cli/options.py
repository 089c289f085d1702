"""What several commands take: types of options, their choices, and the passphrase."""

from __future__ import annotations

import math
import os
from enum import StrEnum
from typing import Annotated

import typer

from isletqc.errors import UsageError

DEFAULT_PROTOCOL = "dtz-us-generic"


class Device(StrEnum):
    """Where the network runs."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Role(StrEnum):
    """What a person signs as."""

    author = "author"
    reviewer = "reviewer"


def checked_pixel_size(value: float | None) -> float | None:
    """Refuse a pixel size that is none: zero, negative, not a number."""
    if value is not None and not (math.isfinite(value) and value > 0):
        raise typer.BadParameter(f"expected micrometres per pixel above 0, found {value}")
    return value


ProtocolOption = Annotated[
    str, typer.Option("--protocol", "-p", help="name of a shipped protocol, or a YAML file")
]
PixelSizeOption = Annotated[
    float | None,
    typer.Option(
        "--pixel-size", callback=checked_pixel_size, help="micrometres per pixel, all pictures"
    ),
]
DeviceOption = Annotated[Device, typer.Option(help="where the network runs")]
PdfOption = Annotated[bool, typer.Option("--pdf", help="write report.pdf too (report extra)")]
LedgerOption = Annotated[
    str | None,
    typer.Option("--ledger", help="SQLite file or postgresql:// URL [default: ISLETQC_LEDGER]"),
]
KeyOption = Annotated[
    str | None, typer.Option("--key", help="name or fingerprint of your key, where you have more")
]
PassphraseOption = Annotated[
    int | None,
    typer.Option("--passphrase-fd", help="file descriptor to read the passphrase from"),
]
RoleOption = Annotated[Role, typer.Option(help="what you sign as")]
MeaningOption = Annotated[str, typer.Option(help="what you mean by it, in your words")]


def passphrase(fd: int | None, prompt: str, *, twice: bool = False) -> str:
    """Read a passphrase from a descriptor, else ISLETQC_PASSPHRASE, else the terminal."""
    if fd is not None:
        try:
            with os.fdopen(fd, encoding="utf-8") as file:
                return file.readline().rstrip("\n")
        except OSError as e:
            raise UsageError(f"--passphrase-fd {fd}: cannot be read: {e.strerror}") from e
    if (given := os.environ.get("ISLETQC_PASSPHRASE")) is not None:
        return given
    return str(typer.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True))
