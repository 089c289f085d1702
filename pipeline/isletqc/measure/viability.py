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

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isletqc.errors import UnsupportedPictureError
from isletqc.measure.livedead import (
    CELL_UM2,
    FEW_CELLS,
    Calls,
    Light,
    Mask,
    Plane,
    calibrated,
    light_above_field,
    loose,
)
from isletqc.protocol import Viability
from isletqc.records import Check, Image, Islet, LiveDead, Regions
from isletqc.segment.depth import depth_px
from isletqc.segment.prepare import working_shape

_WORKING_UM = 2.0
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
class _Grid:
    """Islets on the working grid, and how deep each pixel lies below the outline of its own."""

    labels: NDArray[np.int32]
    depth_um: Plane
    um_per_px: float


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
    light = light_above_field(image, labels, um_per_px)
    light, calls = calibrated(light, labels, um_per_px, settings)
    checks += _calls_checks(calls, settings)
    if any(check.verdict == "fail" for check in checks):
        return Found((None,) * count, (None,) * count, None, checks)
    grid = _Grid(labels, _depth_um(labels, um_per_px), um_per_px)
    fractions, cores = _islets(grid, calls, count)
    return Found(fractions, cores, _whole(grid, light, calls, settings), checks)


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


def _calls_checks(calls: Calls, settings: Viability) -> tuple[Check, ...]:
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
    return np.asarray(depth_px(inside) * np.float32(um_per_px))


def _islets(
    grid: _Grid, calls: Calls, count: int
) -> tuple[tuple[float | None, ...], tuple[float | None, ...]]:
    """Live fraction and depth of the dead core of each label."""
    fractions: list[float | None] = []
    cores: list[float | None] = []
    for k, box in enumerate(ndimage.find_objects(grid.labels, max_label=count), 1):
        mine = grid.labels[box] == k if box else np.zeros(0, bool)
        stained = mine & calls.stained[box] if box else mine
        # An islet that is mostly unstained says nothing about its cells.
        if np.count_nonzero(stained) <= np.count_nonzero(mine) / 2:
            fractions.append(None)
            cores.append(None)
            continue
        live = calls.live[box][stained]
        fractions.append(float(live.mean()))
        cores.append(_core_depth_um(live, grid.depth_um[box][stained], grid.um_per_px))
    return tuple(fractions), tuple(cores)


def _core_depth_um(live: Mask, depth_um: Plane, um_per_px: float) -> float | None:
    """Depth that parts live from dead best, where the dead are the deep ones; else None."""
    share = float(live.mean())
    if np.count_nonzero(~live) * um_per_px**2 < FEW_CELLS * CELL_UM2 or share == 0:
        return None
    begins = float(np.quantile(depth_um, share))
    agreed = float(np.mean(live == (depth_um <= begins)))
    by_chance = share**2 + (1 - share) ** 2
    return begins if agreed - by_chance > (1 - by_chance) / 2 else None


def _whole(grid: _Grid, light: Light, calls: Calls, settings: Viability) -> LiveDead:
    """Figures of the whole picture."""
    layer = (grid.depth_um[calls.stained] / settings.depth_step_um).astype(np.intp)
    px_um2 = grid.um_per_px**2
    tissue = np.bincount(layer) * px_um2
    live = np.bincount(layer, calls.live[calls.stained], len(tissue)) * px_um2
    count, numbers = loose(light, grid.labels > 0, grid.um_per_px, dead_level=calls.dead_level)
    return LiveDead(
        depth_step_um=settings.depth_step_um,
        live_um2=tuple(live.tolist()),
        tissue_um2=tuple(tissue.tolist()),
        loose_dead_count=count,
        loose_dead_um2=float(np.count_nonzero(numbers) * px_um2),
        bleed_through=light.bleed,
        live_level=calls.live_level,
        dead_level=calls.dead_level,
    )
