"""Repeats of the same sample: repeatability and intermediate precision, in the way of CLSI EP05.

Columns ``site``, ``day`` and ``run`` are random factors, each nested in the one before; samples
are analysed apart. Repeatability is the spread within the finest group, intermediate precision
all but the sites, reproducibility all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy import stats

from isletqc.validation import plots
from isletqc.validation.components import (
    ERROR,
    Anova,
    large_sample_interval,
    nested,
    satterthwaite,
    variance_interval,
)
from isletqc.validation.study import Chart, Figure, Observations, Study, Table, accept, need

FACTORS = ("site", "day", "run")
_DEFINITIONS = (
    (
        "Repeatability",
        "Standard deviation within the finest group: same sample, site, day and run.",
    ),
    (
        "Intermediate precision",
        "Square root of the summed variances within a site: repeatability, runs and days. Called "
        "within-laboratory precision in CLSI EP05.",
    ),
    ("Reproducibility", "The same with the variance between sites, where there are sites."),
    (
        "Variance components",
        "Nested analysis of variance; mean squares are set equal to their expectations. A "
        "component below zero counts as zero. doi 10.1002/9780470316856",
    ),
    (
        "Intervals",
        "Repeatability: chi-square. Sums of components: chi-square with Satterthwaite's degrees "
        "of freedom, doi 10.2307/3002019. Single components: modified large sample, "
        "doi 10.1080/00949659008811240. A CV's interval is that of its standard deviation over "
        "the mean.",
    ),
)


def study(
    observations: Observations,
    *,
    confidence: float,
    max_cv: float | None = None,
    max_intermediate_cv: float | None = None,
    assured: bool = False,
) -> Study:
    """Answer how precise the method is.

    Parameters
    ----------
    observations : rows with ``value`` and, where known, ``sample``, ``site``, ``day``, ``run``
    confidence : of all intervals
    max_cv, max_intermediate_cv : limits in percent
    assured : hold the upper ends of the intervals against the limits

    Raises
    ------
    UsageError
        A sample without repeats within its finest group.
    """
    samples = _samples(observations)
    figures: list[Figure] = []
    tables = []
    for name, (values, factors) in samples.items():
        found = _anova(name, values, factors)
        group = name if len(samples) > 1 else ""
        figures += _figures(found, unit=observations.unit, confidence=confidence, group=group)
        tables.append(_table(found, name))
    acceptance = (
        *accept(figures, "repeatability_cv", "<=", max_cv, assured=assured),
        *accept(figures, "intermediate_cv", "<=", max_intermediate_cv, assured=assured),
    )
    if max_intermediate_cv is not None:
        told = any(f.name == "intermediate_cv" for f in figures)
        need(told, "a column day or run with two levels", "none", "without it give only --max-cv")
    return Study(
        kind="repeatability",
        title="Repeatability and intermediate precision",
        answer=_answer(figures),
        figures=tuple(figures),
        acceptance=acceptance,
        tables=tuple(tables),
        charts=(_chart(samples, observations),),
        definitions=_DEFINITIONS,
        observations=observations,
        confidence=confidence,
        cautions=tuple(_cautions(figures)),
    )


_Sample = tuple[list[float], dict[str, list[str]]]


def _samples(observations: Observations) -> dict[str, _Sample]:
    found: dict[str, _Sample] = {}
    for row in observations.rows:
        values, factors = found.setdefault(
            str(row.get("sample", "")), ([], {name: [] for name in FACTORS})
        )
        values.append(float(row["value"]))
        for name in FACTORS:
            factors[name].append(str(row.get(name, "")))
    return found


def _anova(sample: str, values: Sequence[float], factors: Mapping[str, Sequence[str]]) -> Anova:
    used: dict[str, Sequence[str]] = {}
    groups = 1
    for name, levels in factors.items():
        cells = len(set(zip(*used.values(), levels, strict=True)))
        # A factor that splits nothing has no variance of its own.
        if cells > groups:
            used[name], groups = levels, cells
    what = f"repeats of sample {sample}" if sample else "repeats"
    named = " and ".join(used) or "sample"
    need(
        len(values) > groups,
        f"{what}: two values or more for the same {named} somewhere",
        f"{len(values)} values in {groups} groups",
        "measure again, or leave out the finest of the columns site, day, run",
    )
    return nested(values, used)


def _figures(found: Anova, *, unit: str, confidence: float, group: str) -> Iterator[Figure]:
    t = stats.t.ppf((1 + confidence) / 2, found.degrees[0])
    reach = float(t * math.sqrt(found.mean_squares[0] / found.count))
    yield Figure(
        "mean", "Mean", found.mean, unit, found.mean - reach, found.mean + reach, group=group
    )
    error = len(found.names) - 1
    low, high = variance_interval(float(found.components[error]), found.degrees[error], confidence)
    yield from _spread(
        "repeatability", found, found.components[error], ends=(low, high), unit=unit, group=group
    )
    for m, name in enumerate(found.names[:-1]):
        ends = large_sample_interval(
            found.weights[m], found.mean_squares, found.degrees, confidence
        )
        sd_low, sd_high = map(math.sqrt, ends)
        variance = found.components[m]
        note = "estimated below zero" if variance < 0 else ""
        sd = math.sqrt(max(variance, 0.0))
        yield Figure(
            f"between_{name}_sd", f"Between {name}s, SD", sd, unit, sd_low, sd_high, note, group
        )
    if set(found.names) & {"day", "run"}:
        parts = [m for m, n in enumerate(found.names) if n != "site"]
        yield from _sum("intermediate", found, parts, unit=unit, confidence=confidence, group=group)
    if "site" in found.names:
        parts = list(range(len(found.names)))
        yield from _sum(
            "reproducibility", found, parts, unit=unit, confidence=confidence, group=group
        )


def _sum(
    name: str, found: Anova, parts: Sequence[int], *, unit: str, confidence: float, group: str
) -> Iterator[Figure]:
    counted = [m for m in parts if found.components[m] > 0]
    if not counted:
        return
    weights = found.weights[counted].sum(axis=0)
    variance = float(weights @ found.mean_squares)
    degrees = satterthwaite(weights, found.mean_squares, found.degrees)
    ends = variance_interval(variance, degrees, confidence)
    yield from _spread(name, found, variance, ends=ends, unit=unit, group=group)


_ANSWERED = (
    ("repeatability_cv", "repeatability"),
    ("intermediate_cv", "intermediate precision"),
)
_LABELS = {
    "repeatability": "Repeatability",
    "intermediate": "Intermediate precision",
    "reproducibility": "Reproducibility",
}


def _spread(
    name: str, found: Anova, variance: float, *, ends: tuple[float, float], unit: str, group: str
) -> Iterator[Figure]:
    sd, low, high = (math.sqrt(max(v, 0.0)) for v in (variance, *ends))
    yield Figure(f"{name}_sd", f"{_LABELS[name]}, SD", sd, unit, low, high, group=group)
    if found.mean > 0:
        cv = [100 * s / found.mean for s in (sd, low, high)]
        yield Figure(f"{name}_cv", f"{_LABELS[name]}, CV", cv[0], "%", cv[1], cv[2], group=group)
    else:
        note = "not determined: the mean is not over 0"
        yield Figure(f"{name}_cv", f"{_LABELS[name]}, CV", None, "%", note=note, group=group)


def _table(found: Anova, sample: str) -> Table:
    components = np.maximum(found.components, 0)
    total = components.sum() or 1.0
    rows = tuple(
        (
            "repeatability" if name == ERROR else name,
            float(found.degrees[m]),
            float(found.squares[m]),
            float(found.mean_squares[m]),
            float(found.components[m]),
            float(100 * components[m] / total),
        )
        for m, name in enumerate(found.names)
    )
    title = "Analysis of variance" + (f", {sample}" if sample else "")
    columns = ("source", "df", "sum of squares", "mean square", "variance", "% of total")
    return Table(f"anova_{sample}" if sample else "anova", title, columns, rows)


def _answer(figures: Sequence[Figure]) -> str:
    parts = []
    for name, words in _ANSWERED:
        values = [f.value for f in figures if f.name == name and f.value is not None]
        if values:
            worst = max(values)
            parts.append(f"{words} {worst:.3g} %")
    several = len({f.group for f in figures}) > 1
    sample = " (worst sample)" if several else ""
    return f"Coefficient of variation{sample}: {', '.join(parts)}." if parts else "No CV."


def _chart(samples: Mapping[str, _Sample], observations: Observations) -> Chart:
    several = len(samples) > 1
    dots: list[plots.Dots] = []
    strokes: list[plots.Stroke] = []
    names: list[str] = []
    outer = ""
    for name, (values, factors) in samples.items():
        outer = "sample" if several else next((f for f in FACTORS if len(set(factors[f])) > 1), "")
        levels = factors[outer] if outer in factors else [""] * len(values)
        mean = float(np.mean(values))
        shown = [100 * (v / mean - 1) if several and mean else v for v in values]
        start = len(names)
        order = list(dict.fromkeys(levels))
        names += [name] if several else order
        points = tuple(
            (float(start + order.index(n)), v) for n, v in zip(levels, shown, strict=True)
        )
        dots.append(plots.Dots("c-dot", points))
        middle = 0.0 if several else mean
        strokes.append(plots.Stroke("c-mean", ((start - 0.5, middle), (len(names) - 0.5, middle))))
    y = "deviation from the sample's mean, %" if several else _unit(observations)
    plot = plots.Plot(outer, y, tuple(dots), tuple(strokes), names=tuple(names))
    words = f"{sum(len(d.points) for d in dots)} values around the mean"
    return Chart("All values", plots.draw(plot, words))


def _unit(observations: Observations) -> str:
    return f"{observations.figure}, {observations.unit}".rstrip(", ")


def _cautions(figures: Sequence[Figure]) -> Iterator[str]:
    for f in figures:
        wide = f.name == "repeatability_sd" and f.value and f.high is not None
        if wide and f.high and f.value and f.high > 2 * f.value:
            of = f" of {f.group}" if f.group else ""
            yield f"Few repeats{of}: the true standard deviation may be more than twice as large."
