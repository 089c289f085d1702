"""Light of live and dead tissue -> which pixels are live.

Takes a picture of two channels and islet labels on a working grid; gives the light of each channel
above the empty field and the call of each pixel. Steps 1 to 3 of ``measure.viability``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from isletqc.protocol import Viability
from isletqc.records import Image
from isletqc.segment.fluorescence import noise_sd, surroundings
from isletqc.segment.prepare import resample

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

CELL_UM2 = 80.0
FEW_CELLS = 4
_CELL_SIGMA_UM = 3.5
_CELLS_SIGMA_UM, _NEAR_SIGMA_UM = 5.0, 15.0
_MARGIN_UM = 25.0  # beyond it the glow of an islet is faint
_RIM_UM = 8.0  # nearer to an islet a dead cell is not loose
_CLEAR = 5.0  # times the noise
_FEW_PX = 50
_ROUNDS, _LEAST = 3, 0.2  # of a variance, so that no round takes it all
_LOOSE = 0.2  # of the light of dead tissue: dimmer is glow


@dataclass(frozen=True, slots=True)
class Light:
    """Light of both channels above the empty field, and its noise, on the working grid."""

    live: Plane
    dead: Plane
    live_noise: float
    dead_noise: float
    bleed: float = 0.0


@dataclass(frozen=True, slots=True)
class Calls:
    """Which pixels are live, of those that are stained, and how the two tissues look."""

    live: Mask
    stained: Mask
    threshold: float
    live_level: float
    dead_level: float
    separation: float
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Nearby:
    """How much of what is near each tissue pixel is tissue, and the live light of that."""

    sigma_px: float
    share: NDArray[np.floating[Any]]
    live: NDArray[np.float64]


def light_above_field(image: Image, labels: NDArray[np.int32], um_per_px: float) -> Light:
    """Take the light of the empty field off both channels.

    Parameters
    ----------
    image : live and dead channel
    labels : (Y, X) of the islets on the working grid
    um_per_px : of that grid
    """
    shape = (labels.shape[0], labels.shape[1])
    planes = []
    for place in range(2):
        raw = resample(np.ascontiguousarray(image.pixels[:, :, place]), shape)
        sigma_px = _CELL_SIGMA_UM / um_per_px
        smooth = cv2.GaussianBlur(raw / np.float32(image.full_scale), (0, 0), sigma_px)
        planes.append(_above_field(np.asarray(smooth, np.float32), labels, um_per_px))
    (live, live_noise), (dead, dead_noise) = planes
    return Light(live, dead, live_noise, dead_noise)


def _above_field(smooth: Plane, labels: NDArray[np.int32], um_per_px: float) -> tuple[Plane, float]:
    """Light above the empty field, and its standard deviation there."""
    noise = noise_sd(smooth)
    far = ~_grown(labels > 0, _MARGIN_UM, um_per_px)
    first = smooth - surroundings(smooth, far, um_per_px)
    objects = far & (first > _CLEAR * max(_spread(first[far]), noise))
    empty = far & ~_grown(objects, 2 * _RIM_UM, um_per_px)
    light = smooth - surroundings(smooth, empty, um_per_px)
    return light, max(_spread(light[empty]), noise, 1e-7)


def _spread(values: Plane) -> float:
    """Robust standard deviation around 0."""
    return 1.4826 * float(np.median(np.abs(values))) if values.size else 0.0


def _grown(mask: Mask, reach_um: float, um_per_px: float) -> Mask:
    radius = max(1, round(reach_um / um_per_px))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0)


def calibrated(
    light: Light, labels: NDArray[np.int32], um_per_px: float, settings: Viability
) -> tuple[Light, Calls]:
    """Take off the bleed-through, stated or estimated, and call the pixels."""
    inside = labels > 0
    nearby = _nearby(light.live, inside, um_per_px)
    if settings.bleed_through != "estimate":
        light = _without_bleed(light, settings.bleed_through)
    else:
        light = _without_bleed(light, _bleed(light, _calls(light, inside, um_per_px, nearby)))
    return light, _calls(light, inside, um_per_px, nearby)


def _without_bleed(light: Light, bleed: float) -> Light:
    dead = light.dead - np.float32(bleed) * light.live
    noise = float(np.hypot(light.dead_noise, bleed * light.live_noise))
    return replace(light, dead=dead, dead_noise=noise, bleed=bleed)


def _bleed(light: Light, calls: Calls) -> float:
    """Light of the dead channel over that of the live one where hardly anything is dead."""
    bright = calls.live & (light.live > max(calls.live_level, _CLEAR * light.live_noise))
    if not bright.any():
        return 0.0
    return float(np.clip(np.quantile(light.dead[bright] / light.live[bright], 0.1), 0, 0.9))


def _calls(light: Light, inside: Mask, um_per_px: float, nearby: Sequence[_Nearby]) -> Calls:
    live, dead = light.live[inside], light.dead[inside]
    few = FEW_CELLS * CELL_UM2 / um_per_px**2
    stained = (live > _CLEAR * light.live_noise) | (dead > _CLEAR * light.dead_noise)
    is_live, looks, problem = _told_apart(
        light, live[stained], dead[stained], few,
        balance=_balance(light, inside, um_per_px, nearby),
        loose_level=_loose_level(light, inside, um_per_px),
    )  # fmt: skip
    where = np.zeros(inside.shape, bool)
    where[inside] = stained
    lives = np.zeros(inside.shape, bool)
    lives[where] = is_live
    threshold, live_level, dead_level, separation = looks
    return Calls(lives, where, threshold, live_level, dead_level, separation, problem)


def _told_apart(
    light: Light, live: Plane, dead: Plane, few: float, *, balance: float, loose_level: float
) -> tuple[Mask, tuple[float, float, float, float], str]:
    """Threshold the ratio until the two tissues agree with it.

    Returns which pixels are live; ratio, levels and separation; and what is wrong, if anything.
    """
    nothing = (np.inf, 0.0, 0.0, 0.0)
    if np.count_nonzero(live > _CLEAR * light.live_noise) < few:
        return np.zeros(live.shape, bool), nothing, "live"
    if np.count_nonzero(dead > _CLEAR * light.dead_noise) >= few:
        is_live = live > balance * dead
        looks = _looks(live, dead, is_live, light)
        if looks is not None:
            return is_live, (balance, *looks), ""
        if not is_live.any():
            return is_live, nothing, "live"
    # No dead tissue: only dead cells elsewhere can show that the dead stain and exposure are good.
    if not loose_level:
        return np.ones(live.shape, bool), nothing, "dead"
    ratio = float(np.quantile(live, 0.99)) / loose_level
    return live > ratio * dead, (ratio, float(np.median(live)), loose_level, np.inf), ""


def _balance(light: Light, inside: Mask, um_per_px: float, nearby: Sequence[_Nearby]) -> float:
    """Weight k of the dead channel at which live + k dead is most alike in tissue close by.

    The k of least Var(live + k dead) / E[live + k dead]^2, in closed form. The variance is that
    within a few cells, so that thick and thin tissue do not mix; the mean is that of all tissue.
    What varies inside live and inside dead tissue, as nuclei do, says nothing of k: with a first
    k both are found, and their own variances are taken off.
    """
    near, wide = ([n.live, _within(light.dead, inside, n)] for n in nearby)
    g, r = (a - b for a, b in zip(near, wide, strict=True))
    means = (float(near[0].mean()), float(near[1].mean()))
    gg, rr, gr = (float((a * b).mean()) for a, b in ((g, g), (r, r), (g, r)))
    balance = _steadiest(gg, rr, gr, means)
    for _ in range(_ROUNDS):
        live = inside & (light.live > balance * light.dead)
        share = float(live[inside].mean())
        of_live, of_dead = (
            _variance(values, ~_grown(~mask, _RIM_UM, um_per_px)[inside])
            for values, mask in ((g, live), (r, inside & ~live))
        )
        own = (gg - share * of_live, rr - (1 - share) * of_dead)
        balance = _steadiest(max(own[0], _LEAST * gg), max(own[1], _LEAST * rr), gr, means)
    return balance


def _steadiest(gg: float, rr: float, gr: float, means: tuple[float, float]) -> float:
    above, below = means[1] * gg - gr * means[0], means[0] * rr - gr * means[1]
    return above / below if above > 0 and below > 0 else float(np.sqrt(gg / max(rr, 1e-12)))


def _variance(values: NDArray[np.float64], chosen: Mask) -> float:
    return float(values[chosen].var()) if np.count_nonzero(chosen) > _FEW_PX else 0.0


def _nearby(live: Plane, inside: Mask, um_per_px: float) -> tuple[_Nearby, ...]:
    found = []
    for sigma_um in (_CELLS_SIGMA_UM, _NEAR_SIGMA_UM):
        sigma_px = sigma_um / um_per_px
        share = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), sigma_px)[inside]
        bare = _Nearby(sigma_px, np.maximum(share, 1e-3), np.empty(0))
        found.append(replace(bare, live=_within(live, inside, bare)))
    return tuple(found)


def _within(plane: Plane, inside: Mask, nearby: _Nearby) -> NDArray[np.float64]:
    """Smooth over the tissue alone."""
    total = cv2.GaussianBlur(plane * inside, (0, 0), nearby.sigma_px)[inside]
    return np.asarray(total / nearby.share, np.float64)


def _looks(
    live: Plane, dead: Plane, is_live: Mask, light: Light
) -> tuple[float, float, float] | None:
    """Typical light of live and of dead tissue in its own channel; how far they lie apart."""
    is_dead = ~is_live & (dead > _CLEAR * light.dead_noise)
    if not is_live.any() or not is_dead.any():
        return None
    gl, gd = (max(float(np.median(live[m])), light.live_noise) for m in (is_live, is_dead))
    rl, rd = (max(float(np.median(dead[m])), light.dead_noise) for m in (is_live, is_dead))
    return gl, rd, (gl / rl) / (gd / rd)


def _loose_level(light: Light, inside: Mask, um_per_px: float) -> float:
    """Typical peak of dead objects outside islets; 0 where there are fewer than a few."""
    count, numbers = loose(light, inside, um_per_px)
    if count < FEW_CELLS:
        return 0.0
    peaks = np.full(count + 1, -np.inf, np.float32)
    seen = numbers > 0
    np.maximum.at(peaks, numbers[seen], light.dead[seen])
    return float(np.median(peaks[1:]))


def loose(
    light: Light, inside: Mask, um_per_px: float, *, dead_level: float = 0.0
) -> tuple[int, NDArray[np.int32]]:
    """Count dead objects outside islets, brighter than any glow, and give their numbers from 1."""
    outside = ~_grown(inside, _RIM_UM, um_per_px)
    level = max(2 * _CLEAR * light.dead_noise, _LOOSE * dead_level)
    dead = outside & (light.dead > level) & (light.dead > light.live / 4)
    count, numbers = cv2.connectedComponents(dead.astype(np.uint8), connectivity=8)
    return count - 1, np.asarray(numbers, np.int32)
