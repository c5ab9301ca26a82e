"""A live token in a chat message: the vendor is asked in the worker, and what it said is shown, not the token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.detection import catalog
from connectors.export.record import as_values, record_of
from connectors.model import Severity, Validity
from connectors.store import findings
from connectors.testing.fakeapps import FakeApp, FakeApps, Request, Response, route
from connectors.testing.fakeapps.slack import FakeSlack
from connectors.testing.installation import Installation

EXAMPLE = catalog.by_id()["github_personal_token"].examples[0]
TOKEN = EXAMPLE[EXAMPLE.index("ghp_") :][:40]


class CodeHost(FakeApp):
    """Knows one live token."""

    name = "codehost"

    @route("GET", "/user")
    def user(self, request: Request) -> Response:
        """Tell who a token belongs to."""
        return Response.of({}, 200 if request.headers.get("authorization") == f"Bearer {TOKEN}" else 401)


@pytest.fixture
def town() -> Iterator[tuple[FakeSlack, CodeHost]]:
    slack, host = FakeSlack(), CodeHost()
    with FakeApps(slack, host).running():
        yield slack, host


def _config(slack: FakeSlack, host: CodeHost, verify: str, when: str = "") -> str:
    return f"""
connections:
  acme-slack:
    connector: slack
    config: {{token: {slack.token}, webhook_secret: {slack.signing_secret}, base_url: "{slack.base_url}/api/"}}
policies: [{{name: credentials, detectors: [github], severity: critical{when}}}]
detection:
  verify: {{detectors: [{verify}], addresses: {{github: "{host.base_url}"}}}}
outbound: {{allow: [127.0.0.0/8]}}
"""


def _found(town: tuple[FakeSlack, CodeHost], folder: Path, verify: str, when: str = "") -> Any:
    slack, host = town
    folder.mkdir(exist_ok=True)
    house = Installation(_config(slack, host, verify, when), folder)
    with house.running(worker=False):
        channel = slack.add_channel("general")
        headers, body = slack.post_message(channel, slack.add_user("ana"), f"use {TOKEN} for now")
        assert house.post("acme-slack", headers, body).status_code == 200
        house.worker.drain()
        runtime = house.runtime
        (residency,) = runtime.databases.residencies
        database = runtime.databases.of(residency)
        rows = database.read(lambda c: findings.listed(c, residency))
        everything = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
        assert not any(TOKEN.encode() in content for content in everything)
        return rows[0] if rows else None


def test_a_live_token_is_shown_as_active(town: tuple[FakeSlack, CodeHost], tmp_path: Path) -> None:
    row = _found(town, tmp_path, "github_personal_token")
    assert (row["validity"], row["severity"]) == (Validity.ACTIVE, Severity.CRITICAL)
    assert row["validity_evidence"]["status"] == 200
    assert row["validity_checked_at"] is not None
    exported = as_values(record_of(row))
    assert exported["validity"] == "active"
    assert TOKEN not in json.dumps(exported)
    assert town[1].calls == [("GET", "/user")]


def test_nobody_is_asked_about_detectors_that_did_not_opt_in(town: tuple[FakeSlack, CodeHost], tmp_path: Path) -> None:
    assert _found(town, tmp_path, "slack_bot_token")["validity"] is None
    assert town[1].calls == []


def test_a_vendor_that_is_down_holds_nothing_up(town: tuple[FakeSlack, CodeHost], tmp_path: Path) -> None:
    town[1].fail(None, times=10)
    row = _found(town, tmp_path, "github")
    assert row["validity"] == Validity.UNVERIFIED
    assert row["validity_evidence"]["reason"] == "transient"


def test_a_policy_may_care_for_live_tokens_alone(town: tuple[FakeSlack, CodeHost], tmp_path: Path) -> None:
    row = _found(town, tmp_path / "live", "github", ", when: {validity: active}")
    assert (row["validity"], row["policies"]) == (Validity.ACTIVE, ["credentials"])
    assert _found(town, tmp_path / "dead", "github", ", when: {validity: expired}") is None
