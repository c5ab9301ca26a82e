"""Google's notifications and file entries turned into events. Pure: no network, no state.

Google does not sign notifications (https://developers.google.com/workspace/drive/api/guides/push): what proves
one is the channel token that was given when the channel was opened. Ours is made from the webhook secret, so that
a receiver needs no list of channels:

    partition=<id>&expires=<unix seconds>&mac=<HMAC-SHA256(secret, channel id, partition, expires)>

A request must bring the channel id and the token that belong together, before the token's end. It carries
nothing but "look at this partition", so whoever replays one gains an extra look.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

from connectors.errors import Malformed, Unverified
from connectors.model import (
    JSON,
    Container,
    Delivery,
    Event,
    EventKind,
    Gap,
    Partition,
    PersonRef,
    Receipt,
    Resource,
    UnitFailure,
    Visibility,
)
from connectors_gdrive.exposure import ANYONE, WIDTH, Permission, visibility

GRACE = 24 * 3600
"""Seconds after its end in which a token is still taken: Google may grant more time than was asked."""

KINDS = {
    "application/vnd.google-apps.folder": "folder",
    "application/vnd.google-apps.shortcut": "shortcut",
    "application/vnd.google-apps.document": "document",
    "application/vnd.google-apps.spreadsheet": "spreadsheet",
    "application/vnd.google-apps.presentation": "presentation",
}


def channel_token(secret: str, channel: str, *, partition: str, expires: int) -> str:
    """Return the token of a channel on `partition`; at most 256 characters, as Google asks."""
    return urlencode(
        {"partition": partition, "expires": expires, "mac": _mac(secret, channel, partition, str(expires))}
    )


def _mac(secret: str, channel: str, partition: str, expires: str) -> str:
    said = f"{channel}\n{partition}\n{expires}".encode("utf-8", "replace")
    digest = hmac.new(secret.encode(), said, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def receive(delivery: Delivery, now: datetime, secret: str | None) -> Receipt:
    """Verify one notification and turn it into a SYNC hint for its partition.

    Raises `Unverified` when channel, token and time do not fit together, `Malformed` when a proven one lacks
    its headers.
    """
    if not secret:
        raise Unverified("the connection has no webhook secret")
    headers = delivery.headers
    channel = headers.get("x-goog-channel-id", "")
    partition = _verified(headers.get("x-goog-channel-token", ""), channel, now=now, secret=secret)
    state = headers.get("x-goog-resource-state", "")
    number = whole(headers.get("x-goog-message-number"))
    if not state or number is None or not headers.get("x-goog-resource-id"):
        raise Malformed("a notification without resource state, resource id or message number")
    delivery_id = f"{channel}:{number}"
    if state == "sync":
        return Receipt(delivery_id=delivery_id)
    return Receipt(events=(hint(partition),), delivery_id=delivery_id)


def _verified(token: str, channel: str, *, now: datetime, secret: str) -> str:
    try:
        parts = dict(parse_qsl(token, strict_parsing=True, max_num_fields=3))
    except ValueError:
        parts = {}
    partition, expires, mac = (parts.get(name, "") for name in ("partition", "expires", "mac"))
    expected = _mac(secret, channel, partition, expires)
    if not channel or not hmac.compare_digest(mac.encode("utf-8", "replace"), expected.encode()):
        raise Unverified("channel token absent or wrong")
    if now.timestamp() > int(expires) + GRACE:
        raise Unverified("channel token out of date")
    return partition


def hint(partition: str) -> Event:
    """Return the event that asks the host to read a partition from its cursor."""
    container = Container(id=partition)
    return Event(
        EventKind.SYNC,
        Resource(id=partition, kind="drive", container=container, label=partition),
        partition=Partition(id=partition),
    )


def container_of(file: Mapping[str, JSON], drive_names: Mapping[str, str]) -> Container:
    """Return where a file lives: its shared drive, or the drive of its owner."""
    drive = file.get("driveId")
    if drive:
        return Container(id=f"drive:{drive}", name=drive_names.get(drive, drive))
    owner = _person((file.get("owners") or [{}])[0])
    name = owner.email or owner.id or "unknown"
    return Container(id=f"user:{name}", name=name)


def author_of(file: Mapping[str, JSON]) -> PersonRef | None:
    """Return the owner, or who changed the file last where a shared drive owns it."""
    user = (file.get("owners") or [None])[0] or file.get("lastModifyingUser")
    return _person(user) if user else None


def _person(user: Mapping[str, JSON]) -> PersonRef:
    email = str(user.get("emailAddress") or "").lower()
    return PersonRef(id=email or str(user.get("permissionId", "")), name=str(user.get("displayName", "")), email=email)


def width(file: Mapping[str, JSON], known: Mapping[str, Permission], internal: Callable[[str], bool]) -> Visibility:
    """Return who can see a file.

    A file carries its permissions only for those who may share it, and never in a shared drive; their ids are
    always there, and `known` says what they mean. See
    https://developers.google.com/workspace/drive/api/reference/rest/v3/files.
    """
    permissions = file.get("permissions")
    if permissions is None:
        ids = [str(one) for one in file.get("permissionIds") or ()]
        permissions = [known.get(one) or {"id": one, "type": "anyone"} for one in ids if one in known or one in ANYONE]
    widest = visibility(permissions, internal)
    if any(not internal(owner.get("emailAddress", "")) for owner in file.get("owners") or ()):
        return max(Visibility.EXTERNAL, widest, key=lambda one: WIDTH.index(one) if one in WIDTH else -1)
    return widest


def event_of(
    file: JSON,
    subject: str,
    *,
    drive_names: Mapping[str, str],
    known: Mapping[str, Permission],
    internal: Callable[[str], bool],
) -> Event | UnitFailure:
    """Turn one file entry into an event: DELETED when it is in the bin, else CHANGED.

    An entry without id or version, or of a shape that Google does not document, becomes a failure.
    """
    if not isinstance(file, Mapping) or not isinstance(file.get("id"), str):
        return UnitFailure("file", Gap.MALFORMED, "an entry without an id")
    try:
        return _event_of(file, subject, drive_names=drive_names, known=known, internal=internal)
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        return UnitFailure("file", Gap.MALFORMED, f"an entry of another shape ({type(error).__name__})")


def _event_of(
    file: Mapping[str, JSON],
    subject: str,
    *,
    drive_names: Mapping[str, str],
    known: Mapping[str, Permission],
    internal: Callable[[str], bool],
) -> Event | UnitFailure:
    container = container_of(file, drive_names)
    resource = Resource(
        id=f"file:{file['id']}",
        kind=KINDS.get(str(file.get("mimeType")), "file"),
        container=container,
        label=f"file in {container.name or container.id}",
        url=str(file.get("webViewLink") or f"https://drive.google.com/open?id={file['id']}"),
        author=author_of(file),
        visibility=width(file, known, internal),
        parent=container.id if file.get("driveId") else "",
    )
    version = whole(file.get("version"))
    if version is None:
        return UnitFailure("file", Gap.MALFORMED, "an entry without a version", resource)
    if file.get("trashed"):
        return Event(EventKind.DELETED, resource, version)
    payload = {"as": subject, "file": {key: value for key, value in file.items() if key in _KEPT}}
    return Event(EventKind.CHANGED, resource, version, payload, occurred_at=_time(file.get("modifiedTime")))


_KEPT = ("id", "name", "description", "mimeType", "size", "capabilities", "properties")


def gone(file_id: str, partition: str) -> Event:
    """Return the event for a file that nobody of the connection sees any more."""
    return Event(
        EventKind.DELETED,
        Resource(id=f"file:{file_id}", kind="file", container=Container(id=partition), label="file"),
    )


def whole(text: JSON) -> int | None:
    """Return a non-negative 64-bit number that Google wrote as a string, None for anything else."""
    return int(text) if isinstance(text, str) and re.fullmatch("[0-9]{1,19}", text) else None


def microseconds(text: JSON) -> int:
    """Return a time that Google wrote as microseconds since 1970; 0 for anything else."""
    at = _time(text)
    return int(at.timestamp() * 1_000_000) if at else 0


def _time(text: JSON) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        return None
