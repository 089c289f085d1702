"""Result folders written by hand, ledgers in SQLite and PostgreSQL, keys with passphrases."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from isletqc.ledger import canonical, keys, store
from isletqc.ledger.connect import Ledger

BINARIES = Path("/usr/lib/postgresql")
PASSPHRASE = "four plain words here"
MakeFolder = Callable[..., Path]
NewAddress = Callable[[str], str]
SETTINGS: dict[str, Any] = {"name": "by-hand", "release": {"signatures": "none"}}


@pytest.fixture
def environment(_environment_is_left_alone: None) -> Iterator[pytest.MonkeyPatch]:
    """Changes that are taken back before the environment is looked at."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(autouse=True)
def state(environment: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Folder of this test's keys and heads; nothing of the user's own is touched."""
    folder = tmp_path / "state"
    environment.setenv("ISLETQC_STATE", str(folder))
    for name in ("ISLETQC_LEDGER", "ISLETQC_HEADS", "ISLETQC_PASSPHRASE"):
        environment.delenv(name, raising=False)
    return folder


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Socket folder of a PostgreSQL server that lives as long as the tests; no TCP."""
    found = sorted(BINARIES.glob("*/bin/pg_ctl"))
    if not found:
        if os.environ.get("ISLETQC_CI"):
            pytest.fail("ISLETQC_CI is set, but Debian's postgresql is not installed")
        pytest.skip("Debian's postgresql is not installed")
    # A socket's path may have 107 characters; pytest's folders are nobody's business.
    folder = Path(tmp_path_factory.mktemp("pg", numbered=True))
    socket = Path(tempfile.mkdtemp(prefix="isletqc-pg-", dir="/tmp"))
    as_other: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        as_other = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
        shutil.chown(socket, "postgres")
        folder = socket
    data, control = folder / "data", str(found[-1])
    options = f"-c listen_addresses= -c unix_socket_directories={socket} -c fsync=off"
    start = [
        control,
        "-D",
        str(data),
        "-w",
        "-t",
        "600",
        "-o",
        options,
        "-l",
        str(folder / "log"),
        "start",
    ]
    init = ["initdb", "-A", "trust", "-U", "isletqc", "-E", "UTF8", "--locale", "C.UTF-8"]
    init[0] = str(found[-1].with_name("initdb"))
    try:
        for command in ([*init, "--no-sync", "-D", str(data)], start):
            subprocess.run(
                [*as_other, *command], check=True, stdout=subprocess.DEVNULL, timeout=600, cwd="/"
            )
        yield str(socket)
    finally:
        stop = [*as_other, control, "-D", str(data), "-m", "immediate", "stop"]
        subprocess.run(stop, check=False, stdout=subprocess.DEVNULL, timeout=600, cwd="/")
        shutil.rmtree(socket, ignore_errors=True)


_numbers = count()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def address(request: pytest.FixtureRequest, new_address: NewAddress) -> str:
    """Address of a ledger that does not exist yet, in either database."""
    return new_address(request.param)


@pytest.fixture
def new_address(request: pytest.FixtureRequest, tmp_path: Path) -> NewAddress:
    """Address of a new file, or of a new empty schema on the server."""

    def make(kind: str) -> str:
        name = f"ledger{next(_numbers)}"
        if kind == "sqlite":
            return str(tmp_path / f"{name}.sqlite")
        socket = request.getfixturevalue("server")
        place = f"host={socket}&options=-csearch_path%3D{name}"
        with psycopg.connect(f"postgresql://isletqc@/postgres?{place}") as connection:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        return f"postgresql://isletqc@/postgres?{place}"

    return make


@pytest.fixture
def ledger(address: str) -> Iterator[Ledger]:
    """Open, empty ledger."""
    with store.opened(address, create=True) as opened:
        yield opened


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """Write a result folder of one lot with one picture, small but of the documented form."""

    def make(lot: str = "LOT-1", **facts: Any) -> Path:
        return _write_folder(tmp_path / "results" / f"{next(_numbers)}", lot, **facts)

    return make


def _write_folder(
    out: Path, lot: str, *, ieq: float = 12.5, signatures: str = "none", edits: Any = ()
) -> Path:
    """Write the files that the ledger reads."""
    images = out / "images" / "field"
    images.mkdir(parents=True)
    picture = out / "field.tif"
    picture.write_bytes(f"pixels of {lot}".encode())
    sha256 = hashlib.sha256(picture.read_bytes()).hexdigest()
    for name in ("labels.ome.tif", "classes.ome.tif", "overlay.jpg"):
        (images / name).write_bytes(f"{name} of {lot}".encode())
    result = {"edits": list(edits), "approval": None}
    (images / "result.json").write_text(json.dumps({"picture": result}), "utf-8")
    protocol = {"name": "by-hand", "version": "1", "status": "draft", "sha256": "a" * 64}
    found = {
        "schema_version": "1.0",
        "verdict": "pass",
        "exit_code": 0,
        "protocol": protocol,
        "network": None,
        "lots": [_lot(lot, ieq, str(picture), sha256)],
        "failures": [],
    }
    settings = {**SETTINGS, "release": {"signatures": signatures}}
    made: dict[str, Any] = {
        "isletqc": "0.1.0",
        "command": "isletqc run",
        "started": canonical.now(),
        "finished": canonical.now(),
        "device": "cpu",
        "protocol": {"sha256": "a" * 64, "settings": settings},
        "network": None,
        "inputs": [],
    }
    (out / "provenance.json").write_text(json.dumps(made), "utf-8")
    for name in ("objects.csv", "images.csv", "lots.csv", "report.html", "junit.xml"):
        (out / name).write_text(f"{name} of {lot}", "utf-8")
    (out / "results.json").write_text(json.dumps(found), "utf-8")
    return out


def _lot(name: str, ieq: float, path: str, sha256: str) -> dict[str, Any]:
    interval = {"ci_low": 0.9 * ieq, "ci_high": 1.1 * ieq}
    return {
        "lot": name,
        "verdict": "pass",
        "reason": "",
        "criteria": [
            {
                "name": "dose",
                "estimate": "ieq_total",
                "value": ieq,
                "unit": "IEQ",
                "relation": ">=",
                "limit": 1,
                **interval,
                "probability": 1.0,
                "verdict": "pass",
                "reason": "",
                "supportive": False,
                "source": "",
            }
        ],
        "estimates": {
            "ieq_total": {"value": ieq, "unit": "IEQ", **interval, "reason": ""},
            "purity": {"value": None, "unit": "1", "reason": "not part of the method"},
        },
        "facts": {"suspension_ml": 100, "recipient_kg": None, "infusion": "first", "day": None},
        "specimens": [{"specimen": "1", "aliquot_ul": 100.0, "islet_count": 3, "ieq": ieq}],
        "images": [
            {
                "image": "field.tif",
                "specimen": "1",
                "role": "sample",
                "verdict": "fit",
                "islet_count": 3,
                "ieq": ieq,
                "um_per_px": 2.0,
                "folder": "images/field",
                "path": path,
                "sha256": sha256,
                "checks": [],
            }
        ],
    }


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with keys of two people, cheap to open."""
    folder = tmp_path_factory.mktemp("sealed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ISLETQC_STATE", str(folder))
        for who in ("Ada Author", "Rui Reviewer"):
            keys.new(who, PASSPHRASE, scrypt_n=2**10)
    return folder


@pytest.fixture
def people(sealed: Path, state: Path) -> tuple[keys.Key, keys.Key]:
    """Keys of an author and a reviewer."""
    shutil.copytree(sealed / "keys", state / "keys")
    return keys.find("Ada Author"), keys.find("Rui Reviewer")
