"""The whole OpenAPI document, called with what its schemas allow and with what they do not: no fault, no surprise."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from unittest import SkipTest

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from connectors.api import create_api, issuing
from connectors.config import parse_config
from connectors.runtime import Runtime
from connectors.store.tables import metadata


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    runtime = Runtime.open(
        parse_config("tenants: {default: {tier: internal}}"), folder=tmp_path_factory.mktemp("installation")
    )
    metadata.create_all(runtime.databases.of("default").engine)
    return runtime


@pytest.fixture(scope="module")
def key(installed: Runtime) -> str:
    issued = issuing.create(installed, tenant="default", name="schema", actor="test")
    issuing.set_tier(installed, "default", tier="internal", rate=1e6, burst=10**6)
    return issued.text


EXAMPLES = int(os.environ.get("CONNECTORS_TEST_EXAMPLES", "4"))
OPERATIONS = (
    "POST /v3/scan", "POST /v3/upload", "GET /v3/upload/{upload_id}", "PATCH /v3/upload/{upload_id}",
    "POST /v3/upload/{upload_id}/finish", "POST /v3/upload/{upload_id}/scan", "GET /v3/findings/{result_id}",
    "GET /api/v1/findings", "GET /api/v1/findings/{finding_id}", "POST /api/v1/findings/{finding_id}/state",
    "GET /api/v1/findings/{finding_id}/annotation", "POST /api/v1/findings/{finding_id}/annotation",
    "DELETE /api/v1/findings/{finding_id}/annotation", "POST /api/v1/findings/{finding_id}/actions",
    "GET /api/v1/violations", "GET /api/v1/violations/{violation_id}", "POST /api/v1/violations/actions",
    "GET /api/v1/violations/{violation_id}/findings", "GET /api/v1/policies", "POST /api/v1/policies",
    "GET /api/v1/policies/{policy_id}", "PUT /api/v1/policies/{policy_id}", "DELETE /api/v1/policies/{policy_id}",
    "GET /api/v1/detection-rules", "POST /api/v1/detection-rules", "GET /api/v1/detection-rules/{rule_id}",
    "PUT /api/v1/detection-rules/{rule_id}", "DELETE /api/v1/detection-rules/{rule_id}",
    "GET /api/v1/deliveries", "GET /api/v1/detectors", "GET /api/v1/usage", "GET /api/v1/requests",
)  # fmt: skip
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def operations(installed: Runtime) -> dict[str, Any]:
    schema = schemathesis.openapi.from_asgi("/openapi.json", create_api(installed))
    found = [each.ok() for each in schema.get_all_operations()]
    return {f"{each.method.upper()} {each.path}": each for each in found}


def test_every_operation_is_called(operations: dict[str, Any]) -> None:
    assert sorted(operations) == sorted(OPERATIONS)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfitting"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_no_fault_and_no_undocumented_answer(
    operations: dict[str, Any], key: str, name: str, mode: GenerationMode
) -> None:
    @given(case=operations[name].as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
        phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def call(case: Any) -> None:
        case.headers["Authorization"] = f"Bearer {key}"
        case.call_and_validate(checks=CHECKS)

    try:
        call()
    except (Unsatisfiable, SkipTest):
        pytest.skip("nothing can be generated in this mode")


def test_the_document_names_every_error_code() -> None:
    from connectors.api.errors import CODES

    page = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    assert [code for code in CODES if str(code) not in page] == []
