"""Stain of islets: light of each channel, and optical density against the empty field.

``mean_<channel>`` is the islet's mean light, a fraction of full scale; ``od_<channel>`` is -log10
of it over the median of the background pixels. Colour pictures also have ``redness``: od_green -
od_red, 0 for grey and positive for red, whatever the brightness of the light. No background, no
optical density.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isletqc.records import BACKGROUND, Image, Islet

# About this many background pixels tell the colour of the light; more only cost time.
_BACKGROUND_SAMPLE = 100_000
# Keeps the optical density of a black pixel finite: 0.1 % of full scale.
_DARKEST = 1e-3

Light = NDArray[np.float64]


def background(image: Image, classes: NDArray[np.uint8]) -> Light | None:
    """Median of the background in each channel, fraction of full scale; None without any."""
    step = step_px(image.shape_yx)
    some = image.pixels[::step, ::step][classes[::step, ::step] == BACKGROUND]
    return median_light(some, image.full_scale)


def step_px(shape_yx: tuple[int, int]) -> int:
    """Distance, in rows and columns, of the pixels that tell the light of a picture."""
    return max(1, round(math.sqrt(shape_yx[0] * shape_yx[1] / _BACKGROUND_SAMPLE)))


def median_light(pixels: NDArray[Any], full_scale: float) -> Light | None:
    """Median of background pixels (N, C), fraction of full scale; None without any."""
    return np.median(pixels, axis=0) / full_scale if len(pixels) else None


def figures(
    means: Mapping[str, NDArray[np.float64]], light: Light | None
) -> list[dict[str, float]]:
    """Give the stain figures of each islet.

    Parameters
    ----------
    means : channel -> (N,) mean light of each islet, fraction of full scale
    light : of the background, in the order of the channels
    """
    columns: dict[str, NDArray[np.float64]] = {}
    for c, (name, mean) in enumerate(means.items()):
        columns[f"mean_{name}"] = mean
        if light is not None:
            ratio = np.maximum(mean, _DARKEST) / max(light[c], _DARKEST)
            columns[f"od_{name}"] = -np.log10(ratio)
    if {"od_red", "od_green"} <= columns.keys():
        columns["redness"] = columns["od_green"] - columns["od_red"]
    count = len(next(iter(means.values())))
    return [{n: float(v[i]) for n, v in columns.items()} for i in range(count)]


def relit(
    islets: Sequence[Islet], channels: Sequence[str], light: Light | None
) -> tuple[Islet, ...]:
    """Give islets their optical densities against another background."""
    means = {c: np.array([i.stain[f"mean_{c}"] for i in islets], float) for c in channels}
    stains = figures(means, light)
    return tuple(replace(i, stain=stain) for i, stain in zip(islets, stains, strict=True))
