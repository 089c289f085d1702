"""The manifest: an invalid one would make the whole plugin vanish without a word."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from npe2 import PluginManifest


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_distribution("isletqc")


def test_npe2_finds_the_manifest_valid() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("npe2"), "validate", "isletqc"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_command_names_something_that_can_be_imported(manifest: PluginManifest) -> None:
    manifest.validate_imports()
    assert len(manifest.contributions.commands or ()) == 9


def test_menus_are_those_that_napari_offers(manifest: PluginManifest) -> None:
    from napari._app_model.constants import MenuId

    assert set(manifest.contributions.menus or ()) <= MenuId.contributables()


def test_preferences_name_protocol_person_device_and_autosave() -> None:
    from isletqc.plugin import preferences

    declared = type(preferences.work()).model_fields
    assert {name: field.default for name, field in declared.items()} == {
        "protocol": "dtz-us-generic",
        "who": "",
        "device": "auto",
        "autosave": True,
    }
    preferences.set_who("  A. Person ")
    assert preferences.who() == "A. Person"
    preferences.set_who("")


@pytest.mark.gui
def test_the_docks_are_in_the_menus_of_napari(window: Any) -> None:
    menus = {action.text(): action.menu() for action in window.window.layers_menu.actions()}
    for menu, words in (
        ("Segment", "Islet QC (Islet QC)"),
        ("Measure", "Results (Islet QC)"),
        ("Annotate", "Correct (Islet QC)"),
        ("Classify", "Review (Islet QC)"),
    ):
        shown = next(found for text, found in menus.items() if text.replace("&", "") == menu)
        assert words in [action.text() for action in shown.actions()]
