"""What a fake Slack holds, and the webhooks of what happens in it."""

from __future__ import annotations

import bisect
import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from typing import Any, ClassVar

from connectors.testing.fakeapps.base import FakeApp

JsonObject = dict[str, Any]
Webhook = tuple[dict[str, str], bytes]
"""Headers and raw body of one signed request."""

BOT_SCOPES = (
    "channels:history,channels:join,channels:read,chat:write,files:read,files:write,groups:history,groups:read,"
    "im:history,im:read,im:write,mpim:history,mpim:read,team:read,users:read,users:read.email"
)


class SlackData(FakeApp):
    """One workspace. Times start at `start` and pass a second with every change.

    `page_cap` is the most messages that one call of history or replies gives (15 under the limits of 2025).
    `outbox` collects the webhooks of what was changed through the API itself, our own alerts for one.
    """

    name: ClassVar[str] = "slack"

    def __init__(
        self,
        *,
        signing_secret: str = "fake-slack-signing-secret",  # noqa: S107 (a fake's default)
        token: str = "xoxb-fake-bot",  # noqa: S107 (a fake's default)
        user_token: str = "xoxp-fake-admin",  # noqa: S107 (a fake's default)
        scopes: str = BOT_SCOPES,
        team: str = "T0ACME",
        app_id: str = "A0CONNECT",
        start: float = 1_760_000_000.0,
    ) -> None:
        super().__init__()
        self.signing_secret, self.token, self.user_token = signing_secret, token, user_token
        self.scopes, self.team, self.app_id = scopes, team, app_id
        self.bot_id, self.bot_user = "B0CONNECT", "U0CONNECT"
        self.page_cap = 1000
        self.users: dict[str, JsonObject] = {}
        self.channels: dict[str, JsonObject] = {}
        self.messages: dict[str, dict[str, JsonObject]] = {}
        self.files: dict[str, JsonObject] = {}
        self.contents: dict[str, bytes] = {}
        self.outbox: list[Webhook] = []
        self.last_ts = ""
        self.last_file = ""
        self._tops: dict[str, list[str]] = {}
        self._threads: dict[str, dict[str, list[str]]] = {}
        self._limits: dict[str, tuple[int, float, list[float]]] = {}
        self._micros = int(start * 1_000_000)
        self._ids = 0
        self.add_user("connectors", name_id=self.bot_user, is_bot=True)

    # What is in the workspace

    def tick(self) -> str:
        """Let a second pass and return the time as Slack writes it."""
        self._micros += 1_000_100
        return f"{self._micros // 1_000_000}.{self._micros % 1_000_000:06d}"

    def _next(self, prefix: str) -> str:
        self._ids += 1
        return f"{prefix}{self._ids:08d}"

    def add_user(self, name: str, *, email: str = "", name_id: str = "", is_bot: bool = False) -> str:
        """Add a person and return the user id."""
        user_id = name_id or self._next("U")
        profile = {"real_name": name, "display_name": name.split()[0].lower(), "email": email}
        self.users[user_id] = {
            "id": user_id,
            "team_id": self.team,
            "name": name.lower().replace(" ", "."),
            "real_name": name,
            "is_bot": is_bot,
            "deleted": False,
            "profile": {key: value for key, value in profile.items() if value},
        }
        return user_id

    def add_channel(
        self,
        name: str,
        *,
        kind: str = "public_channel",
        topic: str = "",
        purpose: str = "",
        member: bool = True,
        ext_shared: bool = False,
        user: str = "",
    ) -> str:
        """Add a channel (`kind`: public_channel, private_channel, mpim or im) and return its id."""
        channel_id = self._next({"im": "D", "private_channel": "C", "mpim": "C"}.get(kind, "C"))
        made = int(float(self.tick()))
        self.channels[channel_id] = {
            "id": channel_id,
            **({"user": user} if kind == "im" else {"name": name, "name_normalized": name}),
            "is_channel": kind in ("public_channel", "private_channel"),
            "is_group": False,
            "is_im": kind == "im",
            "is_mpim": kind == "mpim",
            "is_private": kind != "public_channel",
            "is_member": member,
            "is_archived": False,
            "is_ext_shared": ext_shared,
            "is_shared": ext_shared,
            "created": made,
            "updated": made * 1000,
            "topic": {"value": topic, "creator": "", "last_set": made if topic else 0},
            "purpose": {"value": purpose, "creator": "", "last_set": made if purpose else 0},
            "context_team_id": self.team,
        }
        self.messages[channel_id], self._tops[channel_id], self._threads[channel_id] = {}, [], {}
        return channel_id

    def _store(self, channel: str, message: JsonObject) -> None:
        ts, root = message["ts"], message.get("thread_ts")
        self.messages[channel][ts] = message
        self.last_ts = ts
        if root is None or root == ts or message.get("subtype") == "thread_broadcast":
            bisect.insort(self._tops[channel], ts)
        if root is None or root == ts:
            return
        replies = self._threads[channel].setdefault(root, [])
        replies.append(ts)
        parent = self.messages[channel][root]
        parent.update(thread_ts=root, reply_count=len(replies), latest_reply=ts)
        parent["reply_users"] = list(dict.fromkeys([*parent.get("reply_users", ()), message.get("user", "")]))
        parent["reply_users_count"] = len(parent["reply_users"])

    def write(
        self, channel: str, user: str, text: str, *, thread: str = "", broadcast: bool = False, **more: Any
    ) -> str:
        """Write a message without making its webhook and return its ts: the fast way to fill a channel."""
        with self.lock:
            message: JsonObject = {
                "type": "message",
                "user": user,
                "text": text,
                "ts": self.tick(),
                "team": self.team,
            }
            if thread:
                message["thread_ts"] = thread
            if broadcast:
                message["subtype"] = "thread_broadcast"
                message["root"] = dict(self.messages[channel][thread])
            message.update({key: value for key, value in more.items() if value is not None})
            self._store(channel, message)
            return str(message["ts"])

    def fill(self, channel: str, users: Sequence[str], *, messages: int, threads: int, replies: int = 3) -> None:
        """Write `messages` plain messages, of which `threads` roots get `replies` replies each, counted in."""
        roots = messages - threads * replies
        every = max(roots // threads, 1) if threads else roots + 1
        for number in range(roots):
            ts = self.write(channel, users[number % len(users)], f"update {number}: all quiet on the east side")
            if threads and number % every == 0 and number // every < threads:
                for reply in range(replies):
                    self.write(channel, users[reply % len(users)], f"reply {reply} to {number}", thread=ts)

    # What happens, with the webhook that tells it

    def post_message(
        self, channel: str, user: str, text: str, *, thread: str = "", broadcast: bool = False, **more: Any
    ) -> Webhook:
        """Post a message, with `blocks`, `attachments`, `subtype` and so on in `more`. `last_ts` is its ts."""
        ts = self.write(channel, user, text, thread=thread, broadcast=broadcast, **more)
        return self._message_event(channel, self.messages[channel][ts])

    def edit_message(self, channel: str, ts: str, text: str, **more: Any) -> Webhook:
        """Edit a message: the `message_changed` event."""
        with self.lock:
            before = dict(self.messages[channel][ts])
            edited = {"user": before.get("user", ""), "ts": self.tick()}
            self.messages[channel][ts].update(text=text, edited=edited, **more)
            return self._changed(channel, ts, before, edited["ts"])

    def unfurl(self, channel: str, ts: str, attachment: JsonObject) -> Webhook:
        """Attach a link's preview, as Slack does by itself some time after a message was posted."""
        with self.lock:
            before = dict(self.messages[channel][ts])
            held = self.messages[channel][ts].get("attachments", [])
            self.messages[channel][ts]["attachments"] = [*held, {"id": len(held) + 1, **attachment}]
            return self._changed(channel, ts, before, self.tick())

    def _changed(self, channel: str, ts: str, before: JsonObject, at: str) -> Webhook:
        return self.event(
            {
                "type": "message",
                "subtype": "message_changed",
                "hidden": True,
                "message": dict(self.messages[channel][ts]),
                "previous_message": before,
                "channel": channel,
                "channel_type": self.channel_type(channel),
                "ts": at,
                "event_ts": at,
            }
        )

    def delete_message(self, channel: str, ts: str) -> Webhook:
        """Delete a message; the root of a thread leaves a tombstone."""
        with self.lock:
            before = self.messages[channel][ts]
            at = self.tick()
            if self._threads[channel].get(ts):
                kept = ("ts", "thread_ts", "reply_count", "latest_reply")
                tombstone: JsonObject = {key: before[key] for key in kept if key in before}
                tombstone |= {"type": "message", "subtype": "tombstone", "user": "USLACKBOT", "hidden": True}
                self.messages[channel][ts] = {**tombstone, "text": "This message was deleted."}
                return self._changed(channel, ts, before, at)
            self._drop(channel, ts)
            event = {"type": "message", "subtype": "message_deleted", "hidden": True, "deleted_ts": ts}
            place = {"channel": channel, "channel_type": self.channel_type(channel)}
            return self.event({**event, **place, "previous_message": before, "ts": at, "event_ts": at})

    def _drop(self, channel: str, ts: str) -> None:
        message = self.messages[channel].pop(ts)
        tops, root = self._tops[channel], message.get("thread_ts")
        at = bisect.bisect_left(tops, ts)
        if at < len(tops) and tops[at] == ts:
            del tops[at]
        if root and root != ts and ts in self._threads[channel].get(root, ()):
            replies = self._threads[channel][root]
            replies.remove(ts)
            self.messages[channel][root]["reply_count"] = len(replies)

    def add_file(
        self,
        channel: str,
        user: str,
        filename: str,
        content: bytes,
        *,
        mimetype: str = "text/plain",
        mode: str = "hosted",
        **more: Any,
    ) -> str:
        """Add a file to a channel without a message and return its id."""
        with self.lock:
            file_id, made = self._next("F"), int(float(self.tick()))
            self.last_file = file_id
            self.contents[file_id] = content
            self.files[file_id] = {
                "id": file_id,
                "name": filename,
                "title": filename,
                "mimetype": mimetype,
                "filetype": filename.rpartition(".")[2],
                "mode": mode,
                "user": user,
                "size": len(content),
                "created": made,
                "timestamp": made,
                "is_external": mode == "external",
                "is_public": True,
                "public_url_shared": False,
                "channels": [channel],
                "permalink": f"https://acme.slack.com/files/{user}/{file_id}/{filename}",
                **more,
            }
            return file_id

    def share_file(
        self,
        channel: str,
        user: str,
        filename: str,
        content: bytes,
        *,
        text: str = "",
        thread: str = "",
        **more: Any,
    ) -> Webhook:
        """Upload a file with a message: the `message` event with subtype `file_share`. `last_file` is its id."""
        file_id = self.add_file(channel, user, filename, content, **more)
        return self.post_message(
            channel, user, text, thread=thread, subtype="file_share", files=[{"id": file_id}], upload=True
        )

    def file_event(self, kind: str, file_id: str) -> Webhook:
        """Send `file_created`, `file_shared`, `file_change`, `file_public`, `file_unshared` or `file_deleted`.

        `file_change` and `file_deleted` change the file as well; replace its bytes in `contents`.
        """
        at, file = self.tick(), self.files[file_id]
        event: JsonObject = {"type": kind, "file_id": file_id}
        if kind != "file_change":
            event["event_ts"] = at
        if kind != "file_deleted":
            event["file"] = {"id": file_id}
        if kind in ("file_shared", "file_unshared"):
            event["channel_id"] = file["channels"][0]
        if kind == "file_change":
            file["updated"], file["size"] = int(float(at)), len(self.contents[file_id])
        if kind == "file_public":
            file["public_url_shared"] = True
        if kind == "file_deleted":
            del self.files[file_id]
        return self.event(event)

    def channel_event(self, kind: str, channel: str, **more: Any) -> Webhook:
        """Send an event about a channel: `channel_shared`, `channel_unshared`, `channel_deleted`,
        `member_joined_channel`, `channel_history_changed`, ...
        """
        if kind in ("channel_shared", "channel_unshared"):
            self.channels[channel]["is_ext_shared"] = kind == "channel_shared"
        if kind == "member_joined_channel":
            more = {"user": self.bot_user, "channel_type": "C", **more}
        return self.event({"type": kind, "channel": channel, "event_ts": self.tick(), **more})

    def event(self, event: JsonObject, **envelope: Any) -> Webhook:
        """Wrap any event in its envelope and sign it."""
        return self.sign(
            {
                "token": "fake-verification-token",
                "team_id": self.team,
                "api_app_id": self.app_id,
                "event": event,
                "type": "event_callback",
                "event_id": self._next("Ev"),
                "event_time": self._micros // 1_000_000,
                "authorizations": [{"team_id": self.team, "user_id": self.bot_user, "is_bot": True}],
                "is_ext_shared_channel": bool(self.channels.get(str(event.get("channel")), {}).get("is_ext_shared")),
                **envelope,
            }
        )

    def sign(self, payload: Any, *, at: float | None = None, secret: str | None = None) -> Webhook:
        """Return headers and body of a request that carries `payload`, signed as of `at` (now)."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        stamp = str(int(time.time() if at is None else at))
        key = (self.signing_secret if secret is None else secret).encode()
        signature = hmac.new(key, f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
        headers = {
            "content-type": "application/json",
            "x-slack-request-timestamp": stamp,
            "x-slack-signature": f"v0={signature}",
        }
        return headers, body

    def _message_event(self, channel: str, message: JsonObject) -> Webhook:
        place = {"channel": channel, "channel_type": self.channel_type(channel), "event_ts": message["ts"]}
        return self.event({**self._shown(message), **place})

    def channel_type(self, channel: str) -> str:
        """Return what events call a channel's kind: channel, group, im or mpim."""
        held = self.channels[channel]
        if held["is_im"] or held["is_mpim"]:
            return "im" if held["is_im"] else "mpim"
        return "group" if held["is_private"] else "channel"

    def _shown(self, message: JsonObject) -> JsonObject:
        """Return a message with its files as they are now."""
        if "files" not in message:
            return message
        tombstone = {"mode": "tombstone"}
        files = [self._file(f["id"]) if f["id"] in self.files else {**f, **tombstone} for f in message["files"]]
        return {**message, "files": files}

    def _file(self, file_id: str) -> JsonObject:
        file = dict(self.files[file_id])
        if file["mode"] != "external":
            base = self.base_url or "https://files.slack.com"
            file["url_private"] = f"{base}/files-pri/{self.team}-{file_id}/{file['name']}"
            file["url_private_download"] = f"{base}/files-pri/{self.team}-{file_id}/download/{file['name']}"
        return file
