from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from isletqc.segment import learned
from isletqc.segment.network import Architecture, UNet, channels_last, fused


@pytest.fixture
def untrained() -> learned.TrainedNetwork:
    torch.manual_seed(0)
    network = UNet(Architecture())
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return learned.TrainedNetwork("untrained", channels_last(fused(network)), 2.0, "", {})


@pytest.mark.parametrize("shape_yx", [(64, 64), (150, 333)])
def test_one_thread_and_two_give_the_same_bits(
    untrained: learned.TrainedNetwork, shape_yx: tuple[int, int]
) -> None:
    pixels = np.random.default_rng(0).normal(size=(*shape_yx, 3)).astype(np.float32)
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(learned.predict(untrained, pixels))
    finally:
        torch.set_num_threads(before)
    one, two = found
    assert np.array_equal(one.probabilities, two.probabilities)
    assert np.array_equal(one.core, two.core)
    assert np.array_equal(one.point, two.point)
