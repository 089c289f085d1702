"""``docs/methods.md``: every test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(\w+/test_\w+\.py)::(test_\w+)`", PAGE)))


def test_the_page_names_tests_of_every_room_that_reckons() -> None:
    rooms = {path.split("/")[0] for path, _ in NAMED}
    assert rooms == {"measure", "decide", "validation", "segment", "training"}
    assert len(NAMED) >= 40


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_every_named_test_exists(path: str, name: str) -> None:
    text = (ROOT / "tests" / path).read_text(encoding="utf-8")
    assert re.search(rf"^def {name}\(", text, re.MULTILINE), f"{path}::{name}"


def test_every_row_has_a_formula_a_source_and_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "::" in line]
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 5, row
        assert cells[0], row
        assert cells[1], row
        assert cells[3], row
