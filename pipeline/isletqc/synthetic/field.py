"""The drawn picture and its exact truth, and the canvas on which objects are drawn.

A canvas collects the light that passes, who owns each pixel and how much of each pixel the tissue
covers; a field is what becomes of it once the camera has looked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from isletqc.records import BACKGROUND, EXOCRINE, ISLET
from isletqc.synthetic.optics import blurred, sharpened, smooth_noise
from isletqc.synthetic.shapes import Floats, Patch, area_um2, centroid_yx, raster

Float32s = NDArray[np.float32]
COUNTED_UM = 50.0  # islets below 50 um do not count
IEQ_UM = 150.0  # 1 IEQ is the volume of a sphere of this diameter


@dataclass(frozen=True, slots=True)
class DrawnIslet:
    """The truth of one islet.

    ``area_um2``, ``diameter_um`` (area-equivalent), ``volume_nl`` and ``ieq`` (sphere of that
    diameter) belong to the whole islet, also where another one or the border hides part of it;
    ``visible_area_um2`` is what ``labels`` shows. The centre of the first pixel is (0, 0).
    """

    label: int
    centroid_yx_um: tuple[float, float]
    area_um2: float
    visible_area_um2: float
    diameter_um: float
    volume_nl: float
    ieq: float
    touching: tuple[int, ...]
    touches_border: bool
    stain: float
    defocus_um: float


@dataclass(frozen=True, slots=True)
class Field:
    """A drawn picture with its truth.

    Attributes
    ----------
    pixels : (Y, X, 3) uint8, or uint16 where 16 bits were asked for
    labels : (Y, X) int32: 1..n, the topmost islet that owns the pixel; 0 elsewhere
    classes : (Y, X) uint8: 0 background, 1 exocrine, 2 islet
    coverage : (Y, X, 2) uint8: share of the pixel, in 1/255, inside exocrine tissue and islets
    um_per_px : side of a pixel
    truth : one record for each label, in their order
    look : name of the look
    """

    pixels: NDArray[Any]
    labels: NDArray[np.int32]
    classes: NDArray[np.uint8]
    coverage: NDArray[np.uint8]
    um_per_px: float
    truth: tuple[DrawnIslet, ...]
    look: str

    @property
    def counted(self) -> tuple[DrawnIslet, ...]:
        """The islets of at least 50 um."""
        return tuple(i for i in self.truth if i.diameter_um >= COUNTED_UM)

    @property
    def islet_count(self) -> int:
        """Number of islets of at least 50 um."""
        return len(self.counted)

    @property
    def ieq(self) -> float:
        """Islet equivalents of the islets of at least 50 um."""
        return sum(i.ieq for i in self.counted)

    @property
    def purity(self) -> float | None:
        """Islet area over tissue area; None where there is no tissue."""
        islet, tissue = np.count_nonzero(self.classes == ISLET), np.count_nonzero(self.classes)
        return islet / tissue if tissue else None


@dataclass(frozen=True, slots=True)
class Body:
    """One islet or cluster to be drawn: outline around a centre, stain and distance from focus."""

    radii_um: Floats
    centre_yx_um: tuple[float, float]
    diameter_um: float
    stain: float = 1.0
    defocus_um: float = 0.0


@dataclass(frozen=True, slots=True)
class Canvas:
    """What is being drawn; the arrays are written in place.

    Attributes
    ----------
    light : (Y, X, 3) float32: share of the light of the empty field, as the picture shows it
    owner : (Y, X) int32: number of the islet on top, from 1
    cover : (Y, X, 2) float32: share of the pixel inside exocrine tissue and inside islets
    noise : random fields of SD 1 with features of 5, 10, 20, 50 and 150 um
    """

    light: Float32s
    owner: NDArray[np.int32]
    cover: Float32s
    noise: tuple[Float32s, ...]
    um_per_px: float


def blank(rng: np.random.Generator, shape_yx: tuple[int, int], um_per_px: float) -> Canvas:
    """Start with an empty field."""
    noise = tuple(smooth_noise(rng, shape_yx, s / um_per_px) for s in (5, 10, 20, 50, 150))
    return Canvas(
        light=np.ones((*shape_yx, 3), np.float32),
        owner=np.zeros(shape_yx, np.int32),
        cover=np.zeros((*shape_yx, 2), np.float32),
        noise=noise,
        um_per_px=um_per_px,
    )


def patch_of(canvas: Canvas, body: Body) -> Patch | None:
    """Place the body on the canvas's grid, with room for its blur."""
    pad = int(3 * body.defocus_um / canvas.um_per_px) + 3
    centre = (body.centre_yx_um[0] / canvas.um_per_px, body.centre_yx_um[1] / canvas.um_per_px)
    shape = canvas.owner.shape[0], canvas.owner.shape[1]
    return raster(body.radii_um / canvas.um_per_px, centre, shape, pad_px=pad)


