"""How many more aliquots until a verdict is clear.

More aliquots shrink the errors that each aliquot has for itself, sampling and pipetting; the
errors that all aliquots share stay.

``further_aliquots`` takes the estimate to stay where it is. ``outlook`` lets it move, as it will:
on the logarithm, with own errors of standard deviation s after m aliquots, the estimate after k
more is normal about the present one with the variance s^2 k / (m + k); that is what the present
knowledge of the truth (flat prior) and the scatter of the new aliquots make together. The distance
from the limit is the mean of two: that of the estimate, and that which the probability of the
verdict stands for. The latter is longer on one side, for the largest islets that few aliquots may
have missed; further aliquots take about half of this caution away, as simulation shows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from scipy.special import ndtr, ndtri

MOST = 50
# The parts of the relative standard deviation that fall with the number of aliquots.
OWN_PARTS = frozenset({"sampling", "between aliquots", "aliquot volume", "mixing"})


# Nearer to 0 or 1 the probability of a verdict is not resolved.
_SUREST = 1e-6


@dataclass(frozen=True, slots=True)
class Outlook:
    """Chances of the verdicts on one limit after ``further`` aliquots; they add to 1."""

    further: int
    passes: float
    fails: float
    review: float


def expected_rsd(rsd_parts: Mapping[str, float], aliquots: int, further: int) -> float:
    """Relative standard deviation with ``further`` aliquots more than the ``aliquots`` done."""
    shrink = aliquots / (aliquots + further)
    squares = (r**2 * (shrink if n in OWN_PARTS else 1) for n, r in rsd_parts.items())
    return math.sqrt(sum(squares))


def further_aliquots(
    value: float,
    limit: float,
    *,
    rsd_parts: Mapping[str, float],
    aliquots: int,
    assurance: float,
) -> int | None:
    """Find the number of further aliquots that would decide a limit, either way.

    Parameters
    ----------
    value, limit : the estimate so far and its limit, same unit
    rsd_parts : parts of the estimate's relative standard deviation, by name
    aliquots : done so far, at least 1
    assurance : probability that decides, 0.5 to 1

    Returns
    -------
    int or None
        1 to 50; None when not even 50 would decide, because the value is too near the limit for
        the errors that all aliquots share.
    """
    if value <= 0 or limit <= 0 or aliquots < 1:
        return None
    distance = abs(math.log(value / limit))
    for further in range(1, MOST + 1):
        rsd = expected_rsd(rsd_parts, aliquots, further)
        if rsd == 0 or ndtr(distance / math.sqrt(math.log1p(rsd**2))) >= assurance:
            return further
    return None


def outlook(
    probability: float,
    *,
    rsd_parts: Mapping[str, float],
    aliquots: int,
    assurance: float,
    further: int,
    log_ratio: float | None = None,
) -> Outlook:
    """Predict the verdict on a limit after further aliquots.

    Parameters
    ----------
    probability : that the limit is met, as the present verdict has it
    rsd_parts : parts of the estimate's relative standard deviation, by name
    aliquots : done so far, at least 1
    assurance : probability that decides, 0.5 to 1
    further : aliquots to come, at least 1
    log_ratio : log(estimate / limit) for a limit from below, log(limit / estimate) for one from
        above; None takes the distance from the probability alone

    Returns
    -------
    Outlook
        The chance of each verdict.
    """
    known = ndtri(min(max(probability, _SUREST), 1 - _SUREST))
    distance = known * _log_sd(expected_rsd(rsd_parts, aliquots, 0))
    if log_ratio is not None:
        distance = (distance + log_ratio) / 2
    needed = ndtri(assurance) * _log_sd(expected_rsd(rsd_parts, aliquots, further))
    own = {name: rsd for name, rsd in rsd_parts.items() if name in OWN_PARTS}
    moves = _log_sd(expected_rsd(own, aliquots, 0)) * math.sqrt(further / (aliquots + further))
    passes, fails = (_beyond(d, needed, moves) for d in (distance, -distance))
    return Outlook(further, passes, fails, max(1 - passes - fails, 0.0))


def aliquots_for(
    chance: float,
    probability: float,
    *,
    rsd_parts: Mapping[str, float],
    aliquots: int,
    assurance: float,
    log_ratio: float | None = None,
) -> int | None:
    """Find the number of further aliquots after which a verdict is clear with this chance.

    Parameters are those of ``outlook``.

    Returns
    -------
    int or None
        1 to 50; None when not even 50 give that chance.
    """
    for further in range(1, MOST + 1):
        seen = outlook(
            probability,
            rsd_parts=rsd_parts,
            aliquots=aliquots,
            assurance=assurance,
            further=further,
            log_ratio=log_ratio,
        )
        if seen.passes + seen.fails >= chance:
            return further
    return None


def _log_sd(rsd: float) -> float:
    return math.sqrt(math.log1p(rsd**2))


def _beyond(distance: float, needed: float, moves: float) -> float:
    """Chance that a distance that moves by this standard deviation ends beyond the one needed."""
    if not moves > 0:
        return float(distance >= needed)
    return float(ndtr((distance - needed) / moves))
