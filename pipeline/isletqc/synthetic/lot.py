"""A lot whose totals are known, and pictures of the aliquots drawn from it.

All islets of the suspension are drawn first. Each aliquot is a Poisson sample of them; each of
its islets lies whole in one of the aliquot's pictures, apart from the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from isletqc.synthetic.dithizone import dithizone_field
from isletqc.synthetic.field import COUNTED_UM, IEQ_UM, Field
from isletqc.synthetic.looks import DithizoneLook, look
from isletqc.synthetic.shapes import HUMAN_LOGNORMAL, Floats, SizeLaw, diameters_um

PACKING = 0.55  # share of a settled pellet that is tissue, the rest being medium between clumps
NL_PER_IEQ = np.pi / 6 * IEQ_UM**3 * 1e-6


@dataclass(frozen=True, slots=True)
class LotTruth:
    """What is true of a drawn lot.

    Attributes
    ----------
    suspension_ml, aliquot_ul, dilution, recipient_kg : as a sample sheet states them
    settled_tissue_ml : islet volume / purity / packing of a pellet
    total_islets, total_ieq, ieq_per_kg : all islets of at least 50 um in the suspension
    purity : islet area over tissue area in all the pictures together
    aliquot_islets, aliquot_ieq : the same counts for each aliquot
    """

    suspension_ml: float
    aliquot_ul: float
    dilution: float
    recipient_kg: float
    settled_tissue_ml: float
    total_islets: int
    total_ieq: float
    ieq_per_kg: float
    purity: float
    aliquot_islets: tuple[int, ...]
    aliquot_ieq: tuple[float, ...]


def phantom_lot(
    seed: int,
    *,
    aliquots: int = 3,
    images_per_aliquot: int = 1,
    islets_per_aliquot: float = 250.0,
    suspension_ml: float = 250.0,
    aliquot_ul: float = 100.0,
    dilution: float = 1.0,
    recipient_kg: float = 70.0,
    law: SizeLaw = HUMAN_LOGNORMAL,
    shape_yx: tuple[int, int] = (1536, 2048),
    um_per_px: float = 2.4,
    looks: tuple[DithizoneLook, ...] = (look("pink-beige"),),
    exocrine: float = 0.02,
) -> tuple[tuple[Field, ...], LotTruth]:
    """Draw a lot and the pictures of its aliquots.

    ``islets_per_aliquot`` is the mean that the suspension's concentration gives; the suspension
    holds that times ``dilution`` times ``suspension_ml`` over the aliquot's volume.

    Returns
    -------
    fields : the pictures; picture k belongs to aliquot ``k // images_per_aliquot``
    truth : what the estimate from these pictures should find
    """
    rng = np.random.default_rng(seed)
    share = aliquot_ul / 1000 / (suspension_ml * dilution)
    population = diameters_um(rng, round(islets_per_aliquot / share), law)
    drops = _drops(rng, population, share, aliquots)
    parts = [part for drop in drops for part in np.array_split(drop, images_per_aliquot)]
    draw = partial(
        dithizone_field, shape_yx=shape_yx, um_per_px=um_per_px, exocrine=exocrine,
        dirt=0.4, bar=False, whole=True,
    )  # fmt: skip
    worn = [looks[k // images_per_aliquot % len(looks)] for k in range(len(parts))]
    seeds = rng.integers(2**31, size=len(parts)).tolist()
    fields = tuple(
        draw(s, diameters=part, look=one) for s, part, one in zip(seeds, parts, worn, strict=True)
    )
    drops_drawn = tuple(
        fields[k : k + images_per_aliquot] for k in range(0, len(fields), images_per_aliquot)
    )
    total, purity = _ieq(population), _pooled_purity(fields)
    truth = LotTruth(
        suspension_ml=suspension_ml,
        aliquot_ul=aliquot_ul,
        dilution=dilution,
        recipient_kg=recipient_kg,
        settled_tissue_ml=total * NL_PER_IEQ * 1e-6 / max(purity, 0.01) / PACKING,
        total_islets=int(np.count_nonzero(population >= COUNTED_UM)),
        total_ieq=total,
        ieq_per_kg=total / recipient_kg,
        purity=purity,
        aliquot_islets=tuple(sum(f.islet_count for f in drop) for drop in drops_drawn),
        aliquot_ieq=tuple(sum(f.ieq for f in drop) for drop in drops_drawn),
    )
    return fields, truth


def _drops(
    rng: np.random.Generator, population: Floats, share: float, aliquots: int
) -> list[Floats]:
    """Poisson numbers of islets, none drawn twice."""
    counts = np.minimum(rng.poisson(population.size * share, aliquots), population.size // aliquots)
    drawn = rng.choice(population, int(counts.sum()), replace=False)
    return np.split(drawn, np.cumsum(counts)[:-1])


def _ieq(diameters: Floats) -> float:
    counted = diameters[diameters >= COUNTED_UM]
    return float(np.sum((counted / IEQ_UM) ** 3))


def _pooled_purity(fields: tuple[Field, ...]) -> float:
    islet = sum(int(np.count_nonzero(f.classes == 2)) for f in fields)
    tissue = sum(int(np.count_nonzero(f.classes)) for f in fields)
    return islet / tissue if tissue else 1.0
