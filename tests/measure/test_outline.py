"""Mantle and border width against drawn shapes whose figures are formulas."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr

from isletqc.measure.islets import Measurement
from isletqc.measure.outline import described
from isletqc.records import EXOCRINE, ISLET, Image, Regions, Stain

Measure = Callable[..., Measurement]
SIDE = 240


def _distance(middle: tuple[float, float] = (120.0, 120.0)) -> NDArray[np.float64]:
    y, x = np.mgrid[:SIDE, :SIDE]
    return np.asarray(np.hypot(y - middle[0], x - middle[1]))


def _scene(
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int32],
    classes: NDArray[np.uint8],
    um_per_px: float = 2.0,
    stain: Stain = "dithizone",
) -> tuple[Image, Regions]:
    image = Image(
        pixels, ("red", "green", "blue")[: pixels.shape[2]], 255, um_per_px, "given", "drawn.png",
        "0" * 64, stain,
    )  # fmt: skip
    sure = np.full(labels.shape, 255, np.uint8)
    return image, Regions(classes, labels, sure, um_per_px, "drawn")


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_the_mantle_is_the_share_of_the_outline_that_lies_on_exocrine_tissue(
    measured: Measure, share: float
) -> None:
    distance = _distance()
    y, x = np.mgrid[:SIDE, :SIDE] - 120.0
    angle = np.arctan2(y, x) % (2 * math.pi)
    labels = (distance <= 50).astype(np.int32)
    around = (distance > 50) & (distance <= 70) & (angle < 2 * math.pi * share)
    classes = np.where(labels > 0, ISLET, np.where(around, EXOCRINE, 0)).astype(np.uint8)
    pixels = np.full((SIDE, SIDE, 3), 200, np.uint8)
    islets = measured(labels, um_per_px=2.0, classes=classes).islets
    found = described(islets, *_scene(pixels, labels, classes))
    assert found[0].mantle == pytest.approx(share, abs=0.01)


def test_another_islet_beside_it_is_no_part_of_the_mantle(measured: Measure) -> None:
    left, right = _distance((120, 80)), _distance((120, 161))
    labels = np.where(left <= 40, 1, np.where(right <= 40, 2, 0)).astype(np.int32)
    near = (labels == 0) & ((left <= 60) | (right <= 60))
    classes = np.where(labels > 0, ISLET, np.where(near, EXOCRINE, 0)).astype(np.uint8)
    pixels = np.full((SIDE, SIDE, 3), 200, np.uint8)
    found = described(
        measured(labels, classes=classes).islets, *_scene(pixels, labels, classes, um_per_px=1.0)
    )
    assert [i.mantle for i in found] == [1.0, 1.0]


@pytest.mark.parametrize("sigma_px", [1.5, 2.0, 3.0])
@pytest.mark.parametrize(("gain", "offset"), [(180, 10), (-120, 200)])
def test_a_blurred_edge_has_the_width_of_its_gaussian(
    measured: Measure, sigma_px: float, gain: float, offset: float
) -> None:
    distance = _distance()
    light = offset + gain * ndtr((distance - 60) / sigma_px)
    pixels = np.repeat(np.rint(light).astype(np.uint8)[..., None], 3, axis=2)
    labels = (distance <= 60).astype(np.int32)
    classes = np.where(labels > 0, ISLET, 0).astype(np.uint8)
    found = described(measured(labels).islets, *_scene(pixels, labels, classes, um_per_px=1.0))
    # A line is a pixel wide, which widens a narrow edge.
    exact = math.sqrt(2 * math.pi) * sigma_px
    assert found[0].border_width_um == pytest.approx(exact, rel=0.08 if sigma_px < 2 else 0.05)


def test_a_perfect_edge_is_little_over_a_pixel_wide_and_no_edge_has_no_width(
    measured: Measure,
) -> None:
    distance = _distance()
    labels = (distance <= 60).astype(np.int32)
    classes = np.where(labels > 0, ISLET, 0).astype(np.uint8)
    sharp = np.where(labels > 0, 60, 200).astype(np.uint8)[..., None]
    found = described(measured(labels).islets, *_scene(sharp, labels, classes, um_per_px=3.0))
    assert found[0].border_width_um == pytest.approx(1.3 * 3.0, rel=0.02)
    flat = np.full((SIDE, SIDE, 1), 90, np.uint8)
    found = described(measured(labels).islets, *_scene(flat, labels, classes))
    assert found[0].border_width_um is None


def test_a_stain_without_exocrine_tissue_has_no_mantle(measured: Measure) -> None:
    labels = (_distance() <= 60).astype(np.int32)
    classes = np.where(labels > 0, ISLET, 0).astype(np.uint8)
    pixels = np.full((SIDE, SIDE, 3), 200, np.uint8)
    scene = _scene(pixels, labels, classes, stain="brightfield")
    assert described(measured(labels).islets, *scene)[0].mantle is None


def test_an_islet_in_the_corner_of_the_picture_is_described_too(measured: Measure) -> None:
    labels = (_distance((5, 5)) <= 30).astype(np.int32)
    classes = np.where(labels > 0, ISLET, EXOCRINE).astype(np.uint8)
    pixels = np.full((SIDE, SIDE, 3), 200, np.uint8)
    assert described(measured(labels).islets, *_scene(pixels, labels, classes))[0].mantle == 1.0
