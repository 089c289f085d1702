"""Proof by simulation that the intervals of a lot's viability hold the truth.

Draws lots whose islets have sizes by a law of ``decide.coverage`` and live shares by a beta law,
large islets with less live tissue where ``cores`` says so; the method errs alike in a whole lot.
Each lot is estimated exactly as a real one. ``scripts/coverage --viability`` prints the table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isletqc.decide.coverage import LAWS, sizes_of
from isletqc.decide.viability import NAMES, viability
from isletqc.protocol import Viability
from isletqc.records import Fitness, Islet, Lot, Picture, Sample, Specimen

_MANY = 400_000


@dataclass(frozen=True, slots=True)
class Setting:
    """What is simulated.

    ``live`` and ``sd`` are mean and standard deviation of the islets' live shares; ``cores`` is
    how much of its live share an islet loses for each 100 um over 100 um.
    """

    law: str
    islets: int
    specimens: int
    live: float
    sd: float
    cores: float = 0.0


@dataclass(frozen=True, slots=True)
class Held:
    """Share of the intervals that hold the truth, by definition of viability."""

    setting: Setting
    lots: int
    held: dict[str, float]


def cover(setting: Setting, *, lots: int, seed: int) -> Held:
    """Simulate lots of one setting and see how often their intervals hold the truth.

    Parameters
    ----------
    setting : size law, islets in all, live shares
    lots : number of lots to draw
    seed : of the random numbers
    """
    rng = np.random.default_rng(seed)
    protocol = Viability(min_islets=2)
    truth = _truth(*_draw(setting, _MANY, rng), protocol.live_threshold)
    hits = dict.fromkeys(NAMES.values(), 0)
    for _ in range(lots):
        found = viability(_lot(setting, protocol, rng), protocol, confidence=0.95)
        for name in hits:
            e = found[name].estimate
            low, high = e.ci_low or 0.0, 1.0 if e.ci_high is None else e.ci_high
            hits[name] += low <= truth[name] <= high
    return Held(setting, lots, {name: n / lots for name, n in hits.items()})


def _draw(
    setting: Setting, count: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Diameters and live shares."""
    diameters_um = sizes_of(LAWS[setting.law], rng)(count)
    size = setting.live * (1 - setting.live) / setting.sd**2 - 1
    live = rng.beta(setting.live * size, (1 - setting.live) * size, count)
    return diameters_um, live * np.clip(1 - setting.cores * (diameters_um - 100) / 100, 0.05, 1)


def _truth(
    diameters_um: NDArray[np.float64], live: NDArray[np.float64], threshold: float
) -> dict[str, float]:
    areas = diameters_um**2
    figures = (
        float(live @ areas / areas.sum()),
        float(live.mean()),
        float(np.mean(live >= threshold)),
    )
    return dict(zip(NAMES.values(), figures, strict=True))


def _lot(setting: Setting, protocol: Viability, rng: np.random.Generator) -> Lot:
    error = protocol.method_sd * rng.standard_normal()
    specimens = []
    for k in range(setting.specimens):
        diameters_um, live = _draw(setting, setting.islets // setting.specimens, rng)
        islets = tuple(map(_islet, diameters_um.tolist(), np.clip(live + error, 0, 1).tolist()))
        sample = Sample(str(k), "simulated", specimen=str(k))
        picture = Picture(
            sample, str(k), str(k), (1, 1), 2.0, "given", Fitness(), islets, 0.0, 0.0, {}, "drawn"
        )
        specimens.append(Specimen(str(k), (picture,), (), None, None))
    return Lot("simulated", tuple(specimens))


def _islet(diameter_um: float, live: float) -> Islet:
    return Islet(
        label=1,
        class_name="islet",
        centroid_yx_um=(0.0, 0.0),
        area_um2=np.pi / 4 * diameter_um**2,
        diameter_um=diameter_um,
        major_axis_um=diameter_um,
        minor_axis_um=diameter_um,
        feret_um=diameter_um,
        circularity=1.0,
        solidity=1.0,
        volume_nl=0.0,
        ieq=0.0,
        probability=1.0,
        touches_border=False,
        weight=1.0,
        included=True,
        exclusion_reason="",
        viability=live,
    )
