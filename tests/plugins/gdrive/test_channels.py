from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.errors import AuthError, Unsupported
from connectors.model import Delivery
from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps import Response
from connectors_gdrive.connector import DriveConnector

ANA, BEN = "ana@acme.example", "ben@acme.example"
CALLBACK = "https://dlp.example/webhooks/acme-drive"


def feeds(fake):
    return sorted(channel["feed"] for channel in fake.channels.values())


@pytest.fixture
def later(drive, context):
    """Return the connector as it is after some time."""

    def travel(delta: timedelta) -> DriveConnector:
        moved = MemoryContext("acme-drive", now=lambda: context.now() + delta)
        return DriveConnector(drive.config, moved)

    return travel


def test_every_user_and_shared_drive_has_a_channel(fake, drive, context):
    shared = fake.add_drive("Sales", [BEN])
    made = drive.subscribe(CALLBACK, None)
    assert feeds(fake) == sorted([f"user:{ANA}", f"user:{BEN}", f"drive:{shared}"])
    ends = {int(channel["expiration"]) / 1000 for channel in fake.channels.values()}
    assert ends == {(context.now() + timedelta(days=7)).timestamp()}
    assert made.expires_at == context.now() + timedelta(days=1)


def test_the_end_is_what_google_grants(fake, drive, context):
    granted = int((context.now() + timedelta(hours=3)).timestamp() * 1000)
    answer = {"resourceId": "r", "expiration": str(granted)}
    fake.fail(Response.of(answer), path="/drive/v3/changes/watch")
    assert drive.subscribe(CALLBACK, None).expires_at == context.now() + timedelta(hours=3)


def test_a_young_channel_is_kept(fake, drive, later):
    made = drive.subscribe(CALLBACK, None)
    before = set(fake.channels)
    assert later(timedelta(days=1)).subscribe(CALLBACK, made).state["channels"] == made.state["channels"]
    assert set(fake.channels) == before


def test_an_ageing_channel_is_replaced_and_the_new_one_is_open_first(fake, drive, later):
    made = drive.subscribe(CALLBACK, None)
    before = set(fake.channels)
    fake.calls.clear()
    later(timedelta(days=5.25)).subscribe(CALLBACK, made)
    assert feeds(fake) == [f"user:{ANA}", f"user:{BEN}"]
    assert not before & set(fake.channels)
    paths = [path for _, path in fake.calls if path.endswith(("watch", "stop"))]
    assert paths.index("/drive/v3/channels/stop") > paths.index("/drive/v3/changes/watch")
    assert paths[-2:] == ["/drive/v3/channels/stop"] * 2


def test_a_new_user_gets_a_channel_at_the_next_look(fake, connect, later):
    made = connect(users=[ANA]).subscribe(CALLBACK, None)
    later(timedelta(days=1)).subscribe(CALLBACK, made)
    assert feeds(fake) == [f"user:{ANA}", f"user:{BEN}"]


def test_a_moved_callback_and_a_lost_user_close_their_channels(fake, drive, connect):
    made = drive.subscribe(CALLBACK, None)
    connect(users=[ANA]).subscribe("https://new.example/webhooks/acme-drive", made)
    assert feeds(fake) == [f"user:{ANA}"]
    assert {channel["address"] for channel in fake.channels.values()} == {"https://new.example/webhooks/acme-drive"}


def test_one_user_without_access_does_not_stop_the_others(fake, connect, context):
    made = connect(users=[ANA, "left@acme.example"]).subscribe(CALLBACK, None)
    assert feeds(fake) == [f"user:{ANA}"]
    assert made.expires_at == context.now() + timedelta(hours=1)


def test_refused_credentials_are_raised(fake, drive):
    fake.users.clear()
    with pytest.raises(AuthError):
        drive.subscribe(CALLBACK, None)


def test_without_a_secret_there_are_no_channels(connect):
    with pytest.raises(Unsupported):
        connect(webhook_secret=None).subscribe(CALLBACK, None)


def test_what_google_posts_is_understood(fake, drive, context):
    drive.subscribe(CALLBACK, None)
    fake.add_file("a", owner=BEN)
    receipts = [
        drive.receive(Delivery("d", {k.lower(): v for k, v in one.headers.items()}, one.body), context.now())
        for one in fake.notifications
    ]
    assert [event.partition.id for receipt in receipts for event in receipt.events] == [f"user:{BEN}"]
    assert len({receipt.delivery_id for receipt in receipts}) == len(receipts) == 3
