"""``report.html`` in headless Chromium: offline, silent, and usable."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from isletqc.records import Edit, Signature
from isletqc.report.chart_page import chart_html
from isletqc.report.index import Run, index_html, rows_of
from isletqc.report.picture import write_picture
from isletqc.report.results import results_document
from isletqc.report.run import write_run
from isletqc.report.trend import Point, trend

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


def hostile_edit() -> Edit:
    return Edit("2026-01-01T10:00:00", HOSTILE, "add", HOSTILE, (1,), {HOSTILE: HOSTILE}, {})


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
    # The focus returns to the picture last seen, in a later turn of the browser's own loop.
    page.wait_for_function(
        "document.activeElement.getAttribute('href') === 'images/b2/overlay.jpg'"
    )
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
    corrected = make.picture("b2.tif", HOSTILE, edits=(hostile_edit(),))
    signed = Signature(HOSTILE, "author", HOSTILE, "", HOSTILE, HOSTILE, False, HOSTILE)
    pictures = [make.picture("a1.tif", HOSTILE), corrected]
    lot = make.lot(HOSTILE, pictures, [make.failure(HOSTILE, HOSTILE)])
    verdicts = (make.verdict("fail", lot), make.verdict("not judged"))
    results = make.results(*verdicts, command=HOSTILE, signatures=(signed,))
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


def pointed_at(page: Any, selector: str, x: float, y: float) -> None:
    """Put the pointer at a share of an element's width and height."""
    box = page.locator(selector).first.bounding_box()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])


def two_islets(make: Any) -> Any:
    """200 um by 150 um: one large islet in the middle, a small one at the upper left."""
    islets = [
        make.islet(1, 60, centroid_yx_um=(75.0, 100.0)),
        make.islet(2, 30, centroid_yx_um=(20.0, 20.0)),
    ]
    return make.results(make.verdict("pass", make.lot("A", [make.picture(islets=islets)])))


def test_an_islet_under_the_pointer_tells_its_figures(
    make: Any, tmp_path: Path, opened: Opened
) -> None:
    page = opened.page
    page.goto(report(tmp_path, two_islets(make), make))
    page.locator("a.thumb").scroll_into_view_if_needed()
    pointed_at(page, "a.thumb img", 0.5, 0.5)
    assert page.inner_text("#tip") == "Islet 1: 60 µm, 0.064 IEQ, counted"
    pointed_at(page, "a.thumb img", 0.1, 20 / 150)
    assert page.inner_text("#tip").endswith("not counted: smaller than 50 um")
    pointed_at(page, "a.thumb img", 0.9, 0.9)
    assert not page.is_visible("#tip")


def test_in_large_the_picture_zooms_and_moves(make: Any, tmp_path: Path, opened: Opened) -> None:
    page = opened.page
    page.goto(report(tmp_path, two_islets(make), make))
    page.click("a.thumb")
    page.wait_for_function("document.querySelector('#lightbox .sheet').style.width")
    whole = page.locator("#lightbox img").bounding_box()
    assert whole["width"] / whole["height"] == pytest.approx(80 / 60, rel=0.01)
    pointed_at(page, "#lightbox img", 0.5, 0.5)
    assert page.inner_text("#lightbox .tip").startswith("Islet 1: 60 µm")
    page.mouse.down()
    page.mouse.up()
    zoomed = page.locator("#lightbox img").bounding_box()
    assert zoomed["width"] == pytest.approx(3 * whole["width"], rel=0.01)
    page.mouse.down()
    page.mouse.move(zoomed["x"] + zoomed["width"] / 2 + 50, zoomed["y"] + zoomed["height"] / 2)
    page.mouse.up()
    assert page.locator("#lightbox img").bounding_box()["x"] == pytest.approx(
        zoomed["x"] + 50, abs=1
    )
    page.keyboard.press("0")
    assert page.locator("#lightbox img").bounding_box() == whole
    page.mouse.wheel(0, -300)
    page.wait_for_function("document.querySelector('.view').classList.contains('zoomed')")
    page.click("#lightbox .whole")
    page.click("#lightbox .zoom-in")
    grown = page.locator("#lightbox img").bounding_box()
    assert grown["width"] == pytest.approx(1.5 * whole["width"], rel=0.01)


