"""Border rules: who counts, and that sums are unbiased over many random fields."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from isletqc.measure import border

SHAPE = (200, 300)


def boxes(*rows: tuple[int, int, int, int]) -> NDArray[np.int64]:
    return np.array(rows, np.int64).reshape(-1, 4)


@pytest.mark.parametrize(
    ("box", "touching"),
    [
        ((0, 50, 10, 60), True),
        ((50, 0, 60, 10), True),
        ((190, 50, 200, 60), True),
        ((50, 290, 60, 300), True),
        ((1, 1, 199, 299), False),
    ],
)
def test_an_islet_on_the_outermost_pixels_touches_the_border(
    box: tuple[int, int, int, int], touching: bool
) -> None:
    assert border.touches(boxes(box), SHAPE).tolist() == [touching]


def test_without_a_rule_every_islet_counts_once() -> None:
    weights, reasons = border.weights(boxes((0, 0, 9, 9)), SHAPE, "none", um_per_px=1)
    assert weights.tolist() == [1]
    assert reasons == ("",)


def test_miles_lantuejoul_weighs_by_the_room_that_an_islet_has() -> None:
    found = boxes((10, 10, 30, 50), (0, 10, 30, 50))
    weights, reasons = border.weights(found, SHAPE, "miles-lantuejoul", um_per_px=1)
    # W H / ((W - w)(H - h)) on pixels, less the outermost ones.
    assert weights.tolist() == [200 * 300 / ((199 - 20) * (299 - 40)), 0]
    assert reasons == ("", "touches the edge of the picture")


def test_the_counting_frame_takes_islets_that_begin_in_it() -> None:
    found = boxes((10, 10, 30, 50), (10, 0, 30, 50), (10, 260, 30, 290), (90, 90, 200, 110))
    weights, reasons = border.weights(found, SHAPE, "counting-frame", um_per_px=5)
    # The guard of 500 um is 100 px, at most half of the picture.
    assert weights.tolist() == [60_000 / (99 * 199), 0, 0, 60_000 / (99 * 199)]
    assert reasons[0] == reasons[3] == ""
    assert "upper or left edge" in reasons[1]
    assert "guard zone" in reasons[2]


@pytest.mark.parametrize("rule", ["counting-frame", "miles-lantuejoul"])
def test_a_picture_without_islets_has_no_weights(rule: border.Rule) -> None:
    weights, reasons = border.weights(boxes(), SHAPE, rule, um_per_px=1)
    assert (weights.size, reasons) == (0, ())


@pytest.mark.parametrize("rule", ["counting-frame", "miles-lantuejoul"])
def test_sums_over_random_fields_are_unbiased(rule: border.Rule) -> None:
    """Discs fall at random on a wide plane; the picture sees a window of it.

    Number and volume of those in the picture's area are known; each rule must find both on
    average. The naive counts are wrong by far more than the tolerance (last two lines).
    """
    rng = np.random.default_rng(11)
    height, width, um_per_px, reach = 240, 320, 6.0, 45
    density, fields = 2.5e-4, 3000
    radii = np.clip(rng.weibull(1.93, 200_000) * 112.6, 50, 500) / 2 / um_per_px
    sums, naive, whole = np.zeros(2), np.zeros(2), np.zeros(2)
    for _ in range(fields):
        count = rng.poisson(density * (height + 2 * reach) * (width + 2 * reach))
        y, x = rng.uniform(-reach, height + reach, count), rng.uniform(-reach, width + reach, count)
        r = rng.choice(radii, count)
        # First and last pixel whose centre lies within the disc's extent, cut by the picture.
        first_y, last_y = np.ceil(y - r - 0.5), np.floor(y + r - 0.5)
        first_x, last_x = np.ceil(x - r - 0.5), np.floor(x + r - 0.5)
        seen = (last_y >= 0) & (first_y < height) & (last_x >= 0) & (first_x < width)
        box = np.stack([first_y, first_x, last_y + 1, last_x + 1], axis=1)[seen].astype(np.int64)
        cut = np.clip(box, 0, [height, width, height, width])
        weights, _ = border.weights(cut, (height, width), rule, um_per_px=um_per_px)
        volume = r[seen] ** 3
        inside = ~border.touches(cut, (height, width))
        sums += weights.sum(), (weights * volume).sum()
        naive += len(volume), volume.sum()
        whole += inside.sum(), volume[inside].sum()
    truth = density * height * width * fields * np.array([1, (radii**3).mean()])
    assert sums / truth == pytest.approx([1, 1], abs=0.02)
    assert naive / truth == pytest.approx([1.14, 1.25], abs=0.06)
    assert (whole / truth < 0.93).all()
    assert math.isclose(density * height * width, 19.2)
