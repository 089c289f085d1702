"""Which size law the counted islets follow: Weibull and lognormal, with goodness of fit.

Descriptions without an interval. ``<law>_ks`` is the greatest distance between law and islets,
``<law>_fit_p`` the chance of one as great were the law true (``measure.distribution``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np

from isletqc.decide.spread import Known
from isletqc.measure import distribution
from isletqc.protocol import Sizing
from isletqc.records import Estimate, Islet

# A p under 0.05 can be told, and judging a lot again stays quick.
_REPLICATES = 39
_PARAMETERS = {
    "weibull": (("weibull_shape", "1"), ("weibull_scale_um", "um")),
    "lognormal": (("lognormal_sigma", "1"), ("lognormal_median_um", "um")),
}


def size_laws(islets: Sequence[Islet], sizing: Sizing) -> dict[str, Known]:
    """Fit both laws to the islets that count.

    Parameters
    ----------
    islets : those that count, of all sample pictures
    sizing : for the smallest diameter that counts, under which the laws are cut off
    """
    diameters_um = np.array([i.diameter_um for i in islets])
    reason = ""
    if len({i.weight for i in islets}) > 1:
        reason = "not determined: islets of unlike border weights"
    found: list[Known] = []
    for family in get_args(distribution.Family):
        law = distribution.fit(diameters_um, family, smallest_um=sizing.min_diameter_um)
        found += _described(family, None if reason else law, len(islets), reason)
    return {k.estimate.name: k for k in found}


def _described(
    family: distribution.Family, law: distribution.SizeLaw | None, count: int, reason: str
) -> list[Known]:
    names = (*_PARAMETERS[family], (f"{family}_ks", "1"), (f"{family}_fit_p", "1"))
    if law is None:
        why = reason or f"not determined: fewer than {distribution.FEWEST} islets, or all alike"
        return [Known(Estimate(name, None, unit, reason=why)) for name, unit in names]
    chance = distribution.significance(law, count, replicates=_REPLICATES)
    values = (law.shape, law.scale, law.ks, chance)
    return [
        Known(Estimate(name, value, unit, reason="description"))
        for (name, unit), value in zip(names, values, strict=True)
    ]
