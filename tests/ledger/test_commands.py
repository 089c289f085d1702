"""A laboratory's day on the command line: run, sign, correct, check."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from isletqc.errors import LedgerError
from isletqc.ledger import keys, store

Cli = Callable[..., Result]
Pair = tuple[keys.Key, keys.Key]
PASSPHRASE = "four plain words here"
SIGNED = """\
name: signed-test
version: "1"
status: approved
title: Thresholds and watershed under two signatures
stain: dithizone
segmentation: {method: classical}
limits:
  - {name: identity, estimate: islet_count, relation: ">=", limit: 1, unit: islets}
release: {signatures: author-and-reviewer}
"""


@pytest.fixture
def bench(
    environment: pytest.MonkeyPatch, tmp_path: Path, lot: Path, people: Pair
) -> dict[str, Path]:
    """A copy of the drawn lot, a protocol under two signatures, a ledger for all commands."""
    shutil.copytree(lot / "images", tmp_path / "images")
    shutil.copy(lot / "samples.csv", tmp_path / "samples.csv")
    (tmp_path / "ours.yaml").write_text(SIGNED, "utf-8")
    environment.setenv("ISLETQC_LEDGER", str(tmp_path / "ledger.sqlite"))
    environment.setenv("ISLETQC_PASSPHRASE", PASSPHRASE)
    names = {"sheet": "samples.csv", "protocol": "ours.yaml", "out": "out", "images": "images"}
    return {name: tmp_path / file for name, file in names.items()}


def approve(isletqc: Cli, bench: dict[str, Path]) -> None:
    for who, role in (("Ada Author", "author"), ("Rui Reviewer", "reviewer")):
        said = ("--role", role, "--meaning", "as validated", "--key", who)
        assert isletqc("protocols", "approve", bench["protocol"], *said).exit_code == 0


def run(isletqc: Cli, bench: dict[str, Path], *more: str) -> Result:
    command = ("run", "-s", bench["sheet"], "-p", bench["protocol"], "-o", bench["out"])
    return isletqc(*command, "--workers", 1, *more)


def sign(isletqc: Cli, out: Path, who: str, role: str) -> Result:
    return isletqc("sign", out, "--role", role, "--meaning", "I agree", "--key", who)


def test_run_sign_twice_change_and_verify(isletqc: Cli, bench: dict[str, Path]) -> None:
    out = bench["out"]
    refused = run(isletqc, bench, "--release")
    assert refused.exit_code == 2
    assert not out.exists()
    approve(isletqc, bench)

    done = run(isletqc, bench, "--release")
    assert done.exit_code in {0, 5}, done.output
    assert "author's signature missing; reviewer's signature missing" in done.output
    whole = isletqc("verify", out)
    assert whole.exit_code == 0, whole.output
    assert whole.output.splitlines()[-1].startswith("nothing has changed")

    assert sign(isletqc, out, "Rui Reviewer", "reviewer").exit_code == 2
    first = sign(isletqc, out, "Ada Author", "author")
    assert first.exit_code == 0, first.output
    assert first.output.splitlines()[-1].endswith("reviewer's signature missing")
    assert sign(isletqc, out, "Ada Author", "reviewer").exit_code == 2
    second = sign(isletqc, out, "Rui Reviewer", "reviewer")
    assert second.exit_code == 0, second.output
    page = (out / "report.html").read_text("utf-8")
    assert "Ada Author" in page
    assert "Rui Reviewer" in page
    assert isletqc("verify", out).exit_code == 0

    shown = isletqc(
        "lots", "show", json.loads((out / "results.json").read_text())["lots"][0]["lot"]
    )
    assert "Rui Reviewer, reviewer: I agree" in shown.output

    table = out / "objects.csv"
    table.write_text(table.read_text("utf-8") + "\n", "utf-8")
    changed = isletqc("verify", out)
    assert changed.exit_code == 4
    assert f"BROKEN: file {table} was changed after it was entered" in changed.output
    assert "the signature of Ada Author is void: after signing, objects.csv" in changed.output
    assert changed.output.splitlines()[-1] == "3 faults found"


def test_a_run_again_with_other_pictures_makes_the_signatures_void_in_the_report(
    isletqc: Cli, bench: dict[str, Path]
) -> None:
    out = bench["out"]
    run(isletqc, bench)
    sign(isletqc, out, "Ada Author", "author")
    first, second = sorted(bench["images"].iterdir())[:2]
    shutil.copy(second, first)
    again = run(isletqc, bench)
    assert "author's signature is void" in again.output
    assert "void" in (out / "report.html").read_text("utf-8").lower()
    (line,) = isletqc("lots", "list").output.splitlines()[1:]
    assert line.split()[3] == "2"  # runs of this lot


def test_a_lost_ledger_is_built_anew_from_the_folders(
    isletqc: Cli, bench: dict[str, Path], tmp_path: Path
) -> None:
    out = bench["out"]
    run(isletqc, bench)
    sign(isletqc, out, "Ada Author", "author")
    for path in tmp_path.glob("ledger.sqlite*"):
        path.unlink()
    built = isletqc("lots", "rebuild", tmp_path)
    assert built.exit_code == 0, built.output
    assert "entered as" in built.output
    assert "is there already" in isletqc("lots", "rebuild", tmp_path).output
    assert isletqc("verify", out).exit_code == 0
    backup = tmp_path / "backup.sqlite"
    assert isletqc("lots", "backup", backup).exit_code == 0
    assert isletqc("verify", "--ledger", backup, out).exit_code == 0
    assert "nothing to do" in isletqc("lots", "upgrade").output


def test_a_report_written_again_is_entered(isletqc: Cli, bench: dict[str, Path]) -> None:
    out = bench["out"]
    run(isletqc, bench)
    (out / "report.html").write_text("limits are met, believe me")
    assert isletqc("verify", out).exit_code == 4
    assert isletqc("report", out).exit_code == 0
    assert isletqc("verify", out).exit_code == 0


def test_results_outside_the_ledger_are_not_signed_into_it(
    isletqc: Cli, bench: dict[str, Path], finished: Path, tmp_path: Path
) -> None:
    run(isletqc, bench)
    strange = tmp_path / "strange"
    shutil.copytree(finished, strange)
    refused = sign(isletqc, strange, "Ada Author", "author")
    assert refused.exit_code == 2
    assert "are not in the ledger" in refused.output
    assert not (strange / "signatures.json").exists()


def test_a_folder_knows_the_ledger_that_holds_it(
    isletqc: Cli, bench: dict[str, Path], environment: pytest.MonkeyPatch
) -> None:
    out = bench["out"]
    run(isletqc, bench)
    environment.delenv("ISLETQC_LEDGER")
    assert sign(isletqc, out, "Ada Author", "author").exit_code == 0
    whole = isletqc("verify", out)
    assert whole.exit_code == 0, whole.output
    assert "looked at ledger" in whole.output
    assert isletqc("report", out).exit_code == 0
    assert isletqc("verify", out).exit_code == 0


def test_a_ledger_whose_password_was_left_out_has_to_be_named(
    isletqc: Cli, bench: dict[str, Path], environment: pytest.MonkeyPatch
) -> None:
    out = bench["out"]
    run(isletqc, bench)
    environment.delenv("ISLETQC_LEDGER")
    note = {"address": "postgresql://lab@server/isletqc", "password_left_out": True}
    (out / "ledger.json").write_text(json.dumps(note), "utf-8")
    refused = sign(isletqc, out, "Ada Author", "author")
    assert refused.exit_code == 2
    assert "postgresql://lab@server/isletqc; name it with --ledger" in refused.output
    assert not (out / "signatures.json").exists()


def test_without_a_ledger_a_folder_is_signed_and_checked_by_itself(
    isletqc: Cli, finished: Path, tmp_path: Path, people: Pair, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("ISLETQC_PASSPHRASE", PASSPHRASE)
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    assert sign(isletqc, out, "Ada Author", "author").exit_code == 0
    assert isletqc("verify", out).exit_code == 0
    document = json.loads((out / "results.json").read_text("utf-8"))
    document["lots"][0]["verdict"] = "pass!"
    (out / "results.json").write_text(json.dumps(document), "utf-8")
    found = isletqc("verify", out)
    assert found.exit_code == 4
    assert "void: after signing, results.json was changed" in found.output


def test_keys_are_made_listed_and_shown(
    isletqc: Cli, environment: pytest.MonkeyPatch, state: Path
) -> None:
    environment.setenv("ISLETQC_PASSPHRASE", PASSPHRASE)
    assert isletqc("keys", "list").output == "no keys here\n"
    made = isletqc("keys", "new", "Ida Islet")
    assert made.exit_code == 0, made.output
    assert "Ida Islet" in isletqc("keys", "list").output
    shown = isletqc("keys", "show", "ida islet").output
    assert f"fingerprint  {keys.find(None).fingerprint}" in shown


def test_the_passphrase_may_come_by_a_file_descriptor(isletqc: Cli, state: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, f"{PASSPHRASE}\n".encode())
    os.close(writing)
    made = isletqc("keys", "new", "Ida Islet", "--passphrase-fd", reading)
    assert made.exit_code == 0, made.output
    assert keys.sign(keys.find(None), PASSPHRASE, {"who": "Ida"})


def test_a_password_in_the_ledgers_address_reaches_no_file(tmp_path: Path) -> None:
    from isletqc.run import provenance

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["isletqc", "--ledger", "postgresql://ada:secret@host/lab"])
        assert provenance.command_line() == "isletqc --ledger postgresql://ada:***@host/lab"


def test_the_bill_of_materials_names_every_package_and_network(isletqc: Cli) -> None:
    bill = json.loads(isletqc("sbom").output)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    names = {part["name"].lower() for part in bill["components"]}
    # asked for by pyproject, by one of those, and a network
    assert {"sqlalchemy", "mako", "dithizone"} <= names
    references = {part["bom-ref"] for part in bill["components"]}
    references.add(bill["metadata"]["component"]["bom-ref"])
    assert len(references) == len(bill["components"]) + 1
    assert all(ref in references for one in bill["dependencies"] for ref in one["dependsOn"])


def test_the_ledger_is_not_imported_for_help() -> None:
    code = (
        "import sys, isletqc.cli; "
        "sys.exit({'sqlalchemy', 'cryptography', 'alembic'} & set(sys.modules) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)


def test_a_signature_that_cannot_be_finished_leaves_none(
    isletqc: Cli, bench: dict[str, Path]
) -> None:
    out = bench["out"]
    run(isletqc, bench)
    page = (out / "report.html").read_bytes()

    def refuse(*_: object) -> None:
        raise LedgerError("the server went away")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "write", refuse)
        assert sign(isletqc, out, "Ada Author", "author").exit_code == 2
    assert not (out / "signatures.json").exists()
    assert (out / "report.html").read_bytes() == page
    assert isletqc("verify", out).exit_code == 0


def test_a_run_shows_the_trend_of_the_lots_before_it_in_the_ledger(
    isletqc: Cli, bench: dict[str, Path], tmp_path: Path
) -> None:
    run(isletqc, bench)
    first = (bench["out"] / "report.html").read_text("utf-8")
    assert 'id="trend"' not in first
    sheet = bench["sheet"].read_text("utf-8").replace(",demo,", ",the next lot,")
    bench["sheet"].write_text(sheet, "utf-8")
    # Runs of one second would have no order.
    entered = json.loads((bench["out"] / "provenance.json").read_text("utf-8"))["started"]
    later = bench | {"out": tmp_path / "later"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("isletqc.run.batch._now", lambda: entered.replace("+00:00", ".5+00:00"))
        assert run(isletqc, later).exit_code in {0, 5}
    page = (later["out"] / "report.html").read_text("utf-8")
    assert "2 lots, the last one is the next lot." in page
    assert isletqc("verify", later["out"]).exit_code == 0
    assert isletqc("report", later["out"]).exit_code == 0
    assert (later["out"] / "report.html").read_text("utf-8") == page
    assert isletqc("report", bench["out"]).exit_code == 0
    assert 'id="trend"' not in (bench["out"] / "report.html").read_text("utf-8")
