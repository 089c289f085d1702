"""Live and dead channel -> live fraction of each islet, dead cores, loose dead cells.

1. Subtract from each channel the light of the empty field around the islets: camera offset and
   extracellular haze. Smooth to the size of a cell, as the dead stain shows nuclei only.
2. Take the bleed-through of the live stain off the dead channel.
3. Call each islet pixel live or dead by the ratio of its two channels. The exposures are unknown,
   so the picture calibrates itself: where live tissue borders on dead, one light falls as the
   other rises, and the weight k at which live + k dead changes least from place to place makes
   the two equal. A pixel is live when live > k dead. A gain of either channel cancels.

That needs live and dead tissue in the picture, or at least loose dead cells beside it, and a
clear difference between the two. A saturated channel, a silent channel or tissue that is neither
clearly live nor dead leaves the viability undetermined: the check that failed says why.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isletqc.errors import UnsupportedPictureError
from isletqc.protocol import Viability
from isletqc.records import Check, Image, Islet, LiveDead, Regions
from isletqc.segment.fluorescence import noise_sd, surroundings
from isletqc.segment.prepare import resample, working_shape

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

_WORKING_UM = 2.0
_CELL_SIGMA_UM = 3.5
_CELLS_SIGMA_UM, _NEAR_SIGMA_UM = 5.0, 15.0
_MARGIN_UM = 25.0  # beyond it the glow of an islet is faint
_RIM_UM = 8.0  # nearer to an islet a dead cell is not loose
_CLEAR = 5.0  # times the noise
_CELL_UM2 = 80.0
_FEW_CELLS, _FEW_PX = 4, 50
_ROUNDS, _LEAST = 3, 0.2  # of a variance, so that no round takes it all
_LOOSE = 0.2  # of the light of dead tissue: dimmer is glow
_COLOURS = ("red", "green", "blue")
_TOP_LEVELS = (255, 1023, 4095, 16383, 65535)


@dataclass(frozen=True, slots=True)
class Found:
    """Viability figures of one picture.

    Attributes
    ----------
    live_fraction : of each label in order, 0 to 1; None where not determined
    core_depth_um : depth at which the dead core of each begins; None without a core
    live_dead : figures of the whole picture; None where not determined
    checks : saturation, signal and separation, for the picture's fitness
    """

    live_fraction: tuple[float | None, ...]
    core_depth_um: tuple[float | None, ...]
    live_dead: LiveDead | None
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class _Light:
    """Light of both channels above the empty field, and its noise, on the working grid."""

    live: Plane
    dead: Plane
    live_noise: float
    dead_noise: float
    bleed: float = 0.0


@dataclass(frozen=True, slots=True)
class _Calls:
    """Which pixels are live, of those that are stained, and how the two tissues look."""

    live: Mask
    stained: Mask
    threshold: float
    live_level: float
    dead_level: float
    separation: float
    problem: str = ""


def channels(image: Image, settings: Viability) -> Image:
    """Give the picture with its live and its dead channel only, in this order.

    Raises
    ------
    UnsupportedPictureError
        A colour picture, one channel, or no channel of that name or place.
    """
    if image.channels == _COLOURS:
        raise UnsupportedPictureError(
            f"{image.path}: expected separate live and dead channels, found a colour picture "
            "(red, green, blue): its colours are mixed for display; save the two channels"
        )
    if len(image.channels) < 2:
        raise UnsupportedPictureError(
            f"{image.path}: expected a live and a dead channel, found one channel "
            f"({', '.join(image.channels)}); save both channels in one file"
        )
    wanted = (settings.live_channel, settings.dead_channel)
    places = [_place(image, channel) for channel in wanted]
    if places[0] == places[1]:
        raise UnsupportedPictureError(f"{image.path}: {wanted[0]} and {wanted[1]} are one channel")
    pixels = np.ascontiguousarray(image.pixels[:, :, places])
    pixels.flags.writeable = False
    return replace(image, pixels=pixels, channels=tuple(image.channels[p] for p in places))


def measure(image: Image, regions: Regions, settings: Viability) -> Found:
    """Measure the live fraction of every labelled islet.

    Parameters
    ----------
    image : live and dead channel, as ``channels`` gives them
    regions : labels 1..n on the picture's grid
    settings : bleed-through, saturation and separation that are demanded
    """
    count = int(regions.labels.max(initial=0))
    checks = _saturation(image, regions, settings)
    if not count:
        return Found((), (), None, checks)
    labels, um_per_px = _working_labels(image, regions)
    light = _light(image, labels, um_per_px)
    light, calls = _calibrated(light, labels, um_per_px, settings)
    checks += _calls_checks(calls, settings)
    if any(check.verdict == "fail" for check in checks):
        return Found((None,) * count, (None,) * count, None, checks)
    depth_um = _depth_um(labels, um_per_px)
    fractions, cores = _islets(labels, calls, depth_um, um_per_px, count=count)
    return Found(
        fractions,
        cores,
        _whole(
            image,
            light,
            calls,
            labels=labels,
            depth_um=depth_um,
            um_per_px=um_per_px,
            settings=settings,
        ),
        checks,
    )


def applied(islets: tuple[Islet, ...], found: Found) -> tuple[Islet, ...]:
    """Fill the islets' viability and dead core by their labels."""
    return tuple(
        replace(
            islet,
            viability=found.live_fraction[islet.label - 1],
            dead_core_depth_um=found.core_depth_um[islet.label - 1],
        )
        for islet in islets
    )


