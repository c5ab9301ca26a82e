"""Reading one channel's history: messages, thread replies, files, in resumable steps.

The cursor of a pass under way: `oldest` (lower bound), `latest` (upper edge of the next page), `threads` (threads
of the last page that are still to read, with their own cursors), `top` (the newest message seen), `known` (where
the last pass ended), `files` (next page of files.list), `full` (nothing was left out), `count` (how much was listed).
Between passes: `newest`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors import Context
from connectors.errors import ConnectorsError, Malformed, MissingScope, NotFound, Unsupported
from connectors.model import Cursor, Event, EventKind, Gap, Page, UnitFailure
from connectors_slack import events
from connectors_slack.client import SlackClient, objects
from connectors_slack.events import JsonObject, Place

CAP_KEY = "history_capped"
CAP = 15
"""Messages per page that Slack gives apps under the reduced limits of 2025. Own page sizes are larger."""

_BATCH = 800
"""Events from which on a page is handed over: each commit waits for the disk once."""


@dataclass(slots=True)
class Pass:
    """One pass over a channel, as its cursor holds it."""

    oldest: str = "0"
    latest: str = ""
    top: str = ""
    known: str = ""
    threads: list[list[str]] = field(default_factory=list)
    history_done: bool = False
    files: int = 1
    full: bool = True
    count: int = 0

    def cursor(self) -> Cursor:
        """Return the pass as JSON."""
        return {name: list(v) if isinstance(v := getattr(self, name), list) else v for name in self.__slots__}

    def ended(self) -> Cursor:
        """Return the cursor that the next pass starts from."""
        return {"newest": self.top or self.known or "0"}


def under_way(cursor: Cursor | None) -> bool:
    """Tell whether a cursor stands inside of a pass."""
    return "history_done" in (cursor or {})


def start(cursor: Cursor | None, lookback_days: int, *, since: datetime | None = None) -> tuple[Pass, bool]:
    """Return the pass that a cursor stands for, and whether it is new. `since` bounds a first pass."""
    held = dict(cursor or {})
    if under_way(cursor):
        return Pass(**{name: held[name] for name in Pass.__slots__ if name in held}), False
    if isinstance(held.get("newest"), str) and held["newest"] != "0":
        newest = held["newest"]
        back = max(events.micros(newest) - lookback_days * 86_400_000_000, 0)
        return Pass(oldest=_stamp(back), top=newest, known=newest, full=False), True
    if since is not None:
        return Pass(oldest=_stamp(int(since.timestamp() * 1_000_000)), full=False), True
    return Pass(), True


def _stamp(micros: int) -> str:
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


@dataclass
class Batch:
    """What one page will carry."""

    events: list[Event] = field(default_factory=list)
    failures: list[UnitFailure] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.events) + len(self.failures)

    def page(self, cursor: Cursor, *, done: bool = False, reconcile: bool = False, estimate: int | None = None) -> Page:
        """Return the page and start over."""
        page = Page(tuple(self.events), tuple(self.failures), cursor, len(self), done, reconcile, estimate)
        self.events, self.failures = [], []
        return page


@dataclass
class ChannelReader:
    """Reads one channel. `own` and `bot` tell our own messages."""

    client: SlackClient
    context: Context
    place: Place
    channel: JsonObject
    own: frozenset[str]
    bot: str
    page_size: int

    def read(self, cursor: Cursor | None, lookback_days: int, *, since: datetime | None = None) -> Iterator[Page]:
        """Yield the pages of a pass from `cursor` on. What was read before an error is handed over first."""
        state, fresh = start(cursor, lookback_days, since=since)
        batch = Batch()
        if fresh:
            batch.events.append(events.channel_event(self.channel, self.place))
        try:
            while state.threads or not state.history_done:
                if state.threads:
                    self._thread(state, batch)
                else:
                    self._history(state, batch)
                if len(batch) >= _BATCH:
                    state.count += len(batch)
                    yield batch.page(state.cursor(), estimate=self._estimate(state))
            while state.files:
                self._files(state, batch)
                if state.files and len(batch) >= _BATCH:
                    yield batch.page(state.cursor())
        except ConnectorsError:
            if len(batch):
                yield batch.page(state.cursor())
            raise
        yield batch.page(state.ended(), done=True, reconcile=state.full)

    def _estimate(self, state: Pass) -> int | None:
        """Return how much the pass will list: Slack does not count messages, but a pass goes back in time."""
        created = self.channel.get("created")
        begin = max(events.micros(state.oldest), created * 1_000_000 if isinstance(created, int) else 0)
        newest, reached = events.micros(state.top or "0"), events.micros(state.latest or "0")
        if not 0 < begin < reached < newest:
            return None
        return round(state.count * (newest - begin) / (newest - reached))

    def _history(self, state: Pass, batch: Batch) -> None:
        """Read one page of the channel, newest first, by time: such a place never expires.

        https://docs.slack.dev/reference/methods/conversations.history
        """
        data = self.client.call(
            "conversations.history",
            channel=self.place.channel,
            limit=self.page_size,
            oldest=state.oldest if state.oldest != "0" else None,
            latest=state.latest or self._ahead(state),
            include_all_metadata=True,
        )
        messages = objects(data.get("messages"))
        more = data.get("has_more") is True and bool(messages)
        if more and len(messages) == CAP < self.page_size:
            self._capped()
        for message in messages:
            self._add(message, batch)
            if _has_new_replies(message, state.known):
                state.threads.append([str(message["ts"]), ""])
        stamps = {events.micros(m["ts"]): str(m["ts"]) for m in messages if m.get("ts")}
        if stamps:
            state.latest = stamps[min(stamps)]
            state.top = max(state.top or "0", stamps[max(stamps)], key=events.micros)
        state.history_done = not more or not stamps

    def _ahead(self, state: Pass) -> str | None:
        """Return an upper bound for a first page that has a lower one.

        With `oldest` alone Slack gives the messages closest to it, and paging back would miss the rest.
        """
        if state.oldest == "0":
            return None
        return _stamp(int(self.context.now().timestamp() * 1_000_000) + 86_400_000_000)

    def _thread(self, state: Pass, batch: Batch) -> None:
        """Read one page of the first pending thread; its root comes first in every page and is known already."""
        root, cursor = state.threads[0]
        try:
            data = self.client.call(
                "conversations.replies",
                channel=self.place.channel,
                ts=root,
                limit=self.page_size,
                cursor=cursor or None,
                include_all_metadata=True,
            )
        except NotFound:
            data = {}
        except Unsupported as error:
            if cursor and "invalid_cursor" in str(error):
                state.threads[0][1] = ""
                return
            raise
        for message in objects(data.get("messages")):
            if message.get("ts") != root:
                self._add(message, batch)
        following = _following(data)
        if following:
            state.threads[0][1] = following
        else:
            del state.threads[0]

    def _files(self, state: Pass, batch: Batch) -> None:
        """Read one page of the channel's files: canvases and files whose message is gone are only here.

        https://docs.slack.dev/reference/methods/files.list
        """
        begin = None if state.oldest == "0" else state.oldest.partition(".")[0]
        where = {"channel": self.place.channel, "ts_from": begin}
        try:
            data = self.client.call("files.list", count=100, page=state.files, **where)
        except (MissingScope, Unsupported) as error:
            about = events.channel_event(self.channel, self.place).resource
            batch.failures.append(UnitFailure("files", Gap.MISSING_SCOPE, str(error), about))
            state.full, state.files = False, 0
            return
        batch.events.extend(
            events.file_event(file, self.place) for file in objects(data.get("files")) if file.get("id")
        )
        paging = data.get("paging")
        pages = paging.get("pages") if isinstance(paging, dict) else 0
        state.files = state.files + 1 if isinstance(pages, int) and state.files < pages else 0

    def _add(self, message: JsonObject, batch: Batch) -> None:
        """Add a message and its files, or why they are not scanned."""
        try:
            if events.is_own(message, self.own, bot=self.bot):
                about = events.message_resource(message, self.place)
                batch.failures.append(UnitFailure("body", Gap.OWN_ALERT, resource=about))
                return
            event = events.message_event(message, self.place)
            if message.get("subtype") == "tombstone":
                now = int(self.context.now().timestamp() * 1_000_000)
                event = Event(EventKind.DELETED, event.resource, version=now)
            batch.events.append(event)
            batch.events.extend(events.file_event(file, self.place) for file in events.files_of(message))
        except Malformed as error:
            about = events.channel_event(self.channel, self.place).resource
            batch.failures.append(UnitFailure("message", Gap.MALFORMED, str(error), about))

    def _capped(self) -> None:
        if self.context.state.get(CAP_KEY) is not True:
            self.context.state.put(CAP_KEY, True)
            self.context.log.warning(
                "Slack gives this app only 15 messages per call, about one call a minute: history will take long",
                channel=self.place.channel,
                messages_per_hour=CAP * 60,
            )


def _has_new_replies(message: Mapping[str, Any], known: str) -> bool:
    """Tell whether a thread has replies that the last pass has not read."""
    if not message.get("reply_count") or message.get("thread_ts") != message.get("ts"):
        return False
    latest = message.get("latest_reply")
    if not known or not isinstance(latest, str):
        return True
    try:
        return events.micros(latest) > events.micros(known)
    except Malformed:
        return True


def _following(data: Mapping[str, Any]) -> str:
    metadata = data.get("response_metadata")
    cursor = metadata.get("next_cursor") if isinstance(metadata, dict) else ""
    return cursor if isinstance(cursor, str) and data.get("has_more") is not False else ""
