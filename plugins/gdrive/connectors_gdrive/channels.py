"""Push channels on the change feeds: one per user and per shared drive, renewed with overlap.

Google says in each answer when a channel ends and never renews one; see
https://developers.google.com/workspace/drive/api/guides/push.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from connectors import Context
from connectors.errors import ConnectorsError, Unsupported
from connectors.model import JSON, Partition, Subscription
from connectors_gdrive.client import Drive
from connectors_gdrive.events import channel_token, whole
from connectors_gdrive.people import People

LIFE = timedelta(days=7)
"""How long a channel is asked for; what Google grants stands in its answer."""
AGAIN = timedelta(hours=1)
"""When to try again after some channels could not be opened."""
REVIEW = timedelta(days=1)
"""When to look again at the latest, so that new users and shared drives get their channels."""


class Channels:
    """Opens, renews and closes the channels of one connection."""

    def __init__(self, context: Context, *, drive: Drive, people: People, secret: str) -> None:
        self._context = context
        self._drive = drive
        self._people = people
        self._secret = secret

    def renew(self, callback: str, partitions: Iterable[Partition], current: Subscription | None) -> Subscription:
        """Return the subscription with a living channel for every partition.

        New channels are open before old ones are closed. A partition whose channel fails keeps its old one
        and is tried again in an hour; when all fail, the last error is raised.
        """
        if not self._secret:
            raise Unsupported("push channels need webhook_secret", hint="set it, or sync on a schedule")
        state = dict(current.state) if current else {}
        old: dict[str, Mapping[str, JSON]] = dict(state.get("channels") or {})
        now = self._context.now()
        moved = state.get("callback") != callback
        new: dict[str, Mapping[str, JSON]] = {}
        failure: ConnectorsError | None = None
        for partition in partitions:
            channel = old.get(partition.id)
            if channel and not moved and not _ageing(channel, now):
                new[partition.id] = channel
                continue
            try:
                new[partition.id] = self._open(callback, partition.id, now)
            except ConnectorsError as error:
                failure = error
                self._context.log.warning("no push channel", partition=partition.id, reason=error.code)
                if channel and not moved:
                    new[partition.id] = channel
        if failure is not None and not new:
            raise failure
        self._close(channel for name, channel in old.items() if new.get(name) != channel)
        ends = [datetime.fromtimestamp(int(one["expires"]) / 1000, UTC) for one in new.values()]
        ends.append(now + (REVIEW if failure is None else AGAIN))
        return Subscription("changes", min(ends), {"callback": callback, "channels": new})

    def close(self, current: Subscription) -> None:
        """Close all channels of a subscription."""
        self._close(dict(current.state.get("channels") or {}).values())

    def _open(self, callback: str, partition: str, now: datetime) -> Mapping[str, JSON]:
        kind, _, name = partition.partition(":")
        subject = name if kind == "user" else self._people.member(name)
        channel, ends = str(uuid.uuid4()), now + LIFE
        token = channel_token(self._secret, channel, partition=partition, expires=int(ends.timestamp()))
        with self._people.speaking_as(subject):
            answer = self._drive.watch(
                subject,
                name if kind == "drive" else None,
                {
                    "id": channel,
                    "type": "web_hook",
                    "address": callback,
                    "token": token,
                    "expiration": str(int(ends.timestamp() * 1000)),
                },
            )
        granted = whole(answer.get("expiration"))
        if granted is None:
            granted = int((now + AGAIN).timestamp() * 1000)
        opened = int(now.timestamp() * 1000)
        return {
            "id": channel,
            "resource": answer["resourceId"],
            "opened": opened,
            "expires": granted,
            "as": subject,
        }

    def _close(self, channels: Iterable[Mapping[str, JSON]]) -> None:
        for channel in channels:
            try:
                self._drive.stop(str(channel["as"]), str(channel["id"]), str(channel["resource"]))
            except ConnectorsError as error:
                # It ends by itself; until then it tells nothing that is not known.
                self._context.log.info("push channel was not closed", reason=error.code)


def _ageing(channel: Mapping[str, JSON], now: datetime) -> bool:
    opened, expires = int(channel["opened"]), int(channel["expires"])
    return expires - now.timestamp() * 1000 < 0.3 * (expires - opened)
