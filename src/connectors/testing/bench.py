"""What the contract kit works with: a bench that knows one app's fake, and a host in miniature."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NoReturn

import pytest
import requests
import structlog
from structlog.testing import LogCapture

from connectors.contract import Connector
from connectors.errors import NotFound
from connectors.logs import QUIETENED
from connectors.model import Confidence as Sure
from connectors.model import (
    Cursor,
    Delivery,
    Event,
    EventKind,
    Match,
    Page,
    Partition,
    Receipt,
    Resource,
    Target,
    UnitFailure,
)
from connectors.net import Limits
from connectors.net import connect as connect_session
from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps import FakeApp, Response

CANARY = "canary-7d1f2c"
"""A word that stands only in content: wherever else it turns up, content leaked."""


def _left_out(bench: Bench) -> NoReturn:
    pytest.skip(f"{type(bench).__name__} leaves out what this check needs")


class Bench:
    """What the kit must know of an app to test its connector. Subclass it in your test file.

    Six methods make everything run; what is left out skips the checks that need it, with the reason. One object
    lives as long as one test.
    """

    fake: FakeApp
    """The app. Set it in `__init__`, seeded with what every test needs (a channel, a project)."""

    secret: ClassVar[str] = "kit-webhook-secret"  # noqa: S105 (it guards a fake)
    """The webhook secret that `config` and the fake use."""

    signature: ClassVar[tuple[str, ...]] = ()
    """Lower-case names of the headers that prove a delivery: changing or leaving out any of them must be noticed."""

    signs_body: ClassVar[bool] = True
    """Whether the signature covers the body."""

    stale_after: ClassVar[timedelta | None] = None
    """After what time a delivery is refused; None when the app signs no time."""

    def config(self, url: str) -> dict[str, Any]:
        """Return the settings of a connection to the fake at `url`, with `webhook_secret` and the right to act."""
        _left_out(self)

    def prepare(self, connector: Connector[Any]) -> None:
        """Do what a host does once for a new connection, such as opening a push channel. Normally nothing."""

    def create(self, text: str) -> tuple[str, Delivery | None]:
        """Make a thing that holds `text`; return its key and what the app posts (None: it posts nothing)."""
        _left_out(self)

    def edit(self, key: str, text: str) -> Delivery | None:
        """Replace a thing's text; return what the app posts."""
        _left_out(self)

    def delete(self, key: str) -> Delivery | None:
        """Delete a thing; return what the app posts."""
        _left_out(self)

    def small_pages(self) -> None:
        """Let the fake answer with at most two things per page."""
        _left_out(self)

    def sign(self, body: bytes, like: Delivery) -> Delivery:
        """Return a proven delivery of another body, with new signature headers. Not for apps without bodies."""
        _left_out(self)

    def show(self, key: str) -> object:
        """Return everything about a thing that an action can change, comparable. None when it is gone."""
        _left_out(self)

    def expose(self, key: str, action: str) -> None:
        """Bring a thing into the state in which `action` has something to do. Normally nothing."""

    def fault(self, name: str, body: bytes) -> Response | None:
        """Return how the app says `401`, `403`, `429`, `500`, `garbage` or `no answer`, around `body`.

        The answer to 429 asks to wait 37 seconds. Override it for an app that says these things in its own way.
        """
        if name == "no answer":
            return None
        if name == "garbage":
            return Response(200, b"<html>" + body, {"Content-Type": "text/html"})
        headers = {"Content-Type": "application/json", **({"Retry-After": "37"} if name == "429" else {})}
        return Response(int(name), json.dumps({"message": body.decode()}).encode(), headers)

    def now(self) -> datetime:
        """Return the time at which the kit hands over deliveries."""
        return datetime.now(UTC)


class KitContext(MemoryContext):
    """A context with the host's own sessions, whose log is kept in `entries`."""

    def __init__(self, bench: Bench) -> None:
        super().__init__("kit", now=bench.now)
        self._capture = LogCapture()
        self.log = structlog.wrap_logger(
            structlog.PrintLogger(),
            processors=[self._capture],
            wrapper_class=structlog.make_filtering_bound_logger(0),
        )

    @property
    def entries(self) -> list[Any]:
        """What the connector logged."""
        return list(self._capture.entries)

    def session(self, bucket: str = "default") -> requests.Session:
        """Return a session as the host makes it, which does not sleep."""
        return connect_session(
            bucket=bucket,
            throttled=self.throttled,
            limits=Limits(connect=2, read=5, attempts=2),
            sleep=lambda _: None,
        )


