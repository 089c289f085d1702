"""Two methods, or a person and the program, on the same samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from isletqc.validation import plots
from isletqc.validation.agreement import Agreement, Concordance, bland_altman, concordance
from isletqc.validation.regression import Cusum, Line, cusum, deming, passing_bablok
from isletqc.validation.study import Chart, Figure, Observations, Study, accept, need

_FEWEST = 5
_DEFINITIONS = (
    (
        "Bias and limits of agreement",
        "Mean difference test - reference, and mean ± 1.96 SD of the differences, which hold "
        "about 95 % of them. Intervals by Student's t with s²/n for the bias and "
        "s² (1/n + 1.96²/(2(n - 1))) for a limit. doi 10.1016/S0140-6736(86)90837-8, "
        "10.1177/096228029900800204",
    ),
    ("Bias in percent", "Bias over the mean of all values of both methods."),
    (
        "Proportional bias",
        "Slope of the difference on the mean of both methods; 0 where the bias does not depend on "
        "the size.",
    ),
    (
        "Concordance",
        "Lin's coefficient: Pearson's r times closeness to the line of identity; interval by its "
        "z-transform. doi 10.2307/2532051, 10.1111/j.0006-341X.2000.00324.x",
    ),
    (
        "Deming",
        "Line for errors in both methods, with the ratio of their variances given (1 where not); "
        "jackknife intervals. doi 10.1093/clinchem/39.3.424",
    ),
    (
        "Passing-Bablok",
        "Shifted median of the slopes between all pairs, with its intervals, and the cusum test of "
        "linearity; free of distributions. doi 10.1515/cclm.1983.21.11.709",
    ),
)


def study(
    observations: Observations,
    *,
    confidence: float,
    error_ratio: float = 1.0,
    max_bias: float | None = None,
    max_difference: float | None = None,
    min_concordance: float | None = None,
    assured: bool = False,
) -> Study:
    """Answer whether one method can stand in for the other.

    Parameters
    ----------
    observations : rows with ``reference`` and ``test``
    confidence : of all intervals
    error_ratio : error variance of the reference over that of the test, for Deming's line
    max_bias : limit of the bias, percent of the mean
    max_difference : limit of both limits of agreement, percent of the mean
    min_concordance : limit of Lin's coefficient
    assured : hold the far ends of the intervals against the limits

    Raises
    ------
    UsageError
        Fewer than five pairs, or a method that gives all samples the same value.
    """
    x, y = _pairs(observations)
    found = bland_altman(x, y, confidence=confidence)
    lin = concordance(x, y, confidence=confidence)
    lines = (
        deming(x, y, error_ratio=error_ratio, confidence=confidence),
        passing_bablok(x, y, confidence=confidence),
    )
    bend = cusum(x, y, lines[1])
    figures = (
        *_differences(found, observations.unit),
        *_concordance(lin),
        *_line("deming", "Deming", lines[0], observations.unit),
        *_line("passing_bablok", "Passing-Bablok", lines[1], observations.unit),
        Figure("cusum_p", "Cusum test of linearity, p", bend.probability),
    )
    return Study(
        kind="agreement",
        title="Agreement of two methods",
        answer=_answer(found, lin, observations.unit),
        figures=figures,
        acceptance=(
            *accept(figures, "bias_percent", "<=", max_bias, assured=assured),
            *accept(figures, "lower_limit_percent", "<=", max_difference, assured=assured),
            *accept(figures, "upper_limit_percent", "<=", max_difference, assured=assured),
            *accept(figures, "concordance", ">=", min_concordance, assured=assured),
        ),
        tables=(),
        charts=(_bland_altman_chart(x, y, found), _scatter(x, y, *lines)),
        definitions=_DEFINITIONS,
        observations=observations,
        confidence=confidence,
        cautions=tuple(_cautions(found, lines[1], bend, 1 - confidence)),
        settings={"error_ratio": error_ratio},
    )


def _pairs(observations: Observations) -> tuple[list[float], list[float]]:
    x, y = observations.numbers("reference"), observations.numbers("test")
    need(len(x) >= _FEWEST, "five pairs or more", f"{len(x)}", "measure further samples")
    same = len(set(x)) == 1 or len(set(y)) == 1
    need(not same, "samples that differ", "one value for all of them", "take a range of samples")
    r = float(np.corrcoef(x, y)[0, 1])
    need(
        r > 0,
        "a test that rises with the reference",
        f"a correlation of {r:.2f}",
        "look whether the pairs belong together",
    )
    return x, y


def _answer(found: Agreement, lin: Concordance, unit: str) -> str:
    share = f" ({100 * found.bias / found.middle:+.3g} % of the mean)" if found.middle > 0 else ""
    return (
        f"The test reads {found.bias:+.3g} {unit}".rstrip()
        + f"{share} against the reference; 95 % of single differences lie between "
        f"{found.lower:.3g} and {found.upper:.3g}; concordance {lin.coefficient:.3f}."
    )


def _differences(found: Agreement, unit: str) -> Iterator[Figure]:
    rows = (
        ("bias", "Bias", found.bias, found.bias_interval),
        ("lower_limit", "Lower limit of agreement", found.lower, found.lower_interval),
        ("upper_limit", "Upper limit of agreement", found.upper, found.upper_interval),
    )
    for name, label, value, (low, high) in rows:
        yield Figure(name, label, value, unit, low, high)
    scale = 100 / found.middle if found.middle > 0 else None
    for name, label, value, (low, high) in rows:
        percent = f"{label}, percent of the mean"
        if scale is None:
            note = "not determined: the mean is not over 0"
            yield Figure(f"{name}_percent", percent, None, "%", note=note)
        else:
            ends = (scale * low, scale * high)
            yield Figure(f"{name}_percent", percent, scale * value, "%", *ends)
    yield Figure("sd", "SD of the differences", found.sd, unit)
    note = f"p = {found.slope_probability:.2g}"
    label = "Slope of the difference on the mean"
    yield Figure("proportional_bias", label, found.slope, "", *found.slope_interval, note)


def _concordance(lin: Concordance) -> Iterator[Figure]:
    label = "Lin's concordance"
    yield Figure("concordance", label, lin.coefficient, "", *lin.interval)
    yield Figure("precision", "of it precision (Pearson's r)", lin.precision)
    yield Figure("accuracy", "of it accuracy", lin.accuracy)


def _line(name: str, label: str, line: Line, unit: str) -> Iterator[Figure]:
    low, high = line.slope_interval
    yield Figure(f"{name}_slope", f"{label}, slope", line.slope, "", low, high)
    low, high = line.intercept_interval
    yield Figure(f"{name}_intercept", f"{label}, intercept", line.intercept, unit, low, high)


def _bland_altman_chart(x: list[float], y: list[float], found: Agreement) -> Chart:
    points = tuple(((a + b) / 2, b - a) for a, b in zip(x, y, strict=True))
    left, right = min(p[0] for p in points), max(p[0] for p in points)
    strokes = tuple(
        plots.Stroke(
            style,
            ((left, level), (right, level)),
            f"{word} {level:.3g}".replace("-", "\N{MINUS SIGN}"),
        )
        for style, level, word in (
            ("c-mean", found.bias, "bias"),
            ("c-bound", found.lower, "lower limit"),
            ("c-bound", found.upper, "upper limit"),
        )
    )
    intervals = (found.bias_interval, found.lower_interval, found.upper_interval)
    plot = plots.Plot(
        "mean of both methods",
        "test - reference",
        (plots.Dots("c-dot", points),),
        strokes,
        tuple(plots.Band(low, high) for low, high in intervals),
    )
    words = f"differences of {len(points)} pairs against their means, with bias and limits"
    key = (("c-band", "interval of bias and limits"),)
    return Chart("Differences (Bland-Altman)", plots.draw(plot, words), key)


def _scatter(x: list[float], y: list[float], errors: Line, ranks: Line) -> Chart:
    low, high = min(x), max(x)
    both_low, both_high = max(low, min(y)), min(high, max(y))
    ends = [(both_low, both_low), (both_high, both_high)] if both_low < both_high else []
    strokes = (
        *((plots.Stroke("c-same", tuple(ends)),) if ends else ()),
        *(
            plots.Stroke(style, tuple((v, line.intercept + line.slope * v) for v in (low, high)))
            for style, line in (("c-curve", ranks), ("c-second", errors))
        ),
    )
    dots = (plots.Dots("c-dot", tuple(zip(x, y, strict=True))),)
    plot = plots.Plot("reference", "test", dots, strokes)
    key = (("c-curve", "Passing-Bablok"), ("c-second", "Deming"), ("c-same", "identity"))
    words = f"{len(x)} pairs with the lines of Deming and of Passing and Bablok"
    return Chart("Test against reference", plots.draw(plot, words), key)


def _cautions(found: Agreement, ranks: Line, bend: Cusum, alpha: float) -> Iterator[str]:
    if found.slope_probability < alpha:
        yield (
            "The difference changes with the size "
            f"(slope {found.slope:.3g}, p = {found.slope_probability:.2g}): one bias and one pair "
            "of limits do not hold over the whole range."
        )
    low, high = ranks.slope_interval
    if not low <= 1 <= high:
        yield f"Passing-Bablok: a proportional difference, slope {low:.3g} to {high:.3g}, not 1."
    low, high = ranks.intercept_interval
    if not low <= 0 <= high:
        yield f"Passing-Bablok: a constant difference, intercept {low:.3g} to {high:.3g}, not 0."
    if bend.probability < alpha:
        yield (
            f"The relation is bent (cusum test, p = {bend.probability:.2g}): "
            "neither straight line describes it."
        )
