"""Segmentation of drawn pictures: what is found, on which grid, and always the same."""

from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from isletqc import assets
from isletqc.errors import (
    MissingWeightsError,
    PictureTooLargeError,
    UnsupportedPictureError,
    UsageError,
)
from isletqc.protocol import Segmentation
from isletqc.records import BACKGROUND, ISLET, Image, Stain
from isletqc.segment import learned
from isletqc.segment.prepare import network_input
from isletqc.segment.run import device_name, network_facts, segment
from isletqc.synthetic.draw import brightfield_field, dithizone_field
from isletqc.synthetic.field import Field
from isletqc.training.evaluate import agreement

NETWORKS: dict[str, Stain] = {"cluster_brightfield": "brightfield", "dithizone": "dithizone"}
each_network = pytest.mark.parametrize("name", list(NETWORKS))


@cache
def field(name: str) -> Field:
    draw = brightfield_field if name == "cluster_brightfield" else dithizone_field
    return draw(5, shape_yx=(400, 480), um_per_px=2.4)


def image(name: str, pixels: NDArray[np.generic] | None = None, um_per_px: float = 2.4) -> Image:
    array = field(name).pixels if pixels is None else pixels
    channels = ("gray",) if array.shape[2] == 1 else ("red", "green", "blue")
    return Image(
        array, channels[: array.shape[2]], 255.0, um_per_px, "given", "x", "0", NETWORKS[name]
    )


def by(name: str) -> Segmentation:
    return Segmentation(network=name)


@each_network
def test_labels_and_classes_lie_on_the_pictures_own_grid_and_agree(name: str) -> None:
    regions = segment(image(name), by(name), device="cpu")
    assert regions.labels.shape == regions.classes.shape == field(name).labels.shape
    assert np.array_equal(regions.labels > 0, regions.classes == ISLET)
    assert np.unique(regions.labels).tolist() == list(range(regions.labels.max() + 1))
    assert not regions.labels.flags.writeable


@each_network
def test_the_same_picture_gives_the_same_bits(name: str) -> None:
    first, second = (segment(image(name), by(name), device="cpu") for _ in range(2))
    assert np.array_equal(first.labels, second.labels)
    assert np.array_equal(first.probability, second.probability)


@each_network
def test_drawn_islets_are_found(name: str) -> None:
    found = segment(image(name), by(name), device="cpu").labels
    score = agreement(found, field(name).labels, 2.4)
    assert score.true_count >= 5, "test invalid: too few islets drawn"
    f1, volume_error = score.f1(0.5), score.volume_error
    assert f1 is not None
    assert volume_error is not None
    assert f1 >= 0.7
    assert abs(volume_error) <= 0.2


@each_network
def test_tiles_give_what_the_whole_picture_gives(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = learned.load(assets.model(name), learned.choose_device("cpu"))
    large = cv2.resize(field(name).pixels, (1000, 900), interpolation=cv2.INTER_CUBIC)
    prepared = network_input(large, 3.0, full_scale=255, working_um_per_px=3.0)
    whole = learned.predict(trained, prepared)
    monkeypatch.setattr(learned, "TILE_VALUES", learned.TILE_VALUES / 5)
    tiled = learned.predict(trained, prepared)
    assert np.abs(whole.probabilities - tiled.probabilities).max() < 1e-5
    assert np.abs(whole.core - tiled.core).max() < 1e-5


@each_network
@pytest.mark.parametrize("turn", [1, 2, 3])
def test_turning_a_picture_moves_its_islet_area_little(name: str, turn: int) -> None:
    turned = np.ascontiguousarray(np.rot90(field(name).pixels, turn))
    areas = [
        int((segment(im, by(name), device="cpu").classes == ISLET).sum())
        for im in (image(name), image(name, turned))
    ]
    assert areas[1] == pytest.approx(areas[0], rel=0.03)


@each_network
@pytest.mark.parametrize("level", [0, 255])
def test_black_and_white_pictures_have_no_islets(name: str, level: int) -> None:
    flat = np.full((200, 240, 3), level, dtype=np.uint8)
    assert segment(image(name, flat), by(name), device="cpu").labels.max() == 0


@each_network
@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 700, 3), (33, 17, 3)])
def test_odd_shapes_do_not_break_it(name: str, shape: tuple[int, int, int]) -> None:
    tiny = np.full(shape, 200, dtype=np.uint8)
    assert segment(image(name, tiny), by(name), device="cpu").labels.shape == shape[:2]


