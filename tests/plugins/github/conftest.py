"""A fake GitHub, served on loopback, and connectors to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.model import Delivery, Event, EventKind, Page, Partition, ScanUnit, UnitFailure
from connectors.testing.context import MemoryContext
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.github import FakeGitHub, Webhook
from connectors_github.config import GitHubConfig
from connectors_github.connector import GitHubConnector

START = 1_760_000_000.0


@pytest.fixture
def github() -> FakeGitHub:
    """An empty organisation."""
    return FakeGitHub(start=START)


@pytest.fixture
def login(github: FakeGitHub) -> str:
    """Somebody in it."""
    return github.add_user("ana", name="Ana Reyes", email="ana@acme.example")


@pytest.fixture
def repo(github: FakeGitHub) -> str:
    """A repository in it."""
    return github.add_repo("orders", wiki=True)


@pytest.fixture
def apps(github: FakeGitHub) -> Iterator[FakeApps]:
    """The organisation, served."""
    with FakeApps(github).running() as apps:
        yield apps


@pytest.fixture
def connect(github: FakeGitHub, apps: FakeApps) -> Callable[..., GitHubConnector]:
    """Make a connector, with further configuration and a context of one's own if wanted."""

    def make(context: MemoryContext | None = None, **config: Any) -> GitHubConnector:
        url = apps.url("github")
        given = {
            "token": github.token,
            "webhook_secret": github.webhook_secret,
            "api_url": url,
            "raw_url": url + "/raw",
        }
        return GitHubConnector(GitHubConfig(**{**given, **config}), context or MemoryContext("acme-github"))

    return make


@pytest.fixture
def connector(connect: Callable[..., GitHubConnector]) -> GitHubConnector:
    """A connector to the organisation."""
    return connect()


@pytest.fixture
def offline() -> GitHubConnector:
    """A connector that reaches nothing, for what must be pure."""
    config = GitHubConfig(token="nobody", webhook_secret="secret", api_url="http://127.0.0.1:9")
    return GitHubConnector(config, MemoryContext("acme-github"))


class Seen:
    """What a connector made of deliveries and pages: texts by place, events, failures, and cursors as a host keeps."""

    def __init__(self, connector: GitHubConnector) -> None:
        self.connector = connector
        self.cursors: dict[str, Any] = {}
        self.events: list[Event] = []
        self.texts: dict[tuple[str, str], str] = {}
        self.failures: list[UnitFailure] = []

    def deliver(self, webhook: Webhook) -> tuple[Event, ...]:
        """Receive a webhook and scan what it brings, reading the partitions that it hints at."""
        headers, body = webhook
        events = self.connector.receive(Delivery("acme-github", headers, body), datetime.now(UTC)).events
        self.take(events)
        return events

    def sync(self) -> list[Page]:
        """Read every partition from its cursor on."""
        return [page for partition in list(self.connector.partitions()) for page in self.read(partition)]

    def read(self, partition: Partition, start: Any = None) -> list[Page]:
        """Read one partition from its cursor on, or from `start` when it has none."""
        pages = []
        for page in self.connector.read(partition, self.cursors.get(partition.id) or start):
            assert page.listed == len(page.events) + len(page.failures)
            self.cursors[partition.id] = json.loads(json.dumps(page.cursor))
            self.failures += page.failures
            self.take(page.events)
            pages.append(page)
        assert pages[-1].done
        return pages

    def take(self, events: tuple[Event, ...]) -> None:
        """Scan the units of events."""
        for event in events:
            self.events.append(event)
            if event.kind is EventKind.CHANGED:
                for unit in self.connector.units(event):
                    self._unit(event, unit)
            elif event.kind is EventKind.DELETED:
                self.texts = {place: text for place, text in self.texts.items() if place[0] != event.resource.id}
            elif event.kind is EventKind.SYNC and event.partition is not None:
                self.read(event.partition, event.cursor)

    def _unit(self, event: Event, unit: ScanUnit | UnitFailure) -> None:
        if isinstance(unit, UnitFailure):
            self.failures.append(unit)
        elif unit.text is not None:
            self.texts[event.resource.id, unit.part] = unit.text
        elif unit.blob is not None:
            with unit.blob.open() as stream:
                self.texts[event.resource.id, unit.part] = stream.read().decode()

    def places(self, marker: str) -> set[tuple[str, str]]:
        """Return where a marked value was seen."""
        return {place for place, text in self.texts.items() if marker in text}

    def ids(self) -> set[str]:
        """Return the resources whose content was seen."""
        return {ident for ident, _ in self.texts}


@pytest.fixture
def seen(connector: GitHubConnector) -> Seen:
    """A recorder for the connector."""
    return Seen(connector)


@pytest.fixture(scope="session")
def record() -> type[Seen]:
    """The recorder's class, for connectors of one's own."""
    return Seen
