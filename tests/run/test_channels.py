"""Pictures of several channels: inspect and evaluate take those that the protocol names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import Result

from isletqc.synthetic.immunofluorescence import DrawnMarker, immunofluorescence_field
from isletqc.synthetic.livedead import livedead_field

Cli = Callable[..., Result]
UM = 2.0


def _write(path: Path, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint16]], um: float) -> None:
    """Write channels (Y, X, C) as OME-TIFF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [f"stain {k}" for k in range(pixels.shape[2])]
    size = {"PhysicalSizeX": um, "PhysicalSizeXUnit": "µm"}
    size |= {"PhysicalSizeY": um, "PhysicalSizeYUnit": "µm"}
    metadata = {"axes": "CYX", "Channel": {"Name": names}, **size}
    planes = np.ascontiguousarray(np.moveaxis(pixels, 2, 0))
    tifffile.imwrite(path, planes, ome=True, photometric="minisblack", metadata=metadata)


@pytest.fixture(scope="module")
def live_dead(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a picture, live in its third channel and dead in its first, and its labels."""
    folder = tmp_path_factory.mktemp("live-dead")
    field = livedead_field(3, viability=0.7, shape_yx=(400, 480), um_per_px=UM, islets=5)
    empty = np.full(field.labels.shape, 100, np.uint16)
    pixels = np.stack([field.pixels[..., 1], empty, field.pixels[..., 0]], axis=-1)
    _write(folder / "images" / "a.tif", pixels, UM)
    (folder / "labels").mkdir()
    tifffile.imwrite(folder / "labels" / "a.tif", field.labels.astype(np.uint16))
    return folder


@pytest.fixture
def three_channels(tmp_path: Path, isletqc: Cli) -> Path:
    """Write a protocol that names the channels of the picture."""
    path = tmp_path / "ours.yaml"
    assert (
        isletqc("protocols", "new", "ours", "--from", "viability-fda-pi", "-o", path).exit_code == 0
    )
    text = path.read_text().replace("live_channel: 1", "live_channel: stain 2")
    path.write_text(text.replace("dead_channel: 2", "dead_channel: 1"))
    return path


def test_inspect_says_which_channels_are_live_and_dead(
    live_dead: Path, three_channels: Path, isletqc: Cli
) -> None:
    result = isletqc("inspect", live_dead / "images" / "a.tif", "-p", three_channels)
    assert result.exit_code == 0, result.output
    words = " ".join(result.output.split())
    assert "live channel stain 2" in words.replace(":", "")
    assert "dead channel stain 0" in words.replace(":", "")


def test_inspect_says_when_the_channels_are_not_there(live_dead: Path, isletqc: Cli) -> None:
    result = isletqc("inspect", live_dead / "images" / "a.tif", "-p", "sc-islet-if")
    assert result.exit_code == 0, result.output
    result = isletqc("inspect", live_dead / "labels" / "a.tif", "-p", "viability-fda-pi",
                     "--pixel-size", UM)  # fmt: skip
    assert result.exit_code == 3
    assert "expected a live and a dead channel" in " ".join(result.output.split())


def test_evaluate_segments_the_live_and_the_dead_channel(
    live_dead: Path, three_channels: Path, isletqc: Cli
) -> None:
    result = isletqc("evaluate", live_dead / "images", live_dead / "labels", "-p", three_channels)
    assert result.exit_code == 0, result.output
    f1 = float(result.output.splitlines()[-1].split()[5])
    assert f1 >= 0.8


def test_evaluate_compares_nuclei_where_the_protocol_has_markers(
    tmp_path: Path, isletqc: Cli
) -> None:
    markers = (DrawnMarker("cpeptide", 0.5, "cytoplasm"), DrawnMarker("nkx61", 0.5))
    field = immunofluorescence_field(4, markers, shape_yx=(300, 300), nuclei=70)
    _write(tmp_path / "images" / "a.tif", field.pixels, field.um_per_px)
    (tmp_path / "labels").mkdir()
    tifffile.imwrite(tmp_path / "labels" / "a.tif", field.labels.astype(np.uint16))
    result = isletqc("evaluate", tmp_path / "images", tmp_path / "labels", "-p", "sc-islet-if")
    assert result.exit_code == 0, result.output
    assert float(result.output.splitlines()[-1].split()[5]) >= 0.8
