"""The Slack connector: the contract, thin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar

from connectors import Budget, Connector, Context
from connectors.errors import MissingScope, NotFound, Unverified
from connectors.model import (
    ActionSpec,
    Blob,
    Check,
    Cursor,
    Delivery,
    Event,
    Outcome,
    Page,
    Partition,
    Person,
    PersonRef,
    Receipt,
    Reply,
    Resource,
    ScanUnit,
    Target,
    UnitFailure,
)
from connectors_slack import checks, current, events, history, texts
from connectors_slack.actions import ACTIONS, Actor
from connectors_slack.client import BUDGETS, SlackClient
from connectors_slack.config import SlackConfig
from connectors_slack.events import JsonObject, Place
from connectors_slack.not_read import NOT_READ

_TYPES = {
    "public_channel": "public channels",
    "private_channel": "private channels",
    "mpim": "group direct messages",
    "im": "direct messages",
}


class SlackConnector(Connector[SlackConfig]):
    """Reads a Slack workspace by webhooks (Events API) and history (Web API)."""

    name: ClassVar[str] = "slack"
    title: ClassVar[str] = "Slack"
    Config: ClassVar[type[SlackConfig]] = SlackConfig
    budgets: ClassVar[Mapping[str, Budget]] = BUDGETS
    actions: ClassVar[tuple[ActionSpec, ...]] = ACTIONS

    def __init__(self, config: SlackConfig, context: Context) -> None:
        super().__init__(config, context)
        self.client = SlackClient(config, context)
        self._channels: dict[str, JsonObject] = {}

    def check(self) -> Iterator[Check]:
        """Check the token, its scopes, the signing secret and the history limit."""
        yield from checks.checks(self.config, self.client)

    def receive(self, delivery: Delivery, now: datetime) -> Receipt:
        """Verify and parse one request of the Events API. https://docs.slack.dev/apis/events-api"""
        secret = self.config.webhook_secret
        if secret is None or not secret.get_secret_value():
            raise Unverified("the connection has no webhook_secret")
        events.verify(delivery.headers, delivery.body, secret.get_secret_value(), now)
        envelope = events.parse(delivery.body)
        if envelope.get("type") == "url_verification":
            return Receipt(reply=Reply(body=events.need(envelope, "challenge").encode("utf-8", "replace")))
        if envelope.get("type") == "app_rate_limited":
            missed = "Slack held events back for a minute because there were more than 30,000 in an hour: run a sync"
            return Receipt(failure=missed)
        if envelope.get("type") != "event_callback":
            return Receipt()
        own = frozenset((*self.config.own_app_ids, str(envelope.get("api_app_id"))))
        reader = events.Reader(envelope, events.inner(envelope, "event"), own, self.config.workspace_url or "")
        return Receipt(events=reader.events(), delivery_id=events.need(envelope, "event_id"))

    def not_read(self) -> Iterator[UnitFailure]:
        """Name the kinds of places that are left out."""
        yield from NOT_READ

    def units(self, event: Event) -> Iterator[ScanUnit | UnitFailure]:
        """Yield the texts of a message or channel, or the names and the bytes of a file."""
        payload = event.payload if isinstance(event.payload, dict) else {}
        if "message" in payload:
            yield from texts.message_units(payload["message"])
        elif "file" in payload:
            yield from self._file_units(payload["file"])
        elif "channel" in payload:
            yield from texts.channel_units(payload["channel"])

    def _file_units(self, file: JsonObject) -> Iterator[ScanUnit | UnitFailure]:
        if "mode" not in file or file.get("file_access") == "check_file_info":
            file = self._file_info(events.need(file, "id"), file)
        yield from texts.file_texts(file)
        gap = texts.file_gap(file)
        if gap:
            yield UnitFailure("body", *gap)
            return
        url = str(file.get("url_private_download") or file.get("url_private"))
        size = file.get("size")
        yield ScanUnit(
            "body",
            blob=Blob(
                name=str(file.get("name") or file.get("title") or file.get("id")),
                media_type=str(file.get("mimetype") or ""),
                size=size if isinstance(size, int) and not texts.is_canvas(file) else None,
                open=lambda: self.client.download(url),
            ),
            label="file content",
        )

    def _file_info(self, file_id: str, file: JsonObject) -> JsonObject:
        try:
            found = self.client.call("files.info", file=file_id).get("file")
        except MissingScope as error:
            return {**file, "mode": "hidden", "gap": str(error)}
        return found if isinstance(found, dict) else {**file, "mode": "hidden"}

    def partitions(self) -> Iterator[Partition]:
        """List the channels, one partition each: public, private, group and direct messages.

        A kind that the token may not list is a partition too, so that the ledger shows that it is not covered.
        """
        for kind, shown in _TYPES.items():
            try:
                for page in self.client.pages("conversations.list", "channels", types=kind, limit=200):
                    for channel in page:
                        place = self._place(channel)
                        yield events.partition_of(place.channel, place.shown)
            except MissingScope:
                yield Partition(f"kind:{kind}", shown)

    def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
        """Read a channel's messages, thread replies and files. See `history` for the cursor.

        Raises `MissingScope` for a channel that the app is not in, `NotFound` for one that is gone.
        """
        kind, _, ident = partition.id.partition(":")
        if kind == "kind":
            self.client.call("conversations.list", types=ident, limit=1)
            yield Page(done=True)
            return
        channel = self._channel(ident, fresh=not history.under_way(cursor))
        if self.config.join_public_channels and _joinable(channel):
            self.client.call("conversations.join", channel=ident)
        place, size = self._place(channel), self.config.page_size
        reader = history.ChannelReader(self.client, self.context, place, channel, self._own, self._bot, size)
        yield from reader.read(cursor, self.config.lookback_days, since=partition.since)

    def _channel(self, ident: str, *, fresh: bool) -> JsonObject:
        """Return a channel, as it is now when `fresh`: its topic and visibility change."""
        if fresh or ident not in self._channels:
            found = self.client.call("conversations.info", channel=ident).get("channel")
            self._channels[ident] = found if isinstance(found, dict) else {"id": ident}
        return self._channels[ident]

    def _place(self, channel: JsonObject) -> Place:
        me = self._me
        return events.channel_place(channel, workspace_url=str(me.get("url") or ""), team=str(me.get("team_id") or ""))

    @cached_property
    def _me(self) -> JsonObject:
        return self.client.call("auth.test")

    @cached_property
    def _bot(self) -> str:
        return str(self._me.get("bot_id") or "")

    @cached_property
    def _own(self) -> frozenset[str]:
        app = self._me.get("app_id")
        return frozenset((*self.config.own_app_ids, app) if isinstance(app, str) else self.config.own_app_ids)

    def act(self, action: str, target: Target, *, dry_run: bool) -> Outcome:
        """Do one of `actions`, or say what would be done."""
        return Actor(self.config, self.client, self.context, self._bot).act(action, target, dry_run=dry_run)

    def reread(self, resource: Resource) -> Event:
        """Return a message or file as it is now."""
        ident = resource.container.id
        place = self._place(self._channel(ident, fresh=False)) if ident else Place("")
        return current.reread(self.client, resource, place)

    def person(self, ref: PersonRef) -> Person:
        """Return a user's name and e-mail. https://docs.slack.dev/reference/methods/users.info"""
        user = self.client.call("users.info", user=ref.id).get("user")
        if not isinstance(user, dict):
            raise NotFound("users.info: no such user")
        held = user.get("profile")
        profile: JsonObject = held if isinstance(held, dict) else {}
        name = profile.get("real_name") or user.get("real_name") or user.get("name") or ref.name
        outside = bool(user.get("is_stranger")) or user.get("team_id", "") not in (
            "",
            self._me.get("team_id"),
        )
        return Person(ref.id, str(name), str(profile.get("email") or ref.email), outside)


def _joinable(channel: Mapping[str, Any]) -> bool:
    return bool(channel.get("is_channel")) and not any(
        channel.get(key) for key in ("is_private", "is_member", "is_archived")
    )
