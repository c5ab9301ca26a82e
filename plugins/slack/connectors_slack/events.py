"""From a signed request to events, and from Slack's objects to resources. Pure.

Ids: `message:<channel>:<ts>`, `file:<id>`, `channel_info:<channel>` (name, topic, purpose); the channel itself is
`channel:<channel>`, parent of its messages. Versions are microseconds of the change: `edited.ts` or `ts` of a
message, the later of `updated` and `created` of a file. An unfurl changes a message without an edit; its version
is the time of the event.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from connectors.errors import Malformed, Unverified
from connectors.model import Container, Event, EventKind, Partition, PersonRef, Resource, Visibility

JsonObject = dict[str, Any]

STALE_SECONDS = 300
"""https://docs.slack.dev/authentication/verifying-requests-from-slack"""

ALERT_MARK = "connectors_alert"
"""`event_type` in the metadata of our own alerts; a message that has it is never scanned."""

_SEEN = 1
"""Version of a file of which an event tells only the id: older than anything that Slack dates."""


def verify(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> None:
    """Raise `Unverified` unless the request is signed with `secret` and at most five minutes old."""
    stamp, given = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature", "")
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12 or not given:
        raise Unverified("the signature headers are absent")
    if abs(now.timestamp() - int(stamp)) > STALE_SECONDS:
        raise Unverified("the request is older than five minutes")
    expected = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(b"v0=" + expected.encode(), given.encode("utf-8", "replace")):
        raise Unverified("the signature is wrong")


def parse(body: bytes) -> JsonObject:
    """Return the JSON object that a verified body holds, or raise `Malformed`."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed("the body is not JSON") from None
    if not isinstance(value, dict):
        raise Malformed("the body is not a JSON object")
    return value


def need(value: Mapping[str, Any], key: str) -> str:
    """Return the non-empty string under `key`, or raise `Malformed`."""
    found = value.get(key)
    if not isinstance(found, str) or not found:
        raise Malformed(f"{key} is absent or not a string")
    return found


def inner(value: Mapping[str, Any], key: str) -> JsonObject:
    """Return the object under `key`, or raise `Malformed`."""
    found = value.get(key)
    if not isinstance(found, dict):
        raise Malformed(f"{key} is absent or not an object")
    return found


def micros(ts: Any) -> int:
    """Return a Slack timestamp (`1700000000.000100`, or a number of seconds) in microseconds."""
    if isinstance(ts, str) and len(ts) == 17 and ts[10] == ".":
        # As Slack writes them all, in a third of the time.
        digits = ts[:10] + ts[11:]
        if digits.isascii() and digits.isdigit():
            return int(digits)
    text = str(ts) if isinstance(ts, int | float | str) and not isinstance(ts, bool) else ""
    whole, _, part = text.partition(".")
    if not (whole.isascii() and whole.isdigit() and len(whole) <= 12 and (not part or part.isdigit())):
        raise Malformed("a timestamp is not a number")
    return int(whole) * 1_000_000 + int((part + "000000")[:6] if part.isascii() else 0)


def at(version: int) -> datetime | None:
    """Return the time of a version, None when it has none."""
    return datetime.fromtimestamp(version / 1_000_000, UTC) if _SEEN < version < 10**17 else None


@dataclass(frozen=True, slots=True)
class Place:
    """A channel as events are made from it: its id, and what else is known of it."""

    channel: str
    name: str = ""
    visibility: Visibility = Visibility.UNKNOWN
    workspace_url: str = ""
    team: str = ""
    container: Container = field(init=False, repr=False, compare=False)
    """The channel as the container of its resources: one object for all that a page holds."""

    def __post_init__(self) -> None:
        """Make the container."""
        object.__setattr__(self, "container", Container(self.channel, self.name, self.visibility))

    @property
    def shown(self) -> str:
        """The channel as labels name it."""
        return self.name or self.channel

    def link(self, ts: str = "") -> str:
        """Return a link to the channel, or to a message where the workspace's address is known."""
        if self.workspace_url:
            tail = f"/p{ts.replace('.', '')}" if ts else ""
            return f"{self.workspace_url.rstrip('/')}/archives/{self.channel}{tail}"
        # https://docs.slack.dev/interactivity/deep-linking
        return "https://slack.com/app_redirect?" + urlencode(
            {"channel": self.channel, "team": self.team}, errors="replace"
        )


def partition_of(channel: str, label: str = "") -> Partition:
    """Return the sync partition of a channel; thread replies and files belong to it."""
    return Partition(f"channel:{channel}", label or channel)


def author_of(message: Mapping[str, Any]) -> PersonRef | None:
    """Return who wrote a message: a user, or a bot by its bot id."""
    user, bot = message.get("user"), message.get("bot_id")
    name = message.get("username")
    chosen = user if isinstance(user, str) and user else bot
    return PersonRef(chosen, name if isinstance(name, str) else "") if isinstance(chosen, str) and chosen else None


def message_resource(message: Mapping[str, Any], place: Place) -> Resource:
    """Return the resource of a message."""
    ts = need(message, "ts")
    kind = "reply" if message.get("thread_ts") not in (None, "", ts) else "message"
    return Resource(
        id=f"message:{place.channel}:{ts}",
        kind="message",
        container=place.container,
        label=f"{kind} in {place.shown}",
        url=place.link(ts),
        author=author_of(message),
        visibility=place.visibility,
        parent=f"channel:{place.channel}",
    )


def message_version(message: Mapping[str, Any]) -> int:
    """Return the version of a message: when it was edited last, else when it was written."""
    edited = message.get("edited")
    stamp = edited.get("ts") if isinstance(edited, dict) else None
    return micros(stamp if stamp is not None else need(message, "ts"))


def message_event(message: JsonObject, place: Place, *, version: int | None = None) -> Event:
    """Return the CHANGED event of a message."""
    number = message_version(message) if version is None else version
    return Event(
        EventKind.CHANGED,
        message_resource(message, place),
        version=number,
        payload={"message": message},
        occurred_at=at(number),
    )


def file_version(file: Mapping[str, Any]) -> int:
    """Return the version of a file: when it was changed or made, or the lowest one when Slack does not say."""
    stamps = [file[key] for key in ("updated", "created", "timestamp") if isinstance(file.get(key), int | float)]
    return max((micros(stamp) for stamp in stamps if stamp > 0), default=_SEEN)


def file_event(file: JsonObject, place: Place, *, version: int | None = None) -> Event:
    """Return the event of a file: CHANGED, or DELETED for the tombstone that stands where one was."""
    number = file_version(file) if version is None else version
    link, owner = file.get("permalink"), file.get("user")
    public = file.get("public_url_shared") is True
    resource = Resource(
        id=f"file:{need(file, 'id')}",
        kind="file",
        container=place.container,
        label=f"file in {place.shown}",
        url=link if isinstance(link, str) and link else place.link(),
        author=PersonRef(owner) if isinstance(owner, str) and owner else None,
        visibility=Visibility.LINK if public else place.visibility,
    )
    gone = file.get("mode") == "tombstone"
    kind = EventKind.DELETED if gone else EventKind.CHANGED
    return Event(kind, resource, version=number, payload=None if gone else {"file": file}, occurred_at=at(number))


def files_of(message: Mapping[str, Any]) -> list[JsonObject]:
    """Return the files that a message carries."""
    files = message.get("files")
    return [f for f in files if isinstance(f, dict) and f.get("id")] if isinstance(files, list) else []


def channel_event(channel: JsonObject, place: Place) -> Event:
    """Return the event of a channel's own texts: name, topic and purpose."""
    stamps = [channel.get("created")]
    stamps += [
        part.get("last_set") for part in (channel.get("topic"), channel.get("purpose")) if isinstance(part, dict)
    ]
    version = max((micros(stamp) for stamp in stamps if isinstance(stamp, int) and stamp > 0), default=_SEEN)
    resource = Resource(
        id=f"channel_info:{place.channel}",
        kind="channel",
        container=place.container,
        label=f"topic and purpose of {place.shown}",
        url=place.link(),
        visibility=place.visibility,
        parent=f"channel:{place.channel}",
    )
    kept = {key: channel.get(key) for key in ("name", "topic", "purpose")}
    return Event(EventKind.CHANGED, resource, version=version, payload={"channel": kept}, occurred_at=at(version))


def channel_place(channel: Mapping[str, Any], *, workspace_url: str = "", team: str = "") -> Place:
    """Return the place that an object of conversations.list describes."""
    name = channel.get("name")
    direct = channel.get("is_im") or channel.get("is_mpim")
    shown = "direct message" if channel.get("is_im") else f"#{name}" if isinstance(name, str) and name else ""
    if channel.get("is_ext_shared") or channel.get("is_pending_ext_shared"):
        visibility = Visibility.EXTERNAL
    elif direct or channel.get("is_private") or channel.get("is_group"):
        visibility = Visibility.PRIVATE
    else:
        visibility = Visibility.INTERNAL
    return Place(need(channel, "id"), shown, visibility, workspace_url, team)


def is_own(message: Mapping[str, Any], apps: frozenset[str], *, bot: str = "") -> bool:
    """Tell whether a message was written by our own app, or carries the mark of our alerts."""
    profile, metadata = message.get("bot_profile"), message.get("metadata")
    said = (message.get("app_id"), profile.get("app_id") if isinstance(profile, dict) else None)
    marked = isinstance(metadata, dict) and metadata.get("event_type") == ALERT_MARK
    return (
        marked
        or any(app in apps for app in said if isinstance(app, str))
        or (bool(bot) and message.get("bot_id") == bot)
    )


_VISIBILITY = {
    "channel": Visibility.INTERNAL,
    "group": Visibility.PRIVATE,
    "im": Visibility.PRIVATE,
    "mpim": Visibility.PRIVATE,
}


def place_of(envelope: Mapping[str, Any], event: Mapping[str, Any], workspace_url: str) -> Place:
    """Return the place that a webhook's event names."""
    team, kind = envelope.get("team_id"), event.get("channel_type")
    visibility = _VISIBILITY.get(kind, Visibility.UNKNOWN) if isinstance(kind, str) else Visibility.UNKNOWN
    if envelope.get("is_ext_shared_channel") is True:
        visibility = Visibility.EXTERNAL
    name = "direct message" if kind == "im" else ""
    return Place(need(event, "channel"), name, visibility, workspace_url, team if isinstance(team, str) else "")


@dataclass(frozen=True, slots=True)
class Reader:
    """Turns the events of one delivery into ours. `own` are the app ids whose messages are not scanned."""

    envelope: JsonObject
    event: JsonObject
    own: frozenset[str]
    workspace_url: str = ""

    def events(self) -> tuple[Event, ...]:
        """Return what the event says happened; nothing for types that carry no content."""
        handler = _HANDLERS.get(str(self.event.get("type")))
        return handler(self) if handler else ()

    def _place(self) -> Place:
        return place_of(self.envelope, self.event, self.workspace_url)

    def _when(self) -> int:
        stamp = self.event.get("event_ts")
        return micros(stamp if stamp is not None else self.envelope.get("event_time"))

    def message(self) -> tuple[Event, ...]:
        """Handle `message` and its subtypes. https://docs.slack.dev/reference/events/message"""
        subtype = self.event.get("subtype")
        if subtype == "message_deleted":
            return (self._deleted(need(self.event, "deleted_ts")),)
        if subtype in ("message_changed", "message_replied"):
            return self._changed(inner(self.event, "message"))
        return self._whole(self.event) + self._topic(subtype)

    def _deleted(self, ts: str) -> Event:
        return Event(
            EventKind.DELETED,
            message_resource({"ts": ts}, self._place()),
            version=self._when(),
            occurred_at=at(self._when()),
        )

    def _changed(self, message: JsonObject) -> tuple[Event, ...]:
        if message.get("subtype") == "tombstone":
            return (self._deleted(need(message, "ts")),)
        before = self.event.get("previous_message")
        unfurled = (
            self.event.get("subtype") == "message_changed"
            and isinstance(before, dict)
            and before.get("edited") == message.get("edited")
        )
        return self._whole(message, version=self._when() if unfurled else None)

    def _whole(self, message: JsonObject, *, version: int | None = None) -> tuple[Event, ...]:
        if is_own(message, self.own):
            return ()
        place = self._place()
        files = tuple(file_event(file, place) for file in files_of(message))
        return (message_event(message, place, version=version), *files)

    def _topic(self, subtype: Any) -> tuple[Event, ...]:
        named = isinstance(subtype, str) and subtype.endswith(("_topic", "_purpose", "_name"))
        return self.read_channel() if named else ()

    def file(self) -> tuple[Event, ...]:
        """Handle `file_shared`, `file_public`, `file_change`, `file_unshared` and `file_deleted`.

        These carry only the file's id; `units` asks for the rest. Most do not say the channel either: their
        container is empty.
        """
        event = self.event
        held = event.get("file")
        file_id = event.get("file_id") or (held.get("id") if isinstance(held, dict) else held)
        listed = event.get("channel_ids")
        named = event.get("channel_id") or (listed[0] if isinstance(listed, list) and listed else "")
        place = Place(named if isinstance(named, str) else "", workspace_url=self.workspace_url)
        known = event.get("type") == "file_shared"
        made = file_event({"id": file_id}, place, version=_SEEN if known else self._when())
        if event.get("type") == "file_deleted":
            return (replace(made, kind=EventKind.DELETED, payload=None),)
        if event.get("type") == "file_public":
            return (replace(made, resource=replace(made.resource, visibility=Visibility.LINK)),)
        return (made,)

    def exposed(self) -> tuple[Event, ...]:
        """Handle `channel_shared` and `channel_unshared`: Slack Connect opens a channel to other companies."""
        place = self._place()
        outside = self.event.get("type") == "channel_shared" or self.event.get("is_ext_shared") is True
        seen = Visibility.EXTERNAL if outside else Visibility.INTERNAL
        return (self._about(EventKind.EXPOSURE, replace(place, visibility=seen)),)

    def gone(self) -> tuple[Event, ...]:
        """Handle a deleted channel: everything in it is gone."""
        return (self._about(EventKind.DELETED, self._place()),)

    def _about(self, kind: EventKind, place: Place) -> Event:
        resource = Resource(
            id=f"channel:{place.channel}",
            kind="channel",
            container=place.container,
            label=f"channel {place.shown}",
            url=place.link(),
            visibility=place.visibility,
        )
        return Event(kind, resource, version=self._when(), occurred_at=at(self._when()))

    def read_channel(self) -> tuple[Event, ...]:
        """Handle what changes a channel as a whole: our app joined, its history or its name changed."""
        event = self.event
        held = event.get("channel")
        channel = held if isinstance(held, str) else need(inner(event, "channel"), "id")
        hint = self._about(EventKind.SYNC, Place(channel, workspace_url=self.workspace_url))
        return (replace(hint, partition=partition_of(channel)),)

    def joined(self) -> tuple[Event, ...]:
        """Handle `member_joined_channel`: history can be read once the app itself has joined."""
        bots = self.envelope.get("authorizations")
        users = [bot.get("user_id") for bot in bots if isinstance(bot, dict)] if isinstance(bots, list) else []
        return self.read_channel() if not users or self.event.get("user") in users else ()

    def revoked(self) -> tuple[Event, ...]:
        """Handle `tokens_revoked` and `app_uninstalled`."""
        team = self.envelope.get("team_id")
        held = Container(team if isinstance(team, str) else "", "workspace")
        resource = Resource(id=f"workspace:{held.id}", kind="workspace", container=held, label="the workspace")
        return (Event(EventKind.REVOKED, resource, version=self._when(), occurred_at=at(self._when())),)


_HANDLERS: Mapping[str, Callable[[Reader], tuple[Event, ...]]] = {
    "message": Reader.message,
    **dict.fromkeys(
        ("file_shared", "file_public", "file_change", "file_unshared", "file_deleted"),
        Reader.file,
    ),
    **dict.fromkeys(("channel_shared", "channel_unshared"), Reader.exposed),
    **dict.fromkeys(("channel_deleted", "group_deleted"), Reader.gone),
    **dict.fromkeys(
        (
            "channel_history_changed",
            "group_history_changed",
            "im_history_changed",
            "channel_rename",
            "group_rename",
            "channel_unarchive",
            "group_unarchive",
        ),
        Reader.read_channel,
    ),
    "member_joined_channel": Reader.joined,
    **dict.fromkeys(("tokens_revoked", "app_uninstalled"), Reader.revoked),
}
