"""Positive fractions of drawn fields, from pixels to estimates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from isletqc import protocol
from isletqc.decide import markers
from isletqc.decide.verdict import judge
from isletqc.errors import UnsupportedPictureError
from isletqc.measure.markers import measure
from isletqc.protocol import Markers, Protocol
from isletqc.records import Fitness, Image, Lot, Picture, Sample, Specimen
from isletqc.segment.nuclei import regions
from isletqc.synthetic.immunofluorescence import (
    Camera,
    CellField,
    DrawnMarker,
    immunofluorescence_field,
)

SHIPPED = protocol.load("sc-islet-if").protocol
NAMES = ("positive_cpeptide", "positive_nkx61", "coexpression_cpeptide_nkx61")


def image(field: CellField) -> Image:
    return Image(
        field.pixels, field.channels, 4095, field.um_per_px, "drawn", "x", "0" * 64,
        "immunofluorescence",
    )  # fmt: skip


def picture(field: CellField, role: Any, name: str) -> Picture:
    settings = SHIPPED.markers
    assert settings is not None
    found = regions(image(field), settings.nuclei)
    nuclei = measure(image(field), found.labels, settings)
    sample = Sample(name, "L", role=role)
    return Picture(
        sample, name, name, (1, 1), 0.5, "drawn", Fitness(), (), 0, 0, {}, "drawn", nuclei=nuclei
    )


def drawn(
    fractions: tuple[float, float], noise: float, *, control: bool = True, uneven: float = 0.03
) -> tuple[Lot, Mapping[str, float]]:
    """Two fields and a control, and the true fractions of the fields."""
    camera = Camera(signal_to_noise=noise, uneven=uneven)

    def field(seed: int, shares: tuple[float, float]) -> CellField:
        cytoplasm = DrawnMarker("cpeptide", shares[0], "cytoplasm")
        both = (cytoplasm, DrawnMarker("nkx61", shares[1]))
        return immunofluorescence_field(seed, both, shape_yx=(512, 512), nuclei=220, camera=camera)

    fields = [field(k, fractions) for k in (1, 2)]
    pictures = [picture(f, "sample", f"s{k}") for k, f in enumerate(fields)]
    if control:
        pictures += [picture(field(k, (0.0, 0.0)), "control", f"c{k}") for k in (8, 9)]
    wanted = (("cpeptide",), ("nkx61",), ("cpeptide", "nkx61"))
    truth = {
        name: float(np.mean([f.fraction(*w) for f in fields]))
        for name, w in zip(NAMES, wanted, strict=True)
    }
    return Lot("L", (Specimen("1", tuple(pictures), (), None, None),)), truth


def with_markers(**changes: Any) -> Protocol:
    assert SHIPPED.markers is not None
    return SHIPPED.model_copy(update={"markers": SHIPPED.markers.model_copy(update=changes)})


@pytest.mark.parametrize(
    ("fractions", "noise"),
    [((0.05, 0.5), 5.0), ((0.3, 0.95), 20.0), ((0.6, 0.2), 10.0), ((0.95, 0.05), 5.0)],
)
@pytest.mark.parametrize("threshold", ["control", "two-components"])
def test_fractions_from_5_to_95_percent_are_found_within_2_points(
    fractions: tuple[float, float], noise: float, threshold: str
) -> None:
    lot, truth = drawn(fractions, noise)
    verdict = judge(lot, with_markers(threshold=threshold), segmentation_rsd=0.1)
    for name in NAMES:
        found = verdict.estimates[name]
        assert found.value == pytest.approx(truth[name], abs=0.02)
        assert (found.ci_low or 0) <= truth[name] <= (found.ci_high or 1)


@pytest.mark.parametrize(("fractions", "noise"), [((0.05, 0.5), 5.0), ((0.6, 0.2), 10.0)])
def test_staining_that_differs_by_10_percent_moves_no_fraction_by_2_points(
    fractions: tuple[float, float], noise: float
) -> None:
    lot, truth = drawn(fractions, noise, uneven=0.1)
    verdict = judge(lot, SHIPPED, segmentation_rsd=0.1)
    for name in NAMES:
        found = verdict.estimates[name]
        assert found.value == pytest.approx(truth[name], abs=0.02)
        assert (found.ci_low or 0) <= truth[name] <= (found.ci_high or 1)


def test_a_stated_bleed_through_is_taken_off() -> None:
    pair = (DrawnMarker("first", 0.6), DrawnMarker("second", 0.2))
    field = immunofluorescence_field(
        3, pair, shape_yx=(512, 512), nuclei=220, camera=Camera(bleed_through=0.3, uneven=0.03)
    )

    def found(**bleed: Any) -> float:
        settings = Markers.model_validate(
            {
                "positive": [
                    {"name": "first", "channel": 2},
                    {"name": "second", "channel": 3, **bleed},
                ],
                "threshold": "two-components",
            }
        )
        nuclei = measure(image(field), field.labels, settings)
        seen = np.array([n.markers["second"] for n in nuclei])
        # A quarter of a positive cell: bleed-through of 0.3 lies above, the glow of 0.08 below.
        return float(np.mean(seen > 0.25 * 1000 / 4095))

    true = field.fraction("second")
    assert found(bleed_through={2: 0.3}) == pytest.approx(true, abs=0.02)
    assert found() > true + 0.2


def test_without_a_control_nothing_is_guessed() -> None:
    lot, _ = drawn((0.5, 0.5), 10.0, control=False)
    verdict = judge(lot, SHIPPED, segmentation_rsd=0.1)
    found = verdict.estimates["positive_cpeptide"]
    assert found.value is None
    assert "no control picture" in found.reason
    assert verdict.verdict == "not judged"


def test_no_nuclei_are_no_fraction() -> None:
    blank = immunofluorescence_field(1, (DrawnMarker("cpeptide", 0), DrawnMarker("nkx61", 0)),
                                     shape_yx=(256, 256), nuclei=0)  # fmt: skip
    lot = Lot("L", (Specimen("1", (picture(blank, "sample", "a"),), (), None, None),))
    two = with_markers(threshold="two-components")
    assert two.markers is not None
    found = markers.thresholds(lot, two.markers)
    known = markers.estimates(lot, two.markers, found, confidence=0.95)
    assert known["positive_nkx61"].estimate.value is None
    assert known["nuclei_count"].estimate.value == 0


def test_limits_on_pictures_of_markers_must_be_supportive() -> None:
    limit = {"name": "c", "estimate": "positive_cpeptide", "relation": ">=", "limit": 0.4}
    plain = SHIPPED.model_dump(mode="json")
    with pytest.raises(ValueError, match="method of record"):
        Protocol.model_validate(plain | {"limits": [limit | {"unit": "1"}]})
    fine = Protocol.model_validate(plain | {"limits": [limit | {"unit": "1", "supportive": True}]})
    lot, _ = drawn((0.1, 0.5), 10.0)
    verdict = judge(lot, fine, segmentation_rsd=0.1)
    assert verdict.criteria[0].verdict == "fail"
    assert verdict.verdict == "not judged"


def test_a_channel_that_is_not_there_is_refused() -> None:
    field = immunofluorescence_field(1, (), shape_yx=(128, 128), nuclei=10)
    assert SHIPPED.markers is not None
    with pytest.raises(UnsupportedPictureError, match="expected a channel 2, found nuclei"):
        measure(image(field), field.labels, SHIPPED.markers)
