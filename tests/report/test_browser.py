"""``report.html`` in headless Chromium: offline, silent, and usable."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from isletqc.records import Edit, Signature
from isletqc.report.chart_page import chart_html
from isletqc.report.index import Run, index_html, rows_of
from isletqc.report.results import results_document
from isletqc.report.trend import Point, trend

HOSTILE = (
    "<script>document.title = 'owned'</script>\u202e <img src=x onerror=alert(1)> " + "x" * 9000
)

pytestmark = pytest.mark.browser


def hostile_edit() -> Edit:
    return Edit("2026-01-01T10:00:00", HOSTILE, "add", HOSTILE, (1,), {HOSTILE: HOSTILE}, {})


def two_pictures(make: Any) -> Any:
    islets = [make.islet(1, 80), make.islet(2, 200), make.islet(3, 30), make.islet(4, 120)]
    pictures = [make.picture("a1.tif", islets=islets), make.picture("b2.tif")]
    return make.results(make.verdict("pass", make.lot("A", pictures)))


def test_the_page_opens_offline_without_a_complaint(make: Any, opened: Any) -> None:
    page = opened.see(two_pictures(make))
    expect(page.locator("h1")).to_have_text("Pass")
    # Readable from two metres: letters of at least 25 mm on a usual screen.
    size = "parseFloat(getComputedStyle(document.querySelector('h1')).fontSize)"
    assert page.evaluate(size) > 95
    files = [url for url in opened.requests if url.startswith("file:")]
    assert files == [(opened.folder / "report.html").as_uri()]
    widths = "[...document.querySelectorAll('.card img')].map(i => i.naturalWidth)"
    assert page.evaluate(widths) == [80, 80]


def shows(page: Any, index: int, values: list[str]) -> None:
    """Wait until a column of the islets that are shown holds these words."""
    cells = page.locator(f"#objects tbody tr:not([hidden]) td:nth-child({index})")
    expect(cells).to_have_text(values)


def test_islets_are_sorted_by_a_click(make: Any, opened: Any) -> None:
    page = opened.see(two_pictures(make))
    title = page.locator("#objects th:nth-child(3)")
    title.locator("button").click()
    shows(page, 3, ["30.0", "30.0", "75.0", "80.0", "120.0", "150.0", "200.0"])
    expect(title).to_have_attribute("aria-sort", "ascending")
    title.locator("button").click()
    shows(page, 3, ["200.0", "150.0", "120.0", "80.0", "75.0", "30.0", "30.0"])
    page.click("#objects th:nth-child(1) button")
    shows(page, 1, ["a1.tif"] * 4 + ["b2.tif"] * 3)
    expect(title).not_to_have_attribute("aria-sort", "descending")


def test_islets_are_filtered(make: Any, opened: Any) -> None:
    page = opened.see(two_pictures(make))
    shown = page.locator("#shown")
    expect(shown).to_have_text("7 of 7 shown")
    page.fill("#filter", "B2.TIF")
    expect(shown).to_have_text("3 of 7 shown")
    page.select_option("#which", "out")
    shows(page, 3, ["30.0"])
    page.fill("#filter", "nothing like this")
    expect(shown).to_have_text("0 of 7 shown")


@pytest.mark.parametrize("width", [1600, 1280, 768, 390])
def test_nothing_is_wider_than_the_window(make: Any, opened: Any, width: int) -> None:
    corrected = make.picture("b2.tif", HOSTILE, edits=(hostile_edit(),))
    signed = Signature(HOSTILE, "author", HOSTILE, "", HOSTILE, HOSTILE, False, HOSTILE)
    pictures = [make.picture("a1.tif", HOSTILE), corrected]
    lot = make.lot(HOSTILE, pictures, [make.failure(HOSTILE, HOSTILE)])
    verdicts = (make.verdict("fail", lot), make.verdict("not judged"))
    opened.page.set_viewport_size({"width": width, "height": 900})
    page = opened.see(make.results(*verdicts, command=HOSTILE, signatures=(signed,)))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.title().startswith("Fail")


def test_hostile_text_runs_nothing(make: Any, opened: Any) -> None:
    lot = make.lot(HOSTILE, [make.picture("a1.tif", HOSTILE)], [make.failure(HOSTILE, HOSTILE)])
    page = opened.see(make.results(make.verdict("fail", lot)))
    assert page.title().startswith("Fail: <script>")
    assert page.locator("script").count() == 1
    assert page.locator("img[src='x']").count() == 0


def test_an_injected_script_would_be_refused(make: Any, opened: Any) -> None:
    page = opened.see(two_pictures(make))
    opened.expected = "Content Security Policy"
    script = (
        "() => { const s = document.createElement('script');"
        " s.textContent = 'document.title = 1'; document.head.append(s); return document.title; }"
    )
    # The complaint comes on a way of its own: it is waited for.
    with page.expect_console_message(lambda message: opened.expected in message.text):
        assert page.evaluate(script) == "Pass: A"


def test_it_prints_with_everything_open(make: Any, opened: Any) -> None:
    page = opened.see(two_pictures(make))
    page.emulate_media(media="print")
    expect(page.locator("#objects")).to_be_visible()
    expect(page.locator(".tools").first).to_be_hidden()
    assert page.evaluate(
        "(e => e.scrollHeight <= e.clientHeight + 1)(document.querySelector('.scroll.tall'))"
    )
    data = page.pdf(prefer_css_page_size=True)
    assert data.startswith(b"%PDF-")
    assert len(data) > 10_000


def test_lots_and_cards_are_sorted_and_filtered_where_they_are_many(make: Any, opened: Any) -> None:
    pictures = [make.picture(f"p{k:02d}.tif", "lot 10") for k in range(9)]
    lots = [make.lot(f"lot {k}") for k in range(10)] + [make.lot("lot 10", pictures)]
    page = opened.see(make.results(*(make.verdict("pass", a) for a in lots)))
    names = page.locator("table.sortable").first.locator("tbody tr:not([hidden]) td:nth-child(2)")
    page.click("table.sortable >> nth=0 >> th:nth-child(2) button")
    expect(names).to_have_text([f"lot {k}" for k in range(11)])  # 10 after 9, not after 1
    page.fill("input[type=search] >> nth=0", "LOT 1")
    expect(names).to_have_text(["lot 1", "lot 10"])
    page.fill("article:last-of-type input[type=search]", "p03")
    expect(page.locator("article:last-of-type .card:visible")).to_have_count(1)


def test_focus_goes_through_the_page_in_its_order(make: Any, opened: Any) -> None:
    page = opened.see(two_pictures(make))
    order = []
    for _ in range(8):
        page.keyboard.press("Tab")
        # Marked, so that each turn waits for the next element.
        expect(page.locator(":focus:not(body, [data-seen])")).to_be_attached()
        top = "(e => { e.dataset.seen = 1; return e.getBoundingClientRect().top + scrollY; })"
        order.append(page.evaluate(f"{top}(document.activeElement)"))
    assert order == sorted(order)
    unnamed = "[...document.querySelectorAll('button, a, input, select, [tabindex]')].filter(e => "
    unnamed += "!(e.innerText || e.ariaLabel || e.labels?.length || e.querySelector('img[alt]')))"
    assert page.evaluate(f"{unnamed}.map(e => e.outerHTML)") == []


def test_a_chart_page_and_an_index_behave_like_the_report(
    make: Any, tmp_path: Path, opened: Any
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
            opened.see((tmp_path / name).as_uri())
            assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
        opened.page.fill("input[type=search]", "no such words")
        expect(opened.page.locator(".tools output")).to_contain_text("0 of")


def luminance(colour: str) -> float:
    """Relative luminance of ``rgb(r, g, b)`` as WCAG 2 defines it."""
    channels = [int(word) / 255 for word in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("verdict", ["pass", "fail", "review", "not judged"])
def test_words_stand_out_from_their_ground(make: Any, opened: Any, verdict: str) -> None:
    page = opened.see(make.results(make.verdict(verdict)))
    pairs = page.evaluate(
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


def test_short_lot_names_beside_long_messages_stay_on_one_line(make: Any, opened: Any) -> None:
    broken = replace(make.failure("a1.tif", "bad"), message="found no picture there " * 20)
    lot = make.lot("bad", [make.picture("b2.tif")], [broken])
    page = opened.see(make.results(make.verdict("review", lot)))
    lines = "document.querySelector('.attention td:nth-child(2) bdi').getClientRects().length"
    assert page.evaluate(lines) == 1
