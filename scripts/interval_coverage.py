"""How often the intervals of simulated lots hold the truth, for every size law.

Prints a table, or with ``--docs`` writes it into docs/coverage.md, between the two marks, and draws
docs/coverage.svg.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from isletqc.decide.coverage import LAWS, Coverage, Setting, Tenth, cover, held_by_sampling
from isletqc.decide.plan_coverage import foretell
from isletqc.decide.viability import NAMES
from isletqc.decide.viability_coverage import Setting as ViabilitySetting
from isletqc.decide.viability_coverage import cover as cover_viability
from isletqc.protocol import Uncertainty

_WITH_ERROR = (
    "pixel_size_rsd",
    "aliquot_rsd",
    "dilution_rsd",
    "suspension_rsd",
    "recipient_rsd",
    "settled_tissue_rsd",
)
_EXACT = Uncertainty.model_validate(dict.fromkeys(_WITH_ERROR, 0))
_USUAL = Uncertainty.model_validate({})
_STATED = Uncertainty.model_validate({"mixing_rsd": 0.3})
_DOCS = Path(__file__).resolve().parent.parent / "docs"
_BEGIN, _END = "<!-- scripts/coverage: begin -->\n", "<!-- scripts/coverage: end -->\n"


@dataclass(frozen=True)
class _Case:
    """Errors of what is entered, segmentation error, true spread between aliquots; which lots.

    Lots a line are divided by ``fewer``.
    """

    name: str
    given: Uncertainty
    segmentation_rsd: float
    mixing_rsd: float
    aliquots: tuple[int, ...]
    seen: tuple[int, ...]
    fewer: int = 1


_ALL = ((1, 2, 3, 4), (20, 50, 100, 200, 600))
_SOME = ((1, 2, 4), (50, 200, 600))
_CASES = (
    _Case("Sampling alone", _EXACT, 0.0, 0.0, *_ALL),
    _Case("All errors, segmentation 6 %", _USUAL, 0.06, 0.0, *_ALL),
    _Case("All errors, badly mixed by 30 %", _USUAL, 0.06, 0.3, *_SOME, fewer=2),
    _Case(
        "All errors, badly mixed by 30 % and stated: mixing_rsd 0.3",
        _STATED,
        0.06,
        0.3,
        *_SOME,
        fewer=2,
    ),
)
_SHARES = {
    "held": "held",
    "too_high": "interval above truth",
    "too_low": "interval below truth",
    "false_pass": "false pass >=",
    "false_fail": "false fail >=",
    "false_pass_upper": "false pass <=",
    "mean_probability": "mean P",
    "met": "met",
    "wrongly_passed": "wrongly passed",
    "called_badly_mixed": "called badly mixed",
}
_HEAD = ("law", "aliquots", "islets seen", *_SHARES.values())


def _settings(case: _Case) -> list[Setting]:
    return [
        Setting(law, aliquots, seen, case.given, case.segmentation_rsd, case.mixing_rsd)
        for law, aliquots, seen in product(LAWS, case.aliquots, case.seen)
    ]


def _cells(c: Coverage) -> list[str]:
    shares = [getattr(c, share) for share in _SHARES]
    return [
        c.setting.law,
        str(c.setting.aliquots),
        str(c.setting.seen),
        *(f"{s:.3f}" for s in shares),
    ]


def _table(found: Iterable[Coverage]) -> str:
    rows = [list(_HEAD), ["---"] * len(_HEAD), *map(_cells, found)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _range(found: Sequence[Coverage], share: str) -> str:
    values = [getattr(c, share) for c in found]
    return f"{100 * min(values):.1f} to {100 * max(values):.1f} %"


def _summary(chosen: Sequence[_Case], cases: Sequence[Sequence[Coverage]]) -> str:
    shares = ("held", "false_pass", "false_fail", "false_pass_upper")
    head = ("case", "held", "false pass >=", "false fail >=", "false pass <=")
    rows = [head, ("---",) * len(head)]
    for case, found in zip(chosen, cases, strict=True):
        for aliquots, name in ((range(1, 2), "one aliquot"), (range(2, 9), "two or more")):
            of = [c for c in found if c.setting.aliquots in aliquots]
            rows.append((f"{case.name}; {name}", *(_range(of, s) for s in shares)))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _text(chosen: Sequence[_Case], cases: Sequence[Sequence[Coverage]], seed: int) -> str:
    head = f"Seed {seed}. Smallest and largest of the lines of each case:\n\n"
    parts = [head, _summary(chosen, cases)]
    for case, found in zip(chosen, cases, strict=True):
        parts.append(f"\n### {case.name}\n\n{found[0].lots} lots a line.\n\n{_table(found)}")
    return "".join(parts)


def _curve(found: Iterable[tuple[Tenth, ...]]) -> tuple[list[float], list[float]]:
    """Mean stated probability and share met by tenth, lots of all settings together."""
    tenths = [t for t in zip(*found, strict=True) if sum(p.lots for p in t)]
    lots = [sum(p.lots for p in t) for t in tenths]
    stated = [sum(p.stated for p in t) / n for t, n in zip(tenths, lots, strict=True)]
    return stated, [sum(p.met for p in t) / n for t, n in zip(tenths, lots, strict=True)]


def _draw(cases: Sequence[Sequence[Coverage]], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "coverage", "svg.fonttype": "none", "font.size": 9})
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 4.4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    colours = dict(zip(LAWS, ("#0072B2", "#D55E00", "#009E73"), strict=True))
    for ax, case, found in zip(axes, _CASES, cases[:2], strict=False):
        ax.plot([0, 1], [0, 1], color="#999999", lw=1)
        for law, colour in colours.items():
            of = [c for c in found if c.setting.law == law]
            below, above = _curve(c.at_least for c in of), _curve(c.at_most for c in of)
            ax.plot(*below, "o-", color=colour, ms=3, lw=1.2, label=f"{law}, limit from below")
            ax.plot(*above, "s--", color=colour, ms=3, lw=1.2, label=f"{law}, limit from above")
        ax.set(title=case.name, xlabel="stated probability that the limit is met", aspect="equal")
        ax.set(xlim=(0, 1), ylim=(0, 1), xticks=np.linspace(0, 1, 6), yticks=np.linspace(0, 1, 6))
        ax.grid(color="#eeeeee")
    axes[0].set_ylabel("share of lots that truly meet it")
    axes[0].legend(frameon=False, fontsize=7.5, loc="upper left")
    figure.savefig(path, metadata={"Date": None})


def _write(text: str) -> None:
    page = _DOCS / "coverage.md"
    before, rest = page.read_text(encoding="utf-8").split(_BEGIN)
    after = rest.split(_END)[1]
    page.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}", encoding="utf-8")


def _simulate(cases: Sequence[_Case], lots: int, seed: int) -> list[list[Coverage]]:
    with ProcessPoolExecutor(2) as pool:
        runs = [(partial(cover, lots=lots // c.fewer, seed=seed), _settings(c)) for c in cases]
        return [list(lines) for lines in [pool.map(run, settings) for run, settings in runs]]


def _one(lots: int, seed: int) -> str:
    """One aliquot and no error but sampling: fast enough for many lots."""
    head = ("law", "islets seen", "held", "interval above truth", "interval below truth")
    rows: list[Sequence[str]] = [head, ("---",) * len(head)]
    for law, seen in product(LAWS, (20, 50, 100, 200, 600)):
        shares = held_by_sampling(law, seen, lots=lots, seed=seed)
        rows.append((law, str(seen), *(f"{s:.4f}" for s in shares)))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _plan(lots: int, seed: int) -> str:
    """Chances told by plan, and what came."""
    head = ("aliquots", "further", "pass told", "pass came", "fail told", "fail came",
            "better half: pass told", "pass came")  # fmt: skip
    rows: list[Sequence[str]] = [head, ("---",) * len(head)]
    for done, further in ((1, 1), (2, 1), (2, 4), (3, 2), (3, 8)):
        f = foretell(done=done, further=further, lots=lots, seed=seed)
        shares = (f.told[0], f.came[0], f.told[1], f.came[1], f.likely_told[0], f.likely_came[0])
        rows.append((str(done), str(further), *(f"{s:.3f}" for s in shares)))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


_LIVE = ((0.8, 0.2, 0.0), (0.95, 0.06, 0.0), (0.8, 0.15, 0.15))


def _viability(lots: int, seed: int) -> str:
    """Share of the intervals of a lot's viability that hold the truth."""
    head = ("law", "islets", "specimens", "live share", "SD", "less per 100 um", *NAMES)
    rows: list[Sequence[str]] = [head, ("---",) * len(head)]
    for law, islets, specimens in product(("Weibull", "lognormal"), (20, 60), (1,)):
        for live, sd, cores in _LIVE:
            setting = ViabilitySetting(law, islets, specimens, live, sd, cores)
            held = cover_viability(setting, lots=lots, seed=seed).held.values()
            facts = (law, str(islets), str(specimens), f"{live:g}", f"{sd:g}", f"{cores:g}")
            rows.append((*facts, *(f"{h:.3f}" for h in held)))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _narrowed(case: int | None, seen: Sequence[int] | None) -> list[_Case]:
    """Take one case, and some numbers of islets seen, for more lots in the same time."""
    cases = [c for k, c in enumerate(_CASES, 1) if case in (None, k)]
    return [replace(c, seen=tuple(seen)) for c in cases] if seen else cases