def _place(image: Image, channel: str | int) -> int:
    names = [name.casefold() for name in image.channels]
    if isinstance(channel, int):
        if channel <= len(names):
            return channel - 1
    elif names.count(channel.casefold()) == 1:
        return names.index(channel.casefold())
    raise UnsupportedPictureError(
        f"{image.path}: expected channel {channel!r} (from the protocol's viability section), "
        f"found {', '.join(repr(c) for c in image.channels)}; correct the protocol or the file"
    )


def _saturation(image: Image, regions: Regions, settings: Viability) -> tuple[Check, ...]:
    return tuple(
        _saturation_check(image, regions, settings, place, name)
        for place, name in enumerate(("live", "dead"))
    )


def _saturation_check(
    image: Image, regions: Regions, settings: Viability, place: int, name: str
) -> Check:
    inside = image.pixels[:, :, place][regions.labels > 0]
    top = float(image.pixels[:, :, place].max(initial=0))
    # A camera of fewer bits than its file saturates at a top level of its own.
    ceiling = top if top in _TOP_LEVELS else image.full_scale
    share = float(np.mean(inside >= ceiling)) if inside.size else 0.0
    limit = settings.max_saturated
    reason = (
        f"{name} channel: {share:.1%} of the islet pixels are saturated, at most {limit:.1%} "
        "expected; the ratio of live to dead light is lost; shorten the exposure"
    )
    return _check(f"saturated_{name}", share, "<=", limit, reason)


def _check(name: str, value: float, relation: str, limit: float, reason: str) -> Check:
    fine = value <= limit if relation == "<=" else value >= limit
    return Check(
        name=name,
        value=value,
        unit="1",
        relation="<=" if relation == "<=" else ">=",
        limit=limit,
        verdict="pass" if fine else "fail",
        reason="" if fine else reason,
    )


def _working_labels(image: Image, regions: Regions) -> tuple[NDArray[np.int32], float]:
    """Labels on a grid of about 2 um, or on the picture's own where that is coarser."""
    um_per_px = max(image.um_per_px, _WORKING_UM)
    height, width = working_shape(image.shape_yx, image.um_per_px, um_per_px)
    rows = ((np.arange(height) + 0.5) * image.shape_yx[0] / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * image.shape_yx[1] / width).astype(np.intp)
    return np.ascontiguousarray(regions.labels[rows][:, columns]), um_per_px


def _light(image: Image, labels: NDArray[np.int32], um_per_px: float) -> _Light:
    shape = (labels.shape[0], labels.shape[1])
    planes = []
    for place in range(2):
        raw = resample(np.ascontiguousarray(image.pixels[:, :, place]), shape)
        sigma_px = _CELL_SIGMA_UM / um_per_px
        smooth = cv2.GaussianBlur(raw / np.float32(image.full_scale), (0, 0), sigma_px)
        planes.append(_above_field(np.asarray(smooth, np.float32), labels, um_per_px))
    (live, live_noise), (dead, dead_noise) = planes
    return _Light(live, dead, live_noise, dead_noise)


def _above_field(smooth: Plane, labels: NDArray[np.int32], um_per_px: float) -> tuple[Plane, float]:
    """Light above the empty field, and its standard deviation there."""
    far = ~_grown(labels > 0, _MARGIN_UM, um_per_px)
    first = smooth - surroundings(smooth, far, um_per_px)
    objects = far & (first > _CLEAR * max(_spread(first[far]), noise_sd(smooth)))
    empty = far & ~_grown(objects, 2 * _RIM_UM, um_per_px)
    light = smooth - surroundings(smooth, empty, um_per_px)
    return light, max(_spread(light[empty]), noise_sd(smooth), 1e-7)


