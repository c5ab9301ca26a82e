"""An invented app, `chat`, whose connector and destination do as a test tells them, and a worker with its own clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from connectors import Connector, hookimpl
from connectors.alerts.destination import Alert, Delivered, Destination
from connectors.config import parse_config
from connectors.detection import Engine
from connectors.host import Host
from connectors.metrics import Metrics
from connectors.model import (
    ActionResult,
    ActionSpec,
    Check,
    Container,
    Event,
    EventKind,
    Level,
    Outcome,
    Page,
    Partition,
    Resource,
    ScanUnit,
)
from connectors.runtime import Runtime
from connectors.store import inbox, ledger
from connectors.store.inbox import Arrival, prepare
from connectors.store.tables import metadata
from connectors.testing.company import aws_key
from connectors.work.worker import Worker

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)

CONFIG = """
database: {{url: '{url}'}}
connections:
  one: {{connector: chat, sync: {{enabled: false}}}}
  two: {{connector: chat, sync: {{enabled: false}}}}
policies:
  - {{name: secrets, detectors: [secret], alert: [box], message: Take it out.}}
destinations:
  box: {{kind: box, throttle: {{limit: {limit}}}}}
operators: [box]
work: {{attempts: 4}}
{more}
"""


class App:
    """What the invented app holds, does and has been told."""

    def __init__(self) -> None:
        self.messages: dict[str, str] = {}
        self.pages: dict[str, list[Page]] = {}
        self.troubles: dict[str, list[BaseException]] = {}
        self.healthy = True
        self.calls: list[tuple[str, str]] = []
        self.alerts: list[Alert] = []
        self.closed: list[str] = []
        self.acted: list[tuple[str, bool]] = []

    def does(self, connection: str, doing: str) -> None:
        """Note a call, and raise what the test has planned for it."""
        self.calls.append((connection, doing))
        planned = self.troubles.get(doing) or self.troubles.get(f"{connection}/{doing}")
        if planned:
            raise planned[0] if len(planned) == 1 else planned.pop(0)


def plugin(app: App, *, resolves: bool = True) -> Any:
    """Return the module of a plugin that speaks for `app`."""

    class Chat(Connector[Any]):
        name = "chat"
        actions = (ActionSpec("delete", "Delete the message"),)

        def check(self) -> Iterator[Check]:
            app.does(self.context.connection, "check")
            yield Check("token", Level.OK if app.healthy else Level.FAILED, "as the test says")

        def units(self, event: Event) -> Iterator[ScanUnit]:
            app.does(self.context.connection, "units")
            yield ScanUnit("body", text=app.messages[event.resource.id])
            app.does(self.context.connection, "more units")

        def partitions(self) -> Iterator[Partition]:
            app.does(self.context.connection, "partitions")
            yield from (Partition(name, f"#{name}") for name in app.pages)

        def read(self, partition: Partition, cursor: Any) -> Iterator[Page]:
            for page in app.pages[partition.id][cursor["next"] if cursor else 0 :]:
                app.does(self.context.connection, f"read {partition.id}")
                yield page

        def act(self, action: str, target: Any, *, dry_run: bool) -> Outcome:
            app.does(self.context.connection, "act")
            if not target.matches(app.messages.get(target.resource.id, "")):
                return Outcome(ActionResult.NOTHING_TO_DO, "the value is gone")
            if not dry_run:
                app.acted.append((action, dry_run))
                del app.messages[target.resource.id]
            return Outcome(ActionResult.DRY_RUN if dry_run else ActionResult.DONE, "deleted")

    class Box(Destination[Any]):
        kind = "box"

        def deliver(self, alert: Alert) -> Delivered:
            app.does("", "deliver")
            app.alerts.append(alert)
            return Delivered(reference=f"n{len(app.alerts)}", recipient="#box")

    class ClosingBox(Box):
        def resolve(self, alert: Alert) -> Delivered:
            app.does("", "resolve")
            app.closed.append(alert.id)
            return Delivered(reference=alert.id, recipient="#box")

    return SimpleNamespace(
        register_connectors=hookimpl(_registers(Chat), specname="register_connectors"),
        register_destinations=hookimpl(_registers(ClosingBox if resolves else Box), specname="register_destinations"),
    )


def _registers(made: Any) -> Any:
    def register_it(register: Any) -> None:
        register(made)

    return register_it


class House:
    """One installation on the invented app; `work` runs everything that is due, in this thread."""

    def __init__(
        self, url: str, folder: Path, engine: Engine, more: str = "", *, resolves: bool = True, limit: int = 30
    ) -> None:
        self.app = App()
        self.now = NOW
        config = parse_config(CONFIG.format(url=url, more=more, limit=limit), folder=folder)
        host = Host.build(["chat"], modules={"chat": plugin(self.app, resolves=resolves)})
        assert host.plugins["chat"].problem == ""
        self.runtime = Runtime.open(config, folder=folder, host=host, now=lambda: self.now)
        self.runtime.__dict__["engine"] = engine
        self.database = self.runtime.databases.of("default")
        self.metrics = Metrics()
        self.worker = Worker(self.runtime, metrics=self.metrics)

    def event(self, name: str, text: str | None = None, *, version: int = 1, **options: Any) -> Event:
        """Say something in the app, and return the event of it."""
        if text is not None:
            self.app.messages[name] = text
        thing = Resource(name, "message", Container("C1", "#general"), label=f"message {name}")
        return Event(options.pop("kind", EventKind.CHANGED), thing, version=version, **options)

    def tell(self, *events: Event, connection: str = "one") -> None:
        """Deliver events to the inbox."""
        delivery = "+".join(f"{event.resource.id}:{event.version}" for event in events)
        arrival = Arrival("default", "default", connection, delivery, self.now, events)
        prepared = prepare(arrival, vault=self.runtime.vault, shards=self.database.shards)
        self.database.run(lambda c: inbox.accept(self.database, c, [prepared], now=self.now))

    def leak(self, name: str = "m1", *, version: int = 1, connection: str = "one") -> None:
        self.tell(self.event(name, f"the key is {aws_key(name)}", version=version), connection=connection)

    def work(self) -> int:
        return self.worker.drain()

    def later(self, **time: float) -> int:
        self.now += timedelta(**time)
        return self.work()

    def rows(self, table: str, **equal: Any) -> list[Any]:
        wanted = metadata.tables[table]
        query = sa.select(wanted).where(*(wanted.c[name] == value for name, value in equal.items()))
        return self.database.read(lambda c: [row._asdict() for row in c.execute(query)])

    def lines(self) -> list[Any]:
        return self.database.read(lambda c: ledger.coverage(c, "default"))


@pytest.fixture
def dialect() -> str:
    """The worker's tests run on SQLite: the store's run on every database."""
    return "sqlite"


@pytest.fixture
def make_house(database_url: str, tmp_path: Path, engine: Engine) -> Iterator[Any]:
    made: list[House] = []

    def make(more: str = "", **options: Any) -> House:
        made.append(House(database_url, tmp_path, engine, more, **options))
        return made[-1]

    yield make
    for house in made:
        house.runtime.close()


@pytest.fixture
def house(make_house: Any) -> House:
    return make_house()  # type: ignore[no-any-return]
