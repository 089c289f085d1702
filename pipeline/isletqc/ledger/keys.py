"""Keys of people: Ed25519, the private half sealed under a passphrase (scrypt, ChaCha20-Poly1305).

Each key is one file, readable by its owner only. Name, public key and date are bound to the sealed
half: a file in which they were changed does not open. The fingerprint is the SHA-256 of the public
key; a laboratory keeps a list of whose fingerprint is whose.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from isletqc.errors import SigningError
from isletqc.ledger import canonical
from isletqc.ledger.files import state_folder, write_whole

FORMAT = "isletqc key 1"
# 128 MB and about a third of a second for each guess.
SCRYPT_N = 2**17
MIN_PASSPHRASE = 12
_OPEN_PART = ("format", "who", "created", "public_key")


@dataclass(frozen=True, slots=True)
class Key:
    """A person's key as its file shows it; ``fingerprint`` is of the public half."""

    who: str
    created: str
    public_key: str
    fingerprint: str
    path: Path


def new(who: str, passphrase: str, *, scrypt_n: int = SCRYPT_N) -> Key:
    """Make a key for a person.

    Raises
    ------
    SigningError
        No name, the passphrase is too short, or the name has a key here already.
    """
    who = " ".join(who.split())
    if not who or not who.isprintable():
        raise SigningError("a key needs the person's full name, in printable characters")
    if len(passphrase) < MIN_PASSPHRASE:
        raise SigningError(f"expected a passphrase of at least {MIN_PASSPHRASE} characters")
    if twin := [key for key in every() if same_person(key.who, who)]:
        raise SigningError(f"{who} has a key here already: {twin[0].fingerprint[:16]}")
    private = Ed25519PrivateKey.generate()
    shown = {
        "format": FORMAT,
        "who": who,
        "created": canonical.now(),
        "public_key": private.public_key().public_bytes_raw().hex(),
    }
    sealed = _sealed(private.private_bytes_raw(), shown, passphrase, scrypt_n)
    path = state_folder() / "keys" / f"{fingerprint(shown['public_key'])[:16]}.json"
    write_whole(path, json.dumps({**shown, "sealed": sealed}, indent=2) + "\n", private=True)
    return _key(path)


def every() -> tuple[Key, ...]:
    """All keys of this user, by name."""
    found = [_key(path) for path in sorted((state_folder() / "keys").glob("*.json"))]
    return tuple(sorted(found, key=lambda key: key.who.casefold()))


def find(name: str | None) -> Key:
    """Find a key by name or by the beginning of its fingerprint; None takes the only one.

    Raises
    ------
    SigningError
        There is none, or more than one fits.
    """
    have = every()
    fits = [k for k in have if name is None or same_person(k.who, name)]
    if name is not None and not fits:
        fits = [k for k in have if len(name) >= 4 and k.fingerprint.startswith(name.lower())]
    if len(fits) == 1:
        return fits[0]
    if not have:
        raise SigningError('there is no key here: isletqc keys new "FULL NAME" makes one')
    listed = ", ".join(f"{k.who} ({k.fingerprint[:16]})" for k in have)
    raise SigningError(f"say whose key with --key, one of: {listed}")


def set_aside(wanted: str) -> None:
    """Take a key with this fingerprint out of use; its file stays, under another name."""
    for key in every():
        if key.fingerprint == wanted:
            key.path.rename(key.path.with_suffix(".revoked"))


def sign(key: Key, passphrase: str, payload: Mapping[str, Any]) -> str:
    """Signature, hexadecimal, of the canonical JSON of ``payload``.

    Raises
    ------
    SigningError
        The passphrase is wrong, or the key's file was changed.
    """
    document = json.loads(key.path.read_text("utf-8"))
    private = Ed25519PrivateKey.from_private_bytes(_opened(document, passphrase, key))
    return private.sign(canonical.text(payload).encode("ascii")).hex()


def is_signed(payload: Mapping[str, Any], *, public_key: str, signature: str) -> bool:
    """Whether ``signature`` is that key's, of this payload."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature), canonical.text(payload).encode("ascii"))
    except (InvalidSignature, ValueError):
        return False
    return True


def fingerprint(public_key: str) -> str:
    """SHA-256, hexadecimal, of a public key in hexadecimal."""
    return hashlib.sha256(bytes.fromhex(public_key)).hexdigest()


def same_person(one: str, other: str) -> bool:
    """Whether two names are one, whatever their case and spaces."""
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def _key(path: Path) -> Key:
    try:
        document = json.loads(path.read_text("utf-8"))
        who, created, public = (str(document[k]) for k in ("who", "created", "public_key"))
        return Key(who, created, public, fingerprint(public), path)
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise SigningError(f"{path}: expected a key that isletqc made: {e!r}") from e


def _derived(passphrase: str, salt: bytes, scrypt_n: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=scrypt_n, r=8, p=1).derive(passphrase.encode())


def _sealed(secret: bytes, shown: Mapping[str, str], passphrase: str, n: int) -> dict[str, Any]:
    salt, nonce = os.urandom(16), os.urandom(12)
    bound = canonical.text(shown).encode("ascii")
    cipher = ChaCha20Poly1305(_derived(passphrase, salt, n)).encrypt(nonce, secret, bound)
    return {
        "kdf": "scrypt",
        "n": n,
        "salt": salt.hex(),
        "cipher": "chacha20-poly1305",
        "nonce": nonce.hex(),
        "private_key": cipher.hex(),
    }


def _opened(document: Mapping[str, Any], passphrase: str, key: Key) -> bytes:
    bound = canonical.text({name: document.get(name) for name in _OPEN_PART}).encode("ascii")
    try:
        sealed = document["sealed"]
        derived = _derived(passphrase, bytes.fromhex(sealed["salt"]), int(sealed["n"]))
        nonce, secret = bytes.fromhex(sealed["nonce"]), bytes.fromhex(sealed["private_key"])
        return ChaCha20Poly1305(derived).decrypt(nonce, secret, bound)
    except InvalidTag:
        raise SigningError(f"the passphrase does not open the key of {key.who}") from None
    except (KeyError, TypeError, ValueError) as e:
        raise SigningError(f"{key.path}: expected a key that isletqc made: {e!r}") from e
