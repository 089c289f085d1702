"""Drawn live/dead pictures and their truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from isletqc.synthetic.livedead import livedead_field

SMALL = {"shape_yx": (320, 360), "islets": 5, "loose_dead": 10}


def test_the_same_seed_draws_the_same_bits() -> None:
    first, second = (livedead_field(3, **SMALL) for _ in range(2))  # type: ignore[arg-type]
    assert first.pixels.tobytes() == second.pixels.tobytes()
    assert replace(first, pixels=second.pixels).truth == second.truth


def test_truth_is_that_of_the_live_map() -> None:
    field = livedead_field(4, viability=0.6, **SMALL)  # type: ignore[arg-type]
    assert not (field.live & (field.labels == 0)).any()
    for islet in field.truth:
        mine = field.labels == islet.label
        assert islet.live_fraction == pytest.approx(field.live[mine].mean())
        assert islet.area_um2 == pytest.approx(mine.sum() * field.um_per_px**2)
    tissue = sum(i.area_um2 for i in field.truth)
    live = sum(i.area_um2 * i.live_fraction for i in field.truth)
    assert field.viability == pytest.approx(live / tissue)
    assert field.viability_by_islet(0.0) == 1.0


def test_live_tissue_lights_the_first_channel_and_dead_tissue_the_second() -> None:
    field = livedead_field(5, viability=0.5, haze=0, bleed=0, pattern="patches", **SMALL)  # type: ignore[arg-type]
    inside, live = field.labels > 0, field.live
    means = field.pixels[inside & live].mean(axis=0), field.pixels[inside & ~live].mean(axis=0)
    assert means[0][0] > 2 * means[1][0]
    assert means[1][1] > 2 * means[0][1]


def test_long_exposure_saturates_the_camera() -> None:
    field = livedead_field(6, exposure=12.0, **SMALL)  # type: ignore[arg-type]
    assert field.full_scale == 4095
    assert np.mean(field.pixels[field.labels > 0][:, 0] == 4095) > 0.2


def test_a_dead_core_begins_where_the_live_share_of_the_area_ends() -> None:
    field = livedead_field(7, viability=0.6, spread=0, pattern="core", **SMALL)  # type: ignore[arg-type]
    largest = max(field.truth, key=lambda i: i.area_um2)
    assert largest.dead_core_depth_um is not None
    # A disc keeps the share f of its area above the depth R (1 - sqrt(1 - f)); others less deep.
    of_disc = largest.diameter_um / 2 * (1 - (1 - largest.live_fraction) ** 0.5)
    assert 0.4 * of_disc < largest.dead_core_depth_um < 1.1 * of_disc
