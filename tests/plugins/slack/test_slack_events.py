"""Recorded shapes of the Events API to events: ids, kinds, versions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.model import Delivery, Event, EventKind, Receipt, Visibility
from connectors.testing.fakeapps.slack import FakeSlack
from connectors_slack.connector import SlackConnector

Load = Callable[[str], dict[str, Any]]
MESSAGE = "message:C024BE91L:1715602999.000100"


@pytest.fixture
def receive(offline: SlackConnector, load: Load) -> Callable[..., Receipt]:
    """Sign a recorded shape and receive it."""

    def run(name: str, **changes: Any) -> Receipt:
        headers, body = FakeSlack(signing_secret="secret").sign({**load(name), **changes})
        return offline.receive(Delivery("c", headers, body), datetime.now(UTC))

    return run


def shown(event: Event) -> tuple[str, str, int]:
    return event.kind.value, event.resource.id, event.version


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("message", [("changed", MESSAGE, 1715602999000100)]),
        ("reply", [("changed", "message:C024BE91L:1715603001.000100", 1715603001000100)]),
        ("message_changed", [("changed", MESSAGE, 1715603010000000)]),
        ("message_changed_unfurl", [("changed", MESSAGE, 1715603011000200)]),
        ("message_changed_tombstone", [("deleted", MESSAGE, 1715603012000200)]),
        ("message_deleted", [("deleted", MESSAGE, 1715603013000200)]),
        ("message_replied", [("changed", MESSAGE, 1715602999000100)]),
        ("thread_broadcast", [("changed", "message:C024BE91L:1715603015.000100", 1715603015000100)]),
        (
            "file_share",
            [
                ("changed", "message:C024BE91L:1715603016.000100", 1715603016000100),
                ("changed", "file:F0FIXTURE1", 1715602990000000),
            ],
        ),
        ("bot_message", [("changed", "message:C024BE91L:1715603017.000100", 1715603017000100)]),
        ("own_alert", []),
        ("me_message", [("changed", "message:C024BE91L:1715603019.000100", 1715603019000100)]),
        ("direct_message", [("changed", "message:D024BE91L:1715603020.000100", 1715603020000100)]),
        (
            "channel_topic",
            [
                ("changed", "message:C024BE91L:1715603021.000100", 1715603021000100),
                ("sync", "channel:C024BE91L", 1715603021000100),
            ],
        ),
        ("file_created", []),
        ("file_shared", [("changed", "file:F0FIXTURE1", 1)]),
        ("file_change", [("changed", "file:F0FIXTURE1", 1715603000000000)]),
        ("file_public", [("changed", "file:F0FIXTURE1", 1715603024000100)]),
        ("file_unshared", [("changed", "file:F0FIXTURE1", 1715603025000100)]),
        ("file_deleted", [("deleted", "file:F0FIXTURE1", 1715603026000100)]),
        ("channel_shared", [("exposure", "channel:C024BE91L", 1715603027000100)]),
        ("channel_unshared", [("exposure", "channel:C024BE91L", 1715603028000100)]),
        ("member_joined_channel", [("sync", "channel:C024BE91L", 1715603029000100)]),
        ("channel_history_changed", [("sync", "channel:C024BE91L", 1715603030000100)]),
        ("channel_rename", [("sync", "channel:C024BE91L", 1715603031000100)]),
        ("channel_deleted", [("deleted", "channel:C024BE91L", 1715603032000100)]),
        ("grid_migration_started", []),
        ("tokens_revoked", [("revoked", "workspace:T061EG9R6", 1715603000000000)]),
        ("app_uninstalled", [("revoked", "workspace:T061EG9R6", 1715603000000000)]),
        ("app_rate_limited", []),
        ("url_verification", []),
    ],
)
def test_each_shape(receive: Callable[..., Receipt], name: str, expected: list[tuple[str, str, int]]) -> None:
    assert [shown(event) for event in receive(name).events] == expected


def test_every_recorded_shape_has_its_expectation() -> None:
    from pathlib import Path

    names = {path.stem for path in (Path(__file__).parents[3] / "fixtures" / "slack").glob("*.json")}
    marks = test_each_shape.pytestmark  # type: ignore[attr-defined] # parametrize leaves it there
    assert names == {case[0] for case in marks[0].args[1]}


def test_delivery_id_is_slacks_event_id(receive: Callable[..., Receipt]) -> None:
    assert receive("message").delivery_id == "Ev0FIXTURE01"


def test_messages_disappear_with_their_channel(receive: Callable[..., Receipt]) -> None:
    (message,) = receive("message").events
    (channel,) = receive("channel_deleted").events
    assert message.resource.parent == channel.resource.id


def test_hint_names_the_channels_partition(receive: Callable[..., Receipt]) -> None:
    (hint,) = receive("channel_history_changed").events
    assert hint.partition is not None
    assert hint.partition.id == "channel:C024BE91L"


def test_somebody_else_joining_is_no_hint(receive: Callable[..., Receipt], load: Load) -> None:
    event = {**load("member_joined_channel")["event"], "user": "U0SOMEBODY"}
    assert receive("member_joined_channel", event=event).events == ()


def test_rate_limited_events_are_a_failed_delivery(receive: Callable[..., Receipt]) -> None:
    assert "sync" in receive("app_rate_limited").failure


@pytest.mark.parametrize(
    ("name", "visibility"),
    [
        ("message", Visibility.INTERNAL),
        ("direct_message", Visibility.PRIVATE),
        ("channel_shared", Visibility.EXTERNAL),
        ("channel_unshared", Visibility.INTERNAL),
        ("file_public", Visibility.LINK),
    ],
)
def test_visibility(receive: Callable[..., Receipt], name: str, visibility: Visibility) -> None:
    assert receive(name).events[0].resource.visibility is visibility


def test_message_in_a_shared_channel_is_external(receive: Callable[..., Receipt]) -> None:
    assert receive("message", is_ext_shared_channel=True).events[0].resource.visibility is Visibility.EXTERNAL


def test_old_revision_of_an_edit_is_not_scanned(receive: Callable[..., Receipt], offline: SlackConnector) -> None:
    (event,) = receive("message_changed").events
    texts = [unit.text for unit in offline.units(event)]  # type: ignore[union-attr] # messages yield texts
    assert texts == ["after"]


def test_marked_alert_of_another_app_is_never_scanned(receive: Callable[..., Receipt], load: Load) -> None:
    mark = {"event_type": "connectors_alert", "event_payload": {}}
    assert receive("bot_message", event={**load("bot_message")["event"], "metadata": mark}).events == ()


def test_content_is_not_in_reprs(receive: Callable[..., Receipt]) -> None:
    receipt = receive("message")
    assert "runbook" not in repr(receipt)
    assert receipt.events[0].kind is EventKind.CHANGED
