"""What napari's preferences say about isletqc: protocol, person, device, autosave."""

from __future__ import annotations

import getpass
from typing import Any

from napari.settings import get_plugin_settings

PLUGIN = "isletqc"


def work() -> Any:
    """Give the group of settings that the manifest declares; setting an attribute saves it."""
    return get_plugin_settings(PLUGIN).work


def who() -> str:
    """Name that stands beside edits; empty when nobody has said it yet."""
    return str(work().who).strip()


def set_who(name: str) -> None:
    """Remember the name for this and later sessions."""
    work().who = name.strip()


def login() -> str:
    """Name to propose: that of the account; empty when the system does not say."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
