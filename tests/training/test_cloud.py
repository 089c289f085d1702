"""Clouds of training pictures: what is shown, and how they are kept in the weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from isletqc.segment import learned, likeness
from isletqc.segment.network import Architecture, UNet, fused
from isletqc.training import cloud
from isletqc.training.examples import make_example


@pytest.fixture
def untrained() -> learned.TrainedNetwork:
    torch.manual_seed(0)
    return learned.TrainedNetwork("none", fused(UNet(Architecture((4, 8)))), 4.0, "", {})


def coloured(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    light = np.random.default_rng(seed).integers(0, 40, (80, 100, 3))
    return np.asarray(light + np.array([180, 120, 60]), dtype=np.uint8)


def test_no_grey_copy_of_a_coloured_picture_enters_the_cloud(
    untrained: learned.TrainedNetwork,
) -> None:
    nothing = np.zeros((80, 100), np.int32)
    example = make_example(coloured(0), nothing, nothing.astype(np.uint8), 4.0)
    for look in range(40):  # training shows one in ten as grey
        shown = cloud._shown(example, 4.0, [0, 0, look])
        assert np.abs(shown[..., 0] - shown[..., 2]).mean() > 0.03


def test_a_cloud_has_the_points_of_the_network(untrained: learned.TrainedNetwork) -> None:
    nothing = np.zeros((80, 100), np.int32)
    examples = [
        make_example(coloured(k), nothing, nothing.astype(np.uint8), 4.0) for k in range(10)
    ]
    found = cloud.measure(untrained, examples, looks=2, seed=0)
    same = cloud.measure(untrained, examples, looks=2, seed=0)
    point = learned.predict(untrained, np.zeros((32, 32, 3), np.float32)).point
    assert found.mean.shape == point.shape
    assert np.array_equal(found.reach, same.reach)


def test_a_cloud_is_kept_in_the_weights_and_nothing_else_changes(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    old = {"a": torch.arange(6.0), "likeness.old": torch.zeros(2)}
    save_file(old, path, metadata={"name": "x"})
    points = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    fitted = likeness.fit(points)
    cloud.store(path, fitted)
    with safe_open(path, framework="np") as stored:
        assert stored.metadata() == {"name": "x"}
        tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
    assert np.array_equal(tensors.pop("a"), np.arange(6.0))
    again = likeness.from_tensors(tensors)
    assert again is not None
    assert np.array_equal(again.axes, fitted.axes)
    assert "likeness.old" not in tensors
