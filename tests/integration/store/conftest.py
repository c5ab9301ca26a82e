"""A shop window on the store: events whose payload says what detection would find, recorded for real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.model import (
    Confidence,
    Container,
    Event,
    EventKind,
    Gap,
    PersonRef,
    Place,
    Resource,
    Severity,
    UnitFailure,
    Validity,
    Visibility,
)
from connectors.pipeline import Answer, Draft, Scan, Task
from connectors.store import inbox, leases, ledger
from connectors.store.engine import Database, Row
from connectors.store.inbox import Arrival, open_event, prepare
from connectors.store.leases import Queue
from connectors.store.merging import Finished, Recorded
from connectors.store.planning import Routes
from connectors.store.recording import record
from connectors.store.tables import metadata
from connectors.vault import Vault, new_key

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
LEASE = timedelta(minutes=2)
EU = "eu"


class Rig:
    """One residency of one database, with a clock that tests move."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.vault = Vault([new_key()], "fingerprint")
        self.now = NOW
        self.queue = Queue(metadata.tables["inbox"], EU)
        self.told: dict[str, tuple[str, ...]] = {"secrets": ("security",)}
        self.acts: dict[str, tuple[tuple[str, timedelta], ...]] = {}
        self.verdict: tuple[str, ...] = ("secrets",)
        self.validity: Validity | None = None
        self.routes = Routes(self._destinations, self._actions)

    def _destinations(self, policies: Any) -> Mapping[str, tuple[str, ...]]:
        return {name: (policy,) for policy in policies for name in self.told.get(policy, ())}

    def _actions(self, policies: Any) -> Sequence[tuple[str, timedelta]]:
        return [action for policy in policies for action in self.acts.get(policy, ())]

    def event(
        self,
        name: str = "m1",
        *,
        version: int = 1,
        kind: EventKind = EventKind.CHANGED,
        parts: Mapping[str, Sequence[str]] | None = None,
        gaps: Mapping[str, str] | None = None,
        gone: bool = False,
        parent: str = "",
        complete: bool = True,
        container: str = "C1",
        visibility: Visibility = Visibility.INTERNAL,
    ) -> Event:
        """Make an event; `parts` names the values that stand in each part of the resource."""
        where = Container(container, "#general", visibility)
        thing = Resource(name, "message", where, label=f"message {name}", author=PersonRef("U1", "Ana"), parent=parent)
        payload = {"parts": {k: list(v) for k, v in (parts or {}).items()}, "gaps": dict(gaps or {}), "gone": gone}
        return Event(kind, thing, version=version, payload=payload, complete=complete)

    def arrival(self, *events: Event, delivery: str = "d1", connection: str = "acme-chat", **options: Any) -> Any:
        made = Arrival(EU, "acme", connection, delivery, self.now, events, **options)
        return prepare(made, vault=self.vault, shards=self.database.shards)

    def accept(self, *events: Event, delivery: str = "d1", **options: Any) -> int:
        arrival = self.arrival(*events, delivery=delivery, **options)
        return self.database.run(lambda c: inbox.accept(self.database, c, [arrival], now=self.now))

    def claim(self, limit: int = 100, **options: Any) -> list[Row]:
        return self.database.run(
            lambda c: leases.claim(self.database, c, self.queue, limit=limit, now=self.now, lease=LEASE, **options)
        )

    def finished(self, row: Row) -> Finished:
        """Scan a claimed row: its payload says what would be found."""
        event = open_event(row, self.vault)
        task = Task(event, row["tenant"], row["connection"], None, "chat", "chat")  # type: ignore[arg-type]
        scan = Scan(gone=event.kind is EventKind.DELETED)
        if event.kind is EventKind.CHANGED:
            said = event.payload
            scan.gone = said["gone"]
            for part, values in {} if scan.gone else said["parts"].items():
                scan.parts.add(part)
                scan.drafts.extend(self.draft(part, value) for value in dict.fromkeys(values))
            scan.gaps.extend(UnitFailure(part, Gap(reason)) for part, reason in said["gaps"].items())
        return Finished(row, task, scan)

    def draft(self, part: str, value: str) -> Draft:
        return Draft(
            part=part, detector="token", family="token", confidence=Confidence.LIKELY, severity=Severity.HIGH,
            policies=self.verdict, fingerprint=self.vault.fingerprint(tenant="acme", family="token", value=value),
            preview="to…en", places=(Place(0, 5),), count=1, url="", author=None,
            validity=Answer(self.validity, self.now, {"vendor": "v"}) if self.validity else None,
        )  # fmt: skip

    def record(self, rows: Sequence[Row], **options: Any) -> Recorded:
        finished = [self.finished(row) for row in rows]
        return self.database.run(
            lambda c: record(
                self.database, c, self.queue, finished, routes=self.routes, vault=self.vault, now=self.now, **options
            )
        )

    def tell(self, *events: Event, delivery: str) -> Recorded:
        """Deliver, claim and record."""
        self.accept(*events, delivery=delivery)
        return self.record(self.claim())

    def rows(self, table: str, **equal: Any) -> list[Row]:
        """Return the rows of a table in which every column is as named."""
        wanted = metadata.tables[table]
        query = sa.select(wanted).where(*(wanted.c[name] == value for name, value in equal.items()))
        return self.database.read(lambda c: [row._asdict() for row in c.execute(query)])

    def states(self) -> dict[tuple[str, str], list[str]]:
        """Return the states of all findings by resource and part."""
        found: dict[tuple[str, str], list[str]] = {}
        for row in self.rows("finding"):
            found.setdefault((row["resource_id"], row["part"]), []).append(row["state"])
        return {key: sorted(states) for key, states in found.items()}

    def counts(self, partition: str = ledger.LIVE) -> tuple[int, int, int, int]:
        """Return listed, scanned, skipped and failed of a partition."""
        lines = self.database.read(lambda c: ledger.coverage(c, EU))
        found = [line.counts for line in lines if line.partition == partition]
        return (found[0].listed, found[0].scanned, found[0].skipped, found[0].failed) if found else (0, 0, 0, 0)


@pytest.fixture
def rig(database: Database) -> Rig:
    return Rig(database)


@pytest.fixture(scope="session")
def rig_class() -> type[Rig]:
    return Rig