def main() -> None:
    """Simulate all cases, then print or write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lots", type=int, nargs="?", default=2000, help="for each line")
    parser.add_argument("seed", type=int, nargs="?", default=1)
    parser.add_argument("--docs", action="store_true", help="write docs/coverage.md and .svg")
    parser.add_argument("--case", type=int, choices=range(1, len(_CASES) + 1), help="only this one")
    parser.add_argument("--seen", type=int, nargs="+", help="only these numbers of islets seen")
    parser.add_argument("--plan", action="store_true", help="print the table of plan instead")
    parser.add_argument(
        "--one", action="store_true", help="print one aliquot, sampling alone: fast"
    )
    parser.add_argument("--viability", action="store_true", help="print that of viability instead")
    asked = parser.parse_args()
    if asked.plan or asked.viability or asked.one:
        table = _plan if asked.plan else _viability if asked.viability else _one
        sys.stdout.write(table(asked.lots, asked.seed))
        return
    if asked.docs and (asked.case or asked.seen):
        parser.error("--docs takes all cases: leave --case and --seen out")
    chosen = _narrowed(asked.case, asked.seen)
    cases = _simulate(chosen, asked.lots, asked.seed)
    text = _text(chosen, cases, asked.seed)
    if not asked.docs:
        sys.stdout.write(text)
        return
    _write(text)
    _draw(cases, _DOCS / "coverage.svg")


if __name__ == "__main__":
    main()
