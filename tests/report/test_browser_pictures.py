"""Pictures of the report under the pointer and the keys of a person, in headless Chromium.

Pointer, keys and pictures come to the page in turns of the browser's own loop: whatever a test
expects of them it waits for.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
LARGE = "#lightbox img"
FRAMES = 2000


def two_islets(make: Any, name: str = "a1.tif") -> Any:
    """200 um by 150 um: one large islet in the middle, a small one at the upper left."""
    islets = [
        make.islet(1, 60, centroid_yx_um=(75.0, 100.0)),
        make.islet(2, 30, centroid_yx_um=(20.0, 20.0)),
    ]
    return make.picture(name, islets=islets)


@pytest.fixture
def page(make: Any, opened: Any) -> Any:
    """A report of two pictures with two islets each."""
    pictures = [two_islets(make), two_islets(make, "b2.tif")]
    return opened.see(make.results(make.verdict("pass", make.lot("A", pictures))))


def opened_large(page: Any, **how: Any) -> dict[str, float]:
    """Open the first picture; gives where it lies once it is laid out."""
    page.locator("a.thumb").first.click(**how)
    expect(page.locator("#lightbox .sheet")).to_have_attribute("style", re.compile("width"))
    return box(page, LARGE)


def box(page: Any, selector: str) -> dict[str, float]:
    found: dict[str, float] = page.locator(selector).first.bounding_box()
    return found


def pointed_at(page: Any, selector: str, x: float, y: float) -> None:
    """Put the pointer at a share of an element's width and height."""
    where = box(page, selector)
    page.mouse.move(where["x"] + x * where["width"], where["y"] + y * where["height"])


def lies(page: Any, *, x: float | None = None, width: float | None = None) -> None:
    """Wait frame by frame until the large picture begins at this place, or is this wide.

    Playwright's own waiting for a function is against the page's security policy.
    """
    found = {}
    for _ in range(FRAMES):
        found = box(page, LARGE)
        if (x is None or abs(found["x"] - x) < 1) and (
            width is None or abs(found["width"] - width) < 0.01 * width
        ):
            return
        page.evaluate("() => new Promise(requestAnimationFrame)")
    pytest.fail(f"expected x {x} and width {width}, found {found}")


def test_a_picture_opens_large_and_closes_by_escape(page: Any) -> None:
    dialog = page.locator("#lightbox")
    expect(dialog).to_be_hidden()
    opened_large(page)
    caption = dialog.locator(".caption")
    expect(page.locator(LARGE)).to_be_visible()
    expect(caption).to_contain_text("a1.tif")
    expect(dialog.locator("a")).to_have_attribute("href", "images/a1/overlay.jpg")
    for key, name in (("ArrowRight", "b2.tif"), ("ArrowRight", "a1.tif"), ("ArrowLeft", "b2.tif")):
        page.keyboard.press(key)
        expect(caption).to_contain_text(name)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    # The focus returns to the picture that was last seen.
    expect(page.locator("a.thumb[href='images/b2/overlay.jpg']")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    dialog.locator(".close").click()
    expect(dialog).to_be_hidden()


def test_an_islet_under_the_pointer_tells_its_figures(page: Any) -> None:
    page.locator("a.thumb").first.scroll_into_view_if_needed()
    tip = page.locator("#tip")
    pointed_at(page, "a.thumb img", 0.5, 0.5)
    expect(tip).to_have_text("Islet 1: 60 µm, 0.064 IEQ, counted")
    pointed_at(page, "a.thumb img", 0.1, 20 / 150)
    expect(tip).to_contain_text("not counted: smaller than 50 um")
    pointed_at(page, "a.thumb img", 0.9, 0.9)
    expect(tip).to_be_hidden()


def test_in_large_the_picture_zooms_and_moves(page: Any) -> None:
    whole = opened_large(page)
    assert whole["width"] / whole["height"] == pytest.approx(80 / 60, rel=0.01)
    pointed_at(page, LARGE, 0.5, 0.5)
    expect(page.locator("#lightbox .tip")).to_contain_text("Islet 1: 60 µm")
    page.mouse.down()
    page.mouse.up()
    lies(page, width=3 * whole["width"])
    zoomed = box(page, LARGE)
    middle = zoomed["x"] + zoomed["width"] / 2, zoomed["y"] + zoomed["height"] / 2
    page.mouse.down()
    page.mouse.move(middle[0] + 50, middle[1])
    page.mouse.up()
    lies(page, x=zoomed["x"] + 50)
    page.keyboard.press("0")
    lies(page, x=whole["x"], width=whole["width"])
    page.mouse.wheel(0, -300)
    expect(page.locator("#lightbox .view")).to_have_class(re.compile("zoomed"))
    page.click("#lightbox .whole")
    lies(page, width=whole["width"])
    page.click("#lightbox .zoom-in")
    lies(page, width=1.5 * whole["width"])


def test_keys_go_from_islet_to_islet_by_size(page: Any) -> None:
    page.locator("a.thumb").first.focus()
    page.keyboard.press("Enter")
    tip = page.locator("#lightbox .tip")
    for key, label in (("ArrowDown", 1), ("ArrowDown", 2), ("ArrowDown", 1), ("ArrowUp", 2)):
        page.keyboard.press(key)
        expect(tip).to_contain_text(f"Islet {label}:")
    expect(tip).to_have_attribute("role", "status")


def test_an_islet_asked_for_at_once_stays_in_the_middle(page: Any) -> None:
    """The key may come before the picture is laid out: it is not shown whole again after it."""
    whole = opened_large(page)
    page.evaluate(
        "['ArrowRight', 'ArrowDown'].forEach(key => document.getElementById('lightbox')"
        ".dispatchEvent(new KeyboardEvent('keydown', { key })))"
    )
    expect(page.locator("#lightbox .tip")).to_contain_text("Islet 1:")
    lies(page, width=1.5 * whole["width"])


def test_a_row_of_the_table_leads_to_its_islet(page: Any) -> None:
    page.click("#objects tbody tr:nth-child(2) td:nth-child(3)")
    expect(page.locator("#lightbox .tip")).to_contain_text("Islet 2: 30 µm")
