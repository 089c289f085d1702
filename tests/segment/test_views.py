"""Spread of volumes over six views of a picture, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from isletqc.segment import learned, views
from isletqc.segment.learned import Prediction, TrainedNetwork
from isletqc.segment.network import Architecture, UNet


def squares(*sides: int) -> NDArray[np.int32]:
    labels = np.zeros((40, 50 * len(sides)), dtype=np.int32)
    for number, side in enumerate(sides):
        labels[:side, 50 * number : 50 * number + side] = number + 1
    return labels


def test_views_that_agree_have_no_spread() -> None:
    same = squares(20, 30)
    assert np.array_equal(views.spread(same, [same] * 5), [0, 0])


def test_an_islet_that_is_larger_in_another_view_spreads_by_its_volume() -> None:
    # areas 400 and 484: volumes go with 20^3 and 22^3, whose mean is 9324 and SD 2648 / sqrt(2)
    raw = views.spread(squares(20), [squares(22)])
    assert raw == pytest.approx([2648 / np.sqrt(2) / 9324])


def test_where_a_view_has_no_such_islet_its_volume_is_nothing() -> None:
    # volumes 1, 1, 1, 1, 1 and 0: mean 5/6, variance 1/6; the neighbour is seen by all
    gone = squares(20, 30) * (squares(20, 30) != 1)
    raw = views.spread(squares(20, 30), [squares(20, 30)] * 4 + [gone])
    assert raw == pytest.approx([np.sqrt(1 / 6) / (5 / 6), 0])


def test_a_partner_shares_at_least_half_of_the_union() -> None:
    assert views.partners(squares(20), squares(28))[0] == pytest.approx(28**3)  # 400 / 784
    assert views.partners(squares(20), squares(29))[0] == 0  # 400 / 841


def test_pictures_without_islets_have_neither_spread_nor_sum() -> None:
    nothing = np.zeros((8, 8), np.int32)
    assert views.spread(nothing, [squares(5)[:8, :8]]).shape == (0,)
    assert views.joint(nothing, np.zeros(0)) is None


def test_the_stated_figure_follows_its_formula_and_ends_at_one() -> None:
    assert views.stated(np.array([0.0, 0.0001, 0.16, 2.0]), 2.0) == pytest.approx(
        [0, 0.002, 2 * 0.16**0.75, 1]
    )


def test_errors_of_islets_of_one_picture_add_up_weighted_by_volume() -> None:
    # volumes 8 and 27 (sides 2 and 3)
    found = views.joint(squares(2, 3), np.array([0.1, 0.3]))
    assert found == pytest.approx((8 * 0.1 + 27 * 0.3) / 35)


def test_every_view_comes_back_onto_the_grid_of_the_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # a network that says of each pixel what its colours are: every view must say the same
    def colours(trained: TrainedNetwork, pixels: NDArray[np.float32]) -> Prediction:
        return Prediction(pixels.copy(), pixels[..., 0].copy(), np.zeros(1, np.float32))

    monkeypatch.setattr(learned, "predict", colours)
    torch.manual_seed(0)
    trained = TrainedNetwork("none", UNet(Architecture((2, 4))), 1.0, "", {})
    y, x = np.mgrid[0:60, 0:80].astype(np.float32)
    picture = np.stack((y / 60, x / 80, (y + x) / 140), axis=-1)
    seen = list(views.others(trained, picture))
    assert len(seen) == 5
    for view in seen[:3]:
        assert np.array_equal(view.probabilities, picture)
        assert np.array_equal(view.core, picture[..., 0])
    for view in seen[3:]:
        assert view.probabilities == pytest.approx(picture, abs=0.02)
        assert view.core.shape == (60, 80)
