"""Reading projects: to the last page, after a kill, incrementally, with gaps said."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from connectors.errors import AuthError, RateLimited, Transient
from connectors.model import Cursor, EventKind, Gap, Page, Partition
from connectors.testing.fakeapps.base import Response
from connectors.testing.fakeapps.jira import FakeJira
from connectors_jira.connector import JiraConnector
from connectors_jira.sync import PAGE, begin

Connect = Callable[..., JiraConnector]


def seeded(jira: FakeJira, count: int = 7, *, page_limit: int = 3) -> Partition:
    jira.page_limit = page_limit
    project = jira.add_project("OPS")
    for number in range(count):
        issue = jira.add_issue("OPS", f"issue {number}")
        jira.add_comment(issue["id"], "a comment")
    return Partition(project["id"], "OPS")


def ids(pages: list[Page]) -> list[str]:
    return [event.resource.id for page in pages for event in page.events]


def search_bodies(jira: FakeJira) -> list[dict[str, Any]]:
    return [request.json() for request in jira.requests if "/search" in request.path and request.method == "POST"]


def test_every_page_is_read_and_counted(jira: FakeJira, connect: Connect) -> None:
    pages = list(connect(jira, changelog=True).read(seeded(jira), None))
    assert len(pages) == 3
    assert set(ids(pages)) == {f"issue:{i}" for i in jira.issues} | {
        f"comment:{i}:{c['id']}" for i, issue in jira.issues.items() for c in issue["fields"]["comment"]
    }
    assert all(page.listed == len(page.events) + len(page.failures) for page in pages)
    assert [(page.done, page.reconcile) for page in pages] == [(False, False), (False, False), (True, True)]


def test_the_addresses_are_the_documented_ones(jira: FakeJira, connect: Connect) -> None:
    seeded(jira)
    connector = connect(jira)
    (partition,) = connector.partitions()
    list(connector.read(partition, None))
    version = "3" if jira.cloud else "2"
    projects, search = ("project/search", "search/jql") if jira.cloud else ("project", "search")
    assert {f"{r.method} {r.path}" for r in jira.requests} == {
        f"GET /rest/api/{version}/{projects}",
        f"POST /rest/api/{version}/{search}",
    }


def test_cloud_asks_by_token_and_data_center_by_number(jira: FakeJira, connect: Connect) -> None:
    list(connect(jira).read(seeded(jira), None))
    bodies = search_bodies(jira)
    assert all(b["fields"] == ["*all"] and b["jql"].endswith("ORDER BY created ASC, id ASC") for b in bodies)
    if jira.cloud:
        assert [("nextPageToken" in b, "startAt" in b) for b in bodies] == [
            (False, False),
            (True, False),
            (True, False),
        ]
    else:
        # Each page begins with the last issue of the one before, which proves that nothing was deleted between.
        assert [b["startAt"] for b in bodies] == [0, 2, 4]


@pytest.mark.parametrize("kill_after", range(5))
def test_killed_after_any_page_nothing_is_lost(jira: FakeJira, connect: Connect, kill_after: int) -> None:
    partition = seeded(jira, 9, page_limit=2)
    whole = ids(list(connect(jira).read(partition, None)))
    pages, cursor = [], None
    for page in connect(jira).read(partition, None):
        pages.append(page)
        cursor = json.loads(json.dumps(page.cursor))
        if len(pages) > kill_after:
            break
    rest = list(connect(jira).read(partition, cursor)) if not pages[-1].done else []
    assert set(ids(pages + rest)) == set(whole)
    assert (pages + rest)[-1].reconcile


def test_a_token_that_is_refused_or_too_old_is_replaced_by_the_creation_time(cloud: FakeJira, connect: Connect) -> None:
    partition = seeded(cloud, 6, page_limit=2)
    first = next(iter(connect(cloud).read(partition, None)))
    assert first.cursor is not None
    cloud.dead_tokens.add(first.cursor["token"])
    rest = list(connect(cloud).read(partition, first.cursor))
    assert {f"issue:{i}" for i in cloud.issues} <= set(ids([first, *rest]))
    assert 'created >= "-' in search_bodies(cloud)[-3]["jql"]
    cloud.pass_time(days=7)
    cloud.requests.clear()
    list(connect(cloud).read(partition, first.cursor))
    assert "nextPageToken" not in search_bodies(cloud)[0]


def test_tokens_that_lead_nowhere_end_the_reading(cloud: FakeJira, connect: Connect) -> None:
    partition = seeded(cloud, 4, page_limit=2)
    first = next(iter(connect(cloud).read(partition, None)))
    assert first.cursor is not None
    token = first.cursor["token"]
    cloud.fail(Response.of({"issues": [], "nextPageToken": token}))
    with pytest.raises(Transient):
        list(connect(cloud).read(partition, first.cursor))
    cloud.fail(Response.of({"issues": [], "nextPageToken": "more", "isLast": True}))
    (last,) = connect(cloud).read(partition, first.cursor)
    assert last.done


def test_issues_deleted_between_pages_hide_none(connect: Connect) -> None:
    jira = FakeJira(cloud=False)
    partition = seeded(jira, 8, page_limit=3)
    reading = iter(connect(jira).read(partition, None))
    pages = [next(reading)]
    for gone in list(jira.issues)[:2]:
        jira.delete_issue(gone)
    pages += list(reading)
    assert {f"issue:{i}" for i in jira.issues} <= set(ids(pages))


def test_the_next_reading_asks_for_changes_with_overlap(jira: FakeJira, connect: Connect) -> None:
    partition = seeded(jira)
    jira.pass_time(hours=1)
    cursor = list(connect(jira).read(partition, None))[-1].cursor
    jira.pass_time(hours=2)
    changed = next(iter(jira.issues))
    jira.edit_issue(changed, summary="changed")
    jira.requests.clear()
    pages = list(connect(jira).read(partition, cursor))
    assert [i for i in ids(pages) if i.startswith("issue")] == [f"issue:{changed}"]
    assert not pages[-1].reconcile
    assert 'updated >= "-1' in search_bodies(jira)[0]["jql"]


def test_a_change_during_a_reading_is_seen_by_the_next(jira: FakeJira, connect: Connect) -> None:
    partition = seeded(jira)
    reading = iter(connect(jira).read(partition, None))
    pages = [next(reading)]
    early = next(iter(jira.issues))
    jira.edit_issue(early, summary="changed after it was read")
    pages += list(reading)
    again = list(connect(jira).read(partition, pages[-1].cursor))
    assert f"issue:{early}" in ids(again)


def test_history_may_be_bounded_by_a_time(jira: FakeJira, connect: Connect) -> None:
    partition = seeded(jira)
    jira.pass_time(days=30)
    recent = jira.add_issue("OPS", "recent")
    bounded = Partition(partition.id, partition.label, since=jira.now - timedelta(days=7))
    pages = list(connect(jira).read(bounded, None))
    assert ids(pages) == [f"issue:{recent['id']}"]
    assert not any(page.reconcile for page in pages)


def test_comments_beyond_the_embedded_ones_are_read(jira: FakeJira, connect: Connect) -> None:
    project = jira.add_project("OPS")
    issue = jira.add_issue("OPS", "busy")
    for number in range(130):
        jira.add_comment(issue["id"], f"comment {number}")
    pages = list(connect(jira).read(Partition(project["id"], "OPS"), None))
    assert sum(i.startswith("comment:") for i in ids(pages)) == 130


def test_worklogs_beyond_the_embedded_ones_are_read(jira: FakeJira, connect: Connect) -> None:
    project = jira.add_project("OPS")
    issue = jira.add_issue("OPS", "busy")
    for number in range(60):
        jira.add_worklog(issue["id"], f"work {number}")
    connector = connect(jira)
    (page,) = connector.read(Partition(project["id"], "OPS"), None)
    parts = {unit.part for unit in connector.units(page.events[0])}
    assert sum(part.startswith("worklog:") for part in parts) == 60


def test_a_project_that_may_not_be_browsed_is_a_gap(jira: FakeJira, connect: Connect) -> None:
    partition = seeded(jira)
    jira.forbidden_projects.add(partition.id)
    (page,) = connect(jira).read(partition, None)
    assert [f.reason for f in page.failures] == [Gap.MISSING_SCOPE]
    assert page.failures[0].resource is not None
    assert (page.listed, page.done, page.reconcile) == (1, True, False)
    jira.forbidden_projects.clear()
    assert list(connect(jira).read(partition, page.cursor))[-1].reconcile


def test_comments_that_may_not_be_read_are_a_gap_and_stop_the_reconcile(cloud: FakeJira, connect: Connect) -> None:
    project = cloud.add_project("OPS")
    issue = cloud.add_issue("OPS", "busy")
    for number in range(30):
        cloud.add_comment(issue["id"], f"comment {number}")
    cloud.fail(Response.of({}, status=403), path=".*/comment", times=1)
    (page,) = connect(cloud, changelog=True).read(Partition(project["id"], "OPS"), None)
    assert [(f.part, f.reason) for f in page.failures] == [("comments", Gap.MISSING_SCOPE)]
    assert page.done
    assert not page.reconcile


def test_what_is_switched_off_is_named(jira: FakeJira, connect: Connect) -> None:
    named = {(f.part, f.reason) for f in connect(jira, remote_links=False).not_read()}
    assert named >= {("changelog", Gap.EXCLUDED), ("remotelinks", Gap.EXCLUDED)}
    assert not {"changelog", "remotelinks"} & {f.part for f in connect(jira, changelog=True).not_read()}


def test_partitions_are_the_projects_that_the_filters_let_through(jira: FakeJira, connect: Connect) -> None:
    jira.page_limit = 2
    for key in ("OPS", "HR", "WEB", "LAB", "PR"):
        jira.add_project(key)
    connector = connect(jira, projects=["OPS", "HR", "PR"], exclude_projects=["HR"])
    assert [p.label for p in connector.partitions()] == ["OPS", "PR"]


def test_recent_changes_are_read_over_all_projects(jira: FakeJira, connect: Connect) -> None:
    seeded(jira, 2)
    jira.add_project("HR")
    jira.pass_time(hours=3)
    changed = jira.add_issue("HR", "new")
    cursor: Cursor = {"mode": "idle", "since": int(jira.now.timestamp() * 1000)}
    pages = list(connect(jira).read(Partition("recent"), cursor))
    (event,) = [event for page in pages for event in page.events]
    assert (event.resource.id, event.resource.container.name) == (f"issue:{changed['id']}", "HR")
    assert pages[-1].done
    assert not pages[-1].reconcile
    assert begin(pages[-1].cursor, jira.now).mode == "changes"


@pytest.mark.parametrize(("retry_after", "after"), [(7, 7.0), (None, None)])
def test_a_throttled_search_says_how_long_to_wait(
    jira: FakeJira, connect: Connect, retry_after: int | None, after: float | None
) -> None:
    partition = seeded(jira)
    jira.throttle(retry_after=retry_after)
    connector = connect(jira)
    with pytest.raises(RateLimited) as caught:
        list(connector.read(partition, None))
    assert caught.value.after == after
    assert len(jira.requests) == 1
    assert connector.context.throttles == ([("search", 7.0)] if after else [])  # type: ignore[attr-defined]  # the in-memory context keeps them


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response.of({}, status=401), AuthError),
        (Response.of({}, status=500), Transient),
        (Response.of({}, status=503), Transient),
        (Response(200, b"<html>"), Transient),
        (Response.of({"values": []}), Transient),
        (Response.of([]), Transient),
        (None, Transient),
    ],
)
def test_what_the_host_can_do_about_it_is_raised(
    jira: FakeJira, connect: Connect, answer: Response | None, error: type[Exception]
) -> None:
    partition = seeded(jira)
    jira.fail(answer)
    with pytest.raises(error):
        list(connect(jira).read(partition, None))


def test_a_webhook_and_a_reading_agree_on_ids_and_versions(jira: FakeJira, connect: Connect) -> None:
    from connectors.model import Delivery

    partition = seeded(jira, 1)
    (ident,) = jira.issues
    comment = jira.issues[ident]["fields"]["comment"][0]
    jira.add_attachment(ident, "f.txt", b"x")
    connector = connect(jira)
    read = {e.resource.id: e.version for page in connector.read(partition, None) for e in page.events}
    for event, parts in (("jira:issue_created", {}), ("comment_created", {"comment": comment})):
        headers, body = jira.signed(event, issue=ident, **parts)
        events = connector.receive(Delivery("acme", headers, body), jira.now).events
        assert {e.resource.id: e.version for e in events if e.kind is EventKind.CHANGED}.items() <= read.items()


def test_a_page_is_small_enough_for_the_budget() -> None:
    assert PAGE * 1200 <= 65_000  # points an hour, one for each issue, at the search bucket's rate