def _spread(values: Plane) -> float:
    """Robust standard deviation around 0."""
    return 1.4826 * float(np.median(np.abs(values))) if values.size else 0.0


def _grown(mask: Mask, reach_um: float, um_per_px: float) -> Mask:
    radius = max(1, round(reach_um / um_per_px))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0)


def _calibrated(
    light: _Light, labels: NDArray[np.int32], um_per_px: float, settings: Viability
) -> tuple[_Light, _Calls]:
    """Take off the bleed-through, and call the pixels."""
    if settings.bleed_through != "estimate":
        light = _without_bleed(light, settings.bleed_through)
    else:
        light = _without_bleed(light, _bleed(light, _calls(light, labels, um_per_px)))
    return light, _calls(light, labels, um_per_px)


def _without_bleed(light: _Light, bleed: float) -> _Light:
    dead = light.dead - np.float32(bleed) * light.live
    noise = float(np.hypot(light.dead_noise, bleed * light.live_noise))
    return replace(light, dead=dead, dead_noise=noise, bleed=bleed)


def _bleed(light: _Light, calls: _Calls) -> float:
    """Light of the dead channel over that of the live one where hardly anything is dead."""
    bright = calls.live & (light.live > max(calls.live_level, _CLEAR * light.live_noise))
    if not bright.any():
        return 0.0
    return float(np.clip(np.quantile(light.dead[bright] / light.live[bright], 0.1), 0, 0.9))


def _calls(light: _Light, labels: NDArray[np.int32], um_per_px: float) -> _Calls:
    inside = labels > 0
    live, dead = light.live[inside], light.dead[inside]
    few = _FEW_CELLS * _CELL_UM2 / um_per_px**2
    stained = (live > _CLEAR * light.live_noise) | (dead > _CLEAR * light.dead_noise)
    is_live, looks, problem = _told_apart(
        light, live[stained], dead[stained], few,
        balance=_balance(light, inside, um_per_px),
        loose_level=_loose_level(light, inside, um_per_px),
    )  # fmt: skip
    where = np.zeros(inside.shape, bool)
    where[inside] = stained
    lives = np.zeros(inside.shape, bool)
    lives[where] = is_live
    threshold, live_level, dead_level, separation = looks
    return _Calls(lives, where, threshold, live_level, dead_level, separation, problem)


def _told_apart(
    light: _Light, live: Plane, dead: Plane, few: float, *, balance: float, loose_level: float
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


def _balance(light: _Light, inside: Mask, um_per_px: float) -> float:
    """Weight k of the dead channel at which live + k dead is most alike in tissue close by.

    The k of least Var(live + k dead) / E[live + k dead]^2, in closed form. The variance is that
    within a few cells, so that thick and thin tissue do not mix; the mean is that of all tissue.
    What varies inside live and inside dead tissue, as nuclei do, says nothing of k: with a first
    k both are found, and their own variances are taken off.
    """
    near, wide = (
        [_within(p, inside, sigma / um_per_px) for p in (light.live, light.dead)]
        for sigma in (_CELLS_SIGMA_UM, _NEAR_SIGMA_UM)
    )
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


def _within(plane: Plane, inside: Mask, sigma_px: float) -> NDArray[np.float64]:
    """Smooth over the tissue alone."""
    share = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), sigma_px)[inside]
    total = cv2.GaussianBlur(plane * inside, (0, 0), sigma_px)[inside]
    return np.asarray(total / np.maximum(share, 1e-3), np.float64)


def _looks(
    live: Plane, dead: Plane, is_live: Mask, light: _Light
) -> tuple[float, float, float] | None:
    """Typical light of live and of dead tissue in its own channel; how far they lie apart."""
    is_dead = ~is_live & (dead > _CLEAR * light.dead_noise)
    if not is_live.any() or not is_dead.any():
        return None
    gl, gd = (max(float(np.median(live[m])), light.live_noise) for m in (is_live, is_dead))
    rl, rd = (max(float(np.median(dead[m])), light.dead_noise) for m in (is_live, is_dead))
    return gl, rd, (gl / rl) / (gd / rd)


def _loose_level(light: _Light, inside: Mask, um_per_px: float) -> float:
    """Typical peak of dead objects outside islets; 0 where there are fewer than a few."""
    count, numbers = _loose(light, inside, um_per_px)
    if count < _FEW_CELLS:
        return 0.0
    peaks = ndimage.maximum(light.dead, numbers, np.arange(1, count + 1))
    return float(np.median(peaks))


