"""An app that does what a test says, and a house around it that a test drives by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from connectors import hookimpl
from connectors.config import parse_config
from connectors.contract import ConnectionConfig, Connector
from connectors.errors import ConnectorsError, Unsupported
from connectors.host import Host
from connectors.model import (
    ActionResult,
    ActionSpec,
    Check,
    Container,
    Cursor,
    Event,
    EventKind,
    Outcome,
    Page,
    Partition,
    Resource,
    ScanUnit,
    Subscription,
    Target,
    UnitFailure,
)
from connectors.runtime import Runtime
from connectors.store import findings, inbox, jobs, ledger
from connectors.store.engine import Row
from connectors.store.migrations import upgrade
from connectors.testing.planted import aws_key
from connectors.work import sync
from connectors.work.worker import Worker

START = datetime(2026, 5, 4, 12, tzinfo=UTC)

CONFIG = """
gateway: {{public_url: "https://dlp.example"}}
connections:
  acme: {{connector: script, config: {{}}}}
policies:
  - name: credentials
    detectors: [secret]
    min_confidence: POSSIBLE
    actions: [{{do: remove, after: 2d}}]
detection: {{cache: {cache}}}
"""


@dataclass
class Script:
    """What the scripted app holds, and what it was asked."""

    pages: list[Page] = field(default_factory=list)
    error: ConnectorsError | None = None
    lives: timedelta = timedelta(days=4)
    now: datetime = START
    asked: list[Subscription | None] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    read: list[Partition] = field(default_factory=list)
    acts: list[tuple[str, str]] = field(default_factory=list)
    again: Event | ConnectorsError = field(default_factory=lambda: Unsupported("it is not read alone"))
    """What comes of reading a resource again."""
    reread: list[str] = field(default_factory=list)

    def connector(self) -> type[Connector[Any]]:
        """Return the connector class of this app."""
        script = self

        class Scripted(Connector[ConnectionConfig]):
            name: ClassVar[str] = "script"
            Config = ConnectionConfig
            actions: ClassVar[tuple[ActionSpec, ...]] = (ActionSpec("remove", "Remove the thing"),)

            def act(self, action: str, target: Target, *, dry_run: bool) -> Outcome:
                assert not dry_run
                script.acts.append((action, target.resource.id))
                return Outcome(ActionResult.DONE, "removed", "f" * 64)

            def reread(self, resource: Resource) -> Event:
                script.reread.append(resource.id)
                if isinstance(script.again, ConnectorsError):
                    raise script.again
                return script.again

            def check(self) -> Iterator[Check]:
                return iter(())

            def units(self, event: Event) -> Iterator[ScanUnit | UnitFailure]:
                if script.error is not None:
                    raise script.error
                yield ScanUnit("body", event.payload)

            def partitions(self) -> Iterator[Partition]:
                yield Partition("all", "everything")

            def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
                script.read.append(partition)
                yield from script.pages

            def subscribe(self, callback: str, current: Subscription | None) -> Subscription:
                script.asked.append(current)
                return Subscription(f"channel {len(script.asked)}", script.now + script.lives)

            def unsubscribe(self, current: Subscription) -> None:
                if script.error is not None:
                    raise script.error
                script.ended.append(current.id)

        return Scripted


@dataclass
class House:
    """One installation over the scripted app, with a clock that a test moves."""

    script: Script
    runtime: Runtime
    worker: Worker

    @property
    def database(self) -> Any:
        return self.runtime.databases.of(self.residency)

    @property
    def residency(self) -> str:
        return self.runtime.owner("acme").residency

    def wait(self, **delta: float) -> None:
        """Let time pass."""
        self.script.now += timedelta(**delta)

    def deliver(self, *events: Event) -> None:
        """Record events as a webhook does, and process them."""
        owner = self.runtime.owner("acme")
        arrival = inbox.Arrival(
            owner.residency, owner.tenant, "acme", f"d{self.script.now}", self.script.now, tuple(events)
        )
        prepared = inbox.prepare(arrival, vault=self.runtime.vault, shards=self.database.shards)
        self.database.run(lambda c: inbox.accept(self.database, c, [prepared], now=self.script.now))
        self.worker.drain()
        self.wait(seconds=1)

    def sync(
        self, *events: Event, failures: Sequence[UnitFailure] = (), full: bool = False, again: bool = False
    ) -> None:
        """Let the app list events in one page, read it and process it."""
        listed = len(events) + len(failures)
        self.script.pages = [
            Page(tuple(events), tuple(failures), {"at": 1}, listed, done=True, reconcile=full or again)
        ]
        owner, now = self.runtime.owner("acme"), self.script.now
        wanted = sync.request("acme", residency=owner.residency, tenant=owner.tenant, from_start=full, again=again)
        self.database.run(lambda c: jobs.enqueue(self.database, c, [wanted], vault=self.runtime.vault, now=now))
        for _ in range(3):
            self.worker.drain()
            self.wait(seconds=2)

    def findings(self) -> list[Row]:
        """Return every finding."""
        rows: list[Row] = self.database.read(lambda c: findings.listed(c, self.residency, limit=100))
        return rows

    def states(self) -> dict[str, str]:
        """Return the state of each finding by its resource."""
        return {row["resource_id"]: row["state"] for row in self.findings()}

    def gaps(self) -> list[tuple[str, str, str]]:
        """Return the gaps: resource, part and reason."""
        rows = self.database.read(lambda c: ledger.gaps(c, self.residency))
        return sorted((row["resource_id"], row["part"], row["reason"]) for row in rows)

    def balanced(self) -> bool:
        """Tell whether the ledger adds up."""
        return all(line.holds for line in self.database.read(lambda c: ledger.coverage(c, self.residency)))


@pytest.fixture(scope="session")
def cache(cache_folder: Path) -> Path:
    """Where compiled detectors are kept for the next installation."""
    return cache_folder / "connectors"


@pytest.fixture
def house(tmp_path: Path, cache: Path) -> Iterator[House]:
    script = Script()
    module = SimpleNamespace(register_connectors=hookimpl(lambda register: register(script.connector())))
    config = parse_config(CONFIG.format(cache=cache), folder=tmp_path, environ={})
    runtime = Runtime.open(
        config, folder=tmp_path, host=Host.build(["script"], modules={"script": module}), now=lambda: script.now
    )
    for database in runtime.databases.all():
        upgrade(database)
    worker = Worker(runtime)
    worker.drain()
    yield House(script, runtime, worker)
    runtime.close()


def _thing(name: str, *, version: int = 1, text: str = "", container: str = "C1", **more: Any) -> Event:
    resource = Resource(name, "thing", Container(container, f"#{container}" if container else ""), **more)
    return Event(EventKind.CHANGED, resource, version, text or f"key {aws_key(name)}")


@pytest.fixture
def thing() -> Callable[..., Event]:
    """Make the event of a thing that holds a key of its own: `thing("a", version=2, parent="b")`."""
    return _thing


@pytest.fixture
def gone() -> Callable[..., Event]:
    """Make the event that a thing is deleted."""

    def make(name: str, **more: Any) -> Event:
        return replace(_thing(name, **more), kind=EventKind.DELETED, payload=None)

    return make
