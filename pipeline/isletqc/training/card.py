"""Accuracy figures -> the weights' own metadata and the table of a model card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.torch import save_file

from isletqc.training.evaluate import Agreement, together


def figures(pictures: Sequence[Agreement]) -> dict[str, float]:
    """Summarise the agreement of several pictures; what cannot be determined is left out.

    ``volume_rsd`` is the root mean square of the pictures' relative volume errors, bias included,
    each weighted by its true volume: a lot's total rests on the pictures that hold most of it.
    """
    pooled = together(pictures)
    known = [(p.volume_error, p.true_volume_nl) for p in pictures if p.volume_error is not None]
    errors, weights = np.array(known).T if known else (np.empty(0), np.empty(0))
    found = {
        "f1_at_0.5": pooled.f1(0.5),
        "f1_at_0.75": pooled.f1(0.75),
        "mean_iou": pooled.mean_iou,
        "count_error": pooled.count_error,
        "volume_error": pooled.volume_error,
        "volume_rsd": float(np.sqrt(np.average(errors**2, weights=weights))) if known else None,
    }
    return {name: round(value, 4) for name, value in found.items() if value is not None}


def set_figures(weights: Path, new: Mapping[str, float]) -> None:
    """Write validation figures into the metadata of a file of weights; others there stay."""
    with safe_open(weights, framework="pt") as stored:
        facts = dict(stored.metadata() or {})
        tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
    figures = json.loads(facts.get("figures", "{}")) | dict(new)
    temporary = weights.with_suffix(".tmp")
    save_file(tensors, temporary, metadata=facts | {"figures": json.dumps(figures, sort_keys=True)})
    temporary.replace(weights)


def table(columns: Mapping[str, Mapping[str, float]]) -> str:
    """Markdown table of figures, one column a method."""
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    lines = [
        "| figure | " + " | ".join(columns) + " |",
        "|---|" + "---|" * len(columns),
        *(
            f"| {name} | " + " | ".join(_cell(c.get(name)) for c in columns.values()) + " |"
            for name in names
        ),
    ]
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
