from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from isletqc.errors import SigningError
from isletqc.ledger import keys
from isletqc.ledger.files import state_folder

PASSPHRASE = "four plain words here"
WHO = {"who": "Ada Author"}
Pair = tuple[keys.Key, keys.Key]


def test_a_key_is_readable_by_its_owner_only_and_holds_no_plain_secret(people: Pair) -> None:
    path = people[0].path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = json.loads(path.read_text())
    assert set(kept) == {"format", "who", "created", "public_key", "sealed"}
    # 32 bytes of key and 16 of the seal
    assert len(kept["sealed"]["private_key"]) == 2 * (32 + 16)


def test_a_signature_is_that_keys_and_of_that_text_only(people: Pair) -> None:
    ada, rui = people
    signature = keys.sign(ada, PASSPHRASE, WHO)
    assert keys.is_signed(WHO, public_key=ada.public_key, signature=signature)
    assert not keys.is_signed(WHO, public_key=rui.public_key, signature=signature)
    assert not keys.is_signed({"who": "x"}, public_key=ada.public_key, signature=signature)
    assert not keys.is_signed(WHO, public_key="no key", signature=signature)


def test_a_wrong_passphrase_is_refused_by_name(people: Pair) -> None:
    with pytest.raises(SigningError, match="does not open the key of Ada Author"):
        keys.sign(people[0], "another passphrase", WHO)


def test_a_key_file_with_another_name_in_it_does_not_open(people: Pair) -> None:
    path = people[0].path
    path.write_text(path.read_text().replace("Ada Author", "Eve Other"))
    with pytest.raises(SigningError, match="does not open"):
        keys.sign(keys.find("Eve Other"), PASSPHRASE, WHO)


@pytest.mark.parametrize("who", ["", "  ", "a\x1b[2Jb", "ADA  author"])
def test_a_name_that_is_none_or_taken_is_refused(people: Pair, who: str) -> None:
    with pytest.raises(SigningError):
        keys.new(who, PASSPHRASE, scrypt_n=2**10)


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(SigningError, match="at least 12 characters"):
        keys.new("Ada Author", "short", scrypt_n=2**10)


def test_keys_are_found_by_name_or_fingerprint_and_never_guessed(people: Pair) -> None:
    ada, rui = people
    assert keys.every() == (ada, rui)
    assert keys.find("ada author") == ada
    assert keys.find(rui.fingerprint[:10]) == rui
    with pytest.raises(SigningError, match="say whose key with --key"):
        keys.find(None)
    with pytest.raises(SigningError, match="say whose key"):
        keys.find("Nobody")


def test_without_a_key_the_message_says_how_to_make_one() -> None:
    with pytest.raises(SigningError, match="isletqc keys new"):
        keys.find(None)


def test_the_state_folder_follows_the_environment(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert state_folder() == tmp_path / "state"
    environment.delenv("ISLETQC_STATE")
    environment.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert state_folder() == tmp_path / "xdg" / "isletqc"
    environment.delenv("XDG_STATE_HOME")
    environment.setenv("HOME", str(tmp_path))
    assert state_folder() == tmp_path / ".local" / "state" / "isletqc"


def test_a_shipped_key_costs_128_megabytes_a_guess() -> None:
    assert keys.SCRYPT_N * 8 * 128 == 128 * 2**20
