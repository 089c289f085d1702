"""``report.html`` as text: complete, escaped, without a request."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from isletqc.records import Estimate, Flag
from isletqc.report import figures, texts, texts_charts, texts_definitions
from isletqc.report.overlay import encode_jpeg
from isletqc.report.page import report_html
from isletqc.report.picture import write_picture
from isletqc.report.plain import short, shown
from isletqc.report.thumbnails import LEAST_BYTES, MOST_BYTES, MOST_THUMBNAILS, thumbnail_share

MODULES = (texts, texts_charts, texts_definitions)
HOSTILE = "<script>alert('x')</script>\"'&\u202egnp.exe 🧫 " + "x" * 10000


class Reader(HTMLParser):
    """Collects what a browser would act upon: tags, attributes, visible text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.silent += tag in {"style", "script"}

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in {"style", "script"}

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.words.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


def visible(html: str) -> str:
    return re.sub(r"\s+", " ", " ".join(read(html).words))


@pytest.mark.parametrize("verdict", ["pass", "fail", "review", "not judged"])
def test_the_verdict_is_the_heading(make: Any, tmp_path: Path, verdict: str) -> None:
    html = report_html(make.results(make.verdict(verdict)), tmp_path)
    heading = re.search(r"<h1>(.*?)</h1>", html, re.S)
    assert heading is not None
    assert visible(heading[1]).strip() == texts.VERDICT_WORDS[verdict]
    assert f"the reason for {verdict}" in visible(html)
    assert f'class="banner v-{verdict.replace(" ", "-")}"' in html


def test_the_order_is_verdict_warning_lot_pictures_definitions(make: Any, tmp_path: Path) -> None:
    lot = make.lot("A", [make.picture(), make.unfit()], [make.failure()])
    words = visible(report_html(make.results(make.verdict("fail", lot)), tmp_path))
    titles = ["Fail", texts.ATTENTION, texts.LIMITS, texts.ESTIMATES, texts.HISTOGRAM_TITLE]
    titles += [texts.LEGEND_EXOCRINE, texts.EDITS, texts.CONVENTIONS, texts.UNCERTAINTY]
    titles += [texts.ISLET_TABLE, texts.SIGNATURES, texts.DEFINITIONS, texts.PROVENANCE]
    places = [words.index(f" {title} ") for title in titles]
    assert places == sorted(places)


def test_failures_and_unfit_pictures_are_named_with_their_cause(make: Any, tmp_path: Path) -> None:
    lot = make.lot("A", [make.picture(), make.unfit()], [make.failure()])
    words = visible(report_html(make.results(make.verdict("review", lot)), tmp_path))
    for needed in (
        "1 picture could not be analysed",
        "broken.tif",
        "the file ends after 12 bytes",
        "1 picture is unfit",
        "focus 0.03, expected at least 0.15",
    ):
        assert needed in words


def test_a_run_with_a_lost_picture_never_shows_pass(make: Any, tmp_path: Path) -> None:
    results = make.results(make.verdict("pass"), failures=[make.failure("in/lost.tif", "")])
    html = report_html(results, tmp_path)
    assert 'class="banner v-review"' in html
    assert texts.OVERALL_FAILED in visible(html)


def test_every_number_of_a_limit_is_there(make: Any, tmp_path: Path) -> None:
    words = visible(report_html(make.results(make.verdict("pass")), tmp_path))
    for needed in (
        "Dose first infusion",
        "≥ 5,000 IEQ/kg",
        "6,200 IEQ/kg",
        "5,270 to 7,254",
        "99.3 %",
        "doi 10.2337/db16-0234, table 3",
    ):
        assert needed in words


def test_estimates_conventions_and_uncertainty_are_there(make: Any, tmp_path: Path) -> None:
    words = visible(report_html(make.results(make.verdict("pass")), tmp_path))
    for needed in (
        "Purity 63.1 % 55.0 to 71.0 %",
        "not determined: no live/dead stain",
        "50 µm classes, long factors 486,080 +12.0 %",
        "Prolate spheroid 390,600 −10.0 %",
        "6.0 % 3.0 % 2.0 % 7.0 %",  # sqrt(36 + 9 + 4) = 7
    ):
        assert needed in words


def test_an_error_larger_than_its_value_is_not_written_out(make: Any, tmp_path: Path) -> None:
    share = Estimate("mantled_ieq_share", 0.001, "1", 0.0, 0.2, rsd_parts={"sampling": 25.63})
    verdict = make.verdict("pass")
    verdict = replace(verdict, estimates={**verdict.estimates, share.name: share})
    words = visible(report_html(make.results(verdict), tmp_path))
    assert f"{figures.estimate_name(share.name)} > 100 %" in words
    assert "2563" not in words


