"""Packages of the extra ``report``: asked for before anything is written that needs them."""

from __future__ import annotations

from importlib import import_module

from isletqc.errors import UsageError


def require(package: str, form: str) -> None:
    """Refuse a form of the report where the package that writes it is missing.

    Raises
    ------
    UsageError
        It is missing; the message says how to get it.
    """
    try:
        import_module(package)
    except ImportError as e:
        raise UsageError(f"{form} needs {package}: pip install 'isletqc[report]'") from e
