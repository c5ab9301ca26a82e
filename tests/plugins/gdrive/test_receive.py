from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import Malformed, Unverified
from connectors.model import Delivery, EventKind
from connectors_gdrive import events

NOW = datetime(2026, 3, 1, tzinfo=UTC)
END = int((NOW + timedelta(days=7)).timestamp())
SECRET, CHANNEL, PARTITION = "only-ours", "6c1f6f0e-channel", "user:ana@acme.example"
TOKEN = events.channel_token(SECRET, CHANNEL, partition=PARTITION, expires=END)


def delivery(**changed: str | None) -> Delivery:
    headers = {
        "x-goog-channel-id": CHANNEL,
        "x-goog-channel-token": TOKEN,
        "x-goog-resource-id": "res1",
        "x-goog-resource-state": "change",
        "x-goog-message-number": "12",
    }
    for name, value in changed.items():
        headers[f"x-goog-{name.replace('_', '-')}"] = value or ""
    return Delivery("acme-drive", headers, b"")


def test_a_notification_hints_at_the_partition_of_its_channel():
    receipt = events.receive(delivery(), NOW, SECRET)
    (event,) = receipt.events
    assert (event.kind, event.partition.id) == (EventKind.SYNC, PARTITION)
    assert receipt.delivery_id == f"{CHANNEL}:12"


def test_the_first_message_of_a_channel_says_nothing():
    assert events.receive(delivery(resource_state="sync"), NOW, SECRET).events == ()


def test_a_token_has_room_for_the_longest_address():
    token = events.channel_token(SECRET, CHANNEL, partition="user:" + "a" * 64 + "@acme.example", expires=END)
    assert len(token) <= 256


@pytest.mark.parametrize(
    "changed",
    [
        {"channel_token": None},
        {"channel_token": TOKEN[:-1]},
        {"channel_token": TOKEN.replace("ana", "ben")},
        {"channel_token": TOKEN.replace(str(END), str(END + 1))},
        {"channel_id": "another"},
        {"channel_id": None},
    ],
)
def test_what_does_not_fit_together_is_unverified(changed):
    with pytest.raises(Unverified):
        events.receive(delivery(**changed), NOW, SECRET)


def test_another_secret_is_unverified():
    with pytest.raises(Unverified):
        events.receive(delivery(), NOW, "another")


def test_without_a_secret_nothing_is_accepted():
    empty = events.channel_token("", CHANNEL, partition=PARTITION, expires=END)
    with pytest.raises(Unverified):
        events.receive(delivery(channel_token=empty), NOW, "")


def test_a_token_ends():
    with pytest.raises(Unverified):
        events.receive(delivery(), NOW + timedelta(days=9), SECRET)


@pytest.mark.parametrize("name", ["resource_state", "resource_id", "message_number"])
def test_a_proven_notification_without_its_headers_is_malformed(name):
    with pytest.raises(Malformed):
        events.receive(delivery(**{name: None}), NOW, SECRET)


@given(
    st.dictionaries(
        st.sampled_from(["channel-id", "channel-token", "resource-id", "resource-state", "message-number"]),
        st.text() | st.just(TOKEN) | st.just(CHANNEL),
    ),
    st.binary(),
)
def test_no_request_raises_anything_else(headers, body):
    request = Delivery("d", {f"x-goog-{name}": value for name, value in headers.items()}, body)
    with contextlib.suppress(Unverified, Malformed):
        events.receive(request, NOW, SECRET)
