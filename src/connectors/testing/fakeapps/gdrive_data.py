"""What the fake Google Drive holds: files, people, shared drives, the change feed and the channels on it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.testing.fakeapps.base import FakeApp

GOOGLE = "application/vnd.google-apps."


@dataclass
class FakeFile:
    """One file: its API entry, and what hangs on it."""

    entry: dict[str, Any]
    content: bytes = field(default=b"", repr=False)
    exports: dict[str, bytes] = field(default_factory=dict, repr=False)
    comments: list[dict[str, Any]] = field(default_factory=list, repr=False)
    revisions: list[tuple[dict[str, Any], bytes]] = field(default_factory=list, repr=False)
    labels: list[dict[str, Any]] = field(default_factory=list, repr=False)

    @property
    def id(self) -> str:
        """The file's id."""
        return str(self.entry["id"])

    @property
    def feeds(self) -> frozenset[str]:
        """The change feeds in which it shows."""
        if self.entry.get("driveId"):
            return frozenset({f"drive:{self.entry['driveId']}"})
        return frozenset(f"user:{one.get('emailAddress')}" for one in self.entry["permissions"])


@dataclass(frozen=True)
class Notification:
    """A POST that Google would send: the body is empty, everything stands in the headers."""

    address: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = b""


class DriveData(FakeApp):
    """The data of one Workspace, `acme.example`, and the methods that seed and change it."""

    def __init__(self, *, users: Iterable[str] = ("ana@acme.example", "ben@acme.example")) -> None:
        super().__init__()
        self.page_size = 1000
        self.export_limit = 10 * 2**20
        self.hides_permission_ids = False
        """Whether files of shared drives come without the ids of their permissions."""
        self.users = list(users)
        self.admins = {"admin@acme.example"}
        self.drives: dict[str, dict[str, Any]] = {}
        self.files: dict[str, FakeFile] = {}
        self.channels: dict[str, dict[str, Any]] = {}
        self.notifications: list[Notification] = []
        self.changes: list[tuple[str, frozenset[str]]] = []
        self.tokens: dict[str, tuple[str, str]] = {}
        self._ids = itertools.count(1)

    # -- seeding

    def add_drive(self, name: str, members: Iterable[str]) -> str:
        """Make a shared drive and return its id."""
        with self.lock:
            drive_id = f"0Adrive{next(self._ids)}"
            self.drives[drive_id] = {"id": drive_id, "name": name, "members": list(members)}
            return drive_id

    def add_file(
        self,
        name: str,
        content: bytes | str = b"",
        *,
        owner: str = "ana@acme.example",
        drive: str | None = None,
        mime: str = "text/plain",
        exports: Mapping[str, bytes] | None = None,
        **entry: Any,
    ) -> str:
        """Make a file and return its id; `mime` may be the last word of a Google type (`document`)."""
        with self.lock:
            file_id = f"1file{next(self._ids)}"
            mime = mime if "/" in mime else GOOGLE + mime
            person = {"emailAddress": owner, "displayName": owner.partition("@")[0], "permissionId": f"p:{owner}"}
            made: dict[str, Any] = {
                "kind": "drive#file",
                "id": file_id,
                "name": name,
                "mimeType": mime,
                "version": "1",
                "trashed": False,
                "parents": ["0Aroot"],
                "modifiedTime": "2026-01-02T03:04:05.678Z",
                "lastModifyingUser": person,
                "webViewLink": f"https://drive.google.com/file/d/{file_id}/view",
                "permissions": [],
                "capabilities": {"canDownload": True},
                "copyRequiresWriterPermission": False,
            }
            if drive:
                made["driveId"] = drive
            else:
                made["owners"] = [person]
                made["permissions"] = [{"id": f"p:{owner}", "type": "user", "role": "owner", "emailAddress": owner}]
            self.files[file_id] = FakeFile(made | entry, exports=dict(exports or {}))
            self._write(self.files[file_id], content)
            self._changed(self.files[file_id], frozenset())
            return file_id

    def edit_file(self, file_id: str, content: bytes | str | None = None, **entry: Any) -> None:
        """Change a file's content or entry; its version grows."""
        with self.lock:
            file = self.files[file_id]
            before = file.feeds
            file.entry |= entry
            if content is not None:
                self._write(file, content)
            self._changed(file, before)

    def share(self, file_id: str, **permission: Any) -> str:
        """Add a permission (`type`, `emailAddress`, `domain`, `role`, `allowFileDiscovery`) and return its id."""
        with self.lock:
            file = self.files[file_id]
            before = file.feeds
            public = "anyone" if permission.get("allowFileDiscovery") else "anyoneWithLink"
            own = permission.get("emailAddress") or permission.get("domain") or next(self._ids)
            made = {"id": public if permission["type"] == "anyone" else f"p:{own}", "role": "reader", **permission}
            file.entry["permissions"].append(made)
            self._changed(file, before)
            return str(made["id"])

    def unshare(self, file_id: str, permission: str) -> None:
        """Take a permission away."""
        with self.lock:
            file = self.files[file_id]
            before = file.feeds
            file.entry["permissions"] = [one for one in file.entry["permissions"] if one["id"] != permission]
            self._changed(file, before)

    def trash(self, file_id: str) -> None:
        """Put a file into the bin."""
        self.edit_file(file_id, trashed=True)

    def delete_file(self, file_id: str) -> None:
        """Delete a file for good."""
        with self.lock:
            file = self.files.pop(file_id)
            self._announce(file_id, file.feeds)

    def add_comment(
        self, file_id: str, text: str, *, author: str = "ben@acme.example", quote: str = "", replies: Iterable[str] = ()
    ) -> str:
        """Comment on a file, with replies by the same author, and return the comment's id."""
        with self.lock:
            person = {"kind": "drive#user", "displayName": author.partition("@")[0], "emailAddress": author}

            def said(content: str) -> dict[str, Any]:
                return {"id": f"c{next(self._ids)}", "content": content, "deleted": False, "author": person}

            comment = {**said(text), "kind": "drive#comment", "replies": [said(reply) for reply in replies]}
            if quote:
                comment["quotedFileContent"] = {"mimeType": "text/html", "value": quote}
            file = self.files[file_id]
            file.comments.append(comment)
            self._changed(file, file.feeds)
            return str(comment["id"])

    def delete_comment(self, file_id: str, comment_id: str) -> None:
        """Delete a comment: it stays without its text."""
        with self.lock:
            for comment in self.files[file_id].comments:
                if comment["id"] == comment_id:
                    comment["deleted"] = True
                    del comment["content"]
            self._changed(self.files[file_id], self.files[file_id].feeds)

    def notify(self, channel_id: str, state: str = "change") -> Notification:
        """Return (and keep) the next notification of a channel."""
        with self.lock:
            channel = self.channels[channel_id]
            channel["number"] += 1
            headers = {
                "X-Goog-Channel-ID": channel_id,
                "X-Goog-Channel-Expiration": "Fri, 01 Jan 2027 00:00:00 GMT",
                "X-Goog-Message-Number": str(channel["number"]),
                "X-Goog-Resource-ID": channel["resourceId"],
                "X-Goog-Resource-State": state,
                "X-Goog-Resource-URI": channel["resourceUri"],
                "Content-Type": "application/json; utf-8",
                "Content-Length": "0",
            }
            if channel.get("token"):
                headers["X-Goog-Channel-Token"] = channel["token"]
            if state != "sync":
                headers["X-Goog-Changed"] = "content,properties"
            made = Notification(str(channel["address"]), headers)
            self.notifications.append(made)
            return made

    def _write(self, file: FakeFile, content: bytes | str) -> None:
        file.content = content.encode() if isinstance(content, str) else content
        mime = file.entry["mimeType"]
        revision = {"id": f"r{next(self._ids)}", "mimeType": mime, "size": str(len(file.content))}
        file.revisions.append((revision, file.content))
        if not mime.startswith(GOOGLE):
            file.entry["size"] = str(len(file.content))

    def _changed(self, file: FakeFile, before: frozenset[str]) -> None:
        file.entry["version"] = str(int(file.entry["version"]) + 1)
        file.entry["permissionIds"] = [one["id"] for one in file.entry["permissions"]]
        self._announce(file.id, before | file.feeds)

    def _announce(self, file_id: str, feeds: frozenset[str]) -> None:
        self.changes.append((file_id, feeds))
        for channel_id, channel in self.channels.items():
            if channel["feed"] in feeds:
                self.notify(channel_id)
