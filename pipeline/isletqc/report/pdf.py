"""A page of the report -> PDF, by WeasyPrint, from the same HTML and its style for print."""

from __future__ import annotations

import logging
import re
from importlib.resources import files
from pathlib import Path

from isletqc.errors import UsageError
from isletqc.report.files import write_bytes_atomically


def check() -> None:
    """Refuse early where PDF cannot be written.

    Raises
    ------
    UsageError
        WeasyPrint or one of its libraries is missing.
    """
    try:
        import weasyprint  # type: ignore[import-untyped]  # noqa: F401
    except (ImportError, OSError) as e:
        raise UsageError(
            f"PDF needs WeasyPrint, which could not be loaded ({e}); "
            "pip install 'isletqc[report]', on Debian also apt-get install libpango-1.0-0 "
            "libpangoft2-1.0-0; or print report.html from a browser"
        ) from e


def write_pdf(page: Path) -> Path:
    """Write ``report.pdf`` beside ``report.html``; gives its path.

    Raises
    ------
    UsageError
        WeasyPrint is missing.
    OSError
        The folder cannot be written.
    """
    check()
    from weasyprint import HTML

    # What a browser knows and WeasyPrint does not (dialogs, shadows) is not printed anyway.
    logging.getLogger("weasyprint").setLevel(logging.CRITICAL)
    target = page.with_suffix(".pdf")
    html = HTML(string=_with_styled_drawings(page.read_text("utf-8")))
    write_bytes_atomically(target, html.write_pdf(optimize_images=False))
    return target


def _with_styled_drawings(html: str) -> str:
    """Put the style into each drawing: WeasyPrint does not apply the page's own to them."""
    style = files("isletqc.report").joinpath("charts.css").read_text("utf-8")
    return re.sub(
        r'(<svg class="(?!mark)[^>]*>)', lambda found: f"{found[1]}<style>{style}</style>", html
    )
