"""Live fractions against drawn pictures whose truth is exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from isletqc.errors import UnsupportedPictureError
from isletqc.measure import viability
from isletqc.protocol import Segmentation, Viability
from isletqc.records import Image, Regions
from isletqc.segment.run import segment
from isletqc.synthetic.livedead import LiveDeadField, livedead_field

SETTINGS = Viability()
SHAPE = (560, 640)


def _image(field: LiveDeadField) -> Image:
    return Image(
        pixels=field.pixels,
        channels=("live", "dead"),
        full_scale=float(field.full_scale),
        um_per_px=field.um_per_px,
        um_per_px_source="given",
        path="drawn.tif",
        sha256="0",
        stain="live-dead",
    )


def _true_regions(field: LiveDeadField) -> Regions:
    classes = np.where(field.labels > 0, 2, 0).astype(np.uint8)
    return Regions(classes, field.labels, np.full_like(classes, 255), field.um_per_px, "truth")


def _measured(field: LiveDeadField) -> tuple[float, float]:
    """Live tissue and all tissue of one picture, segmented and measured."""
    image = _image(field)
    regions = segment(image, Segmentation(method="classical"))
    found = viability.measure(image, regions, SETTINGS)
    areas = np.bincount(regions.labels.ravel())[1:]
    pairs = [(f * a, a) for f, a in zip(found.live_fraction, areas, strict=True) if f is not None]
    assert pairs, [c.reason for c in found.checks]
    return sum(p for p, _ in pairs), float(sum(a for _, a in pairs))


@pytest.mark.parametrize("wanted", [0.10, 0.30, 0.50, 0.70, 0.85, 0.95])
def test_viability_of_a_lot_is_within_two_points_at_any_exposure_and_haze(wanted: float) -> None:
    takes = (((1.0, 1.0), 0.1), ((0.5, 2.0), 0.0), ((2.0, 0.5), 0.5))
    live = tissue = true_live = true_tissue = 0.0
    for seed, (exposure, haze) in enumerate(takes, 21):
        field = livedead_field(
            seed, viability=wanted, exposure=exposure, haze=haze, shape_yx=SHAPE, islets=12
        )
        found = _measured(field)
        live, tissue = live + found[0], tissue + found[1]
        true_live += np.count_nonzero(field.live)
        true_tissue += np.count_nonzero(field.labels)
    assert live / tissue == pytest.approx(true_live / true_tissue, abs=0.02)


def test_gains_of_the_channels_do_not_move_the_viability() -> None:
    found = []
    for exposure in ((1.0, 1.0), (0.5, 2.0), (2.0, 0.5)):
        field = livedead_field(8, viability=0.6, exposure=exposure, shape_yx=SHAPE, islets=10)
        live, tissue = _measured(field)
        found.append(live / tissue)
    assert max(found) - min(found) < 0.01


def test_depth_of_dead_cores_and_the_profile_follow_the_truth() -> None:
    field = livedead_field(9, viability=0.6, spread=0.05, pattern="core", shape_yx=SHAPE, islets=10)
    found = viability.measure(_image(field), _true_regions(field), SETTINGS)
    pairs = [
        (i.dead_core_depth_um, found.core_depth_um[i.label - 1])
        for i in field.truth
        if i.diameter_um > 80 and i.dead_core_depth_um is not None
    ]
    assert pairs
    assert all(depth is not None for _, depth in pairs)
    assert np.mean([abs(true - (depth or 0)) for true, depth in pairs]) < 4
    assert found.live_dead is not None
    shares = np.array(found.live_dead.live_um2) / np.array(found.live_dead.tissue_um2)
    assert shares[0] > 0.7
    assert shares[2] < 0.3


def test_loose_dead_cells_are_counted_beside_the_islets() -> None:
    field = livedead_field(10, viability=0.8, loose_dead=40, debris=0, shape_yx=SHAPE, islets=6)
    found = viability.measure(_image(field), _true_regions(field), SETTINGS)
    assert found.live_dead is not None
    assert found.live_dead.loose_dead_count == pytest.approx(field.loose_dead, rel=0.2)


def test_a_lot_without_a_dead_cell_is_live_when_loose_dead_cells_prove_the_stain() -> None:
    field = livedead_field(11, viability=1.0, loose_dead=40, shape_yx=SHAPE, islets=6)
    found = viability.measure(_image(field), _true_regions(field), SETTINGS)
    assert all(f is not None and f > 0.98 for f in found.live_fraction)


@pytest.mark.parametrize(
    ("wanted", "name", "channel"), [(1.0, "signal_dead", "dead"), (0.0, "signal_live", "live")]
)
def test_a_silent_channel_leaves_the_viability_undetermined(
    wanted: float, name: str, channel: str
) -> None:
    field = livedead_field(12, viability=wanted, loose_dead=0, debris=0, shape_yx=SHAPE, islets=6)
    found = viability.measure(_image(field), _true_regions(field), SETTINGS)
    assert set(found.live_fraction) == {None}
    failed = [c for c in found.checks if c.verdict == "fail"]
    assert [c.name for c in failed] == [name]
    assert f"the {channel} channel shows no {channel} tissue" in failed[0].reason


def test_a_saturated_channel_is_refused_by_name() -> None:
    field = livedead_field(13, viability=0.9, exposure=(12.0, 1.0), shape_yx=SHAPE, islets=6)
    # The file holds 16 bits and the camera had 12: the ceiling is the camera's.
    image = replace(_image(field), full_scale=65535.0)
    found = viability.measure(image, _true_regions(field), SETTINGS)
    assert set(found.live_fraction) == {None}
    assert found.live_dead is None
    assert [c.name for c in found.checks if c.verdict == "fail"] == ["saturated_live"]


def test_a_picture_without_islets_has_no_viability_and_no_error() -> None:
    field = livedead_field(14, islets=0, loose_dead=0, debris=0, shape_yx=(200, 200))
    found = viability.measure(_image(field), _true_regions(field), SETTINGS)
    assert found.live_fraction == ()


@pytest.mark.parametrize(("live", "dead"), [(1, 3), ("FITC", "Texas Red"), ("fitc", 3)])
def test_channels_are_chosen_by_name_or_place(live: str | int, dead: str | int) -> None:
    pixels = np.arange(3, dtype=np.uint8) * np.ones((4, 5, 1), np.uint8)
    image = Image(pixels, ("FITC", "DAPI", "Texas Red"), 255, 1.0, "given", "a", "0", "live-dead")
    chosen = viability.channels(image, Viability(live_channel=live, dead_channel=dead))
    assert chosen.channels == ("FITC", "Texas Red")
    assert chosen.pixels[0, 0].tolist() == [0, 2]


@pytest.mark.parametrize(
    ("channels", "said"),
    [
        (("red", "green", "blue"), "found a colour picture"),
        (("gray",), "found one channel"),
        (("FITC", "DAPI"), "expected channel 'TRITC'"),
    ],
)
def test_pictures_without_the_two_channels_are_refused(
    channels: tuple[str, ...], said: str
) -> None:
    pixels = np.zeros((4, 5, len(channels)), np.uint8)
    image = Image(pixels, channels, 255, 1.0, "given", "a.tif", "0", "live-dead")
    with pytest.raises(UnsupportedPictureError, match=said):
        viability.channels(image, Viability(live_channel="FITC", dead_channel="TRITC"))
