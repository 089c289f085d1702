"""Whole files or none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from isletqc.report.files import write_bytes_atomically, write_text_atomically


def test_text_arrives_as_utf8_with_its_line_ends(tmp_path: Path) -> None:
    write_text_atomically(tmp_path / "a.txt", "µm\r\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc2\xb5m\r\n"


def test_a_file_name_that_is_not_utf8_can_be_written_down(tmp_path: Path) -> None:
    write_text_atomically(tmp_path / "a.txt", os.fsdecode(b"caf\xe9.tif"))
    assert (tmp_path / "a.txt").read_text("utf-8") == "caf\\udce9.tif"


def test_no_temporary_file_is_left(tmp_path: Path) -> None:
    write_bytes_atomically(tmp_path / "a.bin", b"1")
    write_bytes_atomically(tmp_path / "a.bin", b"2")
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]
    assert (tmp_path / "a.bin").read_bytes() == b"2"


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    write_bytes_atomically(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_bytes_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        write_bytes_atomically(tmp_path / "none" / "a.bin", b"1")
