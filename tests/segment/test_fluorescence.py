"""Outlines in two fluorescence channels against drawn pictures."""

from __future__ import annotations

import numpy as np
import pytest

from isletqc.errors import UnsupportedPictureError
from isletqc.segment import fluorescence
from isletqc.segment.classical import UM_PER_PX
from isletqc.synthetic.livedead import livedead_field


@pytest.mark.parametrize(
    ("viability", "exposure", "haze"), [(0.9, (1.0, 1.0), 0.1), (0.1, (0.5, 2.0), 0.5)]
)
def test_outlines_hold_live_and_dead_tissue_whatever_the_exposure(
    viability: float, exposure: tuple[float, float], haze: float
) -> None:
    field = livedead_field(
        4, viability=viability, exposure=exposure, haze=haze, shape_yx=(560, 640), islets=10
    )
    islet, _ = fluorescence.predict(field.pixels, field.um_per_px)
    rows, columns = (
        ((np.arange(n) + 0.5) * side / n).astype(int)
        for n, side in zip(islet.shape, field.labels.shape, strict=True)
    )
    truth, found = field.labels[rows][:, columns] > 0, islet > 0.5
    assert np.count_nonzero(truth & found) / np.count_nonzero(truth | found) > 0.9
    assert np.count_nonzero(found) == pytest.approx(np.count_nonzero(truth), rel=0.06)


def test_an_empty_field_has_no_islets() -> None:
    noise = np.random.default_rng(1).normal(300, 20, (300, 400, 2)).astype(np.uint16)
    islet, core = fluorescence.predict(noise, UM_PER_PX)
    assert not (islet > 0.5).any()
    assert not core.any()


def test_a_picture_of_three_channels_is_refused() -> None:
    with pytest.raises(UnsupportedPictureError, match="expected a live and a dead channel"):
        fluorescence.predict(np.zeros((8, 8, 3), np.uint8), 1.0)
