"""Verdicts -> ``junit.xml``, so that a build server shows a missed limit as a failed test.

A lot is a suite and a limit is a case. A case has

- ``<failure type="missed">`` when the limit is missed;
- ``<error type="not measured">`` when there is no figure to hold against it;
- ``<error type="review">`` when the interval leaves the answer open, and for each flag that a
  person must look at: not a failure, yet not a pass;
- ``<skipped>`` when the limit does not apply, is supportive only, or the method has no limits.

One more suite has a case for each picture: ``<error>`` when it could not be analysed or is unfit.
No times stand in the file. A lot's suite is without failures and errors only if the lot passed
(or was not judged).
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from isletqc.protocol import Markers
from isletqc.records import Criterion, Failure, Picture, Verdict
from isletqc.report import texts
from isletqc.report.figures import sentence
from isletqc.report.results import RunResults, failure_name

_PICTURES = "pictures"
# XML 1.0 has no way to write these characters, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    tag: str = ""
    kind: str = ""
    message: str = ""


def junit_xml(results: RunResults) -> str:
    """Write the run as JUnit XML: one suite a lot, one case a limit, one suite for the pictures."""
    suites = ET.Element("testsuites", {"name": "isletqc"})
    markers = results.protocol.protocol.markers
    for verdict in results.verdicts:
        _add_suite(suites, verdict.lot.name, _lot_cases(verdict, markers))
    _add_suite(suites, _PICTURES, _picture_cases(results))
    _count(suites, suites.iter)
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, "unicode") + "\n"


def _add_suite(suites: ET.Element, name: str, cases: Iterable[_Case]) -> None:
    suite = ET.SubElement(suites, "testsuite", {"name": _clean(name)})
    for case in cases:
        element = ET.SubElement(
            suite, "testcase", {"classname": _clean(name), "name": _clean(case.name), "time": "0"}
        )
        if case.tag:
            facts = {"type": case.kind, "message": _clean(case.message)}
            ET.SubElement(element, case.tag, facts).text = _clean(case.message)
    _count(suite, suite.iter)


def _count(element: ET.Element, iterate: Callable[[str], Iterable[ET.Element]]) -> None:
    counted = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}
    for attribute, tag in counted.items():
        element.set(attribute, str(sum(1 for _ in iterate(tag))))
    element.set("time", "0")


def _lot_cases(verdict: Verdict, markers: Markers | None) -> list[_Case]:
    cases = [_limit_case(criterion, markers) for criterion in verdict.criteria]
    cases += [_Case(f"flag {f.name}", "error", "review", f.message) for f in verdict.flags]
    clear = not any(case.tag in {"failure", "error"} for case in cases)
    if clear and verdict.verdict in {"fail", "review"}:
        tag = "failure" if verdict.verdict == "fail" else "error"
        cases.append(_Case("lot", tag, verdict.verdict, verdict.reason))
    if not cases:
        cases.append(_Case("limits", "skipped", "no limits", verdict.reason))
    return cases


def _limit_case(criterion: Criterion, markers: Markers | None) -> _Case:
    # The name is the protocol's own: what programs look for.
    name, message = criterion.name, f"{sentence(criterion, markers)}. {criterion.reason}".strip()
    if criterion.verdict == "not applicable":
        return _Case(name, "skipped", "not applicable", message)
    if criterion.verdict == "pass":
        return _Case(name)
    if criterion.supportive:
        return _Case(name, "skipped", "supportive", message)
    if criterion.estimate.value is None:
        return _Case(name, "error", "not measured", message)
    if criterion.verdict == "fail":
        return _Case(name, "failure", "missed", message)
    return _Case(name, "error", "review", message)


def _picture_cases(results: RunResults) -> list[_Case]:
    pictures = [p for verdict in results.verdicts for p in verdict.lot.pictures]
    cases = [_picture_case(picture) for picture in pictures]
    return cases + [_failed_case(failure, results) for failure in results.failures]


def _picture_case(picture: Picture) -> _Case:
    if picture.fitness.verdict == "fit":
        return _Case(picture.name)
    return _Case(picture.name, "error", "unfit", "; ".join(picture.fitness.reasons))


def _failed_case(failure: Failure, results: RunResults) -> _Case:
    name = failure_name(failure, results)
    return _Case(name, "error", failure.error, failure.message or texts.NOT_ANALYSED)


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
