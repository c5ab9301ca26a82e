"""What a fake GitHub holds: repositories, commits, people; how it answers and signs."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from connectors.testing.fakeapps.base import FakeApp, Request, Response

JsonObject = dict[str, Any]
Webhook = tuple[dict[str, str], bytes]
"""Headers and raw body of one signed request."""
Files = dict[str, str]
"""Blob sha by path."""

ZERO = "0" * 40


@dataclass
class FakeCommit:
    """A commit: its tree, its parent, and what the API says of it."""

    sha: str
    files: Files
    parent: str
    message: str
    author: JsonObject
    at: str


@dataclass
class FakeRepo:
    """A repository and everything in it."""

    id: int
    full_name: str
    private: bool
    default_branch: str
    description: str = ""
    has_wiki: bool = False
    has_issues: bool = True
    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, FakeCommit] = field(default_factory=dict)
    issues: dict[int, JsonObject] = field(default_factory=dict)
    issue_comments: dict[int, JsonObject] = field(default_factory=dict)
    reviews: dict[int, JsonObject] = field(default_factory=dict)
    review_comments: dict[int, JsonObject] = field(default_factory=dict)
    commit_comments: dict[int, JsonObject] = field(default_factory=dict)
    discussions: dict[int, JsonObject] = field(default_factory=dict)
    releases: dict[int, JsonObject] = field(default_factory=dict)
    wiki: dict[str, str] = field(default_factory=dict)
    updated_at: str = ""
    numbers: int = 0

    def next_number(self) -> int:
        """Return the number of the next issue, pull request or discussion; never that of a deleted one."""
        self.numbers += 1
        return self.numbers


class GitHubData(FakeApp):
    """One organisation. Times start at `start` and pass a second with every change.

    `tree_limit` and `compare_limit` are the most entries that a recursive tree and a comparison give.
    `permissions` are those of the App's installation; `remaining` is what is left of the hourly calls.
    """

    name: ClassVar[str] = "github"

    def __init__(
        self,
        *,
        webhook_secret: str = "fake-github-webhook-secret",  # noqa: S107 (a fake's default)
        token: str = "fake-github-token",  # noqa: S107 (a fake's default)
        org: str = "acme",
        start: float = 1_760_000_000.0,
    ) -> None:
        super().__init__()
        self.webhook_secret, self.token, self.org = webhook_secret, token, org
        self.scopes: str | None = "repo, read:org"
        self.tree_limit, self.compare_limit = 100_000, 300
        self.remaining, self.limit = 5000, 5000
        self.permissions = dict.fromkeys(("metadata", "contents", "discussions"), "read") | dict.fromkeys(
            ("issues", "pull_requests"), "write"
        )
        self.repos: dict[str, FakeRepo] = {}
        self.users: dict[str, JsonObject] = {}
        self.blobs: dict[str, bytes] = {}
        self.assets: dict[int, bytes] = {}
        self.gists: dict[str, JsonObject] = {}
        self.deliveries: list[JsonObject] = []
        self.outbox: list[Webhook] = []
        self.last_id = self.last_number = 0
        self.last_sha = ""
        self._clock = int(start)
        self._ids = 1000
        self._sent = 0
        self.add_user("connectors[bot]")

    # What there is

    def tick(self) -> str:
        """Let a second pass and return the time as GitHub writes it."""
        self._clock += 1
        return datetime.fromtimestamp(self._clock, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _next(self) -> int:
        self._ids += 1
        self.last_id = self._ids
        return self._ids

    def add_user(self, login: str, *, name: str = "", email: str = "") -> str:
        """Add a person and return the login."""
        ident = self._next()
        kind = "Bot" if login.endswith("[bot]") else "User"
        self.users[login] = {"login": login, "id": ident, "type": kind, "name": name or login, "email": email or None}
        return login

    def add_repo(
        self,
        name: str,
        *,
        private: bool = True,
        default_branch: str = "main",
        description: str = "",
        wiki: bool = False,
    ) -> str:
        """Add a repository and return its full name."""
        full_name = name if "/" in name else f"{self.org}/{name}"
        repo = FakeRepo(self._next(), full_name, private, default_branch, description, wiki)
        repo.updated_at = self.tick()
        self.repos[full_name] = repo
        return full_name

    def _user(self, login: str) -> JsonObject:
        held = self.users[login]
        return {key: held[key] for key in ("login", "id", "type")}

    def _repo(self, full_name: str) -> JsonObject:
        repo = self.repos[full_name]
        owner, _, name = full_name.partition("/")
        return {
            "id": repo.id,
            "name": name,
            "full_name": full_name,
            "private": repo.private,
            "visibility": "private" if repo.private else "public",
            "owner": {"login": owner, "id": 1, "type": "Organization"},
            "html_url": f"https://github.com/{full_name}",
            "description": repo.description or None,
            "homepage": None,
            "topics": [],
            "default_branch": repo.default_branch,
            "has_wiki": repo.has_wiki,
            "has_issues": repo.has_issues,
            "has_discussions": True,
            "updated_at": repo.updated_at,
            "created_at": repo.updated_at,
        }

    # What happens, with the webhook that tells it

    def commit(
        self,
        full_name: str,
        files: Mapping[str, str | bytes | None],
        *,
        login: str,
        message: str = "Update",
        branch: str = "",
        onto: str | None = None,
    ) -> Webhook:
        """Commit changed `files` (None deletes one) to a branch and push: the `push` event.

        A new branch starts at the default branch. `onto` names the parent of a forced push. `last_sha` is the commit.
        """
        with self.lock:
            repo = self.repos[full_name]
            branch = branch or repo.default_branch
            before = repo.branches.get(branch, "")
            parent = onto if onto is not None else before or repo.branches.get(repo.default_branch, "")
            tree = dict(repo.commits[parent].files) if parent else {}
            for path, content in files.items():
                if content is None:
                    tree.pop(path, None)
                else:
                    tree[path] = self._blob(content if isinstance(content, bytes) else content.encode())
            made = self._commit_object(repo, tree, parent, message, login)
            repo.branches[branch] = made.sha
            self.last_sha = made.sha
            return self._push(full_name, branch, before or ZERO, made.sha, login, forced=onto is not None)

    def _blob(self, content: bytes) -> str:
        sha = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
        self.blobs[sha] = content
        return sha

    def _commit_object(self, repo: FakeRepo, tree: Files, parent: str, message: str, login: str) -> FakeCommit:
        at = self.tick()
        seed = f"{repo.id}{parent}{message}{at}{len(repo.commits)}"
        sha = hashlib.sha1(seed.encode(), usedforsecurity=False).hexdigest()
        user = self.users[login]
        author = {"name": user["name"], "email": user["email"] or f"{login}@users.noreply.github.com", "date": at}
        made = FakeCommit(sha, tree, parent, message, {"login": login, **author}, at)
        repo.commits[sha] = made
        return made

    def _push(self, full_name: str, branch: str, before: str, after: str, login: str, *, forced: bool) -> Webhook:
        payload = {
            "ref": f"refs/heads/{branch}",
            "before": before,
            "after": after,
            "created": before == ZERO,
            "deleted": after == ZERO,
            "forced": forced,
            "commits": [],
            "head_commit": None if after == ZERO else {"id": after},
        }
        return self.webhook("push", payload, full_name, login)

    def delete_branch(self, full_name: str, branch: str, *, login: str) -> Webhook:
        """Delete a branch: the `push` event that says so."""
        before = self.repos[full_name].branches.pop(branch)
        self.tick()
        return self._push(full_name, branch, before, ZERO, login, forced=False)

    def publicize(self, full_name: str, *, login: str) -> Webhook:
        """Make a repository public: the `repository` event `publicized`."""
        self.repos[full_name].private = False
        self.repos[full_name].updated_at = self.tick()
        return self.webhook("repository", {"action": "publicized"}, full_name, login)

    def uninstall(self, *, login: str) -> Webhook:
        """Remove the App: the `installation` event `deleted`; its tokens stop working."""
        self.token = ""
        return self.webhook("installation", {"action": "deleted", "installation": {"id": 1}}, "", login)

    def webhook(self, name: str, payload: JsonObject, full_name: str, login: str) -> Webhook:
        """Complete a payload, keep it for the deliveries API, and sign it."""
        whole = {**payload, "sender": self._user(login)}
        if full_name:
            owner = full_name.partition("/")[0]
            whole |= {"repository": self._repo(full_name), "organization": {"login": owner, "id": 1}}
        self._sent += 1
        guid = str(uuid.UUID(int=self._sent << 80 | 0x4000_8000_0000_0000_0000))
        request = {"headers": {"X-GitHub-Event": name, "X-GitHub-Delivery": guid}, "payload": whole}
        self.deliveries.append(
            {
                "id": 50_000 + self._sent,
                "guid": guid,
                "event": name,
                "action": whole.get("action"),
                "delivered_at": self.tick(),
                "redelivery": False,
                "status": "OK",
                "status_code": 200,
                "request": request,
            }
        )
        return self.sign(whole, name=name, guid=guid)

    def lose_last_delivery(self, *, status_code: int = 502) -> None:
        """Record that the last webhook was not taken."""
        self.deliveries[-1].update(status="failed", status_code=status_code)

    def sign(self, payload: Any, *, name: str = "ping", guid: str = "", form: bool = False) -> Webhook:
        """Return headers and body of a signed request, JSON or form-encoded."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        if form:
            body = urlencode({"payload": body.decode()}).encode()
        signature = hmac.new(self.webhook_secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "content-type": "application/x-www-form-urlencoded" if form else "application/json",
            "x-github-event": name,
            "x-github-delivery": guid or str(uuid.uuid4()),
            "x-github-hook-id": "1",
            "x-hub-signature-256": f"sha256={signature}",
        }
        return headers, body

    # REST

    def slow_down(self, *, after: int | None = None, times: int = 1, path: str = ".*") -> None:
        """Answer the next requests as GitHub does over a secondary limit, with or without Retry-After."""
        told = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}
        headers = {} if after is None else {"retry_after": str(after)}
        self.fail(Response.of(told, 403, **headers), times=times, path=path)

    def answer(self, request: Request) -> Response:
        """Answer one request, with the rate headers and ETags that GitHub adds."""
        with self.lock:
            refused = self._refused(request)
            response = refused or super().answer(request)
            if response.status == 404 and not refused:
                response = Response.of({"message": "Not Found"}, 404)
            return self._finished(request, response)

    def _refused(self, request: Request) -> Response | None:
        if request.path.startswith("/raw/") and not request.headers.get("authorization"):
            return Response.of({"message": "Not Found"}, 404)
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        by_app = request.path.startswith("/app/") and kind == "Bearer" and token.count(".") == 2
        if not by_app and (not token or token != self.token):
            return Response.of({"message": "Bad credentials"}, 401)
        if self.remaining <= 0:
            return Response.of({"message": "API rate limit exceeded for installation."}, 403)
        return None

    def _finished(self, request: Request, response: Response) -> Response:
        etag = '"' + hashlib.sha1(response.body, usedforsecurity=False).hexdigest() + '"'
        free = request.method == "GET" and response.status == 200 and request.headers.get("if-none-match") == etag
        self.remaining -= 0 if free or self.remaining <= 0 else 1
        headers = {
            "ETag": etag,
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(int(time.time()) + 1800),
            **({"X-OAuth-Scopes": self.scopes} if self.scopes is not None else {}),
            **response.headers,
        }
        return Response(304, b"", headers) if free else Response(response.status, response.body, headers)

    def _paged(
        self, request: Request, items: list[Any], wrap: Callable[[list[Any]], Any] = lambda page: page
    ) -> Response:
        size, number = int(request.query.get("per_page", "30")), int(request.query.get("page", "1"))
        page = items[(number - 1) * size : number * size]
        response = Response.of(wrap(page))
        if number * size >= len(items):
            return response
        query = urlencode({**request.query, "page": number + 1})
        link = f'<{request.base_url}{quote(request.path)}?{query}>; rel="next"'
        return Response(200, response.body, {**response.headers, "Link": link})

    def _found(self, owner: str, name: str) -> FakeRepo:
        return self.repos[f"{owner}/{name}"]

    def _changed(self, request: Request, items: Iterable[JsonObject]) -> Response:
        """Answer with a list filtered by `since` and sorted by time of change."""
        since = request.query.get("since", "")
        chosen = [item for item in items if item["updated_at"] >= since]
        chosen.sort(key=lambda item: str(item["updated_at"]), reverse=request.query.get("direction") != "asc")
        return self._paged(request, chosen)
