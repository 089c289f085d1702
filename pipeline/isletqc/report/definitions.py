"""Protocol -> the definitions in use: each term of the report and what it means here."""

from __future__ import annotations

from collections.abc import Iterator

from isletqc.report import figures
from isletqc.report import texts_definitions as texts
from isletqc.report.results import RunResults
from isletqc.report.texts import CONVENTION_NAMES


def definitions(results: RunResults) -> Iterator[tuple[str, str]]:
    """Give each term with its meaning, in the order of the page."""
    protocol = results.protocol.protocol
    if protocol.markers is not None:
        yield texts.DEFINE_POSITIVE, texts.DEFINE_POSITIVE_TEXT
        yield texts.DEFINE_SCOPE, texts.DEFINE_SCOPE_CELLS
        return
    sizing, name = protocol.sizing, CONVENTION_NAMES[protocol.sizing.convention]
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
