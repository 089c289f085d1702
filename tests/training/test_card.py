"""Figures of a card and the weights that carry them, by hand counts."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file

from isletqc.training import card
from isletqc.training.evaluate import agreement


def squares(count: int, side: int) -> NDArray[np.int32]:
    labels = np.zeros((100, 100 * count), dtype=np.int32)
    for number in range(count):
        labels[:side, 100 * number : 100 * number + side] = number + 1
    return labels


def test_volume_spread_is_weighted_by_true_volume() -> None:
    # one picture right with 3 islets, one with half of its 2 islets missed: errors 0 and -1/2,
    # weights 3/5 and 2/5, so the root mean square is sqrt(2/5 / 4)
    right = agreement(squares(3, 60), squares(3, 60), 1.0)
    half = agreement(squares(2, 60) * (squares(2, 60) == 1), squares(2, 60), 1.0)
    figures = card.figures([right, half])
    assert figures["volume_rsd"] == pytest.approx(np.sqrt(0.1), abs=1e-4)
    assert figures["volume_error"] == pytest.approx(-1 / 5, abs=1e-4)


def test_what_cannot_be_determined_is_left_out() -> None:
    nothing = agreement(squares(1, 0), squares(1, 0), 1.0)
    assert card.figures([nothing]) == {}


def test_figures_are_kept_in_the_weights_and_nothing_else_changes(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"a": torch.arange(6.0)}, path, metadata={"name": "x", "figures": "{}"})
    card.set_figures(path, {"volume_rsd": 0.05})
    with safe_open(path, framework="pt") as stored:
        facts = stored.metadata()
        assert torch.equal(stored.get_tensor("a"), torch.arange(6.0))
    assert facts["name"] == "x"
    assert json.loads(facts["figures"]) == {"volume_rsd": 0.05}


def test_the_table_has_a_column_for_each_method() -> None:
    text = card.table({"network": {"mean_iou": 0.95}, "classical": {"mean_iou": 0.9}})
    assert text.splitlines()[0] == "| figure | network | classical |"
    assert text.splitlines()[2] == "| mean_iou | 0.950 | 0.900 |"
