"""Results -> the lines that a person reads on a terminal. What needs attention comes first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from isletqc.records import Criterion, Failure, Picture, Verdict
from isletqc.report.results import RunResults


def picture_line(done: int, total: int, name: str, result: Picture | Failure) -> str:
    """Say what became of one picture."""
    count = f"[{done:>{len(str(total))}}/{total}]"
    if isinstance(result, Failure):
        return f"{count} {name}  ERROR {result.error}: {result.message}"
    fit = result.fitness.verdict
    why = f": {'; '.join(result.fitness.reasons)}" if fit == "unfit" else ""
    if result.nuclei:
        return f"{count} {name}  {len(result.nuclei)} nuclei, {fit}{why}"
    return f"{count} {name}  {result.islet_count:g} islets, {result.ieq:.1f} IEQ, {fit}{why}"


def warnings(results: RunResults) -> Iterator[str]:
    """Name everything that a person should look at before believing the numbers."""
    failures = results.failures
    if failures:
        yield f"WARNING: could not be analysed ({len(failures)}):"
    for failure in failures:
        yield f"  {failure.sample.image}: {failure.error}: {failure.message}"
    for verdict in results.verdicts:
        for flag in verdict.flags:
            if flag.name != "failed picture":  # named above, with its path
                yield f"WARNING: lot {verdict.lot.name}: {flag.name}: {flag.message}"


def lot_lines(verdict: Verdict) -> Iterator[str]:
    """Give the lot's verdict and its limits, one a line."""
    yield f"lot {verdict.lot.name}: {verdict.verdict.upper()}. {verdict.reason}"
    for criterion in verdict.criteria:
        yield "  " + _criterion_line(criterion)


def truth_lines(truth: Mapping[str, float], results: RunResults) -> Iterator[str]:
    """Put the truth of a drawn lot beside its estimates."""
    estimates = results.verdicts[0].estimates
    yield f"{'':<14} {'truth':>9} {'estimate':>9}   interval"
    for name, true in truth.items():
        found = estimates[name]
        interval = _interval(found.ci_low, found.ci_high)
        yield f"{name:<14} {_number(true):>9} {_number(found.value):>9}   {interval}"


def _criterion_line(criterion: Criterion) -> str:
    estimate = criterion.estimate
    unit = "" if estimate.unit == "1" else f" {estimate.unit}"
    limit = f"{criterion.relation} {_number(criterion.limit)}"
    value = "not determined"
    if estimate.value is not None:
        value = f"{_number(estimate.value)} ({_interval(estimate.ci_low, estimate.ci_high)}){unit}"
    chance = "" if criterion.probability is None else f"met with p = {criterion.probability:.3f}"
    words = (criterion.name, criterion.verdict, value, limit, chance)
    line = "{:<22} {:<15} {:<42} {:<11} {}".format(*words).rstrip()
    # What was typed in has no probability; its reason says who entered it.
    told = criterion.verdict == "pass" and criterion.probability is not None
    return line if told else f"{line}  {criterion.reason}"


def _interval(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return "no interval"
    if high is None:
        return f"{_number(low)} or more"
    return f"up to {_number(high)}" if low is None else f"{_number(low)} to {_number(high)}"


def _number(value: float | None) -> str:
    """Write as many digits as mean something."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
