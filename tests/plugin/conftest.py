"""One napari window for each module, on a screen of its own; preferences in a folder of the test.

pytest-xvfb starts the screen. Without one the tests that open windows are skipped, but fail where
``ISLETQC_CI`` is set: a check that silently did not run is worse than none.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a window need a screen."""
    if not _no_screen() or os.environ.get("ISLETQC_CI"):
        return
    for item in items:
        if item.get_closest_marker("gui"):
            item.add_marker(pytest.mark.skip(reason="no X server: install xvfb"))


@pytest.fixture(scope="session", autouse=True)
def _own_preferences(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nobody's preferences are read or changed."""
    import napari.qt  # chooses the Qt binding, and notes it in the environment  # noqa: F401
    from napari.settings import get_settings

    before = os.environ.get("NAPARI_CONFIG")
    path = tmp_path_factory.mktemp("napari") / "settings.yaml"
    os.environ["NAPARI_CONFIG"] = str(path)
    get_settings(path)
    yield
    if before is None:
        del os.environ["NAPARI_CONFIG"]
    else:
        os.environ["NAPARI_CONFIG"] = before


@pytest.fixture(scope="module")
def window(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A napari window, 1600 x 1000."""
    if _no_screen():
        pytest.fail("no X server: install xvfb")  # Qt would end the whole run
    application = request.getfixturevalue("qapp")
    import napari
    from qtpy.QtTest import QTest

    viewer = napari.Viewer(show=True)
    viewer.window.resize(1600, 1000)
    QTest.qWaitForWindowExposed(viewer.window._qt_window, 600_000)
    yield viewer
    viewer.close()
    application.processEvents()


def _no_screen() -> bool:
    return sys.platform == "linux" and not os.environ.get("DISPLAY")