def absorb(
    canvas: Canvas, patch: Patch, density: Float32s, *, defocus_um: float, rim: float = 0.0
) -> None:
    """Let light pass through an object of optical density (h, w, 3); ``rim`` sharpens its edge."""
    sigma = defocus_um / canvas.um_per_px
    cover = blurred(patch.cover, sigma)
    cover = sharpened(cover, amount=rim, sigma_px=max(6 / canvas.um_per_px, 0.8))
    passed = 1 - cover[..., None] * (1 - blurred(np.exp(-density), sigma * 0.7))
    canvas.light[patch.rows, patch.cols] *= np.maximum(passed, 0)


def own(canvas: Canvas, patch: Patch, number: int) -> None:
    """Write an islet into the truth, on top of what is there."""
    owner = canvas.owner[patch.rows, patch.cols]
    owner[patch.cover >= 0.5] = number
    cover = canvas.cover[patch.rows, patch.cols, 1]
    np.maximum(cover, patch.cover, out=cover)


def own_exocrine(canvas: Canvas, patch: Patch) -> None:
    """Write exocrine tissue into the truth."""
    cover = canvas.cover[patch.rows, patch.cols, 0]
    np.maximum(cover, patch.cover, out=cover)


def finish(
    canvas: Canvas,
    bodies: Sequence[Body],
    pixels: NDArray[Any],
    *,
    hidden: Sequence[tuple[slice, slice]],
    look: str,
) -> Field:
    """Truth of the canvas beside the picture; ``hidden`` are the boxes of burnt-in text."""
    blocked = np.zeros(canvas.owner.shape, bool)
    for rows, cols in hidden:
        blocked[rows, cols] = True
    owner = np.where(blocked, 0, canvas.owner)
    cover = np.where(blocked[..., None], 0, canvas.cover)
    numbers, counts = np.unique(owner[owner > 0], return_counts=True)
    renumbered = np.zeros(len(bodies) + 1, np.int32)
    renumbered[numbers] = np.arange(1, numbers.size + 1)
    labels = renumbered[owner]
    cut, neighbours = _cut(canvas.owner, blocked), _neighbours(labels)
    visible_um2 = (counts * canvas.um_per_px**2).tolist()
    truth = tuple(
        _drawn(bodies[n - 1], k, area, neighbours.get(k, ()), n in cut)
        for k, (n, area) in enumerate(zip(numbers.tolist(), visible_um2, strict=True), 1)
    )
    classes = np.where(labels > 0, ISLET, np.where(cover[..., 0] >= 0.5, EXOCRINE, BACKGROUND))
    return Field(
        pixels=_read_only(pixels),
        labels=_read_only(labels),
        classes=_read_only(classes.astype(np.uint8)),
        coverage=_read_only(np.rint(cover * 255).astype(np.uint8)),
        um_per_px=canvas.um_per_px,
        truth=truth,
        look=look,
    )


def _cut(owner: NDArray[np.int32], blocked: NDArray[np.bool_]) -> set[int]:
    """Numbers of islets that reach the border of the picture or a hidden box."""
    rim = cv2.dilate(blocked.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    rim[[0, -1]], rim[:, [0, -1]] = True, True
    return set(np.unique(owner[rim]).tolist())


def _drawn(
    body: Body, label: int, visible_um2: float, touching: tuple[int, ...], border: bool
) -> DrawnIslet:
    area = area_um2(body.radii_um)
    diameter = 2 * (area / np.pi) ** 0.5
    shift = centroid_yx(body.radii_um)
    return DrawnIslet(
        label=label,
        centroid_yx_um=(body.centre_yx_um[0] + shift[0], body.centre_yx_um[1] + shift[1]),
        area_um2=area,
        visible_area_um2=visible_um2,
        diameter_um=diameter,
        volume_nl=np.pi / 6 * diameter**3 * 1e-6,
        ieq=(diameter / IEQ_UM) ** 3,
        touching=touching,
        touches_border=border,
        stain=body.stain,
        defocus_um=body.defocus_um,
    )


def _neighbours(labels: NDArray[np.int32]) -> dict[int, tuple[int, ...]]:
    """Labels that share an edge or a corner of a pixel."""
    met: dict[int, set[int]] = {}
    for a, b in (
        (labels[1:], labels[:-1]),
        (labels[:, 1:], labels[:, :-1]),
        (labels[1:, 1:], labels[:-1, :-1]),
        (labels[1:, :-1], labels[:-1, 1:]),
    ):
        differ = (a != b) & (a > 0) & (b > 0)
        for p, q in set(zip(a[differ].tolist(), b[differ].tolist(), strict=True)):
            met.setdefault(p, set()).add(q)
            met.setdefault(q, set()).add(p)
    return {p: tuple(sorted(q)) for p, q in met.items()}


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array
