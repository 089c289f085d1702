"""Marker stain of each nucleus.

Takes a picture of several channels and its numbered nuclei; gives one record for each nucleus with
the brightness of each marker above the background, as a fraction of full scale.

- in the nucleus: mean over its pixels; around it: mean over a ring; cytoplasmic markers are seen
  there. Both end two pixels before the half-way line to the next nucleus, whose light is blurred
- background: median of what lies far from every nucleus; where nuclei leave no room, the dimmest
  percent of the picture
- bleed-through: the stated share of another channel's brightness, in the same place, is taken off
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isletqc.measure import border
from isletqc.protocol import Marker, Markers
from isletqc.records import Image, Nucleus
from isletqc.segment.channels import channel

Plane = NDArray[np.float64]
Labels = NDArray[np.int32]

_FAR_UM = 8.0
_LEAST_FAR = 0.01  # of the picture


@dataclass(frozen=True, slots=True)
class _Places:
    """Where marker brightness is read: nuclei, and what surrounds them with its distance."""

    labels: Labels
    nearest: Labels
    distance_um: Plane
    crowded: NDArray[np.bool_]
    count: int


def measure(image: Image, labels: Labels, settings: Markers) -> tuple[Nucleus, ...]:
    """Measure every nucleus.

    Parameters
    ----------
    image : the picture
    labels : (Y, X), 1..n without gaps
    settings : channels and places of the markers

    Raises
    ------
    UnsupportedPictureError
        A channel of the protocol is not in the picture.
    """
    um, count = image.um_per_px, int(labels.max(initial=0))
    far, index = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    nearest = labels[tuple(index)]
    places = _Places(labels, nearest, far * um, _meets_another(nearest), count)
    seen = {m.name: _brightness(image, m, places) for m in settings.positive}
    if not count:
        return ()
    area_um2 = np.bincount(labels.ravel(), minlength=count + 1)[1:] * um**2
    centres = (np.array(ndimage.center_of_mass(labels > 0, labels, range(1, count + 1))) + 0.5) * um
    cut = border.touches(_boxes(labels), (labels.shape[0], labels.shape[1]))
    return tuple(
        Nucleus(
            label=k + 1,
            centroid_yx_um=(float(centres[k, 0]), float(centres[k, 1])),
            area_um2=float(area_um2[k]),
            diameter_um=2 * math.sqrt(float(area_um2[k]) / math.pi),
            touches_border=bool(cut[k]),
            markers={name: float(values[k]) for name, values in seen.items()},
        )
        for k in range(count)
    )


def _boxes(labels: Labels) -> NDArray[np.int64]:
    found = [b for b in ndimage.find_objects(labels) if b is not None]
    return np.array([(y.start, x.start, y.stop, x.stop) for y, x in found])


def _brightness(image: Image, marker: Marker, places: _Places) -> Plane:
    """Mean of the marker above its background in each nucleus, bleed-through taken off."""
    light = _above_background(image, marker.channel, places)
    for other, share in marker.bleed_through.items():
        light = light - share * _above_background(image, other, places)
    whole = places.labels
    if marker.place == "ring":
        ring = (places.distance_um > 0) & (places.distance_um <= marker.ring_um)
        whole = np.where(ring, places.nearest, 0)
    inner, count = _mean(light, np.where(places.crowded, 0, whole), places.count)
    # A nucleus that others press from all sides has no place of its own.
    return np.where(count > 0, inner, _mean(light, whole, places.count)[0])


def _mean(light: Plane, where: Labels, count: int) -> tuple[Plane, NDArray[np.int64]]:
    pixels = np.bincount(where.ravel(), minlength=count + 1)[1:]
    sums = np.bincount(where.ravel(), light.ravel(), count + 1)[1:]
    return np.asarray(sums / np.maximum(pixels, 1), float), pixels


def _meets_another(nearest: Labels) -> NDArray[np.bool_]:
    """Pixels within two of another cell, whose light is blurred into them."""
    lowest = ndimage.minimum_filter(nearest, size=5)
    return np.asarray(lowest != ndimage.maximum_filter(nearest, size=5))


def _above_background(image: Image, which: str | int, places: _Places) -> Plane:
    light = np.asarray(channel(image, which), float) / image.full_scale
    far = places.distance_um > _FAR_UM
    if places.count and np.count_nonzero(far) < _LEAST_FAR * far.size:
        return np.asarray(light - np.percentile(light, 1))
    return np.asarray(light - np.median(light[far] if places.count else light))
