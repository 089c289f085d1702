"""Accuracy document -> one offline page: figures with intervals, by size, and the worst cases."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from isletqc.report.page import asset, environment
from isletqc.run.worst_cases import FOUND_RGB, TRUE_RGB, Case

_SHARES = ("_error", "dice", "_at_", "mean_iou")


def html(document: Mapping[str, Any], cases: Sequence[Case]) -> str:
    """Write the page of ``evaluate``."""
    template = files("isletqc.run").joinpath("accuracy.html.j2").read_text("utf-8")
    methods = document["methods"]
    return (
        environment()
        .from_string(template)
        .render(
            document=document,
            methods=methods,
            names=list(next(iter(methods.values()))["figures"]),
            cell=_cell,
            cases=cases,
            uri=_uri,
            true_rgb=TRUE_RGB,
            found_rgb=FOUND_RGB,
            style=Markup(asset("report.css")),
        )
    )


def _uri(case: Case) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(case.jpeg).decode()


def _cell(name: str, value: float | None) -> str:
    """Percent for errors, three digits for shares, whole numbers for counts."""
    if value is None:
        return "\N{EN DASH}"
    if name.endswith("_error"):
        return f"{100 * value:+.1f} %".replace("-", "\N{MINUS SIGN}")
    return f"{value:.3f}" if any(part in name for part in _SHARES) else f"{value:.0f}"
