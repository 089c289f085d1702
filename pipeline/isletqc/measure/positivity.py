"""Where positive begins: a threshold for one marker, from a control or from the cells themselves.

Takes the brightness of nuclei above the background, one number each; gives the threshold, its own
standard deviation, and how many negative nuclei lie above it and positive ones below it.

- From a control (cells stained without the first antibody): a high percentile of its nuclei. Its
  uncertainty is that of the rank, from the binomial law, or the scatter between control pictures.
  By its making the percentile leaves a known share of negative nuclei above it. Staining that is
  stronger in one picture than in another makes negative nuclei brighter in proportion, so the
  percentile is carried over in units of the median negative nucleus: that of the control for the
  control, that of the sample (its nuclei up to the threshold, until both agree) for the sample.
- From two components: a mixture of two lognormal laws, fitted by expectation and maximisation from
  a fixed start. The threshold is where both are equally probable. Refused where one law does as
  well (Bayesian information criterion) or where the two hardly part (Ashman's D under 2, doi
  10.1086/117248). Its uncertainty is a jackknife over ten parts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp, ndtr

Values = NDArray[np.float64]

FEWEST = 100
MIN_SEPARATION = 2.0
_FEWEST_NEGATIVE = 50
_MOST_ROUNDS = 50
_MIN_EVIDENCE = 10.0  # difference of the information criterion: very strong
_MIN_SHARE = 0.005
_PARTS = 10
_MOST_STEPS = 500
_DIMMEST = 0.01  # of the 99th percentile: below it the logarithm is of noise


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which brightness on a nucleus is positive.

    ``false_positive`` is the share of negative nuclei above it, ``false_negative`` that of positive
    nuclei below it (0 where nothing tells). ``value`` None: not determined, for ``reason``.
    """

    value: float | None
    sd: float = 0.0
    false_positive: float = 0.0
    false_negative: float = 0.0
    reason: str = ""


def from_control(
    pictures: Sequence[ArrayLike],
    percentile: float,
    *,
    sample: Sequence[ArrayLike] = (),
    max_shift: float = 0.3,
) -> Threshold:
    """Threshold at a percentile of the control's nuclei.

    Parameters
    ----------
    pictures : (N,) brightness of the nuclei of each control picture; with two or more, their
        scatter counts where it is larger than that of the rank
    percentile : over 50, under 100
    sample : the same of the sample pictures; their negative nuclei scale the threshold where
        there are 50 or more. None: the control's brightness is taken as it stands
    max_shift : negative nuclei of the sample may be brighter by up to this share, or dimmer by as
        large a factor; beyond it the control does not fit the sample and nothing is determined
    """
    groups = [np.asarray(p, float) for p in pictures]
    values = np.sort(np.concatenate(groups)) if groups else np.empty(0)
    above = 1 - percentile / 100
    needed = max(FEWEST, math.ceil(1 / above))
    if values.size < needed:
        reason = f"not determined: the control has {values.size} nuclei, at least {needed} needed"
        return Threshold(None, reason=reason)
    low, value, high = _around_quantile(values, 1 - above)
    sd = max((high - low) / 2, _between(groups, 1 - above))
    plain = Threshold(value, sd, false_positive=above)
    samples = [np.asarray(p, float) for p in sample]
    return _carried_over(plain, groups, samples, max_shift) if samples else plain


def _around_quantile(values: Values, quantile: float) -> tuple[float, float, float]:
    """Quantile, and what it would be one standard error of its rank lower and higher."""
    rank_sd = math.sqrt(quantile * (1 - quantile) / values.size)
    at = np.clip([quantile - rank_sd, quantile, quantile + rank_sd], 0, 1)
    low, value, high = np.quantile(values, at)
    return float(low), float(value), float(high)


def _carried_over(
    plain: Threshold, control: Sequence[Values], sample: Sequence[Values], max_shift: float
) -> Threshold:
    """Scale the control's percentile to the brightness of the sample's own negative nuclei."""
    medians = [float(np.median(g)) for g in control if g.size]
    if min(medians) <= 0:
        return plain
    unit = np.concatenate(
        [g / m for g, m in zip((g for g in control if g.size), medians, strict=True)]
    )
    low, factor, high = _around_quantile(np.sort(unit), 1 - plain.false_positive)
    value = plain.value or 0.0
    for _ in range(_MOST_ROUNDS):
        negative = [g[g <= value] for g in sample]
        pooled = np.concatenate(negative)
        if pooled.size < _FEWEST_NEGATIVE or float(np.median(pooled)) <= 0:
            return plain
        middle = float(np.median(pooled))
        if math.isclose(value, factor * middle, rel_tol=1e-6):
            break
        value = factor * middle
    shift = middle / float(np.median(np.concatenate(control)))
    if abs(math.log(shift)) > math.log1p(max_shift):
        reason = (
            f"not determined: negative nuclei of the sample are {shift:.2f} times as bright as "
            "those of the control; stain and expose the control like the sample, or raise "
            "max_control_shift in the protocol"
        )
        return Threshold(None, reason=reason)
    sd = math.hypot((high - low) / 2 * middle, factor * _median_error(negative, pooled))
    return Threshold(value, sd, false_positive=plain.false_positive)


