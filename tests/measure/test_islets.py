"""Measured figures against formulas of the drawn shapes and against scikit-image."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import ellipe
from skimage.draw import disk
from skimage.measure import perimeter_crofton, regionprops

from isletqc.measure.islets import Measurement
from isletqc.measure.shape import crofton_perimeter, extrusion_volume
from isletqc.protocol import Convention

Measure = Callable[..., Measurement]
Draw = Callable[..., NDArray[np.int32]]


def blobs(seed: int, count: int = 6, side: int = 160) -> NDArray[np.int32]:
    """Labels of overlapping discs: jagged, notched, some touching others and the border."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((side, side), np.int32)
    for label in range(1, count + 1):
        middle = rng.uniform(0.1 * side, 0.9 * side, 2)
        for _ in range(3):
            where = disk(middle + rng.normal(0, 6, 2), rng.uniform(5, 14), shape=labels.shape)  # type: ignore[no-untyped-call]
            free = labels[where] == 0
            labels[where[0][free], where[1][free]] = label
    labels[rng.random(labels.shape) < 0.02] = 0
    _, whole = np.unique(labels, return_inverse=True)
    return whole.reshape(labels.shape).astype(np.int32)


@pytest.mark.parametrize("radius", [8, 12, 20, 45, 100])
def test_discs_have_the_figures_of_their_radius_wherever_they_lie(
    measured: Measure, ellipse: Draw, radius: int
) -> None:
    """Thirty discs off the grid by fractions of a pixel.

    Pixels on the outline are in or out as a whole, so single small discs err at random (about
    sqrt(radius) pixels in area, circle problem of Gauss); their mean must not.
    """
    shifts = np.random.default_rng(radius).uniform(-0.5, 0.5, (30, 2))
    discs = [measured(ellipse(radius, radius, shift=s), um_per_px=2.0).islets[0] for s in shifts]

    def mean(figure: str) -> float:
        return float(np.mean([getattr(d, figure) for d in discs]))

    assert mean("area_um2") == pytest.approx(math.pi * (2 * radius) ** 2, rel=0.01)
    assert mean("diameter_um") == pytest.approx(4 * radius, rel=0.01)
    # Of two noisy axes the larger is called major: 1.2 % at a radius of 8 px.
    for axis in ("major_axis_um", "minor_axis_um"):
        assert mean(axis) == pytest.approx(4 * radius, rel=0.015 if radius == 8 else 0.01)
    assert mean("circularity") == pytest.approx(1, rel=0.02)
    assert all(d.diameter_um == pytest.approx(4 * radius, rel=0.3 / radius) for d in discs)
    assert all(d.circularity > 0.95 for d in discs)


@pytest.mark.parametrize(("radius", "within"), [(8, 0.03), (12, 0.02), (20, 0.01), (100, 0.001)])
def test_each_single_disc_has_diameter_and_axes_within_what_whole_pixels_allow(
    measured: Measure, ellipse: Draw, radius: int, within: float
) -> None:
    """Each of 60 places on the grid; a mask of whole pixels holds no more (8 px: 197 of 201)."""
    for shift in np.random.default_rng(3).uniform(-0.5, 0.5, (60, 2)):
        islet = measured(ellipse(radius, radius, shift=shift)).islets[0]
        assert islet.diameter_um == pytest.approx(2 * radius, rel=within)
        assert islet.major_axis_um == pytest.approx(2 * radius, rel=within)
        assert islet.minor_axis_um == pytest.approx(2 * radius, rel=within)


@pytest.mark.parametrize("turn", [0.0, 0.3, math.pi / 4, 1.2])
@pytest.mark.parametrize(("a", "b"), [(20, 12), (45, 18), (100, 60)])
def test_an_ellipse_has_its_own_axes_circularity_and_feret(
    measured: Measure, ellipse: Draw, a: float, b: float, turn: float
) -> None:
    islet = measured(ellipse(a, b, turn=turn, shift=(0.3, -0.2))).islets[0]
    outline = 4 * a * ellipe(1 - (b / a) ** 2)
    assert islet.area_um2 == pytest.approx(math.pi * a * b, rel=0.01)
    assert islet.major_axis_um == pytest.approx(2 * a, rel=0.01)
    assert islet.minor_axis_um == pytest.approx(2 * b, rel=0.01)
    # Four directions see a slim ellipse's flanks unevenly: up to 5 % in length, twice in square.
    exact = 4 * math.pi * math.pi * a * b / outline**2
    assert islet.circularity == pytest.approx(exact, rel=0.02 if b / a > 0.55 else 0.08)
    # Corners of pixels reach up to sqrt(2) px beyond the ellipse in all.
    assert 2 * a - 1 <= islet.feret_um <= 2 * a + 1.5


