"""Arguments -> run; prints what came out; gives the exit code. Imports nothing heavy by itself.

Commands stand in a module each for what they are about; here they become one program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

import typer
from typer.core import TyperGroup

from isletqc import __version__
from isletqc.cli import (
    analyse,
    installation,
    ledger,
    networks,
    protocols,
    reports,
    validation,
)

EXIT_CODES = """\b
Exit codes of run (the worst wins: 1 > 2 > 3 > 4 > 5 > 0):
  0  all limits are met, or the protocol has none
  1  internal error, or the results could not be written
  2  the command, protocol or sample sheet is wrong; nothing has run
  3  some inputs could not be analysed
  4  a lot misses a limit
  5  a lot needs review
130, 143  stopped by Ctrl-C or SIGTERM; the same command goes on
--fail-on fail keeps only 4, --fail-on never neither 4 nor 5."""

# As a user meets them. Typer by itself would list single commands before groups.
COMMANDS: Mapping[str, Callable[..., None] | typer.Typer] = {
    "run": analyse.run,
    "demo": analyse.demo,
    "inspect": analyse.inspect,
    "protocols": protocols.app,
    "report": reports.report,
    "chart": reports.chart,
    "rejudge": analyse.rejudge,
    "plan": reports.plan,
    "lots": ledger.lots,
    "keys": ledger.keys,
    "sign": ledger.sign,
    "verify": ledger.verify,
    "validate": validation.app,
    "evaluate": networks.evaluate,
    "phantom": networks.phantom,
    "train": networks.train,
    "export": networks.export,
    "doctor": installation.doctor,
    "sbom": installation.sbom,
}


class _InOrder(TyperGroup):
    """Lists commands in the order above."""

    def list_commands(self, ctx: object) -> list[str]:
        """Names of all commands."""
        return list(COMMANDS)


app = typer.Typer(
    name="isletqc",
    cls=_InOrder,
    help="From stained islet pictures to a release decision with its uncertainty.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _name, _command in COMMANDS.items():
    if isinstance(_command, typer.Typer):
        app.add_typer(_command, name=_name)
    else:
        _epilog = EXIT_CODES if _name in {"run", "rejudge"} else None
        app.command(_name, epilog=_epilog)(_command)


@app.callback(invoke_without_command=True)
def _top(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"isletqc {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the program."""
    app()
