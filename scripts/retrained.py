"""A recipe -> its network, trained unless an earlier call has left the weights."""

from __future__ import annotations

import sys
from pathlib import Path

from isletqc.segment import learned
from isletqc.training.recipe import Recipe
from isletqc.training.train import train


def retrained(recipe: Recipe, out: Path) -> learned.TrainedNetwork:
    """Train ``recipe`` into ``out``, or go on, or take what is there."""
    device = learned.choose_device("auto")
    if not (out / "weights.safetensors").is_file():
        train(
            recipe,
            data=Path(),
            out=out,
            device=device,
            workers=1,
            on_progress=_tell,
            likeness_too=False,
        )
    return learned.load(out, device)


def _tell(done: int, total: int) -> None:
    if done % 500 == 0 or done == total:
        sys.stderr.write(f"{done} of {total} steps\n")
