"""A training that was stopped ends where an undisturbed one does; weights carry all they need."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from isletqc.errors import UsageError
from isletqc.segment import learned
from isletqc.training import recipe as recipes
from isletqc.training import train as training
from isletqc.training.recipe import Recipe

RECIPE = """\
name: tiny
title: A tiny network for tests
stain: dithizone
classes: [background, exocrine, islet]
channels: [16, 16]
um_per_px: 8
crop_px: 32
batch: 2
steps: 3
second_round_steps: 2
sources:
  - {kind: drawn, stain: dithizone, fields: 4, side_px: 64, um_per_px: [6, 9]}
  - {kind: drawn, stain: dithizone, fields: 2, side_px: 64, um_per_px: [6, 9], seed: 2,
     second_round_only: true}
"""


class Stopped(Exception):  # noqa: N818
    pass


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.setattr(training, "_EVERY", 1)
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return recipes.load(path)


def run(recipe: Recipe, out: Path, stop_after: int | None = None) -> Path:
    steps = 0

    def on_progress(done: int, total: int) -> None:
        nonlocal steps
        steps += 1
        if steps == stop_after:
            raise Stopped

    return training.train(
        recipe,
        data=Path(),
        out=out,
        device=torch.device("cpu"),
        workers=1,
        on_progress=on_progress,
    )


def test_stopped_and_resumed_ends_where_undisturbed_ends(recipe: Recipe, tmp_path: Path) -> None:
    whole = load_file(run(recipe, tmp_path / "whole"))
    for stop_after in (2, 4):  # in the first round and in the second
        with pytest.raises(Stopped):
            run(recipe, tmp_path / str(stop_after), stop_after)
        again = load_file(run(recipe, tmp_path / str(stop_after)))
        assert whole.keys() == again.keys()
        assert all(torch.equal(whole[key], again[key]) for key in whole)
    assert not list((tmp_path / "whole").glob("*.checkpoint"))


def test_weights_rebuild_their_network_and_its_likeness(recipe: Recipe, tmp_path: Path) -> None:
    run(recipe, tmp_path / "tiny")
    trained = learned.load(tmp_path / "tiny", torch.device("cpu"))
    assert trained.um_per_px == 8
    assert trained.network.architecture.channels == (16, 16)
    assert trained.cloud is not None
    found = learned.predict(trained, np.ones((40, 50, 3), dtype=np.float32))
    assert found.probabilities.shape == (40, 50, 3)
    assert np.allclose(found.probabilities.sum(axis=2), 1, atol=1e-5)


def test_a_wrong_recipe_names_file_and_key(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.replace("steps: 3", "steps: -3"), encoding="utf-8")
    with pytest.raises(UsageError, match=r"recipe\.yaml: steps: .*greater than 0"):
        recipes.load(path)


def test_shipped_recipes_are_valid() -> None:
    found = sorted(Path(__file__).parents[2].glob("models/*/recipe.yaml"))
    assert [recipes.load(path).name for path in found] == [path.parent.name for path in found]
    assert found
