from __future__ import annotations

from pathlib import Path

import pytest

from isletqc import protocol
from isletqc.errors import UsageError
from isletqc.run import drafts


def test_a_new_protocol_keeps_the_limits_and_starts_as_a_draft(tmp_path: Path) -> None:
    path = drafts.write("our-lab", source="dtz-us-generic", path=tmp_path / "ours.yaml")
    new, old = protocol.load(str(path)).protocol, protocol.load("dtz-us-generic").protocol
    assert (new.name, new.version, new.status) == ("our-lab", "0.1", "draft")
    assert new.limits == old.limits


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "ours.yaml"
    path.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        drafts.write("our-lab", source="dtz-us-generic", path=path)
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["Our Lab", "../x", "", "-x", "a/b"])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="small letters"):
        drafts.write(name, source="dtz-us-generic", path=tmp_path / "x.yaml")
    assert not list(tmp_path.iterdir())
