"""A fake Slack: the Web API under `<url>/api/`, file downloads, and signed Events API requests.

Helpers such as `post_message` change the workspace and return the webhook that Slack would send, as
`(headers, body)`. Shapes follow https://docs.slack.dev/reference/methods and /reference/events.
"""

from __future__ import annotations

import base64
import bisect
import json
import math
import time
from collections.abc import Mapping
from typing import Any

from connectors.testing.fakeapps.base import Request, Response, route
from connectors.testing.fakeapps.slack_data import JsonObject, SlackData, Webhook

__all__ = ["FakeSlack", "SlackError", "Webhook"]


class SlackError(Exception):
    """An `ok: false` answer."""


class FakeSlack(SlackData):
    """One workspace: its constructor and helpers are `SlackData`'s, the rest is the Web API."""

    def limit(self, method: str, *, calls: int, seconds: float = 60.0) -> None:
        """Answer 429 with Retry-After to more than `calls` calls of `method` in `seconds`."""
        self._limits[method] = (calls, seconds, [])

    def _over(self, method: str) -> float | None:
        if method not in self._limits:
            return None
        calls, seconds, seen = self._limits[method]
        now = time.monotonic()
        seen[:] = [at for at in seen if at > now - seconds]
        if len(seen) >= calls:
            return seen[0] + seconds - now
        seen.append(now)
        return None

    @route("GET", r"/api/(?P<method>[\w.]+)")
    @route("POST", r"/api/(?P<method>[\w.]+)")
    def web_api(self, request: Request, method: str) -> Response:
        """Answer one method of the Web API."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        params = {**request.query, **_params(request)}
        wait = self._over(method)
        if wait is not None:
            return Response.of({"ok": False, "error": "ratelimited"}, 429, retry_after=str(max(math.ceil(wait), 1)))
        handler = getattr(self, "api_" + method.replace(".", "_"), None)
        try:
            if token not in (self.token, self.user_token):
                raise SlackError("invalid_auth" if token else "not_authed")
            if handler is None:
                raise SlackError("unknown_method")
            answer = handler(params, token)
        except SlackError as error:
            answer = (
                {"ok": False, **error.args[0]}
                if isinstance(error.args[0], dict)
                else {"ok": False, "error": str(error)}
            )
        return Response.of({"ok": True, **answer}, x_oauth_scopes=self.scopes)

    @route("GET", r"/files-pri/[^/]+-(?P<file_id>F\w+)/.*")
    def download(self, request: Request, file_id: str) -> Response:
        """Serve a file's bytes, or the login page to who has no token."""
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in (
            self.token,
            self.user_token,
        ):
            return Response(200, b"<html>Sign in</html>", {"Content-Type": "text/html", "X-Slack-Login-Page": "1"})
        if file_id not in self.files:
            return Response(404)
        return Response(200, self.contents[file_id], {"Content-Type": self.files[file_id]["mimetype"]})

    def _need(self, scope: str) -> None:
        if scope not in self.scopes.split(","):
            raise SlackError({"error": "missing_scope", "needed": scope, "provided": self.scopes})

    def _held(self, params: Mapping[str, str]) -> str:
        channel = params.get("channel", "")
        if channel not in self.channels:
            raise SlackError("channel_not_found")
        return channel

    def _readable(self, params: Mapping[str, str]) -> str:
        channel = self._held(params)
        kind = {"channel": "channels", "group": "groups"}.get(self.channel_type(channel), self.channel_type(channel))
        self._need(f"{kind}:history")
        if not self.channels[channel]["is_member"]:
            raise SlackError("not_in_channel")
        return channel

    def api_auth_test(self, _params: Mapping[str, str], token: str) -> JsonObject:
        """https://docs.slack.dev/reference/methods/auth.test"""
        me = {"url": "https://acme.slack.com/", "team": "Acme", "team_id": self.team}
        if token == self.token:
            return {**me, "user": "connectors", "user_id": self.bot_user, "bot_id": self.bot_id}
        return {**me, "user": "admin", "user_id": "U0ADMIN"}

    def api_conversations_list(self, params: Mapping[str, str], _token: str) -> JsonObject:
        """https://docs.slack.dev/reference/methods/conversations.list"""
        kinds = params.get("types", "public_channel").split(",")
        scopes = {"public_channel": "channels:read", "private_channel": "groups:read", "im": "im:read"}
        for kind in kinds:
            self._need(scopes.get(kind, "mpim:read"))
        names = {"channel": "public_channel", "group": "private_channel"}
        chosen = [
            channel
            for channel_id, channel in self.channels.items()
            if names.get(self.channel_type(channel_id), self.channel_type(channel_id)) in kinds
            and (channel["is_member"] or not channel["is_private"])
        ]
        page, cursor = _slice(chosen, params, default=100)
        return {"channels": page, "response_metadata": {"next_cursor": cursor}}

    def api_conversations_info(self, params: Mapping[str, str], _token: str) -> JsonObject:
        """https://docs.slack.dev/reference/methods/conversations.info"""
        return {"channel": self.channels[self._held(params)]}

    def api_conversations_join(self, params: Mapping[str, str], _token: str) -> JsonObject:
        """https://docs.slack.dev/reference/methods/conversations.join"""
        self._need("channels:join")
        channel = self.channels[self._held(params)]
        channel["is_member"] = True
        return {"channel": channel}

    def api_conversations_open(self, params: Mapping[str, str], _token: str) -> JsonObject:
        """https://docs.slack.dev/reference/methods/conversations.open"""
        self._need("im:write")
        user = params.get("users", "")
        if user not in self.users:
            raise SlackError("user_not_found")
        held = next((c for c in self.channels.values() if c["is_im"] and c.get("user") == user), None)
        channel = held["id"] if held else self.add_channel("", kind="im", user=user)
        return {"channel": {"id": channel}}

    def api_conversations_history(self, params: Mapping[str, str], _token: str) -> JsonObject:
        """Newest first. https://docs.slack.dev/reference/methods/conversations.history"""
        channel = self._readable(params)
        tops = self._tops[channel]
        latest = _decode(params.get("cursor", "")) or params.get("latest", "")
        oldest, limit = params.get("oldest", ""), self._limit(params)
        inclusive = params.get("inclusive") in ("1", "true")
        low = (bisect.bisect_left if inclusive else bisect.bisect_right)(tops, oldest) if oldest not in ("", "0") else 0
        high = (bisect.bisect_right if inclusive else bisect.bisect_left)(tops, latest) if latest else len(tops)
        if oldest not in ("", "0") and not latest:
            # Slack gives what is closest to `oldest` when that is the only bound.
            high = min(low + limit, high)
            more = high < len(tops)
        else:
            more = high - limit > low
        chosen = tops[max(high - limit, low) : high][::-1]
        following = {"response_metadata": {"next_cursor": _encode(chosen[-1])}} if more else {}
        metadata = params.get("include_all_metadata") in ("1", "true")
        messages = [self._shown(_with_metadata(self.messages[channel][ts], metadata)) for ts in chosen]
        return {"messages": messages, "has_more": more, "pin_count": 0, **following}

    def api_conversations_replies(self, params: Mapping[str, str], _token: str) -> JsonObject:
        """Oldest first, the root in front of each page. https://docs.slack.dev/reference/methods/conversations.replies"""
        channel, root = self._readable(params), params.get("ts", "")
        if root not in self.messages[channel]:
            raise SlackError("thread_not_found")
        if self.messages[channel][root].get("thread_ts", root) != root:
            return {"messages": [self._shown(self.messages[channel][root])], "has_more": False}
        replies = self._threads[channel].get(root, [])
        after = _decode(params.get("cursor", ""))
        begin = bisect.bisect_right(replies, after) if after else 0
        limit = self._limit(params)
        chosen = replies[begin : begin + limit]
        more = begin + limit < len(replies)
        following = {"response_metadata": {"next_cursor": _encode(chosen[-1])}} if more else {}
        metadata = params.get("include_all_metadata") in ("1", "true")
        messages = [self._shown(_with_metadata(self.messages[channel][ts], metadata)) for ts in (root, *chosen)]
        return {"messages": messages, "has_more": more, **following}

    def _limit(self, params: Mapping[str, str]) -> int:
        return min(max(int(params.get("limit", "100")), 1), self.page_cap)

    def api_files_list(self, params: Mapping[str, str], _token: str) -> JsonObject:
        """https://docs.slack.dev/reference/methods/files.list"""
        self._need("files:read")
        channel, count, page = (
            params.get("channel"),
            int(params.get("count", "100")),
            int(params.get("page", "1")),
        )
        begin = int(params.get("ts_from", "0"))
        listed = [f for f, held in self.files.items() if not channel or channel in held["channels"]]
        ids = [f for f in listed if self.files[f]["created"] >= begin]
        pages = max(math.ceil(len(ids) / count), 1)
        files = [self._file(f) for f in ids[(page - 1) * count : page * count]]
        return {"files": files, "paging": {"count": count, "total": len(ids), "page": page, "pages": pages}}

    def api_files_info(self, params: Mapping[str, str], _token: str) -> JsonObject:
        """https://docs.slack.dev/reference/methods/files.info"""
        self._need("files:read")
        if params.get("file") not in self.files:
            raise SlackError("file_not_found")
        return {"file": self._file(params["file"])}

    def api_files_delete(self, params: Mapping[str, str], _token: str) -> JsonObject:
        """https://docs.slack.dev/reference/methods/files.delete"""
        self._need("files:write")
        if self.files.pop(params.get("file", ""), None) is None:
            raise SlackError("file_not_found")
        return {}

    def api_users_info(self, params: Mapping[str, str], _token: str) -> JsonObject:
        """https://docs.slack.dev/reference/methods/users.info"""
        self._need("users:read")
        user = self.users.get(params.get("user", ""))
        if user is None:
            raise SlackError("user_not_found")
        return {"user": user}

    def api_users_lookupByEmail(self, params: Mapping[str, str], _token: str) -> JsonObject:  # noqa: N802 (Slack's name)
        """https://docs.slack.dev/reference/methods/users.lookupByEmail"""
        self._need("users:read.email")
        found = next((u for u in self.users.values() if u["profile"].get("email") == params.get("email")), None)
        if found is None:
            raise SlackError("users_not_found")
        return {"user": found}

    def api_chat_postMessage(self, params: Mapping[str, Any], token: str) -> JsonObject:  # noqa: N802 (Slack's name)
        """https://docs.slack.dev/reference/methods/chat.postMessage"""
        self._need("chat:write")
        asked = str(params.get("channel", ""))
        by_name = next((i for i, c in self.channels.items() if c.get("name") == asked.lstrip("#")), asked)
        if by_name in self.users:
            by_name = self.api_conversations_open({"users": by_name}, token)["channel"]["id"]
        if by_name not in self.channels:
            raise SlackError("channel_not_found")
        more = {key: _loaded(params[key]) for key in ("blocks", "attachments", "metadata") if params.get(key)}
        by = {"bot_id": self.bot_id, "app_id": self.app_id} if token == self.token else {}
        author = self.bot_user if token == self.token else "U0ADMIN"
        thread = str(params.get("thread_ts") or "")
        more.update(by)
        webhook = self.post_message(by_name, author, str(params.get("text", "")), thread=thread, **more)
        self.outbox.append(webhook)
        return {"channel": by_name, "ts": self.last_ts, "message": self.messages[by_name][self.last_ts]}

    def api_chat_delete(self, params: Mapping[str, str], token: str) -> JsonObject:
        """A bot deletes only its own messages. https://docs.slack.dev/reference/methods/chat.delete"""
        self._need("chat:write")
        channel, ts = self._held(params), params.get("ts", "")
        message = self.messages[channel].get(ts)
        if message is None:
            raise SlackError("message_not_found")
        if token == self.token and message.get("bot_id") != self.bot_id:
            raise SlackError("cant_delete_message")
        self.outbox.append(self.delete_message(channel, ts))
        return {"channel": channel, "ts": ts}

    def api_discovery_chat_tombstone(self, params: Mapping[str, str], token: str) -> JsonObject:
        """Replace a message's text, as Enterprise Grid's Discovery API does."""
        if token != self.user_token or "discovery:write" not in self.scopes:
            raise SlackError("not_allowed_token_type")
        channel, ts = self._held(params), params.get("ts", "")
        if ts not in self.messages[channel]:
            raise SlackError("message_not_found")
        text = params.get("content", "This message is being reviewed.")
        self.outbox.append(self.edit_message(channel, ts, text, blocks=[], attachments=[]))
        return {}


def _params(request: Request) -> Mapping[str, Any]:
    if "json" in request.headers.get("content-type", ""):
        body = request.json()
        return body if isinstance(body, dict) else {}
    return request.form()


def _loaded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _with_metadata(message: JsonObject, wanted: bool) -> JsonObject:
    return message if wanted or "metadata" not in message else {k: v for k, v in message.items() if k != "metadata"}


def _encode(ts: str) -> str:
    return base64.b64encode(f"next_ts:{ts}".encode()).decode()


def _decode(cursor: str) -> str:
    if not cursor:
        return ""
    try:
        text = base64.b64decode(cursor).decode()
    except ValueError:
        text = ""
    if not text.startswith("next_ts:"):
        raise SlackError("invalid_cursor")
    return text.removeprefix("next_ts:")


def _slice(items: list[JsonObject], params: Mapping[str, str], *, default: int) -> tuple[list[JsonObject], str]:
    """Return one page of a list and the cursor of the next."""
    begin = int(_decode(params.get("cursor", "")) or 0)
    end = begin + int(params.get("limit", default))
    return items[begin:end], _encode(str(end)) if end < len(items) else ""
