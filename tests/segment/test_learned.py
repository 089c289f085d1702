"""Probabilities of a network on an outline other than the one it learned."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from isletqc.segment.learned import TrainedNetwork, predict, set_level
from isletqc.segment.network import Architecture, UNet, fused

Maps = NDArray[np.float32]


def odds(classes: tuple[str, ...], level: float | None, name: str = "islet") -> tuple[Maps, Maps]:
    torch.manual_seed(5)
    network = UNet(Architecture((4, 8), classes))
    if level is not None:
        set_level(network, name, level)
    pixels = np.random.default_rng(0).uniform(-1, 1, (32, 32, 3)).astype(np.float32)
    trained = TrainedNetwork("drawn by lot", fused(network), 4.0, "", {})
    shares = np.asarray(predict(trained, pixels).probabilities)
    share = shares[..., classes.index(name)]
    return share / (1 - share), shares.sum(axis=-1)


@pytest.mark.parametrize("classes", [("background", "islet"), ("background", "exocrine", "islet")])
@pytest.mark.parametrize("level", [0.4, 0.6])
def test_an_outline_level_divides_the_odds_of_islets_by_its_own(
    classes: tuple[str, ...], level: float
) -> None:
    learned, _ = odds(classes, None)
    moved, sums = odds(classes, level)
    np.testing.assert_allclose(moved, learned * (1 - level) / level, rtol=1e-4)
    np.testing.assert_allclose(sums, 1, rtol=1e-5)


def test_a_tissue_level_moves_the_odds_of_exocrine_tissue() -> None:
    classes = ("background", "exocrine", "islet")
    learned, _ = odds(classes, None, "exocrine")
    moved, sums = odds(classes, 0.4, "exocrine")
    np.testing.assert_allclose(moved, learned * 1.5, rtol=1e-4)
    np.testing.assert_allclose(sums, 1, rtol=1e-5)
