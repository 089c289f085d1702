"""What a network learns in order to part islets: values from geometry."""

import numpy as np
import pytest
from numpy.typing import NDArray

from isletqc.training.core_map import Core, CoreMap, core_map


def two_squares() -> NDArray[np.int32]:
    """Two islets of 20 x 20 that share a border."""
    labels = np.zeros((30, 60), np.int32)
    labels[5:25, 10:30] = 1
    labels[5:25, 30:50] = 2
    return labels


@pytest.mark.parametrize("kind", ["distance", "boundary", "centre"])
def test_islets_stand_apart_from_ground_and_neighbour(kind: Core) -> None:
    labels = two_squares()
    found = core_map(labels, 1.0, CoreMap(kind, 8.0))
    assert found.min() >= 0
    assert found.max() <= 1
    assert (found[labels == 0] == 0).all()
    assert found[15, 29:31].max() < 0.5 < found[14:16, 19:21].min()
    assert np.array_equal(found[:, :30], found[:, 59:29:-1])


def test_distance_is_the_depth_as_a_share_and_ends_at_one() -> None:
    labels = np.zeros((41, 41), np.int32)
    labels[10:31, 10:31] = 1
    found = core_map(labels, 2.0, CoreMap("distance", 20.0))
    # The ring of outline pixels counts as outside: pixel 11 is the first inside, 1 px = 2 um deep.
    assert found[20, 10:17] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert found[20, 20] == 1


def test_a_hill_falls_to_the_gaussian_of_half_a_radius() -> None:
    y, x = np.indices((81, 81))
    labels = ((y - 40) ** 2 + (x - 40) ** 2 <= 30**2).astype(np.int32)
    found = core_map(labels, 1.0, CoreMap("centre", 8.0))
    assert found[40, 40] == pytest.approx(1, abs=1e-6)
    assert found[40, 55] == pytest.approx(np.exp(-0.5), abs=0.01)
    assert found[40, 70] == pytest.approx(np.exp(-2), abs=0.01)
