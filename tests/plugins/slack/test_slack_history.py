"""Reading history: pages, threads, resuming, incremental passes, limits."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from connectors.errors import MissingScope, NotFound, RateLimited
from connectors.model import Page, Partition
from connectors.net import connect as connect_session
from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps import Response
from connectors.testing.fakeapps.slack import FakeSlack
from connectors_slack.connector import SlackConnector

Connect = Callable[..., SlackConnector]


def ids(pages: list[Page]) -> list[str]:
    return [event.resource.id for page in pages for event in page.events]


def messages(pages: list[Page]) -> list[str]:
    return [ident for ident in ids(pages) if ident.startswith("message:")]


def fill(slack: FakeSlack, *, count: int = 60, threads: int = 7) -> tuple[str, set[str]]:
    """Fill a channel and return it with the ids of its messages."""
    channel, user = slack.add_channel("general"), slack.add_user("Ann")
    slack.fill(channel, [user], messages=count, threads=threads)
    return channel, {f"message:{channel}:{ts}" for ts in slack.messages[channel]}


@pytest.mark.parametrize("page_size", [1, 2, 15, 999])
def test_every_page_and_thread_is_read_once(connect: Connect, slack: FakeSlack, page_size: int) -> None:
    channel, expected = fill(slack)
    pages = list(connect(page_size=page_size).read(Partition(f"channel:{channel}"), None))
    assert sorted(messages(pages)) == sorted(expected)
    assert [page.done for page in pages] == [False] * (len(pages) - 1) + [True]
    assert pages[-1].reconcile


def test_killed_at_every_page_nothing_is_lost(
    connect: Connect, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors_slack.history._BATCH", 5)
    channel, expected = fill(slack)
    partition, cursor, pages, done = Partition(f"channel:{channel}"), None, list[Page](), False
    for _ in range(200):
        page = next(iter(connect(page_size=4).read(partition, cursor)))
        pages.append(page)
        cursor, done = json.loads(json.dumps(page.cursor)), page.done
        if done:
            break
    assert done
    assert set(messages(pages)) == expected
    assert pages[-1].reconcile


def test_killed_at_random_the_union_is_whole(
    connect: Connect, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors_slack.history._BATCH", 10)
    channel, expected = fill(slack, count=200, threads=20)
    dice, partition, cursor, seen = random.Random(7), Partition(f"channel:{channel}"), None, set[str]()
    for _ in range(100):
        for page in connect(page_size=7).read(partition, cursor):
            if dice.random() < 0.3:
                break  # killed before the commit: the page and its cursor are lost
            seen.update(messages([page]))
            cursor = json.loads(json.dumps(page.cursor))
            if page.done:
                assert seen == expected
                return
    pytest.fail("never came to the end")


def test_next_pass_reads_what_is_new(connect: Connect, slack: FakeSlack) -> None:
    channel, known = fill(slack)
    partition, connector = Partition(f"channel:{channel}"), connect(lookback_days=0)
    cursor = list(connector.read(partition, None))[-1].cursor
    user = next(iter(slack.users))
    new = {f"message:{channel}:{slack.write(channel, user, 'new')}" for _ in range(20)}
    pages = list(connect(lookback_days=0, page_size=6).read(partition, cursor))
    assert new <= set(messages(pages))
    assert not pages[-1].reconcile
    assert len(known & set(messages(pages))) <= 1


def test_new_reply_in_an_older_thread_is_read(connect: Connect, slack: FakeSlack) -> None:
    channel, user = slack.add_channel("general"), slack.add_user("Ann")
    root = slack.write(channel, user, "root")
    slack.write(channel, user, "first", thread=root)
    quiet = slack.write(channel, user, "quiet root")
    slack.write(channel, user, "reply", thread=quiet)
    slack.write(channel, user, "later")
    partition = Partition(f"channel:{channel}")
    cursor = list(connect().read(partition, None))[-1].cursor
    reply = slack.write(channel, user, "second", thread=root)
    slack.calls.clear()
    pages = list(connect().read(partition, cursor))
    assert f"message:{channel}:{reply}" in messages(pages)
    assert [path for _, path in slack.calls].count("/api/conversations.replies") == 1


def test_history_is_read_from_the_time_that_the_host_wants(connect: Connect, slack: FakeSlack) -> None:
    channel, _ = fill(slack, count=30, threads=0)
    stamps = sorted(slack.messages[channel])
    since = datetime.fromtimestamp(float(stamps[20]) - 0.5, UTC)
    pages = list(connect(page_size=3).read(Partition(f"channel:{channel}", since=since), None))
    assert sorted(messages(pages)) == [f"message:{channel}:{ts}" for ts in stamps[20:]]
    assert not pages[-1].reconcile


def test_partitions_are_all_kinds_of_channels(connect: Connect, slack: FakeSlack) -> None:
    made = [slack.add_channel(f"c{kind}", kind=kind) for kind in ("public_channel", "private_channel", "mpim", "im")]
    hidden = slack.add_channel("secret", kind="private_channel", member=False)
    found = {partition.id for partition in connect().partitions()}
    assert found == {f"channel:{channel}" for channel in made}
    assert f"channel:{hidden}" not in found


def test_partitions_page_to_the_end(connect: Connect, slack: FakeSlack) -> None:
    for number in range(450):
        slack.add_channel(f"c{number}")
    assert len({partition.id for partition in connect().partitions()}) == 450


def test_kind_without_its_scope_does_not_hide_the_others(connect: Connect, slack: FakeSlack) -> None:
    channel = slack.add_channel("general")
    slack.add_channel("private", kind="private_channel")
    slack.scopes = slack.scopes.replace("groups:read,", "")
    found = {partition.id: partition for partition in connect().partitions()}
    assert set(found) == {f"channel:{channel}", "kind:private_channel"}
    with pytest.raises(MissingScope, match="groups:read"):
        list(connect().read(found["kind:private_channel"], None))
    slack.scopes += ",groups:read"
    assert [page.done for page in connect().read(found["kind:private_channel"], None)] == [True]


def test_channel_that_the_app_is_not_in_says_so(connect: Connect, slack: FakeSlack) -> None:
    channel = slack.add_channel("general", member=False)
    with pytest.raises(MissingScope, match="not_in_channel"):
        list(connect().read(Partition(f"channel:{channel}"), None))


def test_joining_is_asked_for_by_the_configuration(connect: Connect, slack: FakeSlack) -> None:
    channel = slack.add_channel("general", member=False)
    ts = slack.write(channel, slack.add_user("Ann"), "hello")
    pages = list(connect(join_public_channels=True).read(Partition(f"channel:{channel}"), None))
    assert messages(pages) == [f"message:{channel}:{ts}"]


def test_channel_that_is_gone_says_so(connect: Connect) -> None:
    with pytest.raises(NotFound):
        list(connect().read(Partition("channel:C0NOWHERE"), None))


def test_rate_limit_hands_over_what_was_read_and_says_how_long(connect: Connect, slack: FakeSlack) -> None:
    channel, expected = fill(slack)
    context, partition = MemoryContext(), Partition(f"channel:{channel}")
    slack.fail(Response.of({"ok": False, "error": "ratelimited"}, 429, retry_after="37"), path=".*replies")
    pages: list[Page] = []
    with pytest.raises(RateLimited) as caught:
        pages.extend(connect(context, page_size=20).read(partition, None))
    assert caught.value.after == 37
    assert context.throttles == [("replies", 37.0)]
    reader = connect(page_size=20).read(partition, None)
    assert messages([next(reader)])
    assert set(messages(list(connect().read(partition, None)))) == expected


def test_page_before_a_rate_limit_is_committed(connect: Connect, slack: FakeSlack) -> None:
    channel, expected = fill(slack)
    partition = Partition(f"channel:{channel}")
    slack.fail(Response.of({"ok": False, "error": "ratelimited"}, 429, retry_after="1"), path=".*replies")
    reader = connect(page_size=20).read(partition, None)
    first = next(reader)
    with pytest.raises(RateLimited):
        next(reader)
    rest = list(connect(page_size=20).read(partition, first.cursor))
    assert messages([first])
    assert set(messages([first, *rest])) == expected


def test_capped_pages_are_noticed_and_read_to_the_end(connect: Connect, slack: FakeSlack) -> None:
    channel, expected = fill(slack, count=100, threads=0)
    slack.page_cap = 15
    context = MemoryContext()
    pages = list(connect(context).read(Partition(f"channel:{channel}"), None))
    assert set(messages(pages)) == expected
    assert context.state.get("history_capped") is True


def test_every_call_waits_for_its_budget(connect: Connect, slack: FakeSlack) -> None:
    channel, _ = fill(slack)
    spent: list[str] = []

    class Budgeted(MemoryContext):
        def session(self, bucket: str = "default") -> requests.Session:
            return connect_session(bucket=bucket, budget=lambda name, _: spent.append(name))

    connector = connect(Budgeted())
    list(connector.read(Partition(f"channel:{channel}"), None))
    assert set(spent) <= set(connector.budgets)
    assert spent.count("replies") == 7
    assert len(spent) == len(slack.calls)


def test_files_without_scope_are_a_gap_and_no_reconcile(connect: Connect, slack: FakeSlack) -> None:
    channel, expected = fill(slack)
    slack.scopes = slack.scopes.replace("files:read,", "")
    pages = list(connect().read(Partition(f"channel:{channel}"), None))
    assert set(messages(pages)) == expected
    assert [failure.part for page in pages for failure in page.failures] == ["files"]
    assert not pages[-1].reconcile


def test_lapsed_thread_cursor_starts_the_thread_again(connect: Connect, slack: FakeSlack) -> None:
    channel, user = slack.add_channel("general"), slack.add_user("Ann")
    root = slack.write(channel, user, "root")
    replies = {slack.write(channel, user, "r", thread=root) for _ in range(5)}
    state: dict[str, Any] = {"oldest": "0", "latest": root, "top": root, "known": "", "history_done": True, "files": 0}
    cursor = {**state, "threads": [[root, "bm90IGEgY3Vyc29y"]], "full": True}
    pages = list(connect().read(Partition(f"channel:{channel}"), cursor))
    assert set(messages(pages)) == {f"message:{channel}:{ts}" for ts in replies}


def test_new_topic_and_new_visibility_are_seen_by_the_next_pass(connect: Connect, slack: FakeSlack) -> None:
    channel = slack.add_channel("general")
    partition, connector = Partition(f"channel:{channel}"), connect()
    cursor = list(connector.read(partition, None))[-1].cursor
    slack.channels[channel]["topic"] = {"value": "new", "last_set": 1_760_000_900}
    slack.channels[channel]["is_ext_shared"] = True
    (page,) = connector.read(partition, cursor)
    assert page.events[0].resource.visibility.value == "external"
    assert page.events[0].version == 1_760_000_900_000_000


def test_incremental_pass_lists_only_newer_files(connect: Connect, slack: FakeSlack) -> None:
    channel, user = slack.add_channel("general"), slack.add_user("Ann")
    old = slack.add_file(channel, user, "old.txt", b"x")
    slack.files[old]["created"] -= 30 * 86_400
    slack.write(channel, user, "hello")
    partition = Partition(f"channel:{channel}")
    pages = list(connect().read(partition, None))
    assert f"file:{old}" in ids(pages)
    new = slack.add_file(channel, user, "new.txt", b"x")
    later = ids(list(connect().read(partition, pages[-1].cursor)))
    assert f"file:{new}" in later
    assert f"file:{old}" not in later


def test_every_page_of_files_is_read(connect: Connect, slack: FakeSlack) -> None:
    channel, user = slack.add_channel("general"), slack.add_user("Ann")
    made = {f"file:{slack.add_file(channel, user, f'{number}.txt', b'x')}" for number in range(230)}
    pages = list(connect().read(Partition(f"channel:{channel}"), None))
    assert {ident for ident in ids(pages) if ident.startswith("file:")} == made


def test_fake_tier_is_obeyed(connect: Connect, slack: FakeSlack) -> None:
    channel, _ = fill(slack, count=10, threads=0)
    slack.limit("conversations.history", calls=2, seconds=60)
    with pytest.raises(RateLimited) as caught:
        list(connect(page_size=2).read(Partition(f"channel:{channel}"), None))
    assert caught.value.after is not None
    assert 0 < caught.value.after <= 60
    assert [path for _, path in slack.calls].count("/api/conversations.history") == 3
