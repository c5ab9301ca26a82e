"""A marked value in every kind of place of GitHub: sync and webhooks each find it, place by place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.model import Gap
from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.github import FakeGitHub, Webhook
from connectors_github.config import GitHubConfig
from connectors_github.connector import GitHubConnector

Plant = Callable[[FakeGitHub, str, str, str], list[Webhook]]


def _issue_body(github: FakeGitHub, repo: str, login: str, mark: str) -> list[Webhook]:
    return [github.open_issue(repo, login, "t", f"body {mark}")]


def _issue_title(github: FakeGitHub, repo: str, login: str, mark: str) -> list[Webhook]:
    return [github.open_issue(repo, login, f"title {mark}")]


def _issue_edit(github: FakeGitHub, repo: str, login: str, mark: str) -> list[Webhook]:
    first = github.open_issue(repo, login, "t", "before")
    return [first, github.edit_issue(repo, github.last_number, login=login, body=f"after {mark}")]


def _issue_comment(github: FakeGitHub, repo: str, login: str, mark: str) -> list[Webhook]:
    first = github.open_issue(repo, login, "t")
    return [first, github.comment(repo, github.last_number, login, mark)]


def _edited_comment(github: FakeGitHub, repo: str, login: str, mark: str) -> list[Webhook]:
    github.open_issue(repo, login, "t")
    first = github.comment(repo, github.last_number, login, "before")
    return [first, github.edit_comment(repo, "issue_comment", github.last_id, mark, login=login)]


def _pull(title: str, body: str) -> Plant:
    def plant(github: FakeGitHub, repo: str, login: str, mark: str) -> list[Webhook]:
        return [github.open_pull(repo, login, title.replace("MARK", mark), body.replace("MARK", mark))]

    return plant


def _on_pull(kind: str) -> Plant:
    def plant(github: FakeGitHub, repo: str, login: str, mark: str) -> list[Webhook]:
        first = github.open_pull(repo, login, "t")
        number = github.last_number
        said = {
            "comment": lambda: github.comment(repo, number, login, mark),
            "review": lambda: github.review(repo, number, login, mark),
            "review comment": lambda: github.review_comment(repo, number, login, mark),
            "diff hunk": lambda: github.review_comment(repo, number, login, "look", hunk=f"@@ -1 +1 @@\n+{mark}"),
        }
        return [first, said[kind]()]

    return plant


def _commit_comment(github: FakeGitHub, repo: str, login: str, mark: str) -> list[Webhook]:
    first = github.commit(repo, {"c.txt": "x"}, login=login)
    return [first, github.commit_comment(repo, github.last_sha, login, mark)]


def _discussion(where: str) -> Plant:
    def plant(github: FakeGitHub, repo: str, login: str, mark: str) -> list[Webhook]:
        text = {where: mark}
        hooks = [github.discuss(repo, login, f"t {text.get('title', '')}", text.get("body", ""))]
        number = github.last_number
        hooks.append(github.discussion_comment(repo, number, login, text.get("comment", "c")))
        hooks.append(github.discussion_comment(repo, number, login, text.get("reply", "r"), reply_to=github.last_id))
        return hooks

    return plant


def _release(**where: str) -> Plant:
    def plant(github: FakeGitHub, repo: str, login: str, mark: str) -> list[Webhook]:
        given: dict[str, Any] = {key: value.replace("MARK", mark) for key, value in where.items() if key != "file"}
        files = {where.get("file", "a.txt").replace("MARK", mark): mark.encode() if "file" not in where else b"x"}
        return [github.release(repo, login, "v1", files=files if not given else {}, **given)]

    return plant


def _file(path: str, content: str, branch: str = "") -> Plant:
    def plant(github: FakeGitHub, repo: str, login: str, mark: str) -> list[Webhook]:
        files = {path.replace("MARK", mark): content.replace("MARK", mark)}
        return [github.commit(repo, files, login=login, branch=branch)]

    return plant


def _commit_message(github: FakeGitHub, repo: str, login: str, mark: str) -> list[Webhook]:
    return [github.commit(repo, {"m.txt": mark[:2]}, login=login, message=f"Use {mark}")]


def _removed_again(github: FakeGitHub, repo: str, login: str, mark: str) -> list[Webhook]:
    first = github.commit(repo, {"r.txt": mark}, login=login)
    return [first, github.commit(repo, {"r.txt": None}, login=login)]


def _wiki(github: FakeGitHub, repo: str, login: str, mark: str) -> list[Webhook]:
    return [github.edit_wiki(repo, login, f"Page-{mark[:3]}", f"# Page\n{mark}")]


BOTH: dict[str, Plant] = {
    "issue title": _issue_title,
    "issue body": _issue_body,
    "edited issue": _issue_edit,
    "issue comment": _issue_comment,
    "edited comment": _edited_comment,
    "pull request title": _pull("MARK", ""),
    "pull request body": _pull("t", "MARK"),
    "comment on a pull request": _on_pull("comment"),
    "review": _on_pull("review"),
    "review comment": _on_pull("review comment"),
    "diff hunk": _on_pull("diff hunk"),
    "commit comment": _commit_comment,
    "discussion title": _discussion("title"),
    "discussion body": _discussion("body"),
    "discussion comment": _discussion("comment"),
    "discussion reply": _discussion("reply"),
    "release title": _release(title="MARK"),
    "release notes": _release(body="MARK"),
    "release file": _release(),
    "release file name": _release(file="MARK.txt"),
    "file": _file("src/deep/app.py", "key = 'MARK'"),
    "file name": _file("MARK.txt", "x"),
    "commit message": _commit_message,
    "removed file in a commit": _removed_again,
}
"""Found by both doors; commits by a sync because `commit_history` is on."""

WEBHOOK_ONLY: dict[str, Plant] = {"wiki page": _wiki, "file on a branch": _file("b.txt", "MARK", "feature/x")}


def mark_of(place: str) -> str:
    return f"x{[*BOTH, *WEBHOOK_ONLY].index(place)}xMARKEDx"


@pytest.fixture(scope="module")
def corpus(record: Any) -> Any:
    """Every place in a repository of its own, read once by webhooks and once by a sync."""
    github = FakeGitHub()
    login, webhooks = github.add_user("ana"), list[Webhook]()
    for number, (place, plant) in enumerate({**BOTH, **WEBHOOK_ONLY}.items()):
        repo = github.add_repo(f"repo{number}", wiki=place == "wiki page")
        webhooks.append(github.commit(repo, {"README.md": "start"}, login=login))
        webhooks += plant(github, repo, login, mark_of(place))
    with FakeApps(github).running() as apps:
        url = apps.url("github")
        given: dict[str, Any] = {"token": github.token, "webhook_secret": github.webhook_secret}
        config = GitHubConfig(**given, api_url=url, raw_url=url + "/raw", commit_history=True)
        github.limit = github.remaining = 100_000
        synced, delivered = (record(GitHubConnector(config, MemoryContext())) for _ in range(2))
        for webhook in webhooks:
            delivered.deliver(webhook)
        synced.sync()
    return synced, delivered


@pytest.mark.parametrize("place", BOTH)
def test_sync_finds_it(place: str, corpus: Any) -> None:
    assert corpus[0].places(mark_of(place))


@pytest.mark.parametrize("place", [*BOTH, *WEBHOOK_ONLY])
def test_webhooks_find_it(place: str, corpus: Any) -> None:
    assert corpus[1].places(mark_of(place))


@pytest.mark.parametrize("place", BOTH)
def test_webhook_and_sync_agree_on_the_place(place: str, corpus: Any) -> None:
    synced, delivered = (seen.places(mark_of(place)) for seen in corpus)
    assert synced == delivered


def test_wiki_history_is_a_gap(corpus: Any) -> None:
    gaps = [failure for failure in corpus[0].failures if failure.reason is Gap.NOT_IN_API and failure.resource]
    assert [gap.resource.label.rpartition(" ")[2] for gap in gaps] == ["wiki"]


@pytest.mark.parametrize("part", ["description"])
def test_texts_of_the_repository_itself(part: str, github: FakeGitHub, login: str, seen: Any) -> None:
    repo = github.add_repo("described", **{part: "xMARKEDx"})
    github.commit(repo, {"a": "x"}, login=login)
    seen.sync()
    assert seen.places("xMARKEDx") == {(f"repo_info:{github.repos[repo].id}", "title")}


def test_gists_when_asked(github: FakeGitHub, connect: Any, record: Any) -> None:
    ident = github.add_gist({"notes.txt": "xMARKEDx"}, description="also xMARKEDx")
    asked, unasked = record(connect(gists=True)), record(connect())
    asked.sync()
    unasked.sync()
    assert asked.places("xMARKEDx") == {(f"gist:{ident}", "file:notes.txt"), (f"gist:{ident}", "body")}
    assert not unasked.places("xMARKEDx")


def test_wiki_page_that_cannot_be_read_is_a_gap(github: FakeGitHub, login: str, repo: str, seen: Any) -> None:
    webhook = github.edit_wiki(repo, login, "Gone", "x")
    del github.repos[repo].wiki["Gone"]
    seen.deliver(webhook)
    assert [failure.reason for failure in seen.failures] == [Gap.NOT_IN_API]


def test_submodule_is_a_gap(github: FakeGitHub, login: str, repo: str, seen: Any) -> None:
    github.add_submodule(repo, "vendor/lib", login=login)
    seen.sync()
    gaps = [f.resource.id for f in seen.failures if f.part == "body"]
    assert gaps == [f"file:{github.repos[repo].id}:vendor/lib"]
