"""A fake GitHub: the REST and GraphQL calls that reading a company needs, and signed webhooks.

Helpers such as `open_issue` change the state and return the webhook that GitHub would send, as
`(headers, body)`. Shapes follow https://docs.github.com/en/rest and
https://docs.github.com/en/webhooks/webhook-events-and-payloads.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote, unquote, urlencode

from connectors.testing.fakeapps.base import FakeApp, Request, Response, route

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


class FakeGitHub(FakeApp):
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

    def open_issue(self, full_name: str, login: str, title: str, body: str = "", *, pull: bool = False) -> Webhook:
        """Open an issue or, with `pull`, a pull request. `last_number` is its number."""
        with self.lock:
            repo, at = self.repos[full_name], self.tick()
            number = self.last_number = max([*repo.issues, *repo.discussions], default=0) + 1
            kind = "pull" if pull else "issues"
            value: JsonObject = {
                "id": self._next(),
                "number": number,
                "title": title,
                "body": body,
                "state": "open",
                "user": self._user(login),
                "html_url": f"https://github.com/{full_name}/{kind}/{number}",
                "created_at": at,
                "updated_at": at,
            }
            if pull:
                value["pull_request"] = {"url": f"https://api.github.com/repos/{full_name}/pulls/{number}"}
            repo.issues[number] = value
            return self._issue_event(full_name, number, "opened", login)

    def open_pull(self, full_name: str, login: str, title: str, body: str = "") -> Webhook:
        """Open a pull request."""
        return self.open_issue(full_name, login, title, body, pull=True)

    def edit_issue(self, full_name: str, number: int, *, login: str, **changes: str) -> Webhook:
        """Change `title` or `body` of an issue or pull request."""
        value = self.repos[full_name].issues[number]
        before = {key: {"from": value[key]} for key in changes}
        value.update(changes, updated_at=self.tick())
        return self._issue_event(full_name, number, "edited", login, changes=before)

    def delete_issue(self, full_name: str, number: int, *, login: str) -> Webhook:
        """Delete an issue with its comments."""
        repo = self.repos[full_name]
        self.tick()
        event = self._issue_event(full_name, number, "deleted", login)
        del repo.issues[number]
        ended = [i for i, c in repo.issue_comments.items() if c["issue_url"].endswith(f"/issues/{number}")]
        for ident in ended:
            del repo.issue_comments[ident]
        return event

    def _issue_event(self, full_name: str, number: int, action: str, login: str, **more: Any) -> Webhook:
        value = self.repos[full_name].issues[number]
        pull = "pull_request" in value
        name, key = ("pull_request", "pull_request") if pull else ("issues", "issue")
        return self.webhook(
            name, {"action": action, "number": number, key: self._plain(value), **more}, full_name, login
        )

    def _plain(self, value: JsonObject) -> JsonObject:
        """Return a pull request as pull request events carry it, and an issue as it is."""
        return {key: held for key, held in value.items() if key != "pull_request"}

    def _touch(self, full_name: str, number: int) -> str:
        at = self.tick()
        self.repos[full_name].issues[number]["updated_at"] = at
        return at

    def comment(self, full_name: str, number: int, login: str, body: str) -> Webhook:
        """Comment on an issue or pull request. `last_id` is the comment's id."""
        with self.lock:
            repo, at, ident = self.repos[full_name], self._touch(full_name, number), self._next()
            issue = repo.issues[number]
            repo.issue_comments[ident] = {
                "id": ident,
                "body": body,
                "user": self._user(login),
                "issue_url": f"https://api.github.com/repos/{full_name}/issues/{number}",
                "html_url": f"{issue['html_url']}#issuecomment-{ident}",
                "created_at": at,
                "updated_at": at,
            }
            return self._comment_event(full_name, "issue_comment", ident, "created", login)

    def review(self, full_name: str, number: int, login: str, body: str) -> Webhook:
        """Submit a review of a pull request. `last_id` is its id."""
        repo, at, ident = self.repos[full_name], self._touch(full_name, number), self._next()
        repo.reviews[ident] = {
            "id": ident,
            "body": body,
            "state": "COMMENTED",
            "user": self._user(login),
            "pull_request_url": f"https://api.github.com/repos/{full_name}/pulls/{number}",
            "html_url": f"https://github.com/{full_name}/pull/{number}#pullrequestreview-{ident}",
            "submitted_at": at,
        }
        return self._comment_event(full_name, "review", ident, "submitted", login)

    def review_comment(
        self, full_name: str, number: int, login: str, body: str, *, path: str = "app.py", hunk: str = ""
    ) -> Webhook:
        """Comment on a line of a pull request. `last_id` is the comment's id."""
        repo, at, ident = self.repos[full_name], self._touch(full_name, number), self._next()
        repo.review_comments[ident] = {
            "id": ident,
            "body": body,
            "path": path,
            "diff_hunk": hunk,
            "user": self._user(login),
            "pull_request_url": f"https://api.github.com/repos/{full_name}/pulls/{number}",
            "html_url": f"https://github.com/{full_name}/pull/{number}#discussion_r{ident}",
            "created_at": at,
            "updated_at": at,
        }
        return self._comment_event(full_name, "review_comment", ident, "created", login)

    def commit_comment(self, full_name: str, sha: str, login: str, body: str) -> Webhook:
        """Comment on a commit. `last_id` is the comment's id."""
        repo, at, ident = self.repos[full_name], self.tick(), self._next()
        repo.commit_comments[ident] = {
            "id": ident,
            "body": body,
            "commit_id": sha,
            "user": self._user(login),
            "html_url": f"https://github.com/{full_name}/commit/{sha}#commitcomment-{ident}",
            "created_at": at,
            "updated_at": at,
        }
        return self._comment_event(full_name, "commit_comment", ident, "created", login)

    def edit_comment(self, full_name: str, kind: str, ident: int, body: str, *, login: str) -> Webhook:
        """Edit a comment; `kind` is issue_comment, review, review_comment or commit_comment."""
        held = self._comments(full_name, kind)[ident]
        before, at = held["body"], self.tick()
        held["body"] = body
        if "updated_at" in held:
            held["updated_at"] = at
        if kind != "commit_comment":
            number = _number_in(held.get("issue_url") or held["pull_request_url"])
            self.repos[full_name].issues[number]["updated_at"] = at
        return self._comment_event(full_name, kind, ident, "edited", login, changes={"body": {"from": before}})

    def delete_comment(self, full_name: str, kind: str, ident: int, *, login: str) -> Webhook:
        """Delete a comment; kinds as in `edit_comment`."""
        self.tick()
        event = self._comment_event(full_name, kind, ident, "deleted", login)
        del self._comments(full_name, kind)[ident]
        return event

    def _comments(self, full_name: str, kind: str) -> dict[int, JsonObject]:
        found: dict[int, JsonObject] = getattr(self.repos[full_name], kind + "s")
        return found

    def _comment_event(self, full_name: str, kind: str, ident: int, action: str, login: str, **more: Any) -> Webhook:
        held = dict(self._comments(full_name, kind)[ident])
        name = {"review": "pull_request_review", "review_comment": "pull_request_review_comment"}.get(kind, kind)
        payload: JsonObject = {"action": action, "review" if kind == "review" else "comment": held, **more}
        if kind != "commit_comment":
            issue = self.repos[full_name].issues[_number_in(held.get("issue_url") or held["pull_request_url"])]
            payload |= {"issue": issue} if kind == "issue_comment" else {"pull_request": self._plain(issue)}
        return self.webhook(name, payload, full_name, login)

    def discuss(self, full_name: str, login: str, title: str, body: str) -> Webhook:
        """Start a discussion. `last_number` is its number."""
        repo, at = self.repos[full_name], self.tick()
        number = self.last_number = max([*repo.issues, *repo.discussions], default=0) + 1
        repo.discussions[number] = {
            "id": self._next(),
            "node_id": f"D_{self.last_id}",
            "number": number,
            "title": title,
            "body": body,
            "user": self._user(login),
            "html_url": f"https://github.com/{full_name}/discussions/{number}",
            "created_at": at,
            "updated_at": at,
            "held": {},
        }
        return self._discussion_event(full_name, number, "created", login)

    def discussion_comment(
        self, full_name: str, number: int, login: str, body: str, *, reply_to: int | None = None
    ) -> Webhook:
        """Comment on a discussion, or reply to a comment of it. `last_id` is the comment's id."""
        repo, at, ident = self.repos[full_name], self.tick(), self._next()
        held = {
            "id": ident,
            "node_id": f"DC_{ident}",
            "parent_id": reply_to,
            "body": body,
            "user": self._user(login),
            "html_url": f"https://github.com/{full_name}/discussions/{number}#discussioncomment-{ident}",
            "created_at": at,
            "updated_at": at,
        }
        repo.discussions[number]["held"][ident] = held
        repo.discussions[number]["updated_at"] = at
        return self._discussion_event(full_name, number, "created", login, comment=held)

    def _discussion_event(self, full_name: str, number: int, action: str, login: str, **more: Any) -> Webhook:
        held = self.repos[full_name].discussions[number]
        value = {key: inside for key, inside in held.items() if key != "held"}
        name = "discussion_comment" if "comment" in more else "discussion"
        return self.webhook(name, {"action": action, "discussion": value, **more}, full_name, login)

    def edit_wiki(self, full_name: str, login: str, page: str, source: str) -> Webhook:
        """Make or edit a wiki page: the `gollum` event."""
        repo = self.repos[full_name]
        action = "edited" if page in repo.wiki else "created"
        repo.wiki[page] = source
        sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
        url = f"https://github.com/{full_name}/wiki/{page}"
        told = {"page_name": page, "title": page.replace("-", " "), "summary": None, "action": action, "sha": sha}
        self.tick()
        return self.webhook("gollum", {"pages": [{**told, "html_url": url}]}, full_name, login)

    def release(
        self,
        full_name: str,
        login: str,
        tag: str,
        *,
        title: str = "",
        body: str = "",
        files: Mapping[str, bytes] | None = None,
    ) -> Webhook:
        """Publish a release with files attached. `last_id` is its id."""
        repo, at = self.repos[full_name], self.tick()
        assets = [self._asset(full_name, login, name, content, at) for name, content in (files or {}).items()]
        ident = self._next()
        repo.releases[ident] = {
            "id": ident,
            "tag_name": tag,
            "name": title,
            "body": body,
            "author": self._user(login),
            "html_url": f"https://github.com/{full_name}/releases/tag/{tag}",
            "created_at": at,
            "published_at": at,
            "assets": assets,
        }
        return self.webhook("release", {"action": "published", "release": repo.releases[ident]}, full_name, login)

    def _asset(self, full_name: str, login: str, name: str, content: bytes, at: str) -> JsonObject:
        ident = self._next()
        self.assets[ident] = content
        return {
            "id": ident,
            "name": name,
            "label": None,
            "content_type": "text/plain",
            "size": len(content),
            "uploader": self._user(login),
            "browser_download_url": f"https://github.com/{full_name}/releases/download/{ident}/{name}",
            "created_at": at,
            "updated_at": at,
        }

    def add_gist(self, files: Mapping[str, str], *, description: str = "", public: bool = False) -> str:
        """Add a gist of the token's owner and return its id."""
        ident = hashlib.sha1(str(self._next()).encode(), usedforsecurity=False).hexdigest()[:20]
        at = self.tick()
        self.gists[ident] = {
            "id": ident,
            "description": description,
            "public": public,
            "owner": self._user("connectors[bot]"),
            "html_url": f"https://gist.github.com/{ident}",
            "created_at": at,
            "updated_at": at,
            "files": {name: {"filename": name, "type": "text/plain", "content": text} for name, text in files.items()},
        }
        return ident

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

    @route("GET", "/rate_limit")
    def get_rate_limit(self, _request: Request) -> Response:
        """https://docs.github.com/en/rest/rate-limit/rate-limit"""
        return Response.of({"resources": {"core": {"limit": self.limit, "remaining": self.remaining}}})

    @route("GET", "/user/repos")
    def get_own_repos(self, request: Request) -> Response:
        """https://docs.github.com/en/rest/repos/repos"""
        return self._paged(request, [self._repo(name) for name in self.repos])

    @route("GET", "/orgs/(?P<org>[^/]+)/repos")
    def get_org_repos(self, request: Request, org: str) -> Response:
        """https://docs.github.com/en/rest/repos/repos"""
        return self._paged(request, [self._repo(name) for name in self.repos if name.startswith(org + "/")])

    @route("GET", "/installation/repositories")
    def get_installed_repos(self, request: Request) -> Response:
        """https://docs.github.com/en/rest/apps/installations"""
        listed = [self._repo(name) for name in self.repos]
        return self._paged(request, listed, lambda page: {"total_count": len(listed), "repositories": page})

    @route("GET", r"/repositories/(?P<ident>\d+)")
    def get_repo_by_id(self, _request: Request, ident: str) -> Response:
        """The address that `Link` headers use for a repository."""
        found = next((name for name, repo in self.repos.items() if repo.id == int(ident)), None)
        return Response.of(self._repo(found)) if found else Response(404)

    @route("GET", r"/users/(?P<login>[^/]+)")
    def get_user(self, _request: Request, login: str) -> Response:
        """https://docs.github.com/en/rest/users/users"""
        found = self.users.get(unquote(login))
        return Response.of(found) if found else Response(404)

    @route("GET", r"/user/(?P<ident>\d+)")
    def get_user_by_id(self, _request: Request, ident: str) -> Response:
        """https://docs.github.com/en/rest/users/users"""
        found = next((user for user in self.users.values() if user["id"] == int(ident)), None)
        return Response.of(found) if found else Response(404)

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/branches/(?P<branch>.+)")
    def get_branch(self, _request: Request, owner: str, name: str, branch: str) -> Response:
        """https://docs.github.com/en/rest/branches/branches"""
        repo = self._found(owner, name)
        sha = repo.branches.get(unquote(branch))
        return (
            Response.of({"name": unquote(branch), "commit": self._commit(repo, repo.commits[sha])})
            if sha
            else Response(404)
        )

    def _commit(self, repo: FakeRepo, made: FakeCommit) -> JsonObject:
        who = {key: made.author[key] for key in ("name", "email", "date")}
        tree = {"sha": _tree_sha(made.sha, "")}
        return {
            "sha": made.sha,
            "commit": {"message": made.message, "author": who, "committer": who, "tree": tree},
            "author": self._user(made.author["login"]),
            "html_url": f"https://github.com/{repo.full_name}/commit/{made.sha}",
            "parents": [{"sha": made.parent}] if made.parent else [],
        }

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/git/trees/(?P<sha>[0-9a-f~%/\w.-]+)")
    def get_tree(self, request: Request, owner: str, name: str, sha: str) -> Response:
        """https://docs.github.com/en/rest/git/trees"""
        commit, _, prefix = unquote(sha).partition("~")
        made = self._found(owner, name).commits.get(commit)
        if made is None:
            return Response(404)
        below = {path.removeprefix(prefix): blob for path, blob in made.files.items() if path.startswith(prefix)}
        if request.query.get("recursive"):
            entries = [self._entry(path, blob) for path, blob in sorted(below.items())]
            cut = len(entries) > self.tree_limit
            return Response.of({"sha": sha, "tree": entries[: self.tree_limit], "truncated": cut})
        entries = [self._entry(path, blob) for path, blob in sorted(below.items()) if "/" not in path]
        for folder in sorted({path.partition("/")[0] for path in below if "/" in path}):
            inside = _tree_sha(commit, f"{prefix}{folder}/")
            entries.append({"path": folder, "mode": "040000", "type": "tree", "sha": inside})
        return Response.of({"sha": sha, "tree": entries, "truncated": False})

    def _entry(self, path: str, blob: str) -> JsonObject:
        if blob.startswith("submodule"):
            return {"path": path, "mode": "160000", "type": "commit", "sha": ZERO}
        return {"path": path, "mode": "100644", "type": "blob", "sha": blob, "size": len(self.blobs[blob])}

    def add_submodule(self, full_name: str, path: str, *, login: str) -> Webhook:
        """Commit a submodule to the default branch."""
        repo = self.repos[full_name]
        event = self.commit(full_name, {}, login=login, message="Add a submodule")
        repo.commits[self.last_sha].files[path] = "submodule"
        return event

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/git/blobs/(?P<sha>\w+)")
    def get_blob(self, _request: Request, owner: str, name: str, sha: str) -> Response:
        """https://docs.github.com/en/rest/git/blobs"""
        _ = owner, name
        if sha not in self.blobs:
            return Response(404)
        return Response(200, self.blobs[sha], {"Content-Type": "application/vnd.github.raw"})

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/compare/(?P<base>.+)\.\.\.(?P<head>\w+)")
    def get_compare(self, request: Request, owner: str, name: str, base: str, head: str) -> Response:
        """https://docs.github.com/en/rest/commits/commits#compare-two-commits"""
        repo = self._found(owner, name)
        start = repo.branches.get(unquote(base), unquote(base))
        if start not in repo.commits or head not in repo.commits:
            return Response(404)
        merge = next(sha for sha in self._line(repo, start) if sha in set(self._line(repo, head)))
        ahead = [sha for sha in self._line(repo, head) if sha not in set(self._line(repo, merge))][::-1]
        status = (
            "identical" if start == head else "ahead" if merge == start else "behind" if merge == head else "diverged"
        )
        files = self._differences(repo.commits[merge].files, repo.commits[head].files)[: self.compare_limit]
        first = int(request.query.get("page", "1")) == 1
        commits = [self._commit(repo, repo.commits[sha]) for sha in ahead]
        told = {"status": status, "total_commits": len(ahead), "files": files if first else []}
        return self._paged(request, commits, lambda page: {**told, "commits": page})

    def _line(self, repo: FakeRepo, sha: str) -> list[str]:
        found = []
        while sha:
            found.append(sha)
            sha = repo.commits[sha].parent
        return found

    def _differences(self, before: Files, after: Files) -> list[JsonObject]:
        listed = []
        for path in sorted({*before, *after}):
            if before.get(path) == after.get(path):
                continue
            status = "added" if path not in before else "removed" if path not in after else "modified"
            sha = after.get(path) or before[path]
            patch = "".join(f"-{line}\n" for line in self._lines(before.get(path)))
            patch += "".join(f"+{line}\n" for line in self._lines(after.get(path)))
            listed.append(
                {"filename": path, "status": status, "sha": sha, "patch": patch, "changes": patch.count("\n")}
            )
        return listed

    def _lines(self, blob: str | None) -> list[str]:
        return self.blobs[blob].decode("utf-8", "replace").splitlines() if blob in self.blobs else []

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/commits")
    def get_commits(self, request: Request, owner: str, name: str) -> Response:
        """https://docs.github.com/en/rest/commits/commits"""
        repo = self._found(owner, name)
        asked = request.query.get("sha", repo.default_branch)
        top = repo.branches.get(asked, asked)
        since = request.query.get("since", "")
        line = [repo.commits[sha] for sha in self._line(repo, top) if top in repo.commits]
        return self._paged(request, [self._commit(repo, made) for made in line if made.at >= since])

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/commits/(?P<sha>\w+)")
    def get_commit(self, request: Request, owner: str, name: str, sha: str) -> Response:
        """https://docs.github.com/en/rest/commits/commits#get-a-commit"""
        repo = self._found(owner, name)
        if sha not in repo.commits:
            return Response(404)
        made = repo.commits[sha]
        before = repo.commits[made.parent].files if made.parent else {}
        files = self._differences(before, made.files)
        return self._paged(request, files, lambda page: {**self._commit(repo, made), "files": page})

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/issues")
    def get_issues(self, request: Request, owner: str, name: str) -> Response:
        """Issues and pull requests. https://docs.github.com/en/rest/issues/issues"""
        return self._changed(request, self._found(owner, name).issues.values())

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/(?P<kind>issues|pulls)/(?P<number>\d+)")
    def get_issue(self, _request: Request, owner: str, name: str, kind: str, number: str) -> Response:
        """https://docs.github.com/en/rest/issues/issues"""
        found = self._found(owner, name).issues.get(int(number))
        if found is None or (kind == "pulls" and "pull_request" not in found):
            return Response(404)
        return Response.of(found)

    @route("PATCH", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/issues/(?P<number>\d+)")
    def patch_issue(self, request: Request, owner: str, name: str, number: str) -> Response:
        """https://docs.github.com/en/rest/issues/issues#update-an-issue"""
        held = self._found(owner, name).issues.get(int(number))
        if held is None:
            return Response(404)
        changes = {key: value for key, value in request.json().items() if key in ("title", "body")}
        self.outbox.append(self.edit_issue(f"{owner}/{name}", int(number), login="connectors[bot]", **changes))
        return Response.of(held)

    @route("POST", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/issues/(?P<number>\d+)/comments")
    def post_comment(self, request: Request, owner: str, name: str, number: str) -> Response:
        """https://docs.github.com/en/rest/issues/comments#create-an-issue-comment"""
        full_name = f"{owner}/{name}"
        if int(number) not in self.repos[full_name].issues:
            return Response(404)
        self.outbox.append(self.comment(full_name, int(number), "connectors[bot]", request.json()["body"]))
        return Response.of(list(self.repos[full_name].issue_comments.values())[-1], 201)

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/issues/(?P<number>\d+)/comments")
    def get_comments_of_issue(self, request: Request, owner: str, name: str, number: str) -> Response:
        """https://docs.github.com/en/rest/issues/comments"""
        comments = self._found(owner, name).issue_comments.values()
        return self._paged(request, [c for c in comments if c["issue_url"].endswith(f"/issues/{number}")])

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/(?P<kind>issues|pulls)/comments")
    def get_comments(self, request: Request, owner: str, name: str, kind: str) -> Response:
        """https://docs.github.com/en/rest/issues/comments and /rest/pulls/comments"""
        repo = self._found(owner, name)
        return self._changed(request, (repo.issue_comments if kind == "issues" else repo.review_comments).values())

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/(?P<kind>issues/|pulls/|)comments/(?P<ident>\d+)")
    def get_comment(self, _request: Request, owner: str, name: str, kind: str, ident: str) -> Response:
        """One comment of an issue, of a pull request's line, or of a commit."""
        held = self._held(owner, name, kind).get(int(ident))
        return Response.of(held) if held else Response(404)

    @route("PATCH", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/(?P<kind>issues/|pulls/|)comments/(?P<ident>\d+)")
    def patch_comment(self, request: Request, owner: str, name: str, kind: str, ident: str) -> Response:
        """Edit one of those."""
        held = self._held(owner, name, kind)
        if int(ident) not in held:
            return Response(404)
        named = {"issues/": "issue_comment", "pulls/": "review_comment", "": "commit_comment"}[kind]
        body = request.json()["body"]
        self.outbox.append(self.edit_comment(f"{owner}/{name}", named, int(ident), body, login="connectors[bot]"))
        return Response.of(held[int(ident)])

    def _held(self, owner: str, name: str, kind: str) -> dict[int, JsonObject]:
        repo = self._found(owner, name)
        return {"issues/": repo.issue_comments, "pulls/": repo.review_comments, "": repo.commit_comments}[kind]

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/pulls/(?P<number>\d+)/reviews")
    def get_reviews(self, request: Request, owner: str, name: str, number: str) -> Response:
        """https://docs.github.com/en/rest/pulls/reviews"""
        reviews = self._found(owner, name).reviews.values()
        return self._paged(request, [r for r in reviews if r["pull_request_url"].endswith(f"/pulls/{number}")])

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/pulls/(?P<number>\d+)/reviews/(?P<ident>\d+)")
    def get_review(self, _request: Request, owner: str, name: str, number: str, ident: str) -> Response:
        """https://docs.github.com/en/rest/pulls/reviews"""
        _ = number
        held = self._found(owner, name).reviews.get(int(ident))
        return Response.of(held) if held else Response(404)

    @route("PUT", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/pulls/(?P<number>\d+)/reviews/(?P<ident>\d+)")
    def put_review(self, request: Request, owner: str, name: str, number: str, ident: str) -> Response:
        """https://docs.github.com/en/rest/pulls/reviews#update-a-review-for-a-pull-request"""
        _ = number
        held = self._found(owner, name).reviews
        if int(ident) not in held:
            return Response(404)
        body = request.json()["body"]
        self.outbox.append(self.edit_comment(f"{owner}/{name}", "review", int(ident), body, login="connectors[bot]"))
        return Response.of(held[int(ident)])

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/comments")
    def get_commit_comments(self, request: Request, owner: str, name: str) -> Response:
        """https://docs.github.com/en/rest/commits/comments"""
        return self._paged(request, list(self._found(owner, name).commit_comments.values()))

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/releases")
    def get_releases(self, request: Request, owner: str, name: str) -> Response:
        """https://docs.github.com/en/rest/releases/releases"""
        return self._paged(request, list(self._found(owner, name).releases.values()))

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/releases/assets/(?P<ident>\d+)")
    def get_asset(self, _request: Request, owner: str, name: str, ident: str) -> Response:
        """https://docs.github.com/en/rest/releases/assets"""
        _ = owner, name
        content = self.assets.get(int(ident))
        return Response(404) if content is None else Response(200, content, {"Content-Type": "text/plain"})

    @route("GET", r"/raw/wiki/(?P<owner>[^/]+)/(?P<name>[^/]+)/(?P<page>.+)\.md")
    def get_wiki(self, _request: Request, owner: str, name: str, page: str) -> Response:
        """The raw host; give `<url>/raw` as raw_url."""
        source = self._found(owner, name).wiki.get(unquote(page))
        return Response(404) if source is None else Response(200, source.encode(), {"Content-Type": "text/plain"})

    @route("GET", "/gists")
    def get_gists(self, request: Request) -> Response:
        """https://docs.github.com/en/rest/gists/gists"""
        return self._paged(request, [{**gist, "files": {}} for gist in self.gists.values()])

    @route("GET", r"/gists/(?P<ident>\w+)")
    def get_gist(self, _request: Request, ident: str) -> Response:
        """https://docs.github.com/en/rest/gists/gists"""
        return Response.of(self.gists[ident]) if ident in self.gists else Response(404)

    # The App

    @route("GET", r"/app/installations/(?P<ident>\d+)")
    def get_installation(self, _request: Request, ident: str) -> Response:
        """https://docs.github.com/en/rest/apps/apps"""
        return Response.of({"id": int(ident), "permissions": self.permissions})

    @route("POST", r"/app/installations/(?P<ident>\d+)/access_tokens")
    def post_token(self, _request: Request, ident: str) -> Response:
        """https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app"""
        _ = ident
        ends = datetime.fromtimestamp(time.time() + 3600, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Response.of({"token": self.token, "expires_at": ends, "permissions": self.permissions}, 201)

    @route("GET", r"/(?:app/hook|orgs/[^/]+/hooks/\d+|repos/[^/]+/[^/]+/hooks/\d+)/deliveries")
    def get_deliveries(self, request: Request) -> Response:
        """Newest first, by cursor. https://docs.github.com/en/rest/apps/webhooks"""
        size, begin = int(request.query.get("per_page", "30")), int(request.query.get("cursor", "0"))
        listed = [{k: v for k, v in d.items() if k != "request"} for d in reversed(self.deliveries)]
        response = Response.of(listed[begin : begin + size])
        if begin + size >= len(listed):
            return response
        link = f'<{request.base_url}{request.path}?per_page={size}&cursor={begin + size}>; rel="next"'
        return Response(200, response.body, {**response.headers, "Link": link})

    @route("GET", r"/(?:app/hook|orgs/[^/]+/hooks/\d+|repos/[^/]+/[^/]+/hooks/\d+)/deliveries/(?P<ident>\d+)")
    def get_delivery(self, _request: Request, ident: str) -> Response:
        """https://docs.github.com/en/rest/apps/webhooks#get-a-delivery-for-an-app-webhook"""
        found = next((d for d in self.deliveries if d["id"] == int(ident)), None)
        return Response.of(found) if found else Response(404)

    # GraphQL

    @route("POST", "/graphql")
    def graphql(self, request: Request) -> Response:
        """Answer the queries for discussions. https://docs.github.com/en/graphql"""
        asked = request.json()
        query, variables = str(asked.get("query", "")), asked.get("variables") or {}
        if "discussions(" in query:
            return Response.of({"data": {"repository": {"discussions": self._discussions(query, variables)}}})
        if "node(id" in query:
            return self._node(query, variables)
        return Response.of({"errors": [{"type": "UNDEFINED_FIELD", "message": "no such query"}]})

    def _discussions(self, query: str, variables: JsonObject) -> JsonObject:
        repo = self._found(str(variables.get("owner")), str(variables.get("name")))
        key = {"UPDATED_AT": "updated_at"}.get(str(variables.get("field")), "created_at")
        down = variables.get("direction") == "DESC"
        listed = sorted(repo.discussions.values(), key=lambda d: str(d[key]), reverse=down)
        return _connection(listed, query, "discussions", variables.get("after"), lambda d: self._discussion(query, d))

    def _discussion(self, query: str, held: JsonObject) -> JsonObject:
        return {
            **_node(held),
            "title": held["title"],
            "number": held["number"],
            "comments": self._comments_of(query, held),
        }

    def _comments_of(self, query: str, held: JsonObject, after: Any = None) -> JsonObject:
        top = [comment for comment in held["held"].values() if comment["parent_id"] is None]
        return _connection(
            top, query, "comments", after, lambda c: {**_node(c), "replies": self._replies_of(query, held, c["id"])}
        )

    def _replies_of(self, query: str, held: JsonObject, ident: int, after: Any = None) -> JsonObject:
        listed = [comment for comment in held["held"].values() if comment["parent_id"] == ident]
        return _connection(listed, query, "replies", after, _node)

    def _node(self, query: str, variables: JsonObject) -> Response:
        ident, after = str(variables.get("id")), variables.get("after")
        for held in (d for repo in self.repos.values() for d in repo.discussions.values()):
            if held["node_id"] == ident:
                return Response.of({"data": {"node": {"comments": self._comments_of(query, held, after)}}})
            comment = next((c for c in held["held"].values() if c["node_id"] == ident), None)
            if comment:
                replies = self._replies_of(query, held, comment["id"], after)
                return Response.of({"data": {"node": {"replies": replies}}})
        return Response.of({"data": {"node": None}, "errors": [{"type": "NOT_FOUND", "message": "no such node"}]})


def _node(held: JsonObject) -> JsonObject:
    user = held["user"]
    return {
        "id": held["node_id"],
        "databaseId": held["id"],
        "body": held["body"],
        "url": held["html_url"],
        "createdAt": held["created_at"],
        "updatedAt": held["updated_at"],
        "author": {"login": user["login"], "databaseId": user["id"]},
    }


def _connection(
    items: list[JsonObject], query: str, name: str, after: Any, shown: Callable[[JsonObject], JsonObject]
) -> JsonObject:
    """Return one page of a GraphQL connection, of the size that the query asks for."""
    asked = re.search(rf"\b{name}\(first: (\d+)", query)
    begin, size = int(after or 0), int(asked[1]) if asked else 10
    more = begin + size < len(items)
    return {
        "pageInfo": {"hasNextPage": more, "endCursor": str(begin + size) if more else None},
        "nodes": [shown(item) for item in items[begin : begin + size]],
    }


def _number_in(url: str) -> int:
    return int(url.rpartition("/")[2])


def _tree_sha(commit: str, prefix: str) -> str:
    """Return a name for the tree below `prefix`; the root's is the commit's own."""
    return f"{commit}~{prefix}" if prefix else commit
