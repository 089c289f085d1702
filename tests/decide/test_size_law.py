"""Size laws of a lot: the drawn one is found, the other is refused by its fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from isletqc.decide.size_law import size_laws
from isletqc.protocol import Sizing

Make = Callable[..., Any]


def _figures(picture: Make, diameters_um: Any, **changes: Any) -> dict[str, float | None]:
    found = size_laws(picture(diameters_um, **changes).counted, Sizing())
    return {name: k.estimate.value for name, k in found.items()}


def test_islets_of_a_weibull_law_give_its_parameters_and_a_good_fit(picture: Make) -> None:
    rng = np.random.default_rng(2)
    found = _figures(picture, 112.6 * rng.weibull(1.93, 4000))
    assert found["weibull_shape"] == pytest.approx(1.93, rel=0.05)
    assert found["weibull_scale_um"] == pytest.approx(112.6, rel=0.05)
    assert (found["weibull_fit_p"] or 0) > 0.05
    assert (found["lognormal_fit_p"] or 1) < 0.05
    assert (found["weibull_ks"] or 1) < (found["lognormal_ks"] or 0)


def test_islets_of_a_lognormal_law_give_its_parameters(picture: Make) -> None:
    rng = np.random.default_rng(3)
    found = _figures(picture, rng.lognormal(np.log(88), 0.506, 4000))
    assert found["lognormal_sigma"] == pytest.approx(0.506, rel=0.06)
    assert found["lognormal_median_um"] == pytest.approx(88, rel=0.06)
    assert (found["lognormal_fit_p"] or 0) > 0.05


def test_few_islets_or_unlike_weights_tell_no_law(picture: Make) -> None:
    assert set(_figures(picture, [100, 120, 90]).values()) == {None}
    assert set(_figures(picture, []).values()) == {None}
    mixed = (*picture([100, 90, 80] * 5).counted, *picture([120], weight=2.0).counted)
    reasons = {k.estimate.reason for k in size_laws(mixed, Sizing()).values()}
    assert reasons == {"not determined: islets of unlike border weights"}
