"""Keys that count no more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from isletqc.errors import SigningError
from isletqc.ledger import chain, connect, entry, keys, revoked, signatures, store, verify
from isletqc.ledger.connect import Ledger

Cli = Callable[..., Result]
MakeFolder = Callable[..., Path]
Pair = tuple[keys.Key, keys.Key]
PASSPHRASE = "four plain words here"
WHY = "laptop stolen"


def signed(ledger: Ledger, out: Path, key: keys.Key) -> None:
    """Enter a folder and a signature under it, past every refusal of the program."""
    made = signatures.make(out, role="author", meaning="mine", key=key, passphrase=PASSPHRASE)
    signatures.add(out, made)
    found = entry.read(out)
    store.enter(
        ledger,
        lambda c: signatures.enter(c, out, entry.known(c, found) or entry.enter(c, folder=found)),
    )


def revoke(ledger: Ledger, name: str, why: str = WHY) -> str:
    return store.enter(ledger, lambda c: revoked.enter(c, name, why=why))


def test_signatures_before_a_revocation_stand_and_later_ones_are_named(
    ledger: Ledger, make_folder: MakeFolder, people: Pair
) -> None:
    signed(ledger, make_folder("A"), people[0])
    assert revoke(ledger, "ada  author") == people[0].fingerprint
    assert verify.ledger(ledger).broken == ()
    signed(ledger, make_folder("B"), people[1])
    assert verify.ledger(ledger).broken == ()
    signed(ledger, make_folder("C"), people[0])
    [fault] = verify.ledger(ledger).broken
    assert "signed as author by Ada Author" in fault
    assert people[0].fingerprint[:16] in fault
    assert WHY in fault


def test_a_revoked_key_is_refused_and_its_person_can_make_another(
    isletqc: Cli, environment: pytest.MonkeyPatch, new_address: Callable[[str], str],
    make_folder: MakeFolder, people: Pair,
) -> None:  # fmt: skip
    address, out = new_address("sqlite"), make_folder("A")
    environment.setenv("ISLETQC_LEDGER", address)
    environment.setenv("ISLETQC_PASSPHRASE", PASSPHRASE)
    assert isletqc("lots", "rebuild", out).exit_code == 0
    said = isletqc("keys", "revoke", people[0].fingerprint[:12], "--why", WHY)
    assert said.exit_code == 0, said.output
    assert people[0].fingerprint in said.output
    with store.opened(address) as ledger, pytest.raises(SigningError, match=f"revoked .*{WHY}"):
        connect.read(ledger, lambda c: revoked.refuse(c, people[0].fingerprint))
    assert [key.who for key in keys.every()] == ["Rui Reviewer"]
    assert keys.new("Ada Author", PASSPHRASE, scrypt_n=2**10).who == "Ada Author"
    assert isletqc("verify").exit_code == 0


def test_a_revoked_key_signs_nothing(
    isletqc: Cli, environment: pytest.MonkeyPatch, new_address: Callable[[str], str],
    make_folder: MakeFolder, people: Pair,
) -> None:  # fmt: skip
    address, out = new_address("sqlite"), make_folder("A")
    environment.setenv("ISLETQC_LEDGER", address)
    environment.setenv("ISLETQC_PASSPHRASE", PASSPHRASE)
    isletqc("lots", "rebuild", out)
    with store.opened(address) as ledger:
        revoke(ledger, "Ada Author")  # on another computer: the key's file is still here
    told = isletqc("sign", out, "--role", "author", "--meaning", "mine", "--key", "Ada Author")
    assert told.exit_code == 2
    assert "was revoked" in told.output
    assert not (out / "signatures.json").exists()


@pytest.mark.parametrize(
    ("name", "why", "said"),
    [
        ("Ada Author", " ", "--why"),
        ("Nobody Known", WHY, "expected one key, found 0; known are: .*Ada Author"),
        ("abc", WHY, "found 0"),
    ],
)
def test_a_revocation_needs_a_reason_and_one_key(
    ledger: Ledger, people: Pair, name: str, why: str, said: str
) -> None:
    before = connect.read(ledger, chain.head)
    with pytest.raises(SigningError, match=said):
        revoke(ledger, name, why)
    assert connect.read(ledger, chain.head) == before


def test_a_key_is_revoked_once_and_may_be_known_by_its_fingerprint_alone(ledger: Ledger) -> None:
    unknown = "0123456789abcdef" * 4
    assert revoke(ledger, unknown.upper()) == unknown
    with pytest.raises(SigningError, match="was revoked"):
        revoke(ledger, unknown)
