"""From a signed request to events. Pure.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qs

from connectors.errors import Malformed, Unverified
from connectors.model import Container, Event, EventKind, Resource, Visibility
from connectors_github import things
from connectors_github.things import JsonObject, Repo, inner, need, text

_ZERO = "0" * 40


def verify(headers: Mapping[str, str], body: bytes, secret: str) -> None:
    """Raise `Unverified` unless `body` is signed with `secret`.

    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    """
    given = headers.get("x-hub-signature-256", "")
    if not given:
        raise Unverified("the header X-Hub-Signature-256 is absent")
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
        raise Unverified("the signature is wrong")


def parse(headers: Mapping[str, str], body: bytes) -> JsonObject:
    """Return the payload of a verified body, JSON or form-encoded, or raise `Malformed`."""
    raw: bytes | str = body
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        try:
            raw = parse_qs(body.decode(), strict_parsing=True)["payload"][0]
        except (ValueError, KeyError):
            raise Malformed("the form has no payload field") from None
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise Malformed("the body is not JSON") from None
    if not isinstance(value, dict):
        raise Malformed("the body is not a JSON object")
    return value


@dataclass(frozen=True, slots=True)
class Reader:
    """Turns one payload into events. `now` is microseconds, the version of deletions, which carry no time."""

    payload: JsonObject
    now: int
    kinds: tuple[str, ...] = things.KINDS

    def events(self, name: str) -> tuple[Event, ...]:
        """Return what the event `name` (header X-GitHub-Event) says; nothing for those without content."""
        handler = _HANDLERS.get(name)
        return tuple(handler(self)) if handler else ()

    @property
    def repo(self) -> Repo:
        """The repository that the payload is about."""
        return Repo.of(inner(self.payload, "repository"))

    @property
    def action(self) -> str:
        """What happened to the object."""
        return text(self.payload, "action")

    def _gone(self, event: Event) -> Event:
        return replace(event, kind=EventKind.DELETED, payload=None, version=max(self.now, event.version + 1))

    def _either(self, event: Event) -> list[Event]:
        return [self._gone(event) if self.action in ("deleted", "transferred") else event]

    def push(self) -> list[Event]:
        """Turn a push into hints: the payload's list of commits and files is cut off, so it is never used."""
        ref = need(self.payload, "ref")
        repo, branch = self.repo, ref.removeprefix("refs/heads/")
        if not ref.startswith("refs/heads/"):
            return []
        before, after = need(self.payload, "before"), need(self.payload, "after")
        if self.payload.get("deleted") is True or after == _ZERO:
            return [things.ref_gone(repo, branch, self.now)]
        return self._hints(branch, {"before": before} if before != _ZERO else None)

    def branch_created(self) -> list[Event]:
        """Handle `create`: where many branches are made at once, no push tells of them."""
        if self.payload.get("ref_type") != "branch":
            return []
        return self._hints(need(self.payload, "ref"), None)

    def _hints(self, branch: str, start: JsonObject | None) -> list[Event]:
        """Ask for the code and the commits of a branch: those of the default one from `start`, else what differs."""
        repo = self.repo
        if branch != repo.default_branch:
            start = {"base": repo.default_branch}
        return [repo.hint(repo.partition(kind, branch), self.now, cursor=start) for kind in ("code", "commits")]

    def branch_deleted(self) -> list[Event]:
        """Handle `delete`."""
        if self.payload.get("ref_type") != "branch":
            return []
        return [things.ref_gone(self.repo, need(self.payload, "ref"), self.now)]

    def issues(self) -> list[Event]:
        """Handle `issues`."""
        return self._either(things.issue(self.repo, inner(self.payload, "issue"), pull=False))

    def pull_request(self) -> list[Event]:
        """Handle `pull_request`."""
        return [things.issue(self.repo, inner(self.payload, "pull_request"), pull=True)]

    def issue_comment(self) -> list[Event]:
        """Handle `issue_comment`, on issues and pull requests."""
        issue, repo = inner(self.payload, "issue"), self.repo
        parent = things.issue_key(repo, issue, pull=things.is_pull(issue))
        return self._comment(repo, "issue_comment", "comment", parent)

    def _comment(self, repo: Repo, kind: str, key: str, parent: str = "", version: int = 0) -> list[Event]:
        return self._either(things.comment(repo, kind, inner(self.payload, key), parent=parent, version=version))

    def _pull_key(self, repo: Repo) -> str:
        return things.issue_key(repo, inner(self.payload, "pull_request"), pull=True)

    def review(self) -> list[Event]:
        """Handle `pull_request_review`. An edited review has no time of its own in older payloads."""
        repo, pull = self.repo, inner(self.payload, "pull_request")
        edited = things.version_of(pull) if self.action == "edited" else 0
        return self._comment(repo, "review", "review", self._pull_key(repo), edited)

    def review_comment(self) -> list[Event]:
        """Handle `pull_request_review_comment`."""
        repo = self.repo
        return self._comment(repo, "review_comment", "comment", self._pull_key(repo))

    def review_thread(self) -> list[Event]:
        """Handle `pull_request_review_thread`, which carries the comments of the thread."""
        repo, comments = self.repo, inner(self.payload, "thread").get("comments")
        listed = [c for c in comments if isinstance(c, dict)] if isinstance(comments, list) else []
        parent = self._pull_key(repo)
        return [things.comment(repo, "review_comment", value, parent=parent) for value in listed]

    def commit_comment(self) -> list[Event]:
        """Handle `commit_comment`."""
        return self._comment(self.repo, "commit_comment", "comment")

    def discussion(self) -> list[Event]:
        """Handle `discussion`."""
        return self._either(things.discussion(self.repo, inner(self.payload, "discussion")))

    def discussion_comment(self) -> list[Event]:
        """Handle `discussion_comment`."""
        repo = self.repo
        parent = f"discussion:{repo.id}:{things.number(inner(self.payload, 'discussion'), 'number')}"
        return self._comment(repo, "discussion_comment", "comment", parent)

    def gollum(self) -> list[Event]:
        """Handle `gollum`: wiki pages were made or edited. It carries no time and no text."""
        pages, sender = self.payload.get("pages"), self.payload.get("sender")
        listed = [page for page in pages if isinstance(page, dict)] if isinstance(pages, list) else []
        who = sender if isinstance(sender, dict) else {}
        return [things.wiki(self.repo, page, who, self.now) for page in listed]

    def release(self) -> list[Event]:
        """Handle `release`."""
        found = things.release(self.repo, inner(self.payload, "release"))
        return [self._gone(event) for event in found] if self.action == "deleted" else found

    def repository(self) -> list[Event]:
        """Handle `repository`: made public or private, renamed, deleted."""
        if self.action == "deleted":
            return [self.repo.about(EventKind.DELETED, self.now)]
        if self.action in ("publicized", "privatized"):
            return self._exposed(Visibility.PUBLIC if self.action == "publicized" else Visibility.PRIVATE)
        if self.action in ("created", "unarchived", "transferred"):
            return self._everything(self.repo)
        return []

    def public(self) -> list[Event]:
        """Handle `public`: a private repository was made public."""
        return self._exposed(Visibility.PUBLIC)

    def _exposed(self, visibility: Visibility) -> list[Event]:
        return [replace(self.repo, visibility=visibility).about(EventKind.EXPOSURE, self.now)]

    def _everything(self, repo: Repo) -> list[Event]:
        return [repo.hint(repo.partition(kind), self.now) for kind in self.kinds]

    def installation(self) -> list[Event]:
        """Handle `installation`: the App was removed or suspended."""
        if self.action not in ("deleted", "suspend"):
            return []
        ident = things.number(inner(self.payload, "installation"), "id")
        held = Container(str(ident), "installation")
        resource = Resource(f"installation:{ident}", "installation", held, "the App's installation")
        return [Event(EventKind.REVOKED, resource, version=self.now)]

    def installation_repositories(self) -> list[Event]:
        """Handle `installation_repositories`: read what was added, except code, whose branch is not told."""
        added = self.payload.get("repositories_added")
        listed = [repo for repo in added if isinstance(repo, dict)] if isinstance(added, list) else []
        return [
            event
            for value in listed
            for event in self._everything(Repo.of(value))
            if event.partition is not None and not event.partition.id.startswith(("code:", "commits:"))
        ]


_HANDLERS: Mapping[str, Callable[[Reader], list[Event]]] = {
    "push": Reader.push,
    "create": Reader.branch_created,
    "delete": Reader.branch_deleted,
    "issues": Reader.issues,
    "pull_request": Reader.pull_request,
    "issue_comment": Reader.issue_comment,
    "pull_request_review": Reader.review,
    "pull_request_review_comment": Reader.review_comment,
    "pull_request_review_thread": Reader.review_thread,
    "commit_comment": Reader.commit_comment,
    "discussion": Reader.discussion,
    "discussion_comment": Reader.discussion_comment,
    "gollum": Reader.gollum,
    "release": Reader.release,
    "repository": Reader.repository,
    "public": Reader.public,
    "installation": Reader.installation,
    "installation_repositories": Reader.installation_repositories,
}
