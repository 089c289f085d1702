"""``junit.xml`` as a build server reads it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from isletqc.records import Flag
from isletqc.report.junit import junit_xml

# What consumers of JUnit XML know; anything else is ignored or refused by some of them.
ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testcase": {"classname", "name", "time"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": {"type", "message"},
}
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase"},
    "testcase": {"failure", "error", "skipped"},
}


def read(make: Any, *verdicts: Any, **changes: Any) -> ET.Element:
    return ET.fromstring(junit_xml(make.results(*verdicts, **changes)).encode())


def outcome(case: ET.Element) -> tuple[str, str]:
    children = list(case)
    return (children[0].tag, children[0].attrib["type"]) if children else ("passed", "")


def cases(root: ET.Element, suite: str) -> dict[str, tuple[str, str]]:
    (found,) = (s for s in root if s.attrib["name"] == suite)
    return {case.attrib["name"]: outcome(case) for case in found}


def test_the_structure_is_the_known_one_and_the_counts_add_up(make: Any) -> None:
    lot = make.lot("B", [make.picture(), make.unfit()], [make.failure()])
    root = read(make, make.verdict(), make.verdict("fail", lot), make.verdict("review"))
    for element in root.iter():
        assert set(element.attrib) == ATTRIBUTES[element.tag]
        assert {child.tag for child in element} <= CHILDREN.get(element.tag, set())
    for suite in [root, *root]:
        for attribute, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
            assert int(suite.attrib[attribute]) == len(suite.findall(f".//{tag}"))
    assert [int(root.attrib[k]) for k in ("tests", "failures", "errors")] == [8, 1, 3]


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ("pass", ("passed", "")),
        ("fail", ("failure", "missed")),
        ("review", ("error", "review")),
        ("not applicable", ("skipped", "not applicable")),
    ],
)
def test_a_limit_is_a_case(make: Any, verdict: str, expected: tuple[str, str]) -> None:
    root = read(make, make.verdict("pass", criteria=[make.criterion(verdict)]))
    assert cases(root, "A")["dose-first-infusion"] == expected


def test_a_missed_limit_says_by_how_much(make: Any) -> None:
    root = read(make, make.verdict("fail", criteria=[make.criterion("fail", 3410.0)]))
    (failure,) = root.iter("failure")
    for words in ("3,410 IEQ/kg", "≥ 5,000 IEQ/kg", "2,898 to 3,990", "as the test wants it"):
        assert words in failure.attrib["message"]


def test_a_limit_without_a_figure_is_an_error(make: Any) -> None:
    root = read(make, make.verdict("review", criteria=[make.criterion("review", None)]))
    assert cases(root, "A") == {"dose-first-infusion": ("error", "not measured")}


def test_a_supportive_limit_never_turns_the_build_red(make: Any) -> None:
    root = read(make, make.verdict("pass", criteria=[make.criterion("fail", supportive=True)]))
    assert cases(root, "A") == {"dose-first-infusion": ("skipped", "supportive")}


def test_a_flag_is_an_error(make: Any) -> None:
    criteria = [make.criterion("pass")]
    flags = [Flag("mixing", "the aliquots differ by more than chance")]
    root = read(make, make.verdict("review", criteria=criteria, flags=flags))
    assert cases(root, "A")["flag mixing"] == ("error", "review")


@pytest.mark.parametrize(("verdict", "tag"), [("review", "error"), ("fail", "failure")])
def test_a_lot_that_did_not_pass_is_never_green(make: Any, verdict: str, tag: str) -> None:
    root = read(make, make.verdict(verdict, criteria=[make.criterion("pass")]))
    assert cases(root, "A")["lot"] == (tag, verdict)


def test_a_method_without_limits_is_skipped(make: Any) -> None:
    root = read(make, make.verdict("not judged"))
    assert cases(root, "A") == {"limits": ("skipped", "no limits")}


def test_pictures_have_a_suite_of_their_own(make: Any) -> None:
    lot = make.lot("A", [make.picture(), make.unfit()], [make.failure()])
    root = read(make, make.verdict("review", lot), failures=[make.failure("in/lost.tif", "")])
    assert cases(root, "pictures") == {
        "a1.tif": ("passed", ""),
        "a2.tif": ("error", "unfit"),
        "broken.tif": ("error", "unreadable"),
        "lost.tif": ("error", "unreadable"),
    }


def test_any_name_gives_well_formed_xml(make: Any) -> None:
    name = 'a<b>&"\x00\x08\ud800\ufffe\u202e🧫'
    root = read(make, make.verdict(lot=make.lot(name)))
    assert root[0].attrib["name"] == 'a<b>&"' + "\ufffd" * 4 + "\u202e🧫"
