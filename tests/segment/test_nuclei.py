"""Nuclei against drawn fields, whose instances are known, and against real ones with masks."""

from __future__ import annotations

import os
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from isletqc.protocol import Nuclei, Segmentation
from isletqc.records import Image, Regions
from isletqc.segment.nuclei import regions, segment
from isletqc.synthetic.immunofluorescence import Camera, CellField, immunofluorescence_field
from isletqc.training.evaluate import Agreement, agreement, together

REAL = Path(
    os.environ.get("ISLETQC_REAL_DATA", Path(__file__).resolve().parents[2].parent / "shared/data")
)


def drawn(seed: int = 1, **changes: float) -> CellField:
    camera = Camera(**changes)
    return immunofluorescence_field(seed, (), shape_yx=(400, 400), nuclei=150, camera=camera)


def compared(found: NDArray[np.int32], field: CellField) -> Agreement:
    return agreement(found, field.labels, field.um_per_px, min_diameter_um=0)


@pytest.mark.parametrize("noise", [4, 10, 40])
def test_drawn_nuclei_are_found_and_parted(noise: float) -> None:
    field = drawn(signal_to_noise=noise)
    found = compared(segment(field.pixels[..., 0], field.um_per_px), field)
    assert (found.f1(0.5) or 0) > 0.97
    assert abs(found.count_error or 0) < 0.03
    assert abs(found.area_error or 0) < 0.05


@pytest.mark.parametrize(("gain", "offset"), [(0.05, 0.0), (8.0, 500.0)])
def test_brightness_does_not_matter(gain: float, offset: float) -> None:
    field = drawn(signal_to_noise=20.0)
    plane = field.pixels[..., 0].astype(np.float32)
    usual = segment(plane, field.um_per_px)
    other = segment(plane * gain + offset, field.um_per_px)
    assert np.mean((usual > 0) != (other > 0)) < 1e-3


def test_dim_nuclei_keep_their_size_beside_bright_ones() -> None:
    y, x = np.mgrid[:200, :200].astype(float)
    plane = np.zeros((200, 200))
    for k, (cy, cx) in enumerate([(50, 50), (50, 140), (140, 50), (140, 140)]):
        plane[(y - cy) ** 2 + (x - cx) ** 2 <= 10**2] = 1000 / 2**k
    labels = segment(ndimage.gaussian_filter(plane, 1.5), 0.5)
    sizes = np.bincount(labels.ravel())[1:]
    assert len(sizes) == 4
    assert sizes == pytest.approx(np.full(4, np.pi * 100), rel=0.08)


def test_a_finer_picture_shows_the_same_nuclei() -> None:
    field = drawn(signal_to_noise=20.0)
    plane = field.pixels[..., 0].astype(np.float32)
    fine = segment(np.kron(plane, np.ones((3, 3), np.float32)), field.um_per_px / 3)
    assert fine.max() == pytest.approx(segment(plane, field.um_per_px).max(), abs=2)


@pytest.mark.parametrize("level", [0, 300])
def test_an_empty_picture_has_no_nuclei(level: int) -> None:
    assert segment(np.full((80, 90), level, np.uint16), 0.5).max() == 0


def test_noise_alone_has_hardly_any_nuclei() -> None:
    noise = np.random.default_rng(1).normal(200, 10, (300, 300))
    assert segment(noise, 0.5).max() <= 3


def picture(path: Path) -> NDArray[np.generic]:
    if path.suffix == ".png":
        return np.asarray(imagecodecs.png_decode(path.read_bytes()))
    return np.asarray(tifffile.imread(path))


@pytest.mark.parametrize("noise", [6, 20, 60])
def test_a_network_finds_drawn_nuclei(noise: float) -> None:
    field = drawn(seed=9, signal_to_noise=noise)
    found = by_network(field.pixels[..., 0], field.um_per_px, 4095)
    agreed = compared(found.labels, field)
    assert (agreed.f1(0.5) or 0) > 0.95
    assert found.method == "network nuclei"
    assert sorted(np.unique(found.labels)) == list(range(found.labels.max() + 1))


def test_a_network_finds_nothing_where_nothing_shines() -> None:
    assert by_network(np.full((96, 128), 40, np.uint16), 0.5, 4095).labels.max() == 0


def by_network(plane: NDArray[np.generic], um_per_px: float, full_scale: float) -> Regions:
    image = Image(
        plane[:, :, None], ("dapi",), full_scale, um_per_px, "drawn", "", "", "immunofluorescence"
    )
    return regions(image, Nuclei(), Segmentation(network="nuclei"), device="cpu")


@pytest.mark.real
def test_nuclei_of_the_2018_data_science_bowl_are_found() -> None:
    folder = REAL / "dsb2018_nuclei" / "test"
    if not folder.is_dir():
        pytest.skip("the real pictures of nuclei are not here")
    parts = []
    for path in sorted((folder / "images").iterdir()):
        true = picture(next((folder / "labels").glob(f"{path.stem}.*"))).astype(np.int32)
        sizes = 2 * np.sqrt(np.unique(true[true > 0], return_counts=True)[1] / np.pi)
        # The files state no pixel size: the middle nucleus is taken as 8 um.
        um_per_px = 8 / float(np.median(sizes))
        plane = picture(path)
        plane = plane if plane.ndim == 2 else plane[..., 0]
        pairs = (segment(plane, um_per_px), by_network(plane, um_per_px, 255).labels)
        parts.append([agreement(found, true, um_per_px, min_diameter_um=0) for found in pairs])
    classical, network = (together(column) for column in zip(*parts, strict=True))
    assert (classical.f1(0.5) or 0) > 0.75
    assert (network.f1(0.5) or 0) >= 0.9


@pytest.mark.real
def test_nuclei_of_human_islets_by_mass_cytometry_are_found() -> None:
    folder = REAL / "islet_imc"
    if not folder.is_dir():
        pytest.skip("the real pictures of islets by mass cytometry are not here")
    for path in sorted((folder / "images").iterdir()):
        pixels = picture(path)
        histone = pixels[0] if pixels.shape[0] == 5 else pixels[..., 0]
        cells = int(len(np.unique(picture(next((folder / "labels").glob(f"{path.stem}*"))))) - 1)
        # Their masks are automatic, and of cells: only the number can be compared, and roughly.
        assert segment(histone, 1.0).max() == pytest.approx(cells, rel=0.5)
