"""The blur that is measured is the blur that was applied, whatever the content."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from isletqc.load import focus

Plane = NDArray[np.float32]


def scene(kind: str, px_um: float, *, blur_um: float, contrast: float = 0.5) -> Plane:
    """1.5 x 1.5 mm of bright ground with dark discs, fibres or dots, blurred by a Gaussian."""
    side = round(1500 / px_um)
    fine = 1 if px_um < 1 else 2
    plane = np.full((side * fine, side * fine), 200, np.uint8)
    rng = np.random.default_rng(5)
    for x, y in rng.uniform(150, 1350, (30, 2)) / px_um * fine:
        at = (round(x), round(y))
        if kind == "discs":
            cv2.circle(plane, at, round(75 / px_um * fine), 100, -1)
        elif kind == "dots":
            cv2.circle(plane, at, max(1, round(2 / px_um * fine)), 100, -1)
        else:
            end = (round(x + 120 / px_um * fine), at[1])
            cv2.line(plane, at, end, 100, max(1, round(3 / px_um * fine)))
    small = np.asarray(cv2.resize(plane, (side, side), interpolation=cv2.INTER_AREA), np.float32)
    if blur_um:
        small = np.asarray(cv2.GaussianBlur(small, (0, 0), blur_um / px_um), np.float32)
    return np.asarray(0.8 + contrast * (small / 200 - 1), np.float32)


def measured(plane: Plane, px_um: float) -> focus.Sharpness:
    found = focus.sharpness(plane, px_um, drawn=np.zeros_like(plane))
    assert found is not None
    return found


@pytest.mark.parametrize("kind", ["discs", "fibres", "dots"])
@pytest.mark.parametrize("px_um", [0.9, 1.6, 2.5])
@pytest.mark.parametrize("blur_um", [8.0, 12.0, 18.0])
def test_the_blur_applied_is_the_blur_measured(kind: str, px_um: float, blur_um: float) -> None:
    # Objects of 150 um have two edges, dots a size: within a quarter, where edges do not overlap.
    found = measured(scene(kind, px_um, blur_um=blur_um), px_um)
    assert found.blur_um == pytest.approx(blur_um, rel=0.25)


@pytest.mark.parametrize("kind", ["discs", "fibres"])
def test_sharp_and_blurred_lie_far_apart(kind: str) -> None:
    assert measured(scene(kind, 1.6, blur_um=0), 1.6).ratio > 0.8
    assert measured(scene(kind, 1.6, blur_um=15), 1.6).ratio < 0.4


def test_contrast_does_not_matter() -> None:
    strong = measured(scene("discs", 1.6, blur_um=10, contrast=0.6), 1.6)
    weak = measured(scene("discs", 1.6, blur_um=10, contrast=0.06), 1.6)
    assert weak.ratio == pytest.approx(strong.ratio, rel=1e-3)


def test_noise_does_not_make_a_blurred_picture_sharp() -> None:
    blurred = scene("discs", 1.6, blur_um=15)
    noise = np.random.default_rng(1).normal(0, 0.02, blurred.shape).astype(np.float32)
    assert measured(blurred + noise, 1.6).ratio < 0.4


def test_noise_does_not_make_a_sharp_picture_blurred() -> None:
    sharp = scene("discs", 1.6, blur_um=1)
    noise = np.random.default_rng(1).normal(0, 0.02, sharp.shape).astype(np.float32)
    assert measured(sharp + noise, 1.6).ratio > 0.8


@pytest.mark.parametrize(
    ("contrast", "blur_um"), [(0.2, 40.0), (0.2, 60.0), (0.5, 40.0), (0.5, 60.0), (0.5, 90.0)]
)
def test_steps_of_eight_bits_do_not_make_a_blurred_picture_sharp(
    contrast: float, blur_um: float
) -> None:
    smooth = scene("discs", 2.4, blur_um=blur_um, contrast=contrast)
    stored = np.asarray(np.round(smooth * 150) / 255, np.float32)
    assert measured(stored, 2.4).ratio < 0.35


def test_a_scale_bar_does_not_make_a_blurred_picture_sharp() -> None:
    plane = scene("discs", 1.6, blur_um=15)
    drawn = np.zeros_like(plane)
    plane[800:840, 500:900], drawn[800:840, 500:900] = 1, 1
    found = focus.sharpness(plane, 1.6, drawn=drawn)
    assert found is not None
    assert found.ratio < 0.4


def test_half_of_the_objects_may_lie_out_of_focus() -> None:
    plane = scene("discs", 1.6, blur_um=1)
    blurred = scene("discs", 1.6, blur_um=25)
    plane[:, : plane.shape[1] // 3] = blurred[:, : plane.shape[1] // 3]
    assert measured(plane, 1.6).ratio > 0.7


@pytest.mark.parametrize("noise_sd", [0.0, 0.02])
def test_an_empty_field_has_no_sharpness(noise_sd: float) -> None:
    plane = np.full((900, 900), 0.6, np.float32)
    plane += np.random.default_rng(1).normal(0, noise_sd, plane.shape).astype(np.float32)
    assert focus.sharpness(plane, 2.0, drawn=np.zeros_like(plane)) is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (3, 7), (60, 5)])
def test_tiny_pictures_do_not_fail(shape: tuple[int, int]) -> None:
    plane = np.random.default_rng(1).random(shape).astype(np.float32)
    focus.sharpness(plane, 2.0, drawn=np.zeros_like(plane))
