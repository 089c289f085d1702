"""``results.json`` -> ``isletqc_mqc.json``: custom content that MultiQC shows as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isletqc.report import texts, texts_charts
from isletqc.report.plain import short, shown

FILE = "isletqc_mqc.json"
_COLOURS = {"pass": "#00695f", "fail": "#b0220c", "review": "#ffc227", "not judged": "#4d5660"}
_PERCENT = ("purity", "viability")


def multiqc_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """Give verdict and key figures of each lot as MultiQC's custom content.

    Parameters
    ----------
    document : ``results.json``
    """
    protocol = document["protocol"]
    return {
        "id": "isletqc",
        "section_name": "isletqc",
        "description": texts.PROTOCOL_LINE.format(**protocol),
        "plot_type": "table",
        "pconfig": {"id": "isletqc_lots", "title": texts.REPORT, "col1_header": texts.LOT},
        "headers": {"verdict": _verdict_column(), **dict(map(_column, _figures()))},
        "data": {_name(lot["lot"]): _row(lot) for lot in document["lots"]},
    }


def _figures() -> list[tuple[str, str]]:
    return list(texts_charts.INDEX_COLUMNS.items())


def _column(figure: tuple[str, str]) -> tuple[str, dict[str, Any]]:
    name, title = figure
    shape = "{:,.1f}" if name in _PERCENT else "{:,.0f}"
    return name, {"title": title, "format": shape, "scale": "Blues"}


def _verdict_column() -> dict[str, Any]:
    rules = {word: [{"s_eq": texts.VERDICT_WORDS[word]}] for word in _COLOURS}
    colours = [{word: colour} for word, colour in _COLOURS.items()]
    return {
        "title": texts.VERDICT,
        "scale": False,
        "cond_formatting_rules": rules,
        "cond_formatting_colours": colours,
    }


def _row(lot: Mapping[str, Any]) -> dict[str, float | str]:
    found: dict[str, float | str] = {"verdict": texts.VERDICT_WORDS[lot["verdict"]]}
    for name, _ in _figures():
        value = lot["estimates"].get(name, {}).get("value")
        if value is not None:
            found[name] = 100 * value if name in _PERCENT else value
    return found


def _name(lot: str) -> str:
    # MultiQC writes names into its page as they are.
    safe = shown(lot).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return short(safe.replace('"', "&quot;"), 80)
