from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from isletqc.records import BACKGROUND, EXOCRINE, ISLET
from isletqc.synthetic import draw, shapes
from isletqc.synthetic.dithizone import photographed
from isletqc.synthetic.field import Body, absorb, blank, patch_of


@pytest.fixture(scope="module")
def crowded() -> draw.Field:
    return draw.dithizone_field(11, shape_yx=(400, 520), islets=70, exocrine=0.2, bar=True)


def test_the_same_seed_draws_the_same_bits(crowded: draw.Field) -> None:
    again = draw.dithizone_field(11, shape_yx=(400, 520), islets=70, exocrine=0.2, bar=True)
    other = draw.dithizone_field(12, shape_yx=(400, 520), islets=70, exocrine=0.2, bar=True)
    assert np.array_equal(crowded.pixels, again.pixels)
    assert np.array_equal(crowded.labels, again.labels)
    assert np.array_equal(crowded.coverage, again.coverage)
    assert crowded.truth == again.truth
    assert not np.array_equal(crowded.pixels, other.pixels)


def test_labels_run_without_gaps_and_each_has_its_record(crowded: draw.Field) -> None:
    numbers = np.unique(crowded.labels)
    assert numbers.tolist() == list(range(len(crowded.truth) + 1))
    assert [i.label for i in crowded.truth] == numbers[1:].tolist()


def test_islet_class_and_labels_are_the_same_pixels(crowded: draw.Field) -> None:
    assert np.array_equal(crowded.classes == ISLET, crowded.labels > 0)
    assert set(np.unique(crowded.classes)) == {BACKGROUND, EXOCRINE, ISLET}


def test_coverage_is_half_where_the_class_changes(crowded: draw.Field) -> None:
    half = crowded.coverage[..., 1] >= 128
    assert np.array_equal(half, crowded.labels > 0)


def test_each_volume_and_ieq_is_that_of_the_sphere_of_its_area(crowded: draw.Field) -> None:
    for islet in crowded.truth:
        diameter = 2 * np.sqrt(islet.area_um2 / np.pi)
        assert islet.diameter_um == pytest.approx(diameter)
        assert islet.volume_nl == pytest.approx(np.pi / 6 * diameter**3 / 1e6)
        assert islet.ieq == pytest.approx(islet.volume_nl / 1.767146, rel=1e-6)


def test_ieq_of_the_field_sums_islets_of_at_least_50_um() -> None:
    sizes = np.array([49.0, 50.0, 150.0, 300.0])
    drawn = draw.dithizone_field(1, shape_yx=(400, 400), diameters=sizes, whole=True, bar=False)
    assert drawn.islet_count == 3
    assert drawn.ieq == pytest.approx((50 / 150) ** 3 + 1 + 8)


def test_purity_is_islet_area_over_tissue_area(crowded: draw.Field) -> None:
    islet = np.sum(crowded.classes == ISLET)
    exocrine = np.sum(crowded.classes == EXOCRINE)
    assert crowded.purity == pytest.approx(islet / (islet + exocrine))


def test_a_whole_drop_shows_every_islet_whole_and_apart() -> None:
    drawn = draw.dithizone_field(
        2, shape_yx=(500, 600), islets=40, exocrine=0.02, whole=True, bar=False
    )
    assert len(drawn.truth) == 40
    assert not any(i.touches_border or i.touching for i in drawn.truth)
    seen = sum(i.visible_area_um2 for i in drawn.truth)
    assert seen == pytest.approx(sum(i.area_um2 for i in drawn.truth), rel=0.005)
    for islet in drawn.truth:
        if islet.diameter_um > 60:
            middle = ndimage.center_of_mass(drawn.labels == islet.label)
            assert np.array(middle) * 2.4 == pytest.approx(islet.centroid_yx_um, abs=1.2)


