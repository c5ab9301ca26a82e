"""A fake Google Drive: API v3, the token endpoint and the user directory, in the shapes of the real ones.

Pages are cut at `page_size`, exports at `export_limit`; change feeds keep one entry per file and know who lost sight
of it; channels collect the notifications that Google would post. `Range` is ignored, as Google may.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import unquote

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.testing.fakeapps.base import Request, Response, route
from connectors.testing.fakeapps.gdrive_data import GOOGLE, DriveData, FakeFile

WRITE = "https://www.googleapis.com/auth/drive"
CLIENT = "connectors@acme-dlp.iam.gserviceaccount.com"


@cache
def _key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, shape = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, shape, serialization.NoEncryption()).decode()


def service_account(url: str) -> str:
    """Return a service account key file for the fake at `url`; the private key is made for this process."""
    return json.dumps(
        {
            "type": "service_account",
            "client_email": CLIENT,
            "client_id": "100000000000000000001",
            "private_key_id": "1",
            "private_key": _key(),
            "token_uri": f"{url}/token",
        }
    )


class FakeDrive(DriveData):
    """Google Drive for one Workspace, `acme.example`."""

    name = "gdrive"

    # -- tokens and people

    @route("POST", "/token")
    def token(self, request: Request) -> Response:
        """Give an access token for a signed assertion or a refresh token."""
        form = request.form()
        if "assertion" in form:
            middle = form["assertion"].split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
            subject, scope = str(claims.get("sub") or claims["iss"]), str(claims["scope"])
        else:
            subject, scope = self.users[0], WRITE
            if form.get("refresh_token") != "refresh":
                return Response.of({"error": "invalid_grant", "error_description": "Bad Request"}, status=400)
        if subject not in (*self.users, *self.admins, CLIENT):
            return Response.of({"error": "unauthorized_client", "error_description": "no delegation"}, status=401)
        token = f"ya29.fake-{len(self.tokens) + 1}"
        self.tokens[token] = subject, scope
        return Response.of({"access_token": token, "expires_in": 3599, "token_type": "Bearer", "scope": scope})

    def answer(self, request: Request) -> Response:
        """Refuse a request without a token, else dispatch."""
        if request.path != "/token" and request.headers.get("authorization", "")[7:] not in self.tokens:
            return _error(401, "authError")
        return super().answer(request)

    def _who(self, request: Request) -> str:
        return self.tokens[request.headers["authorization"][7:]][0]

    def _may_write(self, request: Request) -> bool:
        return WRITE in self.tokens[request.headers["authorization"][7:]][1].split()

    @route("GET", "/drive/v3/about")
    def about(self, request: Request) -> Response:
        """Say who the token stands for."""
        who = self._who(request)
        return Response.of({"user": {"emailAddress": who, "displayName": who, "permissionId": f"p:{who}"}})

    @route("GET", "/admin/directory/v1/users")
    def directory(self, request: Request) -> Response:
        """List the users."""
        if self._who(request) not in self.admins:
            return _error(403, "forbidden")
        found = [{"primaryEmail": user, "suspended": False} for user in self.users]
        return self._page(request, found, kind="admin#directory#users", items="users", size="maxResults")

    @route("GET", "/admin/directory/v1/users/(?P<key>[^/]+)")
    def directory_user(self, request: Request, key: str) -> Response:
        """Show one user."""
        key = unquote(key)
        if key not in self.users or self._who(request) not in self.admins:
            return _error(404, "notFound")
        return Response.of({"primaryEmail": key, "name": {"fullName": key.partition("@")[0].title()}})

    @route("GET", "/drive/v3/drives")
    def list_drives(self, request: Request) -> Response:
        """List shared drives: the caller's, or all for an administrator."""
        who = self._who(request)
        everything = request.query.get("useDomainAdminAccess") == "true"
        if everything and who not in self.admins:
            return _error(403, "insufficientFilePermissions")
        found = [
            {"id": one["id"], "name": one["name"]}
            for one in self.drives.values()
            if everything or who in one["members"]
        ]
        return self._page(request, found, kind="drive#driveList", items="drives")

    # -- files

    @route("GET", "/drive/v3/files")
    def list_files(self, request: Request) -> Response:
        """List files of the user's corpus or of one shared drive."""
        feed = self._feed(request)
        if feed is None:
            return _error(404, "notFound")
        who = self._who(request)
        bound = re.search(r"modifiedTime >= '([^']+)'", request.query.get("q", ""))
        found = [
            self._shown(one, who)
            for one in self.files.values()
            if feed in one.feeds
            and not one.entry["trashed"]
            and (bound is None or one.entry["modifiedTime"] >= bound.group(1))
        ]
        return self._page(request, found, kind="drive#fileList", items="files", incompleteSearch=False)

    @route("GET", "/drive/v3/files/(?P<file_id>[^/]+)")
    def get_file(self, request: Request, file_id: str) -> Response:
        """Show a file's entry, or its bytes with `alt=media`."""
        file = self._seen(request, file_id)
        if file is None:
            return _error(404, "notFound")
        if request.query.get("alt") != "media":
            return Response.of(self._shown(file, self._who(request)))
        if file.entry["mimeType"].startswith(GOOGLE):
            return _error(403, "fileNotDownloadable")
        if file.entry.get("abusive") and request.query.get("acknowledgeAbuse") != "true":
            return _error(403, "cannotDownloadAbusiveFile")
        if not file.entry["capabilities"]["canDownload"]:
            return _error(403, "cannotDownloadFile")
        return Response(200, file.content, {"Content-Type": file.entry["mimeType"]})

    @route("GET", "/drive/v3/files/(?P<file_id>[^/]+)/export")
    def export(self, request: Request, file_id: str) -> Response:
        """Convert a Google document."""
        file = self._seen(request, file_id)
        if file is None:
            return _error(404, "notFound")
        data = file.exports.get(request.query.get("mimeType", ""))
        if data is None:
            return _error(400, "badRequest")
        if len(data) > self.export_limit:
            return _error(403, "exportSizeLimitExceeded")
        return Response(200, data, {"Content-Type": request.query["mimeType"]})

    @route("PATCH", "/drive/v3/files/(?P<file_id>[^/]+)")
    def update_file(self, request: Request, file_id: str) -> Response:
        """Change a file's entry or its folder."""
        file = self._seen(request, file_id)
        if file is None:
            return _error(404, "notFound")
        if not self._may_write(request):
            return _error(403, "insufficientPermissions")
        drop = request.query.get("removeParents", "").split(",")
        add = [one for one in request.query.get("addParents", "").split(",") if one]
        parents = [one for one in file.entry["parents"] if one not in drop] + add
        self.edit_file(file_id, parents=parents, **request.json())
        return Response.of(self._shown(file, self._who(request)))

    @route("GET", "/drive/v3/files/(?P<file_id>[^/]+)/permissions")
    def list_permissions(self, request: Request, file_id: str) -> Response:
        """List who may see a file or a shared drive."""
        drive = self.drives.get(file_id)
        if drive:
            found = [_member(one) for one in drive["members"]]
        else:
            file = self._seen(request, file_id)
            if file is None:
                return _error(404, "notFound")
            members = self.drives.get(file.entry.get("driveId", ""), {}).get("members", ())
            found = [_member(one) for one in members] + file.entry["permissions"]
        return self._page(request, found, kind="drive#permissionList", items="permissions")

    @route("DELETE", "/drive/v3/files/(?P<file_id>[^/]+)/permissions/(?P<permission>[^/]+)")
    def delete_permission(self, request: Request, file_id: str, permission: str) -> Response:
        """Take a permission away, unless a folder above gives it."""
        file = self._seen(request, file_id)
        found = file and next((one for one in file.entry["permissions"] if one["id"] == unquote(permission)), None)
        if not found:
            return _error(404, "notFound")
        if not self._may_write(request):
            return _error(403, "insufficientPermissions")
        if found.get("inherited"):
            return _error(403, "cannotDeleteInheritedPermission")
        self.unshare(file_id, found["id"])
        return Response(204)

    @route("GET", "/drive/v3/files/(?P<file_id>[^/]+)/comments")
    def list_comments(self, request: Request, file_id: str) -> Response:
        """List the comments that are not deleted."""
        return self._parts(request, file_id, "comment", lambda file: [c for c in file.comments if not c["deleted"]])

    @route("GET", "/drive/v3/files/(?P<file_id>[^/]+)/listLabels")
    def list_labels(self, request: Request, file_id: str) -> Response:
        """List the labels on a file."""
        return self._parts(request, file_id, "label", lambda file: file.labels)

    @route("GET", "/drive/v3/files/(?P<file_id>[^/]+)/revisions")
    def list_revisions(self, request: Request, file_id: str) -> Response:
        """List the versions that are kept."""
        return self._parts(request, file_id, "revision", lambda file: [entry for entry, _ in file.revisions])

    @route("GET", "/drive/v3/files/(?P<file_id>[^/]+)/revisions/(?P<revision>[^/]+)")
    def get_revision(self, request: Request, file_id: str, revision: str) -> Response:
        """Hand out the bytes of an old version."""
        file = self._seen(request, file_id)
        for entry, content in file.revisions if file else ():
            if entry["id"] == revision:
                return Response(200, content, {"Content-Type": entry["mimeType"]})
        return _error(404, "notFound")

    # -- changes and channels

    @route("GET", "/drive/v3/changes/startPageToken")
    def start_token(self, request: Request) -> Response:
        """Say where "now" is in the feed."""
        if self._feed(request) is None:
            return _error(404, "notFound")
        return Response.of({"kind": "drive#startPageToken", "startPageToken": str(len(self.changes) + 1)})

    @route("GET", "/drive/v3/changes")
    def list_changes(self, request: Request) -> Response:
        """List what changed since a token, the latest state of each file once."""
        feed, token = self._feed(request), request.query.get("pageToken", "")
        if feed is None:
            return _error(404, "notFound")
        if not token.isdigit() or not 1 <= int(token) <= len(self.changes) + 1:
            return _error(400, "invalid")
        latest = {file_id: at for at, (file_id, feeds) in enumerate(self.changes) if feed in feeds}
        due = sorted(at for at in latest.values() if at >= int(token) - 1)
        size = min(int(request.query.get("pageSize", 100)), self.page_size)
        shown = [self._change(self.changes[at][0], feed, self._who(request)) for at in due[:size]]
        answer: dict[str, Any] = {"kind": "drive#changeList", "changes": shown}
        if len(due) > size:
            answer["nextPageToken"] = str(due[size] + 1)
        else:
            answer["newStartPageToken"] = str(len(self.changes) + 1)
        return Response.of(answer)

    def _change(self, file_id: str, feed: str, who: str) -> dict[str, Any]:
        file = self.files.get(file_id)
        seen = file is not None and feed in file.feeds
        change = {"kind": "drive#change", "changeType": "file", "fileId": file_id, "removed": not seen}
        change["time"] = "2026-01-02T03:04:06.000Z"
        return change | ({"file": self._shown(file, who)} if file and seen else {})

    @route("POST", "/drive/v3/changes/watch")
    def watch(self, request: Request) -> Response:
        """Open a channel; Google says hello with a `sync` notification."""
        feed, asked = self._feed(request), request.json()
        if feed is None or not asked.get("address"):
            return _error(400, "badRequest")
        if asked["id"] in self.channels:
            return _error(400, "channelIdNotUnique")
        made = {
            "kind": "api#channel",
            "id": asked["id"],
            "resourceId": f"res-{feed}",
            "resourceUri": f"{request.base_url}/drive/v3/changes?alt=json",
            "token": asked.get("token", ""),
            "expiration": asked.get("expiration", "0"),
        }
        self.channels[asked["id"]] = {**made, "address": asked["address"], "feed": feed, "number": 0}
        self.notify(asked["id"], "sync")
        return Response.of(made)

    @route("POST", "/drive/v3/channels/stop")
    def stop_channel(self, request: Request) -> Response:
        """Close a channel."""
        asked = request.json()
        channel = self.channels.get(asked.get("id", ""))
        if not channel or channel["resourceId"] != asked.get("resourceId"):
            return _error(404, "notFound")
        del self.channels[asked["id"]]
        return Response(204)

    # -- shared by the handlers

    def _feed(self, request: Request) -> str | None:
        drive, who = request.query.get("driveId"), self._who(request)
        if not drive:
            return f"user:{who}"
        return f"drive:{drive}" if who in self.drives.get(drive, {}).get("members", ()) else None

    def _seen(self, request: Request, file_id: str) -> FakeFile | None:
        file, who = self.files.get(file_id), self._who(request)
        if file is None:
            return None
        members = self.drives.get(file.entry.get("driveId", ""), {}).get("members", ())
        return file if who in members or f"user:{who}" in file.feeds else None

    def _shown(self, file: FakeFile, who: str) -> dict[str, Any]:
        entry = dict(file.entry)
        if entry.get("driveId"):
            members = [f"p:{one}" for one in self.drives[entry["driveId"]]["members"]]
            entry["permissionIds"] = members + entry["permissionIds"]
            entry["hasAugmentedPermissions"] = bool(entry["permissions"])
            if self.hides_permission_ids:
                del entry["permissionIds"]
        if entry.get("driveId") or entry["owners"][0]["emailAddress"] != who:
            del entry["permissions"]
        return entry

    def _parts(
        self, request: Request, file_id: str, kind: str, of: Callable[[FakeFile], list[dict[str, Any]]]
    ) -> Response:
        file = self._seen(request, file_id)
        if file is None:
            return _error(404, "notFound")
        return self._page(request, of(file), kind=f"drive#{kind}List", items=f"{kind}s")

    def _page(
        self, request: Request, found: list[Any], *, kind: str, items: str, size: str = "pageSize", **more: Any
    ) -> Response:
        start = request.query.get("pageToken") or "0"
        if not start.isdigit():
            return _error(400, "invalid")
        end = int(start) + min(int(request.query.get(size, 100)), self.page_size)
        answer = {"kind": kind, items: found[int(start) : end], **more}
        if end < len(found):
            answer["nextPageToken"] = str(end)
        return Response.of(answer)


def _member(address: str) -> dict[str, str]:
    return {"id": f"p:{address}", "type": "user", "role": "fileOrganizer", "emailAddress": address}


def quota_exceeded(reason: str = "userRateLimitExceeded", **headers: str) -> Response:
    """Return Google's answer to somebody who asks too fast, for `FakeApp.fail`."""
    return _error(403, reason, **headers)


def _error(status: int, reason: str, **headers: str) -> Response:
    error = {"domain": "global", "reason": reason, "message": f"fake: {reason}"}
    return Response.of(
        {"error": {"code": status, "message": error["message"], "errors": [error]}}, status=status, **headers
    )