def test_definitions_and_provenance_are_there(make: Any, tmp_path: Path) -> None:
    words = visible(report_html(make.results(make.verdict("pass"), exit_code=5), tmp_path))
    for needed in (
        "1.767146 nL",
        "JCGM 106",
        "2·√(area/π)",
        "isletqc run in -o out",
        "numpy 2.4.6",
    ):
        assert needed in words
    assert "5: review is needed" in words


def test_a_draft_says_so(make: Any, tmp_path: Path) -> None:
    protocol = make.protocol(status="draft")
    words = visible(report_html(make.results(make.verdict(), protocol=protocol), tmp_path))
    assert texts.DRAFT in words


def test_the_page_never_promises_potency(make: Any, tmp_path: Path) -> None:
    html = report_html(make.results(make.verdict()), tmp_path)
    assert "potency" not in html.lower()


def test_hostile_text_is_shown_as_text(make: Any, tmp_path: Path) -> None:
    picture = make.picture(HOSTILE, HOSTILE)
    lot = make.lot(HOSTILE, [picture], [make.failure(HOSTILE, HOSTILE)])
    verdict = make.verdict("fail", lot, flags=[Flag(HOSTILE, HOSTILE)])
    html = report_html(
        make.results(verdict, command=HOSTILE, provenance={HOSTILE: HOSTILE}), tmp_path
    )
    scripts = [tag for tag, _ in read(html).tags if tag == "script"]
    assert len(scripts) == 1
    assert "\u202e" not in html
    assert "\\u202e" in html
    assert "<script>alert(" in visible(html)


def test_a_long_name_is_not_repeated_in_full(make: Any, tmp_path: Path) -> None:
    islets = [make.islet(k) for k in range(1000)]
    lot = make.lot(HOSTILE, [make.picture(HOSTILE, HOSTILE, islets)])
    html = report_html(make.results(make.verdict("pass", lot), make.verdict()), tmp_path)
    assert len(html) < 600_000


