"""Which ledger holds a folder's results: written when they enter it, asked when nobody names one.

A signature that went past its ledger would look like tampering to `isletqc verify`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from isletqc.errors import LedgerError
from isletqc.ledger import connect
from isletqc.ledger.connect import Ledger
from isletqc.report.files import write_text_atomically

FILE = "ledger.json"


def keep(out: Path, ledger: Ledger, named: str) -> None:
    """Note beside the results which ledger holds them; never a password."""
    address = str(ledger.file.resolve()) if ledger.file else ledger.address
    secret = ledger.file is None and named != ledger.address
    text = json.dumps({"address": address, "password_left_out": secret})
    write_text_atomically(out / FILE, text + "\n")


def of(outs: Sequence[Path], address: str | None = None) -> str | None:
    """Give the address that was named, else that of the ledger which holds these results.

    Raises
    ------
    LedgerError
        They lie in different ledgers, or the address had a password, which is kept nowhere.
    """
    if (named := connect.named(address)) is not None:
        return named
    known = {note for out in outs if (note := _note(out)) is not None}
    if not known:
        return None
    if len(known) > 1:
        which = " and ".join(sorted(place for place, _ in known))
        raise LedgerError(f"these results are in {which}; name one with --ledger")
    ((place, secret),) = known
    if secret:
        raise LedgerError(
            f"these results are in the ledger {place}; name it with --ledger or "
            f"{connect.ENVIRONMENT}, since its password is kept nowhere"
        )
    return place


def _note(out: Path) -> tuple[str, bool] | None:
    try:
        kept = json.loads((out / FILE).read_bytes())
        return str(kept["address"]), bool(kept["password_left_out"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
