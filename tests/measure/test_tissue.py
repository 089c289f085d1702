from __future__ import annotations

import math

import numpy as np
import pytest

from isletqc.measure import stain, tissue
from isletqc.records import BACKGROUND, EXOCRINE, ISLET, Image, Islet


def test_a_region_touches_an_islet_by_side_or_corner() -> None:
    r"""Islet I; exocrine regions A (by its corner), B (one pixel apart), C (by its side).

    A . . . .
    . I I . B
    . I I C .
    """
    classes = np.zeros((3, 6), np.uint8)
    classes[1:, 1:3] = ISLET
    classes[0, 0] = classes[1, 4] = EXOCRINE
    found = tissue.of(classes)
    assert found.islet_px == 4
    assert found.areas_px.tolist() == [1, 1]
    assert found.contacts_px.tolist() == [1, 0]
    classes[2, 3] = EXOCRINE  # joins the second region by a corner
    joined = tissue.of(classes)
    assert joined.areas_px.tolist() == [1, 2]
    assert joined.contacts_px.tolist() == [1, 1]


def test_figures_of_one_free_square_region() -> None:
    classes = np.zeros((20, 20), np.uint8)
    classes[2:12, 3:13] = EXOCRINE
    figures = tissue.figures(tissue.of(classes), um_per_px=10, min_diameter_um=50)
    diameter_um = 2 * math.sqrt(10_000 / math.pi)
    assert figures.exocrine_area_um2 == 10_000
    assert figures.exocrine_clusters == 1
    assert figures.exocrine_volume_nl == pytest.approx(math.pi / 6 * diameter_um**3 * 1e-6)
    assert figures.exocrine_area_squares_um4 == 1e8
    assert figures.exocrine_largest_um2 == 10_000
    assert figures.islet_area_um2 == 0


@pytest.mark.parametrize("seed", range(12))
def test_a_change_brings_the_tissues_to_where_looking_at_everything_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = rng.choice([BACKGROUND, EXOCRINE, ISLET], (30, 40), p=[0.7, 0.2, 0.1]).astype(
        np.uint8
    )
    before = tissue.of(classes)
    y0, x0 = int(rng.integers(0, 28)), int(rng.integers(0, 38))
    y1, x1 = int(rng.integers(y0 + 1, 31)), int(rng.integers(x0 + 1, 41))
    old = classes[y0:y1, x0:x1].copy()
    new = rng.choice([BACKGROUND, ISLET], old.shape).astype(np.uint8)
    # Every other time exocrine tissue stays where it is, which is the short way.
    classes[y0:y1, x0:x1] = np.where(old == EXOCRINE, old, new) if seed % 2 else new
    found, expected = tissue.after(before, classes, old, (y0, x0, y1, x1)), tissue.of(classes)
    assert found.islet_px == expected.islet_px
    assert found.areas_px.tolist() == expected.areas_px.tolist()
    assert found.contacts_px.tolist() == expected.contacts_px.tolist()
    assert np.array_equal(found.regions, expected.regions)


def test_optical_densities_follow_the_light_of_the_background() -> None:
    """Mean light 0.1 before a background of 0.5 and of 1: densities lg 5 and lg 10."""
    figures = stain.figures({"grey": np.array([0.1])}, np.array([0.5]))[0]
    assert figures["od_grey"] == pytest.approx(math.log10(5))
    (again,) = stain.relit([islet(figures)], ["grey"], np.array([1.0]))
    assert again.stain["od_grey"] == pytest.approx(1)
    assert again.stain["mean_grey"] == 0.1
    (dark,) = stain.relit([islet(figures)], ["grey"], None)
    assert dark.stain == {"mean_grey": 0.1}


def test_a_picture_without_background_has_no_light() -> None:
    image = Image(
        np.full((4, 4, 1), 9, np.uint8), ("grey",), 255, 1.0, "given", "a", "0" * 64, "brightfield"
    )
    assert stain.background(image, np.full((4, 4), ISLET, np.uint8)) is None


def islet(figures: dict[str, float]) -> Islet:
    return Islet(
        label=1,
        class_name="islet",
        centroid_yx_um=(1.0, 1.0),
        area_um2=1.0,
        diameter_um=1.0,
        major_axis_um=1.0,
        minor_axis_um=1.0,
        feret_um=1.0,
        circularity=1.0,
        solidity=1.0,
        volume_nl=1.0,
        ieq=1.0,
        probability=1.0,
        touches_border=False,
        weight=1.0,
        included=True,
        exclusion_reason="",
        stain=figures,
    )
