"""Size laws: parameters come back from samples of known laws, and wrong laws are found out."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from isletqc.measure.distribution import Family, cumulative, fit, quantile, significance

LAWS = {
    "weibull": (stats.weibull_min(1.93, scale=112.6), 1.93, 112.6),
    "lognormal": (stats.lognorm(0.506, scale=87.88), 0.506, 87.88),
}


def sample(family: Family, count: int, seed: int, smallest_um: float = 50) -> NDArray[np.float64]:
    drawn = LAWS[family][0].rvs(3 * count, random_state=np.random.default_rng(seed))
    return np.asarray(drawn[drawn >= smallest_um][:count])


@pytest.mark.parametrize("smallest_um", [0, 50])
@pytest.mark.parametrize("family", LAWS)
def test_parameters_come_back_although_small_islets_were_not_counted(
    family: Family, smallest_um: float
) -> None:
    law = fit(sample(family, 20_000, 1, smallest_um), family, smallest_um=smallest_um)
    assert law is not None
    assert law.shape == pytest.approx(LAWS[family][1], rel=0.04)
    assert law.scale == pytest.approx(LAWS[family][2], rel=0.04)


@pytest.mark.parametrize("family", LAWS)
def test_without_truncation_the_fit_is_that_of_scipy(family: Family) -> None:
    d = sample(family, 400, 2, 0)
    law = fit(d, family, smallest_um=0)
    reference = stats.weibull_min if family == "weibull" else stats.lognorm
    shape, _, scale = reference.fit(d, floc=0)
    assert law is not None
    assert law.shape == pytest.approx(shape, rel=1e-3)
    assert law.scale == pytest.approx(scale, rel=1e-3)
    assert law.log_likelihood == pytest.approx(reference(shape, 0, scale).logpdf(d).sum(), rel=1e-6)
    assert law.ks == pytest.approx(stats.kstest(d, lambda x: cumulative(law, x)).statistic)


@pytest.mark.parametrize("family", LAWS)
def test_the_likelihood_is_that_of_the_truncated_law(family: Family) -> None:
    d = sample(family, 500, 3)
    law = fit(d, family, smallest_um=50)
    assert law is not None
    kind = stats.weibull_min if family == "weibull" else stats.lognorm
    whole = kind(law.shape, 0, law.scale)
    expected = whole.logpdf(d).sum() - d.size * whole.logsf(50)
    assert law.log_likelihood == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("family", LAWS)
def test_quantiles_undo_the_cumulative_law(family: Family) -> None:
    law = fit(sample(family, 500, 4), family, smallest_um=50)
    assert law is not None
    p = np.linspace(0, 0.99, 12)
    assert cumulative(law, quantile(law, p)) == pytest.approx(p, abs=1e-9)
    assert quantile(law, 0) == pytest.approx(50)


@pytest.mark.parametrize("family", LAWS)
def test_the_right_law_is_kept_and_the_wrong_one_refused(family: Family) -> None:
    d = sample(family, 1500, 5)
    other: Family = "lognormal" if family == "weibull" else "weibull"
    right, wrong = fit(d, family, smallest_um=50), fit(d, other, smallest_um=50)
    assert right is not None
    assert wrong is not None
    assert right.log_likelihood > wrong.log_likelihood
    assert significance(right, d.size, replicates=39) > 0.05
    assert significance(wrong, d.size, replicates=39) < 0.05


@pytest.mark.parametrize("smallest_um", [0, 50])
@pytest.mark.parametrize("family", LAWS)
def test_samples_drawn_together_are_fitted_as_one_by_one(
    family: Family, smallest_um: float
) -> None:
    count = 400
    law = fit(sample(family, count, 12, smallest_um), family, smallest_um=smallest_um)
    assert law is not None
    rng = np.random.default_rng(0)
    fits = [
        fit(
            np.maximum(quantile(law, rng.random(count)), smallest_um),
            family,
            smallest_um=smallest_um,
        )
        for _ in range(99)
    ]
    worse = sum(again is None or again.ks >= law.ks for again in fits)
    assert significance(law, count, replicates=99) == (worse + 1) / 100


@pytest.mark.parametrize("family", LAWS)
def test_no_law_nearby_is_likelier(family: Family) -> None:
    d = sample(family, 300, 13)
    law = fit(d, family, smallest_um=50)
    assert law is not None

    def log_likelihood(shape: float, scale: float) -> float:
        kind = stats.weibull_min if family == "weibull" else stats.lognorm
        return float(
            kind(shape, 0, scale).logpdf(d).sum() - d.size * kind(shape, 0, scale).logsf(50)
        )

    best = log_likelihood(law.shape, law.scale)
    for up in (1.001, 1 / 1.001):
        assert log_likelihood(law.shape * up, law.scale) < best
        assert log_likelihood(law.shape, law.scale * up) < best


@pytest.mark.parametrize("family", LAWS)
def test_islets_that_fall_more_slowly_than_either_law_are_fitted_at_its_limits(
    family: Family,
) -> None:
    # The power law d^-2 above 50 um; the lognormal law's mean is held 30 spreads down.
    d = 50 / (1 - (np.arange(300) + 0.5) / 300)
    law = fit(d, family, smallest_um=50)
    assert law is not None
    y = np.log(d)
    if family == "weibull":
        assert law.shape == pytest.approx(0.1, rel=1e-3)
    else:
        assert np.log(law.scale) == pytest.approx(y.mean() - 30 * y.std(), rel=1e-6)
    assert law.ks < 0.2


def test_the_same_seed_gives_the_same_significance() -> None:
    law = fit(sample("weibull", 60, 6), "weibull", smallest_um=50)
    assert law is not None
    first, again, other = (significance(law, 60, replicates=49, seed=s) for s in (4, 4, 5))
    assert first == again
    assert first != other


@pytest.mark.parametrize("d", [[], [60.0] * 9, [80.0] * 50])
def test_too_few_or_equal_islets_tell_no_law(d: list[float]) -> None:
    assert fit(d, "weibull", smallest_um=50) is None