@pytest.mark.parametrize(("height", "width"), [(8, 8), (10, 30), (61, 24)])
def test_a_rectangle_is_measured_exactly(measured: Measure, height: int, width: int) -> None:
    labels = np.zeros((80, 80), np.int32)
    labels[5 : 5 + height, 7 : 7 + width] = 1
    islet = measured(labels, um_per_px=3.0).islets[0]
    long, short = max(height, width), min(height, width)
    assert islet.area_um2 == pytest.approx(9 * height * width)
    assert islet.feret_um == pytest.approx(3 * math.hypot(height, width))
    assert islet.solidity == pytest.approx(1)
    # The ellipse with the moments of a side s has the axis 4 s / sqrt(12).
    assert islet.major_axis_um == pytest.approx(3 * 4 * long / math.sqrt(12))
    assert islet.minor_axis_um == pytest.approx(3 * 4 * short / math.sqrt(12))
    assert islet.centroid_yx_um == pytest.approx((3 * (5 + height / 2), 3 * (7 + width / 2)))


@pytest.mark.parametrize(("outer", "inner"), [(30, 10), (60, 45)])
def test_a_ring_has_the_area_moments_and_solidity_of_a_ring(
    measured: Measure, ellipse: Draw, outer: int, inner: int
) -> None:
    ring = ellipse(outer, outer) - ellipse(inner, inner, room=4 + outer - inner)
    islet = measured(ring).islets[0]
    assert islet.area_um2 == pytest.approx(math.pi * (outer**2 - inner**2), rel=0.01)
    assert islet.major_axis_um == pytest.approx(2 * math.hypot(outer, inner), rel=0.01)
    assert islet.solidity == pytest.approx(1 - (inner / outer) ** 2, rel=0.04)


@pytest.mark.parametrize("seed", range(5))
def test_the_perimeter_is_that_of_scikit_image(seed: int) -> None:
    labels = blobs(seed)
    for label in range(1, labels.max() + 1):
        mask = np.pad(labels == label, 1).astype(np.uint8)
        expected = perimeter_crofton(mask, directions=4)  # type: ignore[no-untyped-call]
        assert crofton_perimeter(mask) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_area_centroid_and_axes_are_those_of_scikit_image(measured: Measure, seed: int) -> None:
    labels = blobs(seed)
    reference = regionprops(labels)  # type: ignore[no-untyped-call]
    for islet, other in zip(measured(labels).islets, reference, strict=True):
        assert islet.area_um2 == other.area
        # Ours are from the picture's corner, theirs from the first pixel's middle.
        expected = tuple(c + 0.5 for c in other.centroid)
        assert islet.centroid_yx_um == pytest.approx(expected)
        # Theirs take pixels for points; a unit square adds 1/12 to each variance, 4/3 here.
        assert islet.major_axis_um**2 - 4 / 3 == pytest.approx(other.axis_major_length**2)
        assert islet.minor_axis_um**2 - 4 / 3 == pytest.approx(other.axis_minor_length**2)


@pytest.mark.parametrize("seed", range(3))
def test_solidity_and_circularity_never_exceed_one(measured: Measure, seed: int) -> None:
    for islet in measured(blobs(seed)).islets:
        assert 0 < islet.solidity <= 1 + 1e-12
        assert 0 < islet.circularity <= 1


@pytest.mark.parametrize("convention", ["prolate", "oblate", "extrusion"])
@pytest.mark.parametrize("radius", [12, 20, 45, 100])
def test_all_per_islet_conventions_agree_for_a_disc(
    measured: Measure, ellipse: Draw, radius: int, convention: Convention
) -> None:
    labels = ellipse(radius, radius, shift=(0.2, 0.4))
    sphere = measured(labels, convention="sphere").islets[0]
    other = measured(labels, convention=convention).islets[0]
    # A ball fits into the stairs of the outline, so extrusion reads 1 to 2 % low.
    assert other.volume_nl == pytest.approx(sphere.volume_nl, rel=0.025)
    assert other.diameter_um == sphere.diameter_um


