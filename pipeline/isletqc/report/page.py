"""stub."""

from pathlib import Path

from isletqc.report.results import RunResults


def report_html(results: RunResults, out: Path) -> str:
    """Stub."""
    return "<!doctype html>"
