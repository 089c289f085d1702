"""A dilution series: R^2, proportionality index and coefficient of variation at each level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from isletqc.validation import plots
from isletqc.validation.linearity import Linearity, proportionality
from isletqc.validation.study import Chart, Figure, Observations, Study, Table, accept, need

_DEFINITIONS = (
    (
        "What is the standard's",
        "Dilution series with repeats, judged by proportionality index, R² and coefficient of "
        "variation: so say the public summaries of ISO 20391-2:2019. Its text was not read, so the "
        "formulas here are ours and the figures must not be called results by ISO 20391-2.",
    ),
    (
        "Line",
        "y = b f through the origin, b = Σy / Σf: least squares with weights 1/f, as for counts.",
    ),
    ("R²", "1 - Σ(y - b f)² / Σ(y - mean y)²."),
    (
        "Proportionality index",
        "Mean over the levels of |mean of the level - b f| / (b f), in percent; 0 is ideal. "
        "Interval: bootstrap within levels. Scatter alone raises it: the index of pure scatter is "
        "what a perfectly proportional method with these repeats shows on average.",
    ),
    ("CV", "Pooled over the levels; intervals by chi-square."),
    ("Offset", "Intercept of the weighted line that is free to have one; 0 is ideal."),
    (
        "Lack of fit",
        "F test of the levels' deviations from the line against the scatter of repeats.",
    ),
)


def study(
    observations: Observations,
    *,
    confidence: float,
    max_index: float | None = None,
    min_r2: float | None = None,
    max_cv: float | None = None,
    assured: bool = False,
) -> Study:
    """Answer whether figures go in proportion with what was put in.

    Parameters
    ----------
    observations : rows with ``value`` and ``fraction`` or ``dilution``
    confidence : of all intervals
    max_index, max_cv : limits in percent
    min_r2 : limit, 0 to 1
    assured : hold the far ends of the intervals against the limits

    Raises
    ------
    UsageError
        Fewer than three levels, a level without repeats, or a level whose mean is not over 0.
    """
    fractions, values = _fractions(observations), observations.numbers("value")
    _check(fractions, values)
    found = proportionality(fractions, values, confidence=confidence)
    figures = _figures(found, observations.unit)
    return Study(
        kind="linearity",
        title="Dilution linearity",
        answer=(
            f"Proportionality index {found.index_percent:.3g} % "
            f"({found.noise_index_percent:.3g} % by scatter alone), R² {found.r2:.4f}, "
            f"CV {found.cv_percent:.3g} %."
        ),
        figures=figures,
        acceptance=(
            *accept(figures, "proportionality_index", "<=", max_index, assured=assured),
            *accept(figures, "r2", ">=", min_r2, assured=False),
            *accept(figures, "cv", "<=", max_cv, assured=assured),
        ),
        tables=(_table(found),),
        charts=(
            _line(found, fractions, values, observations),
            _deviations(found, fractions, values),
        ),
        definitions=_DEFINITIONS,
        observations=observations,
        confidence=confidence,
        cautions=tuple(_cautions(found, confidence)),
    )


def _fractions(observations: Observations) -> list[float]:
    if observations.rows and "dilution" in observations.rows[0]:
        return [1 / d for d in observations.numbers("dilution")]
    return observations.numbers("fraction")


def _check(fractions: Sequence[float], values: Sequence[float]) -> None:
    levels = {f: [v for x, v in zip(fractions, values, strict=True) if x == f] for f in fractions}
    need(
        len(levels) >= 3,
        "a dilution series of three levels or more",
        f"{len(levels)}",
        "measure further dilutions",
    )
    single = next((f for f, v in levels.items() if len(v) < 2), None)
    need(
        single is None,
        "two values or more at each level",
        f"one at fraction {single or 0:.4g}",
        "repeat it, or leave the level out",
    )
    empty = next((f for f, v in levels.items() if not sum(v) > 0 or min(v) < 0), None)
    need(
        empty is None,
        "values of 0 or more with a mean over 0 at each level",
        f"others at fraction {empty or 0:.4g}",
        "leave out the levels too thin to be counted",
    )


def _figures(found: Linearity, unit: str) -> tuple[Figure, ...]:
    low, high = found.index_interval
    chance = "chance of such deviations in a proportional method"
    return (
        Figure(
            "proportionality_index", "Proportionality index", found.index_percent, "%", low, high
        ),
        Figure("noise_index", "Index of pure scatter", found.noise_index_percent, "%"),
        Figure("r2", "R²", found.r2),
        Figure("cv", "CV within levels, pooled", found.cv_percent, "%", *found.cv_interval),
        Figure("slope", "Slope: undiluted sample", found.slope, unit, *found.slope_interval),
        Figure("offset", "Offset of a free line", found.offset, unit, *found.offset_interval),
        Figure("lack_of_fit", "Lack of fit, p", found.lack_of_fit, note=chance),
    )


def _table(found: Linearity) -> Table:
    columns = ("fraction", "n", "mean", "expected", "deviation %", "CV %", "CV % from", "CV % to")
    rows = tuple(
        (
            *(level.fraction, float(level.count), level.mean, level.expected),
            *(level.deviation_percent, level.cv_percent, *level.cv_interval),
        )
        for level in found.levels
    )
    return Table("levels", "Levels", columns, rows)


def _line(
    found: Linearity, fractions: Sequence[float], values: Sequence[float], of: Observations
) -> Chart:
    end = max(fractions)
    plot = plots.Plot(
        "fraction put in",
        f"{of.figure}, {of.unit}".rstrip(", "),
        (plots.Dots("c-dot", tuple(zip(fractions, values, strict=True))),),
        (plots.Stroke("c-curve", ((0.0, 0.0), (end, found.slope * end))),),
        origin=True,
    )
    words = f"{len(values)} values and the line through the origin with slope {found.slope:.4g}"
    return Chart("Values and the proportional line", plots.draw(plot, words))


def _deviations(found: Linearity, fractions: Sequence[float], values: Sequence[float]) -> Chart:
    apart = tuple(
        (f, 100 * (v / (found.slope * f) - 1)) for f, v in zip(fractions, values, strict=True)
    )
    means = tuple((level.fraction, level.deviation_percent) for level in found.levels)
    plot = plots.Plot(
        "fraction put in",
        "deviation from the line, %",
        (plots.Dots("c-dot", apart), plots.Dots("c-level", means, radius=5)),
        (plots.Stroke("c-mean", ((0.0, 0.0), (max(fractions), 0.0))),),
        origin=False,
    )
    key = (("c-dot", "value"), ("c-level", "mean of the level"))
    return Chart("Deviations", plots.draw(plot, "deviation of each value in percent"), key)


def _cautions(found: Linearity, confidence: float) -> Iterator[str]:
    if found.lack_of_fit < 1 - confidence:
        yield (
            "The levels deviate from the line by more than the scatter of the repeats explains "
            f"(p = {found.lack_of_fit:.2g}): the method is not proportional over this range, or "
            "the dilutions were not what they were taken for."
        )
    low, high = found.offset_interval
    if not low <= 0 <= high:
        yield "A line that is free to have an offset has one: look at background and carry-over."