@pytest.mark.parametrize("ratio", [0.9, 0.8, 0.7, 0.6])
def test_prolate_over_sphere_is_the_root_of_the_axis_ratio(
    measured: Measure, ellipse: Draw, ratio: float
) -> None:
    labels = ellipse(80, 80 * ratio)
    sphere, prolate, oblate = (
        measured(labels, convention=c).islets[0].ieq for c in ("sphere", "prolate", "oblate")
    )
    assert prolate / sphere == pytest.approx(math.sqrt(ratio), rel=0.01)
    assert oblate / sphere == pytest.approx(1 / math.sqrt(ratio), rel=0.01)


def test_extrusion_of_a_long_bar_is_a_half_cylinder_on_each_side() -> None:
    # Away from its ends a bar of width 2 r is filled by a row of balls: a cylinder, pi r^2 L.
    mask = np.zeros((43, 802), np.uint8)
    mask[1:-1, 1:-1] = 1
    assert extrusion_volume(mask) == pytest.approx(math.pi * 20.5**2 * 800, rel=0.05)


def test_two_touching_discs_are_measured_each_on_its_own(measured: Measure) -> None:
    y, x = np.mgrid[:60, :100]
    labels = np.zeros((60, 100), np.int32)
    labels[(y - 30) ** 2 + (x - 30) ** 2 < 400] = 1
    labels[((y - 30) ** 2 + (x - 65) ** 2 <= 256) & (labels == 0)] = 2
    one, two = measured(labels).islets
    assert (one.label, two.label) == (1, 2)
    assert one.diameter_um == pytest.approx(40, rel=0.01)
    assert one.circularity > 0.975
    assert two.feret_um < 34


def test_an_empty_picture_has_no_islets_and_no_areas(measured: Measure) -> None:
    found = measured(np.zeros((30, 40), np.int32))
    assert found.islets == ()
    assert found.islet_area_um2 == found.exocrine_area_um2 == 0
    assert found.exocrine_clusters == 0


def test_a_single_pixel_is_measured_without_error(measured: Measure) -> None:
    labels = np.zeros((5, 5), np.int32)
    labels[2, 2] = 1
    islet = measured(labels, um_per_px=10.0).islets[0]
    assert islet.area_um2 == 100
    assert islet.solidity == pytest.approx(1)
    assert islet.feret_um == pytest.approx(10 * math.sqrt(2))


def test_small_islets_do_not_count_and_say_why(measured: Measure, ellipse: Draw) -> None:
    found = measured(ellipse(10, 10), um_per_px=2.0, min_diameter_um=50)
    islet = found.islets[0]
    assert not islet.included
    assert islet.exclusion_reason == f"diameter {islet.diameter_um:.1f} um under 50 um"


def test_an_islet_of_just_the_smallest_diameter_counts(measured: Measure) -> None:
    labels = np.zeros((30, 30), np.int32)
    labels[5:25, 5:25] = 1
    exact = 2 * math.sqrt(400 / math.pi)
    assert measured(labels, min_diameter_um=exact - 1e-9).islets[0].included
    assert not measured(labels, min_diameter_um=exact + 1e-9).islets[0].included


def test_tissue_areas_hold_objects_of_every_size(measured: Measure, ellipse: Draw) -> None:
    labels = np.zeros((100, 200), np.int32)
    labels[10:40, 10:40] = 1
    classes = np.where(labels, 2, 0).astype(np.uint8)
    classes[60:64, 10:15] = 2
    classes[50:90, 100:140] = 1
    classes[5, 190] = 1
    found = measured(labels, um_per_px=2.0, classes=classes, min_diameter_um=50)
    assert found.islet_area_um2 == 4 * (900 + 20)
    assert found.exocrine_area_um2 == 4 * (1600 + 1)
    assert found.exocrine_area_squares_um4 == 16 * (1600**2 + 1)
    # The one-pixel grain is no cluster; volume is that of spheres of the same areas.
    assert found.exocrine_clusters == 1
    spheres = sum((4 / 3) * math.pi * (4 * a / math.pi) ** 1.5 * 1e-6 for a in (1600, 1))
    assert found.exocrine_volume_nl == pytest.approx(spheres)


