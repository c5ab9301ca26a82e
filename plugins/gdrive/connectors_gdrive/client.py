"""Google's client library behind plain methods; the only file that imports it.

Each method costs what https://developers.google.com/workspace/drive/api/guides/limits says.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, BinaryIO, cast

import google.auth.exceptions
import google.oauth2.credentials
import google.oauth2.service_account
import requests
from google.auth.transport.requests import Request
from googleapiclient import discovery, discovery_cache
from googleapiclient.errors import Error as ClientError
from googleapiclient.errors import HttpError

from connectors import Context
from connectors.errors import AuthError, ConnectorsError, NotFound, RateLimited, Transient
from connectors.model import JSON
from connectors_gdrive.answers import Refused, expect, items_of, part_of, reason_of, seconds_of, translate
from connectors_gdrive.config import DriveConfig
from connectors_gdrive.fields import (
    COMMENT_FIELDS,
    DIRECTORY,
    FILE_FIELDS,
    PERMISSION_FIELDS,
    READ,
    WRITE,
)
from connectors_gdrive.transport import Download, SessionHttp

_LOGIN_CODES = ("invalid_grant", "unauthorized_client", "invalid_client", "access_denied", "invalid_scope")
PAUSE = 5.0
"""Seconds that all workers wait after a rate error without `Retry-After`."""


@cache
def _document(name: str, version: str) -> str:
    """Return a discovery document that ships with the client library: no request, the same for everybody."""
    return cast("str", discovery_cache.get_static_doc(name, version))


class Drive:
    """Drive and Admin Directory calls as any user of the connection; `subject` is the user's address."""

    def __init__(self, config: DriveConfig, context: Context) -> None:
        self._config = config
        self._context = context
        self._session: requests.Session | None = None
        self._credentials: dict[tuple[str, str], Any] = {}
        self._services: dict[str, Any] = {}

    # -- people and drives

    def about(self, subject: str) -> Mapping[str, JSON]:
        """Return who the credentials stand for: `emailAddress`, `displayName`, `permissionId`."""
        fields = "user(emailAddress,displayName,permissionId)"
        answer = self._call(subject, lambda api: api.about().get(fields=fields))
        return cast("Mapping[str, JSON]", part_of(answer, "user", dict))

    def users(self, admin: str) -> Iterator[str]:
        """Yield the addresses of all active users of the Workspace."""

        def ask(api: Any, token: str | None) -> Any:
            fields = "kind,nextPageToken,users(primaryEmail,suspended)"
            return api.users().list(customer="my_customer", maxResults=500, pageToken=token, fields=fields)

        for user in self._each(admin, ask, kind="admin#directory#users", items="users", scope=DIRECTORY):
            if not user.get("suspended"):
                yield str(user.get("primaryEmail", "")).lower()

    def user(self, admin: str, address: str) -> Mapping[str, JSON]:
        """Return one directory entry: `primaryEmail`, `name.fullName`."""
        fields = "primaryEmail,name(fullName)"
        answer = self._call(admin, lambda api: api.users().get(userKey=address, fields=fields), scope=DIRECTORY)
        part_of(answer, "primaryEmail", str)
        return cast("Mapping[str, JSON]", answer)

    def drives(self, subject: str, *, whole_domain: bool = False) -> Iterator[Mapping[str, JSON]]:
        """Yield the shared drives that the user is a member of (`id`, `name`), or all of the domain."""

        def ask(api: Any, token: str | None) -> Any:
            fields = "kind,nextPageToken,drives(id,name)"
            return api.drives().list(pageSize=100, pageToken=token, useDomainAdminAccess=whole_domain, fields=fields)

        for drive in self._each(subject, ask, kind="drive#driveList", items="drives"):
            if isinstance(drive.get("id"), str):
                yield drive

    # -- listing

    def start_token(self, subject: str, drive: str | None) -> str:
        """Return the place in the change feed where "now" is."""
        answer = self._call(subject, lambda api: api.changes().getStartPageToken(driveId=drive, supportsAllDrives=True))
        return cast("str", part_of(answer, "startPageToken", str))

    def files(self, subject: str, drive: str | None, token: str | None, *, since: str = "") -> Mapping[str, JSON]:
        """Return one page of files that are not trashed: `files`, `nextPageToken`, `incompleteSearch`.

        `since` leaves out files that were last modified before that time (RFC 3339).
        https://developers.google.com/workspace/drive/api/guides/ref-search-terms
        """
        wanted = f"trashed = false and modifiedTime >= '{since}'" if since else "trashed = false"
        page = self._call(
            subject,
            lambda api: api.files().list(
                corpora="drive" if drive else "user",
                driveId=drive,
                includeItemsFromAllDrives=bool(drive),
                supportsAllDrives=True,
                q=wanted,
                pageSize=1000,
                pageToken=token,
                fields=f"kind,nextPageToken,incompleteSearch,files({FILE_FIELDS})",
            ),
            cost=100,
        )
        return expect(page, "drive#fileList")

    def changes(self, subject: str, drive: str | None, token: str) -> Mapping[str, JSON]:
        """Return one page of the change feed: `changes`, and `nextPageToken` or `newStartPageToken`."""
        page = self._call(
            subject,
            lambda api: api.changes().list(
                pageToken=token,
                driveId=drive,
                includeItemsFromAllDrives=bool(drive),
                supportsAllDrives=True,
                includeRemoved=True,
                pageSize=1000,
                fields="kind,nextPageToken,newStartPageToken,"
                f"changes(changeType,time,removed,fileId,driveId,file({FILE_FIELDS}))",
            ),
            cost=100,
        )
        return expect(page, "drive#changeList")

    def file(self, subject: str, file_id: str) -> Mapping[str, JSON]:
        """Return one file's metadata."""
        answer = self._call(
            subject, lambda api: api.files().get(fileId=file_id, supportsAllDrives=True, fields=FILE_FIELDS)
        )
        part_of(answer, "id", str)
        return cast("Mapping[str, JSON]", answer)

    def permissions(self, subject: str, file_id: str) -> Iterator[Mapping[str, JSON]]:
        """Yield who may see a file or a shared drive."""

        def ask(api: Any, token: str | None) -> Any:
            fields = f"kind,nextPageToken,permissions({PERMISSION_FIELDS})"
            return api.permissions().list(
                fileId=file_id, supportsAllDrives=True, pageSize=100, pageToken=token, fields=fields
            )

        yield from self._each(subject, ask, kind="drive#permissionList", items="permissions")

    # -- content

    def comments(self, subject: str, file_id: str) -> Iterator[Mapping[str, JSON]]:
        """Yield the comments of a file with their replies; deleted ones come without content."""

        def ask(api: Any, token: str | None) -> Any:
            fields = f"kind,nextPageToken,comments({COMMENT_FIELDS})"
            return api.comments().list(fileId=file_id, pageSize=100, pageToken=token, fields=fields)

        yield from self._each(subject, ask, kind="drive#commentList", items="comments")

    def labels(self, subject: str, file_id: str) -> Iterator[Mapping[str, JSON]]:
        """Yield the labels on a file with their field values."""

        def ask(api: Any, token: str | None) -> Any:
            return api.files().listLabels(fileId=file_id, pageToken=token)

        yield from self._each(subject, ask, kind="drive#labelList", items="labels")

    def revisions(self, subject: str, file_id: str) -> list[Mapping[str, JSON]]:
        """Return the versions of a file that Google keeps, oldest first."""

        def ask(api: Any, token: str | None) -> Any:
            fields = "kind,nextPageToken,revisions(id,mimeType,size,originalFilename)"
            return api.revisions().list(fileId=file_id, pageSize=1000, pageToken=token, fields=fields)

        return list(self._each(subject, ask, kind="drive#revisionList", items="revisions"))

    def export(self, subject: str, file_id: str, media_type: str) -> bytes:
        """Return a Google document converted to `media_type`. Raises `Refused` over 10 MB."""
        answer = self._call(
            subject, lambda api: api.files().export_media(fileId=file_id, mimeType=media_type), cost=200
        )
        return cast("bytes", answer)

    def download(self, subject: str, file_id: str, *, revision: str = "") -> BinaryIO:
        """Return the bytes of an uploaded file, or of an old version of it, as a stream."""
        try:
            return self._stream(subject, file_id, revision=revision, abuse=False)
        except Refused as error:
            if error.reason != "cannotDownloadAbusiveFile":
                raise
            # Malware and spam are handed out only to those who say that they know.
            return self._stream(subject, file_id, revision=revision, abuse=True)

    def _stream(self, subject: str, file_id: str, *, revision: str, abuse: bool) -> BinaryIO:
        api = self._service(WRITE)
        if revision:
            request = api.revisions().get_media(fileId=file_id, revisionId=revision, acknowledgeAbuse=abuse)
        else:
            request = api.files().get_media(fileId=file_id, supportsAllDrives=True, acknowledgeAbuse=abuse)
        self._context.wait("units", 200)
        with self._translated():
            response = self._http(subject, self._scope).stream(request.uri)
            if response.status_code >= 300:
                raise self._error(response.status_code, response.headers, response.content)
        return io.BufferedReader(Download(response), 64 * 1024)

    # -- channels

    def watch(self, subject: str, drive: str | None, channel: Mapping[str, JSON]) -> Mapping[str, JSON]:
        """Open a push channel on a change feed; the answer holds `resourceId` and `expiration`."""
        token = self.start_token(subject, drive)
        answer = self._call(
            subject,
            lambda api: api.changes().watch(
                pageToken=token,
                driveId=drive,
                includeItemsFromAllDrives=bool(drive),
                supportsAllDrives=True,
                includeRemoved=True,
                body=dict(channel),
            ),
        )
        part_of(answer, "resourceId", str)
        return cast("Mapping[str, JSON]", answer)

    def stop(self, subject: str, channel: str, resource: str) -> None:
        """Close a push channel; one that is gone already is no error."""
        try:
            self._call(subject, lambda api: api.channels().stop(body={"id": channel, "resourceId": resource}))
        except NotFound:
            self._context.log.debug("channel was gone already", channel=channel)

    # -- acting

    def remove_permission(self, subject: str, file_id: str, permission: str) -> None:
        """Take one permission off a file; one that is gone already is no error."""
        try:
            self._call(
                subject,
                lambda api: api.permissions().delete(fileId=file_id, permissionId=permission, supportsAllDrives=True),
                cost=50,
            )
        except NotFound:
            self._context.log.debug("permission was gone already", file=file_id)

    def update(
        self,
        subject: str,
        file_id: str,
        body: Mapping[str, JSON],
        *,
        add: str | None = None,
        remove: str | None = None,
    ) -> None:
        """Change a file's metadata, or its folder (`add`, `remove`: ids of parents)."""
        self._call(
            subject,
            lambda api: api.files().update(
                fileId=file_id,
                body=dict(body),
                addParents=add,
                removeParents=remove,
                supportsAllDrives=True,
                fields="id",
            ),
            cost=50,
        )

    # -- the machinery

    @property
    def _scope(self) -> str:
        return WRITE if self._config.act else READ

    def _each(
        self,
        subject: str,
        ask: Callable[[Any, str | None], Any],
        *,
        kind: str,
        items: str,
        scope: str = "",
    ) -> Iterator[Mapping[str, JSON]]:
        """Yield the items of a paged list to its end."""
        token: str | None = None
        while True:
            page = expect(self._call(subject, partial(_asked, ask, token), scope=scope), kind)
            for item in items_of(page, items):
                if isinstance(item, Mapping):
                    yield item
            token = page.get("nextPageToken")
            if not token:
                return

    def _call(self, subject: str, build: Callable[[Any], Any], *, cost: int = 5, scope: str = "") -> Any:
        scope = scope or self._scope
        self._context.wait("units", cost)
        with self._translated():
            request = build(self._service(scope))
            try:
                return request.execute(http=self._http(subject, scope))
            except HttpError as error:
                if error.resp.status != 401:
                    raise
                # A token may be withdrawn before its time: a fresh one decides whether access is.
                self._credentials.pop((subject, scope), None)
                return request.execute(http=self._http(subject, scope))

    def _service(self, scope: str) -> Any:
        name, version = ("admin", "directory_v1") if scope == DIRECTORY else ("drive", "v3")
        if name not in self._services:
            document = json.loads(_document(name, version))
            base = self._config.api_url or document["rootUrl"].rstrip("/")
            self._services[name] = discovery.build_from_document(
                document,
                http=SessionHttp(self._http_session(), _nobody),
                client_options={"api_endpoint": f"{base.rstrip('/')}/{document['servicePath']}"},
            )
        return self._services[name]

    def _http_session(self) -> requests.Session:
        if self._session is None:
            self._session = self._context.session("queries")
        return self._session

    def _http(self, subject: str, scope: str) -> SessionHttp:
        if (subject, scope) not in self._credentials:
            self._credentials[subject, scope] = self._login(subject, scope)
        credentials = self._credentials[subject, scope]
        request = _TokenRequest(session=self._http_session())

        def authorize(method: str, url: str, headers: MutableMapping[str, str]) -> None:
            try:
                credentials.before_request(request, method, url, headers)
            except (TypeError, OverflowError, AttributeError) as error:
                # The library takes the token endpoint's answer as it comes.
                raise Transient(f"the token endpoint's answer cannot be read: {type(error).__name__}") from None

        return SessionHttp(self._http_session(), authorize)

    def _login(self, subject: str, scope: str) -> Any:
        oauth = self._config.oauth
        if oauth is not None:
            return google.oauth2.credentials.Credentials(  # type: ignore[no-untyped-call]  # untyped library
                None,
                refresh_token=oauth.refresh_token.get_secret_value(),
                token_uri=oauth.token_uri,
                client_id=oauth.client_id,
                client_secret=oauth.client_secret.get_secret_value(),
            )
        key = self._config.key()
        return google.oauth2.service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]  # untyped library
            key, scopes=[scope], subject=subject if subject != key["client_email"] else None
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        # Never `from error`: the library's messages quote URLs and whole answers.
        try:
            yield
        except HttpError as error:
            raise self._error(error.resp.status, error.resp, error.content) from None
        except google.auth.exceptions.RefreshError as error:
            raise _login_error(error) from None
        except google.auth.exceptions.TransportError:
            raise Transient("no connection to Google's token endpoint") from None
        except google.auth.exceptions.GoogleAuthError as error:
            raise AuthError(f"the credentials cannot be used: {type(error).__name__}") from None
        except requests.RequestException as error:
            raise Transient(f"no answer from Google: {type(error).__name__}") from None
        except (ClientError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise Transient(f"Google's answer cannot be read: {type(error).__name__}") from None
        except ValueError as error:
            # The key's parser answers so to a private key that is none.
            raise AuthError(f"the credentials cannot be used: {type(error).__name__}") from None

    def _error(self, status: int, headers: Mapping[str, str], body: bytes) -> ConnectorsError:
        error = translate(status, reason_of(body), seconds_of(headers.get("retry-after", "")))
        if isinstance(error, RateLimited):
            self._context.throttled("queries", error.after or PAUSE)
        return error


class _TokenRequest(Request):
    """Asks for tokens without the library's own sleeps: the host decides when to try again."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Send one request; raise for an answer that says nothing about the credentials."""
        response = super().__call__(*args, **kwargs)  # type: ignore[no-untyped-call]  # untyped library
        if response.status == 429:
            raise RateLimited("Google's token endpoint asks to slow down")
        if response.status >= 500:
            raise Transient(f"Google's token endpoint answers {response.status}")
        if response.status < 300:
            try:
                token = json.loads(response.data)
            except ValueError:
                token = None
            if not isinstance(token, dict) or not isinstance(token.get("access_token"), str):
                raise Transient("Google's token endpoint answers without a token")
        return response


def _login_error(error: google.auth.exceptions.RefreshError) -> ConnectorsError:
    details = error.args[1] if len(error.args) > 1 else None
    code = details.get("error") if isinstance(details, dict) else None
    known = code if code in _LOGIN_CODES else "refused"
    return AuthError(
        f"Google gives no access token ({known})",
        hint="allow the service account's client id and scopes in the Admin console: docs/apps/gdrive.md",
    )


def _asked(ask: Callable[[Any, str | None], Any], token: str | None, api: Any) -> Any:
    return ask(api, token)


def _nobody(_method: str, _url: str, _headers: MutableMapping[str, str]) -> None:
    raise AssertionError("every call brings its own user")
