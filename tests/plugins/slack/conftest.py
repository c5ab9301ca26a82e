"""A fake Slack, served on loopback, and connectors to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.model import Delivery, Event, EventKind, Page, ScanUnit, UnitFailure
from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.slack import FakeSlack, Webhook
from connectors_slack.config import SlackConfig
from connectors_slack.connector import SlackConnector

FIXTURES = Path(__file__).parents[3] / "fixtures" / "slack"
START = 1_760_000_000.0


@pytest.fixture
def slack() -> FakeSlack:
    """An empty workspace."""
    return FakeSlack(start=START)


@pytest.fixture
def apps(slack: FakeSlack) -> Iterator[FakeApps]:
    """The workspace, served."""
    with FakeApps(slack).running() as apps:
        yield apps


@pytest.fixture
def connect(slack: FakeSlack, apps: FakeApps) -> Callable[..., SlackConnector]:
    """Make a connector, with further configuration and a context of one's own if wanted."""

    def make(context: MemoryContext | None = None, **config: Any) -> SlackConnector:
        given = {"token": slack.token, "webhook_secret": slack.signing_secret, "base_url": apps.url("slack") + "/api/"}
        return SlackConnector(SlackConfig(**{**given, **config}), context or MemoryContext("acme-slack"))

    return make


@pytest.fixture
def connector(connect: Callable[..., SlackConnector]) -> SlackConnector:
    """A connector to the workspace."""
    return connect()


@pytest.fixture
def offline() -> SlackConnector:
    """A connector that reaches nothing, for what must be pure."""
    config = SlackConfig(token="xoxb-nobody", webhook_secret="secret", base_url="http://127.0.0.1:9/api/")
    return SlackConnector(config, MemoryContext("acme-slack"))


def fixture(name: str) -> dict[str, Any]:
    """Return a recorded shape."""
    found: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
    return found


class Seen:
    """What a connector made of deliveries and pages: units and failures by place, events by id."""

    def __init__(self, connector: SlackConnector) -> None:
        self.connector = connector
        self.events: list[Event] = []
        self.texts: dict[tuple[str, str], str] = {}
        self.failures: list[UnitFailure] = []

    def deliver(self, webhook: Webhook) -> tuple[Event, ...]:
        """Receive a webhook and scan what it brings, reading the partitions that it hints at."""
        headers, body = webhook
        events = self.connector.receive(Delivery("acme-slack", headers, body), datetime.now(UTC)).events
        self.take(events)
        return events

    def sync(self, cursors: dict[str, Any] | None = None) -> list[Page]:
        """Read every partition, from and into `cursors`."""
        cursors = {} if cursors is None else cursors
        pages: list[Page] = []
        for partition in self.connector.partitions():
            for page in self.connector.read(partition, cursors.get(partition.id)):
                assert page.listed == len(page.events) + len(page.failures)
                cursors[partition.id] = json.loads(json.dumps(page.cursor))
                self.failures += page.failures
                self.take(page.events)
                pages.append(page)
        return pages

    def take(self, events: tuple[Event, ...]) -> None:
        """Scan the units of events."""
        for event in events:
            self.events.append(event)
            if event.kind is EventKind.CHANGED:
                for unit in self.connector.units(event):
                    self._unit(event, unit)

    def _unit(self, event: Event, unit: ScanUnit | UnitFailure) -> None:
        if isinstance(unit, UnitFailure):
            self.failures.append(unit)
        elif unit.text is not None:
            self.texts[event.resource.id, unit.part] = unit.text
        elif unit.blob is not None:
            with unit.blob.open() as stream:
                self.texts[event.resource.id, unit.part] = stream.read().decode()

    def places(self, marker: str) -> list[tuple[str, str]]:
        """Return where a marked value was seen."""
        return [place for place, text in self.texts.items() if marker in text]


@pytest.fixture
def seen(connector: SlackConnector) -> Seen:
    """A recorder for the connector."""
    return Seen(connector)


@pytest.fixture
def load() -> Callable[[str], dict[str, Any]]:
    """Return a recorded shape by name."""
    return fixture


@pytest.fixture(scope="session")
def record() -> type[Seen]:
    """The recorder's class, for connectors of one's own."""
    return Seen
