"""What a fake Jira holds: projects, issues and what hangs on them, their history, and the webhooks of changes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.testing.fakeapps.base import FakeApp, Request

API = "/rest/api/[23]"
EMBEDDED = 20
"""How many comments and worklogs Cloud embeds in an issue."""


class JiraData(FakeApp):
    """One Jira site without its API.

    Change it by the `add_`, `edit_` and `delete_` methods; `signed` makes a webhook of a change.

    Time is the app's own: it starts in January 2026 and moves one second with every change, unless `now` is given.
    Signing in: basic `email:token` or `Bearer pat`, whichever `email`, `token` and `pat` say.
    """

    name = "jira"

    def __init__(self, *, cloud: bool = True, now: Callable[[], datetime] | None = None, page_limit: int = 50) -> None:
        super().__init__()
        self.cloud = cloud
        self.page_limit = page_limit
        self.email, self.token, self.pat = "scanner@acme.example", "fake-token", "fake-pat"
        self.webhook_secret = "fake-webhook-secret-of-32-characters"
        self.client_secret = "fake-client-secret-of-32-characters"
        self.requests: list[Request] = []
        self.projects: dict[str, dict[str, Any]] = {}
        self.issues: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.history: dict[str, list[dict[str, Any]]] = {}
        self.links: dict[str, list[dict[str, Any]]] = {}
        self.users: dict[str, dict[str, Any]] = {}
        self.hooks: dict[int, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.denied: set[str] = set()
        self.forbidden_projects: set[str] = set()
        self.dead_tokens: set[str] = set()
        self.remaining = 99_000
        self._clock = now
        self._time = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
        self._ids = 10_000
        self.author = self.add_user("Robin Example", email="robin@acme.example")

    # Changing the site

    @property
    def now(self) -> datetime:
        """Return the site's time."""
        return self._clock() if self._clock else self._time

    def pass_time(self, **parts: float) -> None:
        """Let time pass (`days=1`)."""
        self._time += timedelta(**parts)

    def add_user(self, name: str, *, email: str = "") -> dict[str, Any]:
        """Add a person."""
        ident = f"5b10{self._id():08d}"
        key = "accountId" if self.cloud else "key"
        user = {key: ident, "displayName": name, "active": True, "emailAddress": email}
        self.users[ident] = user | ({"accountType": "atlassian"} if self.cloud else {"name": name.split()[0].lower()})
        return self.users[ident]

    def add_project(self, key: str, name: str = "", *, private: bool = False) -> dict[str, Any]:
        """Add a project."""
        ident = str(self._id())
        self.projects[key] = {"id": ident, "key": key, "name": name or key}
        if self.cloud:
            self.projects[key]["isPrivate"] = private
        return self.projects[key]

    def add_issue(self, project: str, summary: str, *, text: str = "", **fields: Any) -> dict[str, Any]:
        """Add an issue; `text` becomes its description in the site's own format."""
        with self.lock:
            stamp, ident = self._tick(), str(self._id())
            number = sum(1 for i in self.issues.values() if i["key"].startswith(project + "-")) + 1
            self.issues[ident] = {
                "id": ident,
                "key": f"{project}-{number}",
                "self": f"https://jira.example/rest/api/{3 if self.cloud else 2}/issue/{ident}",
                "fields": {
                    "project": self.projects[project],
                    "summary": summary,
                    "description": self.rich(text) if text else None,
                    "environment": None,
                    "labels": [],
                    "issuetype": {"id": "1", "name": "Task"},
                    "status": {"id": "3", "name": "In Progress"},
                    "reporter": self.author,
                    "creator": self.author,
                    "created": stamp,
                    "updated": stamp,
                    "attachment": [],
                    "comment": [],
                    "worklog": [],
                    **fields,
                },
            }
            self.history[ident], self.links[ident] = [], []
            return self.issues[ident]

    def edit_issue(self, ident: str, **fields: Any) -> dict[str, Any]:
        """Change fields and write the history; returns the webhook's changelog."""
        with self.lock:
            issue = self.issues[ident]
            items = [
                {"field": name, "fromString": self.plain(issue["fields"].get(name)), "toString": self.plain(value)}
                for name, value in fields.items()
            ]
            issue["fields"].update(fields)
            return self._touched(ident, items)

    def delete_issue(self, ident: str) -> dict[str, Any]:
        """Delete an issue and return what it was."""
        return self.issues.pop(ident)

    def add_comment(self, ident: str, text: str) -> dict[str, Any]:
        """Add a comment."""
        stamp = self._tick()
        comment = {
            "id": str(self._id()),
            "author": self.author,
            "body": self.rich(text),
            "created": stamp,
            "updated": stamp,
        }
        comment["self"] = f"{self.issues[ident]['self']}/comment/{comment['id']}"
        self.issues[ident]["fields"]["comment"].append(comment)
        self._touched(ident, [])
        return comment

    def edit_comment(self, ident: str, comment_id: str, text: str) -> dict[str, Any]:
        """Change a comment."""
        comment = self._comment(ident, comment_id)
        comment.update(body=self.rich(text), updated=self._tick())
        self._touched(ident, [])
        return comment

    def delete_comment(self, ident: str, comment_id: str) -> None:
        """Delete a comment."""
        self.issues[ident]["fields"]["comment"].remove(self._comment(ident, comment_id))
        self._touched(ident, [])

    def add_worklog(self, ident: str, text: str) -> dict[str, Any]:
        """Log work."""
        stamp = self._tick()
        log = {"id": str(self._id()), "issueId": ident, "author": self.author, "comment": self.rich(text)}
        log |= {"created": stamp, "updated": stamp, "timeSpent": "1h", "timeSpentSeconds": 3600}
        self.issues[ident]["fields"]["worklog"].append(log)
        self._touched(ident, [])
        return log

    def add_attachment(self, ident: str, name: str, content: bytes, media_type: str = "text/plain") -> dict[str, Any]:
        """Attach a file."""
        attachment: dict[str, Any] = {
            "id": str(self._id()),
            "filename": name,
            "author": self.author,
            "created": self._tick(),
        }
        attachment |= {"size": len(content), "mimeType": media_type}
        self.contents[attachment["id"]] = content
        self.issues[ident]["fields"]["attachment"].append(attachment)
        self._touched(ident, [{"field": "Attachment", "from": None, "to": attachment["id"], "toString": name}])
        return attachment

    def add_remote_link(self, ident: str, url: str, title: str) -> dict[str, Any]:
        """Link an issue to something elsewhere."""
        link = {"id": self._id(), "object": {"url": url, "title": title}}
        self.links[ident].append(link)
        return link

    def rich(self, text: str) -> Any:
        """Return text in the site's format: ADF on Cloud, wiki text on Data Center."""
        return document(*text.split("\n")) if self.cloud else text

    @staticmethod
    def plain(value: Any) -> str | None:
        """Return a value as the history writes it."""
        return "\n".join(texts_in(value)) if isinstance(value, Mapping) else value

    # Webhooks

    def signed(self, event: str, **parts: Any) -> tuple[dict[str, str], bytes]:
        """Return headers and body of an admin webhook. An `issue` part may be given by its id."""
        body = self._webhook_body(event, parts)
        digest = hmac.new(self.webhook_secret.encode(), body, hashlib.sha256).hexdigest()
        return {**self._webhook_headers(), "x-hub-signature": f"sha256={digest}"}, body

    def tokened(self, event: str, **parts: Any) -> tuple[dict[str, str], bytes]:
        """Return headers and body of a dynamic webhook, with its token."""
        claims = {"iss": "fake-client", "iat": int(self.now.timestamp()), "exp": int(self.now.timestamp()) + 180}
        head = ".".join(_b64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        signature = _b64(hmac.new(self.client_secret.encode(), head.encode(), hashlib.sha256).digest())
        headers = {**self._webhook_headers(), "authorization": f"Bearer {head}.{signature}"}
        return headers, self._webhook_body(event, parts)

    def _webhook_body(self, event: str, parts: Mapping[str, Any]) -> bytes:
        body = {"timestamp": int(self.now.timestamp() * 1000), "webhookEvent": event, **parts}
        issue = body.get("issue")
        if isinstance(issue, str):
            body["issue"] = self._for_webhook(self.issues[issue])
        elif isinstance(issue, Mapping):
            body["issue"] = self._for_webhook(issue)
        return json.dumps(body).encode()

    def _for_webhook(self, issue: Mapping[str, Any]) -> dict[str, Any]:
        shown = deepcopy(dict(issue))
        shown["fields"].pop("comment", None)
        shown["fields"].pop("worklog", None)
        shown["fields"]["project"].pop("isPrivate", None)
        return shown

    def _webhook_headers(self) -> dict[str, str]:
        ident = f"{self._id():032x}"
        return {"content-type": "application/json", "x-atlassian-webhook-identifier": ident}

    # Inside

    def _id(self) -> int:
        self._ids += 1
        return self._ids

    def _tick(self) -> str:
        self._time += timedelta(seconds=1)
        return self._stamp(self.now)

    @staticmethod
    def _stamp(when: datetime) -> str:
        return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}+0000"

    def _touched(self, ident: str, items: list[dict[str, Any]]) -> dict[str, Any]:
        stamp = self._tick()
        self.issues[ident]["fields"]["updated"] = stamp
        entry = {"id": str(self._id()), "author": self.author, "created": stamp, "items": items}
        if items:
            self.history[ident].append(entry)
        return {"id": entry["id"], "items": items}

    def _one(self, ident: str, kind: str, one: str) -> dict[str, Any] | None:
        every: Iterable[dict[str, Any]] = self.issues[ident]["fields"][kind] if ident in self.issues else ()
        return next((item for item in every if item["id"] == one), None)

    def _comment(self, ident: str, comment_id: str) -> dict[str, Any]:
        found = self._one(ident, "comment", comment_id)
        assert found is not None, "no such comment"  # noqa: S101 (a test asked for it by a wrong id)
        return found

    def _attached(self, ident: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
        for issue in self.issues.values():
            for attachment in issue["fields"]["attachment"]:
                if attachment["id"] == ident:
                    return issue, attachment
        return None


def document(*paragraphs: str) -> dict[str, Any]:
    """Return an ADF document of plain paragraphs."""
    content = [
        {"type": "paragraph", "content": [{"type": "text", "text": line}] if line else []} for line in paragraphs
    ]
    return {"type": "doc", "version": 1, "content": content}


def texts_in(node: Any) -> list[str]:
    """Return the texts of an ADF document, one for each text node."""
    own = [node["text"]] if isinstance(node, Mapping) and isinstance(node.get("text"), str) else []
    children = node.get("content", []) if isinstance(node, Mapping) else []
    return own + [line for child in children for line in texts_in(child)]


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
