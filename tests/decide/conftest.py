"""Lots made of islets of known diameters: each figure of a lot is a formula of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from isletqc.protocol import Protocol
from isletqc.records import Check, Failure, Fitness, Islet, Picture, Sample

Draw = Callable[..., Any]

# Everything that turns counts into a dose: 1 counted IEQ is 2,500 IEQ in the lot, 50 per kg.
FACTS: dict[str, Any] = {
    "aliquot_ul": 100.0,
    "suspension_ml": 250.0,
    "recipient_kg": 50.0,
    "settled_tissue_ml": 4.0,
    "infusion": "first",
}


def _islet(label: int, diameter_um: float, probability: float, weight: float) -> Islet:
    counts = diameter_um >= 50
    volume_nl = math.pi / 6 * diameter_um**3 * 1e-6
    return Islet(
        label=label,
        class_name="islet",
        centroid_yx_um=(0.0, 0.0),
        area_um2=math.pi / 4 * diameter_um**2,
        diameter_um=diameter_um,
        major_axis_um=diameter_um,
        minor_axis_um=diameter_um,
        feret_um=diameter_um,
        circularity=1.0,
        solidity=1.0,
        volume_nl=volume_nl,
        ieq=(diameter_um / 150) ** 3,
        probability=probability,
        touches_border=False,
        weight=weight,
        included=counts,
        exclusion_reason="" if counts else f"diameter {diameter_um:.1f} um under 50 um",
        extrusion_nl=volume_nl,
    )


@pytest.fixture(scope="session")
def picture() -> Draw:
    """Make a picture: ``picture(diameters, specimen="1", unfit=False, ..., **sheet)``.

    Islets have the given diameters in um; exocrine tissue is ``exocrine`` discs of 100 um.
    """

    def make(
        diameters_um: Sequence[float],
        specimen: str = "1",
        *,
        name: str | None = None,
        unfit: bool = False,
        exocrine: int = 0,
        probability: float = 0.98,
        weight: float = 1.0,
        volume_rsd: float | None = None,
        **sheet: Any,
    ) -> Picture:
        name = name or f"{specimen}.png"
        check = Check("focus", 0.01, "1", ">=", 0.15, "fail", "out of focus")
        islets = [_islet(i + 1, d, probability, weight) for i, d in enumerate(diameters_um)]
        disc_um2 = math.pi / 4 * 100**2
        return Picture(
            sample=Sample(image=name, lot=sheet.pop("lot", "A"), specimen=specimen, **sheet),
            name=name,
            sha256=f"hash of {name}",
            shape_yx=(100, 100),
            um_per_px=2.0,
            um_per_px_source="given",
            fitness=Fitness((check,) if unfit else ()),
            islets=tuple(islets),
            islet_area_um2=sum(i.area_um2 for i in islets),
            exocrine_area_um2=exocrine * disc_um2,
            seconds={},
            method="drawn",
            volume_rsd=volume_rsd,
            exocrine_clusters=exocrine,
            exocrine_volume_nl=exocrine * math.pi / 6 * 100**3 * 1e-6,
            exocrine_area_squares_um4=exocrine * disc_um2**2,
            exocrine_area_cubes_um6=exocrine * disc_um2**3,
            exocrine_largest_um2=disc_um2 if exocrine else 0.0,
        )

    return make


@pytest.fixture(scope="session")
def failure() -> Draw:
    """Make a picture that could not be analysed: ``failure(specimen="1", **sheet)``."""

    def make(specimen: str = "1", *, name: str = "broken.png", **sheet: Any) -> Failure:
        sample = Sample(image=name, lot=sheet.pop("lot", "A"), specimen=specimen, **sheet)
        return Failure(sample, "unreadable", "the file is truncated")

    return make


@pytest.fixture(scope="session")
def protocol() -> Draw:
    """Make a protocol: ``protocol(*limits, **changes)``, a limit as (estimate, relation, value)."""
    units = {"ieq_per_kg": "IEQ/kg", "ieq_total": "IEQ", "ieq_per_ml_tissue": "IEQ/mL"}
    units |= {"islet_count": "islets", "settled_tissue_ml": "mL", "ieq_counted": "IEQ"}

    def make(*limits: tuple[str, str, float] | dict[str, Any], **changes: Any) -> Protocol:
        named = []
        for number, limit in enumerate(limits):
            if not isinstance(limit, dict):
                estimate, relation, value = limit
                limit = {"estimate": estimate, "relation": relation, "limit": value}
            unit = units.get(limit["estimate"], "1")
            named.append({"name": f"limit-{number}", "unit": unit} | limit)
        tree = {
            "name": "test",
            "version": "1",
            "status": "draft",
            "title": "test",
            "stain": "dithizone",
            "segmentation": {"network": "none"},
            "purity": {"definition": "area"},
            "limits": named,
        }
        return Protocol.model_validate(tree | changes)

    return make


@pytest.fixture(scope="session")
def facts() -> dict[str, Any]:
    """Give the sheet facts of a lot: 1 counted IEQ in one aliquot is 2,500 IEQ, 50 per kg."""
    return FACTS
