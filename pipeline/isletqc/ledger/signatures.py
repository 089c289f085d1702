"""Signatures under a run's results: made, kept in the folder and in the ledger, held to the digest.

``signatures.json`` lists every signature with the manifest it stands under. One is valid while it
is genuine and nothing in its manifest has changed; a void one stays listed and says what changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from isletqc.decide.release import Role
from isletqc.errors import SigningError
from isletqc.ledger import canonical, chain, digest, entry, keys
from isletqc.ledger.files import write_whole
from isletqc.ledger.schema import run_files, signatures
from isletqc.records import Signature

FILE = "signatures.json"
FORMAT = "isletqc signature 1"
_SIGNED = ("who", "role", "meaning", "time", "key", "digest")
_STORED = (*_SIGNED, "public_key", "signature")
_CHANGES_NAMED = 3


def read(out: Path) -> tuple[Signature, ...]:
    """All signatures under a folder's results, in the order of signing, held to what is there now.

    Empty where nobody signed.

    Raises
    ------
    UsageError
        The folder holds no finished run, or its signatures cannot be read.
    """
    listed = stored(out)
    if not listed:
        return ()
    found = digest.manifest(out)
    return tuple(_judged(one, found) for one in listed)


def stored(out: Path) -> list[dict[str, Any]]:
    """Entries of ``signatures.json`` as they are; empty where there is none."""
    if not (out / FILE).is_file():
        return []
    listed = digest.document(out / FILE).get("signatures")
    if not isinstance(listed, list) or not all(_is_entry(one) for one in listed):
        raise SigningError(f"{out / FILE}: expected a list of signatures; it was changed")
    return listed


def make(out: Path, *, role: Role, meaning: str, key: keys.Key, passphrase: str) -> dict[str, Any]:
    """Sign what the folder holds now; gives the entry for ``signatures.json``.

    Raises
    ------
    SigningError
        The person or the key has signed already, a reviewer comes before the author, no meaning is
        stated, or the passphrase is wrong.
    """
    if not meaning.strip():
        raise SigningError('say with --meaning what is meant, as "I made these results"')
    _refuse_twice(read(out), role, key)
    parts = digest.manifest(out)
    content = {
        "who": key.who,
        "role": role,
        "meaning": " ".join(meaning.split()),
        "time": canonical.now(),
        "key": key.fingerprint,
        "digest": digest.of_manifest(parts),
    }
    signature = keys.sign(key, passphrase, payload(content))
    return {**content, "public_key": key.public_key, "signature": signature, "manifest": parts}


def add(out: Path, entry_: Mapping[str, Any]) -> None:
    """Write one more signature into the folder."""
    write(out, [*stored(out), dict(entry_)])


def write(out: Path, listed: Sequence[Mapping[str, Any]]) -> None:
    """Write the folder's signatures; removes the file where there are none."""
    if not listed:
        (out / FILE).unlink(missing_ok=True)
        return
    document = {"format": FORMAT, "signatures": listed}
    write_whole(out / FILE, json.dumps(document, ensure_ascii=True, indent=2) + "\n")


def enter(connection: Connection, out: Path, run: int) -> int:
    """Enter those of a folder's signatures that the ledger lacks; gives how many.

    The hashes of the run's files are entered with each, as signing writes the report again.
    """
    have = set(connection.execute(select(signatures.c.signature)).scalars())
    lacking = [one for one in stored(out) if one["signature"] not in have]
    hashes = entry.file_hashes(out, digest.document(out / digest.RESULTS))
    for one in lacking:
        row = {**{name: one[name] for name in _STORED}, "run": run}
        files = [{**file, "run": run} for file in entry.file_rows(hashes)]
        event = chain.Event(
            action="signature",
            subject=f"folder {out.resolve()}",
            who=one["who"],
            why=one["meaning"],
            new={name: one[name] for name in ("role", "key", "digest", "time")},
        )
        chain.append(connection, event, {signatures: [row], run_files: files})
    return len(lacking)


def payload(one: Mapping[str, Any]) -> dict[str, Any]:
    """Give what the key signs."""
    return {"format": FORMAT, **{name: one[name] for name in _SIGNED}}


def is_genuine(one: Mapping[str, Any]) -> bool:
    """Whether a signature is that of the key that it names."""
    public = str(one["public_key"])
    try:
        belongs = keys.fingerprint(public) == one["key"]
    except ValueError:
        return False
    return belongs and keys.is_signed(
        payload(one), public_key=public, signature=str(one["signature"])
    )


def _is_entry(one: Any) -> bool:
    if not isinstance(one, dict) or not isinstance(one.get("manifest"), dict):
        return False
    return all(isinstance(one.get(name), str) for name in _STORED)


def _judged(one: Mapping[str, Any], found: Mapping[str, str]) -> Signature:
    reason = _why_void(one, found)
    known = {name: one[name] for name in _SIGNED}
    return Signature(**known, valid=not reason, reason=reason)


def _why_void(one: Mapping[str, Any], found: Mapping[str, str]) -> str:
    genuine = is_genuine(one) and digest.of_manifest(one["manifest"]) == one["digest"]
    if not genuine:
        return f"{FILE} was changed: this entry is not what the key signed"
    changed = digest.changes(one["manifest"], found)
    if not changed:
        return ""
    named = ", ".join(changed[:_CHANGES_NAMED])
    more = len(changed) - _CHANGES_NAMED
    return f"after signing, {named}" + (f" and {more} more" if more > 0 else "")


def _refuse_twice(given: Sequence[Signature], role: Role, key: keys.Key) -> None:
    valid = [one for one in given if one.valid]
    for one in valid:
        if one.key == key.fingerprint or keys.same_person(one.who, key.who):
            raise SigningError(
                f"{one.who} has signed these results already, as {one.role} at {one.time}; "
                "author and reviewer must be two people, each with a key of their own"
            )
        if one.role == role:
            raise SigningError(f"{one.who} has signed these results as {role} already")
    if role == "reviewer" and not any(one.role == "author" for one in valid):
        raise SigningError("the author signs first: no valid author's signature is there yet")
