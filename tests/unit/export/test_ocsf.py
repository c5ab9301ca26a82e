"""OCSF events, against a slice of the schema written down by hand from its pages."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from connectors.export import ocsf
from connectors.model import Confidence, FindingState, Severity

Make = Callable[..., Any]

# https://schema.ocsf.io/1.8.0/classes/data_security_finding and the objects it names: name → (required, type).
SCHEMA: dict[str, dict[str, tuple[bool, Any]]] = {
    "data_security_finding": {
        "activity_id": (True, {0, 1, 2, 3, 4, 99}), "activity_name": (False, str), "category_uid": (True, {2}),
        "category_name": (False, str), "class_uid": (True, {2006}), "class_name": (False, str), "time": (True, int),
        "type_uid": (True, {200600, 200601, 200602, 200603, 200604, 200699}), "type_name": (False, str),
        "severity_id": (True, {0, 1, 2, 3, 4, 5, 6, 99}), "severity": (False, str),
        "status_id": (False, {0, 1, 2, 3, 4, 5, 6, 99}), "status": (False, str),
        "confidence_id": (False, {0, 1, 2, 3, 99}), "confidence": (False, str), "is_alert": (False, bool),
        "message": (False, str), "metadata": (True, "metadata"), "finding_info": (True, "finding_info"),
        "data_security": (False, "data_security"), "resources": (False, ["resource_details"]),
        "actor": (False, "actor"), "start_time": (False, int), "end_time": (False, int), "unmapped": (False, dict),
    },
    "metadata": {
        "version": (True, str), "product": (True, "product"), "tenant_uid": (False, str), "labels": (False, [str]),
    },
    "product": {"name": (False, str), "vendor_name": (False, str), "version": (False, str)},
    "finding_info": {
        "uid": (True, str), "title": (False, str), "analytic": (False, "analytic"), "types": (False, [str]),
        "created_time": (False, int), "first_seen_time": (False, int), "last_seen_time": (False, int),
        "modified_time": (False, int), "src_url": (False, str),
    },
    "analytic": {
        "type_id": (True, {0, 1, 2, 3, 4, 5, 6, 99}), "type": (False, str), "name": (False, str), "uid": (False, str),
    },
    "data_security": {
        "data_lifecycle_state_id": (False, {0, 1, 2, 3, 99}), "data_lifecycle_state": (False, str),
        "detection_system_id": (False, set(range(13)) | {99}), "detection_system": (False, str),
        "detection_pattern": (False, str), "policy": (False, "policy"),
    },
    "policy": {"name": (False, str)},
    "resource_details": {
        "uid": (False, str), "name": (False, str), "type": (False, str), "namespace": (False, str),
        "owner": (False, "user"), "labels": (False, [str]),
    },
    "actor": {"user": (False, "user")},
    "user": {"name": (False, str), "uid": (False, str), "email_addr": (False, str)},
}  # fmt: skip
AT_LEAST_ONE = {"user": {"name", "uid"}, "resource_details": {"name", "uid"}, "product": {"name", "uid"}}


def problems(value: Any, kind: Any, at: str = "") -> list[str]:
    """Return what in a value is not as the slice says."""
    if isinstance(kind, list):
        return [p for n, each in enumerate(value) for p in problems(each, kind[0], f"{at}[{n}]")]
    if isinstance(kind, set):
        return [] if value in kind else [f"{at}: {value} is no such code"]
    if isinstance(kind, type):
        fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        return [] if fits else [f"{at}: not {kind.__name__}"]
    known = SCHEMA[kind]
    found = [f"{at}.{name}: unknown" for name in value if name not in known]
    found += [f"{at}.{name}: missing" for name, (required, _) in known.items() if required and name not in value]
    if kind in AT_LEAST_ONE and not AT_LEAST_ONE[kind] & set(value):
        found.append(f"{at}: needs one of {AT_LEAST_ONE[kind]}")
    return found + [
        p for name, each in value.items() if name in known for p in problems(each, known[name][1], f"{at}.{name}")
    ]


def event(record: Any) -> dict[str, Any]:
    stream = io.StringIO()
    assert ocsf.write([record], stream) == 1
    made: dict[str, Any] = json.loads(stream.getvalue())
    return made


@pytest.mark.parametrize("state", FindingState)
@pytest.mark.parametrize("severity", Severity)
def test_every_state_and_severity_is_as_the_schema_says(
    make_record: Make, state: FindingState, severity: Severity
) -> None:
    for confidence in Confidence:
        record = make_record(state=state, severity=severity, confidence=confidence)
        assert problems(event(record), "data_security_finding") == []


def test_a_bare_record_is_valid_too(make_record: Make) -> None:
    empty = {"author_id": "", "author": "", "author_email": "", "policies": (), "first_seen": None, "last_seen": None}
    made = event(make_record(**empty, resource_url="", tenant="", container="", container_id="", places=()))
    assert problems(made, "data_security_finding") == []
    assert "actor" not in made
    assert made["time"] == 0


@pytest.mark.parametrize(
    ("state", "activity", "status", "alert"),
    [
        (FindingState.OPEN, (1, "Create"), (1, "New"), True),
        (FindingState.ACKNOWLEDGED, (2, "Update"), (2, "In Progress"), False),
        (FindingState.RESOLVED, (3, "Close"), (4, "Resolved"), False),
        (FindingState.IGNORED, (3, "Close"), (3, "Suppressed"), False),
        (FindingState.FALSE_POSITIVE, (3, "Close"), (3, "Suppressed"), False),
    ],
)
def test_states(make_record: Make, state: FindingState, activity: Any, status: Any, alert: bool) -> None:
    made = event(make_record(state=state))
    assert (made["activity_id"], made["activity_name"]) == activity
    assert (made["status_id"], made["status"]) == status
    assert made["type_uid"] == 200600 + activity[0]
    assert made["is_alert"] is alert


def test_what_was_found_where_and_by_whom(make_record: Make) -> None:
    made = event(make_record())
    assert made["finding_info"]["uid"] == "f1"
    assert made["finding_info"]["first_seen_time"] == 1772600767891
    assert made["finding_info"]["last_seen_time"] == 1772604367891
    assert made["resources"][0]["name"] == "file src/app1.py in acme/api"
    assert made["resources"][0]["namespace"] == "acme/api"
    assert made["actor"]["user"] == {"name": "Robin Example", "uid": "U1", "email_addr": "robin@acme.example"}
    assert made["data_security"]["policy"] == {"name": "secrets"}
    assert made["metadata"]["version"] == "1.8.0"
    assert made["metadata"]["tenant_uid"] == "acme"
    assert made["unmapped"]["fingerprint"] == "fp1"
    assert "pattern_match" not in made["data_security"]
