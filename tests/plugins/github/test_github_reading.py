"""Reading history: trees, comparisons, lists by time, resuming, recovery."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.errors import MissingScope, NotFound, RateLimited
from connectors.model import EventKind, Gap, Page, Partition
from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps import Response
from connectors.testing.fakeapps.github import FakeGitHub
from connectors_github.connector import GitHubConnector

Connect = Callable[..., GitHubConnector]


def code(github: FakeGitHub, repo: str, branch: str = "main") -> Partition:
    return Partition(f"code:{github.repos[repo].id}:{branch}")


def files(pages: list[Page], kind: EventKind = EventKind.CHANGED) -> list[str]:
    found = [e.resource.id for page in pages for e in page.events if e.kind is kind]
    return [ident.split(":", 2)[2] for ident in found if ident.startswith("file:")]


def read(connector: GitHubConnector, partition: Partition, cursor: Any = None) -> tuple[list[Page], Any]:
    pages = list(connector.read(partition, cursor))
    assert pages[-1].done
    return pages, json.loads(json.dumps(pages[-1].cursor))


def test_head_is_read_whole_then_only_what_changed(connector: Any, github: FakeGitHub, login: str, repo: str) -> None:
    github.commit(repo, {"a.txt": "1", "b/c.txt": "2", "d.txt": "3"}, login=login)
    pages, cursor = read(connector, code(github, repo))
    assert sorted(files(pages)) == ["a.txt", "b/c.txt", "d.txt"]
    assert pages[-1].reconcile
    github.commit(repo, {"a.txt": "changed", "d.txt": None, "e.txt": "new"}, login=login)
    pages, cursor = read(connector, code(github, repo), cursor)
    assert sorted(files(pages)) == ["a.txt", "e.txt"]
    assert files(pages, EventKind.DELETED) == ["d.txt"]
    assert not pages[-1].reconcile
    pages, _ = read(connector, code(github, repo), cursor)
    assert files(pages) == []


@pytest.mark.parametrize("branches", [0, 2])
def test_branches_that_history_leaves_out_are_told_once(
    branches: int, connect: Connect, github: FakeGitHub, login: str, repo: str, record: Any
) -> None:
    github.commit(repo, {"a.txt": "1"}, login=login)
    for number in range(branches):
        github.commit(repo, {"b.txt": "2"}, login=login, branch=f"try/{number}")
    seen = record(connect(commit_history=True))
    for _ in range(2):
        seen.sync()
    told = {failure.part: failure for failure in seen.failures if failure.resource is None}
    assert len(told) == len([failure for failure in seen.failures if failure.resource is None])
    assert ("branches" in told) == bool(branches)
    assert not branches or told["branches"].detail.startswith("2 branches besides")


@pytest.mark.parametrize("history", [False, True])
def test_what_no_reading_shows_is_named(history: bool, connect: Connect) -> None:
    told = {failure.part: failure for failure in connect(commit_history=history).not_read()}
    assert ("commits" in told) == (not history)
    assert told["earlier versions"].reason is Gap.NOT_IN_API


def test_unchanged_head_costs_nothing(connector: Any, github: FakeGitHub, login: str, repo: str) -> None:
    github.commit(repo, {"a.txt": "1"}, login=login)
    _, cursor = read(connector, code(github, repo))
    left = github.remaining
    read(connector, code(github, repo), cursor)
    assert github.remaining == left


def test_versions_grow_with_each_commit(connector: Any, github: FakeGitHub, login: str, repo: str) -> None:
    first = github.commit(repo, {"a.txt": "1"}, login=login)
    base = github.last_sha
    assert first
    pages, cursor = read(connector, code(github, repo))
    before = pages[0].events[-1].version
    github.commit(repo, {"a.txt": "2"}, login=login)
    pages, cursor = read(connector, code(github, repo), cursor)
    assert pages[0].events[0].version > before
    github.repos[repo].branches["main"] = base  # forced back to an older commit
    pages, _ = read(connector, code(github, repo), cursor)
    assert pages[-1].events[-1].version > before + 1_000_000


@pytest.mark.parametrize(("limit", "expected"), [(100_000, ["other.txt"]), (1, ["a.txt", "other.txt"])])
def test_forced_push(
    limit: int, expected: list[str], connector: Any, github: FakeGitHub, login: str, repo: str
) -> None:
    """Two trees tell what a comparison does not; where they are cut off, all is read again."""
    github.commit(repo, {"a.txt": "1"}, login=login)
    root = github.last_sha
    github.commit(repo, {"gone.txt": "x"}, login=login)
    _, cursor = read(connector, code(github, repo))
    github.commit(repo, {"other.txt": "y"}, login=login, onto=root)
    github.tree_limit = limit
    pages, cursor = read(connector, code(github, repo), cursor)
    assert sorted(files(pages)) == expected
    assert files(pages, EventKind.DELETED) == (["gone.txt"] if limit > 1 else [])
    assert pages[-1].reconcile is (limit == 1)
    assert cursor["head"] == github.last_sha


def test_comparison_that_is_cut_off(
    connector: Any, github: FakeGitHub, login: str, repo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors_github.code._STEP", 100)
    github.commit(repo, {"a.txt": "1", "gone.txt": "1"}, login=login)
    _, cursor = read(connector, code(github, repo))
    many = {f"f{number}.txt": str(number) for number in range(301)}
    github.commit(repo, {**many, "gone.txt": None}, login=login)
    pages = list(connector.read(code(github, repo), cursor))
    assert sorted(files(pages)) == sorted(many)
    assert files(pages, EventKind.DELETED) == ["gone.txt"]
    assert [page.cursor == cursor for page in pages] == [True, True, True, False]


def test_unknown_start_reads_the_whole_tree(connector: Any, github: FakeGitHub, login: str, repo: str) -> None:
    github.commit(repo, {"a.txt": "1"}, login=login)
    pages, _ = read(connector, code(github, repo), {"head": "f" * 40, "version": 1})
    assert files(pages) == ["a.txt"]


def test_tree_that_is_cut_off_is_read_level_by_level(connector: Any, github: FakeGitHub, login: str, repo: str) -> None:
    tree = {f"d{a}/e{b}/f{c}.txt": "x" for a in range(3) for b in range(3) for c in range(3)} | {"top.txt": "x"}
    github.commit(repo, dict(tree), login=login)
    github.tree_limit = 5
    pages, _ = read(connector, code(github, repo))
    assert sorted(files(pages)) == sorted(tree)


@pytest.mark.parametrize("limit", [5, 100_000])
def test_killed_at_every_page_of_a_tree_nothing_is_lost(
    limit: int, connect: Connect, github: FakeGitHub, login: str, repo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors_github.code._STEP", 4)
    tree = {f"d{a}/e{b}/f{c}.txt": "x" for a in range(3) for b in range(3) for c in range(3)} | {"top.txt": "x"}
    github.commit(repo, dict(tree), login=login)
    github.tree_limit = limit
    cursor, pages = None, list[Page]()
    for _ in range(100):
        page = next(iter(connect().read(code(github, repo), cursor)))
        pages.append(page)
        cursor = json.loads(json.dumps(page.cursor))
        if page.done:
            break
    assert pages[-1].done
    assert set(files(pages)) == set(tree)
    assert len({e.version for page in pages for e in page.events if e.resource.kind == "file"}) == 1


def test_push_comes_first_and_history_after_it(connector: Any, github: FakeGitHub, login: str, repo: str) -> None:
    github.commit(repo, {"old.txt": "1"}, login=login)
    before = github.last_sha
    github.commit(repo, {"new.txt": "2"}, login=login)
    pages, cursor = read(connector, code(github, repo), {"before": before})
    assert files(pages[:1]) == ["new.txt"]
    assert set(files(pages[1:])) == {"old.txt", "new.txt"}
    assert cursor["head"] == github.last_sha


def test_branch_is_compared_with_the_default_one(
    connector: Any, github: FakeGitHub, login: str, repo: str, seen: Any
) -> None:
    github.commit(repo, {"a.txt": "1"}, login=login)
    ident = github.repos[repo].id
    seen.deliver(github.commit(repo, {"b.txt": "2"}, login=login, branch="feature/x"))
    seen.deliver(github.commit(repo, {"c.txt": "3"}, login=login, branch="feature/x"))
    named = {e.resource.id: e.resource.parent for e in seen.events if e.resource.kind == "file"}
    ref = f"ref:{ident}:feature/x"
    assert named == {f"file:{ident}@feature/x:b.txt": ref, f"file:{ident}@feature/x:c.txt": ref}
    (gone,) = seen.deliver(github.delete_branch(repo, "feature/x", login=login))
    assert (gone.kind, gone.resource.id) == (EventKind.DELETED, ref)


def test_empty_repository_has_nothing(connect: Connect, github: FakeGitHub, repo: str) -> None:
    assert github.repos[repo].branches == {}
    for partition in connect(commit_history=True).partitions():
        pages, _ = read(connect(), partition)
        assert sum(len(page.events) for page in pages) == 0


def test_branch_deleted_unseen_is_gone(connector: Any, github: FakeGitHub, login: str, repo: str) -> None:
    github.commit(repo, {"a.txt": "1"}, login=login)
    pages, _ = read(connector, code(github, repo, "feature/x"), {"head": "f" * 40, "version": 1})
    (event,) = pages[0].events
    assert (event.kind, event.resource.id) == (EventKind.DELETED, f"ref:{github.repos[repo].id}:feature/x")


def test_pull_requests_without_issues(connector: Any, github: FakeGitHub, login: str, repo: str) -> None:
    github.repos[repo].has_issues = False
    for _ in range(2):
        github.open_pull(repo, login, "p")
        github.review(repo, github.last_number, login, "r")
    pages, _ = read(connector, issues(github, repo))
    assert [e.resource.kind for page in pages for e in page.events] == ["pull", "pull"]
    pages, _ = read(connector, Partition(f"reviews:{github.repos[repo].id}"))
    assert [e.resource.kind for page in pages for e in page.events] == ["review", "review"]


def test_renamed_and_published_repository_is_noticed(
    connect: Connect, github: FakeGitHub, login: str, repo: str
) -> None:
    github.open_issue(repo, login, "t")
    clock = [datetime(2026, 1, 1, tzinfo=UTC)]
    connector = connect(MemoryContext(now=lambda: clock[0]))
    pages, _ = read(connector, issues(github, repo))
    assert pages[0].events[0].resource.visibility.value == "private"
    github.publicize(repo, login=login)
    clock[0] += timedelta(minutes=6)
    pages, _ = read(connector, issues(github, repo))
    assert pages[0].events[0].resource.visibility.value == "public"


def test_every_pushed_commit_is_read_over_pages(
    connector: Any, github: FakeGitHub, login: str, repo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors_github.lists._SIZE", 3)
    github.commit(repo, {"a.txt": "0"}, login=login)
    before, made = github.last_sha, set[str]()
    for number in range(10):
        github.commit(repo, {"a.txt": str(number + 1)}, login=login)
        made.add(github.last_sha)
    partition = Partition(f"commits:{github.repos[repo].id}:main")
    pages, cursor = read(connector, partition, {"before": before})
    assert {e.resource.id.rpartition(":")[2] for page in pages for e in page.events} == made
    github.commit(repo, {"a.txt": "x"}, login=login)
    pages, _ = read(connector, partition, cursor)
    assert [e.resource.id.rpartition(":")[2] for page in pages for e in page.events] == [github.last_sha]


def issues(github: FakeGitHub, repo: str) -> Partition:
    return Partition(f"issues:{github.repos[repo].id}")


def numbers(pages: list[Page]) -> list[int]:
    return [int(e.resource.id.rpartition(":")[2]) for page in pages for e in page.events]


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors_github.lists._SIZE", 3)


@pytest.mark.usefixtures("small_pages")
def test_list_by_time_is_read_once_then_only_changes(connector: Any, github: FakeGitHub, login: str, repo: str) -> None:
    for number in range(10):
        github.open_issue(repo, login, f"t{number}", pull=number % 2 == 0)
    pages, cursor = read(connector, issues(github, repo))
    assert sorted(numbers(pages)) == list(range(1, 11))
    assert pages[-1].reconcile
    for number in (4, 10, 10):
        github.edit_issue(repo, number, login=login, body="new")
        pages, cursor = read(connector, issues(github, repo), cursor)
        assert numbers(pages) == [number]
        assert not pages[-1].reconcile


@pytest.mark.usefixtures("small_pages")
def test_what_changes_while_reading_is_not_missed(connector: Any, github: FakeGitHub, login: str, repo: str) -> None:
    for number in range(9):
        github.open_issue(repo, login, f"t{number}")
    seen = list[int]()
    for page in connector.read(issues(github, repo), None):
        seen += numbers([page])
        if len(seen) == 3:
            github.edit_issue(repo, 1, login=login, body="moves to the end, and all others up")
    assert set(seen) == set(range(1, 10))
    assert seen.count(1) == 2


@pytest.mark.usefixtures("small_pages")
def test_many_changes_in_one_second_are_all_read(connector: Any, github: FakeGitHub, login: str, repo: str) -> None:
    for number in range(11):
        github.open_issue(repo, login, f"t{number}")
    for issue in github.repos[repo].issues.values():
        issue["updated_at"] = "2025-11-01T00:00:00Z"
    pages, _ = read(connector, issues(github, repo))
    assert sorted(numbers(pages)) == list(range(1, 12))


@pytest.mark.usefixtures("small_pages")
def test_killed_at_every_page_of_a_list_nothing_is_lost(
    connect: Connect, github: FakeGitHub, login: str, repo: str
) -> None:
    for number in range(10):
        github.open_issue(repo, login, f"t{number}")
    cursor, seen = None, list[int]()
    for _ in range(20):
        page = next(iter(connect().read(issues(github, repo), cursor)))
        seen += numbers([page])
        cursor = json.loads(json.dumps(page.cursor))
        if page.done:
            assert sorted(seen) == list(range(1, 11))
            return
    pytest.fail("never came to the end")


def test_history_is_read_from_the_time_that_the_host_wants(
    connect: Connect, github: FakeGitHub, login: str, repo: str
) -> None:
    for number in range(4):
        github.open_issue(repo, login, f"t{number}")
        github.discuss(repo, login, f"d{number}", "b")
        github.commit(repo, {"a.txt": str(number)}, login=login)
    since = datetime.fromisoformat(github.repos[repo].issues[5]["updated_at"])
    connector = connect(commit_history=True)
    found: dict[str, int] = {}
    for partition in connector.partitions():
        kind = partition.id.partition(":")[0]
        pages, _ = read(connector, replace(partition, since=since))
        found[kind] = sum(page.listed for page in pages)
        assert kind not in ("issues", "discussions") or not pages[-1].reconcile
    assert (found["issues"], found["discussions"], found["commits"]) == (2, 2, 2)


def test_include_lists_match_the_repository(connector: Any, repo: str) -> None:
    assert {partition.container for partition in connector.partitions()} == {repo}


@pytest.mark.usefixtures("small_pages")
def test_reviews_and_their_pages(connector: Any, github: FakeGitHub, login: str, repo: str) -> None:
    github.open_issue(repo, login, "not a pull request")
    for _ in range(4):
        github.open_pull(repo, login, "p")
        for _ in range(4):
            github.review(repo, github.last_number, login, "r")
    pages, _ = read(connector, Partition(f"reviews:{github.repos[repo].id}"))
    assert len({e.resource.id for page in pages for e in page.events}) == 16
    assert {e.resource.parent.split(":")[0] for page in pages for e in page.events} == {"pull"}


def test_long_discussions_are_read_to_the_end(connector: Any, github: FakeGitHub, login: str, repo: str) -> None:
    for _ in range(27):
        github.discuss(repo, login, "t", "b")
    number = github.last_number
    for _ in range(55):
        github.discussion_comment(repo, number, login, "c")
    top = github.last_id
    for _ in range(105):
        github.discussion_comment(repo, number, login, "r", reply_to=top)
    partition = Partition(f"discussions:{github.repos[repo].id}")
    pages, cursor = read(connector, partition)
    found = [e.resource.kind for page in pages for e in page.events]
    assert (found.count("discussion"), found.count("discussion_comment")) == (27, 160)
    first = min(github.repos[repo].discussions)
    github.discussion_comment(repo, first, login, "late")
    pages, _ = read(connector, partition, cursor)
    assert f"discussion_comment:{github.last_id}" in {e.resource.id for page in pages for e in page.events}


def test_lost_deliveries_are_recovered_once(connect: Connect, github: FakeGitHub, login: str, repo: str) -> None:
    github.open_issue(repo, login, "taken")
    github.open_issue(repo, login, "lost")
    github.lose_last_delivery()
    connector, partition = connect(hook="orgs/acme/hooks/1"), Partition("deliveries")
    assert "deliveries" in {p.id for p in connector.partitions()}
    pages, cursor = read(connector, partition)
    assert numbers(pages) == [2]
    pages, cursor = read(connector, partition, cursor)
    assert numbers(pages) == []
    github.open_issue(repo, login, "lost too")
    github.lose_last_delivery()
    pages, _ = read(connector, partition, cursor)
    assert numbers(pages) == [3]


def test_delivery_that_got_through_later_is_not_recovered(
    connect: Connect, github: FakeGitHub, login: str, repo: str
) -> None:
    github.open_issue(repo, login, "lost")
    github.lose_last_delivery()
    again = {**github.deliveries[-1], "id": github.deliveries[-1]["id"] + 1, "redelivery": True, "status_code": 200}
    github.deliveries.append(again)
    pages, _ = read(connect(hook="orgs/acme/hooks/1"), Partition("deliveries"))
    assert numbers(pages) == []


def test_many_deliveries_over_pages(
    connect: Connect, github: FakeGitHub, login: str, repo: str, small_pages: None
) -> None:
    for number in range(10):
        github.open_issue(repo, login, "t")
        if number % 2:
            github.lose_last_delivery()
    pages, cursor = read(connect(hook="orgs/acme/hooks/1"), Partition("deliveries"))
    assert sorted(numbers(pages)) == [2, 4, 6, 8, 10]
    assert cursor == {"newest": github.deliveries[-1]["id"]}


def test_partitions_page_to_the_end(connect: Connect, github: FakeGitHub) -> None:
    for number in range(130):
        github.add_repo(f"r{number}")
    assert len({p.id for p in connect().partitions()}) == 130 * 9
    assert len({p.id for p in connect(organizations=["acme"], commit_history=True).partitions()}) == 130 * 10


@pytest.mark.parametrize(
    ("status", "expected"), [(404, NotFound), (410, NotFound), (403, MissingScope), (429, RateLimited)]
)
def test_what_cannot_be_read_says_why(
    status: int, expected: type[Exception], connector: Any, github: FakeGitHub, repo: str
) -> None:
    github.fail(Response.of({"message": "Resource not accessible by integration"}, status), path=".*/issues")
    with pytest.raises(expected):
        list(connector.read(issues(github, repo), None))


def test_every_call_waits_for_its_budget(connect: Connect, github: FakeGitHub, login: str, repo: str) -> None:
    github.commit(repo, {"a.txt": "1"}, login=login)
    context = MemoryContext()
    connector = connect(context)
    for partition in connector.partitions():
        list(connector.read(partition, None))
    assert {bucket for bucket, _ in context.waits} <= set(connector.budgets)
    assert len(context.waits) == len(github.calls)
