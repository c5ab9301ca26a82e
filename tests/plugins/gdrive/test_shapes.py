"""The documented payload shapes, read through the whole plugin; and none of their truncations raises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.errors import ConnectorsError, RateLimited
from connectors.model import Delivery, Event, EventKind, Gap, Visibility
from connectors.net import Limits
from connectors.net import connect as connect_session
from connectors.testing.fakeapps import Response
from connectors_gdrive import events
from connectors_gdrive.answers import reason_of, translate

SHAPES = Path(__file__).parents[3] / "fixtures" / "gdrive"
ANA = "ana@acme.example"


def shape(name):
    return json.loads((SHAPES / name).read_text())


def answer(name):
    return Response(200, (SHAPES / name).read_bytes(), {"Content-Type": "application/json; charset=UTF-8"})


def test_a_page_of_files(fake, drive):
    fake.fail(answer("files.json"), path="/drive/v3/files")
    sheet, minutes = next(drive.read(next(drive.partitions()), None)).events
    assert (sheet.resource.id, sheet.version, sheet.resource.kind) == ("file:1InventedDocumentId", 57, "spreadsheet")
    assert sheet.resource.visibility is minutes.resource.visibility is Visibility.LINK
    assert minutes.resource.author.email == "ben@acme.example"
    assert "Price list" not in sheet.resource.label


def test_a_page_of_changes(fake, drive):
    fake.fail(answer("changes.json"), path="/drive/v3/changes")
    (page,) = drive.read(next(drive.partitions()), {"token": "1"})
    assert [(event.resource.id, event.kind) for event in page.events] == [
        ("file:1Edited", EventKind.CHANGED),
        ("file:1Binned", EventKind.DELETED),
        ("file:1Removed", EventKind.DELETED),
    ]
    assert [failure.reason for failure in page.failures] == [Gap.EXCLUDED]
    assert (page.cursor, page.listed) == ({"token": "4711"}, 4)


def test_a_page_of_comments(fake, drive, pages, units):
    fake.add_file("a")
    (event,) = pages(drive, f"user:{ANA}")[0].events
    fake.fail(answer("comments.json"), path=".*/comments")
    found = units(drive, event)
    assert {part: text for part, text in found.items() if part.startswith("comment")} == {
        "comment:AAAAInvented1": "Is this the current price?",
        "comment:AAAAInvented1/quote": "Q1 & Q2",
        "comment:AAAAInvented1/reply:AAAAInvented2": "Yes.",
    }


def test_a_notification(context):
    headers = {name.lower(): value for name, value in shape("notification.json").items()}
    expires = int(context.now().timestamp()) + 60
    headers["x-goog-channel-token"] = events.channel_token(
        "s", headers["x-goog-channel-id"], partition="user:a@b.example", expires=expires
    )
    receipt = events.receive(Delivery("d", headers, b""), context.now(), "s")
    assert [event.partition.id for event in receipt.events] == ["user:a@b.example"]


def test_the_quota_answer():
    assert isinstance(translate(403, reason_of((SHAPES / "quota.json").read_bytes()), None), RateLimited)


def wrecks(value):
    """Yield copies of a JSON value with one thing missing or of another type."""
    if isinstance(value, dict):
        for key in value:
            rest = {name: one for name, one in value.items() if name != key}
            yield rest
            yield from ({**rest, key: wreck} for wreck in (None, "", "x", 0, [], {}, [None], ["x"]))
            yield from ({**rest, key: wreck} for wreck in wrecks(value[key]))
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from ([*value[:at], wreck, *value[at + 1 :]] for wreck in (None, "x", [], *wrecks(one)))


@pytest.mark.parametrize("name", ["files.json", "changes.json"])
def test_no_wreck_of_an_entry_raises(name):
    entries = [one.get("file", one) for one in next(v for v in shape(name).values() if isinstance(v, list))]
    count = 0
    for wreck in wrecks(entries):
        for entry in wreck:
            count += 1
            events.event_of(entry, ANA, drive_names={}, known={}, internal=lambda address: "acme" in address)
    assert count > 100


@pytest.mark.parametrize("name", ["files.json", "changes.json", "comments.json"])
def test_no_wreck_of_a_page_raises_anything_but_the_products_errors(fake, drive, units, name):
    made = fake.add_file("a")
    paths = {"files.json": "/drive/v3/files", "changes.json": "/drive/v3/changes", "comments.json": ".*/comments"}
    partition = next(drive.partitions())
    (event,) = [e for page in drive.read(partition, None) for e in page.events]
    for wreck in list(wrecks(shape(name)))[::7]:
        fake.fail(Response.of(wreck), path=paths[name])
        try:
            if name == "comments.json":
                found = units(drive, event)
                assert "content" in found
            else:
                page = next(drive.read(partition, None if name == "files.json" else {"token": "1"}))
                assert page.listed == len(page.events) + len(page.failures)
                assert all(isinstance(one, Event) for one in page.events)
        except ConnectorsError:
            pass
        fake.faults.clear()
    assert made in fake.files


def test_the_hosts_own_session_carries_it_all(fake, connect, context, monkeypatch):
    """Budgets, retries and `Retry-After` of the host stand between the client library and the wire."""
    spent = []
    monkeypatch.setattr(
        context,
        "session",
        lambda bucket: connect_session(
            bucket=bucket, budget=lambda *cost: spent.append(cost), limits=Limits(attempts=2), sleep=lambda _: None
        ),
    )
    fake.add_file("a.txt", "the text")
    own = connect()
    fake.fail(Response(503), path="/drive/v3/files")
    (event,) = [e for page in own.read(next(own.partitions()), None) for e in page.events]
    with next(unit.blob for unit in own.units(event) if unit.part == "content").open() as stream:
        assert stream.read() == b"the text"
    assert {bucket for bucket, _ in spent} == {"queries"}
    fake.fail(Response.of({}, status=429, retry_after="60"), path="/drive/v3/changes.*")
    with pytest.raises(RateLimited) as caught:
        list(own.read(next(own.partitions()), None))
    assert caught.value.after == 60
