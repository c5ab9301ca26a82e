"""Signatures, and recorded payloads to events: ids, kinds, versions, parents."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import Malformed, Unverified
from connectors.model import Delivery, Receipt, Visibility
from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps.github import FakeGitHub
from connectors_github import events
from connectors_github.config import GitHubConfig
from connectors_github.connector import GitHubConnector
from connectors_github.things import KINDS

FIXTURES = Path(__file__).parents[3] / "fixtures" / "github"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
AT_NOW = int(NOW.timestamp()) * 1_000_000

# https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
SECRET, PAYLOAD = "It's a Secret to Everybody", b"Hello, World!"
SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_published_vector_is_accepted() -> None:
    events.verify({"x-hub-signature-256": SIGNATURE}, PAYLOAD, SECRET)


@pytest.mark.parametrize(
    ("headers", "body", "secret"),
    [
        ({}, PAYLOAD, SECRET),
        ({"x-hub-signature-256": ""}, PAYLOAD, SECRET),
        ({"x-hub-signature": SIGNATURE}, PAYLOAD, SECRET),
        ({"x-hub-signature-256": SIGNATURE}, PAYLOAD + b"!", SECRET),
        ({"x-hub-signature-256": SIGNATURE}, PAYLOAD, SECRET + "!"),
        ({"x-hub-signature-256": SIGNATURE[7:]}, PAYLOAD, SECRET),
        ({"x-hub-signature-256": "sha256=é"}, PAYLOAD, SECRET),
    ],
)
def test_anything_else_is_refused(headers: dict[str, str], body: bytes, secret: str) -> None:
    with pytest.raises(Unverified):
        events.verify(headers, body, secret)


@pytest.mark.parametrize("secret", [None, ""])
def test_connection_without_secret_refuses_everything(secret: str | None) -> None:
    connector = GitHubConnector(GitHubConfig(token="t", webhook_secret=secret), MemoryContext())
    headers, body = FakeGitHub(webhook_secret="").sign({})
    with pytest.raises(Unverified):
        connector.receive(Delivery("c", headers, body), NOW)


@pytest.fixture
def receive(offline: GitHubConnector) -> Callable[..., Receipt]:
    """Sign a recorded payload and receive it."""

    def run(name: str, event: str, *, form: bool = False, **changes: Any) -> Receipt:
        payload = {**json.loads((FIXTURES / f"{name}.json").read_text()), **changes}
        headers, body = FakeGitHub(webhook_secret="secret").sign(payload, name=event, guid="guid-1", form=form)
        return offline.receive(Delivery("c", headers, body), NOW)

    return run


def at(stamp: str) -> int:
    return int(datetime.fromisoformat(f"2025-06-01T{stamp}+00:00").timestamp()) * 1_000_000


def hints(*partitions: str) -> list[tuple[str, str, str, int]]:
    return [("sync", partition, "", AT_NOW) for partition in partitions]


ISSUE, PULL, REPO = "issue:901:3", "pull:901:4", "repo:901"
CASES: list[tuple[str, str, list[tuple[str, str, str, int]]]] = [
    ("push", "push", hints("code:901:main", "commits:901:main")),
    ("push_branch", "push", hints("code:901:feature/x", "commits:901:feature/x")),
    ("push_forced", "push", hints("code:901:main", "commits:901:main")),
    ("push_branch_deleted", "push", [("deleted", "ref:901:feature/x", REPO, AT_NOW)]),
    ("push_tag", "push", []),
    ("issues", "issues", [("changed", ISSUE, REPO, at("10:05:00"))]),
    ("issues_edited", "issues", [("changed", ISSUE, REPO, at("10:05:00"))]),
    ("issues_deleted", "issues", [("deleted", ISSUE, REPO, AT_NOW)]),
    ("issues_transferred", "issues", [("deleted", ISSUE, REPO, AT_NOW)]),
    ("issue_comment", "issue_comment", [("changed", "issue_comment:61", ISSUE, at("10:07:00"))]),
    ("issue_comment_on_pull", "issue_comment", [("changed", "issue_comment:62", PULL, at("10:07:00"))]),
    ("issue_comment_deleted", "issue_comment", [("deleted", "issue_comment:61", ISSUE, AT_NOW)]),
    ("pull_request", "pull_request", [("changed", PULL, REPO, at("10:05:00"))]),
    ("pull_request_review", "pull_request_review", [("changed", "review:71", PULL, at("10:08:00"))]),
    ("pull_request_review_edited", "pull_request_review", [("changed", "review:71", PULL, at("11:00:00"))]),
    (
        "pull_request_review_comment",
        "pull_request_review_comment",
        [("changed", "review_comment:81", PULL, at("10:09:00"))],
    ),
    (
        "pull_request_review_thread",
        "pull_request_review_thread",
        [("changed", "review_comment:81", PULL, at("10:09:00"))],
    ),
    ("commit_comment", "commit_comment", [("changed", "commit_comment:101", REPO, at("10:12:00"))]),
    ("discussion", "discussion", [("changed", "discussion:901:5", REPO, at("10:11:00"))]),
    (
        "discussion_comment",
        "discussion_comment",
        [("changed", "discussion_comment:92", "discussion:901:5", at("10:11:00"))],
    ),
    ("gollum", "gollum", [("changed", "wiki:901:Home", REPO, AT_NOW)]),
    (
        "release",
        "release",
        [
            ("changed", "release:111", REPO, at("10:14:00")),
            ("changed", "release_asset:112", "release:111", at("10:13:31")),
        ],
    ),
    (
        "release_deleted",
        "release",
        [("deleted", "release:111", REPO, AT_NOW), ("deleted", "release_asset:112", "release:111", AT_NOW)],
    ),
    ("create", "create", hints("code:901:feature/x", "commits:901:feature/x")),
    ("delete", "delete", [("deleted", "ref:901:feature/x", REPO, AT_NOW)]),
    ("repository_publicized", "repository", [("exposure", REPO, "", AT_NOW)]),
    ("repository_privatized", "repository", [("exposure", REPO, "", AT_NOW)]),
    ("repository_deleted", "repository", [("deleted", REPO, "", AT_NOW)]),
    ("public", "public", [("exposure", REPO, "", AT_NOW)]),
    ("fork", "fork", []),
    ("installation_deleted", "installation", [("revoked", "installation:77", "", AT_NOW)]),
    (
        "installation_repositories",
        "installation_repositories",
        hints(*(f"{kind}:903" for kind in KINDS if kind != "code")),
    ),
    ("ping", "ping", []),
    ("secret_scanning_alert", "secret_scanning_alert", []),
]


@pytest.mark.parametrize(("name", "event", "expected"), CASES, ids=[case[0] for case in CASES])
@pytest.mark.parametrize("form", [False, True], ids=["json", "form"])
def test_each_payload(
    receive: Callable[..., Receipt], name: str, event: str, expected: list[tuple[str, str, str, int]], form: bool
) -> None:
    found = receive(name, event, form=form).events
    assert [(e.kind.value, e.resource.id, e.resource.parent, e.version) for e in found] == expected


def test_every_recorded_payload_has_its_expectation() -> None:
    assert {path.stem for path in FIXTURES.glob("*.json")} == {case[0] for case in CASES}


def test_delivery_id_is_the_guid(receive: Callable[..., Receipt]) -> None:
    assert receive("issues", "issues").delivery_id == "guid-1"


@pytest.mark.parametrize(
    ("name", "partition", "cursor"),
    [
        ("push", "main", {"before": "a" * 40}),
        ("push_forced", "main", {"before": "a" * 40}),
        ("push_branch", "feature/x", {"base": "main"}),
    ],
)
def test_push_is_a_hint_and_its_list_of_files_is_not_used(
    receive: Callable[..., Receipt], name: str, partition: str, cursor: dict[str, str]
) -> None:
    found = receive(name, "push").events
    assert [e.partition.id for e in found if e.partition] == [f"code:901:{partition}", f"commits:901:{partition}"]
    assert [e.cursor for e in found] == [cursor, cursor]
    assert all(e.payload is None for e in found)


@pytest.mark.parametrize(
    ("name", "event", "visibility"),
    [
        ("issues", "issues", Visibility.PRIVATE),
        ("repository_publicized", "repository", Visibility.PUBLIC),
        ("repository_privatized", "repository", Visibility.PRIVATE),
        ("public", "public", Visibility.PUBLIC),
    ],
)
def test_visibility(receive: Callable[..., Receipt], name: str, event: str, visibility: Visibility) -> None:
    assert receive(name, event).events[0].resource.container.visibility is visibility


def test_internal_repository(receive: Callable[..., Receipt]) -> None:
    held = json.loads((FIXTURES / "issues.json").read_text())["repository"]
    found = receive("issues", "issues", repository={**held, "visibility": "internal"}).events
    assert found[0].resource.visibility is Visibility.INTERNAL


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b"null"])
def test_signed_garbage_is_malformed(offline: GitHubConnector, body: bytes) -> None:
    headers, signed = FakeGitHub(webhook_secret="secret").sign(body, name="issues")
    with pytest.raises(Malformed):
        offline.receive(Delivery("c", headers, signed), NOW)


@pytest.mark.parametrize("body", [b"", b"payload", b"other=%7B%7D", b"payload=%7B", b"\xff"])
def test_signed_garbage_in_a_form_is_malformed(offline: GitHubConnector, body: bytes) -> None:
    headers, signed = FakeGitHub(webhook_secret="secret").sign(body, name="issues")
    form = {**headers, "content-type": "application/x-www-form-urlencoded"}
    with pytest.raises(Malformed):
        offline.receive(Delivery("c", form, signed), NOW)


@pytest.mark.parametrize("header", ["x-github-event", "x-github-delivery"])
def test_delivery_without_its_headers_is_malformed(offline: GitHubConnector, header: str) -> None:
    headers, body = FakeGitHub(webhook_secret="secret").sign({}, name="ping")
    with pytest.raises(Malformed):
        offline.receive(Delivery("c", {k: v for k, v in headers.items() if k != header}, body), NOW)


def test_config_wants_one_way_in() -> None:
    with pytest.raises(ValueError, match="give token"):
        GitHubConfig(app_id=1)
    with pytest.raises(ValueError, match="not both"):
        GitHubConfig(token="t", app_id=1)
