"""Gage R&R: what share of the spread is the measuring, and how many groups can be told apart."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from isletqc.validation import gage, plots
from isletqc.validation.gage import Gage
from isletqc.validation.study import Chart, Figure, Observations, Study, Table, accept, need

_DEFINITIONS = (
    (
        "Model",
        "value = part + operator + part x operator + repeat, all random (crossed study). The "
        "interaction is pooled with the repeats where its F test has p over 0.25. AIAG, "
        "Measurement Systems Analysis, 4th edition, ANOVA method.",
    ),
    ("R&R", "Repeatability (repeats) and reproducibility (operators and interaction) together."),
    (
        "%GRR",
        "100 x SD of R&R / SD of everything. Under 10 % acceptable, 10 to 30 % conditional, over "
        "30 % not acceptable; 5 distinct categories or more.",
    ),
    ("Distinct categories", "1.41 x SD of the parts / SD of R&R, rounded down, at least 1."),
    ("Study variation", "6 standard deviations."),
    (
        "Interval of R&R",
        "Modified large sample; wide where there are few operators. "
        "doi 10.1080/00224065.2003.11980232",
    ),
)
_STYLES = ("c-dot", "c-big", "c-third", "c-fourth")


def study(
    observations: Observations,
    *,
    confidence: float,
    tolerance: float | None = None,
    max_grr: float | None = None,
    min_categories: int | None = None,
    assured: bool = False,
) -> Study:
    """Answer whether the measuring is fit to tell parts apart.

    Parameters
    ----------
    observations : rows with ``part``, ``operator`` and ``value``; every operator measured every
        part equally often, twice or more
    confidence : of all intervals
    tolerance : width of the specification, in the unit of the values
    max_grr : limit in percent of the study variation
    min_categories : limit of the distinct categories
    assured : hold the far end of the interval against the limit, where there is one

    Raises
    ------
    UsageError
        The study is not crossed and balanced.
    """
    parts, operators, values = _crossed(observations)
    found = gage.crossed(values, confidence=confidence)
    need(found.total > 0, "values that differ", "one value for all", "look at the data")
    figures = _figures(found, observations.unit, tolerance)
    categories = found.distinct_categories
    return Study(
        kind="gage",
        title="Gage R&R",
        answer=(
            f"The measuring makes {found.grr_percent:.3g} % of the study variation"
            + ("" if categories is None else f", {categories} distinct categories")
            + f": {found.verdict} (AIAG)."
        ),
        figures=figures,
        acceptance=(
            *accept(figures, "grr", "<=", max_grr, assured=assured),
            *accept(figures, "distinct_categories", ">=", min_categories, assured=False),
        ),
        tables=(_variation(found), _anova(found), _aiag(found)),
        charts=(_by_part(parts, operators, values), _by_operator(operators, values)),
        definitions=_DEFINITIONS,
        observations=observations,
        confidence=confidence,
        cautions=tuple(_cautions(found, operators)),
        settings={} if tolerance is None else {"tolerance": tolerance},
    )


def _crossed(observations: Observations) -> tuple[list[str], list[str], NDArray[np.float64]]:
    cells: dict[tuple[str, str], list[float]] = {}
    for row in observations.rows:
        cell = (str(row["part"]), str(row["operator"]))
        cells.setdefault(cell, []).append(float(row["value"]))
    parts = list(dict.fromkeys(part for part, _ in cells))
    operators = list(dict.fromkeys(operator for _, operator in cells))
    for names, what in ((parts, "parts"), (operators, "operators")):
        need(len(names) >= 2, f"two {what} or more", f"{len(names)}", "a study needs both")
    repeats = max(len(values) for values in cells.values())
    need(repeats >= 2, "two repeats or more of each part by each operator", "one", "measure again")
    for part in parts:
        for operator in operators:
            n = len(cells.get((part, operator), ()))
            need(
                n == repeats,
                f"{repeats} values of part {part} by operator {operator}, as of the others",
                f"{n}",
                "complete the study, or leave out the part or the operator",
            )
    return parts, operators, np.array([[cells[p, o] for o in operators] for p in parts])


def _figures(found: Gage, unit: str, tolerance: float | None) -> tuple[Figure, ...]:
    low, high = (math.sqrt(v) for v in found.rr_interval)
    least, most = (100 * math.sqrt(v / (v + found.part)) for v in found.rr_interval)
    categories = found.distinct_categories
    note = "interval: with the parts' variance taken as known"
    figures = [
        Figure("grr", "%GRR of study variation", found.grr_percent, "%", least, most, note),
        Figure(
            "distinct_categories",
            "Distinct categories",
            None if categories is None else float(categories),
            note="nothing varied but the parts" if categories is None else "",
        ),
        Figure("rr_sd", "R&R, SD", math.sqrt(found.rr), unit, low, high),
        Figure("repeatability_sd", "Repeatability, SD", math.sqrt(found.repeatability), unit),
        Figure("reproducibility_sd", "Reproducibility, SD", math.sqrt(found.reproducibility), unit),
        Figure("part_sd", "Between parts, SD", math.sqrt(found.part), unit),
    ]
    if tolerance is not None:
        share = 600 * math.sqrt(found.rr) / tolerance
        figures.append(Figure("grr_of_tolerance", "6 SD of R&R, percent of tolerance", share, "%"))
    return tuple(figures)


def _variation(found: Gage) -> Table:
    parts = (
        ("R&R", found.rr),
        ("  repeatability", found.repeatability),
        ("  reproducibility", found.reproducibility),
        ("    operator", found.operator),
        ("    part x operator", found.interaction),
        ("between parts", found.part),
        ("total", found.total),
    )
    rows = tuple(
        (
            *(name, variance, 100 * variance / found.total, math.sqrt(variance)),
            *(6 * math.sqrt(variance), 100 * math.sqrt(variance / found.total)),
        )
        for name, variance in parts
    )
    columns = ("source", "variance", "% contribution", "SD", "study variation", "% study variation")
    return Table("variation", "Where the variation comes from", columns, rows)


def _anova(found: Gage) -> Table:
    rows = tuple(
        (s.name, s.degrees, s.squares, s.mean_square, s.f, s.probability) for s in found.sources
    )
    columns = ("source", "df", "sum of squares", "mean square", "F", "p")
    note = "The interaction was pooled with the repeatability." if found.pooled else ""
    return Table("anova", "Analysis of variance", columns, rows, note)


def _aiag(found: Gage) -> Table:
    bounds = (
        ("acceptable", "under 10 %", found.grr_percent < gage.ACCEPTABLE),
        (
            "conditional",
            "10 to 30 %",
            gage.ACCEPTABLE <= found.grr_percent <= gage.CONDITIONAL,
        ),
        ("not acceptable", "over 30 %", found.grr_percent > gage.CONDITIONAL),
    )
    rows: list[tuple[str, str, str]] = [
        (name, f"%GRR {words}", "this study" if here else "") for name, words, here in bounds
    ]
    categories = found.distinct_categories
    enough = categories is None or categories >= gage.CATEGORIES
    rows.append(("categories", "5 or more", "met" if enough else f"missed: {categories}"))
    return Table("aiag", "By AIAG's rule", ("verdict", "rule", "found"), tuple(rows))


def _by_part(parts: list[str], operators: list[str], values: NDArray[np.float64]) -> Chart:
    step = 0.6 / max(len(operators) - 1, 1)
    dots, key = [], []
    for j, operator in enumerate(operators):
        style = _STYLES[j % len(_STYLES)]
        points = tuple(
            (i - 0.3 + j * step, float(v)) for i in range(len(parts)) for v in values[i, j]
        )
        dots.append(plots.Dots(style, points))
        key.append((style, operator))
    plot = plots.Plot("part", "value", tuple(dots), names=tuple(parts))
    words = f"values of {len(parts)} parts by {len(operators)} operators"
    return Chart("By part", plots.draw(plot, words), tuple(key))


def _by_operator(operators: list[str], values: NDArray[np.float64]) -> Chart:
    apart = values - values.mean(axis=(1, 2))[:, None, None]
    dots, strokes = [], []
    for j in range(len(operators)):
        points = tuple((float(j), float(v)) for v in apart[:, j].reshape(-1))
        dots.append(plots.Dots(_STYLES[j % len(_STYLES)], points))
        mean = float(apart[:, j].mean())
        strokes.append(plots.Stroke("c-mean", ((j - 0.3, mean), (j + 0.3, mean))))
    plot = plots.Plot(
        "operator", "value - mean of the part", tuple(dots), tuple(strokes), names=tuple(operators)
    )
    words = "deviations from the mean of each part, by operator, with the mean of each operator"
    return Chart("By operator", plots.draw(plot, words))


def _cautions(found: Gage, operators: list[str]) -> Iterator[str]:
    if len(operators) < 3:
        yield "Two operators tell little about the spread between operators; take three or more."
    if not found.pooled:
        yield (
            "Operators differ from part to part (interaction): look at the chart by part for the "
            "parts that they read differently."
        )
