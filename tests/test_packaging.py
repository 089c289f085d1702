from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest
from ruamel.yaml import YAML
from typer.testing import Result

import isletqc as package
from isletqc import assets, protocol

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
METADATA = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def commands(page: Path) -> list[str]:
    """Commands of a page: in code blocks, up to the gap before their meaning, and in the text."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [re.split(r"\s{3,}", line)[0] for block in blocks for line in block.splitlines()]
    words = re.findall(r"`(isletqc [^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))
    return [line for line in (*lines, *words) if line.startswith("isletqc ")]


ALL_COMMANDS = sorted({c for page in PAGES for c in commands(page)})


def test_the_documentation_has_commands_to_check() -> None:
    assert len(ALL_COMMANDS) >= 10


@pytest.mark.parametrize("command", ALL_COMMANDS)
def test_every_documented_command_is_one(isletqc: Callable[..., Result], command: str) -> None:
    arguments = shlex.split(command.split(">")[0])[1:]
    # Options are read before help is shown: one that does not exist ends with 2.
    result = isletqc(*arguments, "--help")
    assert result.exit_code == 0, result.output
    words = [a for a in arguments if re.fullmatch(r"[a-z]+", a)]
    assert words[0] in result.output


@pytest.mark.parametrize("script", ["scripts/demo", "scripts/test"])
def test_the_two_commands_of_the_readme_are_there(script: str) -> None:
    assert f"\n{script}\n" in PAGES[0].read_text(encoding="utf-8")
    assert os.access(ROOT / script, os.X_OK)


def test_the_check_of_a_wheel_finds_what_is_missing_and_what_does_not_belong(
    tmp_path: Path,
) -> None:
    wheel, script = tmp_path / "x.whl", ROOT / "scripts" / "wheel_contents.py"
    shipped = [*ROOT.glob("configs/*.yaml"), *ROOT.glob("models/*/weights.safetensors")]
    names = [f"isletqc/{path.relative_to(ROOT).as_posix()}" for path in shipped]

    def found(*members: str) -> tuple[int, str]:
        with ZipFile(wheel, "w") as file:
            for name in members:
                file.writestr(name, "")
        done = subprocess.run(
            [sys.executable, script, wheel], capture_output=True, text=True, check=False
        )
        return done.returncode, done.stderr

    assert found(*names, "isletqc/cli/__init__.py", "isletqc-1.dist-info/METADATA") == (0, "")
    assert found(*names, "models/x.py") == (1, "unexpected: models\n")
    assert found(*names[1:]) == (1, f"missing: {names[0]}\n")


def test_links_between_pages_lead_somewhere() -> None:
    for page in (*PAGES, ROOT / "CONTRIBUTING.md"):
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_one_version_everywhere() -> None:
    citation = YAML(typ="safe", pure=True).load(ROOT / "CITATION.cff")
    assert METADATA["project"]["version"] == package.__version__ == citation["version"]


def test_the_readme_and_the_exit_code_page_agree_with_the_help(
    isletqc: Callable[..., Result],
) -> None:
    told = isletqc("run", "--help").output
    for page in (PAGES[0], ROOT / "docs" / "exit-codes.md"):
        codes = re.findall(r"^\| (\d+)", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert [c for c in codes if int(c) < 10] == list("012345")
    assert all(re.search(rf"^\s+{code}  ", told, re.MULTILINE) for code in range(6))


def test_every_shipped_protocol_is_read_and_documented() -> None:
    page = (ROOT / "docs" / "protocols.md").read_text(encoding="utf-8")
    for path in assets.configs():
        assert protocol.load(path.stem).protocol.name == path.stem
        assert f"`{path.stem}`" in page


def test_every_key_of_a_protocol_is_documented() -> None:
    page = (ROOT / "docs" / "protocols.md").read_text(encoding="utf-8")
    for key in protocol.Protocol.model_fields:
        if key != "notes":
            assert f"`{key}`" in page, key


def test_every_column_of_the_sample_sheet_is_documented() -> None:
    from dataclasses import fields

    from isletqc.records import Sample

    page = (ROOT / "docs" / "sample-sheet.md").read_text(encoding="utf-8")
    for field in (
        f for f in fields(Sample) if f.name != "assays"
    ):  # they have a table of their own
        assert f"| `{field.name}` |" in page, field.name


def test_every_network_that_a_protocol_names_is_shipped_with_card_and_recipe() -> None:
    for path in assets.configs():
        settings = protocol.load(path.stem).protocol.segmentation
        if settings.method == "network":
            folder = assets.model(settings.network)
            for name in ("weights.safetensors", "README.md", "recipe.yaml"):
                assert (folder / name).is_file(), f"{folder.name}/{name}"
