"""A drawn lot of three small aliquots, made once, and ways to run the program on it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from typer.testing import CliRunner, Result

from isletqc import protocol
from isletqc.cli import app

# The same examples each time, and none is held to a clock.
settings.register_profile(
    "isletqc", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("isletqc")

CLASSICAL = """\
name: classical-test
version: "1"
status: draft
title: Thresholds and watershed, for tests that are not about the network
stain: dithizone
segmentation: {method: classical, network: dithizone}
purity: {definition: area}
limits:
  - {name: identity, estimate: islet_count, relation: ">=", limit: 1, unit: islets}
"""


# The program, which waits once it has told of its first picture: a signal finds it in mid-run
# however fast the machine is, and however late the test reads what it tells.
HELD = """
import select
import signal
import sys
from isletqc.cli import main

class Held:
    def __init__(self, out):
        self.out = out
    def __getattr__(self, name):
        return getattr(self.out, name)
    def write(self, text):
        self.out.write(text)
        if text.startswith("[1/"):
            self.out.flush()
            # Not one long read: a signal just before it would wait for its end.
            while not select.select([sys.stdin], [], [], 0.1)[0]:
                pass

# Tests that run in the background inherit that Ctrl-C is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

sys.stdout = Held(sys.stdout)
main()
"""


@pytest.fixture(scope="session")
def held() -> Callable[..., subprocess.Popen[str]]:
    """Start the program in a process group of its own, held after its first picture."""

    def start(*arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", HELD, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )

    return start


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mapping[str, float]]:
    """Folder with ``images/``, ``labels/`` and ``samples.csv``; truth by name of the estimate."""
    # Heavy, and not needed by most tests.
    from isletqc.run import demo
    from isletqc.synthetic.draw import SC_MICROWELL, phantom_lot

    # Alike in size, so that few islets estimate the lot well.
    fields, truth = phantom_lot(
        7, islets_per_aliquot=40, law=SC_MICROWELL, shape_yx=(512, 704), recipient_kg=7
    )
    sheet = demo.write_lot(tmp_path_factory.mktemp("drawn"), fields, truth)
    return sheet.parent, demo.true_values(truth)


@pytest.fixture(scope="session")
def lot(drawn: tuple[Path, Mapping[str, float]]) -> Path:
    """Folder with ``images/``, ``labels/`` and ``samples.csv``."""
    return drawn[0]


@pytest.fixture(scope="session")
def truth(drawn: tuple[Path, Mapping[str, float]]) -> Mapping[str, float]:
    """What is true of the drawn lot, by name of the estimate."""
    return drawn[1]


@pytest.fixture(scope="session")
def classical(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Protocol that needs no network."""
    path = tmp_path_factory.mktemp("protocol") / "classical.yaml"
    path.write_text(CLASSICAL, encoding="utf-8")
    protocol.load(str(path))
    return path


@pytest.fixture(scope="session")
def isletqc() -> Callable[..., Result]:
    """Run the command line in this process."""
    runner = CliRunner()
    return lambda *arguments: runner.invoke(app, [str(a) for a in arguments])


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory,
    isletqc: Callable[..., Result],
    lot: Path,
    classical: Path,
) -> Path:
    """Output folder of an undisturbed run over the drawn lot."""
    out = tmp_path_factory.mktemp("finished") / "out"
    result = isletqc("run", "-s", lot / "samples.csv", "-p", classical, "-o", out, "--workers", 1)
    assert result.exit_code in {0, 5}, result.output
    return out


# Notes of pytest, of PyTorch's optimiser and of OpenCV to themselves.
NOT_OURS = {"PYTEST_CURRENT_TEST", "TORCHINDUCTOR_CACHE_DIR", "LD_LIBRARY_PATH"}


@pytest.fixture(autouse=True)
def _environment_is_left_alone() -> Iterator[None]:
    def state() -> tuple[dict[str, str], Path]:
        return {k: v for k, v in os.environ.items() if k not in NOT_OURS}, Path.cwd()

    before = state()
    yield
    assert state() == before
