"""A training that was stopped ends where an undisturbed one does; weights carry all they need."""

import hashlib
import json
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from isletqc.errors import UsageError
from isletqc.records import Image
from isletqc.segment import learned
from isletqc.segment.run import segment_with
from isletqc.training import recipe as recipes
from isletqc.training import train as training
from isletqc.training.recipe import Recipe

ROOT = Path(__file__).parents[2]
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
  - {kind: drawn, stain: dithizone, fields: 2, side_px: 64, um_per_px: [6, 9], seed: 2}
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


def test_a_training_leaves_its_recipe_and_losses(recipe: Recipe, tmp_path: Path) -> None:
    weights = run(recipe, tmp_path / "out")
    log = json.loads((tmp_path / "out" / "training.json").read_text(encoding="utf-8"))
    assert log["recipe"]["name"] == "tiny"
    assert log["weights_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert [row["step"] for row in log["rounds"]["first"]] == [1, 2, 3]
    assert [row["step"] for row in log["rounds"]["second"]] == [1, 2]
    curves = (tmp_path / "out" / "training.svg").read_text(encoding="utf-8")
    assert "first round" in curves
    assert "second round" in curves


def test_training_in_bfloat16_learns_the_same(recipe: Recipe, tmp_path: Path) -> None:
    short = recipe.model_copy(update={"second_round_steps": 0})
    losses = []
    for precision in ("float32", "bfloat16"):
        run(short.model_copy(update={"precision": precision}), tmp_path / precision)
        log = json.loads((tmp_path / precision / "training.json").read_text(encoding="utf-8"))
        losses.append([row["class_loss"] for row in log["rounds"]["first"]])
    # Rounding to bfloat16 keeps 8 bits of a number: 0.4 % a layer.
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    assert losses[1] != losses[0]


@pytest.mark.parametrize("stain", ["live-dead", "immunofluorescence"])
def test_fluorescence_trains_too(stain: str, tmp_path: Path, recipe: Recipe) -> None:
    fluorescent = Recipe.model_validate(
        {
            **recipe.model_dump(),
            "stain": stain,
            "classes": ("background", "islet"),
            "um_per_px": 0.5 if stain == "immunofluorescence" else 8,
            "second_round_steps": 0,
            "sources": [
                {
                    "kind": "drawn", "stain": stain, "fields": 4, "side_px": 64,
                    "um_per_px": (0.4, 0.6) if stain == "immunofluorescence" else (6, 9),
                }
            ],
        }
    )  # fmt: skip
    run(fluorescent, tmp_path / "out")
    trained = learned.load(tmp_path / "out", torch.device("cpu"))
    pixels = np.zeros((64, 64, 2 if stain == "live-dead" else 1), np.uint16)
    image = Image(pixels, ("a", "b")[: pixels.shape[2]], 4095, trained.um_per_px, "", "", "", stain)  # type: ignore[arg-type]
    assert segment_with(image, trained).labels.shape == (64, 64)


def test_a_wrong_recipe_names_file_and_key(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.replace("steps: 3", "steps: -3"), encoding="utf-8")
    with pytest.raises(UsageError, match=r"recipe\.yaml: steps: .*greater than 0"):
        recipes.load(path)


def test_the_recipe_in_the_docs_is_valid_and_goes_on_from_a_shipped_network(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    block = page.split("```yaml\n")[1].split("```")[0]
    (tmp_path / "recipe.yaml").write_text(textwrap.dedent(block), encoding="utf-8")
    found = recipes.load(tmp_path / "recipe.yaml")
    shipped = recipes.load(ROOT / "models" / str(found.start_from) / "recipe.yaml")
    for name in ("classes", "channels", "um_per_px", "core", "outline_level", "tissue_level"):
        assert getattr(found, name) == getattr(shipped, name)


def test_shipped_recipes_are_valid() -> None:
    found = sorted(ROOT.glob("models/*/recipe.yaml"))
    assert [recipes.load(path).name for path in found] == [path.parent.name for path in found]
    assert found
