from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from isletqc import protocol
from isletqc.errors import LedgerError, SigningError
from isletqc.ledger import control, keys, store, verify
from isletqc.ledger.connect import Ledger
from isletqc.protocol import LoadedProtocol
from isletqc.run import record

Pair = tuple[keys.Key, keys.Key]
Write = Callable[..., LoadedProtocol]
PASSPHRASE = "four plain words here"
TEXT = """\
name: ours
version: "1"
status: {status}
title: Ours
stain: dithizone
segmentation: {{method: classical}}
release: {{signatures: {signatures}}}
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write and load a protocol."""

    def made(status: str = "approved", signatures: str = "none", more: str = "") -> LoadedProtocol:
        path = tmp_path / "ours.yaml"
        path.write_text(TEXT.format(status=status, signatures=signatures) + more)
        return protocol.load(str(path))

    return made


def decide(
    ledger: Ledger, loaded: LoadedProtocol, key: keys.Key, *, state: str = "approved", role: str
) -> control.Control:
    row = control.make(
        loaded,
        state,  # type: ignore[arg-type]
        role=role,  # type: ignore[arg-type]
        meaning="checked against the validation report",
        key=key,
        passphrase=PASSPHRASE,
    )
    return store.enter(ledger, lambda c: control.enter(c, loaded, row))


def test_a_protocol_is_a_draft_until_it_is_approved_under_a_signature(
    ledger: Ledger, write: Write, people: Pair
) -> None:
    loaded = write()
    before = control.state(ledger, loaded)
    assert (before.state, before.reason) == (
        "draft",
        "the author's approval is missing in the ledger",
    )
    after = decide(ledger, loaded, people[0], role="author")
    assert after.state == "approved"
    assert after.signed[0].startswith("approved by Ada Author (author), ")
    assert verify.ledger(ledger).broken == ()


def test_one_changed_letter_is_another_protocol(ledger: Ledger, write: Write, people: Pair) -> None:
    decide(ledger, write(), people[0], role="author")
    assert control.state(ledger, write(more="notes: x\n")).state == "draft"


def test_a_file_that_says_draft_is_not_approved(ledger: Ledger, write: Write, people: Pair) -> None:
    with pytest.raises(SigningError, match="expected status: approved, found draft"):
        decide(ledger, write("draft"), people[0], role="author")


def test_two_people_approve_where_two_must_sign_results(
    ledger: Ledger, write: Write, people: Pair
) -> None:
    loaded = write(signatures="author-and-reviewer")
    half = decide(ledger, loaded, people[0], role="author")
    assert half.reason == "the reviewer's approval is missing in the ledger"
    with pytest.raises(SigningError, match="Ada Author has approved this protocol already"):
        decide(ledger, loaded, people[0], role="reviewer")
    with pytest.raises(SigningError, match="as author already"):
        decide(ledger, loaded, people[1], role="author")
    assert decide(ledger, loaded, people[1], role="reviewer").state == "approved"


def test_a_retired_protocol_stays_retired(ledger: Ledger, write: Write, people: Pair) -> None:
    loaded = write()
    decide(ledger, loaded, people[0], role="author")
    assert decide(ledger, loaded, people[1], state="retired", role="author").state == "retired"
    with pytest.raises(SigningError, match="is retired"):
        decide(ledger, loaded, people[0], role="author")


def test_a_run_for_release_needs_the_approved_file(
    address: str, write: Write, people: Pair
) -> None:
    loaded = write()
    with pytest.raises(LedgerError, match="no ledger is named"):
        record.refuse_unreleased(loaded, None)
    with store.opened(address, create=True) as ledger:
        with pytest.raises(SigningError, match="the author's approval is missing"):
            record.refuse_unreleased(loaded, address)
        decide(ledger, loaded, people[0], role="author")
        record.refuse_unreleased(loaded, address)
        with pytest.raises(SigningError, match="its file says status: draft"):
            record.refuse_unreleased(write("draft"), address)
        decide(ledger, write(), people[1], state="retired", role="author")
        with pytest.raises(SigningError, match="it is retired"):
            record.refuse_unreleased(write(), address)