def _median_error(groups: Sequence[Values], pooled: Values) -> float:
    """Give the standard error of the median of negative nuclei, from nuclei and from pictures."""
    spread = 1.4826 * float(np.median(np.abs(pooled - np.median(pooled))))
    of_nuclei = math.sqrt(math.pi / 2) * spread / math.sqrt(pooled.size)
    medians = [float(np.median(g)) for g in groups if g.size]
    of_pictures = (
        float(np.std(medians, ddof=1)) / math.sqrt(len(medians)) if len(medians) > 1 else 0
    )
    return max(of_nuclei, of_pictures)


def from_two_components(brightness: ArrayLike) -> Threshold:
    """Threshold between the two lognormal components of the nuclei.

    Parameters
    ----------
    brightness : (N,) of all nuclei, positive and negative
    """
    values = np.asarray(brightness, float)
    if values.size < FEWEST:
        reason = (
            f"not determined: {values.size} nuclei, at least {FEWEST} needed for two components"
        )
        return Threshold(None, reason=reason)
    logs = _logs(values)
    fitted = _mixture(logs)
    if fitted is None or not _is_two(logs, fitted):
        reason = "not determined: the nuclei do not part into two components; a control is needed"
        return Threshold(None, reason=reason)
    cut = _cut(fitted)
    parts = [_mixture(np.delete(logs, np.s_[k::_PARTS])) for k in range(_PARTS)]
    cuts = np.array([_cut(part) for part in parts if part is not None])
    sd = math.sqrt((len(cuts) - 1) / len(cuts) * float(((cuts - cuts.mean()) ** 2).sum()))
    value = math.exp(cut)
    return Threshold(
        value,
        value * sd,
        false_positive=float(ndtr((fitted.means[0] - cut) / fitted.sds[0])),
        false_negative=float(ndtr((cut - fitted.means[1]) / fitted.sds[1])),
    )


def _between(groups: Sequence[Values], quantile: float) -> float:
    """Give the standard error of the threshold from the scatter of the pictures' medians.

    A high percentile of one picture is too uncertain itself; staining that is stronger in one
    picture moves its median and its percentile in proportion.
    """
    medians = [float(np.median(g)) for g in groups if g.size]
    if len(medians) < 2 or not np.mean(medians) > 0:
        return 0.0
    relative = float(np.std(medians, ddof=1) / np.mean(medians))
    # One staining tells of the control, another of the sample: both scatter.
    return relative * float(np.quantile(np.concatenate(groups), quantile))


@dataclass(frozen=True, slots=True)
class _Mixture:
    """Two normal laws of the logarithm, the dimmer first."""

    shares: Values
    means: Values
    sds: Values
    log_likelihood: float


def _logs(values: Values) -> Values:
    least = _DIMMEST * max(float(np.percentile(values, 99)), 1e-12)
    return np.log(np.maximum(values, least))


def _densities(logs: Values, shares: Values, means: Values, sds: Values) -> Values:
    z = (logs[:, None] - means) / sds
    return np.asarray(np.log(shares / sds) - z**2 / 2 - math.log(2 * math.pi) / 2)


def _mixture(logs: Values) -> _Mixture | None:
    """Fit both components; None where one of them vanishes."""
    split = _otsu(logs)
    groups = [logs[logs <= split], logs[logs > split]]
    if min(map(len, groups)) < 2:
        return None
    least = 0.02 * max(float(logs.std()), 1e-9)
    shares = np.array([len(g) / len(logs) for g in groups])
    means = np.array([g.mean() for g in groups])
    sds = np.maximum([g.std() for g in groups], least)
    before = -math.inf
    for _ in range(_MOST_STEPS):
        joint = _densities(logs, shares, means, sds)
        each = logsumexp(joint, axis=1)
        likelihood = float(each.sum())
        if likelihood - before < 1e-8 * abs(likelihood):
            break
        before = likelihood
        owned = np.exp(joint - each[:, None])
        counts = owned.sum(axis=0)
        if counts.min() < max(_MIN_SHARE * len(logs), 2):
            return None
        shares, means = counts / len(logs), owned.T @ logs / counts
        spread = (owned * (logs[:, None] - means) ** 2).sum(axis=0) / counts
        sds = np.maximum(np.sqrt(spread), least)
    order = np.argsort(means, kind="stable")
    return _Mixture(shares[order], means[order], sds[order], likelihood)


def _otsu(logs: Values) -> float:
    """Split with the largest variance between the two groups (doi 10.1109/TSMC.1979.4310076)."""
    ordered = np.sort(logs)
    n = np.arange(1, len(ordered))
    sums = np.cumsum(ordered)[:-1]
    gap = sums / n - (ordered.sum() - sums) / (len(ordered) - n)
    k = int(np.argmax(n * (len(ordered) - n) * gap**2))
    return float((ordered[k] + ordered[k + 1]) / 2)


def _is_two(logs: Values, fitted: _Mixture) -> bool:
    width = np.maximum(logs.std(keepdims=True), 1e-9)
    one = float(_densities(logs, np.ones(1), logs.mean(keepdims=True), width).sum())
    evidence = 2 * (fitted.log_likelihood - one) - 3 * math.log(len(logs))
    apart = float(fitted.means[1] - fitted.means[0])
    separation = apart / math.sqrt(float((fitted.sds**2).mean()))
    return evidence > _MIN_EVIDENCE and separation > MIN_SEPARATION


def _cut(fitted: _Mixture) -> float:
    """Find the logarithm between the means at which both components are equally probable."""
    at = np.linspace(fitted.means[0], fitted.means[1], 2001)
    joint = _densities(at, fitted.shares, fitted.means, fitted.sds)
    return float(at[np.argmin(np.abs(joint[:, 1] - joint[:, 0]))])