def test_islets_cut_by_the_border_are_marked(crowded: draw.Field) -> None:
    rim = np.concatenate([crowded.labels[[0, -1]].ravel(), crowded.labels[:, [0, -1]].ravel()])
    on_rim = set(rim[rim > 0].tolist())
    assert on_rim
    assert on_rim <= {i.label for i in crowded.truth if i.touches_border}


def test_touching_islets_know_each_other(crowded: draw.Field) -> None:
    partners = {i.label: set(i.touching) for i in crowded.truth}
    assert any(partners.values())
    for label, others in partners.items():
        grown = ndimage.binary_dilation(crowded.labels == label, np.ones((3, 3)))
        assert others == set(crowded.labels[grown].tolist()) - {0, label}


def test_a_field_without_tissue_has_no_purity_and_no_islets() -> None:
    empty = draw.dithizone_field(3, shape_yx=(90, 120), islets=0, exocrine=0.0)
    assert (empty.islet_count, empty.ieq, empty.purity, empty.truth) == (0, 0, None, ())
    assert not empty.labels.any()


@pytest.mark.parametrize("um_per_px", [0.5, 2.356, 20.0])
def test_fields_can_be_drawn_at_any_plausible_pixel_size(um_per_px: float) -> None:
    drawn = draw.dithizone_field(4, shape_yx=(150, 170), um_per_px=um_per_px, exocrine=0.05)
    assert drawn.pixels.shape == (150, 170, 3)
    assert drawn.um_per_px == um_per_px
    assert all(20 <= i.diameter_um <= 600 for i in drawn.truth)


def test_sixteen_bits_use_the_whole_range_and_hold_the_same_scene() -> None:
    one = replace(draw.look("white-led"), jpeg_quality=0)
    eight, sixteen = (
        draw.dithizone_field(5, shape_yx=(120, 120), look=one, islets=6, bar=False, bits=bits)
        for bits in (8, 16)
    )
    assert sixteen.pixels.dtype == np.uint16
    assert np.abs(sixteen.pixels / 257 - eight.pixels).max() <= 0.51


def test_a_scale_bar_hides_the_truth_beneath_it() -> None:
    shown = draw.dithizone_field(6, shape_yx=(300, 400), islets=150, exocrine=0.0, bar=False)
    under = draw.dithizone_field(6, shape_yx=(300, 400), islets=150, exocrine=0.0, bar=True)
    hidden = (shown.labels > 0) & (under.labels == 0)
    assert hidden[-30:, -60:].any()
    assert not hidden[:200, :200].any()


def _half_slope_radius_px(profile_px: NDArray[np.int64], values: NDArray[np.float64]) -> float:
    half = (values[0] + values[-1]) / 2
    return float(np.interp(half, values, profile_px))


@pytest.mark.parametrize("name", [one.name for one in draw.LOOKS])
def test_the_outline_lies_at_the_middle_of_the_edges_slope_in_the_blurred_picture(
    name: str,
) -> None:
    quiet = replace(
        draw.look(name), read_noise=0, shot_noise=0, jpeg_quality=0, vignette=0,
        falloff_rgb=(0, 0, 0), tone=0, sharpen=0, rim=0,
    )  # fmt: skip
    rng = np.random.default_rng(7)
    canvas = blank(rng, (181, 181), 1.0)
    disc = Body(shapes.ellipse(120.0, 1.0), (90.0, 90.0), 120.0, defocus_um=3.0)
    patch = patch_of(canvas, disc)
    assert patch is not None
    flat = np.broadcast_to(np.array([0.9, 1.0, 0.6], np.float32), (*patch.cover.shape, 3))
    absorb(canvas, patch, flat, defocus_um=disc.defocus_um)
    pixels, _ = photographed(rng, canvas.light, quiet, 1.0, bits=16, bar=False)
    y, x = np.mgrid[:181, :181]
    distance = np.hypot(y - 90, x - 90)
    rings = np.arange(40, 80)
    channel = pixels[..., int(np.argmax(np.ptp(pixels[90].astype(float), axis=0)))]
    means = np.array([channel[np.abs(distance - r) < 0.5].mean() for r in rings])
    assert _half_slope_radius_px(rings, means) == pytest.approx(60, abs=0.25)