def test_grey_and_its_rgb_copy_give_the_same() -> None:
    grey = field("cluster_brightfield").pixels.mean(axis=2, keepdims=True).astype(np.uint8)
    name = "cluster_brightfield"
    one = segment(image(name, grey), by(name), device="cpu")
    three = segment(image(name, np.repeat(grey, 3, axis=2)), by(name), device="cpu")
    assert np.array_equal(one.labels, three.labels)


def test_sixteen_bit_and_eight_bit_agree() -> None:
    name = "cluster_brightfield"
    wide = (field(name).pixels.astype(np.uint16) * 257).astype(np.uint16)
    one = segment(image(name), by(name), device="cpu")
    deep = Image(wide, ("red", "green", "blue"), 65535.0, 2.4, "given", "x", "0", "brightfield")
    two = segment(deep, by(name), device="cpu")
    assert (one.classes == two.classes).mean() > 0.999


@pytest.mark.parametrize("stain", ["brightfield", "dithizone"])
def test_the_classical_baseline_has_the_same_signature_and_finds_islets(stain: Stain) -> None:
    name = next(n for n, s in NETWORKS.items() if s == stain)
    settings = Segmentation(method="classical", network=name)
    regions = segment(image(name), settings, device="cpu")
    assert regions.method == "classical"
    assert regions.labels.max() > 0
    flat = segment(image(name, np.full((200, 240, 3), 128, np.uint8)), settings, device="cpu")
    assert (flat.classes == BACKGROUND).all()


def test_two_channels_are_refused_by_name() -> None:
    two = np.zeros((50, 50, 2), dtype=np.uint8)
    with pytest.raises(UnsupportedPictureError, match="grey or RGB picture, found 2 channels"):
        segment(image("dithizone", two), by("dithizone"), device="cpu")


def test_a_missing_network_is_named() -> None:
    with pytest.raises(MissingWeightsError, match="nowhere"):
        segment(image("dithizone"), by("nowhere"), device="cpu")


def test_cuda_without_a_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UsageError, match="no CUDA GPU"):
        device_name("cuda")
    assert device_name("auto") == "cpu"


@each_network
def test_asked_for_it_each_islet_and_their_sum_have_a_spread(name: str) -> None:
    plain = segment(image(name), by(name), device="cpu")
    settings = Segmentation(network=name, uncertainty=True)
    first, second = (segment(image(name), settings, device="cpu") for _ in range(2))
    assert first.islet_volume_rsd == second.islet_volume_rsd
    assert np.array_equal(first.labels, plain.labels)
    assert (plain.islet_volume_rsd, plain.volume_rsd) == ((), None)
    assert len(first.islet_volume_rsd) == plain.labels.max()
    assert all(0 <= rsd <= 1 for rsd in first.islet_volume_rsd)
    assert first.volume_rsd is not None
    assert min(first.islet_volume_rsd) < first.volume_rsd < max(first.islet_volume_rsd)


@each_network
def test_facts_of_a_network_are_recorded(name: str) -> None:
    facts = network_facts(name)
    assert facts.stain == NETWORKS[name]
    assert len(facts.sha256) == 64
    assert 0 < facts.volume_rsd < 1


@pytest.mark.parametrize("settings", [by("dithizone"), Segmentation(method="classical")])
def test_pixels_too_coarse_to_show_an_islet_are_refused_before_the_picture_is_enlarged(
    settings: Segmentation,
) -> None:
    coarse = image("dithizone", np.full((512, 640, 3), 200, np.uint8), um_per_px=90.0)
    with pytest.raises(UnsupportedPictureError, match="pixels of 90 um are too coarse"):
        segment(coarse, settings, device="cpu")


def test_a_picture_that_grows_beyond_the_limit_at_the_working_pixel_size_is_refused() -> None:
    coarse = image("dithizone", np.full((1000, 1000, 3), 200, np.uint8), um_per_px=20.0)
    settings = Segmentation(network="dithizone", max_megapixels=4)
    with pytest.raises(PictureTooLargeError, match="check the pixel size"):
        segment(coarse, settings, device="cpu")
