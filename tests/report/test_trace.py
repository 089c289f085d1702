"""Corrections by hand, approvals and signatures on the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from isletqc.records import Approval, Edit, Signature
from isletqc.report import texts, trace
from isletqc.report.page import report_html


def edit(minute: int, who: str = "M. Okafor", **changes: Any) -> Edit:
    facts: dict[str, Any] = {
        "time": f"2026-11-22T19:{minute:02d}:00+00:00",
        "who": who,
        "action": "split",
        "reason": "two touching islets",
        "labels": (12, 13),
        "old": {"islets": 1.0, "ieq": 4.32},
        "new": {"islets": 2.0, "ieq": 3.11},
    }
    return Edit(**facts | changes)


def signature(
    role: Literal["author", "reviewer"] = "author", *, valid: bool = True, reason: str = ""
) -> Signature:
    who = {"author": "M. Okafor", "reviewer": "J. Lindqvist"}[role]
    time, digest = "2026-11-22T20:00:00+00:00", "ab" * 32
    return Signature(who, role, "I agree", time, "9f3c", digest, valid, reason)


def words(make: Any, folder: Path, *pictures: Any, **changes: Any) -> str:
    results = make.results(make.verdict("pass", make.lot("A", pictures)), **changes)
    html = report_html(results, folder)
    html = re.sub(r"(?s)<(script|style).*?</\1>", " ", html)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_who_when_what_and_why_stand_on_the_page(make: Any, tmp_path: Path) -> None:
    edits = (edit(5), edit(3, "J. Lindqvist", action="delete", reason="dust"))
    shown = words(make, tmp_path, make.picture(edits=edits), make.picture("b2.tif"))
    assert "2 corrections by hand in 1 of 2 pictures, by M. Okafor, J. Lindqvist" in shown
    assert "2026-11-22 19:05:00" in shown
    assert "Islets: 1 → 2; IEQ: 4.32 → 3.11" in shown
    assert "12, 13" in shown
    # In the order in which they were made.
    assert shown.index("dust") < shown.index("two touching islets")


def test_without_corrections_the_page_says_so(make: Any, tmp_path: Path) -> None:
    assert texts.EDITS_NONE in words(make, tmp_path, make.picture())


def test_an_approval_counts_until_the_picture_is_corrected_again(make: Any, tmp_path: Path) -> None:
    approval = Approval("2026-11-22T19:04:00+00:00", "M. Okafor", "ab" * 32)
    standing = make.picture("a.tif", edits=(edit(3),), approval=approval)
    void = make.picture("b.tif", edits=(edit(3), edit(5)), approval=approval)
    assert trace.approval_words(standing) == "Approved by M. Okafor, 2026-11-22 19:04:00"
    assert "is void" in trace.approval_words(void)
    assert "1 of 2 pictures approved" in words(make, tmp_path, standing, void)


def test_signatures_stand_in_the_banner_and_in_full(make: Any, tmp_path: Path) -> None:
    both = (signature(), signature("reviewer"))
    shown = words(make, tmp_path, make.picture(), signatures=both)
    assert "Signed by M. Okafor (author), J. Lindqvist (reviewer)" in shown
    assert "I agree" in shown
    assert "ab" * 32 in shown
    assert texts.NOT_SIGNED in words(make, tmp_path, make.picture())


def test_a_void_signature_comes_first_of_all(make: Any, tmp_path: Path) -> None:
    void = signature("reviewer", valid=False, reason="labels of a1.tif were changed")
    shown = words(make, tmp_path, make.picture(), make.unfit(), signatures=(signature(), void))
    assert "Signed by" not in shown
    assert shown.count("1 signature is void") == 2
    assert shown.index("labels of a1.tif were changed") < shown.index(texts.ATTENTION)
    assert f"{texts.SIGNATURE_VOID} Reviewer" in shown


def test_hostile_words_in_corrections_and_signatures_are_text(make: Any, tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>\u202e" + "x" * 10_000
    corrected = make.picture(edits=(edit(1, bad, reason=bad, new={bad: bad}),))
    signed = Signature(bad, "author", bad, bad, bad, bad, valid=False, reason=bad)
    results = make.results(make.verdict("pass", make.lot("A", [corrected])), signatures=(signed,))
    html = report_html(results, tmp_path)
    assert html.count("<script>") == 1
    assert "\u202e" not in html
    assert len(html) < 200_000
