"""One lot -> everything that the page shows of it: charts, rows, thumbnails."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from isletqc.decide.lot import sample_pictures
from isletqc.records import Estimate, Lot, MarkerThreshold, Picture, Specimen, Verdict
from isletqc.report import charts, figures, hover, texts, trace
from isletqc.report.growth import growth
from isletqc.report.marker_chart import marker_chart
from isletqc.report.results import RunResults
from isletqc.report.thumbnails import MOST_THUMBNAILS, thumbnail_share, thumbnail_uri


@dataclass(frozen=True, slots=True)
class LotView:
    """What the template shows of one lot beside its verdict."""

    anchor: str
    verdict: Verdict
    bars: tuple[Markup, ...]
    uncertainty: tuple[tuple[Estimate, tuple[float | None, ...], float], ...]
    parts: tuple[str, ...]
    conventions: tuple[tuple[str, float, float | None], ...]
    purities: tuple[tuple[str, float], ...]
    facts: tuple[tuple[str, str, str], ...]
    histogram: Markup
    curve: Markup
    growth: Markup
    markers: tuple[tuple[str, MarkerThreshold, Markup], ...]
    pictures: tuple[PictureView, ...]
    edits: tuple[trace.EditRow, ...]
    edits_summary: str
    approvals_summary: str


@dataclass(frozen=True, slots=True)
class PictureView:
    """What the template shows of one picture; ``number`` is its place on the page.

    ``thumbnail`` and ``islets`` are empty where the page has no room for the picture or there is
    no overlay; without an overlay ``href`` is empty too.
    """

    number: int
    picture: Picture
    specimen: str
    thumbnail: Markup
    href: str
    islets: Markup
    approval: str


@dataclass(frozen=True, slots=True)
class Room:
    """What the pictures of a page share: where they lie and how much of the page each may take.

    ``shown`` are the pictures that have a thumbnail, by their ``id``.
    """

    out: Path
    shown: frozenset[int]
    thumbnail_bytes: int
    islets: int
    reasons: Mapping[str, int]
    numbers: Mapping[int, int]


def room(results: RunResults, out: Path) -> Room:
    """Share the page out among its pictures."""
    pictures = [p for verdict in results.verdicts for p in verdict.lot.pictures]
    shown = sorted(pictures, key=_need)[:MOST_THUMBNAILS]
    return Room(
        out=out,
        shown=frozenset(map(id, shown)),
        thumbnail_bytes=thumbnail_share(len(shown)),
        islets=hover.share(shown),
        reasons={reason: place for place, reason in enumerate(hover.reasons(shown))},
        numbers={id(picture): number for number, picture in enumerate(pictures, 1)},
    )


def _need(picture: Picture) -> tuple[bool, bool, float]:
    """Tell how little a picture needs a look: unfit ones most, then corrected, then unlike ones."""
    likeness = math.inf if picture.likeness is None else picture.likeness
    return picture.fitness.verdict == "fit", not picture.edits, likeness


def lot_view(verdict: Verdict, results: RunResults, anchor: str, *, room: Room) -> LotView:
    """Gather what the page shows of one lot."""
    minimum = results.protocol.protocol.sizing.min_diameter_um
    counted = [islet for p in sample_pictures(verdict.lot) for islet in p.counted]
    parts = tuple(dict.fromkeys(n for e in verdict.estimates.values() for n in e.rsd_parts))
    return LotView(
        anchor=anchor,
        verdict=verdict,
        bars=tuple(_bars(verdict, results)),
        uncertainty=tuple(_uncertainty(verdict.estimates, parts)),
        parts=parts,
        conventions=tuple(_conventions(verdict, results)),
        purities=tuple(
            (name, verdict.conventions[name])
            for name in texts.PURITY_NAMES
            if name in verdict.conventions
        ),
        facts=tuple(_facts(verdict.lot)),
        histogram=charts.histogram(charts.size_classes(counted, minimum)) if counted else Markup(),
        curve=charts.cumulative_ieq(counted, minimum) if counted else Markup(),
        markers=tuple(_markers(verdict, results)),
        growth=growth(verdict, results.protocol.protocol.sizing.oversize_um),
        pictures=tuple(_picture_views(verdict.lot.specimens, results, room)),
        edits=trace.edit_rows(verdict),
        edits_summary=trace.edits_summary(verdict),
        approvals_summary=trace.approvals_summary(verdict),
    )


def _bars(verdict: Verdict, results: RunResults) -> Iterator[Markup]:
    markers = results.protocol.protocol.markers
    for criterion in verdict.criteria:
        name = figures.limit_name(criterion.name, criterion.estimate.name, markers)
        yield charts.limit_bar(criterion, name)


def _markers(
    verdict: Verdict, results: RunResults
) -> Iterator[tuple[str, MarkerThreshold, Markup]]:
    """Give each marker's name for people, its threshold and the chart of its brightness."""
    section = results.protocol.protocol.markers
    titles = {m.name: m.title or m.name for m in section.positive} if section else {}
    for found in verdict.markers:
        title = titles.get(found.marker, found.marker)
        yield title, found, marker_chart(verdict, found, title)


