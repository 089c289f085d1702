"""Text from outside -> text that can be shown: nothing hidden, nothing turned, not too long."""

from __future__ import annotations

import re

# Control, direction-changing and invisible characters, and halves of broken surrogate pairs.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def shown(text: str) -> str:
    r"""Text with every character that hides or turns others written as its code.

    Examples
    --------
    >>> shown("fine\u202eenif")
    'fine\\u202eenif'
    """
    if text.isascii() and text.isprintable():
        return text
    return _HIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def short(text: str, length: int = 60) -> str:
    """Give the text, or its start and its end where it is longer than ``length``."""
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[:half]}…{text[-half:]}"
