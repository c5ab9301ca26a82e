"""The corpus: a marked value in every kind of place that a Jira site has, found by reading and by deliveries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.errors import NotFound, Transient
from connectors.model import Delivery, Event, EventKind, Gap, Partition, UnitFailure
from connectors.testing.fakeapps.base import Response
from connectors.testing.fakeapps.jira import FakeJira
from connectors.testing.fakeapps.jira_data import document
from connectors_jira.connector import JiraConnector

Connect = Callable[..., JiraConnector]


def mark(place: str) -> str:
    return f"MARKED-{place}-VALUE"


PLACES = (
    "summary", "description", "environment", "label", "custom-text", "custom-rich", "custom-option", "custom-list",
    "custom-number", "comment", "late-comment", "worklog", "late-worklog", "attachment-name", "attachment-content",
    "remote-link-title", "remote-link-address", "changelog-old", "component",
)  # fmt: skip
NUMBER = 4111111111111111


def company(jira: FakeJira) -> tuple[Partition, str]:
    project = jira.add_project("OPS")
    issue = jira.add_issue(
        "OPS",
        mark("summary"),
        text=mark("description"),
        environment=jira.rich(mark("environment")),
        labels=["plain", mark("label")],
        components=[{"id": "1", "name": mark("component")}],
        customfield_10001=mark("custom-text"),
        customfield_10002=document(mark("custom-rich")) if jira.cloud else mark("custom-rich"),
        customfield_10003={"self": "x", "id": "1", "value": "parent", "child": {"value": mark("custom-option")}},
        customfield_10004=["one", mark("custom-list")],
        customfield_10005=float(NUMBER),
        customfield_10006=mark("changelog-old"),
    )
    ident = issue["id"]
    jira.edit_issue(ident, customfield_10006="clean")
    jira.add_comment(ident, mark("comment"))
    jira.add_worklog(ident, mark("worklog"))
    for _ in range(25):
        jira.add_comment(ident, "filler")
        jira.add_worklog(ident, "filler")
    jira.add_comment(ident, mark("late-comment"))
    jira.add_worklog(ident, mark("late-worklog"))
    jira.add_attachment(ident, mark("attachment-name") + ".txt", mark("attachment-content").encode())
    jira.add_remote_link(ident, f"https://wiki.example/{mark('remote-link-address')}", mark("remote-link-title"))
    return Partition(project["id"], "OPS"), ident


def texts(connector: JiraConnector, events: list[Event]) -> str:
    found: list[str] = []
    for event in events:
        for unit in connector.units(event):
            assert not isinstance(unit, UnitFailure), unit
            found.append(unit.text if unit.text is not None else unit.blob.open().read().decode())  # type: ignore[union-attr]  # one of the two is set
    return "\n".join(found)


def seen(text: str, place: str) -> bool:
    return (str(NUMBER) if place == "custom-number" else mark(place)) in text


@pytest.fixture
def read(jira: FakeJira, connect: Connect) -> str:
    partition, _ = company(jira)
    connector = connect(jira, changelog=True)
    return texts(connector, [event for page in connector.read(partition, None) for event in page.events])


@pytest.mark.parametrize("place", PLACES)
def test_reading_finds_it(read: str, place: str) -> None:
    assert seen(read, place)


@pytest.fixture
def delivered(jira: FakeJira, connect: Connect) -> str:
    _, ident = company(jira)
    connector = connect(jira, changelog=True)
    events: list[Event] = []
    comments = jira.issues[ident]["fields"]["comment"]
    log: dict[str, Any] = jira.issues[ident]["fields"]["worklog"][-1]
    for name, parts in (
        ("jira:issue_created", {"issue": ident}),
        ("comment_created", {"issue": ident, "comment": comments[0]}),
        ("comment_created", {"issue": ident, "comment": comments[-1]}),
        ("worklog_created", {"worklog": log}),
    ):
        headers, body = jira.signed(name, **parts)
        events += connector.receive(Delivery("acme", headers, body), jira.now).events
    hints = [e for e in events if e.kind is EventKind.SYNC]
    assert len(hints) == 1
    return texts(connector, [e for e in events if e.kind is EventKind.CHANGED])


@pytest.mark.parametrize("place", PLACES)
def test_deliveries_find_it(delivered: str, place: str) -> None:
    assert seen(delivered, place)


def test_a_worklog_delivery_leads_to_the_issue_by_its_hint(jira: FakeJira, connect: Connect) -> None:
    _, ident = company(jira)
    connector = connect(jira)
    headers, body = jira.signed("worklog_updated", worklog=jira.issues[ident]["fields"]["worklog"][-1])
    (hint,) = connector.receive(Delivery("acme", headers, body), jira.now).events
    assert hint.partition is not None
    events = [event for page in connector.read(hint.partition, hint.cursor) for event in page.events]
    assert mark("late-worklog") in texts(connector, events)


@pytest.mark.parametrize("part", ["worklogs", "changelog", "remotelinks"])
def test_a_place_that_may_not_be_read_is_a_gap_and_the_rest_is_scanned(
    cloud: FakeJira, connect: Connect, part: str
) -> None:
    partition, _ = company(cloud)
    connector = connect(cloud, changelog=True)
    (page,) = connector.read(partition, None)
    path = {"worklogs": ".*/worklog", "changelog": ".*/changelog", "remotelinks": ".*/remotelink"}[part]
    cloud.fail(Response.of({}, status=403), path=path)
    units = list(connector.units(page.events[0]))
    (gap,) = [u for u in units if isinstance(u, UnitFailure)]
    assert (gap.part, gap.reason) == ("", Gap.MISSING_SCOPE), "the host must not resolve what was not read"
    assert gap.detail.startswith(part)
    assert any(u.part == "description" for u in units)


def test_parts_are_stable_and_free_of_content(jira: FakeJira, connect: Connect) -> None:
    partition, _ = company(jira)
    connector = connect(jira, changelog=True)
    for page in connector.read(partition, None):
        for event in page.events:
            assert "MARKED" not in repr(event)
            for unit in connector.units(event):
                assert "MARKED" not in unit.part + repr(unit).replace(mark("attachment-name"), "")


def test_an_issue_that_is_gone_says_so(jira: FakeJira, connect: Connect) -> None:
    _, ident = company(jira)
    connector = connect(jira)
    headers, body = jira.signed("jira:issue_updated", issue=ident)
    event = connector.receive(Delivery("acme", headers, body), jira.now).events[0]
    jira.delete_issue(ident)
    with pytest.raises(NotFound):
        list(connector.units(event))


def test_a_download_that_breaks_off_may_be_tried_again(jira: FakeJira, connect: Connect) -> None:
    partition, _ = company(jira)
    connector = connect(jira)
    units = [u for page in connector.read(partition, None) for e in page.events for u in connector.units(e)]
    blob = next(u.blob for u in units if not isinstance(u, UnitFailure) and u.blob)
    jira.fail(Response(200, b"short", {"Content-Encoding": "gzip"}), path="/(media|secure)/.*")
    with pytest.raises(Transient), blob.open() as stream:
        stream.read()
    with blob.open() as stream:
        assert mark("attachment-content").encode() in stream.read()


def test_attachments_are_not_downloaded_before_they_are_opened(jira: FakeJira, connect: Connect) -> None:
    partition, _ = company(jira)
    connector = connect(jira)
    units = [u for page in connector.read(partition, None) for e in page.events for u in connector.units(e)]
    assert not any("content" in r.path or "secure" in r.path for r in jira.requests)
    blobs = [u.blob for u in units if not isinstance(u, UnitFailure) and u.blob]
    assert [(b.size, b.media_type) for b in blobs] == [(len(mark("attachment-content")), "text/plain")]
