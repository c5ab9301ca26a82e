"""What a fake Confluence holds: spaces, contents with their versions, files, and the deliveries of changes."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.testing.fakeapps.base import FakeApp, Request

V1 = "(?:/wiki)?/rest/api"
V2 = "/wiki/api/v2"
KINDS = {"pages": "page", "blogposts": "blogpost", "attachments": "attachment"}
COMMENTS = {"footer-comments": "footer", "inline-comments": "inline"}


class ConfluenceData(FakeApp):
    """One Confluence site without its API.

    Change it by the `add_`, `edit_`, `trash_` methods; `posted` and `relayed` sign deliveries.

    Time is the app's own: it starts in January 2026 and moves one second with every change, unless `now` is given.
    Signing in: basic `email:token` or `Bearer pat`.
    """

    name = "confluence"

    def __init__(self, *, cloud: bool = True, now: Callable[[], datetime] | None = None, page_limit: int = 25) -> None:
        super().__init__()
        self.cloud = cloud
        self.page_limit = page_limit
        self.email, self.token, self.pat = "scanner@acme.example", "fake-token", "fake-pat"
        self.webhook_secret = "fake-webhook-secret-of-32-characters"
        self.requests: list[Request] = []
        self.spaces: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, dict[str, Any]] = {}
        self.users: dict[str, dict[str, Any]] = {}
        self.hidden_spaces: set[str] = set()
        self.dead_cursors: set[str] = set()
        self.remaining = 64_000
        self._clock = now
        self._time = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
        self._ids = 50_000
        self.author = self.add_user("Robin Example", email="robin@acme.example")

    # Changing the site

    @property
    def now(self) -> datetime:
        """Return the site's time."""
        return self._clock() if self._clock else self._time

    def pass_time(self, **parts: float) -> None:
        """Let time pass (`days=1`)."""
        self._time += timedelta(**parts)

    def add_user(self, name: str, *, email: str = "") -> str:
        """Add a person and return the id."""
        ident = f"5b20{self._id():08d}"
        key = "accountId" if self.cloud else "userKey"
        self.users[ident] = {"type": "known", key: ident, "displayName": name}
        if self.cloud:
            self.users[ident]["email"] = email
        return ident

    def add_space(self, key: str, name: str = "", *, description: str = "", kind: str = "global") -> dict[str, Any]:
        """Add a space."""
        plain = {"plain": {"value": description, "representation": "plain"}}
        ident: Any = self._id()
        self.spaces[key] = {"id": str(ident) if self.cloud else ident, "key": key, "name": name or key, "type": kind}
        self.spaces[key] |= {"status": "current", "description": plain}
        return self.spaces[key]

    def add_page(self, space: str, title: str, body: str, *, kind: str = "page", status: str = "current") -> str:
        """Add a page (or blogpost, whiteboard, ...) with a storage-format body and return its id."""
        return self._add(kind, title, body, space=space, status=status)

    def add_comment(self, on: str, body: str, *, location: str = "footer", reply_to: str = "") -> str:
        """Add a footer or inline comment, or a reply, and return its id."""
        return self._add(
            "comment", "", body, space=self.contents[on]["space"], on=on, location=location, reply_to=reply_to
        )

    def add_attachment(
        self, on: str, name: str, content: bytes, *, media_type: str = "text/plain", comment: str = ""
    ) -> str:
        """Attach a file and return its id (without `att`)."""
        space = self.contents[on]["space"]
        return self._add(
            "attachment", name, "", space=space, on=on, file=content, media_type=media_type, comment=comment
        )

    def edit(self, ident: str, *, title: str | None = None, body: str | None = None) -> None:
        """Write a new version."""
        with self.lock:
            content = self.contents[ident]
            last = content["versions"][-1]
            version = {"number": last["number"] + 1, "when": self._tick(), "by": self.author}
            version |= {
                "title": last["title"] if title is None else title,
                "body": last["body"] if body is None else body,
            }
            content["versions"].append(version)

    def trash(self, ident: str) -> None:
        """Move a content to the trash."""
        self.contents[ident]["status"] = "trashed"
        self._tick()

    def restore(self, ident: str) -> None:
        """Take a content out of the trash; that makes no version."""
        self.contents[ident]["status"] = "current"
        self._tick()

    def text_of(self, ident: str) -> str:
        """Return the current body of a content."""
        return str(self.contents[ident]["versions"][-1]["body"])

    # Deliveries

    def posted(self, event: str, ident: str = "", *, full: bool = False, **parts: Any) -> tuple[dict[str, str], bytes]:
        """Return headers and body of a Data Center webhook; by default it names ids only."""
        body: dict[str, Any] = {"timestamp": self._ms(), "event": event, "userKey": self.author}
        subject = event.rpartition("_")[0]
        if ident and subject == "attachment":
            body |= {
                "attachedTo": self._brief(self.contents[ident]["on"], full),
                "attachments": [self._brief(ident, full)],
            }
        elif ident:
            body[subject] = self._brief(ident, full)
        return self._signed({**body, **parts})

    def relayed(self, verb: str, ident: str, *, full: bool = True) -> tuple[dict[str, str], bytes]:
        """Return headers and body of an event that a relay app forwards from Cloud."""
        content = self.contents[ident]
        node: dict[str, Any] = {"id": ident, "type": content["kind"], "status": content["status"]}
        if full:
            last = content["versions"][-1]
            node |= {"space": {"key": content["space"]}, "version": {"number": last["number"], "when": last["when"]}}
        event = f"avi:confluence:{verb}:{content['kind']}"
        return self._signed({"eventType": event, "atlassianId": self.author, "timestamp": self._ms(), "content": node})

    def _signed(self, body: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
        raw = json.dumps(body).encode()
        digest = hmac.new(self.webhook_secret.encode(), raw, hashlib.sha256).hexdigest()
        return {"content-type": "application/json", "x-hub-signature": f"sha256={digest}"}, raw

    def _brief(self, ident: str, full: bool) -> dict[str, Any]:
        content = self.contents[ident]
        brief: dict[str, Any] = {"id": int(ident)}
        if full:
            last = content["versions"][-1]
            changed = int(datetime.fromisoformat(last["when"]).timestamp() * 1000)
            brief |= {"spaceKey": content["space"], "modificationDate": changed, "version": last["number"]}
        return brief

    # Inside

    def _id(self) -> int:
        self._ids += 1
        return self._ids

    def _ms(self) -> int:
        return int(self.now.timestamp() * 1000)

    def _tick(self) -> str:
        self._time += timedelta(seconds=1)
        return self._stamp(self.now)

    @staticmethod
    def _stamp(when: datetime) -> str:
        return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"

    def _add(self, kind: str, title: str, body: str, *, space: str, **facts: Any) -> str:
        with self.lock:
            ident = str(self._id())
            version = {"number": 1, "when": self._tick(), "by": self.author, "title": title, "body": body}
            self.contents[ident] = {
                "id": ident,
                "kind": kind,
                "space": space,
                "status": "current",
                "versions": [version],
                **facts,
            }
            return ident
