"""Pictures to lots: what belongs together, and what was counted in each aliquot.

A lot has specimens, a specimen is one aliquot, and its pictures are fields of that aliquot whose
islets add up. Control pictures stay with their lot but never enter a total. A specimen with a
picture that could not be analysed is known only in part: it is marked so, never filled in.

A lot is one culture. Where the sheet gives its specimens several days, the lot's totals and limits
are about the last day; the earlier days show how it grew (``decide.drift``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isletqc.errors import SheetError
from isletqc.records import Failure, Lot, Picture, Sample, Specimen

_LOT_FACTS = ("suspension_ml", "recipient_kg", "settled_tissue_ml", "infusion")


@dataclass(frozen=True, slots=True)
class Aliquot:
    """One specimen: the islets that count in its sample pictures.

    Attributes
    ----------
    weights : (N,) number of islets that each stands for under the border rule
    ieq : (N,) islet equivalents of each, border weight applied
    missing : pictures that could not be analysed; with any, the sums are too small
    volume_ul, dilution : None where the sheet is silent
    """

    name: str
    weights: NDArray[np.float64]
    ieq: NDArray[np.float64]
    missing: tuple[str, ...]
    volume_ul: float | None
    dilution: float | None


def gather(pictures: Sequence[Picture], failures: Sequence[Failure]) -> tuple[Lot, ...]:
    """Group analysed and failed pictures by lot and specimen.

    Returns
    -------
    tuple of Lot
        In order of name, specimens and their pictures too, so that the order of analysis is
        never seen in a result.

    Raises
    ------
    SheetError
        Pictures of one lot contradict each other about it (two suspension volumes, say).
    """
    samples = _samples(pictures, failures)
    return tuple(_lot(name, pictures, failures) for name in sorted({s.lot for s in samples}))


def aliquots(lot: Lot) -> tuple[Aliquot, ...]:
    """List the specimens of the lot's last day with at least one analysed sample picture."""
    return tuple(_aliquot(s) for s in _last(lot) if _sampled(s))


def sample_pictures(lot: Lot) -> tuple[Picture, ...]:
    """List the analysed pictures of the lot's last day that are no controls."""
    return tuple(p for specimen in _last(lot) for p in _sampled(specimen))


def sample_pictures_by_day(lot: Lot) -> dict[float, tuple[Picture, ...]]:
    """List the analysed pictures that are no controls by day, first day first."""
    days = sorted({s.day for s in lot.specimens if s.day is not None and _sampled(s)})
    return {
        day: tuple(p for s in lot.specimens if s.day == day for p in _sampled(s)) for day in days
    }


def _last(lot: Lot) -> tuple[Specimen, ...]:
    # Without a day in the lot every specimen belongs to the one day there is.
    return tuple(s for s in lot.specimens if s.day == lot.day or s.day is None)


def _sampled(specimen: Specimen) -> tuple[Picture, ...]:
    return tuple(p for p in specimen.pictures if p.sample.role == "sample")


def _samples(pictures: Iterable[Picture], failures: Iterable[Failure]) -> list[Sample]:
    return [p.sample for p in pictures] + [f.sample for f in failures]


def _lot(name: str, pictures: Sequence[Picture], failures: Sequence[Failure]) -> Lot:
    mine = [p for p in pictures if p.sample.lot == name]
    lost = [f for f in failures if f.sample.lot == name]
    samples = _samples(mine, lost)
    specimens = tuple(
        _specimen(
            specimen,
            tuple(p for p in mine if p.sample.specimen == specimen),
            tuple(f for f in lost if f.sample.specimen == specimen),
        )
        for specimen in sorted({s.specimen for s in samples})
    )
    day = _last_day(samples)
    today = [s for s in samples if s.day in (None, day)]
    facts = {fact: _agreed(today, fact) for fact in _LOT_FACTS}
    assays = next((s.assays for s in samples if s.assays), ())
    return Lot(name=name, specimens=specimens, day=day, assays=assays, **facts)


def _last_day(samples: Sequence[Sample]) -> float | None:
    """Give the last day; of several days every sample must name its own."""
    days = {s.day for s in samples if s.day is not None}
    silent = [s for s in samples if s.day is None and s.role == "sample"]
    if len(days) > 1 and silent:
        raise SheetError(
            f"lot {silent[0].lot}: expected a day for every picture, as the lot has several, found "
            f"none for {silent[0].image}; complete the column day of the sample sheet"
        )
    return max(days, default=None)


def _specimen(name: str, pictures: tuple[Picture, ...], failures: tuple[Failure, ...]) -> Specimen:
    samples = _samples(pictures, failures)
    return Specimen(
        name=name,
        pictures=tuple(sorted(pictures, key=lambda p: (p.sample.image, p.name, p.sha256))),
        failures=tuple(sorted(failures, key=lambda f: (f.sample.image, f.error, f.message))),
        aliquot_ul=_agreed([s for s in samples if s.role == "sample"], "aliquot_ul"),
        dilution=_agreed([s for s in samples if s.role == "sample"], "dilution"),
        day=_agreed(samples, "day"),
    )


def _agreed(samples: Iterable[Sample], fact: str) -> Any:
    """Give the one value that the sheet states, None where it is silent."""
    stated = {getattr(s, fact): s for s in samples if getattr(s, fact) is not None}
    if len(stated) > 1:
        where = "; ".join(f"{value} at {s.image}" for value, s in stated.items())
        lot = next(iter(stated.values())).lot
        raise SheetError(
            f"lot {lot}: expected one {fact}, found {where}; "
            "correct the sample sheet, or give aliquots of their own another specimen name"
        )
    return next(iter(stated), None)


def _aliquot(specimen: Specimen) -> Aliquot:
    islets = [islet for p in _sampled(specimen) for islet in p.counted]
    return Aliquot(
        name=specimen.name,
        weights=np.array([i.weight for i in islets], float),
        ieq=np.array([i.weight * i.ieq for i in islets], float),
        missing=tuple(f.sample.image for f in specimen.failures if f.sample.role == "sample"),
        volume_ul=specimen.aliquot_ul,
        dilution=specimen.dilution,
    )
