from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from isletqc.errors import RunLockedError
from isletqc.run import lock

HOLD = """
import sys
from pathlib import Path
from isletqc.run import lock
with lock.hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_run_in_the_same_folder_is_told_who_holds_it(tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunLockedError) as caught, lock.hold(tmp_path):
            pass
        assert str(other.pid) in str(caught.value)
        assert socket.gethostname() in str(caught.value)
        other.kill()


def test_the_lock_of_a_killed_run_is_taken_over(tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with other:
        assert other.stdout is not None
        other.stdout.readline()
        other.kill()
    with lock.hold(tmp_path):
        assert json.loads((tmp_path / lock.NAME).read_text())["pid"] == os.getpid()


def test_a_lock_left_by_another_host_is_not_taken_over(tmp_path: Path) -> None:
    left = {"pid": 7, "host": "a-host-elsewhere", "started": "2026-01-01T00:00:00+00:00"}
    (tmp_path / lock.NAME).write_text(json.dumps(left))
    with pytest.raises(RunLockedError, match="a-host-elsewhere"), lock.hold(tmp_path):
        pass


@pytest.mark.parametrize("rubbish", ["", "{", "[]", "null"])
def test_a_damaged_lock_file_does_not_block(tmp_path: Path, rubbish: str) -> None:
    (tmp_path / lock.NAME).write_text(rubbish)
    with lock.hold(tmp_path):
        pass


def test_the_folder_is_free_after_the_run_and_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock.hold(tmp_path):
        raise ZeroDivisionError
    with lock.hold(tmp_path):
        pass
    assert (tmp_path / lock.NAME).read_text() == ""