def test_nothing_is_loaded_from_anywhere(make: Any, tmp_path: Path) -> None:
    results = make.results(make.verdict())
    folder = tmp_path / "images" / "a1"
    write_picture(
        folder, image=make.image(), regions=make.regions(), picture=make.picture(), key="k"
    )
    reader = read(report_html(results, tmp_path))
    policy = [a for t, a in reader.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert (policy[0].get("content") or "").startswith("default-src 'none'; img-src data:")
    for tag, attributes in reader.tags:
        assert tag not in {"link", "iframe", "object", "embed", "form", "base"}
        source = attributes.get("src")
        assert source is None or source.startswith("data:image/jpeg;base64,")
        assert not [name for name in attributes if name.startswith("on")]
    links = [a["href"] for t, a in reader.tags if t == "a" and a.get("class") == "thumb"]
    assert links == ["images/a1/overlay.jpg"]


def test_links_to_strange_folders_are_quoted(make: Any, tmp_path: Path) -> None:
    folder = "images/a #1?%ü\"'<b>"
    write_picture(
        tmp_path / folder,
        image=make.image(),
        regions=make.regions(),
        picture=make.picture(),
        key="k",
    )
    results = make.results(make.verdict(), folders={"in/a1.tif": folder})
    links = [a["href"] for t, a in read(report_html(results, tmp_path)).tags if t == "a"]
    assert "images/a%20%231%3F%25%C3%BC%22%27%3Cb%3E/overlay.jpg" in links


def test_every_picture_and_chart_has_words_for_those_who_cannot_see_it(
    make: Any, tmp_path: Path
) -> None:
    write_picture(
        tmp_path / "images" / "a1",
        image=make.image(),
        regions=make.regions(),
        picture=make.picture(),
        key="k",
    )
    html = report_html(make.results(make.verdict()), tmp_path)
    tags = read(html).tags
    assert ("html", {"lang": "en"}) in tags
    alts = [a.get("alt") for t, a in tags if t == "img" and a.get("src")]
    assert alts == ["a1.tif with 2 counted islets outlined"]
    for tag, attributes in tags:
        if tag == "svg":
            assert attributes.get("aria-hidden") or attributes.get("aria-label")


def test_a_picture_without_overlay_is_still_listed(make: Any, tmp_path: Path) -> None:
    words = visible(report_html(make.results(make.verdict()), tmp_path))
    assert texts.NO_OVERLAY in words
    assert "2.50 µm, from OME-XML" in words


def test_a_page_of_very_many_pictures_shows_those_that_need_a_look(
    make: Any, tmp_path: Path
) -> None:
    many = [make.picture(f"fit{k}.tif", likeness=0.9) for k in range(MOST_THUMBNAILS)]
    strange = make.picture("strange.tif", likeness=0.1)
    pictures = [*many, strange, make.unfit("unfit.tif")]
    for picture in pictures:
        write_picture(
            tmp_path / "images" / picture.name.removesuffix(".tif"),
            image=make.image(),
            regions=make.regions(),
            picture=picture,
            key="k",
        )
    html = report_html(make.results(make.verdict("pass", make.lot(pictures=pictures))), tmp_path)
    tags = read(html).tags
    shown = [a["href"] for t, a in tags if t == "a" and a.get("class") == "thumb"]
    assert len(shown) == MOST_THUMBNAILS
    assert {"images/unfit/overlay.jpg", "images/strange/overlay.jpg"} < set(shown)
    links = [a["href"] for t, a in tags if t == "a" and a.get("target") and a["href"]]
    assert links == [f"images/fit{k}/overlay.jpg" for k in range(286, 288)]
    n = len(pictures)
    assert texts.SOME_SHOWN.format(shown=MOST_THUMBNAILS, n=n) in visible(html)


def test_a_page_that_has_room_shows_every_picture(make: Any, tmp_path: Path) -> None:
    words = visible(report_html(make.results(make.verdict()), tmp_path))
    assert texts.OPEN_OVERLAY not in words
    assert "pictures of this run are shown" not in words


def test_too_many_islets_point_to_the_file(make: Any, tmp_path: Path) -> None:
    islets = [make.islet(k) for k in range(5001)]
    lot = make.lot(pictures=[make.picture(islets=islets)])
    html = report_html(make.results(make.verdict("pass", lot)), tmp_path)
    assert "5,001 objects were found" in visible(html)
    assert 'id="objects"' not in html


def test_lots_without_pictures_islets_or_anything_have_a_page(make: Any, tmp_path: Path) -> None:
    empty = make.lot("E", [make.picture(islets=())])
    words = visible(report_html(make.results(make.verdict("review", empty)), tmp_path))
    assert texts.NO_ISLETS in words
    alone = make.results(failures=[make.failure("in/x.tif", "")], network=None, exit_code=3)
    assert "x.tif" in visible(report_html(alone, tmp_path))


def test_lots_that_need_attention_come_first_in_the_list(make: Any, tmp_path: Path) -> None:
    verdicts = [make.verdict(v, make.lot(f"lot {v}")) for v in ("pass", "review", "fail")]
    html = report_html(make.results(*verdicts), tmp_path)
    listed = re.findall(r'<a href="#lot-\d+"><bdi>lot (\w+)', html)
    assert listed == ["fail", "review", "pass"]
    assert "3 lots : 1 fail, 1 review, 1 pass" in visible(html).replace("lots:", "lots :")


def test_hidden_characters_are_shown_by_their_code() -> None:
    assert shown("a\u202eb\x00c\u200bd\ud800\u2066") == "a\\u202eb\\u0000c\\u200bd\\ud800\\u2066"
    assert shown("µ 北京 🧫 👩\u200d🔬 line\nnext\ttab") == "µ 北京 🧫 👩\u200d🔬 line\nnext\ttab"


def test_a_long_text_keeps_start_and_end() -> None:
    assert short("abcdefghij", 7) == "abc…hij"
    assert short("abc", 7) == "abc"


def test_thumbnails_share_the_page() -> None:
    assert thumbnail_share(1) == MOST_BYTES
    # 50 pictures, base64 adds a third: well under 5 MB.
    assert 50 * thumbnail_share(50) * 4 / 3 < 4_000_000
    assert thumbnail_share(100_000) == LEAST_BYTES


def test_every_text_is_used() -> None:
    folder = Path(texts.__file__).parent
    sources = "".join(
        path.read_text("utf-8")
        for path in (*folder.glob("*.py"), *folder.glob("*.j2"))
        if not path.name.startswith("texts")
    )
    names = [name for module in MODULES for name in vars(module) if name.isupper()]
    assert [n for n in names if not re.search(rf"\b(t|c|texts|words)\.{n}\b", sources)] == []


def test_a_page_of_fifty_pictures_stays_under_five_megabytes(make: Any, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1200, 1600, 3), np.uint8)
    overlay = encode_jpeg(cv2.GaussianBlur(pixels, (0, 0), 1.5), 85, full_colour=True)
    assert len(overlay) > 500_000  # more than an overlay of a picture has
    islets = [make.islet(k, 40 + k) for k in range(1, 151)]
    pictures = [make.picture(f"p{k}.tif", islets=islets) for k in range(50)]
    results = make.results(make.verdict("pass", make.lot(pictures=pictures)))
    for folder in results.folders.values():
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "overlay.jpg").write_bytes(overlay)
    html = report_html(results, tmp_path)
    assert len(html.encode()) < 5_000_000
    # Every one of the 7,500 islets answers to the pointer.
    assert sum(data.count(";") + 1 for data in re.findall('data-islets="([^"]*)"', html)) == 7500
