"""The losses of a training -> a figure that shows whether it has learned all it can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

Losses = Mapping[str, Sequence[Mapping[str, float]]]

_FIGURES = (("class_loss", "classes"), ("core_loss", "core map"))


def write(path: Path, rounds: Losses) -> None:
    """Write both losses of each round over its steps as SVG; the same losses give the same bytes.

    Parameters
    ----------
    rounds : name of each round -> rows with ``step``, ``class_loss`` and ``core_loss``
    """
    figure = Figure(figsize=(4 * len(rounds) + 1, 3.2), layout="constrained")
    panels = figure.subplots(1, len(rounds), sharey=True, squeeze=False)[0]
    for panel, (name, rows) in zip(panels, rounds.items(), strict=True):
        for column, label in _FIGURES:
            panel.plot([r["step"] for r in rows], [r[column] for r in rows], label=label)
        panel.set(title=f"{name} round", xlabel="step", yscale="log")
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("loss")
    panels[0].legend()
    with mpl.rc_context({"svg.hashsalt": "isletqc", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})
