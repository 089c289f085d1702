"""``report.pdf`` from the page that people see."""

from __future__ import annotations

import builtins
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from isletqc.errors import UsageError
from isletqc.report import pdf
from isletqc.report.picture import write_picture
from isletqc.report.run import write_run


def words(path: Path) -> str:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    found = subprocess.run(
        ["pdftotext", "-layout", str(path), "-"], check=True, capture_output=True, text=True
    )
    return re.sub(r"\s+", " ", found.stdout)


@pytest.fixture
def page(make: Any, tmp_path: Path) -> Path:
    picture = make.picture()
    write_picture(
        tmp_path / "images" / "a1",
        image=make.image(),
        regions=make.regions(),
        picture=picture,
        key="k",
    )
    lot = make.lot("HI-2026-007", [picture], [make.failure()])
    write_run(tmp_path, results=make.results(make.verdict("review", lot)))
    return tmp_path / "report.html"


def test_the_pdf_holds_what_the_page_holds(page: Path) -> None:
    pytest.importorskip("weasyprint")
    found = words(pdf.write_pdf(page))
    for needed in (
        "Review",
        "HI-2026-007",
        "the file ends after 12 bytes",
        "≥ 5,000 IEQ/kg",
        "Islets and IEQ by diameter",
        "half up to 150 µm",  # inside a drawing
        "Definitions in use",
        "1.767146 nL",
    ):
        assert needed in found
    # Every islet is printed where they are few; what only works on a screen is not.
    assert "smaller than 50 um" in found
    assert "Show only rows" not in found


def test_what_is_missing_is_named_with_the_command(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *others: Any, **more: Any) -> Any:
        if name == "weasyprint":
            raise ImportError("No module named 'weasyprint'")
        return real(name, *others, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"isletqc\[report\]"):
        pdf.write_pdf(page)
    assert not page.with_suffix(".pdf").exists()
