"""The Web API, by slack_sdk: the only file that imports it. Translates its errors by a table.

The SDK's requests travel by the host's session: its proxy, budget, time-outs, and connections that are kept open, where
the SDK alone would shake hands for every call.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, cast
from urllib.parse import urlencode, urlsplit

import requests
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse

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
from connectors_slack.config import SlackConfig

JsonObject = dict[str, Any]

# https://docs.slack.dev/apis/web-api/rate-limits — per method, workspace and app. Each method has its own budget
# at Slack; ours share one per tier only where they are seldom used.
BUDGETS: Mapping[str, Budget] = {
    "history": Budget(units=50, burst=10),
    "replies": Budget(units=50, burst=10),
    "info": Budget(units=50, burst=10),
    "files": Budget(units=50, burst=10),
    "tier1": Budget(units=1, burst=1),
    "tier2": Budget(units=20, burst=5),
    "tier3": Budget(units=50, burst=10),
    "tier4": Budget(units=100, burst=20),
    "post": Budget(units=1, seconds=1, burst=2),
    "download": Budget(units=120, burst=10),
}

_BUCKETS = {
    "conversations.history": "history",
    "conversations.replies": "replies",
    "conversations.info": "info",
    "conversations.list": "tier2",
    "files.list": "files",
    "chat.postMessage": "post",
    "auth.test": "tier4",
    "users.info": "tier4",
    "files.info": "tier4",
}

_AUTH = (
    "invalid_auth not_authed account_inactive token_revoked token_expired team_access_not_granted org_login_required"
)
_SCOPE = (
    "missing_scope not_in_channel not_allowed_token_type no_permission access_denied restricted_action "
    "cant_delete_message cant_delete compliance_exports_prevent_deletion ekm_access_denied "
    "method_not_supported_for_channel_type feature_not_enabled enterprise_is_restricted "
    "file_access_denied user_is_restricted"
)
_GONE = (
    "channel_not_found message_not_found thread_not_found file_not_found file_deleted user_not_found users_not_found "
    "is_archived"
)
_AGAIN = (
    "internal_error fatal_error service_unavailable request_timeout accesslimited ratelimited_internal "
    "team_added_to_org"  # the workspace is moving to an organisation: off and on until it has
)
_ERRORS: Mapping[str, type[ConnectorsError]] = {
    **dict.fromkeys(_AUTH.split(), AuthError),
    **dict.fromkeys(_SCOPE.split(), MissingScope),
    **dict.fromkeys(_GONE.split(), NotFound),
    **dict.fromkeys(_AGAIN.split(), Transient),
    "ratelimited": RateLimited,
    "rate_limited": RateLimited,
}


_UNTOLD = 30.0
"""Seconds to wait when Slack asks to slow down without saying for how long."""

_UNREADABLE = (ValueError, AttributeError, TypeError)
"""What the SDK raises over JSON that is no object, or no JSON at all."""


def _silent() -> logging.Logger:
    """Return a logger that drops everything: the SDK logs bodies and parameters."""
    logger = logging.Logger("connectors_slack.sdk", logging.CRITICAL + 1)
    logger.addHandler(logging.NullHandler())
    return logger


class _Carried(WebClient):
    """The SDK's client over a session of the host. `bucket` names the budget that its calls spend from."""

    def __init__(self, session: requests.Session, **options: Any) -> None:
        super().__init__(logger=_silent(), retry_handlers=[], **options)
        self._session = session
        self._templates: dict[str, requests.PreparedRequest] = {}

    def _perform_urllib_http_request(self, *, url: str, args: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """Send one call as the SDK built it; it calls this for every method, and reads these three keys."""
        request = self._template(url).copy()
        request.body = urlencode(args["params"] or {}, doseq=True).encode()
        length = {"Content-Length": str(len(request.body)), "Content-Type": "application/x-www-form-urlencoded"}
        request.headers.update({**args["headers"], **length})
        settings = self._session.merge_environment_settings(url, {}, None, None, None)
        # The host's session bounds the time; a plain one in a test would wait for ever.
        answer = self._session.send(request, timeout=30, allow_redirects=False, **settings)
        return {"status": answer.status_code, "headers": answer.headers, "body": answer.content.decode()}

    def _template(self, url: str) -> requests.PreparedRequest:
        # Preparing takes requests longer than the rest of a call; what differs between calls is set by hand.
        if url not in self._templates:
            self._templates[url] = requests.Request("POST", url).prepare()
        return self._templates[url]


class SlackClient:
    """Calls Slack within the connection's budgets and raises only `connectors.errors`."""

    def __init__(self, config: SlackConfig, context: Context) -> None:
        self._config = config
        self._context = context
        self._base = config.base_url or WebClient.BASE_URL
        self._clients: dict[tuple[str, str], WebClient] = {}

    def call(self, method: str, *, token: str | None = None, **params: Any) -> JsonObject:
        """Call one Web API method and return its answer as a dict.

        `token` is for calls with another token than the connection's. Raises what the error table says;
        unknown error codes become `Unsupported` with the code as message.
        """
        data, _ = self.call_with_headers(method, token=token, **params)
        return data

    def call_with_headers(
        self, method: str, *, token: str | None = None, **params: Any
    ) -> tuple[JsonObject, Mapping[str, str]]:
        """Like `call`, with the answer's headers in lower case (`x-oauth-scopes` lists the token's scopes)."""
        bucket = _BUCKETS.get(method, "tier3")
        chosen = {name: value for name, value in params.items() if value is not None}
        try:
            response = self._client(token, bucket).api_call(method, params=chosen)
        except SlackApiError as error:
            raise self._translated(method, bucket, error.response) from None
        except RateLimited as error:
            if error.after is None:
                self._context.throttled(bucket, _UNTOLD)
            raise RateLimited(f"{method}: {error}", after=error.after) from None
        except (SlackClientError, requests.RequestException, *_UNREADABLE) as error:
            raise Transient(f"{method}: no usable answer from Slack ({type(error).__name__})") from None
        if not isinstance(response.data, dict):
            raise Transient(f"{method}: Slack answered something else than JSON")
        return response.data, {name.lower(): value for name, value in response.headers.items()}

    def _client(self, token: str | None, bucket: str) -> WebClient:
        chosen = token or self._config.token.get_secret_value()
        if (chosen, bucket) not in self._clients:
            session = self._context.session(bucket)
            self._clients[chosen, bucket] = _Carried(session, token=chosen, base_url=self._base)
        return self._clients[chosen, bucket]

    def _translated(self, method: str, bucket: str, response: SlackResponse) -> ConnectorsError:
        data = response.data if isinstance(response.data, dict) else {}
        code, status = str(data.get("error", "")), response.status_code
        if status == 429 or code in ("ratelimited", "rate_limited"):
            after = _seconds(response.headers)
            self._context.throttled(bucket, after if after is not None else _UNTOLD)
            return RateLimited(f"{method}: Slack asks to slow down", after=after)
        if code in _ERRORS:
            needed = data.get("needed")
            hint = f"the token lacks the scope {needed}" if code == "missing_scope" and needed else ""
            return _ERRORS[code](f"{method}: {code}", hint=hint)
        if status in (401, 403):
            return AuthError(f"{method}: Slack answered {status}")
        if status != 200 or not code.isidentifier():
            return Transient(f"{method}: Slack answered {status} without a usable body")
        return Unsupported(f"{method}: {code}")

    def post(self, *, channel: str, text: str, metadata: JsonObject) -> JsonObject:
        """Post a message. https://docs.slack.dev/reference/methods/chat.postMessage"""
        return self.call("chat.postMessage", channel=channel, text=text, metadata=json.dumps(metadata))

    def pages(self, method: str, key: str, **params: Any) -> Iterator[list[JsonObject]]:
        """Yield the lists under `key` of every page of a cursor-paged method."""
        cursor = ""
        while True:
            data = self.call(method, cursor=cursor or None, **params)
            yield objects(data.get(key))
            cursor = next_cursor(data)
            if not cursor:
                return

    def download(self, url: str) -> BinaryIO:
        """Open a file's `url_private_download` with the token.

        The token goes only to Slack's own hosts over TLS, or to the configured `base_url`'s host.
        https://docs.slack.dev/reference/objects/file-object
        """
        if not self._trusted(url):
            raise Unsupported("the file is not stored at Slack")
        token = self._config.token.get_secret_value()
        session = self._context.session("download")
        try:
            answer = session.get(url, headers={"Authorization": f"Bearer {token}"}, stream=True, timeout=60)
        except requests.RequestException as error:
            raise Transient(f"file download: no answer from Slack ({type(error).__name__})") from None
        if answer.status_code == 200 and "x-slack-login-page" not in answer.headers:
            answer.raw.decode_content = True
            return cast("BinaryIO", answer.raw)
        status = answer.status_code
        answer.close()
        raise _download_error(status, self._context, answer.headers)

    def _trusted(self, url: str) -> bool:
        asked, base = urlsplit(url), urlsplit(self._base)
        if (asked.scheme, asked.netloc) == (base.scheme, base.netloc):
            return True
        host = asked.hostname or ""
        return asked.scheme == "https" and any(
            host == domain or host.endswith("." + domain)
            for domain in ("slack.com", "slack-files.com", "slack-gov.com")
        )


def _download_error(status: int, context: Context, headers: Mapping[str, str]) -> ConnectorsError:
    if status == 429:
        after = _seconds(headers)
        context.throttled("download", after if after is not None else _UNTOLD)
        return RateLimited("file download: Slack asks to slow down", after=after)
    if status in (404, 410):
        return NotFound("file download: the file is gone")
    if status >= 500:
        return Transient(f"file download: Slack answered {status}")
    return MissingScope(f"file download: Slack answered {status}", hint="the token needs files:read")


def _seconds(headers: Mapping[str, Any]) -> float | None:
    """Return Retry-After in seconds, None when it is absent or no number."""
    for name, value in headers.items():
        if name.lower() == "retry-after":
            text = value[0] if isinstance(value, list) and value else value
            try:
                return max(float(str(text)), 0.0)
            except ValueError:
                return None
    return None


def objects(value: Any) -> list[JsonObject]:
    """Return the JSON objects of a list, or nothing when it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def next_cursor(data: JsonObject) -> str:
    """Return `response_metadata.next_cursor`, empty on the last page."""
    metadata = data.get("response_metadata")
    found = metadata.get("next_cursor") if isinstance(metadata, dict) else ""
    return found if isinstance(found, str) else ""
