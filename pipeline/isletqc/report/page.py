"""Results -> ``report.html``: one file that a release manager can read, print, mail and trust.

The template holds structure, ``texts`` every word, ``figures`` the rounding, ``charts`` the
pictures of numbers. The page asks nobody for anything: style, script and thumbnails are inside,
and its content security policy forbids the rest. All text is escaped; characters that would hide
or turn text around are shown as their codes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from isletqc.decide.release import standing
from isletqc.records import Islet, Picture, Verdict
from isletqc.report import figures, texts, texts_charts, trace, views
from isletqc.report.definitions import definitions
from isletqc.report.plain import short, shown
from isletqc.report.results import WORST_FIRST, RunResults, failure_name, overall_verdict
from isletqc.report.trend import Trend, answer, baseline_words
from isletqc.report.trend_charts import levey_jennings

MOST_ISLETS = 5000
MOST_ISLETS_PRINTED = 500


def report_html(results: RunResults, out: Path, *, trends: Sequence[Trend] = ()) -> str:
    """Write the report as one HTML text.

    Parameters
    ----------
    results : everything the run found
    out : folder that the overlays' folders are relative to
    trends : figures of this and earlier lots
    """
    pictures = [p for verdict in results.verdicts for p in verdict.lot.pictures]
    room = views.room(results, out)
    lots = [
        views.lot_view(verdict, results, f"lot-{k}", room=room)
        for k, verdict in enumerate(results.verdicts, start=1)
    ]
    islets = sum(len(picture.islets) for picture in pictures)
    return render(
        "report.html.j2",
        "report.js",
        results=results,
        protocol=results.protocol.protocol,
        verdict=overall_verdict(results),
        lots=lots,
        pictures=pictures,
        unfit=_unfit(results.verdicts, room),
        failed=[(failure_name(f, results), f) for f in results.failures],
        tally=_tally(results.verdicts),
        worst_first=sorted(lots, key=lambda lot: WORST_FIRST.index(lot.verdict.verdict)),
        islets=islets,
        rows=_rows(results.verdicts, room) if islets <= MOST_ISLETS else (),
        reasons=[short(reason, 120) for reason in room.reasons],
        not_shown=len(pictures) - len(room.shown),
        larger_only=any(len(p.islets) > room.islets for p in pictures),
        named=partial(figures.estimate_name, markers=results.protocol.protocol.markers),
        signed=_standing(results) or trace.signature_line(results.signatures),
        trends=[_trend_view(found) for found in trends],
        c=texts_charts,
        definitions=definitions(results),
        provenance=tuple(_flat(results.provenance)),
    )


def _standing(results: RunResults) -> str:
    rule = results.protocol.protocol.release
    return standing(rule, overall_verdict(results), results.signatures).sentence


def render(template: str, *scripts: str, **facts: Any) -> str:
    """Fill a template; style and scripts come inside, the scripts' hash in the page's policy."""
    script = "\n".join(asset(name) for name in ("tables.js", *scripts))
    return (
        environment()
        .get_template(template)
        .render(
            **facts,
            style=Markup(asset("report.css") + asset("charts.css")),
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
    templates.filters["short"] = short
    templates.globals |= {
        "t": texts,
        "f": figures,
        "clock": trace.clock,
        "MOST_ISLETS_PRINTED": MOST_ISLETS_PRINTED,
    }
    return templates


def _finalize(value: Any) -> Any:
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _trend_view(found: Trend) -> tuple[str, Trend, str, str, Markup]:
    name = figures.estimate_name(found.figure)
    return name, found, answer(found), baseline_words(found), levey_jennings(found)


def _unfit(verdicts: Sequence[Verdict], room: views.Room) -> list[tuple[str, Picture, int]]:
    return [
        (verdict.lot.name, picture, room.numbers[id(picture)])
        for verdict in verdicts
        for picture in verdict.lot.pictures
        if picture.fitness.verdict == "unfit"
    ]


def _tally(verdicts: Sequence[Verdict]) -> list[tuple[str, int]]:
    """How many lots have each verdict, worst first."""
    words = [verdict.verdict for verdict in verdicts]
    return [(word, words.count(word)) for word in WORST_FIRST if word in words]


def _rows(
    verdicts: Sequence[Verdict], room: views.Room
) -> Iterator[tuple[str, Picture, Islet, int]]:
    return (
        (verdict.lot.name, picture, islet, room.numbers[id(picture)])
        for verdict in verdicts
        for picture in verdict.lot.pictures
        for islet in picture.islets
    )


def _flat(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Nested provenance as rows; what has its own place on the page is left out."""
    for key, value in tree.items():
        name = f"{path} {figures.spaced(str(key)).lower() if path else figures.spaced(str(key))}"
        if not path and key in {"protocol", "network", "inputs", "command", "corrected"}:
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, name.strip())
        elif isinstance(value, (list, tuple)) and value:
            yield name.strip(), ", ".join(map(str, value))
        elif value not in (None, "", [], ()):
            yield name.strip(), str(value)