def _loose(
    light: _Light, inside: Mask, um_per_px: float, *, dead_level: float = 0.0
) -> tuple[int, NDArray[np.int32]]:
    """Count dead objects outside islets, brighter than any glow, and give their numbers from 1."""
    outside = ~_grown(inside, _RIM_UM, um_per_px)
    level = max(2 * _CLEAR * light.dead_noise, _LOOSE * dead_level)
    dead = outside & (light.dead > level) & (light.dead > light.live / 4)
    count, numbers = cv2.connectedComponents(dead.astype(np.uint8), connectivity=8)
    return count - 1, np.asarray(numbers, np.int32)


def _calls_checks(calls: _Calls, settings: Viability) -> tuple[Check, ...]:
    if calls.problem:
        other = "dead" if calls.problem == "live" else "live"
        reason = (
            f"the {calls.problem} channel shows no {calls.problem} tissue anywhere: that all of it "
            f"is {other} cannot be told from a stain or exposure that failed"
        )
        return (_check(f"signal_{calls.problem}", 0.0, ">=", 1.0, reason),)
    if not np.isfinite(calls.separation):
        return ()
    reason = (
        f"live and dead tissue differ by a factor of {calls.separation:.1f} only, at least "
        f"{settings.min_separation:g} expected: they cannot be told apart"
    )
    return (_check("separation", calls.separation, ">=", settings.min_separation, reason),)


def _depth_um(labels: NDArray[np.int32], um_per_px: float) -> Plane:
    """Depth of each pixel's middle below the outline of its own islet."""
    seam = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        differ = np.diff(labels, axis=axis) != 0
        seam |= np.pad(differ, [(1, 0) if a == axis else (0, 0) for a in (0, 1)])
    inside = ((labels > 0) & ~seam).astype(np.uint8)
    return np.asarray(
        cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) * np.float32(um_per_px)
    )


def _islets(
    labels: NDArray[np.int32], calls: _Calls, depth_um: Plane, um_per_px: float, *, count: int
) -> tuple[tuple[float | None, ...], tuple[float | None, ...]]:
    fractions: list[float | None] = []
    cores: list[float | None] = []
    for k, box in enumerate(ndimage.find_objects(labels, max_label=count), 1):
        mine = labels[box] == k if box else np.zeros(0, bool)
        stained = mine & calls.stained[box] if box else mine
        # An islet that is mostly unstained says nothing about its cells.
        if np.count_nonzero(stained) <= np.count_nonzero(mine) / 2:
            fractions.append(None)
            cores.append(None)
            continue
        live = calls.live[box][stained]
        fractions.append(float(live.mean()))
        cores.append(_core_depth_um(live, depth_um[box][stained], um_per_px))
    return tuple(fractions), tuple(cores)


def _core_depth_um(live: Mask, depth_um: Plane, um_per_px: float) -> float | None:
    """Depth that parts live from dead best, where the dead are the deep ones; else None."""
    share = float(live.mean())
    if np.count_nonzero(~live) * um_per_px**2 < _FEW_CELLS * _CELL_UM2 or share == 0:
        return None
    begins = float(np.quantile(depth_um, share))
    agreed = float(np.mean(live == (depth_um <= begins)))
    by_chance = share**2 + (1 - share) ** 2
    return begins if agreed - by_chance > (1 - by_chance) / 2 else None


def _whole(
    image: Image,
    light: _Light,
    calls: _Calls,
    *,
    labels: NDArray[np.int32],
    depth_um: Plane,
    um_per_px: float,
    settings: Viability,
) -> LiveDead:
    inside = labels > 0
    layer = (depth_um[calls.stained] / settings.depth_step_um).astype(np.intp)
    tissue = np.bincount(layer) * um_per_px**2
    live = np.bincount(layer, calls.live[calls.stained], len(tissue)) * um_per_px**2
    count, numbers = _loose(light, inside, um_per_px, dead_level=calls.dead_level)
    return LiveDead(
        depth_step_um=settings.depth_step_um,
        live_um2=tuple(live.tolist()),
        tissue_um2=tuple(tissue.tolist()),
        loose_dead_count=count,
        loose_dead_um2=float(np.count_nonzero(numbers) * um_per_px**2),
        bleed_through=light.bleed,
        live_level=calls.live_level,
        dead_level=calls.dead_level,
    )
