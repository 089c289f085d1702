"""How the pictures and lots of a review stand; plain functions on what the engine gives."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isletqc.protocol import Protocol
from isletqc.records import Failure, Image, Picture, Verdict
from isletqc.report.results import RunResults
from isletqc.run import review
from isletqc.run.review import Entry, Review
from isletqc.segment import run as segmentation


@dataclass(frozen=True, slots=True)
class Standing:
    """One picture of a review: its figures, how it stands, why it should be looked at."""

    name: str
    lot: str
    state: str
    islets: float
    ieq: float
    flagged: bool
    approved: bool
    reasons: tuple[str, ...]


def of(found: Review, place: int, now: Picture | None) -> tuple[Standing, ...]:
    """List the pictures; the one at ``place`` with the edits made so far."""
    entries = list(found.entries)
    if now is not None:
        entries[place] = replace(entries[place], result=now, unsaved=0)
    return tuple(_standing(entry) for entry in entries)


def results(found: Review) -> RunResults:
    """Judge all lots as they are saved; facts of the run that no dock shows are left empty."""
    return RunResults(
        verdicts=review.verdicts(found),
        failures=tuple(e.result for e in found.entries if isinstance(e.result, Failure)),
        protocol=found.protocol,
        network=None,
        folders={},
        provenance={},
        command="",
        started="",
        finished="",
        exit_code=0,
    )


def with_verdict(before: RunResults, lot: Verdict) -> RunResults:
    """Put the verdict of one lot in place of the one before."""
    verdicts = tuple(lot if v.lot.name == lot.lot.name else v for v in before.verdicts)
    return replace(before, verdicts=verdicts)


def probability(image: Image, protocol: Protocol, device: str) -> NDArray[np.uint8]:
    """Segment a picture again for the probability of each pixel's class, in 1/255."""
    return segmentation.segment(image, protocol.segmentation, device=device).probability


def _standing(entry: Entry) -> Standing:
    picture = entry.result
    if isinstance(picture, Failure):
        return Standing(
            entry.name, entry.sample.lot, "✕ failed", 0, 0, True, False, entry.attention
        )
    approved = picture.approved
    state = "! look" if entry.attention else "edited" if picture.edits else "–"
    return Standing(
        name=entry.name,
        lot=entry.sample.lot,
        state="✓ approved" if approved else state,
        islets=picture.islet_count,
        ieq=picture.ieq,
        flagged=bool(entry.attention) and not approved,
        approved=approved,
        reasons=entry.attention,
    )