def test_keys_go_from_islet_to_islet_by_size(make: Any, tmp_path: Path, opened: Opened) -> None:
    page = opened.page
    page.goto(report(tmp_path, two_islets(make), make))
    page.focus("a.thumb")
    page.keyboard.press("Enter")
    page.wait_for_selector("#lightbox[open]")
    for key, label in (("ArrowDown", 1), ("ArrowDown", 2), ("ArrowDown", 1), ("ArrowUp", 2)):
        page.keyboard.press(key)
        assert page.inner_text("#lightbox .tip").startswith(f"Islet {label}:")
    assert page.get_attribute("#lightbox .tip", "role") == "status"


def test_a_row_of_the_table_leads_to_its_islet(make: Any, tmp_path: Path, opened: Opened) -> None:
    page = opened.page
    page.goto(report(tmp_path, two_islets(make), make))
    page.click("#objects tbody tr:nth-child(2) td:nth-child(3)")
    page.wait_for_selector("#lightbox .tip:visible")
    assert page.inner_text("#lightbox .tip").startswith("Islet 2: 30 µm")


def test_lots_and_cards_are_sorted_and_filtered_where_they_are_many(
    make: Any, tmp_path: Path, opened: Opened
) -> None:
    pictures = [make.picture(f"p{k:02d}.tif", "lot 10") for k in range(9)]
    lots = [make.lot(f"lot {k}") for k in range(10)] + [make.lot("lot 10", pictures)]
    page = opened.page
    page.goto(report(tmp_path, make.results(*(make.verdict("pass", a) for a in lots)), make))
    names = "[...document.querySelectorAll('table.sortable')][0]"
    cells = f"[...{names}.tBodies[0].rows].filter(r => !r.hidden).map(r => r.cells[1].innerText)"
    page.click("table.sortable >> nth=0 >> th:nth-child(2) button")
    assert page.evaluate(cells) == [f"lot {k}" for k in range(11)]  # 10 after 9, not after 1
    page.fill("input[type=search] >> nth=0", "LOT 1")
    assert page.evaluate(cells) == ["lot 1", "lot 10"]
    page.locator(".cards").first.scroll_into_view_if_needed()
    page.fill("article:last-of-type input[type=search]", "p03")
    assert page.locator("article:last-of-type .card:visible").count() == 1


def test_focus_goes_through_the_page_in_its_order(
    make: Any, tmp_path: Path, opened: Opened
) -> None:
    page = opened.page
    page.goto(report(tmp_path, two_pictures(make), make))
    order = []
    for _ in range(12):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.getBoundingClientRect().top + scrollY"))
    assert order[:8] == sorted(order[:8])
    unnamed = "[...document.querySelectorAll('button, a, input, select, [tabindex]')].filter(e => "
    unnamed += "!(e.innerText || e.ariaLabel || e.labels?.length || e.querySelector('img[alt]')))"
    assert page.evaluate(f"{unnamed}.map(e => e.outerHTML)") == []


def test_a_chart_page_and_an_index_behave_like_the_report(
    make: Any, tmp_path: Path, opened: Opened
) -> None:
    points = [Point(HOSTILE, float(k), f"2026-01-{k + 1:02d}") for k in range(20)]
    (tmp_path / "chart.html").write_text(
        chart_html(trend("ieq_total", "IEQ", points), command=HOSTILE), "utf-8"
    )
    verdict = make.verdict("pass", make.lot(HOSTILE))
    document = results_document(make.results(verdict))
    rows = rows_of(Run(tmp_path / "results.json", document, "2026-01-01"), tmp_path)
    page = index_html(rows, runs=1, broken=[HOSTILE])
    (tmp_path / "index.html").write_text(page, "utf-8")
    for name in ("chart.html", "index.html"):
        for width in (1280, 768, 390):
            opened.page.set_viewport_size({"width": width, "height": 900})
            opened.page.goto((tmp_path / name).as_uri())
            assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
        opened.page.fill("input[type=search]", "no such words")
        assert "0 of" in opened.page.inner_text(".tools output")


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
