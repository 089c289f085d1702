"""Which pixel size is believed, and which is refused."""

from __future__ import annotations

import math

import pytest

from isletqc.errors import PixelSizeUnknownError
from isletqc.load import pixel_size
from isletqc.load.pixel_size import Claim


def square(source: str, um: float, *, resolution: bool = False) -> Claim:
    return Claim(source, um, um, resolution=resolution)


@pytest.mark.parametrize(
    ("name", "um"),
    [
        ("um", 1.0),
        ("µm", 1.0),
        ("μm", 1.0),
        (r"\u00B5m", 1.0),
        ("micron", 1.0),
        ("Microns", 1.0),
        ("micrometers", 1.0),
        ("nm", 1e-3),
        ("mm", 1e3),
        ("cm", 1e4),
        ("m", 1e6),
        ("inch", 25400.0),
        ("inches", 25400.0),
        ("Å", 1e-4),
    ],
)
def test_units_of_length_become_micrometres(name: str, um: float) -> None:
    assert pixel_size.unit_um(name) == um


@pytest.mark.parametrize("name", ["pixel", "pixels", "", "reference frame", "s"])
def test_what_is_no_length_has_no_size(name: str) -> None:
    assert pixel_size.unit_um(name) is None


def test_the_most_trusted_claim_wins() -> None:
    claims = (square("OME-XML", 1.0), square("ImageJ", 1.005))
    assert pixel_size.decide(claims) == (1.0, "OME-XML")


def test_a_size_given_by_hand_wins() -> None:
    assert pixel_size.decide((square("OME-XML", 2.0),), given_um=2.01) == (2.01, "given")


def test_a_contradicted_given_size_shows_what_the_file_says() -> None:
    claims = (square("MetaXpress", 1.3622), square("TIFF resolution", 1.5, resolution=True))
    size, source = pixel_size.decide(claims, given_um=1.5, given_source="sheet")
    assert size == 1.5
    assert source == "sheet (file says 1.362 from MetaXpress)"


def test_print_resolutions_do_not_contradict_a_given_size() -> None:
    print_like = Claim("JFIF density", 25400 / 300, 25400 / 300, resolution=True)
    assert pixel_size.decide((print_like,), given_um=1.5) == (1.5, "given")


def test_no_claim_is_refused_with_the_way_out() -> None:
    with pytest.raises(PixelSizeUnknownError, match=r"states none.*--pixel-size.*pixel_size_um"):
        pixel_size.decide(())


@pytest.mark.parametrize("dpi", [72, 96, 150, 254, 300, 600, 1200])
def test_print_resolutions_are_no_pixel_size(dpi: int) -> None:
    claim = square("TIFF resolution", 25400 / dpi, resolution=True)
    with pytest.raises(PixelSizeUnknownError, match=f"{dpi} dpi in TIFF resolution"):
        pixel_size.decide((claim,))


@pytest.mark.parametrize("per_metre", [2835, 3780, 5906, 11811, 23622, 47244])
def test_print_resolutions_survive_the_rounding_of_png(per_metre: int) -> None:
    with pytest.raises(PixelSizeUnknownError, match="screen or print"):
        pixel_size.decide((square("PNG pHYs", 1e6 / per_metre, resolution=True),))


@pytest.mark.parametrize("per_cm", [28, 38, 118, 400])
def test_whole_dots_per_centimetre_are_print_resolutions(per_cm: int) -> None:
    with pytest.raises(PixelSizeUnknownError):
        pixel_size.decide((square("JFIF density", 1e4 / per_cm, resolution=True),))


def test_a_fine_resolution_tag_is_believed() -> None:
    um = 25400 / 5875.618
    size, source = pixel_size.decide((square("TIFF resolution", um, resolution=True),))
    assert (size, source) == (um, "TIFF resolution")


def test_the_same_figures_are_believed_where_only_instruments_write() -> None:
    # 25 um is 1016 dpi: a whole number, but OME-XML is no print field.
    assert pixel_size.decide((square("OME-XML", 25.0),)) == (25.0, "OME-XML")


@pytest.mark.parametrize("um", [0.01, 0.049, 101.0, 1e9])
def test_implausible_sizes_are_refused(um: float) -> None:
    with pytest.raises(PixelSizeUnknownError, match="implausible"):
        pixel_size.decide((square("OME-XML", um),))


@pytest.mark.parametrize("um", [0.0, -1.0, math.nan, math.inf])
def test_uncalibrated_marks_count_as_nothing(um: float) -> None:
    with pytest.raises(PixelSizeUnknownError, match="states none"):
        pixel_size.decide((square("Micro-Manager", um),))
    assert pixel_size.decide((square("Micro-Manager", um), square("ImageJ", 2.0)))[0] == 2.0


def test_x_and_y_may_differ_by_one_percent_and_are_averaged_by_area() -> None:
    size, _ = pixel_size.decide((Claim("OME-XML", 1.000, 1.009),))
    assert size == pytest.approx(math.sqrt(1.009))


def test_x_and_y_further_apart_are_refused() -> None:
    with pytest.raises(PixelSizeUnknownError, match=r"not square.*1 x 1\.02"):
        pixel_size.decide((Claim("OME-XML", 1.000, 1.02),))


def test_contradictory_claims_are_refused_with_both_names() -> None:
    claims = (square("OME-XML", 1.0), square("ImageJ", 1.02))
    with pytest.raises(PixelSizeUnknownError, match=r"OME-XML says 1 um, but ImageJ says 1\.02"):
        pixel_size.decide(claims)


@pytest.mark.parametrize("um", [0.0, -2.0, 0.01, 1592.0, math.nan, math.inf])
def test_a_given_size_must_be_plausible_too(um: float) -> None:
    with pytest.raises(PixelSizeUnknownError, match=r"given.*0\.05 to 100"):
        pixel_size.decide((), given_um=um)
