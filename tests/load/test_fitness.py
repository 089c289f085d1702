"""Sharp and well lit pictures are fit; every other kind is unfit for its own reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from isletqc.load import fitness
from isletqc.protocol import FitnessLimits
from isletqc.records import Check, Image, Stain

LIMITS = FitnessLimits()
NAMES = ("focus", "saturation", "black", "evenness", "off_field", "contrast", "pixel_size")


def image_of(
    pixels: NDArray[Any], *, um_per_px: float = 1.6, stain: Stain = "brightfield"
) -> Image:
    planes = pixels if pixels.ndim == 3 else pixels[..., None]
    count = planes.shape[2]
    names = ("red", "green", "blue") if count == 3 else tuple(f"channel {i}" for i in range(count))
    return Image(
        pixels=planes,
        channels=names,
        full_scale=1.0 if planes.dtype.kind == "f" else float(np.iinfo(planes.dtype).max),
        um_per_px=um_per_px,
        um_per_px_source="given",
        path="a.tif",
        sha256="0",
        stain=stain,
    )


def culture(*, clusters: int = 40, falloff: float = 0.2) -> NDArray[np.uint8]:
    """Bright field of 1.6 x 1.2 mm with dark round clusters and a little noise, gray."""
    rng = np.random.default_rng(8)
    y, x = np.mgrid[-1:1:768j, -1:1:1024j]
    plane = 165 * (1 - falloff * (x**2 + y**2) / 2)
    for cx, cy, radius in rng.uniform((40, 40, 20), (984, 728, 45), (clusters, 3)):
        cv2.circle(plane, (int(cx), int(cy)), int(radius), float(rng.uniform(40, 90)), -1)
    blurred = cv2.GaussianBlur(plane, (0, 0), 1)
    return np.asarray(np.clip(blurred + rng.normal(0, 2, plane.shape), 0, 255), np.uint8)


def dark_field(signals: int = 30) -> NDArray[np.uint16]:
    """Two channels of bright spots on an offset of 100 in 16 bit."""
    rng = np.random.default_rng(8)
    plane = np.zeros((600, 700), np.float64)
    for cx, cy in rng.uniform((40, 40), (660, 560), (signals, 2)):
        cv2.circle(plane, (int(cx), int(cy)), 25, 900.0, -1)
    seen = 100 + cv2.GaussianBlur(plane, (0, 0), 1.5)
    return np.dstack([rng.poisson(seen), rng.poisson(100, plane.shape)]).astype(np.uint16)


def checks(image: Image, limits: FitnessLimits = LIMITS) -> dict[str, Check]:
    return {check.name: check for check in fitness.assess(image, limits).checks}


def failed(image: Image) -> set[str]:
    return {name for name, check in checks(image).items() if check.verdict == "fail"}


def test_a_good_picture_is_fit_and_all_checks_are_told() -> None:
    found = fitness.assess(image_of(culture()), LIMITS)
    assert found.verdict == "fit"
    assert found.reasons == ()
    assert tuple(check.name for check in found.checks) == NAMES
    assert {check.verdict for check in found.checks} == {"pass"}


@pytest.mark.parametrize("clusters", [1, 3, 40, 150])
def test_sparse_and_crowded_pictures_are_fit(clusters: int) -> None:
    assert failed(image_of(culture(clusters=clusters))) == set()


@pytest.mark.parametrize("kind", ["gray", "rgb", "16 bit", "float", "coarse"])
def test_depth_colour_and_scale_do_not_matter(kind: str) -> None:
    pixels = culture()
    image = {
        "gray": image_of(pixels),
        "rgb": image_of(np.dstack([pixels] * 3)),
        "16 bit": image_of(pixels.astype(np.uint16) * 257),
        "float": image_of((pixels / 255).astype(np.float32)),
        "coarse": image_of(cv2.resize(pixels, (410, 307), interpolation=cv2.INTER_AREA),
                           um_per_px=4.0),
    }[kind]  # fmt: skip
    values = {name: check.value for name, check in checks(image).items()}
    reference = {name: check.value for name, check in checks(image_of(pixels)).items()}
    assert failed(image) == set()
    for name in ("evenness", "contrast"):
        assert values[name] == pytest.approx(reference[name], abs=0.06)


def test_a_dim_picture_is_judged_like_a_bright_one() -> None:
    # A 12-bit camera saved as 16 bit fills a sixteenth of the scale.
    assert failed(image_of(culture().astype(np.uint16) * 16)) == set()


@pytest.mark.parametrize("blur_um", [15, 20, 30])
def test_a_blurred_picture_is_out_of_focus(blur_um: float) -> None:
    image = image_of(cv2.GaussianBlur(culture(), (0, 0), blur_um / 1.6))
    assert failed(image) == {"focus"}
    assert "out of focus: edges look blurred by" in checks(image)["focus"].reason


def test_a_blurred_and_noisy_picture_is_out_of_focus() -> None:
    blurred = cv2.GaussianBlur(culture(), (0, 0), 18 / 1.6).astype(np.float64)
    noisy = blurred + np.random.default_rng(1).normal(0, 4, blurred.shape)
    assert failed(image_of(noisy.clip(0, 255).astype(np.uint8))) == {"focus"}


def test_a_noisy_but_sharp_picture_is_fit() -> None:
    noisy = culture() + np.random.default_rng(1).normal(0, 6, (768, 1024))
    assert failed(image_of(noisy.clip(0, 255).astype(np.uint8))) == set()


def test_a_black_picture_is_unfit() -> None:
    assert "black" in failed(image_of(np.zeros((768, 1024, 3), np.uint8)))


def test_a_white_picture_is_unfit() -> None:
    assert {"saturation", "contrast"} <= failed(image_of(np.full((768, 1024, 3), 255, np.uint8)))


def test_an_overexposed_picture_is_unfit() -> None:
    bright = np.clip(culture().astype(np.float64) * 1.8, 0, 255).astype(np.uint8)
    assert "saturation" in failed(image_of(bright))


def test_warm_light_that_fills_the_red_channel_alone_is_no_overexposure() -> None:
    gray = culture()
    warm = np.dstack([np.full_like(gray, 255), gray, gray // 2])
    assert failed(image_of(warm, stain="dithizone")) == set()


@pytest.mark.parametrize("falloff", [0.0, 0.3])
def test_an_empty_field_has_no_contrast(falloff: float) -> None:
    image = image_of(culture(clusters=0, falloff=falloff))
    assert failed(image) == {"contrast"}
    assert "empty or far out of focus" in checks(image)["contrast"].reason
    assert checks(image)["focus"].verdict == "skipped"


@pytest.mark.parametrize("level", [0, 3, 70, 235, 255])
@pytest.mark.parametrize("turned", [False, True])
def test_half_out_of_the_dish_is_unfit(level: int, turned: bool) -> None:
    pixels = culture()
    region = np.zeros(pixels.shape, np.uint8)
    corner = [(0, 0), (1023, 0), (0, 767)] if turned else [(0, 0), (450, 0), (520, 767), (0, 767)]
    cv2.fillPoly(region, [np.array(corner, np.int32)], 1)
    pixels[region > 0] = level
    assert failed(image_of(pixels)) & {"off_field", "evenness", "black", "saturation"}


def test_strong_fall_off_is_uneven_light() -> None:
    assert "evenness" in failed(image_of(culture(falloff=0.8)))


@pytest.mark.parametrize(("um", "relation"), [(0.1, ">="), (30.0, "<=")])
def test_an_odd_pixel_size_is_unfit(um: float, relation: str) -> None:
    check = checks(replace(image_of(culture()), um_per_px=um))["pixel_size"]
    assert (check.verdict, check.relation, check.unit) == ("fail", relation, "um/px")
    assert "0.2 to 25" in check.reason


@pytest.mark.parametrize("stain", ["live-dead", "immunofluorescence"])
def test_a_dark_ground_is_meant_in_fluorescence(stain: Stain) -> None:
    found = checks(image_of(dark_field(), stain=stain))
    assert {name for name, check in found.items() if check.verdict == "fail"} == set()
    for name in ("black", "evenness", "off_field"):
        assert (found[name].verdict, found[name].value) == ("skipped", None)
        assert found[name].reason


def test_fluorescence_without_signal_is_unfit() -> None:
    assert failed(image_of(dark_field(signals=0), stain="live-dead")) == {"contrast"}


def test_blurred_fluorescence_is_out_of_focus() -> None:
    blurred = cv2.GaussianBlur(dark_field(), (0, 0), 20 / 1.6)
    assert failed(image_of(blurred, stain="live-dead")) == {"focus"}


def test_limits_are_the_protocols() -> None:
    strict = FitnessLimits(min_focus=5.0)
    assert checks(image_of(culture()), strict)["focus"].verdict == "fail"


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 400, 3), (5, 5, 3), (30, 20, 7), (200, 3, 1)])
def test_tiny_pictures_are_judged_without_failing(shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, shape, dtype=np.uint8)
    assert len(fitness.assess(image_of(pixels), LIMITS).checks) == len(NAMES)


def test_the_same_picture_gives_the_same_bits() -> None:
    image = image_of(culture())
    assert fitness.assess(image, LIMITS) == fitness.assess(image, LIMITS)
