"""Probabilities of a network on an outline other than the one it learned."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from isletqc.segment.learned import TrainedNetwork, predict, set_outline
from isletqc.segment.network import Architecture, UNet, fused

Maps = NDArray[np.float32]


def islet_odds(classes: tuple[str, ...], level: float | None) -> tuple[Maps, Maps]:
    torch.manual_seed(5)
    network = UNet(Architecture((4, 8), classes))
    if level is not None:
        set_outline(network, level)
    pixels = np.random.default_rng(0).uniform(-1, 1, (32, 32, 3)).astype(np.float32)
    trained = TrainedNetwork("drawn by lot", fused(network), 4.0, "", {})
    shares = np.asarray(predict(trained, pixels).probabilities)
    islet = shares[..., classes.index("islet")]
    return islet / (1 - islet), shares.sum(axis=-1)


@pytest.mark.parametrize("classes", [("background", "islet"), ("background", "exocrine", "islet")])
@pytest.mark.parametrize("level", [0.4, 0.6])
def test_an_outline_level_divides_the_odds_of_islets_by_its_own(
    classes: tuple[str, ...], level: float
) -> None:
    learned, _ = islet_odds(classes, None)
    moved, sums = islet_odds(classes, level)
    np.testing.assert_allclose(moved, learned * (1 - level) / level, rtol=1e-4)
    np.testing.assert_allclose(sums, 1, rtol=1e-5)
