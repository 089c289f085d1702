"""The factor of a network's stated spread, on errors drawn from a known law."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isletqc.training import calibration
from isletqc.training.calibration import Reading


def readings(true_factor: float, *, number: int = 400, twins: bool = False) -> list[Reading]:
    """Pictures of three equal islets whose errors have the spread that the factor states."""
    rng = np.random.default_rng(3)
    found = []
    for k in range(number):
        raw = np.full(3, float(rng.uniform(0.001, 0.05)))
        error = float(rng.normal()) * true_factor * raw[0] ** 0.75
        for _ in range(2 if twins else 1):
            found.append(Reading(f"{k}", 2.4, error, raw, np.ones(3), np.full(3, error)))
    return found


def test_the_factor_of_the_errors_is_found() -> None:
    # the root mean square of 400 normal deviates errs by 1 / sqrt(800) = 3.5 %
    assert calibration.factor(readings(2.0)) == pytest.approx(2.0, rel=0.08)


def test_with_its_factor_errors_are_one_predicted_deviation_on_those_that_chose_it() -> None:
    found = readings(1.3)
    z = calibration.ratios(found, calibration.factor(found))
    assert np.sqrt(np.mean(z**2)) == pytest.approx(1, abs=1e-3)


def test_pictures_of_one_light_that_err_alike_are_told() -> None:
    twins = readings(2.0, number=50, twins=True)
    assert calibration.correlation_of_twins(twins, 2.0) == pytest.approx(1)
    strangers = [
        Reading(f"{k // 2}", r.um_per_px, r.error, r.raw, r.volumes, r.errors)
        for k, r in enumerate(readings(2.0))
    ]
    assert calibration.correlation_of_twins(strangers, 2.0) == pytest.approx(0, abs=0.15)
    assert calibration.correlation_of_twins(readings(2.0), 2.0) is None


def test_islets_are_counted_by_what_was_stated_and_false_ones_apart() -> None:
    one = Reading("", 1.0, 0.0, np.array([0.01, 0.01]), np.ones(2), np.array([0.03, np.nan]))
    rows = list(calibration.islet_rows([one], 1.0))
    # 0.01^0.75 = 3.2 %; an error of 0.03 whose median is 0.6745 standard deviations
    assert rows == ["2 to 5 % | 2 | 3.2 % | 4.4 % | 50.0 %"]


def test_a_row_says_errors_predictions_and_their_ratio() -> None:
    one = Reading("", 1.0, 0.1, np.array([0.0001]), np.ones(1), np.zeros(1))
    # 50 * 0.0001^0.75 = 0.05: the error is two predicted deviations
    assert calibration.picture_row([one], 50.0) == "1 | 10.0 % | 5.0 % | 2.00 | 0 %"


@pytest.mark.parametrize("name", ["figure.svg", "figure.png"])
def test_the_figure_is_drawn(name: str, tmp_path: Path) -> None:
    calibration.figure(tmp_path / name, readings(2.0, number=20), 2.0)
    assert (tmp_path / name).stat().st_size > 1000


def test_twins_share_their_look_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "SHAPES_YX", {4.6: (120, 160)})
    first, second = calibration.drawn("dithizone", [5], twins=True)
    assert first.group == second.group
    assert not np.array_equal(first.image.pixels, second.image.pixels)
    # the light of the field is the look's: its typical colour is the same to a few levels
    typical = [np.median(t.image.pixels[t.labels == 0], axis=0) for t in (first, second)]
    assert typical[0] == pytest.approx(typical[1], abs=40)
