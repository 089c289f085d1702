"""Small runs made by hand: one lot A of two specimens, three islets in each picture."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isletqc.protocol import LoadedProtocol, Protocol
from isletqc.records import (
    Check,
    Criterion,
    CriterionVerdict,
    Estimate,
    Failure,
    Fitness,
    Flag,
    Image,
    Islet,
    Lot,
    LotVerdict,
    Picture,
    Regions,
    Sample,
    Specimen,
    Verdict,
)
from isletqc.report.picture import write_picture
from isletqc.report.results import NetworkCard, RunResults
from isletqc.report.run import write_run

SHA = "0123456789abcdef" * 4
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
# A browser answers when its machine lets it: only one that hangs takes this long.
PATIENCE_MS = 300_000


def make_islet(label: int = 1, diameter_um: float = 150.0, **changes: Any) -> Islet:
    """A sphere of the given diameter."""
    area = math.pi / 4 * diameter_um**2
    facts: dict[str, Any] = {
        "label": label,
        "class_name": "islet",
        "centroid_yx_um": (100.0 * label, 50.0 * label),
        "area_um2": area,
        "diameter_um": diameter_um,
        "major_axis_um": diameter_um,
        "minor_axis_um": diameter_um,
        "feret_um": diameter_um,
        "circularity": 1.0,
        "solidity": 1.0,
        "volume_nl": math.pi / 6e6 * diameter_um**3,
        "ieq": (diameter_um / 150) ** 3,
        "probability": 0.98,
        "touches_border": False,
        "weight": 1.0,
        "included": diameter_um >= 50,
        "exclusion_reason": "" if diameter_um >= 50 else "smaller than 50 um",
    }
    return Islet(**facts | changes)


def make_picture(
    name: str = "a1.tif", lot: str = "A", islets: Sequence[Islet] | None = None, **changes: Any
) -> Picture:
    """A fit picture with three islets, one of them too small to count."""
    found = (make_islet(1, 150), make_islet(2, 75), make_islet(3, 30))
    facts: dict[str, Any] = {
        "sample": Sample(image=f"in/{name}", lot=lot),
        "name": name,
        "sha256": SHA,
        "shape_yx": (60, 80),
        "um_per_px": 2.5,
        "um_per_px_source": "OME-XML",
        "fitness": Fitness((Check("focus", 0.8, "1", ">=", 0.15, "pass"),)),
        "islets": tuple(found if islets is None else islets),
        "islet_area_um2": 20000.0,
        "exocrine_area_um2": 10000.0,
        "seconds": {"read": 0.1, "segment": 0.4},
        "method": "classical",
    }
    return Picture(**facts | changes)


def make_unfit(name: str = "a2.tif", reason: str = "focus 0.03, expected at least 0.15") -> Picture:
    check = Check("focus", 0.03, "1", ">=", 0.15, "fail", reason)
    return make_picture(name, fitness=Fitness((check,)))


def make_failure(image: str = "in/broken.tif", lot: str = "A") -> Failure:
    return Failure(Sample(image=image, lot=lot), "unreadable", "the file ends after 12 bytes")


def make_lot(
    name: str = "A", pictures: Sequence[Picture] = (), failures: Sequence[Failure] = ()
) -> Lot:
    specimen = Specimen("1", tuple(pictures), tuple(failures), aliquot_ul=100.0, dilution=1.0)
    return Lot(name, (specimen,), suspension_ml=200.0, recipient_kg=70.0)


def make_criterion(
    verdict: CriterionVerdict = "pass", value: float | None = 6200.0, **changes: Any
) -> Criterion:
    """At least 5,000 IEQ/kg."""
    low, high = (None, None) if value is None else (0.85 * value, 1.17 * value)
    facts: dict[str, Any] = {
        "name": "dose-first-infusion",
        "estimate": Estimate("ieq_per_kg", value, "IEQ/kg", low, high),
        "relation": ">=",
        "limit": 5000.0,
        "probability": {"pass": 0.993, "fail": 0.002, "review": 0.61}.get(verdict),
        "verdict": verdict,
        "reason": "as the test wants it",
        "source": "doi 10.2337/db16-0234, table 3",
    }
    return Criterion(**facts | changes)


def make_verdict(
    verdict: LotVerdict = "pass",
    lot: Lot | None = None,
    criteria: Sequence[Criterion] | None = None,
    flags: Sequence[Flag] = (),
) -> Verdict:
    parts = {"sampling": 0.06, "pixel size": 0.03, "segmentation": 0.02}
    estimates = (
        Estimate("islet_count", 4.0, "islets", 1.09, 10.24, rsd_parts={"sampling": 0.5}),
        Estimate("ieq_total", 434000.0, "IEQ", 378000.0, 501000.0, rsd_parts=parts),
        Estimate("purity", 0.631, "1", 0.55, 0.71),
        Estimate("viability", None, "1", reason="not determined: no live/dead stain"),
    )
    given = {"pass": "pass", "fail": "fail", "review": "review"}
    default = [make_criterion(given[verdict])] if verdict in given else []  # type: ignore[arg-type]
    return Verdict(
        lot=lot or make_lot(pictures=(make_picture(),)),
        verdict=verdict,
        reason=f"the reason for {verdict}",
        criteria=tuple(default if criteria is None else criteria),
        estimates={e.name: e for e in estimates},
        conventions={"sphere": 434000.0, "ricordi-long": 486080.0, "prolate": 390600.0},
        flags=tuple(flags),
    )


def make_protocol(**changes: Any) -> LoadedProtocol:
    limit = {"name": "dose-first-infusion", "estimate": "ieq_per_kg", "relation": ">="}
    facts: dict[str, Any] = {
        "name": "test-protocol",
        "version": "1.0",
        "status": "approved",
        "title": "Donor islets, dithizone",
        "stain": "dithizone",
        "segmentation": {"network": "dithizone"},
        "limits": [limit | {"limit": 5000, "unit": "IEQ/kg"}],
    }
    return LoadedProtocol(
        protocol=Protocol.model_validate(facts | changes),
        path=Path("test-protocol.yaml"),
        sha256=SHA,
    )


def make_results(
    *verdicts: Verdict, failures: Sequence[Failure] = (), **changes: Any
) -> RunResults:
    pictures = [p for v in verdicts for p in v.lot.pictures]
    folders: Mapping[str, str] = {p.sample.image: f"images/{Path(p.name).stem}" for p in pictures}
    facts: dict[str, Any] = {
        "verdicts": verdicts,
        "failures": (*(f for v in verdicts for f in v.lot.failures), *failures),
        "protocol": make_protocol(),
        "network": NetworkCard("dithizone", "Dithizone islets", SHA, 2.4, {"F1@0.5": 0.96}),
        "folders": folders,
        "provenance": {"isletqc": "0.1.0", "packages": {"numpy": "2.4.6"}, "device": "cpu"},
        "command": "isletqc run in -o out",
        "started": "2026-11-22T18:00:00+00:00",
        "finished": "2026-11-22T18:01:40+00:00",
        "exit_code": 0,
    }
    return RunResults(**facts | changes)


def make_image(shape_yx: tuple[int, int] = (60, 80), **changes: Any) -> Image:
    """A grey picture with a dark disc of 20 px diameter in the middle."""
    pixels = np.full((*shape_yx, 3), 200, np.uint8)
    pixels[make_regions(shape_yx).labels > 0] = 90
    pixels.flags.writeable = False
    facts: dict[str, Any] = {
        "pixels": pixels,
        "channels": ("red", "green", "blue"),
        "full_scale": 255.0,
        "um_per_px": 2.5,
        "um_per_px_source": "OME-XML",
        "path": "in/a1.tif",
        "sha256": SHA,
        "stain": "dithizone",
    }
    return Image(**facts | changes)


def make_regions(shape_yx: tuple[int, int] = (60, 80), label: int = 1) -> Regions:
    rows, columns = np.ogrid[: shape_yx[0], : shape_yx[1]]
    disc = (rows - shape_yx[0] // 2) ** 2 + (columns - shape_yx[1] // 2) ** 2 <= 100
    return Regions(
        classes=np.where(disc, 2, 0).astype(np.uint8),
        labels=np.where(disc, label, 0).astype(np.int32),
        probability=np.full(shape_yx, 250, np.uint8),
        um_per_px=2.5,
        method="classical",
    )


class Make:
    """The builders above, for tests: plain functions, no state."""

    islet = staticmethod(make_islet)
    picture = staticmethod(make_picture)
    unfit = staticmethod(make_unfit)
    failure = staticmethod(make_failure)
    lot = staticmethod(make_lot)
    criterion = staticmethod(make_criterion)
    verdict = staticmethod(make_verdict)
    protocol = staticmethod(make_protocol)
    results = staticmethod(make_results)
    image = staticmethod(make_image)
    regions = staticmethod(make_regions)


@pytest.fixture
def make() -> type[Make]:
    return Make


def write_report(folder: Path, results: RunResults) -> str:
    """Write a run with its pictures; gives the address of its page."""
    for verdict in results.verdicts:
        for picture in verdict.lot.pictures:
            write_picture(
                folder / results.folders[picture.sample.image],
                image=make_image(),
                regions=make_regions(),
                picture=picture,
                key="key",
            )
    write_run(folder, results=results)
    return (folder / "report.html").as_uri()


@dataclass
class Opened:
    """A page, what it asked for, and what it complained of that it should not."""

    page: Any
    folder: Path
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    expected: str = "no complaint"

    def see(self, address: str | RunResults) -> Any:
        """Open a page, or the report of a run, and wait until it has loaded, pictures included."""
        url = address if isinstance(address, str) else write_report(self.folder, address)
        self.page.goto(url)
        return self.page


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's browser, without a window."""
    # In continuous integration Chromium is installed: there its absence is a failure.
    if not CHROMIUM.exists() and "ISLETQC_CI" not in os.environ:
        pytest.skip(f"Chromium is not installed as {CHROMIUM}")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=ARGUMENTS, timeout=PATIENCE_MS
        )
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium: Any, tmp_path: Path) -> Iterator[Opened]:
    """A page that is offline; at the end nothing was asked of a network and nothing complained."""
    context = chromium.new_context(offline=True, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    found = Opened(context.new_page(), tmp_path)
    found.page.on("request", lambda request: found.requests.append(request.url))
    found.page.on("console", lambda message: found.complaints.append(message.text))
    found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
    yield found
    found.page.evaluate("0")  # what the page has said until now is heard before this is answered
    context.close()
    assert [url for url in found.requests if not url.startswith(("file:", "data:"))] == []
    assert [text for text in found.complaints if found.expected not in text] == []
