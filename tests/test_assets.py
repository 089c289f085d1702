"""A laboratory's own networks are found beside the shipped ones, and never in their place."""

from pathlib import Path

import pytest

from isletqc import assets


def folder(root: Path, name: str) -> Path:
    (root / name).mkdir()
    (root / name / "weights.safetensors").touch()
    return root / name


def test_own_networks_lie_in_the_folder_that_the_environment_names(tmp_path: Path) -> None:
    shipped = assets.models()
    own = folder(tmp_path, "our_microscope")
    assert assets.model("our_microscope") != own
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ISLETQC_MODELS", str(tmp_path))
        assert assets.model("our_microscope") == own
        assert assets.models() == (*shipped, own)


def test_a_shipped_name_always_means_the_shipped_network(tmp_path: Path) -> None:
    shipped, path = assets.models(), assets.model("dithizone")
    folder(tmp_path, "dithizone")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ISLETQC_MODELS", str(tmp_path))
        assert assets.model("dithizone") == path
        assert assets.models() == shipped