def _picture_views(
    specimens: Sequence[Specimen], results: RunResults, room: Room
) -> list[PictureView]:
    """All pictures of a lot; unfit ones come first, those that only link to an overlay last."""
    views = [
        _picture_view(picture, specimen.name, results, room)
        for specimen in specimens
        for picture in specimen.pictures
    ]
    return sorted(
        views,
        key=lambda view: (
            view.picture.fitness.verdict == "fit",
            bool(view.href) and not view.thumbnail,
        ),
    )


def _picture_view(picture: Picture, specimen: str, results: RunResults, room: Room) -> PictureView:
    folder = results.folders.get(picture.sample.image)
    overlay = None if folder is None else room.out / folder / "overlay.jpg"
    shown, thumbnail, there = id(picture) in room.shown, "", False
    if overlay is not None:
        thumbnail = thumbnail_uri(overlay, room.thumbnail_bytes) if shown else ""
        there = bool(thumbnail) if shown else overlay.is_file()
    return PictureView(
        number=room.numbers[id(picture)],
        picture=picture,
        specimen=specimen,
        # Markup saves looking through so many bytes for characters to escape.
        thumbnail=Markup(thumbnail),
        href=quote(f"{folder}/overlay.jpg", errors="backslashreplace") if there else "",
        islets=Markup(hover.islet_data(picture, room.reasons, room.islets) if thumbnail else ""),
        approval=trace.approval_words(picture),
    )


def _uncertainty(
    estimates: Mapping[str, Estimate], parts: Sequence[str]
) -> Iterator[tuple[Estimate, tuple[float | None, ...], float]]:
    for estimate in estimates.values():
        if estimate.rsd_parts and estimate.value is not None:
            found = tuple(estimate.rsd_parts.get(part) for part in parts)
            yield estimate, found, math.hypot(*(rsd for rsd in found if rsd is not None))


def _conventions(
    verdict: Verdict, results: RunResults
) -> Iterator[tuple[str, float, float | None]]:
    """Convention, its IEQ, its difference from the one in use as a fraction of that."""
    used = verdict.conventions.get(results.protocol.protocol.sizing.convention)
    for name, ieq in verdict.conventions.items():
        if name in texts.PURITY_NAMES:
            continue
        yield name, ieq, ieq / used - 1 if used else None


def _facts(lot: Lot) -> Iterator[tuple[str, str, str]]:
    """List what the sheet says: name, value, unit."""
    for attribute, (name, unit) in texts.FACTS.items():
        value = getattr(lot, attribute)
        if value is not None:
            yield name, value if isinstance(value, str) else figures.number(value), unit
    for specimen in lot.specimens:
        if specimen.aliquot_ul is not None:
            name = texts.ALIQUOT.format(name=specimen.name)
            diluted = "" if specimen.dilution is None else figures.number(specimen.dilution)
            unit = "µL" + (", " + texts.DILUTION.format(dilution=diluted) if diluted else "")
            yield name, figures.number(specimen.aliquot_ul), unit
