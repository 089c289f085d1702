"""How many more aliquots until a verdict is clear.

More aliquots shrink the errors that each aliquot has for itself, sampling and pipetting; the
errors that all aliquots share stay. The plan assumes that the estimate stays where it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from scipy.special import ndtr

MOST = 50
# The parts of the relative standard deviation that fall with the number of aliquots.
OWN_PARTS = frozenset({"sampling", "between aliquots", "aliquot volume"})


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
