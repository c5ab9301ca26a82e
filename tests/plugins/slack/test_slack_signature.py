"""Who may deliver: the vendor's published vector, and everything that must be refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from connectors.errors import Malformed, Unverified
from connectors.model import Delivery
from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps.slack import FakeSlack
from connectors_slack import events
from connectors_slack.config import SlackConfig
from connectors_slack.connector import SlackConnector

# The example of https://docs.slack.dev/authentication/verifying-requests-from-slack
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
STAMP = 1531420618
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
    b"channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&"
    b"response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&"
    b"trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
THEN = datetime.fromtimestamp(STAMP, UTC)
HEADERS = {"x-slack-request-timestamp": str(STAMP), "x-slack-signature": SIGNATURE}


def test_published_vector_is_accepted() -> None:
    events.verify(HEADERS, BODY, SECRET, THEN)


@pytest.mark.parametrize(
    ("headers", "body", "secret", "now"),
    [
        (HEADERS, BODY + b"x", SECRET, THEN),
        (HEADERS, BODY, SECRET + "x", THEN),
        (HEADERS, BODY, SECRET, THEN + timedelta(seconds=301)),
        (HEADERS, BODY, SECRET, THEN - timedelta(seconds=301)),
        ({**HEADERS, "x-slack-signature": ""}, BODY, SECRET, THEN),
        ({**HEADERS, "x-slack-signature": "v0=é"}, BODY, SECRET, THEN),
        ({**HEADERS, "x-slack-signature": SIGNATURE[3:]}, BODY, SECRET, THEN),
        ({**HEADERS, "x-slack-request-timestamp": ""}, BODY, SECRET, THEN),
        ({**HEADERS, "x-slack-request-timestamp": "1e9"}, BODY, SECRET, THEN),
        ({**HEADERS, "x-slack-request-timestamp": "٣"}, BODY, SECRET, THEN),
        ({**HEADERS, "x-slack-request-timestamp": str(STAMP + 1)}, BODY, SECRET, THEN),
        ({"x-slack-signature": SIGNATURE}, BODY, SECRET, THEN),
        ({}, BODY, SECRET, THEN),
    ],
)
def test_anything_else_is_refused(headers: dict[str, str], body: bytes, secret: str, now: datetime) -> None:
    with pytest.raises(Unverified):
        events.verify(headers, body, secret, now)


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_five_minutes_of_clock_difference_are_fine(seconds: int) -> None:
    events.verify(HEADERS, BODY, SECRET, THEN + timedelta(seconds=seconds))


def test_connection_without_secret_refuses_everything() -> None:
    connector = SlackConnector(SlackConfig(token="xoxb-nobody"), MemoryContext())
    headers, body = FakeSlack(signing_secret="x").sign({"type": "event_callback"})
    with pytest.raises(Unverified):
        connector.receive(Delivery("c", headers, body), datetime.now(UTC))


def test_empty_secret_is_no_secret() -> None:
    connector = SlackConnector(SlackConfig(token="xoxb-nobody", webhook_secret=""), MemoryContext())
    headers, body = FakeSlack(signing_secret="").sign({"type": "event_callback"})
    with pytest.raises(Unverified):
        connector.receive(Delivery("c", headers, body), datetime.now(UTC))


def test_challenge_is_answered_only_when_signed(offline: SlackConnector) -> None:
    asked = {"type": "url_verification", "challenge": "abc"}
    headers, body = FakeSlack(signing_secret="secret").sign(asked)
    reply = offline.receive(Delivery("c", headers, body), datetime.now(UTC)).reply
    assert reply is not None
    assert reply.body == b"abc"
    with pytest.raises(Unverified):
        offline.receive(Delivery("c", {**headers, "x-slack-signature": "v0=0"}, body), datetime.now(UTC))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000, b"null"])
def test_signed_garbage_is_malformed(offline: SlackConnector, body: bytes) -> None:
    headers, signed = FakeSlack(signing_secret="secret").sign(body)
    with pytest.raises(Malformed):
        offline.receive(Delivery("c", headers, signed), datetime.now(UTC))


def test_other_envelopes_bring_nothing(offline: SlackConnector) -> None:
    headers, body = FakeSlack(signing_secret="secret").sign(json.dumps({"type": "block_actions"}).encode())
    assert offline.receive(Delivery("c", headers, body), datetime.now(UTC)).events == ()
