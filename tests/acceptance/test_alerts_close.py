"""An incident and a webhook receiver hear of a leak in chat, and hear again when it is edited away."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from connectors.testing.company import aws_key
from connectors.testing.fakeapps import FakeApp, FakeApps, Request, Response, route
from connectors.testing.fakeapps.slack import FakeSlack
from connectors.testing.installation import Installation


class Receivers(FakeApp):
    """Takes PagerDuty's events and signed webhooks, and keeps what they say."""

    name = "receivers"

    def __init__(self) -> None:
        super().__init__()
        self.incidents: list[Any] = []
        self.posts: list[Any] = []

    @route("POST", "/v2/enqueue")
    def enqueue(self, request: Request) -> Response:
        """Take an event."""
        self.incidents.append(request.json())
        return Response.of({"status": "success"}, 202)

    @route("POST", "/hook")
    def hook(self, request: Request) -> Response:
        """Take a webhook."""
        self.posts.append((request.headers["webhook-id"], request.json()))
        return Response.of({})


def _config(slack: FakeSlack, receivers: Receivers) -> str:
    secret = "whsec_" + base64.b64encode(b"invented-for-this-test-only!").decode()
    return f"""
connections:
  acme-slack:
    connector: slack
    sync: {{enabled: false}}
    config: {{token: {slack.token}, webhook_secret: {slack.signing_secret}, base_url: "{slack.base_url}/api/"}}
policies: [{{name: credentials, detectors: [secret], alert: [incidents, hook]}}]
destinations:
  incidents: {{kind: pagerduty, config: {{routing_key: invented, base_url: "{receivers.base_url}", allow_http: true}}}}
  hook: {{kind: webhook, config: {{url: "{receivers.base_url}/hook", secret: {secret}, allow_http: true}}}}
outbound: {{allow: [127.0.0.0/8]}}
"""


def test_receivers_that_keep_alerts_open_hear_of_their_end(tmp_path: Path) -> None:
    slack, receivers = FakeSlack(), Receivers()
    with FakeApps(slack, receivers).running():
        house = Installation(_config(slack, receivers), tmp_path)
        with house.running(worker=False):
            channel = slack.add_channel("general")
            posted = slack.post_message(channel, slack.add_user("ana"), f"the key is {aws_key('one')}")
            assert house.post("acme-slack", *posted).status_code == 200
            house.worker.drain()
            stamp = next(iter(slack.messages[channel]))
            assert house.post("acme-slack", *slack.edit_message(channel, stamp, "sorry")).status_code == 200
            house.worker.drain()
    assert [each["event_action"] for each in receivers.incidents] == ["trigger", "resolve"]
    assert len({each["dedup_key"] for each in receivers.incidents}) == 1
    assert [body["type"] for _, body in receivers.posts] == ["alert.created", "alert.resolved"]
    assert [id_.removesuffix("-resolved") for id_, _ in receivers.posts] == [receivers.posts[0][0]] * 2
