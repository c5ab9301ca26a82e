"""The REST and GraphQL API, by PyGithub: the only file that imports it. Translates its errors by a table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, BinaryIO, cast
from urllib.parse import quote, urlsplit

import requests
from github import Auth, Github, GithubException

from connectors import Budget, Context
from connectors.errors import (
    AuthError,
    ConnectorsError,
    MissingScope,
    NotFound,
    RateLimited,
    Transient,
    Unsupported,
)
from connectors_github.config import GitHubConfig
from connectors_github.transport import proxied

JsonObject = dict[str, Any]

# https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
BUDGETS: Mapping[str, Budget] = {
    "core": Budget(units=5000, seconds=3600, burst=200),
    "graphql": Budget(units=5000, seconds=3600, burst=100),
    "content": Budget(units=80, burst=5),
}

_STATUS: Mapping[int, type[ConnectorsError]] = {
    401: AuthError,
    403: MissingScope,
    404: NotFound,
    409: NotFound,
    410: NotFound,
    422: Unsupported,
    451: Unsupported,
}
"""409 is how the git endpoints answer for an empty repository."""

_GRAPHQL: Mapping[str, type[ConnectorsError]] = {
    "NOT_FOUND": NotFound,
    "FORBIDDEN": MissingScope,
    "INSUFFICIENT_SCOPES": MissingScope,
    "SERVICE_UNAVAILABLE": Transient,
}

_SLOWED = ("rate limit", "abuse detection")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: parsed body and headers in lower case. `unchanged` is a 304."""

    data: Any = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    unchanged: bool = False

    @property
    def items(self) -> list[JsonObject]:
        """The objects of a list answer, or of the list that `repositories` and the like wrap."""
        return objects(self.data)

    @property
    def last_page(self) -> bool:
        """Whether there is no next page. https://docs.github.com/en/rest/using-the-rest-api/using-pagination"""
        return 'rel="next"' not in self.headers.get("link", "")


