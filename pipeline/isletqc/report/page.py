"""Results -> ``report.html``: one file that a release manager can read, print, mail and trust.

The template holds structure, ``texts`` every word, ``figures`` the rounding, ``charts`` the
pictures of numbers. The page asks nobody for anything: style, script and thumbnails are inside,
and its content security policy forbids the rest. All text is escaped; characters that would hide
or turn text around are shown as their codes.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from isletqc.decide.lot import sample_pictures
from isletqc.records import Estimate, Islet, Lot, MarkerThreshold, Picture, Verdict
from isletqc.report import charts, figures, texts
from isletqc.report.growth import growth
from isletqc.report.marker_chart import marker_chart
from isletqc.report.results import WORST_FIRST, RunResults, failure_name, overall_verdict
from isletqc.report.thumbnails import thumbnail_share, thumbnail_uri

MOST_ISLETS = 5000
MOST_ISLETS_PRINTED = 500
# Control, direction-changing and invisible characters, and halves of broken surrogate pairs.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


@dataclass(frozen=True, slots=True)
class LotView:
    """What the template shows of one lot beside its verdict."""

    anchor: str
    verdict: Verdict
    bars: tuple[Markup, ...]
    uncertainty: tuple[tuple[Estimate, tuple[float | None, ...], float], ...]
    parts: tuple[str, ...]
    conventions: tuple[tuple[str, float, float | None], ...]
    facts: tuple[tuple[str, str, str], ...]
    histogram: Markup
    curve: Markup
    growth: Markup
    markers: tuple[tuple[str, MarkerThreshold, Markup], ...]
    pictures: tuple[PictureView, ...]


@dataclass(frozen=True, slots=True)
class PictureView:
    """What the template shows of one picture."""

    picture: Picture
    specimen: str
    thumbnail: Markup
    href: str


def report_html(results: RunResults, out: Path) -> str:
    """Write the report as one HTML text.

    Parameters
    ----------
    results : everything the run found
    out : folder that the overlays' folders are relative to
    """
    pictures = [p for verdict in results.verdicts for p in verdict.lot.pictures]
    share = thumbnail_share(len(pictures))
    lots = [
        _lot_view(verdict, results, f"lot-{k}", out=out, share=share)
        for k, verdict in enumerate(results.verdicts, start=1)
    ]
    islets = sum(len(picture.islets) for picture in pictures)
    style, script = asset("report.css"), asset("report.js")
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            results=results,
            protocol=results.protocol.protocol,
            verdict=overall_verdict(results),
            lots=lots,
            pictures=pictures,
            unfit=_unfit(results.verdicts),
            failed=[(failure_name(f, results), f) for f in results.failures],
            tally=_tally(results.verdicts),
            worst_first=sorted(lots, key=lambda lot: WORST_FIRST.index(lot.verdict.verdict)),
            islets=islets,
            rows=_rows(results.verdicts) if islets <= MOST_ISLETS else (),
            definitions=_definitions(results),
            provenance=tuple(_flat(results.provenance)),
            style=Markup(style),
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


def asset(name: str) -> str:
    """Read a style sheet, script or template of the report."""
    return files("isletqc.report").joinpath(name).read_text("utf-8")


def environment() -> Environment:
    """Set up the templates: escaping, the report's words and roundings, its macros."""
    templates = Environment(
        loader=FunctionLoader(asset),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=_finalize,
    )
    templates.filters |= {"short": short, "sig": _significant}
    templates.globals |= {
        "t": texts,
        "f": figures,
        "MOST_ISLETS_PRINTED": MOST_ISLETS_PRINTED,
    }
    return templates


def shown(text: str) -> str:
    r"""Text with every character that hides or turns others written as its code.

    Examples
    --------
    >>> shown("fine\u202eenif")
    'fine\\u202eenif'
    """
    return _HIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def short(text: str, length: int = 60) -> str:
    """Give the text, or its start and its end where it is longer than ``length``."""
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def _finalize(value: Any) -> Any:
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _significant(value: float | None) -> str:
    """Write a number so that the table's script can sort by it."""
    return "" if value is None else f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


def _lot_view(
    verdict: Verdict, results: RunResults, anchor: str, *, out: Path, share: int
) -> LotView:
    minimum = results.protocol.protocol.sizing.min_diameter_um
    counted = [islet for p in sample_pictures(verdict.lot) for islet in p.counted]
    parts = tuple(dict.fromkeys(n for e in verdict.estimates.values() for n in e.rsd_parts))
    return LotView(
        anchor=anchor,
        verdict=verdict,
        bars=tuple(charts.limit_bar(c, figures.spaced(c.name)) for c in verdict.criteria),
        uncertainty=tuple(_uncertainty(verdict.estimates, parts)),
        parts=parts,
        conventions=tuple(_conventions(verdict, results)),
        facts=tuple(_facts(verdict.lot)),
        histogram=charts.histogram(charts.size_classes(counted, minimum)) if counted else Markup(),
        curve=charts.cumulative_ieq(counted, minimum) if counted else Markup(),
        markers=tuple(_markers(verdict, results)),
        growth=growth(verdict, results.protocol.protocol.sizing.oversize_um),
        pictures=tuple(
            _picture_view(picture, specimen.name, results, out=out, share=share)
            for specimen in verdict.lot.specimens
            for picture in specimen.pictures
        ),
    )