def test_exocrine_tissue_around_an_islet_is_no_cluster_of_its_own(measured: Measure) -> None:
    labels = np.zeros((100, 200), np.int32)
    labels[20:60, 20:60] = 1
    classes = np.where(labels, 2, 0).astype(np.uint8)
    classes[15:65, 15:20] = 1
    classes[20:60, 120:160] = 1
    assert measured(labels, classes=classes).exocrine_clusters == 1


def test_stain_figures_follow_their_formulas(measured: Measure) -> None:
    labels = np.zeros((60, 60), np.int32)
    labels[10:30, 10:30] = 1
    pixels = np.full((60, 60, 3), (204, 153, 102), np.uint8)
    pixels[labels == 1] = (204, 51, 51)
    stain = measured(labels, pixels=pixels).islets[0].stain
    assert stain["mean_red"] == pytest.approx(0.8)
    assert stain["mean_green"] == pytest.approx(0.2)
    assert stain["od_red"] == pytest.approx(0)
    assert stain["od_green"] == pytest.approx(math.log10(3))
    assert stain["od_blue"] == pytest.approx(math.log10(2))
    assert stain["redness"] == pytest.approx(math.log10(3))


def test_black_islets_have_a_finite_optical_density(measured: Measure) -> None:
    labels = np.zeros((30, 30), np.int32)
    labels[10:20, 10:20] = 1
    pixels = np.full((30, 30, 3), 255, np.uint8)
    pixels[labels == 1] = 0
    assert measured(labels, pixels=pixels).islets[0].stain["od_green"] == pytest.approx(3)


def test_without_background_there_is_no_optical_density(measured: Measure) -> None:
    stain = measured(np.ones((30, 30), np.int32)).islets[0].stain
    assert "mean_red" in stain
    assert "od_red" not in stain


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), um=st.floats(0.2, 10))
def test_pixel_size_scales_lengths_areas_and_volumes(
    seed: int, um: float, measured: Measure
) -> None:
    labels = blobs(seed, count=3, side=90)
    for at_one, scaled in zip(measured(labels).islets, measured(labels, um).islets, strict=True):
        assert scaled.area_um2 == pytest.approx(at_one.area_um2 * um**2)
        assert scaled.diameter_um == pytest.approx(at_one.diameter_um * um)
        assert scaled.feret_um == pytest.approx(at_one.feret_um * um)
        assert scaled.volume_nl == pytest.approx(at_one.volume_nl * um**3)
        assert at_one.extrusion_nl is not None
        assert scaled.extrusion_nl == pytest.approx(at_one.extrusion_nl * um**3)
        assert scaled.circularity == at_one.circularity
        assert scaled.solidity == at_one.solidity


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), order=st.randoms(use_true_random=False))
def test_the_order_of_the_labels_changes_no_figure(
    seed: int, order: random.Random, measured: Measure
) -> None:
    labels = blobs(seed, count=4, side=90)
    names = list(range(1, int(labels.max()) + 1))
    order.shuffle(names)
    renamed = np.array([0, *names], np.int32)[labels]
    before, after = measured(labels).islets, measured(renamed).islets
    for label, name in enumerate(names, start=1):
        one, other = before[label - 1], after[name - 1]
        assert other.label == name
        assert other.area_um2 == one.area_um2
        assert other.major_axis_um == one.major_axis_um
        assert other.circularity == one.circularity
        assert other.volume_nl == one.volume_nl


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), quarters=st.integers(1, 3))
def test_a_quarter_turn_changes_no_figure(seed: int, quarters: int, measured: Measure) -> None:
    labels = blobs(seed, count=4, side=90)
    turned = np.rot90(labels, quarters).copy()
    for one, other in zip(measured(labels).islets, measured(turned).islets, strict=True):
        assert other.area_um2 == one.area_um2
        assert other.feret_um == pytest.approx(one.feret_um)
        assert other.solidity == pytest.approx(one.solidity)
        assert other.circularity == pytest.approx(one.circularity)
        assert other.major_axis_um == pytest.approx(one.major_axis_um)
        assert other.touches_border == one.touches_border


def test_the_same_picture_gives_the_same_bits_wherever_it_lies_in_memory(
    measured: Measure,
) -> None:
    first, held = measured(blobs(6)), []
    for size in range(1, 400, 8):
        held.append(np.ones(size))
        assert measured(blobs(6)) == first