def test_thresholding_a_drawn_islet_at_half_its_contrast_gives_its_true_area() -> None:
    quiet = replace(draw.look("pink-beige"), weak=0, stain_sd=0, depth_um=1, jpeg_quality=0)
    ratios = []
    for seed in range(8):
        drawn = draw.dithizone_field(
            seed, shape_yx=(260, 260), um_per_px=1.0, look=quiet, diameters=np.array([150.0]),
            exocrine=0, dirt=0, bar=False, whole=True,
        )  # fmt: skip
        inside = drawn.labels > 0
        rim = inside & ~ndimage.binary_erosion(inside, iterations=8)
        rim &= ndimage.binary_erosion(inside, iterations=4)
        green = drawn.pixels[..., 1].astype(float)
        far = ~ndimage.binary_dilation(inside, iterations=10)
        half = (green[rim].mean() + np.median(green[far])) / 2
        near = ndimage.binary_dilation(inside, iterations=10)
        ratios.append(np.count_nonzero((green < half) & near) / drawn.truth[0].area_um2)
    # half a micrometre on a radius of 75 um is 1.3 % of the area
    assert np.mean(ratios) == pytest.approx(1, abs=0.013)


def test_drawn_colours_are_those_measured_on_real_pictures() -> None:
    for known in draw.MEASURED:
        drawn = draw.dithizone_field(
            8, shape_yx=(500, 600), look=draw.look(known.name), islets=60, exocrine=0.1, bar=False
        )
        for name, number in (("background", BACKGROUND), ("islet", ISLET), ("exocrine", EXOCRINE)):
            inside = ndimage.binary_erosion(drawn.classes == number, iterations=3)
            mean = drawn.pixels[inside].mean(axis=0)
            # the standard deviation within one class of the real pictures is up to 25 levels
            assert np.abs(mean - getattr(known, name)).max() < 20, (known.name, name)


def test_the_named_looks_differ_and_an_unknown_name_lists_them() -> None:
    fields = np.array([one.background_rgb + one.islet_rgb for one in draw.LOOKS])
    apart = np.abs(fields[:, None] - fields[None]).max(axis=2) + 99 * np.eye(len(fields))
    assert len(draw.LOOKS) >= 8
    assert apart.min() > 20
    with pytest.raises(KeyError, match="pink-beige"):
        draw.look("sepia")


def test_random_looks_spread_far_beyond_the_named_ones_and_keep_islets_redder_than_tissue() -> None:
    rng = np.random.default_rng(9)
    looks = [draw.random_look(rng) for _ in range(300)]
    fields = np.array([one.background_rgb for one in looks])
    named = np.array([one.background_rgb for one in draw.LOOKS])
    assert (fields.std(axis=0) > 40).all()
    assert (fields.max(axis=0) >= named.max(axis=0) - 15).all()
    for one in looks:
        green_left = (np.array([one.islet_rgb, one.exocrine_rgb])[:, 1] + 6) / (
            one.background_rgb[1] + 6
        )
        assert green_left[0] < green_left[1]


def test_a_random_look_can_leave_named_looks_out() -> None:
    """With all others left out, half of the random looks are the one that is left, seen anew."""
    names = [look.name for look in draw.LOOKS]
    colours = [
        [
            draw.random_look(np.random.default_rng(seed), without).background_rgb
            for seed in range(60)
        ]
        for without in ((), names[1:], names[:-1])
    ]
    alike = [[a == b for a, b in zip(colours[0], other, strict=True)] for other in colours[1:]]
    for same in alike:
        assert 0.3 < np.mean(same) < 0.8  # looks made from physics are the same whatever is left
