"""Viability of lots whose islets are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from isletqc.decide.viability import viability
from isletqc.protocol import Viability
from isletqc.records import Fitness, Islet, Lot, Picture, Sample, Specimen

SETTINGS = Viability(min_islets=4, method_sd=0.0)


def _islet(label: int, live: float | None, area_um2: float = 1000.0) -> Islet:
    return Islet(
        label=label,
        class_name="islet",
        centroid_yx_um=(0.0, 0.0),
        area_um2=area_um2,
        diameter_um=100.0,
        major_axis_um=100.0,
        minor_axis_um=100.0,
        feret_um=100.0,
        circularity=1.0,
        solidity=1.0,
        volume_nl=1.0,
        ieq=1.0,
        probability=1.0,
        touches_border=False,
        weight=1.0,
        included=True,
        exclusion_reason="",
        viability=live,
    )


def _specimen(name: str, islets: tuple[Islet, ...], role: str = "sample") -> Specimen:
    picture = Picture(
        sample=Sample(f"{name}.tif", "lot", name, role=role),  # type: ignore[arg-type]
        name=f"{name}.tif",
        sha256=name,
        shape_yx=(10, 10),
        um_per_px=1.0,
        um_per_px_source="given",
        fitness=Fitness(),
        islets=islets,
        islet_area_um2=1.0,
        exocrine_area_um2=0.0,
        seconds={},
        method="test",
    )
    return Specimen(name, (picture,), (), None, None)


def _lot(*replicates: list[float]) -> Lot:
    return Lot(
        "lot",
        tuple(
            _specimen(str(k), tuple(_islet(i + 1, v) for i, v in enumerate(live)))
            for k, live in enumerate(replicates)
        ),
    )


def test_the_three_definitions_differ_as_they_should() -> None:
    islets = tuple(
        _islet(i + 1, live, area)
        for i, (live, area) in enumerate([(1.0, 8000.0), (0.4, 1000.0), (0.6, 500.0), (0.0, 500.0)])
    )
    found = viability(Lot("a", (_specimen("1", islets),)), SETTINGS, confidence=0.95)
    # (8000 + 400 + 300) / 10000; (1 + .4 + .6 + 0) / 4; two of four reach a half
    assert found["viability_tissue_weighted"].estimate.value == pytest.approx(0.87)
    assert found["viability_islet_mean"].estimate.value == pytest.approx(0.5)
    assert found["viability_by_islet"].estimate.value == pytest.approx(0.5)
    assert found["viability"].estimate.value == found["viability_tissue_weighted"].estimate.value


def test_too_few_measured_islets_leave_it_undetermined_and_say_so() -> None:
    islets = (*(_islet(i, 0.9) for i in (1, 2, 3)), _islet(4, None))
    found = viability(Lot("a", (_specimen("1", islets),)), SETTINGS, confidence=0.95)["viability"]
    assert found.estimate.value is None
    assert "measured in 3 islets, at least 4 needed" in found.estimate.reason
    assert found.values is None


def test_controls_do_not_count() -> None:
    lot = _lot([0.9] * 10)
    control = _specimen("c", tuple(_islet(i, 0.0) for i in range(1, 20)), role="control")
    with_control = replace(lot, specimens=(*lot.specimens, control))
    found = viability(with_control, SETTINGS, confidence=0.95)
    assert found["viability"].estimate.value == pytest.approx(0.9)


def test_no_live_dead_protocol_no_viability() -> None:
    found = viability(_lot([0.9] * 10), None, confidence=0.95)
    assert list(found) == ["viability"]
    assert found["viability"].estimate.value is None


def test_the_interval_is_the_same_every_time() -> None:
    first, second = (
        viability(_lot([0.2, 0.5, 0.9, 1.0] * 5), SETTINGS, confidence=0.95) for _ in range(2)
    )
    assert first["viability"].estimate == second["viability"].estimate


def test_replicates_that_disagree_widen_the_interval() -> None:
    rng = np.random.default_rng(1)
    alike = [rng.normal(0.7, 0.05, 30).tolist() for _ in range(2)]
    apart = [[v - 0.2 for v in alike[0]], [v + 0.2 for v in alike[1]]]
    widths = []
    for lots in (alike, apart):
        found = viability(_lot(*lots), SETTINGS, confidence=0.95)["viability"].estimate
        widths.append((found.ci_high or 0) - (found.ci_low or 0))
    assert widths[1] > 5 * widths[0]


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(7)
    law, lots = (4.0, 1.5), 200
    truth = {
        "viability_islet_mean": law[0] / sum(law),
        "viability_by_islet": float(np.mean(rng.beta(*law, 400_000) >= 0.5)),
    }
    held = dict.fromkeys(truth, 0)
    for _ in range(lots):
        found = viability(_lot(*rng.beta(*law, (2, 30)).tolist()), SETTINGS, confidence=0.95)
        for name, true in truth.items():
            estimate = found[name].estimate
            held[name] += (estimate.ci_low or 0) <= true <= (estimate.ci_high or 0)
    assert all(0.91 <= n / lots <= 0.99 for n in held.values()), held
