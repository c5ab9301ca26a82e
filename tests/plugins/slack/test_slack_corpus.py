"""A marked value in every kind of place of Slack: sync and webhooks each find it, place by place."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from connectors.model import EventKind, Gap
from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.slack import FakeSlack, Webhook
from connectors_slack.config import SlackConfig
from connectors_slack.connector import SlackConnector

Plant = Callable[[FakeSlack, str, str, str], list[Webhook]]


def _post(**more: Any) -> Plant:
    def plant(slack: FakeSlack, channel: str, user: str, mark: str) -> list[Webhook]:
        given = json.loads(json.dumps(more).replace("MARK", mark))
        text = given.pop("text", "nothing here")
        return [slack.post_message(channel, user, text, **given)]

    return plant


def _rich(*runs: dict[str, Any], kind: str = "rich_text_section") -> list[dict[str, Any]]:
    return [{"type": "rich_text", "elements": [{"type": kind, "elements": list(runs)}]}]


def _reply(slack: FakeSlack, channel: str, user: str, mark: str) -> list[Webhook]:
    root = slack.write(channel, user, "root")
    return [slack.post_message(channel, user, f"reply {mark}", thread=root)]


def _broadcast(slack: FakeSlack, channel: str, user: str, mark: str) -> list[Webhook]:
    root = slack.write(channel, user, "root")
    return [slack.post_message(channel, user, f"to all {mark}", thread=root, broadcast=True)]


def _edit(slack: FakeSlack, channel: str, user: str, mark: str) -> list[Webhook]:
    first = slack.post_message(channel, user, "before")
    return [first, slack.edit_message(channel, slack.last_ts, f"after {mark}")]


def _unfurl(slack: FakeSlack, channel: str, user: str, mark: str) -> list[Webhook]:
    first = slack.post_message(channel, user, "<https://news.acme.example/1>")
    return [first, slack.unfurl(channel, slack.last_ts, {"from_url": "https://news.acme.example/1", "text": mark})]


def _file(**more: Any) -> Plant:
    def plant(slack: FakeSlack, channel: str, user: str, mark: str) -> list[Webhook]:
        given = {key: value.replace("MARK", mark) if isinstance(value, str) else value for key, value in more.items()}
        content = str(given.pop("content", "nothing")).encode()
        name = str(given.pop("filename", "notes.txt"))
        return [slack.share_file(channel, user, name, content, **given)]

    return plant


def _file_in_thread(slack: FakeSlack, channel: str, user: str, mark: str) -> list[Webhook]:
    root = slack.write(channel, user, "root")
    return [slack.share_file(channel, user, "a.txt", mark.encode(), thread=root)]


def _changed_file(slack: FakeSlack, channel: str, user: str, mark: str) -> list[Webhook]:
    first = slack.share_file(channel, user, "canvas.html", b"<p>empty</p>", mode="canvas", mimetype="text/html")
    slack.contents[slack.last_file] = f"<p>{mark}</p>".encode()
    return [first, slack.file_event("file_change", slack.last_file)]


def _file_without_message(slack: FakeSlack, channel: str, user: str, mark: str) -> list[Webhook]:
    file = slack.add_file(channel, user, "loose.txt", mark.encode())
    return [slack.file_event("file_shared", file)]


PLACES: dict[str, Plant] = {
    "text": _post(text="key MARK"),
    "code in text": _post(text="`MARK`"),
    "link in text": _post(text="<https://x.example/?key=MARK|here>"),
    "thread reply": _reply,
    "broadcast reply": _broadcast,
    "edit": _edit,
    "me message": _post(text="is using MARK", subtype="me_message"),
    "bot message": _post(text="", subtype="bot_message", bot_id="B0OTHER", attachments=[{"id": 1, "text": "MARK"}]),
    "section block": _post(blocks=[{"type": "section", "text": {"type": "mrkdwn", "text": "MARK"}}]),
    "section fields": _post(blocks=[{"type": "section", "fields": [{"type": "mrkdwn", "text": "MARK"}]}]),
    "context block": _post(blocks=[{"type": "context", "elements": [{"type": "mrkdwn", "text": "MARK"}]}]),
    "rich text": _post(blocks=_rich({"type": "text", "text": "MARK"})),
    "rich text code": _post(blocks=_rich({"type": "text", "text": "MARK"}, kind="rich_text_preformatted")),
    "rich text link": _post(blocks=_rich({"type": "link", "url": "https://x.example/MARK"})),
    "button": _post(blocks=[{"type": "actions", "elements": [{"type": "button", "value": "MARK"}]}]),
    "attachment text": _post(attachments=[{"id": 1, "text": "MARK"}]),
    "attachment field": _post(attachments=[{"id": 1, "fields": [{"title": "k", "value": "MARK"}]}]),
    "unfurl": _unfurl,
    "metadata": _post(metadata={"event_type": "deploy", "event_payload": {"key": "MARK"}}),
    "file content": _file(content="MARK"),
    "file name": _file(filename="MARK.txt"),
    "file title": _file(title="MARK"),
    "file alt text": _file(alt_txt="MARK"),
    "message of a file": _file(text="see MARK"),
    "file in a thread": _file_in_thread,
    "canvas": _file(filename="c.html", content="<p>MARK</p>", mode="canvas", mimetype="text/html"),
    "snippet": _file(filename="s.py", content="MARK", mode="snippet"),
    "changed canvas": _changed_file,
    "file whose message is gone": _file_without_message,
    "topic change": _post(text="set the channel topic: MARK", subtype="channel_topic"),
}


KINDS = ("public_channel", "private_channel", "mpim", "im")


def mark_of(place: str, kind: str) -> str:
    return f"x{list(PLACES).index(place)}-{kind}-MARKEDx"


@pytest.fixture(scope="module")
def corpus(record: Any) -> Any:
    """Every place in every kind of channel, read once by webhooks and once by a sync."""
    slack = FakeSlack()
    user, webhooks = slack.add_user("Ann"), list[Webhook]()
    channels = {kind: slack.add_channel("somewhere", kind=kind) for kind in KINDS}
    with FakeApps(slack).running() as apps:
        given = {"token": slack.token, "webhook_secret": slack.signing_secret}
        config = SlackConfig(**given, base_url=apps.url("slack") + "/api/")
        synced, delivered = (record(SlackConnector(config, MemoryContext())) for _ in range(2))
        for place, plant in PLACES.items():
            for kind, channel in channels.items():
                webhooks += plant(slack, channel, user, mark_of(place, kind))
        for webhook in webhooks:
            delivered.deliver(webhook)
        synced.sync()
    return synced, delivered


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_sync_finds_it(place: str, kind: str, corpus: Any) -> None:
    assert corpus[0].places(mark_of(place, kind))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_webhooks_find_it(place: str, kind: str, corpus: Any) -> None:
    assert corpus[1].places(mark_of(place, kind))


@pytest.mark.parametrize("place", PLACES)
def test_webhook_and_sync_agree_on_the_place(place: str, corpus: Any) -> None:
    synced, delivered = (set(seen.places(mark_of(place, "public_channel"))) for seen in corpus)
    assert synced == delivered


@pytest.mark.parametrize("part", ["topic", "purpose", "name"])
def test_texts_of_the_channel_itself(part: str, slack: FakeSlack, seen: Any) -> None:
    given = {"topic": "", "purpose": "", "name": "general", part: "xMARKEDx"}
    channel = slack.add_channel(given.pop("name"), **given)
    seen.sync()
    assert seen.places("xMARKEDx") == [(f"channel_info:{channel}", part)]


@pytest.mark.parametrize(
    ("more", "gap"),
    [
        ({"mode": "external"}, Gap.NOT_IN_API),
        ({"mode": "hidden_by_limit"}, Gap.NOT_IN_API),
    ],
)
def test_file_that_cannot_be_read_is_a_gap(more: dict[str, str], gap: Gap, slack: FakeSlack, seen: Any) -> None:
    channel, user = slack.add_channel("general"), slack.add_user("Ann")
    slack.share_file(channel, user, "elsewhere.doc", b"", **more)
    seen.sync()
    assert gap in {failure.reason for failure in seen.failures}


def test_file_that_the_token_may_not_see_is_a_gap(slack: FakeSlack, seen: Any) -> None:
    channel, user = slack.add_channel("general"), slack.add_user("Ann")
    slack.scopes = slack.scopes.replace("files:read,", "")
    file = slack.add_file(channel, user, "a.txt", b"x")
    seen.deliver(slack.file_event("file_shared", file))
    assert [failure.reason for failure in seen.failures] == [Gap.MISSING_SCOPE]


def test_own_alert_is_in_the_ledger_and_never_scanned(slack: FakeSlack, seen: Any) -> None:
    channel = slack.add_channel("alerts")
    mark = {"event_type": "connectors_alert", "event_payload": {"id": "1"}}
    slack.write(channel, slack.bot_user, "xMARKEDx", bot_id=slack.bot_id, app_id=slack.app_id)
    slack.write(channel, "U0OTHERBOT", "xMARKEDx", bot_id="B0OTHER", metadata=mark)
    seen.sync()
    assert [failure.reason for failure in seen.failures] == [Gap.OWN_ALERT, Gap.OWN_ALERT]
    assert not seen.places("xMARKEDx")


def test_deleted_message_and_tombstone_are_gone(slack: FakeSlack, seen: Any) -> None:
    channel, user = slack.add_channel("general"), slack.add_user("Ann")
    root = slack.write(channel, user, "root xMARKEDx")
    slack.write(channel, user, "reply", thread=root)
    (event,) = seen.deliver(slack.delete_message(channel, root))
    assert (event.kind, event.resource.id) == (EventKind.DELETED, f"message:{channel}:{root}")
    seen.sync()
    assert not seen.places("xMARKEDx")
    deleted = [e.resource.id for e in seen.events if e.kind is EventKind.DELETED]
    assert deleted == [f"message:{channel}:{root}"] * 2