@dataclass
class Kit:
    """One connector class, one bench, one running fake, for the length of one test."""

    connector: type[Connector[Any]]
    bench: Bench
    url: str
    context: KitContext

    def connect(self, **config: Any) -> Any:
        """Build a connector; keyword arguments replace settings of the bench."""
        settings = self.bench.config(self.url) | config
        made = self.connector(self.connector.Config.model_validate(settings), self.context)
        self.bench.prepare(made)
        return made

    def receive(self, connector: Any, delivery: Delivery) -> Receipt:
        """Hand over a delivery as the gateway does."""
        receipt: Receipt = connector.receive(delivery, self.bench.now())
        return receipt

    def read(self, connector: Any, partition: Partition, cursor: Cursor | None = None) -> list[Page]:
        """Read a partition to its end; the cursor goes through JSON, as it does in the store."""
        return list(connector.read(partition, json.loads(json.dumps(cursor))))

    def everything(self, connector: Any) -> list[Event]:
        """Return the events of a full sync."""
        return [
            event
            for partition in connector.partitions()
            for page in self.read(connector, partition)
            for event in page.events
        ]

    def cursors(self, connector: Any) -> dict[str, Cursor | None]:
        """Return where each partition stands after a full sync."""
        return {part.id: self.read(connector, part)[-1].cursor for part in connector.partitions()}

    def follow(
        self, connector: Any, receipt: Receipt, cursors: Mapping[str, Cursor | None] | None = None
    ) -> list[Event]:
        """Return a receipt's events; a SYNC hint is followed by reading its partition."""
        found: list[Event] = []
        for event in receipt.events:
            if event.kind is EventKind.SYNC and event.partition is not None:
                cursor = (cursors or {}).get(event.partition.id, event.cursor)
                found += [one for page in self.read(connector, event.partition, cursor) for one in page.events]
            else:
                found.append(event)
        return found

    def texts(self, connector: Any, event: Event) -> dict[str, str]:
        """Return a CHANGED event's texts by part; bytes are read as UTF-8, failures left out."""
        found: dict[str, str] = {}
        for unit in connector.units(event):
            if isinstance(unit, UnitFailure):
                continue
            if unit.blob is None:
                found[unit.part] = unit.text
            else:
                with unit.blob.open() as stream:
                    found[unit.part] = stream.read().decode("utf-8", "replace")
        return found

    def locate(self, connector: Any, word: str) -> tuple[Resource, str]:
        """Return the resource and part in which a full sync finds `word`."""
        event, part = self._found(connector, word)
        return event.resource, part

    def listed(self, connector: Any, word: str) -> Event:
        """Return the event in which a full sync brings `word`."""
        return self._found(connector, word)[0]

    def _found(self, connector: Any, word: str) -> tuple[Event, str]:
        for event in self.everything(connector):
            if event.kind is EventKind.CHANGED:
                for part, text in self.texts(connector, event).items():
                    if word in text:
                        return event, part
        raise AssertionError("a full sync does not find what the bench created")

    def target(self, connector: Any, word: str) -> Target:
        """Return the target of an action on `word`."""
        resource, part = self.locate(connector, word)

        def matches(text: str) -> tuple[Match, ...]:
            at = text.find(word)
            return (Match("kit", "kit", at, at + len(word), Sure.VERY_LIKELY, word, word),) if at >= 0 else ()

        return Target(resource, part, "kit", matches, lambda text: text.replace(word, "[redacted]"), "a kit test")


@dataclass
class Shadow:
    """The part of a host that decides what is current: highest version wins, deletions empty."""

    versions: dict[str, int] = field(default_factory=dict)
    texts: dict[str, dict[str, str]] = field(default_factory=dict)

    def take(self, kit: Kit, connector: Any, events: Iterable[Event]) -> None:
        """Process events in the order given."""
        for event in events:
            resource = event.resource.id
            if event.kind is EventKind.DELETED:
                self.versions[resource] = max(event.version, self.versions.get(resource, 0))
                self.texts.pop(resource, None)
            elif event.kind is EventKind.CHANGED and event.version > self.versions.get(resource, -1):
                self.versions[resource] = event.version
                try:
                    self.texts[resource] = kit.texts(connector, event)
                except NotFound:
                    self.texts.pop(resource, None)

    def all(self) -> str:
        """Return every current text."""
        return "\n".join(text for parts in self.texts.values() for text in parts.values())


@contextmanager
def recorded_logs() -> Iterator[list[str]]:
    """Record what any library logs, at every level."""
    lines: list[str] = []

    class Recorder(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    root, handler = logging.getLogger(), Recorder()
    # The host may have quietened these for the whole process: here they are to speak.
    loggers = [logging.getLogger(name) for name in QUIETENED]
    before = [(each, each.level) for each in (root, *loggers)]
    for each in loggers:
        each.setLevel(logging.NOTSET)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        for each, level in before:
            each.setLevel(level)
