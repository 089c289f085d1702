"""The background is found behind dark objects, and what is no lamp's fall-off is noticed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from isletqc.load import light

Plane = NDArray[np.float32]
PX_UM = 16.0


def field(falloff: float = 0.0) -> Plane:
    """3.2 x 2.4 mm at 16 um per pixel, falling off from the centre to the corners."""
    y, x = np.mgrid[-1:1:150j, -1:1:200j]
    return np.asarray(0.7 * (1 - falloff * (x**2 + y**2) / 2), np.float32)


def test_an_even_field_is_even() -> None:
    envelope = light.background(field(), PX_UM)
    assert light.evenness(envelope) == pytest.approx(1)
    assert light.off_field_share(envelope) == 0


@pytest.mark.parametrize("falloff", [0.1, 0.3, 0.5])
def test_evenness_is_the_dimmest_over_the_brightest(falloff: float) -> None:
    plane = field(falloff)
    dim, bright = np.percentile(plane, (3, 97))
    envelope = light.background(plane, PX_UM)
    # A cell is 100 um wide and counts by its bright tenth.
    assert light.evenness(envelope) == pytest.approx(dim / bright, abs=0.05)


@pytest.mark.parametrize("falloff", [0.1, 0.3, 0.5])
def test_the_fall_off_of_a_lamp_is_no_obstruction(falloff: float) -> None:
    assert light.off_field_share(light.background(field(falloff), PX_UM)) < 0.02


def test_dark_clusters_are_not_uneven_light() -> None:
    plane = field()
    for x, y in np.random.default_rng(2).uniform((10, 10), (190, 140), (120, 2)):
        cv2.circle(plane, (int(x), int(y)), 7, 0.1, -1)
    envelope = light.background(plane, PX_UM)
    assert light.evenness(envelope) > 0.95
    assert light.off_field_share(envelope) < 0.01


def test_one_large_spheroid_is_not_uneven_light() -> None:
    plane = field()
    cv2.circle(plane, (100, 70), 50, 0.05, -1)
    envelope = light.background(plane, PX_UM)
    assert light.evenness(envelope) > 0.95


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("share", [0.15, 0.3, 0.5])
def test_a_wedge_is_noticed(level: float, share: float) -> None:
    plane = field(0.1)
    plane[:, : round(200 * share)] = level
    assert light.off_field_share(light.background(plane, PX_UM)) > 0.1


def test_a_dark_wedge_is_uneven_light_too() -> None:
    plane = field()
    plane[:40] = 0.02
    assert light.evenness(light.background(plane, PX_UM)) < 0.1


def test_the_surface_follows_the_lamp_past_an_obstruction() -> None:
    plane = field(0.3)
    plane[:, :20] = 0.05
    surface = light.surface(light.background(plane, PX_UM))
    clear = light.surface(light.background(field(0.3), PX_UM))
    np.testing.assert_allclose(surface, clear, rtol=0.05)
