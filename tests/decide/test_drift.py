"""Growth of a culture against the line that its clusters were drawn from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from isletqc.decide import drift
from isletqc.decide.fused import fraction_fused
from isletqc.decide.lot import aliquots, gather, sample_pictures
from isletqc.errors import SheetError
from isletqc.protocol import Protocol, Uncertainty
from isletqc.records import Fitness, Islet, Lot, Picture, Sample

EXACT = Uncertainty(pixel_size_rsd=0)


def islet(k: int, diameter_um: float, **changes: Any) -> Islet:
    area = math.pi / 4 * diameter_um**2
    facts: dict[str, Any] = {
        "label": k, "class_name": "islet", "centroid_yx_um": (0.0, 0.0), "area_um2": area,
        "diameter_um": diameter_um, "major_axis_um": diameter_um, "minor_axis_um": diameter_um,
        "feret_um": diameter_um, "circularity": 1.0, "solidity": 1.0, "volume_nl": 1.0, "ieq": 1.0,
        "probability": 1.0, "touches_border": False, "weight": 1.0, "included": True,
        "exclusion_reason": "",
    }  # fmt: skip
    return Islet(**facts | changes)


def picture(name: str, day: float | None, islets: Sequence[Islet]) -> Picture:
    sample = Sample(name, "A", specimen=f"{day}/{name}", day=day)
    fit = Fitness()
    return Picture(sample, name, name, (9, 9), 1, "given", fit, tuple(islets), 0, 0, {}, "drawn")


def culture(days: Mapping[float, Sequence[Sequence[float]]]) -> Lot:
    """Lot with one picture for each list of diameters."""
    pictures = [
        picture(f"{day}-{p}", day, [islet(k, d) for k, d in enumerate(diameters, 1)])
        for day, many in days.items()
        for p, diameters in enumerate(many)
    ]
    (lot,) = gather(pictures, ())
    return lot


def brightfield(**changes: Any) -> Protocol:
    facts = {"name": "t", "version": "1", "status": "draft", "title": "t", "stain": "brightfield"}
    return Protocol.model_validate(facts | {"segmentation": {"method": "classical"}} | changes)


def test_the_slope_of_two_days_is_their_difference_by_days() -> None:
    lot = culture({1: [[90, 110]], 5: [[170, 190]]})
    found = drift.slope(lot, EXACT, segmentation_rsd=0)
    assert found is not None
    assert found.estimate.value == pytest.approx(20)
    assert found.estimate.unit == "um/day"
    # Each mean has a standard error of 10, and two clusters a day.
    assert found.estimate.rsd_parts["sampling"] == pytest.approx(math.hypot(10, 10) / 4 / 20)


def test_intervals_of_the_slope_hold_the_truth_in_95_of_100_cultures() -> None:
    rng, held = np.random.default_rng(5), 0
    for _ in range(400):
        days = {
            float(day): [
                (100 + 15 * day + rng.normal(0, 6) + rng.normal(0, 25, 40)).tolist()
                for _ in range(3)
            ]
            for day in (1, 2, 4, 5)
        }
        found = drift.slope(culture(days), EXACT, segmentation_rsd=0)
        assert found is not None
        low, high = found.estimate.ci_low or 0, found.estimate.ci_high or 0
        held += low < 15 < high
    # Binomial scatter of 400 at 0.95 is 0.011; Welch's degrees are a little generous or strict.
    assert 0.92 <= held / 400 <= 0.99


def test_days_that_do_not_lie_on_a_line_widen_the_interval() -> None:
    def width(last: float) -> float:
        sizes = {1.0: 100.0, 2.0: 120.0, 3.0: 140.0, 4.0: last}
        days = {d: [[m - 5, m, m + 5] * 10] * 2 for d, m in sizes.items()}
        found = drift.slope(culture(days), EXACT, segmentation_rsd=0)
        assert found is not None
        return (found.estimate.ci_high or 0) - (found.estimate.ci_low or 0)

    assert width(220) > 5 * width(160)


def test_pixel_size_and_outline_scale_the_slope() -> None:
    lot = culture({1: [[99, 101]] * 50, 5: [[179, 181]] * 50})
    given = Uncertainty(pixel_size_rsd=0.03)
    found = drift.slope(lot, given, segmentation_rsd=0.12)
    assert found is not None
    assert (found.estimate.ci_high or 0) / 20 == pytest.approx(math.exp(1.96 * 0.05), rel=0.01)


def test_one_day_has_no_growth() -> None:
    lot = culture({3: [[100, 120]]})
    assert drift.slope(lot, EXACT, segmentation_rsd=0) is None
    assert drift.days(lot, brightfield(), segmentation_rsd=0) == ()


def test_growth_is_for_brightfield_only() -> None:
    lot = culture({1: [[100, 120]], 2: [[120, 140]]})
    dithizone = brightfield(stain="dithizone")
    assert drift.days(lot, dithizone, segmentation_rsd=0) == ()
    assert len(drift.days(lot, brightfield(), segmentation_rsd=0)) == 2


def test_days_have_mean_median_and_quartiles() -> None:
    lot = culture({1: [[100, 110, 120, 130], [140]], 2: [[150, 160]]})
    first, second = drift.days(lot, brightfield(), segmentation_rsd=0)
    assert (first.day, first.picture_count, first.islet_count) == (1, 2, 5)
    assert first.diameter_mean.value == pytest.approx(120)
    assert first.diameter_median.value == pytest.approx(120)
    assert first.quartiles_um == pytest.approx((107.5, 132.5))
    assert second.diameter_mean.value == pytest.approx(155)


def test_totals_are_of_the_last_day() -> None:
    lot = culture({1: [[100] * 7], 4: [[150] * 3]})
    assert lot.day == 4
    assert [p.sample.day for p in sample_pictures(lot)] == [4]
    assert sum(a.weights.sum() for a in aliquots(lot)) == 3


def test_a_picture_without_a_day_among_several_is_refused() -> None:
    pictures = [picture("a", 1, ()), picture("b", 2, ()), picture("c", None, ())]
    with pytest.raises(SheetError, match="expected a day for every picture"):
        gather(pictures, ())


def test_fused_clusters_are_counted_by_the_neck_ratio() -> None:
    necks = [None, None, 0.5, 0.84, 0.9]
    clusters = [
        islet(k, 100, neck_ratio=n, fused=n is not None and n <= 0.85) for k, n in enumerate(necks)
    ]
    found = fraction_fused([picture("a", 1, clusters * 8)], 0.85, confidence=0.95)
    assert found is not None
    assert found.estimate.value == pytest.approx(0.4)
    # One neck in five lies within 0.03 of the limit.
    assert found.estimate.rsd_parts["neck reading"] == pytest.approx(0.1 / 0.4)


def test_where_nobody_looked_for_necks_nothing_is_said() -> None:
    assert fraction_fused([picture("a", 1, [islet(1, 100)])], 0.85, confidence=0.95) is None
