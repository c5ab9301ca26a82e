"""The only module that talks to Confluence: `atlassian-python-api` underneath, its answers turned into our errors.

The library's Cloud client (5.0.5) doubles `/wiki` in some paths and leaves it out in others, and its methods hide
status codes and headers that the host needs, so every call goes through its generic `request` with the path that
Confluence documents: on Cloud `/wiki/api/v2` and, for search, downloads and old versions, `/wiki/rest/api`; on Data
Center `/rest/api`. Both page by the links in their answers.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, BinaryIO, cast
from urllib.parse import quote, urlsplit

import requests
import urllib3
from atlassian.rest_client import AtlassianRestAPI

from connectors import Context
from connectors.errors import (
    AuthError,
    Conflict,
    ConnectorsError,
    MissingScope,
    NotFound,
    RateLimited,
    Transient,
    Unsupported,
)
from connectors_confluence.config import ConfluenceConfig, OAuth
from connectors_confluence.shapes import listing, mapping, micros, moment, text

TIMEOUT = 30
EXPAND = "body.storage,version,space,container,extensions,metadata"
"""What the v1 API is asked to put into each content."""
ERRORS: Mapping[int, tuple[type[ConnectorsError], str, str]] = {
    400: (Unsupported, "Confluence refused the request", ""),
    401: (AuthError, "Confluence refused the credentials", "make a new token and put it into the configuration"),
    403: (MissingScope, "Confluence does not allow this", "give the account the permission or the app the scope"),
    404: (NotFound, "Confluence does not have this (any more)", ""),
    409: (Conflict, "somebody changed it first", ""),
    410: (Unsupported, "Confluence has retired this address", "update connectors"),
    413: (Unsupported, "Confluence finds the request too large", ""),
}
"""What a status means for the host. 429 and 5xx are not here: they carry a time or are retried."""

REFRESH_EARLY = timedelta(minutes=2)


class Confluence:
    """Calls to one Confluence site. Built without I/O; signs in on the first call."""

    def __init__(self, config: ConfluenceConfig, context: Context) -> None:
        # At DEBUG the library writes whole answers into its log; they are what the log must never hold.
        logging.getLogger("atlassian.rest_client").setLevel(logging.INFO)
        self.config = config
        self.context = context
        self.v1 = "/wiki/rest/api" if config.is_cloud else "/rest/api"
        self.v2 = "/wiki/api/v2"
        self.limits: dict[str, str] = {}
        self._apis: dict[str, AtlassianRestAPI] = {}

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        bucket: str = "default",
    ) -> Any:
        """Make one call and return the parsed JSON, None for an empty answer.

        Raises what `ERRORS` says, `RateLimited` on 429 and `Transient` on 5xx, on network faults and on answers
        that are not JSON.
        """
        api = self._signed_in(bucket)
        try:
            response = api.request(method, path, params=dict(params or {}) or None, data=body, advanced_mode=True)
        except requests.RequestException as error:
            raise Transient(f"Confluence did not answer ({type(error).__name__})") from None
        self._judge(response, bucket)
        if not response.content:
            return None
        try:
            return response.json()
        except (ValueError, RecursionError):
            raise Transient("Confluence answered with something that is not JSON") from None

    def open(self, path: str) -> BinaryIO:
        """Open the bytes at `path`. The stream is read as it arrives and never held whole."""
        api = self._signed_in("download")
        try:
            response = api.session.get(self.config.root + path, stream=True, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise Transient(f"Confluence did not answer ({type(error).__name__})") from None
        self._judge(response, "download")
        return cast("BinaryIO", io.BufferedReader(Body(response)))

    def _judge(self, response: requests.Response, bucket: str) -> None:
        self.limits = {k.lower(): v for k, v in response.headers.items() if "ratelimit" in k.lower()}
        status = response.status_code
        if status < HTTPStatus.BAD_REQUEST:
            return
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            after = seconds(response.headers.get("Retry-After"), self.context.now())
            if after is not None:
                self.context.throttled(bucket, after)
            reason = response.headers.get("RateLimit-Reason", "")
            raise RateLimited(f"Confluence asks to slow down {reason}".strip(), after=after)
        if status in ERRORS:
            error, message, hint = ERRORS[status]
            raise error(f"{message} (status {status})", hint=hint)
        raise Transient(f"Confluence answered with status {status}")

    def _signed_in(self, bucket: str) -> AtlassianRestAPI:
        if self.config.oauth is not None:
            return self._api(bucket, token=self._access_token(self.config.oauth))
        if bucket not in self._apis:
            self._apis[bucket] = self._api(bucket)
        return self._apis[bucket]

    def _api(self, bucket: str, *, token: str | None = None) -> AtlassianRestAPI:
        config = self.config
        password = config.token.get_secret_value() if config.token else None
        return AtlassianRestAPI(
            config.root,
            username=config.email or None,
            password=password,
            token=token or (config.pat.get_secret_value() if config.pat else None),
            session=self.context.session(bucket),
            timeout=TIMEOUT,
            cloud=config.is_cloud,
            retry_with_header=False,
        )

    def _access_token(self, oauth: OAuth) -> str:
        kept = mapping(self.context.state.get("oauth"))
        until = moment(kept.get("until"))
        if text(kept.get("access")) and until and until > self.context.now() + REFRESH_EARLY:
            return text(kept["access"])
        return self._new_token(oauth, text(kept.get("refresh")))

    def _new_token(self, oauth: OAuth, rotated: str) -> str:
        form = {"client_id": oauth.client_id, "client_secret": oauth.client_secret.get_secret_value()}
        refresh = rotated or (oauth.refresh_token.get_secret_value() if oauth.refresh_token else "")
        form |= (
            {"grant_type": "refresh_token", "refresh_token": refresh}
            if refresh
            else {"grant_type": "client_credentials"}
        )
        try:
            response = self.context.session("auth").post(oauth.token_url, json=form, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise Transient(f"the sign-in server did not answer ({type(error).__name__})") from None
        if response.status_code in {400, 401, 403}:
            raise AuthError("the sign-in server refused the app", hint="consent again and set oauth.refresh_token")
        self._judge(response, "auth")
        try:
            answer = mapping(response.json())
        except (ValueError, RecursionError):
            raise Transient("the sign-in server answered with something that is not JSON") from None
        access, lifetime = text(answer.get("access_token")), answer.get("expires_in")
        if not access:
            raise Transient("the sign-in server gave no token")
        until = self.context.now() + timedelta(seconds=lifetime if isinstance(lifetime, int) else 3600)
        newest = text(answer.get("refresh_token")) or rotated
        self.context.state.put("oauth", {"access": access, "until": until.isoformat(), "refresh": newest})
        return access

    # Reading

    def pages(self, path: str, params: Mapping[str, Any] | None = None) -> Iterator[Mapping[str, Any]]:
        """Yield every object of a listing, over all its pages."""
        following = path
        while following:
            found, following = self.page(following, params)
            yield from found
            params = None

    def page(self, path: str, params: Mapping[str, Any] | None = None) -> tuple[list[Mapping[str, Any]], str]:
        """Return the objects of one page of a listing, and the path of the next one, '' after the last."""
        bucket = "search" if "/search" in path else "default"
        answer = mapping(self.call("GET", path, params=params, bucket=bucket))
        return listing(answer, "results"), self._following(mapping(answer.get("_links")).get("next"))

    def _following(self, link: Any) -> str:
        """Return the path of a `next` link. It is relative, with `/wiki` or without; another host is not followed."""
        try:
            parts = urlsplit(link if isinstance(link, str) else "")
        except ValueError:
            raise Transient("Confluence answered with a link that is none") from None
        if not parts.path.startswith("/"):
            return ""
        path = parts.path.removeprefix(urlsplit(self.config.root).path.rstrip("/"))
        if self.config.is_cloud and not path.startswith("/wiki/"):
            path = "/wiki" + path
        return f"{path}?{parts.query}" if parts.query else path

    def myself(self) -> Mapping[str, Any]:
        """Return the account that the connection acts as."""
        return mapping(self.call("GET", f"{self.v1}/user/current"))

    def user(self, user_id: str) -> Mapping[str, Any]:
        """Return one user: by account id on Cloud, by key on Data Center."""
        name = "accountId" if self.config.is_cloud else "key"
        return mapping(self.call("GET", f"{self.v1}/user", params={name: user_id}))

    def spaces(self) -> Iterator[Mapping[str, Any]]:
        """Yield every space the account sees, archived ones too, with its description."""
        if self.config.is_cloud:
            return self.pages(f"{self.v2}/spaces", {"limit": 250, "description-format": "plain"})
        return self.pages(f"{self.v1}/space", {"limit": 100, "expand": "description.plain"})

    def space(self, key: str) -> Mapping[str, Any]:
        """Return one space with its description. Raises `NotFound` when the account does not see it."""
        if not self.config.is_cloud:
            return mapping(self.call("GET", f"{self.v1}/space/{_segment(key)}", params={"expand": "description.plain"}))
        found, _ = self.page(f"{self.v2}/spaces", {"keys": key, "description-format": "plain"})
        if not found:
            raise NotFound("the account does not see this space")
        return found[0]

    def contents(self, key: str, kind: str, *, start: int, limit: int) -> tuple[list[Mapping[str, Any]], bool]:
        """Return the contents of a space from place `start` on, and whether more follow (Data Center)."""
        expand = "body.storage,version,space"
        params = {"spaceKey": key, "type": kind, "status": "current", "start": start, "limit": limit, "expand": expand}
        found, following = self.page(f"{self.v1}/content", params)
        return found, bool(following)

    def search(self, cql: str, *, limit: int = 25) -> tuple[list[Mapping[str, Any]], str]:
        """Return the first page of contents that CQL finds, in the shape of the v1 API, and the next page's path."""
        return self.page(f"{self.v1}/content/search", {"cql": cql, "limit": limit, "expand": EXPAND})

    def content(self, kind: str, content_id: str) -> Mapping[str, Any]:
        """Return one content with its body, in the shape of the API that has it: v2 on Cloud, v1 on Data Center."""
        if not self.config.is_cloud:
            rest_id = f"att{content_id}" if kind == "attachment" else content_id
            return mapping(self.call("GET", f"{self.v1}/content/{_segment(rest_id)}", params={"expand": EXPAND}))
        body = {} if kind == "attachment" else {"body-format": "storage"}
        if kind != "comment":
            return mapping(self.call("GET", self.v2_path(kind, content_id), params=body))
        try:
            return mapping(self.call("GET", self.v2_path("footer-comment", content_id), params=body))
        except NotFound:
            return mapping(self.call("GET", self.v2_path("inline-comment", content_id), params=body))

    def v2_path(self, kind: str, content_id: str) -> str:
        """Return the path of one content in the v2 API."""
        rest_id = f"att{content_id}" if kind == "attachment" else content_id
        return f"{self.v2}/{kind}s/{_segment(rest_id)}"

    def download(self, container_id: str, attachment_id: str, name: str) -> BinaryIO:
        """Open the content of an attachment."""
        if self.config.is_cloud:
            child = f"child/attachment/att{_segment(attachment_id)}/download"
            return self.open(f"{self.v1}/content/{_segment(container_id)}/{child}")
        return self.open(f"/download/attachments/{_segment(container_id)}/{_segment(name)}")

    def versions(self, kind: str, content_id: str) -> Iterator[tuple[int, int, str, str]]:
        """Yield number, time (microseconds), title and body of every old version, newest first.

        `kind` is page, blogpost, footer-comment or inline-comment.
        """
        if self.config.is_cloud:
            found = self.pages(f"{self.v2_path(kind, content_id)}/versions", {"body-format": "storage", "limit": 50})
            every = [(number(v), micros(v.get("createdAt")), *held(v)) for v in found]
        else:
            every = list(self._old_versions(content_id))
        newest = max((version[0] for version in every), default=0)
        yield from sorted((v for v in every if self.config.is_cloud is False or v[0] < newest), reverse=True)

    def _old_versions(self, content_id: str) -> Iterator[tuple[int, int, str, str]]:
        path = f"{self.v1}/content/{_segment(content_id)}"
        current = mapping(self.call("GET", path, params={"expand": "version"}))
        for old in range(1, number(mapping(current.get("version")))):
            params = {"status": "historical", "version": old, "expand": "body.storage,version"}
            try:
                found = mapping(self.call("GET", path, params=params))
            except NotFound:
                continue
            version = mapping(found.get("version"))
            body = mapping(mapping(found.get("body")).get("storage")).get("value")
            yield old, micros(version.get("when")), text(found.get("title")), text(body)

    # Changing

    def put(self, path: str, body: Mapping[str, Any]) -> None:
        """Write a new version. Raises `Conflict` when somebody wrote one first."""
        self.call("PUT", path, body=dict(body), bucket="write")

    def delete_version(self, content_id: str, version: int) -> None:
        """Delete an old version. Cloud gives the versions after it new numbers, so delete the highest first.

        https://developer.atlassian.com/cloud/confluence/rest/v1/api-group-content-versions/
        """
        self.call("DELETE", f"{self.v1}/content/{_segment(content_id)}/version/{version}", bucket="write")

    def delete_attachment(self, attachment_id: str) -> None:
        """Move an attachment to the trash, then purge it with all its versions."""
        if self.config.is_cloud:
            path, purge = self.v2_path("attachment", attachment_id), {"purge": "true"}
        else:
            path, purge = f"{self.v1}/content/att{_segment(attachment_id)}", {"status": "trashed"}
        with suppress(NotFound):  # it is in the trash already when an earlier attempt got this far
            self.call("DELETE", path, bucket="write")
        self.call("DELETE", path, params=purge, bucket="write")


def number(version: Mapping[str, Any]) -> int:
    """Return a version's number, 0 when there is none."""
    found = version.get("number")
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def held(version: Mapping[str, Any]) -> tuple[str, str]:
    """Return title and storage body that a version of the v2 API carries, whatever kind it is of."""
    for kind in ("page", "blogpost", "comment", "attachment"):
        content = mapping(version.get(kind))
        if content:
            return text(content.get("title")), text(mapping(mapping(content.get("body")).get("storage")).get("value"))
    return "", ""


class Body(io.RawIOBase):
    """The bytes of an answer as they arrive; a line that breaks is `Transient`."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__()
        self.response = response

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read into `buffer` and return how many bytes came, 0 at the end."""
        try:
            data: bytes = self.response.raw.read(len(buffer), decode_content=True)
        except urllib3.exceptions.HTTPError as error:
            raise Transient(f"Confluence broke off a download ({type(error).__name__})") from None
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Give the connection back."""
        self.response.close()
        super().close()


def seconds(header: str | None, now: datetime) -> float | None:
    """Return the wait that a `Retry-After` header asks for, in seconds; None without one or for nonsense."""
    if not header:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        when = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds())


def _segment(value: str) -> str:
    return quote(value, safe="", errors="replace")
