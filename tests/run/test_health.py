from __future__ import annotations

import pytest

from isletqc.run import health


def versions(**found: str) -> health.Version:
    known = {name.replace("_", "-"): number for name, number in found.items()}
    return lambda name: known.get(name, "")


def test_one_opencv_is_fine() -> None:
    assert health.opencv(versions(opencv_python_headless="5.0.0")).fine


@pytest.mark.parametrize(
    "found", [{}, {"opencv_python_headless": "5.0.0", "opencv_python": "4.11.0"}]
)
def test_no_opencv_or_two_are_reported_with_the_repair(found: dict[str, str]) -> None:
    finding = health.opencv(versions(**found))
    assert not finding.fine
    assert "pip install opencv-python-headless" in finding.message


@pytest.mark.parametrize(
    ("found", "python", "fine"),
    [
        ({}, (3, 11), True),
        ({"PySide6_Essentials": "6.11.3"}, (3, 11), True),
        ({"PySide6": "6.11.3", "PySide6_Essentials": "6.11.3"}, (3, 11), True),
        ({"PySide6_Essentials": "6.12.0"}, (3, 11), False),
        ({"PySide6_Essentials": "6.12.0"}, (3, 12), True),
        ({"PySide6": "6.11.3", "PyQt6": "6.11.0"}, (3, 12), False),
    ],
)
def test_qt_traps_are_found(found: dict[str, str], python: tuple[int, int], fine: bool) -> None:
    assert health.qt(versions(**found), python).fine is fine
