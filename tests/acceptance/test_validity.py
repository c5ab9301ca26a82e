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


def _config(slack: FakeSlack, host: CodeHost, verify: str) -> str:
    return f"""
connections:
  acme-slack:
    connector: slack
    config: {{token: {slack.token}, webhook_secret: {slack.signing_secret}, base_url: "{slack.base_url}/api/"}}
policies: [{{name: credentials, detectors: [github], severity: critical}}]
detection:
  verify: {{detectors: [{verify}], addresses: {{github: "{host.base_url}"}}}}
outbound: {{allow: [127.0.0.0/8]}}
"""


def _found(town: tuple[FakeSlack, CodeHost], folder: Path, verify: str) -> Any:
    slack, host = town
    house = Installation(_config(slack, host, verify), folder)
    with house.running(worker=False):
        channel = slack.add_channel("general")
        headers, body = slack.post_message(channel, slack.add_user("ana"), f"use {TOKEN} for now")
        assert house.post("acme-slack", headers, body).status_code == 200
        house.worker.drain()
        runtime = house.runtime
        (residency,) = runtime.databases.residencies
        database = runtime.databases.of(residency)
        (row,) = database.read(lambda c: findings.listed(c, residency))
        everything = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
        assert not any(TOKEN.encode() in content for content in everything)
        return row


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
