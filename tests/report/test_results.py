"""``results.json``: the contract that outside programs rely on."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from isletqc.records import Estimate, Flag
from isletqc.report.results import overall_verdict, results_document, schema

# A change of these needs a new schema_version.
LOT = {"lot", "verdict", "criteria", "estimates", "images", "failures"}
CRITERION = {"name", "value", "unit", "relation", "limit", "ci_low", "ci_high", "probability"}
CRITERION |= {"verdict", "reason"}
ESTIMATE = {"value", "unit", "ci_low", "ci_high"}
ESTIMATES = {"islet_count", "ieq_counted", "ieq_total", "ieq_per_kg", "size_index", "purity"}
ESTIMATES |= {"viability"}
IMAGE = {"image", "verdict", "islet_count", "ieq", "um_per_px", "um_per_px_source", "seconds"}
FAILURE = {"image", "error", "message"}


def full_run(make: Any) -> dict[str, Any]:
    lot = make.lot("A", [make.picture(), make.unfit()], [make.failure()])
    verdicts = (
        make.verdict("fail", lot, flags=[Flag("mixing", "look")]),
        make.verdict("review", make.lot("B"), criteria=[make.criterion("review", None)]),
        make.verdict("not judged", make.lot("C")),
    )
    results = make.results(*verdicts, failures=[make.failure("in/lost.tif", "")], exit_code=4)
    document: dict[str, Any] = json.loads(json.dumps(results_document(results), allow_nan=False))
    return document


def test_the_promised_keys_are_there(make: Any) -> None:
    document = full_run(make)
    assert document["schema_version"] == "1.0"
    assert document["verdict"] == "fail"
    for lot in document["lots"]:
        assert set(lot) >= LOT
        assert set(lot["estimates"]) >= ESTIMATES
        assert all(set(estimate) >= ESTIMATE for estimate in lot["estimates"].values())
        assert all(set(criterion) >= CRITERION for criterion in lot["criteria"])
        assert all(set(image) >= IMAGE for image in lot["images"])
    first = document["lots"][0]
    assert [image["image"] for image in first["images"]] == ["a1.tif", "a2.tif"]
    assert first["images"][0]["seconds"] == {"read": 0.1, "segment": 0.4}
    assert [failure["image"] for failure in first["failures"]] == ["broken.tif"]
    assert [failure["image"] for failure in document["failures"]] == ["broken.tif", "lost.tif"]
    assert all(set(failure) >= FAILURE for failure in document["failures"])


def test_the_document_follows_its_schema(make: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(full_run(make), schema())
    jsonschema.validate(results_document(make.results(network=None)), schema())


def test_the_schema_demands_what_is_promised() -> None:
    definitions = schema()["$defs"]
    assert set(definitions["lot"]["required"]) >= LOT
    assert set(definitions["criterion"]["required"]) >= CRITERION
    assert set(definitions["estimate"]["required"]) >= ESTIMATE
    assert set(definitions["image"]["required"]) >= IMAGE
    assert set(definitions["failure"]["required"]) >= FAILURE
    assert set(definitions["lot"]["properties"]["estimates"]["required"]) >= ESTIMATES


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("verdict",), "passed"),
        (("schema_version",), "0.9"),
        (("lots", 0, "criteria", 0, "probability"), 1.2),
        (("lots", 0, "images", 0, "um_per_px"), 0),
        (("lots", 0, "unheard_of"), 1),
    ],
)
def test_the_schema_refuses_what_is_wrong(make: Any, path: tuple[Any, ...], value: Any) -> None:
    document = full_run(make)
    at: Any = document
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema())


def test_what_was_not_determined_is_null_with_a_reason(make: Any) -> None:
    estimates = results_document(make.results(make.verdict()))["lots"][0]["estimates"]
    for name in ("viability", "ieq_per_kg", "size_index"):
        assert estimates[name]["value"] is None
        assert estimates[name]["reason"].startswith("not determined")


def test_numbers_are_not_rounded_and_never_infinite(make: Any) -> None:
    estimate = Estimate("ieq_per_kg", 1 / 3, "IEQ/kg", 0.1, float("inf"))
    criterion = make.criterion("review", estimate=estimate)
    document = results_document(make.results(make.verdict("review", criteria=[criterion])))
    written = json.loads(json.dumps(document, allow_nan=False))["lots"][0]["criteria"][0]
    assert (written["value"], written["ci_high"]) == (1 / 3, None)


def test_only_seconds_differ_between_runs_of_the_same_pictures(make: Any) -> None:
    slow = make.lot(pictures=[make.picture(seconds={"read": 9.0})])
    first = results_document(make.results(make.verdict()))
    again = results_document(make.results(make.verdict(lot=slow), started="x", finished="y"))
    for document in (first, again):
        document["lots"][0]["images"][0].pop("seconds")
    assert first == again


@pytest.mark.parametrize(
    ("verdicts", "failures", "expected"),
    [
        (["pass", "pass"], 0, "pass"),
        (["pass", "pass"], 1, "review"),
        (["pass", "review", "fail"], 0, "fail"),
        (["pass", "review"], 0, "review"),
        (["not judged"], 1, "not judged"),
        ([], 1, "review"),
        ([], 0, "not judged"),
    ],
)
def test_the_run_is_as_bad_as_its_worst_lot(
    make: Any, verdicts: list[str], failures: int, expected: str
) -> None:
    lost = [make.failure("in/lost.tif", "")] * failures
    assert overall_verdict(make.results(*map(make.verdict, verdicts), failures=lost)) == expected


def test_failures_are_called_as_the_run_calls_its_pictures(make: Any) -> None:
    failure = make.failure("C:\\scans\\b.tif")
    assert results_document(make.results(failures=[failure]))["failures"][0]["image"] == "b.tif"
    named = make.results(failures=[failure], names={"C:\\scans\\b.tif": "scans/b.tif"})
    assert results_document(named)["failures"][0]["image"] == "scans/b.tif"
