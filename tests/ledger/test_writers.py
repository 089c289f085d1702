from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from isletqc.ledger import lots, store, verify

WRITERS = Path(__file__).with_name("writers.py")
LOTS, PROCESSES, KILLS = 500, 8, 20
MakeFolder = Callable[..., Path]


def run_writers(kind: str, address: str, folders: Path, number: int) -> int:
    command = [sys.executable, str(WRITERS), kind, address, str(folders), str(number)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return int(done.stdout)


def test_eight_writers_at_once_lose_nothing_of_500_lots(
    address: str, make_folder: MakeFolder
) -> None:
    made = [make_folder(f"LOT-{n:03d}", ieq=1000.0 + n) for n in range(LOTS)]
    assert run_writers("crowd", address, made[0].parent, PROCESSES) == 0
    with store.opened(address) as ledger:
        found = lots.series(ledger, "ieq_total")
        assert {point.lot: point.value for point in found} == {
            f"LOT-{n:03d}": 1000.0 + n for n in range(LOTS)
        }
        assert [line.runs for line in lots.every(ledger)] == [1] * LOTS
        assert verify.ledger(ledger).broken == ()


def test_a_writer_killed_in_mid_write_leaves_a_whole_chain(
    address: str, make_folder: MakeFolder
) -> None:
    made = [make_folder(f"LOT-{n}") for n in range(3)]
    with store.opened(address, create=True):
        pass
    assert run_writers("killed", address, made[0].parent, KILLS) == KILLS
    with store.opened(address) as ledger:
        assert verify.ledger(ledger).broken == ()
        assert run_writers("crowd", address, made[0].parent, 1) == 0
        assert {line.lot for line in lots.every(ledger)} == {"LOT-0", "LOT-1", "LOT-2"}
        assert verify.ledger(ledger).broken == ()
