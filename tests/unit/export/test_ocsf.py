"""OCSF events, against the schema that is published."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from connectors.export import ocsf
from connectors.model import Confidence, FindingState, Severity

Make = Callable[..., Any]


@pytest.fixture(scope="module")
def published() -> Draft202012Validator:
    """The class as https://schema.ocsf.io/1.8.0/classes/data_security_finding publishes it."""
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.8.0"))
    return Draft202012Validator(schema.get_class_schema(class_name="data_security_finding"))


def problems(validator: Draft202012Validator, made: Any) -> list[str]:
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(made)]


def event(record: Any) -> dict[str, Any]:
    stream = io.StringIO()
    assert ocsf.write([record], stream) == 1
    made: dict[str, Any] = json.loads(stream.getvalue())
    return made


@pytest.mark.parametrize("state", FindingState)
@pytest.mark.parametrize("severity", Severity)
def test_every_state_and_severity_is_as_the_schema_says(
    published: Draft202012Validator, make_record: Make, state: FindingState, severity: Severity
) -> None:
    for confidence in Confidence:
        record = make_record(state=state, severity=severity, confidence=confidence)
        assert problems(published, event(record)) == []


def test_a_bare_record_is_valid_too(published: Draft202012Validator, make_record: Make) -> None:
    empty = {"author_id": "", "author": "", "author_email": "", "policies": (), "first_seen": None, "last_seen": None}
    made = event(make_record(**empty, resource_url="", tenant="", container="", container_id="", places=()))
    assert problems(published, made) == []
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


def test_the_published_schema_refuses_what_is_wrong(published: Draft202012Validator, make_record: Make) -> None:
    made = event(make_record())
    assert problems(published, {**made, "severity_id": 42})
    assert problems(published, {**made, "resources": [{"uid": 7}]})
    assert problems(published, {name: value for name, value in made.items() if name != "finding_info"})
    assert problems(published, {**made, "secret": "x"})
