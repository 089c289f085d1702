"""Pictures of another world are told from those a network learned from."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from isletqc import assets
from isletqc.records import Stain
from isletqc.segment import learned, likeness
from isletqc.training import flagged, strangers

NETWORKS: dict[str, tuple[Stain, float]] = {
    "dithizone": ("dithizone", 2.4),
    "cluster_brightfield": ("brightfield", 2.4),
    "livedead": ("live-dead", 2.4),
    "nuclei": ("immunofluorescence", 0.5),
}
each_network = pytest.mark.parametrize("name", list(NETWORKS))


def of(name: str, pixels: NDArray[Any], full_scale: float = 255.0) -> float:
    trained = learned.load(assets.model(name), learned.choose_device("cpu"))
    found = flagged.like(trained, pixels, full_scale, NETWORKS[name][1])
    assert found is not None, f"{name} carries no cloud of its training pictures"
    return found


def pages() -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Pages, noise and photographs, small to be fast."""
    for kind, pixels in strangers.drawn(seed=9):
        if kind in {"text", "noise"}:  # empty frames are refused by their light
            yield kind, pixels[:480, :640]
    for kind, name, pixels in strangers.natural():
        if name in {"astronaut.png", "grass.png", "coffee.png"}:
            yield kind, pixels[:480, :640]


@each_network
def test_pages_noise_and_photographs_are_unlike(name: str) -> None:
    found = {f"{k} {kind}": of(name, pixels) for k, (kind, pixels) in enumerate(pages())}
    assert {k: v for k, v in found.items() if v >= flagged.LIMIT} == {}


@each_network
def test_drawn_pictures_that_training_never_saw_are_like(name: str) -> None:
    stain, um = NETWORKS[name]
    for seed in (71, 72, 73):
        pixels, full = strangers.stained(stain, seed, um_per_px=um, shape_yx=(500, 640))
        assert of(name, pixels, full) >= flagged.LIMIT, seed


def test_both_distances_count_in_units_of_the_cloud() -> None:
    # a round normal cloud: at k standard deviations along each of its axes the distance is k;
    # beside them all training points lie within the reach
    rng = np.random.default_rng(0)
    points = (rng.normal(size=(4000, 4)) * [1, 2, 3, 4]).astype(np.float32)
    cloud = likeness.fit(points)
    far = np.array([3, 6, 9, 12], dtype=np.float32)
    assert likeness.distances(cloud, far)[0] == pytest.approx(3, rel=0.1)
    assert likeness.likeness(cloud, points.mean(axis=0)) == 1
    assert likeness.likeness(cloud, far * 100) < 0.02


def test_what_no_axis_shows_is_found_beside_them() -> None:
    # points on a plane of 60 dimensions, and one that has left it
    rng = np.random.default_rng(1)
    flat = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 60))
    points = (flat + rng.normal(0, 0.01, (400, 60))).astype(np.float32)
    cloud = likeness.fit(points)
    away = points[0] + rng.normal(0, 0.3, 60).astype(np.float32)
    assert likeness.likeness(cloud, points[0]) > 0.8
    assert likeness.likeness(cloud, away) < 0.3


def test_all_but_one_in_twenty_training_pictures_are_wholly_like() -> None:
    points = np.random.default_rng(2).normal(size=(2000, 30)).astype(np.float32)
    cloud = likeness.fit(points)
    share = np.mean([likeness.likeness(cloud, point) == 1 for point in points])
    # 95 of 100 by each of the two distances
    assert 0.90 <= share <= 0.951


def test_sums_of_parts_give_the_point_of_the_whole() -> None:
    plane = np.random.default_rng(3).normal(1, 2, (40, 50, 5)).astype(np.float32)
    parts = [likeness.sums([plane[:16]]), likeness.sums([plane[16:]])]
    point = likeness.point(np.sum(parts, axis=0))
    assert point[:5] == pytest.approx(plane.mean(axis=(0, 1)), rel=1e-5)
    assert point[5:] == pytest.approx(plane.std(axis=(0, 1)), rel=1e-5)


def test_a_cloud_of_another_kind_is_none() -> None:
    points = np.random.default_rng(4).normal(size=(40, 5)).astype(np.float32)
    tensors = likeness.to_tensors(likeness.fit(points))
    again = likeness.from_tensors(tensors)
    assert again is not None
    assert np.array_equal(again.mean, likeness.fit(points).mean)
    assert likeness.from_tensors({"likeness.mean": tensors["likeness.mean"]}) is None
    assert likeness.from_tensors({}) is None
