"""Acting in Slack: nothing without the value, nothing twice, nothing in a dry run, and an honest end."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from connectors.errors import Unsupported
from connectors.model import ActionResult, Confidence, Container, Match, Resource, Target
from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps.slack import FakeSlack
from connectors_slack.connector import SlackConnector

Connect = Callable[..., SlackConnector]
MARK = re.compile("xMARKEDx")


def target(ident: str, *, kind: str = "message", part: str = "body") -> Target:
    def matches(text: str) -> tuple[Match, ...]:
        found = MARK.finditer(text)
        return tuple(Match("d", "f", m.start(), m.end(), Confidence.LIKELY, m[0]) for m in found)

    resource = Resource(ident, kind, Container("C1", "#general"), url="https://acme.slack.com/archives/C1/p1")
    return Target(resource, part, "d", matches, lambda text: MARK.sub("*", text), "Please remove it.")


@pytest.fixture
def place(slack: FakeSlack) -> tuple[str, str]:
    return slack.add_channel("general"), slack.add_user("Ann")


def state_of(slack: FakeSlack) -> Any:
    """Return all that an action could change."""
    return repr((slack.messages, slack.files))


@pytest.fixture
def leak(slack: FakeSlack, place: tuple[str, str]) -> Target:
    """A message that holds the value."""
    return target(f"message:{place[0]}:{slack.write(*place, 'key xMARKEDx')}")


@pytest.fixture
def actor(connect: Connect, slack: FakeSlack) -> SlackConnector:
    """A connector that may do everything."""
    slack.scopes += ",discovery:write"
    return connect(user_token=slack.user_token, discovery_token=slack.user_token)


@pytest.mark.parametrize("action", ["delete_message", "notify_author", "tombstone"])
def test_dry_run_changes_nothing(action: str, actor: SlackConnector, slack: FakeSlack, leak: Target) -> None:
    before = state_of(slack)
    outcome = actor.act(action, leak, dry_run=True)
    assert outcome.result is ActionResult.DRY_RUN
    assert len(outcome.before_hash) == 64
    assert state_of(slack) == before


@pytest.mark.parametrize("action", ["delete_message", "notify_author", "tombstone"])
def test_value_that_is_gone_is_left_alone(
    action: str, actor: SlackConnector, slack: FakeSlack, leak: Target, place: tuple[str, str]
) -> None:
    slack.edit_message(place[0], slack.last_ts, "key is in the vault")
    before = state_of(slack)
    assert actor.act(action, leak, dry_run=False).result is ActionResult.NOTHING_TO_DO
    assert state_of(slack) == before


@pytest.mark.parametrize("action", ["delete_message", "notify_author", "tombstone"])
def test_second_time_there_is_nothing_to_do(action: str, actor: SlackConnector, leak: Target) -> None:
    assert actor.act(action, leak, dry_run=False).result is ActionResult.DONE
    assert actor.act(action, leak, dry_run=False).result is ActionResult.NOTHING_TO_DO


def test_deleting_somebodys_message(
    actor: SlackConnector, slack: FakeSlack, leak: Target, place: tuple[str, str]
) -> None:
    assert actor.act("delete_message", leak, dry_run=False).result is ActionResult.DONE
    assert slack.last_ts not in slack.messages[place[0]]


def test_deleting_a_thread_reply(actor: SlackConnector, slack: FakeSlack, place: tuple[str, str]) -> None:
    root = slack.write(*place, "root")
    reply = slack.write(*place, "reply xMARKEDx", thread=root)
    outcome = actor.act("delete_message", target(f"message:{place[0]}:{reply}"), dry_run=False)
    assert outcome.result is ActionResult.DONE
    assert set(slack.messages[place[0]]) == {root}


def test_bot_alone_may_not_delete_what_others_wrote(connect: Connect, slack: FakeSlack, leak: Target) -> None:
    before = state_of(slack)
    outcome = connect().act("delete_message", leak, dry_run=False)
    assert outcome.result is ActionResult.REFUSED
    assert "user_token" in outcome.message
    assert state_of(slack) == before


def test_bot_deletes_its_own(connect: Connect, slack: FakeSlack, place: tuple[str, str]) -> None:
    ts = slack.write(place[0], slack.bot_user, "oops xMARKEDx", bot_id=slack.bot_id)
    outcome = connect().act("delete_message", target(f"message:{place[0]}:{ts}"), dry_run=False)
    assert outcome.result is ActionResult.DONE


def test_files_of_a_deleted_message_are_said_to_remain(
    actor: SlackConnector, slack: FakeSlack, place: tuple[str, str]
) -> None:
    slack.share_file(*place, "a.txt", b"x", text="xMARKEDx")
    outcome = actor.act("delete_message", target(f"message:{place[0]}:{slack.last_ts}"), dry_run=False)
    assert "1 attached file" in outcome.remaining


@pytest.mark.parametrize("part", ["body", "title"])
def test_deleting_a_file(part: str, actor: SlackConnector, slack: FakeSlack, place: tuple[str, str]) -> None:
    file = slack.add_file(*place, "xMARKEDx.txt", b"xMARKEDx")
    gone = target(f"file:{file}", kind="file", part=part)
    assert actor.act("delete_file", gone, dry_run=True).result is ActionResult.DRY_RUN
    assert file in slack.files
    assert actor.act("delete_file", gone, dry_run=False).result is ActionResult.DONE
    assert file not in slack.files
    assert actor.act("delete_file", gone, dry_run=False).result is ActionResult.NOTHING_TO_DO


def test_canvas_is_read_again_before_it_is_deleted(
    actor: SlackConnector, slack: FakeSlack, place: tuple[str, str]
) -> None:
    file = slack.add_file(*place, "c.html", b"<p>clean now</p>", mode="canvas", mimetype="text/html")
    outcome = actor.act("delete_file", target(f"file:{file}", kind="file"), dry_run=False)
    assert outcome.result is ActionResult.NOTHING_TO_DO
    assert file in slack.files


def test_author_is_told_in_a_marked_direct_message(
    actor: SlackConnector, slack: FakeSlack, leak: Target, place: tuple[str, str]
) -> None:
    outcome = actor.act("notify_author", leak, dry_run=False)
    assert "stays until" in outcome.remaining
    (channel,) = [ident for ident, held in slack.channels.items() if held["is_im"] and held["user"] == place[1]]
    (sent,) = slack.messages[channel].values()
    assert sent["text"] == "Please remove it.\nhttps://acme.slack.com/archives/C1/p1"
    assert sent["metadata"]["event_type"] == "connectors_alert"
    assert "xMARKEDx" not in sent["text"]


def test_bots_are_not_notified(actor: SlackConnector, slack: FakeSlack, place: tuple[str, str]) -> None:
    ts = slack.write(place[0], "", "xMARKEDx", bot_id="B0OTHER")
    outcome = actor.act("notify_author", target(f"message:{place[0]}:{ts}"), dry_run=False)
    assert outcome.result is ActionResult.REFUSED


def test_notice_survives_a_restart(connect: Connect, leak: Target) -> None:
    context = MemoryContext()
    assert connect(context).act("notify_author", leak, dry_run=False).result is ActionResult.DONE
    assert connect(context).act("notify_author", leak, dry_run=False).result is ActionResult.NOTHING_TO_DO


def test_tombstone_needs_its_token_and_says_what_is_kept(
    connect: Connect, actor: SlackConnector, slack: FakeSlack, leak: Target, place: tuple[str, str]
) -> None:
    assert connect().act("tombstone", leak, dry_run=False).result is ActionResult.REFUSED
    outcome = actor.act("tombstone", leak, dry_run=False)
    assert outcome.result is ActionResult.DONE
    assert "legal hold" in outcome.remaining
    assert "xMARKEDx" not in slack.messages[place[0]][slack.last_ts]["text"]


def test_unknown_action_is_named(actor: SlackConnector, leak: Target) -> None:
    with pytest.raises(Unsupported, match="explode"):
        actor.act("explode", leak, dry_run=True)
