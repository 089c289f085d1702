"""Pictures of another world are told from those a network learned from."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from isletqc.protocol import FitnessLimits, Segmentation
from isletqc.records import Image
from isletqc.segment import likeness
from isletqc.segment.run import segment
from isletqc.synthetic.draw import brightfield_field, dithizone_field

NETWORKS = ("cluster_brightfield", "dithizone")
LIMIT = FitnessLimits().min_likeness


def of(network: str, pixels: NDArray[np.uint8]) -> float:
    image = Image(pixels, ("red", "green", "blue"), 255.0, 2.4, "given", "x", "0", "brightfield")
    found = segment(image, Segmentation(network=network), device="cpu").likeness
    assert found is not None, f"{network} carries no cloud of its training pictures"
    return found


def text() -> NDArray[np.uint8]:
    page = np.full((500, 640, 3), 255, dtype=np.uint8)
    for line in range(17):
        words = "methods of release testing, page"
        cv2.putText(page, words, (5, 25 + 29 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (0, 0, 0), 2)
    return page


def clouds() -> NDArray[np.uint8]:
    coarse = np.random.default_rng(0).random((25, 32, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (640, 500), interpolation=cv2.INTER_CUBIC)
    return (np.clip(smooth, 0, 1) * 255).astype(np.uint8)


def nuclei() -> NDArray[np.uint8]:
    """Bright round nuclei on black, as under a fluorescence microscope."""
    rng = np.random.default_rng(1)
    dark = np.full((500, 640, 3), 8, dtype=np.uint8)
    for x, y, radius in zip(
        rng.integers(0, 640, 150), rng.integers(0, 500, 150), rng.integers(5, 12, 150), strict=True
    ):
        cv2.circle(dark, (int(x), int(y)), int(radius), (200, 200, 200), -1)
    return np.asarray(cv2.GaussianBlur(dark, (0, 0), 1.5), dtype=np.uint8)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("picture", [text(), clouds(), nuclei()], ids=["text", "clouds", "nuclei"])
def test_pictures_of_something_else_are_unlike(network: str, picture: NDArray[np.uint8]) -> None:
    assert of(network, picture) < LIMIT


@pytest.mark.parametrize("seed", [71, 72, 73])
def test_drawn_pictures_that_training_never_saw_are_like(seed: int) -> None:
    unstained = brightfield_field(seed, shape_yx=(500, 640), um_per_px=2.4).pixels
    assert of("cluster_brightfield", unstained) >= LIMIT
    stained = dithizone_field(seed, shape_yx=(500, 640), um_per_px=2.4).pixels
    assert of("dithizone", stained) >= LIMIT


def test_distance_counts_in_units_of_the_clouds_own_spread() -> None:
    # a round normal cloud in 4 dimensions: at k standard deviations along every axis the root
    # mean square distance is k
    rng = np.random.default_rng(0)
    points = rng.normal(0, [1, 2, 3, 4], (4000, 4)).astype(np.float32)
    cloud = likeness.fit(points)
    far = np.array([3, 6, 9, 12], dtype=np.float32)
    assert likeness.distance(cloud, far) == pytest.approx(3, rel=0.15)
    assert likeness.likeness(cloud, points.mean(axis=0)) == 1
    assert likeness.likeness(cloud, far * 100) < 0.02
