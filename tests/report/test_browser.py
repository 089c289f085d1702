"""``report.html`` in headless Chromium: offline, silent, and usable."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from isletqc.report.picture import write_picture
from isletqc.report.run import write_run

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
HOSTILE = (
    "<script>document.title = 'owned'</script>\u202e <img src=x onerror=alert(1)> " + "x" * 9000
)

pytestmark = [
    pytest.mark.browser,
    # In continuous integration Chromium is installed: there its absence is a failure.
    pytest.mark.skipif(
        not CHROMIUM.exists() and "ISLETQC_CI" not in os.environ,
        reason="Chromium is not installed as /usr/bin/chromium",
    ),
]


@dataclass
class Opened:
    """A page and everything it did that it should not."""

    page: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium: Any) -> Iterator[Opened]:
    context = chromium.new_context(offline=True, viewport={"width": 1280, "height": 800})
    found = Opened(context.new_page())
    found.page.on("request", lambda request: found.requests.append(request.url))
    found.page.on("console", lambda message: found.complaints.append(message.text))
    found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
    yield found
    context.close()
    assert [url for url in found.requests if not url.startswith(("file:", "data:"))] == []
    assert found.complaints == []


def report(folder: Path, results: Any, make: Any) -> str:
    for verdict in results.verdicts:
        for picture in verdict.lot.pictures:
            write_picture(
                folder / results.folders[picture.sample.image],
                image=make.image(),
                regions=make.regions(),
                picture=picture,
                key="key",
            )
    write_run(folder, results=results)
    return (folder / "report.html").as_uri()


def two_pictures(make: Any) -> Any:
    islets = [make.islet(1, 80), make.islet(2, 200), make.islet(3, 30), make.islet(4, 120)]
    pictures = [make.picture("a1.tif", islets=islets), make.picture("b2.tif")]
    return make.results(make.verdict("pass", make.lot("A", pictures)))


def test_the_page_opens_offline_without_a_complaint(
    make: Any, tmp_path: Path, opened: Opened
) -> None:
    opened.page.goto(report(tmp_path, two_pictures(make), make))
    assert opened.page.inner_text("h1").strip() == "Pass"
    # Readable from two metres: letters of at least 25 mm on a usual screen.
    assert (
        opened.page.evaluate("parseFloat(getComputedStyle(document.querySelector('h1')).fontSize)")
        > 95
    )
    files = [url for url in opened.requests if url.startswith("file:")]
    assert files == [(tmp_path / "report.html").as_uri()]
    widths = opened.page.evaluate(
        "[...document.querySelectorAll('.card img')].map(i => i.naturalWidth)"
    )
    assert widths == [80, 80]


def test_a_picture_opens_large_and_closes_by_escape(
    make: Any, tmp_path: Path, opened: Opened
) -> None:
    page = opened.page
    page.goto(report(tmp_path, two_pictures(make), make))
    assert not page.is_visible("#lightbox")
    page.click("a.thumb >> nth=0")
    assert page.is_visible("#lightbox img")
    assert "a1.tif" in page.inner_text("#lightbox .caption")
    assert page.get_attribute("#lightbox a", "href") == "images/a1/overlay.jpg"
    for key, name in (("ArrowRight", "b2.tif"), ("ArrowRight", "a1.tif"), ("ArrowLeft", "b2.tif")):
        page.keyboard.press(key)
        assert name in page.inner_text("#lightbox .caption")
    page.keyboard.press("Escape")
    assert not page.is_visible("#lightbox")
    # The focus returns to the picture that was last seen.
    assert page.evaluate("document.activeElement.getAttribute('href')") == "images/b2/overlay.jpg"
    page.keyboard.press("Enter")
    assert page.is_visible("#lightbox")
    page.click("#lightbox .close")
    assert not page.is_visible("#lightbox")


def column(page: Any, index: int) -> list[str]:
    script = (
        "i => [...document.querySelectorAll('#objects tbody tr')]"
        ".filter(r => !r.hidden).map(r => r.cells[i].textContent.trim())"
    )
    values: list[str] = page.evaluate(script, index)
    return values


def test_islets_are_sorted_by_a_click(make: Any, tmp_path: Path, opened: Opened) -> None:
    page = opened.page
    page.goto(report(tmp_path, two_pictures(make), make))
    page.click("#objects th:nth-child(3) button")
    assert column(page, 2) == ["30.0", "30.0", "75.0", "80.0", "120.0", "150.0", "200.0"]
    assert page.get_attribute("#objects th:nth-child(3)", "aria-sort") == "ascending"
    page.click("#objects th:nth-child(3) button")
    assert column(page, 2) == ["200.0", "150.0", "120.0", "80.0", "75.0", "30.0", "30.0"]
    page.click("#objects th:nth-child(1) button")
    assert column(page, 0) == ["a1.tif"] * 4 + ["b2.tif"] * 3
    assert page.get_attribute("#objects th:nth-child(3)", "aria-sort") is None


def test_islets_are_filtered(make: Any, tmp_path: Path, opened: Opened) -> None:
    page = opened.page
    page.goto(report(tmp_path, two_pictures(make), make))
    assert page.inner_text("#shown") == "7 of 7 shown"
    page.fill("#filter", "B2.TIF")
    assert page.inner_text("#shown") == "3 of 7 shown"
    page.select_option("#which", "out")
    assert column(page, 2) == ["30.0"]
    page.fill("#filter", "nothing like this")
    assert page.inner_text("#shown") == "0 of 7 shown"


@pytest.mark.parametrize("width", [1600, 1280, 768, 390])
def test_nothing_is_wider_than_the_window(
    make: Any, tmp_path: Path, opened: Opened, width: int
) -> None:
    lot = make.lot(HOSTILE, [make.picture("a1.tif", HOSTILE)], [make.failure(HOSTILE, HOSTILE)])
    results = make.results(make.verdict("fail", lot), make.verdict("not judged"), command=HOSTILE)
    opened.page.set_viewport_size({"width": width, "height": 900})
    opened.page.goto(report(tmp_path, results, make))
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.page.title().startswith("Fail")


def test_hostile_text_runs_nothing(make: Any, tmp_path: Path, opened: Opened) -> None:
    lot = make.lot(HOSTILE, [make.picture("a1.tif", HOSTILE)], [make.failure(HOSTILE, HOSTILE)])
    opened.page.goto(report(tmp_path, make.results(make.verdict("fail", lot)), make))
    assert opened.page.title().startswith("Fail: <script>")
    assert opened.page.locator("script").count() == 1
    assert opened.page.locator("img[src='x']").count() == 0


def test_an_injected_script_would_be_refused(make: Any, tmp_path: Path, opened: Opened) -> None:
    opened.page.goto(report(tmp_path, two_pictures(make), make))
    script = (
        "() => { const s = document.createElement('script');"
        " s.textContent = 'document.title = 1'; document.head.append(s); return document.title; }"
    )
    assert opened.page.evaluate(script) == "Pass: A"
    assert any("Content Security Policy" in text for text in opened.complaints)
    opened.complaints.clear()


def test_it_prints_with_everything_open(make: Any, tmp_path: Path, opened: Opened) -> None:
    opened.page.goto(report(tmp_path, two_pictures(make), make))
    opened.page.emulate_media(media="print")
    assert opened.page.is_visible("#objects")
    assert not opened.page.is_visible(".tools")
    box = "e => e.scrollHeight <= e.clientHeight + 1"
    assert opened.page.eval_on_selector(".scroll.tall", box)
    data = opened.page.pdf(prefer_css_page_size=True)
    assert data.startswith(b"%PDF-")
    assert len(data) > 10_000


def luminance(colour: str) -> float:
    """Relative luminance of ``rgb(r, g, b)`` as WCAG 2 defines it."""
    channels = [int(word) / 255 for word in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("verdict", ["pass", "fail", "review", "not judged"])
def test_words_stand_out_from_their_ground(
    make: Any, tmp_path: Path, opened: Opened, verdict: str
) -> None:
    opened.page.goto(report(tmp_path, make.results(make.verdict(verdict)), make))
    pairs = opened.page.evaluate(
        """() => [...document.querySelectorAll(
            'h1, p, th, td, dt, dd, li, .chip, .unit, small, code')]
        .filter(e => e.offsetParent && e.textContent.trim()).map(e => {
          let ground = e;
          while (getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)')
            ground = ground.parentElement;
          return [getComputedStyle(e).color, getComputedStyle(ground).backgroundColor];
        })"""
    )
    assert len(pairs) > 50
    for ink, ground in set(map(tuple, pairs)):
        darker, lighter = sorted((luminance(ink), luminance(ground)))
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (ink, ground)


def test_short_lot_names_beside_long_messages_stay_on_one_line(
    make: Any, tmp_path: Path, opened: Opened
) -> None:
    broken = replace(make.failure("a1.tif", "bad"), message="found no picture there " * 20)
    lot = make.lot("bad", [make.picture("b2.tif")], [broken])
    opened.page.goto(report(tmp_path, make.results(make.verdict("review", lot)), make))
    lines = opened.page.evaluate(
        "document.querySelector('.attention td:nth-child(2) bdi').getClientRects().length"
    )
    assert lines == 1