class GitHubClient:
    """Calls GitHub within the connection's budgets and raises only `connectors.errors`."""

    def __init__(self, config: GitHubConfig, context: Context) -> None:
        self._config = config
        self._context = context

    @cached_property
    def _auth(self) -> Auth.Auth:
        config = self._config
        if config.token is not None:
            return Auth.Token(config.token.get_secret_value())
        return self._app_auth.get_installation_auth(config.installation_id or 0)

    @cached_property
    def _app_auth(self) -> Auth.AppAuth:
        key = self._config.private_key
        return Auth.AppAuth(self._config.app_id or 0, key.get_secret_value() if key else "")

    @cached_property
    def _github(self) -> Github:
        return self._made(self._auth)

    @cached_property
    def _as_app(self) -> Github:
        return self._made(self._app_auth)

    def _made(self, auth: Auth.Auth) -> Github:
        with proxied(self._context.session("core").proxies):
            return Github(
                auth=auth,
                base_url=self._config.api_url.rstrip("/"),
                timeout=30,
                retry=None,
                seconds_between_requests=None,
                seconds_between_writes=None,
            )

    def get(self, path: str, *, etag: str = "", **params: Any) -> Answer:
        """GET `path` (without the leading slash). With `etag`, an unchanged answer is a free 304."""
        return self._call("GET", path, params=params, etag=etag)

    def send(self, verb: str, path: str, body: JsonObject | None = None) -> Answer:
        """PATCH, POST, PUT or DELETE `path`."""
        return self._call(verb, path, body=body, bucket="content")

    def graphql(self, query: str, **variables: Any) -> JsonObject:
        """Run a GraphQL query and return its `data`."""
        requester = self._github.requester
        answer = self._call(
            "POST", requester.graphql_url, body={"query": query, "variables": variables}, bucket="graphql"
        )
        data = answer.data if isinstance(answer.data, dict) else {}
        errors = objects(data.get("errors"))
        if errors:
            raise self._graphql_error(str(errors[0].get("type", "")), answer.headers)
        found = data.get("data")
        return found if isinstance(found, dict) else {}

    def _graphql_error(self, kind: str, headers: Mapping[str, str]) -> ConnectorsError:
        if kind in ("RATE_LIMITED", "RATE_LIMIT"):
            return self._slowed("graphql", headers)
        return _GRAPHQL.get(kind, Unsupported)(f"GraphQL: {kind or 'error without a type'}")

    def _call(
        self,
        verb: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: JsonObject | None = None,
        etag: str = "",
        bucket: str = "core",
    ) -> Answer:
        self._context.wait(bucket)
        shown = f"{verb} {path.split('?')[0]}" if not path.startswith("http") else verb
        target = path if path.startswith("http") else "/" + path
        headers = {"Accept": "application/vnd.github+json"} | ({"If-None-Match": etag} if etag else {})
        chosen = {name: value for name, value in (params or {}).items() if value is not None}
        try:
            github = self._as_app if path.startswith("app/") else self._github
            status, answered, text = github.requester.requestJson(verb, target, chosen, headers, body)
        except GithubException as error:
            raise self._error(shown, bucket, error.status, _lower(error.headers), _message(error.data)) from None
        except (requests.RequestException, OSError, RuntimeError, AssertionError, ValueError) as error:
            raise Transient(f"{shown}: no usable answer from GitHub ({type(error).__name__})") from None
        if status == 304:
            return Answer(None, answered, unchanged=True)
        if status >= 300:
            raise self._error(shown, bucket, status, answered, _message(_parsed(text)))
        return Answer(_checked(shown, text), answered)

    def _error(self, shown: str, bucket: str, status: int, headers: Mapping[str, str], message: str) -> ConnectorsError:
        limited = "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"
        if status == 429 or (status == 403 and (limited or any(word in message for word in _SLOWED))):
            return self._slowed(bucket, headers)
        if status >= 500 or status not in _STATUS:
            return Transient(f"{shown}: GitHub answered {status}")
        accepted = headers.get("x-accepted-github-permissions", "") or headers.get("x-accepted-oauth-scopes", "")
        hint = f"needs {accepted}" if status in (403, 404) and accepted else ""
        return _STATUS[status](f"{shown}: GitHub answered {status}", hint=hint)

    def _slowed(self, bucket: str, headers: Mapping[str, str]) -> RateLimited:
        """Say how long to wait: Retry-After, else until the reset, else a minute.

        https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
        """
        after = _number(headers.get("retry-after"))
        reset = _number(headers.get("x-ratelimit-reset"))
        if after is None and headers.get("x-ratelimit-remaining") == "0" and reset is not None:
            after = max(reset - self._context.now().timestamp(), 1.0)
        after = 60.0 if after is None else after
        self._context.throttled(bucket, after)
        return RateLimited("GitHub asks to slow down", after=after)

    def open_blob(self, repository: str, sha: str) -> BinaryIO:
        """Open a git blob's bytes. https://docs.github.com/en/rest/git/blobs"""
        root = self._config.api_url.rstrip("/")
        return self._open(f"{root}/repos/{repository}/git/blobs/{sha}", "application/vnd.github.raw+json")

    def open_asset(self, repository: str, asset: int) -> BinaryIO:
        """Open a release asset's bytes. https://docs.github.com/en/rest/releases/assets"""
        root = self._config.api_url.rstrip("/")
        return self._open(f"{root}/repos/{repository}/releases/assets/{asset}", "application/octet-stream")

    def open_wiki(self, repository: str, page: str) -> BinaryIO:
        """Open the source of a wiki page; there is no API for wikis, only the raw host."""
        root = self._config.raw_url.rstrip("/")
        return self._open(f"{root}/wiki/{repository}/{quote(page, errors='replace')}.md", "text/plain")

    def open_raw(self, url: str) -> BinaryIO:
        """Open a gist file's `raw_url`, without the token when it is on a host that is not the API's own."""
        return self._open(url, "*/*")

    def _open(self, url: str, accept: str) -> BinaryIO:
        self._context.wait("core")
        known = {urlsplit(root)[:2] for root in (self._config.api_url, self._config.raw_url)}
        headers = {"Accept": accept}
        try:
            if urlsplit(url)[:2] in known:
                headers["Authorization"] = f"{self._auth.token_type} {self._token}"
            answer = self._context.session("core").get(url, headers=headers, stream=True, timeout=60)
        except GithubException as error:
            raise self._error("GET token", "core", error.status, _lower(error.headers), "") from None
        except requests.RequestException as error:
            raise Transient(f"download: no answer from GitHub ({type(error).__name__})") from None
        if answer.status_code == 200:
            answer.raw.decode_content = True
            return cast("BinaryIO", answer.raw)
        answered = _lower(dict(answer.headers))
        answer.close()
        raise self._error("download", "core", answer.status_code, answered, "")

    @property
    def _token(self) -> str:
        """The token as it is now; an installation's is renewed by the SDK when it expires."""
        _ = self._github  # the SDK gives an installation's auth its requester here
        auth = self._github.requester.auth
        return str(auth.token) if auth is not None else ""

    def now(self) -> datetime:
        """Return the host's time."""
        return self._context.now()


def _lower(headers: Mapping[str, Any] | None) -> Mapping[str, str]:
    return {name.lower(): str(value) for name, value in (headers or {}).items()}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _checked(shown: str, text: str) -> Any:
    if not text:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Transient(f"{shown}: GitHub answered something else than JSON") from None


def _message(data: Any) -> str:
    """Return the API's own message, only to tell rate limits from missing rights; it is never shown."""
    found = data.get("message") if isinstance(data, dict) else ""
    return found.lower() if isinstance(found, str) else ""


def _number(text: str | None) -> float | None:
    try:
        return max(float(text), 0.0) if text else None
    except ValueError:
        return None


def objects(value: Any) -> list[JsonObject]:
    """Return the JSON objects of a list, or nothing when it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
