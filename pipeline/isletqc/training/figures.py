"""The figures of an agreement, by name, with bootstrap intervals over pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from isletqc.training.evaluate import IOU_LEVELS, Agreement, together

Figure = Callable[[Agreement], float | None]

_RESAMPLES = 1000
_SEED = 0


def _at(level: float) -> dict[str, Figure]:
    return {
        f"precision_at_{level:g}": lambda a: a.precision(level),
        f"recall_at_{level:g}": lambda a: a.recall(level),
        f"f1_at_{level:g}": lambda a: a.f1(level),
        f"panoptic_quality_at_{level:g}": lambda a: a.panoptic_quality(level),
    }


SHORT: Mapping[str, Figure] = {
    "true_count": lambda a: a.true_count,
    "found_count": lambda a: a.found_count,
    "f1_at_0.5": lambda a: a.f1(0.5),
    "f1_at_0.75": lambda a: a.f1(0.75),
    "mean_iou": lambda a: a.mean_iou,
    "count_error": lambda a: a.count_error,
    "area_error": lambda a: a.area_error,
    "volume_error": lambda a: a.volume_error,
}
FIGURES: Mapping[str, Figure] = {
    **SHORT,
    "ieq_error": lambda a: a.volume_error,  # of spheres: 1 IEQ is 1.767 nL
    "dice": lambda a: a.dice,
    "splits": lambda a: a.splits,
    "merges": lambda a: a.merges,
    **{name: figure for level in IOU_LEVELS for name, figure in _at(level).items()},
}


def intervals(
    pictures: Sequence[Agreement], *, confidence: float = 0.95
) -> dict[str, tuple[float, float] | None]:
    """Percentile interval of every figure when the pictures are drawn again with replacement.

    None with fewer than two pictures, or where a figure is undetermined in any of the draws.
    Always the same draws: the seed is fixed.
    """
    if len(pictures) < 2:
        return dict.fromkeys(FIGURES)
    rng = np.random.default_rng(_SEED)
    draws = rng.integers(len(pictures), size=(_RESAMPLES, len(pictures)))
    pooled = [together([pictures[i] for i in draw], pairs=False) for draw in draws]
    return {name: _interval([f(p) for p in pooled], confidence) for name, f in FIGURES.items()}


def _interval(values: Sequence[float | None], confidence: float) -> tuple[float, float] | None:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
