"""Slack held to the contract."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from connectors.model import Delivery
from connectors.testing.contract import Bench, ConnectorContract
from connectors.testing.fakeapps import Response
from connectors.testing.fakeapps.slack import FakeSlack
from connectors_slack.connector import SlackConnector


class SlackBench(Bench):
    signature = ("x-slack-signature", "x-slack-request-timestamp")
    stale_after = timedelta(minutes=5, seconds=1)
    fake: FakeSlack

    def __init__(self) -> None:
        self.fake = FakeSlack(signing_secret=self.secret)
        self.user = self.fake.add_user("Ana Reyes", email="ana@acme.example")
        self.channel = self.fake.add_channel("general")
        self.page_size = 200

    def config(self, url: str) -> dict[str, Any]:
        return {
            "token": self.fake.token,
            "user_token": self.fake.user_token,
            "webhook_secret": self.secret,
            "base_url": f"{url}/api/",
            "page_size": self.page_size,
        }

    def create(self, text: str) -> tuple[str, Delivery | None]:
        headers, body = self.fake.post_message(self.channel, self.user, text)
        return self.fake.last_ts, Delivery("kit", headers, body)

    def edit(self, key: str, text: str) -> Delivery | None:
        return Delivery("kit", *self.fake.edit_message(self.channel, key, text))

    def delete(self, key: str) -> Delivery | None:
        return Delivery("kit", *self.fake.delete_message(self.channel, key))

    def sign(self, body: bytes, like: Delivery) -> Delivery:
        headers, _ = self.fake.sign(body)
        return replace(like, headers=headers, body=body)

    def small_pages(self) -> None:
        self.fake.page_cap = 2

    def show(self, key: str) -> object:
        told = {channel: sorted(held) for channel, held in self.fake.messages.items() if channel != self.channel}
        return dict(self.fake.messages[self.channel].get(key, {})), told

    def fault(self, name: str, body: bytes) -> Response | None:
        """Slack says most things with 200."""
        said = {"401": "invalid_auth", "403": "missing_scope"}.get(name)
        if said is None:
            return super().fault(name, body)
        return Response.of({"ok": False, "error": said, "needed": "channels:history", "note": body.decode()})


class TestSlack(ConnectorContract):
    connector = SlackConnector
    bench = SlackBench