def _markers(
    verdict: Verdict, results: RunResults
) -> Iterator[tuple[str, MarkerThreshold, Markup]]:
    """Give each marker's name for people, its threshold and the chart of its brightness."""
    section = results.protocol.protocol.markers
    titles = {m.name: m.title or m.name for m in section.positive} if section else {}
    for found in verdict.markers:
        title = titles.get(found.marker, found.marker)
        yield title, found, marker_chart(verdict, found, title)


def _picture_view(
    picture: Picture, specimen: str, results: RunResults, *, out: Path, share: int
) -> PictureView:
    folder = results.folders.get(picture.sample.image)
    if folder is None:
        return PictureView(picture, specimen, Markup(), "")
    uri = thumbnail_uri(out / folder / "overlay.jpg", share)
    # Markup saves looking through 60 kB of base64 for characters to escape.
    return PictureView(
        picture,
        specimen,
        Markup(uri),
        quote(f"{folder}/overlay.jpg", errors="backslashreplace"),
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


def _unfit(verdicts: Sequence[Verdict]) -> list[tuple[str, Picture]]:
    return [
        (verdict.lot.name, picture)
        for verdict in verdicts
        for picture in verdict.lot.pictures
        if picture.fitness.verdict == "unfit"
    ]


def _tally(verdicts: Sequence[Verdict]) -> list[tuple[str, int]]:
    """How many lots have each verdict, worst first."""
    words = [verdict.verdict for verdict in verdicts]
    return [(word, words.count(word)) for word in WORST_FIRST if word in words]


def _rows(verdicts: Sequence[Verdict]) -> Iterator[tuple[str, Picture, Islet]]:
    return (
        (verdict.lot.name, picture, islet)
        for verdict in verdicts
        for picture in verdict.lot.pictures
        for islet in picture.islets
    )


def _definitions(results: RunResults) -> Iterator[tuple[str, str]]:
    protocol = results.protocol.protocol
    if protocol.markers is not None:
        yield texts.DEFINE_POSITIVE, texts.DEFINE_POSITIVE_TEXT
        yield texts.DEFINE_SCOPE, texts.DEFINE_SCOPE_CELLS
        return
    sizing, name = protocol.sizing, texts.CONVENTION_NAMES[protocol.sizing.convention]
    yield texts.DEFINE_IEQ, texts.DEFINE_IEQ_TEXT
    convention = texts.CONVENTION_TEXTS[sizing.convention]
    yield texts.DEFINE_CONVENTION, texts.DEFINE_CONVENTION_TEXT.format(name=name, text=convention)
    yield texts.DEFINE_DIAMETER, texts.DEFINE_DIAMETER_TEXT
    minimum = figures.number(sizing.min_diameter_um)
    yield texts.DEFINE_MINIMUM, texts.DEFINE_MINIMUM_TEXT.format(minimum=minimum)
    yield texts.DEFINE_BORDER, texts.BORDER_TEXTS[sizing.border]
    if protocol.purity is not None:
        yield texts.DEFINE_PURITY, texts.PURITY_TEXTS[protocol.purity.definition]
    if protocol.viability is not None:
        threshold = figures.percent(protocol.viability.live_threshold)
        meaning = texts.VIABILITY_TEXTS[protocol.viability.definition].format(threshold=threshold)
        yield texts.DEFINE_VIABILITY, f"{meaning} {texts.VIABILITY_METHOD}"
    yield texts.DEFINE_SIZE_INDEX, texts.DEFINE_SIZE_INDEX_TEXT
    yield texts.DEFINE_CIRCULARITY, texts.DEFINE_CIRCULARITY_TEXT
    if protocol.stain == "brightfield":
        ratio = figures.percent(sizing.fused_neck_ratio)
        yield texts.DEFINE_FUSED, texts.DEFINE_FUSED_TEXT.format(ratio=ratio)
        yield texts.DEFINE_GROWTH, texts.DEFINE_GROWTH_TEXT
    yield texts.DEFINE_TOTAL, texts.DEFINE_TOTAL_TEXT
    assurance = figures.percent(protocol.assurance)
    yield texts.DEFINE_INTERVAL, texts.DEFINE_INTERVAL_TEXT.format(assurance=assurance)
    yield texts.DEFINE_SCOPE, texts.DEFINE_SCOPE_TEXT


def _flat(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Nested provenance as rows; what has its own place on the page is left out."""
    for key, value in tree.items():
        name = f"{path} {figures.spaced(str(key)).lower() if path else figures.spaced(str(key))}"
        if not path and key in {"protocol", "network", "inputs", "command"}:
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, name.strip())
        elif isinstance(value, (list, tuple)):
            yield name.strip(), ", ".join(map(str, value))
        elif value not in (None, ""):
            yield name.strip(), str(value)
