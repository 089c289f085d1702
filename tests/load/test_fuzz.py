"""A slice of what scripts/fuzz runs long: damaged files are read, or refused by a picture error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fuzz
import fuzz_corpus
import pytest

from isletqc.load import answer

SEED, FILES = 7, 400
# Native code and large libraries: only read in a process of its own, which test_formats holds.
APART = (".czi", ".ndpi", ".svs", ".vsi")
OUTCOMES = {"read", "unreadable", "unsupported", "too-large"}


@pytest.fixture(scope="module")
def samples() -> Any:
    """Sound pictures of the formats that are read in this process."""
    found = fuzz_corpus.samples()
    return {name: sample for name, sample in found.items() if not name.endswith(APART)}


def outcome(path: Path) -> str:
    """What a run would say of a file, without a process for each."""
    form = fuzz._microscope_form(path)
    if form is not None:
        found = answer.ask(
            path, form, wanted="", max_megapixels=50, before_pixels=lambda head: None
        )
        return found.problem.code if found.problem else "read"
    said, finding = fuzz.read(path, guarded=True)
    assert finding == "", path
    return str(said)


def test_damaged_files_are_read_or_refused_by_a_picture_error(tmp_path: Path, samples: Any) -> None:
    found = [
        outcome(fuzz.write(tmp_path, samples, seed=SEED, number=number)) for number in range(FILES)
    ]
    assert set(found) <= OUTCOMES
    assert min(found.count(word) for word in ("read", "unreadable")) > FILES // 20


def test_a_number_of_a_seed_is_always_the_same_file(tmp_path: Path, samples: Any) -> None:
    def data(folder: str, number: int) -> bytes:
        path = fuzz.write(tmp_path / folder, samples, seed=SEED, number=number)
        return b"".join(p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()) or (
            path.read_bytes() if path.is_file() else b""
        )

    assert [data("a", k) for k in range(20)] == [data("b", k) for k in range(20)]


# Files that once were findings: each is made here by hand.


def test_a_tiff_that_claims_two_thousand_million_channels_is_refused_at_once(
    tmp_path: Path,
) -> None:
    import struct

    pixels = fuzz_corpus.noise(24, 30)
    data = bytearray(fuzz_corpus.tiff(pixels, bigtiff=True, byteorder="<"))
    at = data.index(struct.pack("<HHQ", 277, 3, 1))
    struct.pack_into("<HQQ", data, at + 2, 4, 1, 2**31 - 1)
    (tmp_path / "a.tif").write_bytes(data)
    assert fuzz.read(tmp_path / "a.tif", guarded=False) == ("unreadable", "")
