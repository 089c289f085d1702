from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, stats
from skimage import measure

from isletqc.synthetic import shapes
from isletqc.synthetic.shapes import Floats

LAWS = [
    pytest.param(
        shapes.HUMAN_WEIBULL, stats.weibull_min(1.93, scale=112.6), id="human islets, Weibull"
    ),
    pytest.param(
        shapes.HUMAN_LOGNORMAL, stats.lognorm(0.506, scale=np.exp(4.476)), id="human, lognormal"
    ),
]


@pytest.mark.parametrize(("law", "published"), LAWS)
def test_diameters_have_the_mean_and_spread_of_the_published_law_between_its_limits(
    law: shapes.SizeLaw, published: Any
) -> None:
    drawn = shapes.diameters_um(np.random.default_rng(1), 40_000, law)
    low, high = law.limits_um
    share = published.cdf(high) - published.cdf(low)
    first, second = (
        integrate.quad(lambda d, k=k: d**k * published.pdf(d) / share, low, high)[0] for k in (1, 2)
    )
    sd = (second - first**2) ** 0.5
    assert drawn.min() >= low
    assert drawn.max() <= high
    # four standard errors of the mean; 2 % of the spread
    assert drawn.mean() == pytest.approx(first, abs=4 * sd / 200)
    assert drawn.std() == pytest.approx(sd, rel=0.03)


def test_the_laws_of_stem_cell_clusters_have_the_published_moments() -> None:
    for law, mean, sd in ((shapes.SC_MICROWELL, 136, 31), (shapes.SC_SUSPENSION, 275, 62)):
        drawn = shapes.diameters_um(np.random.default_rng(2), 40_000, law)
        assert drawn.mean() == pytest.approx(mean, rel=0.01)
        assert drawn.std() == pytest.approx(sd, rel=0.03)


@pytest.mark.parametrize("ratio", [1.0, 0.8, 0.6])
def test_a_disc_or_ellipse_covers_its_analytic_area_within_half_a_percent(ratio: float) -> None:
    outline = shapes.ellipse(120.0, ratio, angle=0.4)
    patch = shapes.raster(outline, (101.3, 99.6), (200, 200), pad_px=2)
    assert patch is not None
    area = np.pi / 4 * 120**2
    assert shapes.area_um2(outline) == pytest.approx(area, rel=1e-9)
    assert patch.cover.sum() == pytest.approx(area, rel=0.005)
    assert np.count_nonzero(patch.cover >= 0.5) == pytest.approx(area, rel=0.005)


def test_the_drawn_ellipse_has_the_axes_asked_for() -> None:
    patch = shapes.raster(shapes.ellipse(160.0, 0.64), (120, 120), (240, 240), pad_px=2)
    assert patch is not None
    drawn = measure.regionprops((patch.cover >= 0.5).astype(int))[0]  # type: ignore[no-untyped-call]
    # area pi/4 a b with b = 0.64 a, so a = 160 / 0.8
    assert drawn.axis_major_length == pytest.approx(200, rel=0.005)
    assert drawn.axis_minor_length == pytest.approx(128, rel=0.005)


def test_a_disc_of_six_pixels_is_still_covered_within_half_a_percent() -> None:
    patch = shapes.raster(shapes.ellipse(6.0, 1.0), (10.37, 9.81), (20, 20), pad_px=1)
    assert patch is not None
    assert patch.cover.sum() == pytest.approx(np.pi / 4 * 36, rel=0.005)


def test_the_centroid_of_a_disc_seen_from_another_point_is_its_own_middle() -> None:
    # a disc of radius 50 around (y, x) = (0, 12): the far crossing of each ray
    radii = 12 * np.cos(shapes.THETA) + np.sqrt(50**2 - (12 * np.sin(shapes.THETA)) ** 2)
    assert shapes.area_um2(radii) == pytest.approx(np.pi * 50**2, rel=1e-3)
    assert shapes.centroid_yx(radii) == pytest.approx((0, 12), abs=0.01)


def test_an_outline_beside_the_picture_draws_nothing() -> None:
    assert shapes.raster(shapes.ellipse(20.0, 1.0), (-15, 50), (100, 100), pad_px=9) is None


def test_a_scaled_outline_keeps_its_form_and_takes_the_wanted_area() -> None:
    outline = shapes.islet_outline(np.random.default_rng(3), 100.0)
    larger = shapes.scaled(outline, 250.0)
    assert shapes.area_um2(larger) == pytest.approx(np.pi / 4 * 250**2, rel=1e-12)
    assert np.ptp(larger / outline) < 1e-9


def _form(outline: Floats) -> tuple[float, float, NDArray[np.uint8]]:
    patch = shapes.raster(outline, (150, 150), (300, 300), pad_px=2)
    assert patch is not None
    mask = (patch.cover >= 0.5).astype(np.uint8)
    drawn = measure.regionprops(mask)[0]  # type: ignore[no-untyped-call]
    perimeter = measure.perimeter_crofton(mask, directions=4)  # type: ignore[no-untyped-call]
    return 4 * np.pi * drawn.area / perimeter**2, drawn.solidity, mask


def test_islets_are_mostly_round_or_bean_shaped_and_some_are_lobed() -> None:
    rng = np.random.default_rng(4)
    sizes = shapes.diameters_um(rng, 150, shapes.HUMAN_WEIBULL)
    forms = [_form(shapes.islet_outline(rng, min(d, 250.0))) for d in sizes]
    circularity, solidity = (np.array([f[k] for f in forms]) for k in (0, 1))
    # Automatic masks of real islets: 0.59 (SD 0.13) and 0.85 (0.11); they merge touching islets
    # and follow pixel noise, so single outlines lie above, with as wide a spread.
    assert 0.60 < circularity.mean() < 0.82
    assert 0.08 < circularity.std() < 0.18
    assert 0.86 < solidity.mean() < 0.96
    assert 0.02 < solidity.std() < 0.11
    assert all(cv2.connectedComponents(f[2])[0] == 2 for f in forms)


def test_stem_cell_clusters_are_rounder_than_islets() -> None:
    rng = np.random.default_rng(5)
    clusters = [_form(shapes.cluster_outline(rng, 140.0))[0] for _ in range(40)]
    islets = [_form(shapes.islet_outline(rng, 140.0))[0] for _ in range(40)]
    assert np.mean(clusters) > np.mean(islets) + 0.05
