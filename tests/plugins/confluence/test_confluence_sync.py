"""Reading spaces: to the last page, after a kill, incrementally, with gaps said."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from connectors.errors import AuthError, RateLimited, Transient
from connectors.model import Delivery, EventKind, Gap, Page, Partition, UnitFailure
from connectors.testing.fakeapps.base import Response
from connectors.testing.fakeapps.confluence import FakeConfluence
from connectors_confluence.connector import ConfluenceConnector

Connect = Callable[..., ConfluenceConnector]
ENG = Partition("ENG", "ENG")


def seeded(confluence: FakeConfluence, pages: int = 5, *, page_limit: int = 2) -> list[str]:
    confluence.page_limit = page_limit
    confluence.add_space("ENG", description="about us")
    made = [confluence.add_page("ENG", f"page {n}", "<p>text</p>") for n in range(pages)]
    confluence.add_page("ENG", "news", "<p>text</p>", kind="blogpost")
    for page in made[:2]:
        first = confluence.add_comment(page, "<p>c</p>")
        confluence.add_comment(page, "<p>r</p>", reply_to=first)
        confluence.add_comment(page, "<p>i</p>", location="inline")
        confluence.add_attachment(page, "a.txt", b"x")
    return made


def ids(pages: list[Page]) -> list[str]:
    return [event.resource.id for page in pages for event in page.events]


def every(confluence: FakeConfluence) -> set[str]:
    return {"space:ENG"} | {f"{c['kind']}:{i}" for i, c in confluence.contents.items() if c["status"] != "trashed"}


def test_every_page_is_read_and_counted(confluence: FakeConfluence, connect: Connect) -> None:
    seeded(confluence)
    pages = list(connect(confluence).read(ENG, None))
    assert sorted(ids(pages)) == sorted(every(confluence))
    assert all(page.listed == len(page.events) + len(page.failures) for page in pages)
    assert not [f for page in pages for f in page.failures]
    assert [page.reconcile for page in pages] == [False] * (len(pages) - 1) + [True]
    assert [page.done for page in pages] == [False] * (len(pages) - 1) + [True]


def test_the_addresses_are_the_documented_ones(confluence: FakeConfluence, connect: Connect) -> None:
    (page,) = seeded(confluence, 1)
    connector = connect(confluence)
    (partition,) = connector.partitions()
    list(connector.read(partition, None))
    (blog,) = [i for i, c in confluence.contents.items() if c["kind"] == "blogpost"]
    comments = [i for i, c in confluence.contents.items() if c["kind"] == "comment"]
    assert {r.path for r in confluence.requests} == (on_cloud if confluence.cloud else on_data_center)(
        str(confluence.spaces["ENG"]["id"]), page, blog, comments
    )
    assert {r.method for r in confluence.requests} == {"GET"}


def on_cloud(space: str, page: str, blog: str, comments: list[str]) -> set[str]:
    hanging = ("footer-comments", "inline-comments", "attachments")
    return {
        "/wiki/api/v2/spaces",
        f"/wiki/api/v2/spaces/{space}/pages",
        f"/wiki/api/v2/spaces/{space}/blogposts",
        "/wiki/rest/api/content/search",
        *(f"/wiki/api/v2/pages/{page}/{kind}" for kind in hanging),
        *(f"/wiki/api/v2/blogposts/{blog}/{kind}" for kind in hanging),
        *(f"/wiki/api/v2/footer-comments/{i}/children" for i in comments[:2]),
        f"/wiki/api/v2/inline-comments/{comments[2]}/children",
    }


def on_data_center(_: str, page: str, blog: str, __: list[str]) -> set[str]:
    hanging = {f"/rest/api/content/{i}/child/{kind}" for i in (page, blog) for kind in ("comment", "attachment")}
    return {"/rest/api/space", "/rest/api/space/ENG", "/rest/api/content"} | hanging


@pytest.mark.parametrize("kill_after", range(6))
def test_killed_after_any_page_nothing_is_lost(confluence: FakeConfluence, connect: Connect, kill_after: int) -> None:
    seeded(confluence, 7)
    pages: list[Page] = []
    for page in connect(confluence).read(ENG, None):
        pages.append(page)
        if len(pages) > kill_after:
            break
    rest = list(connect(confluence).read(ENG, json.loads(json.dumps(pages[-1].cursor)))) if not pages[-1].done else []
    assert set(ids(pages + rest)) == every(confluence)
    assert (pages + rest)[-1].reconcile


def test_a_link_that_is_refused_starts_its_step_again(cloud: FakeConfluence, connect: Connect) -> None:
    seeded(cloud, 5)
    first = next(iter(connect(cloud).read(ENG, None)))
    assert first.cursor is not None
    cloud.dead_cursors.add("MTAw")
    broken = {**first.cursor, "following": first.cursor["following"].rpartition("cursor=")[0] + "cursor=MTAw"}
    assert every(cloud) - set(ids([first])) <= set(ids(list(connect(cloud).read(ENG, broken))))


def test_pages_deleted_between_pages_hide_none(connect: Connect) -> None:
    confluence = FakeConfluence(cloud=False)
    made = seeded(confluence, 8)
    reading = iter(connect(confluence).read(ENG, None))
    pages = [next(reading)]
    for gone in made[:2]:
        confluence.trash(gone)
    pages += list(reading)
    assert {i for i in every(confluence) if i.startswith("page")} <= set(ids(pages))


def test_archived_pages_are_read_on_cloud_and_trashed_ones_are_not(
    confluence: FakeConfluence, connect: Connect
) -> None:
    seeded(confluence, 1)
    archived = confluence.add_page("ENG", "old", "<p>x</p>", status="archived")
    trashed = confluence.add_page("ENG", "bin", "<p>x</p>", status="trashed")
    found = ids(list(connect(confluence).read(ENG, None)))
    assert (f"page:{archived}" in found) is confluence.cloud
    assert f"page:{trashed}" not in found


def test_the_next_reading_asks_for_changes_with_overlap(confluence: FakeConfluence, connect: Connect) -> None:
    made = seeded(confluence)
    confluence.pass_time(hours=1)
    cursor = list(connect(confluence).read(ENG, None))[-1].cursor
    confluence.pass_time(hours=2)
    confluence.edit(made[0], body="<p>changed</p>")
    comment = confluence.add_comment(made[1], "<p>new</p>")
    attachment = confluence.add_attachment(made[1], "new.txt", b"x")
    pages = list(connect(confluence).read(ENG, cursor))
    assert sorted(ids(pages)) == sorted([f"page:{made[0]}", f"comment:{comment}", f"attachment:{attachment}"])
    assert pages[-1].done
    assert not pages[-1].reconcile
    parents = {e.resource.id: e.resource.parent for page in pages for e in page.events}
    assert parents[f"comment:{comment}"] == parents[f"attachment:{attachment}"] == f"page:{made[1]}"
    cql = confluence.requests[-1].query["cql"]
    assert cql.startswith('space = "ENG" and type in (page')
    assert 'lastmodified >= now("-131m") order by created' in cql


def test_both_kinds_of_reading_agree_on_ids_and_versions(confluence: FakeConfluence, connect: Connect) -> None:
    seeded(confluence)
    connector = connect(confluence)
    full = {e.resource.id: e.version for page in connector.read(ENG, None) for e in page.events}
    recent = {e.resource.id: e.version for page in connector.read(Partition("recent"), None) for e in page.events}
    assert {k: v for k, v in full.items() if not k.startswith("space")} == recent


def test_history_may_be_bounded_by_a_time(confluence: FakeConfluence, connect: Connect) -> None:
    seeded(confluence)
    confluence.pass_time(days=30)
    recent = confluence.add_page("ENG", "recent", "<p>x</p>")
    pages = list(connect(confluence).read(Partition("ENG", since=confluence.now - timedelta(days=7)), None))
    assert ids(pages) == [f"page:{recent}"]
    assert not any(page.reconcile for page in pages)


def test_a_space_that_may_not_be_seen_is_a_gap(confluence: FakeConfluence, connect: Connect) -> None:
    seeded(confluence)
    confluence.hidden_spaces.add("ENG")
    (page,) = connect(confluence).read(ENG, None)
    assert [f.reason for f in page.failures] == [Gap.MISSING_SCOPE]
    assert (page.listed, page.done, page.reconcile) == (1, True, False)
    confluence.hidden_spaces.clear()
    assert list(connect(confluence).read(ENG, page.cursor))[-1].reconcile


@pytest.mark.parametrize(("path", "part"), [(".*comments?", "comments"), (".*attachments?", "attachments")])
def test_what_hangs_on_a_page_and_may_not_be_read_is_a_gap(
    confluence: FakeConfluence, connect: Connect, path: str, part: str
) -> None:
    seeded(confluence, 1)
    confluence.fail(Response.of({}, status=403), path=path)
    pages = list(connect(confluence).read(ENG, None))
    gaps = [f for page in pages for f in page.failures]
    assert [(f.part, f.reason) for f in gaps] == [(part, Gap.MISSING_SCOPE)]
    assert pages[-1].done
    assert not any(page.reconcile for page in pages)


def test_kinds_that_only_search_lists_give_their_titles_and_a_gap(cloud: FakeConfluence, connect: Connect) -> None:
    cloud.add_space("ENG")
    board = cloud.add_page("ENG", "MARKED", "", kind="whiteboard")
    connector = connect(cloud)
    events = [e for page in connector.read(ENG, None) for e in page.events]
    (event,) = [e for e in events if e.resource.id == f"whiteboard:{board}"]
    units = list(connector.units(event))
    assert [(u.part, u.reason if isinstance(u, UnitFailure) else u.text) for u in units] == [
        ("title", "MARKED"),
        ("content", Gap.NOT_IN_API),
    ]


def test_partitions_are_the_spaces_that_the_filters_let_through(confluence: FakeConfluence, connect: Connect) -> None:
    confluence.page_limit = 2
    for key in ("ENG", "HR", "LAB", "~robin", "OPS"):
        confluence.add_space(key)
    connector = connect(confluence, exclude_spaces=["HR"], personal_spaces=False)
    assert [p.id for p in connector.partitions()] == ["ENG", "LAB", "OPS"]


@pytest.mark.parametrize(("retry_after", "after"), [(7, 7.0), (None, None)])
def test_a_throttled_call_says_how_long_to_wait(
    confluence: FakeConfluence, connect: Connect, retry_after: int | None, after: float | None
) -> None:
    seeded(confluence)
    confluence.throttle(retry_after=retry_after)
    with pytest.raises(RateLimited) as caught:
        list(connect(confluence).read(ENG, None))
    assert caught.value.after == after
    assert len(confluence.requests) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response.of({}, status=401), AuthError),
        (Response.of({}, status=500), Transient),
        (Response(200, b"<html>"), Transient),
        (Response.of({"values": []}), Transient),
        (None, Transient),
    ],
)
def test_what_the_host_can_do_about_it_is_raised(
    confluence: FakeConfluence, connect: Connect, answer: Response | None, error: type[Exception]
) -> None:
    seeded(confluence)
    confluence.fail(answer)
    with pytest.raises(error):
        list(connect(confluence).partitions())


def test_a_delivery_in_full_agrees_with_a_reading(confluence: FakeConfluence, connect: Connect) -> None:
    (page,) = seeded(confluence, 1)
    connector = connect(confluence)
    read = {e.resource.id: e.version for p in connector.read(ENG, None) for e in p.events}
    for headers, body in (confluence.posted("page_updated", page, full=True), confluence.relayed("updated", page)):
        (event,) = connector.receive(Delivery("acme", headers, body), confluence.now).events
        assert (event.kind, read[event.resource.id]) == (EventKind.CHANGED, event.version)
        assert [u.part for u in connector.units(event)] == ["title", "body"]
