"""Tiles cover a picture once, give what the whole picture gives, and shrink with the memory."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from isletqc.segment import learned, tiles
from isletqc.segment.network import Architecture, UNet, channels_last, fused

SMALL_TILE_VALUES = 16 * 256.0 * 256


@pytest.fixture(scope="module")
def untrained() -> learned.TrainedNetwork:
    torch.manual_seed(0)
    network = UNet(Architecture())
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return learned.TrainedNetwork("untrained", channels_last(fused(network)), 2.0, "", {})


def noise(height: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(1).normal(size=(height, width, 3)).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(
    shape_yx=st.tuples(st.integers(1, 1500), st.integers(1, 1500)),
    limit_px=st.sampled_from([1e5, 3e5, 1.2e6]),
    block_px=st.sampled_from([8, 16, 64]),
)
def test_every_pixel_is_kept_once_and_every_tile_starts_on_a_block(
    shape_yx: tuple[int, int], limit_px: float, block_px: int
) -> None:
    kept = np.zeros(shape_yx, np.uint8)
    for tile in tiles.plan(shape_yx, limit_px, block_px):
        kept[tile.write] += 1
        for read, write, keep in zip(tile.read, tile.write, tile.keep, strict=True):
            assert (read.start + keep.start, read.start + keep.stop) == (write.start, write.stop)
            assert read.start % block_px == write.start % block_px == 0
    assert (kept == 1).all()


def test_tiles_stay_under_the_limit_and_a_picture_under_it_is_one_tile() -> None:
    sides = [
        (t.read[0].stop - t.read[0].start, t.read[1].stop - t.read[1].start)
        for t in tiles.plan((5000, 7000), 1e6, 16)
    ]
    assert max(y * x for y, x in sides) <= 1e6
    assert len(list(tiles.plan((922, 1229), 1.2e6, 16))) == 1


@pytest.mark.parametrize("shape_yx", [(500, 330), (301, 777)])
def test_tiles_give_what_the_whole_picture_gives_to_the_last_bits(
    untrained: learned.TrainedNetwork, shape_yx: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = noise(*shape_yx)
    whole = learned.predict(untrained, pixels)
    monkeypatch.setattr(learned, "TILE_VALUES", SMALL_TILE_VALUES)
    assert len(list(tiles.plan(shape_yx, learned.tile_px(untrained), 16))) > 1
    tiled = learned.predict(untrained, pixels)
    assert np.allclose(whole.probabilities, tiled.probabilities, rtol=0, atol=1e-6)
    assert np.allclose(whole.core, tiled.core, rtol=0, atol=1e-6)
    assert np.allclose(whole.point, tiled.point, rtol=1e-4, atol=1e-5)


def without_memory_for(most_px: float, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Let the network run out of memory on larger inputs; the sizes that it was given."""
    seen: list[tuple[int, ...]] = []
    encode = UNet.encode

    def limited(network: UNet, x: torch.Tensor) -> list[torch.Tensor]:
        seen.append(tuple(x.shape[2:]))
        if x.shape[2] * x.shape[3] > most_px:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return encode(network, x)

    monkeypatch.setattr(UNet, "encode", limited)
    return seen


def test_out_of_gpu_memory_tiles_are_halved_and_the_log_says_so(
    untrained: learned.TrainedNetwork,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pixels = noise(480, 640)
    expected = learned.predict(untrained, pixels)
    seen = without_memory_for(200_000, monkeypatch)
    with caplog.at_level(logging.WARNING):
        found = learned.predict(untrained, pixels)
    assert np.allclose(found.probabilities, expected.probabilities, rtol=0, atol=1e-6)
    assert max(y * x for y, x in seen[-2:]) <= 200_000
    assert "out of GPU memory: tiles of" in caplog.text


def test_out_of_gpu_memory_for_any_tile_the_cpu_does_it_and_the_log_says_so(
    untrained: learned.TrainedNetwork,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pixels = noise(64, 64)
    expected = learned.predict(untrained, pixels)
    predict, calls = learned._predict, []

    def refused(
        trained: learned.TrainedNetwork, pixels: learned.Maps, limit_px: float
    ) -> learned.Prediction:
        calls.append(limit_px)
        if trained is untrained:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return predict(trained, pixels, limit_px)

    monkeypatch.setattr(learned, "_predict", refused)
    with caplog.at_level(logging.WARNING):
        found = learned.predict(untrained, pixels)
    assert np.array_equal(found.probabilities, expected.probabilities)
    assert len(calls) > 2
    assert "computed on the CPU" in caplog.text
