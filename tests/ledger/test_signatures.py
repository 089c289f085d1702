from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from isletqc.decide.release import Role
from isletqc.errors import SigningError
from isletqc.ledger import connect, digest, entry, folder, keys, schema, signatures, store
from isletqc.ledger.connect import Ledger

MakeFolder = Callable[..., Path]
Pair = tuple[keys.Key, keys.Key]
PASSPHRASE = "four plain words here"


def sign(out: Path, key: keys.Key, role: Role) -> None:
    made = signatures.make(
        out, role=role, meaning="I made these results", key=key, passphrase=PASSPHRASE
    )
    signatures.add(out, made)


def test_the_digest_can_be_recomputed_by_hand(make_folder: MakeFolder) -> None:
    out = make_folder()
    parts = digest.manifest(out)
    table = hashlib.sha256((out / "lots.csv").read_bytes()).hexdigest()
    assert parts["lots.csv"] == table
    assert (
        parts[f"picture {out / 'field.tif'}"]
        == hashlib.sha256((out / "field.tif").read_bytes()).hexdigest()
    )
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    assert digest.digest(out) == hashlib.sha256(text.encode()).hexdigest()


def test_two_people_sign_and_both_signatures_are_valid(
    make_folder: MakeFolder, people: Pair
) -> None:
    out = make_folder()
    sign(out, people[0], "author")
    sign(out, people[1], "reviewer")
    found = signatures.read(out)
    assert [(s.who, s.role, s.valid) for s in found] == [
        ("Ada Author", "author", True),
        ("Rui Reviewer", "reviewer", True),
    ]
    assert {s.digest for s in found} == {digest.digest(out)}
    assert found[0].key == people[0].fingerprint


CHANGES = {
    "label image": ("images/field/labels.ome.tif", "images/field/labels.ome.tif was changed"),
    "correction": ("images/field/result.json", "images/field/result.json was changed"),
    "table": ("objects.csv", "objects.csv was changed"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_any_later_change_makes_a_signature_void_and_is_named(
    make_folder: MakeFolder, people: Pair, kind: str
) -> None:
    name, reason = CHANGES[kind]
    out = make_folder()
    sign(out, people[0], "author")
    (out / name).write_bytes((out / name).read_bytes() + b" ")
    (found,) = signatures.read(out)
    assert not found.valid
    assert found.reason == f"after signing, {reason}"


@pytest.mark.parametrize(
    ("file", "keys_", "value", "part"),
    [
        ("results.json", ("lots", 0, "estimates", "ieq_total", "value"), 9e9, "results.json"),
        ("results.json", ("protocol", "sha256"), "f" * 64, "protocol"),
        ("results.json", ("network",), {"sha256": "f" * 64}, "weights"),
        ("results.json", ("lots", 0, "images", 0, "sha256"), "f" * 64, "picture"),
        ("provenance.json", ("protocol", "settings", "name"), "x", "provenance.json"),
    ],
)
def test_the_signature_binds_figures_protocol_weights_and_pictures(
    make_folder: MakeFolder,
    people: Pair,
    file: str,
    keys_: tuple[str | int, ...],
    value: object,
    part: str,
) -> None:
    out = make_folder()
    sign(out, people[0], "author")
    document = json.loads((out / file).read_text())
    place = document
    for key in keys_[:-1]:
        place = place[key]
    place[keys_[-1]] = value
    (out / file).write_text(json.dumps(document))
    (found,) = signatures.read(out)
    assert not found.valid
    assert part in found.reason


def test_what_signing_itself_writes_does_not_void_it(make_folder: MakeFolder, people: Pair) -> None:
    out = make_folder()
    sign(out, people[0], "author")
    (out / "report.html").write_text("the report with its signature")
    results = json.loads((out / "results.json").read_text())
    (out / "results.json").write_text(json.dumps({**results, "signatures": ["Ada"]}, indent=4))
    assert signatures.read(out)[0].valid


def test_the_same_person_or_key_never_signs_twice(make_folder: MakeFolder, people: Pair) -> None:
    ada, rui = people
    out = make_folder()
    sign(out, ada, "author")
    for role in ("author", "reviewer"):
        with pytest.raises(SigningError, match="has signed these results already"):
            sign(out, ada, role)
    twin = keys.Key("ada  AUTHOR", rui.created, rui.public_key, rui.fingerprint, rui.path)
    with pytest.raises(SigningError, match="must be two people"):
        sign(out, twin, "reviewer")
    with pytest.raises(SigningError, match="Ada Author has signed these results as author"):
        sign(out, rui, "author")


def test_the_author_signs_first(make_folder: MakeFolder, people: Pair) -> None:
    with pytest.raises(SigningError, match="the author signs first"):
        sign(make_folder(), people[1], "reviewer")


def test_after_a_change_both_sign_again_and_the_void_ones_stay(
    make_folder: MakeFolder, people: Pair
) -> None:
    out = make_folder()
    sign(out, people[0], "author")
    sign(out, people[1], "reviewer")
    (out / "lots.csv").write_text("other figures")
    with pytest.raises(SigningError, match="the author signs first"):
        sign(out, people[1], "reviewer")
    sign(out, people[0], "author")
    sign(out, people[1], "reviewer")
    assert [s.valid for s in signatures.read(out)] == [False, False, True, True]


@pytest.mark.parametrize("name", ["who", "role", "meaning", "time", "digest", "manifest"])
def test_a_signature_with_other_words_in_it_is_void(
    make_folder: MakeFolder, people: Pair, name: str
) -> None:
    out = make_folder()
    sign(out, people[0], "author")
    document = json.loads((out / "signatures.json").read_text())
    forged = {"role": "reviewer", "digest": "0" * 64, "manifest": {"format": "x"}}
    document["signatures"][0][name] = forged.get(name, "2020-01-01T00:00:00+00:00")
    (out / "signatures.json").write_text(json.dumps(document))
    (found,) = signatures.read(out)
    assert not found.valid
    assert "signatures.json was changed" in found.reason


def test_a_damaged_list_of_signatures_is_told(make_folder: MakeFolder) -> None:
    out = make_folder()
    (out / "signatures.json").write_text('{"signatures": [1]}')
    with pytest.raises(SigningError, match="it was changed"):
        signatures.read(out)


def test_signatures_enter_the_ledger_and_none_can_be_taken_out_unseen(
    ledger: Ledger, make_folder: MakeFolder, people: Pair
) -> None:
    out = make_folder()
    run = store.enter(ledger, lambda c: entry.enter(c, entry.read(out)))
    sign(out, people[0], "author")
    assert store.enter(ledger, lambda c: signatures.enter(c, out, run)) == 1
    assert store.enter(ledger, lambda c: signatures.enter(c, out, run)) == 0
    row = connect.read(ledger, lambda c: c.execute(select(schema.signatures)).one())
    assert (row.who, row.role, row.meaning) == ("Ada Author", "author", "I made these results")
    assert folder.check(out, ledger).broken == ()
    (out / "signatures.json").unlink()
    (found,) = folder.check(out, ledger).broken
    assert found.startswith(f"{out}: the signature of Ada Author (author, ")
    assert found.endswith("was taken out")


def test_a_signature_that_the_ledger_does_not_have_is_named(
    ledger: Ledger, make_folder: MakeFolder, people: Pair
) -> None:
    out = make_folder()
    store.enter(ledger, lambda c: entry.enter(c, entry.read(out)))
    sign(out, people[0], "author")
    assert folder.check(out, ledger).broken == (
        f"{out}: the signature of Ada Author is not in the ledger",
    )
