import numpy as np
import pytest

from isletqc.records import BACKGROUND, ISLET
from isletqc.synthetic import draw


@pytest.fixture(scope="module")
def clusters() -> draw.Field:
    return draw.brightfield_field(
        3, shape_yx=(500, 600), clusters=25, law=draw.SC_MICROWELL, dirt=1.0, bar=False
    )


def test_the_same_seed_draws_the_same_clusters(clusters: draw.Field) -> None:
    again = draw.brightfield_field(
        3, shape_yx=(500, 600), clusters=25, law=draw.SC_MICROWELL, dirt=1.0, bar=False
    )
    assert np.array_equal(clusters.pixels, again.pixels)
    assert clusters.truth == again.truth


def test_debris_is_background_and_clusters_are_the_only_tissue(clusters: draw.Field) -> None:
    assert set(np.unique(clusters.classes)) == {BACKGROUND, ISLET}
    assert clusters.purity == 1.0


def test_clusters_are_darker_than_the_field_around_them(clusters: draw.Field) -> None:
    grey = clusters.pixels.mean(axis=2)
    field = np.median(grey[clusters.labels == 0])
    darker = [grey[clusters.labels == i.label].mean() < field for i in clusters.truth]
    assert all(darker)


def test_large_clusters_let_less_light_through_than_small_ones() -> None:
    drawn = draw.brightfield_field(
        5, shape_yx=(500, 600), diameters=np.array([60.0, 70, 80, 300, 320]), dirt=0.0,
        bar=False, whole=True,
    )  # fmt: skip
    grey = drawn.pixels.mean(axis=2)
    mean = {i.diameter_um: grey[drawn.labels == i.label].mean() for i in drawn.truth}
    assert max(v for d, v in mean.items() if d > 200) < min(v for d, v in mean.items() if d < 200)


def test_given_diameters_are_drawn_and_no_others() -> None:
    wanted = np.array([80.0, 120.0, 200.0])
    drawn = draw.brightfield_field(6, shape_yx=(400, 400), diameters=wanted, whole=True, bar=False)
    assert sorted(i.diameter_um for i in drawn.truth) == pytest.approx(wanted.tolist())
