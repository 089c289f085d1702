"""What a validation study says: figures with intervals, limits of acceptance, tables, charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from markupsafe import Markup

from isletqc.errors import UsageError

Kind = Literal["repeatability", "linearity", "agreement", "gage"]
Verdict = Literal["pass", "fail", "not judged"]
Cell = str | float | None
Row = Mapping[str, str | float]


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read, and its SHA-256."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Observations:
    """The measurements of a study: one row each, and what was measured."""

    rows: tuple[Row, ...]
    sources: tuple[Source, ...]
    figure: str = "value"
    unit: str = ""

    def numbers(self, column: str) -> list[float]:
        """Give a column of numbers."""
        return [float(row[column]) for row in self.rows]

    def words(self, column: str) -> list[str]:
        """Give a column of names; empty where the column is missing."""
        return [str(row.get(column, "")) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its interval; ``group`` is the sample it belongs to where there are several."""

    name: str
    label: str
    value: float | None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    note: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A limit that the user set, held against a figure or the far end of its interval."""

    figure: Figure
    found: float | None
    relation: Literal["<=", ">="]
    limit: float
    met: bool
    assured: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A table; numbers are rounded for people only when they are shown."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure to look at."""

    title: str
    svg: Markup
    key: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Study:
    """One question about the method, answered."""

    kind: Kind
    title: str
    answer: str
    figures: tuple[Figure, ...]
    acceptance: tuple[Acceptance, ...]
    tables: tuple[Table, ...]
    charts: tuple[Chart, ...]
    definitions: tuple[tuple[str, str], ...]
    observations: Observations
    confidence: float
    cautions: tuple[str, ...] = ()
    settings: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """``pass`` when every limit is met, ``not judged`` when none was set."""
        if not self.acceptance:
            return "not judged"
        return "pass" if all(a.met for a in self.acceptance) else "fail"


def accept(
    figures: Sequence[Figure],
    name: str,
    relation: Literal["<=", ">="],
    limit: float | None,
    *,
    assured: bool,
) -> tuple[Acceptance, ...]:
    """Hold every figure of a name against a limit; nothing when no limit was set.

    Parameters
    ----------
    figures : of the study
    name : of the figures; ``<=`` is about their size whatever the sign
    relation, limit : the limit, in the figure's unit
    assured : hold the far end of the interval against the limit, not the figure itself
    """
    if limit is None:
        return ()
    return tuple(_accept(f, relation, limit, assured) for f in figures if f.name == name)


def need(fulfilled: bool, expected: str, found: str, advice: str) -> None:
    """Refuse data that the study cannot be made of.

    Raises
    ------
    UsageError
        Saying what was expected, what was found, and what to do.
    """
    if not fulfilled:
        raise UsageError(f"expected {expected}, found {found}; {advice}")


def _accept(
    figure: Figure, relation: Literal["<=", ">="], limit: float, assured: bool
) -> Acceptance:
    ends = (figure.low, figure.high) if assured else (figure.value,)
    known = [e for e in ends if e is not None]
    if len(known) < len(ends):
        return Acceptance(figure, None, relation, limit, met=False, assured=assured)
    found = max(map(abs, known)) if relation == "<=" else min(known)
    met = found <= limit if relation == "<=" else found >= limit
    return Acceptance(figure, found, relation, limit, met=met, assured=assured)
