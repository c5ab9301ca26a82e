"""The only module that talks to Jira: `atlassian-python-api` underneath, its answers turned into our errors.

The library's own methods hide status codes and headers that the host needs (a 429 without `Retry-After`, a 403 on
one project), and some of them send retired paths, so every call goes through its generic `request` with the path
that Jira documents, under `/rest/api/3` on Cloud and `/rest/api/2` on Data Center.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, BinaryIO, cast
from urllib.parse import quote

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
from connectors_jira.config import JiraConfig, OAuth
from connectors_jira.shapes import listing, mapping, moment, objects, text

TIMEOUT = 30
ERRORS: Mapping[int, tuple[type[ConnectorsError], str, str]] = {
    400: (Unsupported, "Jira refused the request", ""),
    401: (AuthError, "Jira refused the credentials", "make a new token and put it into the configuration"),
    403: (MissingScope, "Jira does not allow this", "give the account the permission or the app the scope"),
    404: (NotFound, "Jira does not have this (any more)", ""),
    409: (Conflict, "somebody changed it first", ""),
    410: (Unsupported, "Jira has retired this address", "update connectors"),
    413: (Unsupported, "Jira finds the request too large", ""),
}
"""What a status means for the host. 429 and 5xx are not here: they carry a time or are retried."""

REFRESH_EARLY = timedelta(minutes=2)


class Jira:
    """Calls to one Jira site. Built without I/O; signs in on the first call."""

    def __init__(self, config: JiraConfig, context: Context) -> None:
        # At DEBUG the library writes whole answers into its log; they are what the log must never hold.
        logging.getLogger("atlassian.rest_client").setLevel(logging.INFO)
        self.config = config
        self.context = context
        self.api = "/rest/api/3" if config.is_cloud else "/rest/api/2"
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
            raise Transient(f"Jira did not answer ({type(error).__name__})") from None
        self._judge(response, bucket)
        if not response.content:
            return None
        try:
            return response.json()
        except (ValueError, RecursionError):
            raise Transient("Jira answered with something that is not JSON") from None

    def download(self, path: str) -> BinaryIO:
        """Open the bytes at `path`. The stream is read as it arrives and never held whole."""
        api = self._signed_in("download")
        try:
            response = api.session.get(self.config.url + path, stream=True, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise Transient(f"Jira did not answer ({type(error).__name__})") from None
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
            raise RateLimited(f"Jira asks to slow down {reason}".strip(), after=after)
        if status in ERRORS:
            error, message, hint = ERRORS[status]
            raise error(f"{message} (status {status})", hint=hint)
        raise Transient(f"Jira answered with status {status}")

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
            config.url,
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

    def myself(self) -> Mapping[str, Any]:
        """Return the account that the connection acts as."""
        return mapping(self.call("GET", f"{self.api}/myself"))

    def permissions(self, names: Sequence[str]) -> Mapping[str, bool]:
        """Return which of the named permissions the account has somewhere."""
        answer = self.call("GET", f"{self.api}/mypermissions", params={"permissions": ",".join(names)})
        held = mapping(mapping(answer).get("permissions"))
        return {name: mapping(held.get(name)).get("havePermission") is True for name in names}

    def projects(self) -> Iterator[Mapping[str, Any]]:
        """Yield every project the account sees, archived ones too."""
        if not self.config.is_cloud:
            found = self.call("GET", f"{self.api}/project", params={"includeArchived": "true"})
            yield from listing({"values": found}, "values")
            return
        at = 0
        while True:
            params = {"startAt": at, "maxResults": 50, "expand": "insight", "status": ["live", "archived"]}
            answer = mapping(self.call("GET", f"{self.api}/project/search", params=params))
            found = listing(answer, "values")
            yield from found
            at += len(found)
            if answer.get("isLast") is not False or not found:
                return

    def search(self, jql: str, *, token: str = "", limit: int = 50) -> tuple[list[Mapping[str, Any]], str]:
        """Return one page of issues with every field, and the token of the next page, '' after the last (Cloud).

        https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/
        """
        body: dict[str, Any] = {"jql": jql, "maxResults": limit, "fields": ["*all"]}
        if token:
            body["nextPageToken"] = token
        answer = mapping(self.call("POST", f"{self.api}/search/jql", body=body, bucket="search"))
        following = "" if answer.get("isLast") is True else text(answer.get("nextPageToken"))
        if token and following == token:
            raise Transient("Jira gave the same page token twice")
        return listing(answer, "issues"), following

    def search_from(self, jql: str, *, start: int, limit: int = 50) -> tuple[list[Mapping[str, Any]], int]:
        """Return the issues from place `start` on with every field, and how many there are (Data Center)."""
        body = {"jql": jql, "startAt": start, "maxResults": limit, "fields": ["*all"]}
        answer = mapping(self.call("POST", f"{self.api}/search", body=body, bucket="search"))
        total = answer.get("total")
        return listing(answer, "issues"), total if isinstance(total, int) else 0

    def issue(self, issue_id: str) -> Mapping[str, Any]:
        """Return one issue with every field."""
        return mapping(self.call("GET", f"{self.api}/issue/{_segment(issue_id)}", params={"fields": "*all"}))

    def comment(self, issue_id: str, comment_id: str) -> Mapping[str, Any]:
        """Return one comment."""
        return mapping(self.call("GET", f"{self.api}/issue/{_segment(issue_id)}/comment/{_segment(comment_id)}"))

    def comments(self, issue_id: str) -> Iterator[Mapping[str, Any]]:
        """Yield every comment of an issue, oldest first."""
        return self._paged(f"{self.api}/issue/{_segment(issue_id)}/comment", "comments", orderBy="created")

    def worklogs(self, issue_id: str) -> Iterator[Mapping[str, Any]]:
        """Yield every worklog of an issue."""
        return self._paged(f"{self.api}/issue/{_segment(issue_id)}/worklog", "worklogs")

    def worklog(self, issue_id: str, worklog_id: str) -> Mapping[str, Any]:
        """Return one worklog."""
        return mapping(self.call("GET", f"{self.api}/issue/{_segment(issue_id)}/worklog/{_segment(worklog_id)}"))

    def changelog(self, issue_id: str) -> Iterator[Mapping[str, Any]]:
        """Yield every entry of an issue's history."""
        if self.config.is_cloud:
            yield from self._paged(f"{self.api}/issue/{_segment(issue_id)}/changelog", "values")
            return
        params = {"fields": "summary", "expand": "changelog"}
        issue = mapping(self.call("GET", f"{self.api}/issue/{_segment(issue_id)}", params=params))
        yield from objects(mapping(issue.get("changelog")).get("histories"))

    def remote_links(self, issue_id: str) -> list[Mapping[str, Any]]:
        """Return the remote links of an issue."""
        found = self.call("GET", f"{self.api}/issue/{_segment(issue_id)}/remotelink")
        return listing({"values": found}, "values")

    def attachment_facts(self, attachment_id: str) -> Mapping[str, Any]:
        """Return name, size and type of an attachment."""
        return mapping(self.call("GET", f"{self.api}/attachment/{_segment(attachment_id)}"))

    def attachment(self, attachment_id: str, name: str) -> BinaryIO:
        """Open the content of an attachment."""
        if self.config.is_cloud:
            return self.download(f"{self.api}/attachment/content/{_segment(attachment_id)}")
        return self.download(f"/secure/attachment/{_segment(attachment_id)}/{_segment(name)}")

    def user(self, user_id: str) -> Mapping[str, Any]:
        """Return one user: by account id on Cloud, by key on Data Center."""
        name = "accountId" if self.config.is_cloud else "key"
        return mapping(self.call("GET", f"{self.api}/user", params={name: user_id}))

    def _paged(self, path: str, key: str, **params: str) -> Iterator[Mapping[str, Any]]:
        at = 0
        while True:
            answer = mapping(self.call("GET", path, params={**params, "startAt": at, "maxResults": 100}))
            found = listing(answer, key)
            yield from found
            at += len(found)
            total = answer.get("total")
            if not found or (isinstance(total, int) and at >= total) or answer.get("isLast") is True:
                return

    # Changing

    def set_field(self, issue_id: str, field: str, value: Any) -> None:
        """Write one field of an issue, telling nobody."""
        path = f"{self.api}/issue/{_segment(issue_id)}"
        self.call("PUT", path, params={"notifyUsers": "false"}, body={"fields": {field: value}}, bucket="write")

    def set_comment(self, issue_id: str, comment_id: str, body: Any) -> None:
        """Write the body of a comment."""
        path = f"{self.api}/issue/{_segment(issue_id)}/comment/{_segment(comment_id)}"
        params = {"notifyUsers": "false"} if self.config.is_cloud else None
        self.call("PUT", path, params=params, body={"body": body}, bucket="write")

    def set_worklog(self, issue_id: str, worklog_id: str, comment: Any) -> None:
        """Write the comment of a worklog, leaving its times alone."""
        path = f"{self.api}/issue/{_segment(issue_id)}/worklog/{_segment(worklog_id)}"
        params = {"adjustEstimate": "leave"} | ({"notifyUsers": "false"} if self.config.is_cloud else {})
        self.call("PUT", path, params=params, body={"comment": comment}, bucket="write")

    def delete_attachment(self, attachment_id: str) -> None:
        """Delete an attachment for good."""
        self.call("DELETE", f"{self.api}/attachment/{_segment(attachment_id)}", bucket="write")

    def redact(self, redactions: Sequence[Mapping[str, Any]]) -> str:
        """Start a redaction job and return its id (Cloud).

        https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-redaction/
        """
        answer = self.call("POST", f"{self.api}/redact", body={"redactions": list(redactions)}, bucket="write")
        return text(answer) or text(mapping(answer).get("jobId"))

    def redaction(self, job_id: str) -> Mapping[str, Any]:
        """Return how a redaction job stands."""
        return mapping(self.call("GET", f"{self.api}/redact/status/{_segment(job_id)}"))

    # Dynamic webhooks: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-webhooks/

    def register_webhooks(self, url: str, jql: str, events: Sequence[str]) -> list[int]:
        """Register a dynamic webhook of the OAuth app and return its ids."""
        body = {"url": url, "webhooks": [{"jqlFilter": jql, "events": list(events)}]}
        answer = self.call("POST", f"{self.api}/webhook", body=body)
        made = [item.get("createdWebhookId") for item in listing(answer, "webhookRegistrationResult")]
        return [hook for hook in made if isinstance(hook, int)]

    def refresh_webhooks(self, ids: Sequence[int]) -> datetime | None:
        """Give dynamic webhooks another 30 days and return their end."""
        answer = self.call("PUT", f"{self.api}/webhook/refresh", body={"webhookIds": list(ids)})
        return moment(mapping(answer).get("expirationDate"))

    def delete_webhooks(self, ids: Sequence[int]) -> None:
        """Delete dynamic webhooks."""
        self.call("DELETE", f"{self.api}/webhook", body={"webhookIds": list(ids)})


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
            raise Transient(f"Jira broke off a download ({type(error).__name__})") from None
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


def dumps(value: Any) -> str:
    """Return the canonical JSON of a value, for hashes."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _segment(value: str) -> str:
    return quote(value, safe="", errors="replace")
