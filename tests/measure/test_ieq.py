"""Islet equivalents against the definition and the published class tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isletqc.measure import ieq
from isletqc.protocol import Convention

CLASSES = [(50, 100), (100, 150), (150, 200), (200, 250), (250, 300), (300, 350), (350, 400)]


def test_one_islet_equivalent_is_a_sphere_of_150_um() -> None:
    assert pytest.approx(1.767146, abs=5e-7) == ieq.IEQ_VOLUME_NL
    assert ieq.ieq(ieq.sphere_nl(150)) == pytest.approx(1)


@pytest.mark.parametrize(("edges", "factor"), [*zip(CLASSES, ieq.RICORDI_LONG, strict=True)])
def test_long_factors_are_the_mean_of_the_end_points_to_the_printed_digits(
    edges: tuple[int, int], factor: float
) -> None:
    a, b = edges
    assert factor == pytest.approx((a**3 + b**3) / (2 * 150**3), abs=5.1e-4)


@pytest.mark.parametrize(
    ("index", "printed"),
    [*enumerate([1 / 6, 1 / 1.5, 1.7, 3.5, 6.3, 10.4, 15.8])],
)
def test_short_factors_are_those_in_print_and_near_the_long_ones(
    index: int, printed: float
) -> None:
    assert ieq.RICORDI_SHORT[index] == pytest.approx(printed)
    assert ieq.RICORDI_SHORT[index] == pytest.approx(ieq.RICORDI_LONG[index], rel=0.03)


def test_classes_are_half_open_and_end_with_all_above_350_um() -> None:
    d = [0, 49.999, 50, 99.999, 100, 150, 349.999, 350, 400, 2000]
    long = ieq.RICORDI_LONG
    expected = [0, 0, long[0], long[0], long[1], long[2], long[5], long[6], long[6], long[6]]
    assert ieq.class_factor(d, long).tolist() == expected


def test_the_class_volume_is_the_factor_in_islet_equivalents() -> None:
    volume = ieq.volume_nl(
        "ricordi-short", diameter_um=[120, 30], major_um=[], minor_um=[], extrusion_nl=[]
    )
    assert ieq.ieq(volume) == pytest.approx([1 / 1.5, 0])


def test_the_long_table_overstates_human_sizes_by_ten_to_thirteen_percent() -> None:
    # Weibull with mean 99.9 and SD 53.9 um, counted from 50 um: the published bias.
    rng = np.random.default_rng(3)
    d = 112.6 * rng.weibull(1.93, 400_000)
    d = d[(d >= 50) & (d < 500)]
    table = ieq.class_factor(d, ieq.RICORDI_LONG).sum()
    assert 1.10 <= table / ieq.ieq(ieq.sphere_nl(d)).sum() <= 1.13


@given(
    a=st.floats(20, 500),
    ratio=st.floats(0.2, 1),
)
def test_spheroids_stand_on_either_side_of_the_sphere_of_the_same_area(
    a: float, ratio: float
) -> None:
    b = a * ratio
    sphere = ieq.sphere_nl(math.sqrt(a * b))
    assert ieq.spheroid_nl(b, a) / sphere == pytest.approx(math.sqrt(ratio))
    assert ieq.spheroid_nl(a, b) / sphere == pytest.approx(1 / math.sqrt(ratio))


@pytest.mark.parametrize("convention", ieq.CONVENTIONS)
def test_no_islets_have_no_volume_by_any_convention(convention: Convention) -> None:
    none = ieq.volume_nl(convention, diameter_um=[], major_um=[], minor_um=[], extrusion_nl=[])
    assert none.sum() == 0


def test_size_classes_count_weights() -> None:
    counts = ieq.size_classes([40, 60, 99, 100, 360, 900], [1, 1, 2, 1, 1.5, 1])
    assert counts.tolist() == [3, 1, 0, 0, 0, 0, 2.5]


def test_the_size_index_is_ieq_per_islet_and_unknown_without_islets() -> None:
    assert ieq.size_index(72, 100) == 0.72
    assert ieq.size_index(0, 0) is None
