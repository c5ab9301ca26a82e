"""The SQL event stream: deliveries in, durable before the answer; events out, to workers that lease them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.model import Event
from connectors.store import ledger
from connectors.store.codec import decode_event, encode_event
from connectors.store.columns import joined, natural_id, shard_of
from connectors.store.engine import Database, Row
from connectors.store.ledger import LIVE, Counts
from connectors.store.tables.intake import delivery, inbox
from connectors.vault import Vault

REREAD = "reread"
"""The source of an event for which we read a resource again, unasked by the app."""


@dataclass(frozen=True)
class Arrival:
    """One verified delivery, ready to be recorded. `body` is kept only when `failure` says why it is unusable."""

    residency: str
    tenant: str
    connection: str
    delivery_id: str
    received_at: datetime
    events: tuple[Event, ...] = ()
    failure: str = ""
    size: int = 0
    body: bytes = field(default=b"", repr=False)
    expires_at: datetime | None = None

    @property
    def id(self) -> uuid.UUID:
        """Return the delivery row's id: the same for a redelivery."""
        return natural_id("delivery", self.residency, self.connection, self.delivery_id)


@dataclass(frozen=True)
class Prepared:
    """An arrival as rows: encrypted and hashed outside of the transaction."""

    delivery: dict[str, Any]
    events: list[dict[str, Any]]
    ledger_key: ledger.Key


def prepare(arrival: Arrival, *, vault: Vault, shards: int) -> Prepared:
    """Make the rows of one arrival."""
    identity = arrival.id
    row = {
        "residency": arrival.residency,
        "id": identity,
        "tenant": arrival.tenant,
        "connection": arrival.connection,
        "delivery_id": arrival.delivery_id[:255],
        "state": "failed" if arrival.failure else "accepted",
        "reason": arrival.failure[:500],
        "events": len(arrival.events),
        "size": arrival.size,
        "body": vault.encrypt(arrival.body, context=f"delivery:{identity}") if arrival.body else None,
        "received_at": arrival.received_at,
        "expires_at": arrival.expires_at,
    }
    rows = EventRows(
        vault=vault,
        shards=shards,
        residency=arrival.residency,
        tenant=arrival.tenant,
        connection=arrival.connection,
        source="webhook",
        partition=LIVE,
        generation=0,
        now=arrival.received_at,
        salt=arrival.delivery_id,
    )
    events = [rows.of(event) for event in arrival.events]
    return Prepared(row, events, (arrival.tenant, arrival.connection, LIVE, 0))


class EventRows:
    """Makes the inbox rows of events from one place: what they share is worked out once for a page.

    The same event in the same place is the same row; `salt` tells apart events that carry no version.
    """

    def __init__(
        self,
        *,
        vault: Vault,
        shards: int,
        residency: str,
        tenant: str,
        connection: str,
        source: str,
        partition: str,
        generation: int,
        now: datetime,
        salt: str = "",
    ) -> None:
        self._vault = vault
        self._shards = shards
        # Parts that are joined beforehand name the same row as parts that are not.
        self._resource = joined("resource", residency, connection)
        self._event = joined("event", residency, connection, partition, generation)
        self._salt = salt
        self._shared = {
            "residency": residency,
            "tenant": tenant,
            "connection": connection,
            "source": source,
            "partition": partition,
            "generation": generation,
            "state": "ready",
            "due_at": now,
            "lease": None,
            "attempts": 0,
            "reason": "",
            "created_at": now,
            "expires_at": None,
        }

    def of(self, event: Event) -> dict[str, Any]:
        """Return the row of one event."""
        resource, kind = event.resource.id, str(event.kind)
        resource_key = natural_id(self._resource, resource)
        identity = natural_id(self._event, resource, kind, event.version, self._salt)
        return {
            **self._shared,
            "id": identity,
            "kind": kind,
            "resource_key": resource_key,
            "version": event.version,
            "body": self._vault.seal(encode_event(event), context=f"event:{identity}"),
            # One resource, one shard: its events are claimed in their order.
            "shard": shard_of(resource_key, self._shards),
        }


def open_event(row: Row, vault: Vault) -> Event:
    """Return the event of a claimed inbox row."""
    return decode_event(vault.open(row["body"], context=f"event:{row['id']}"))


def accept(
    database: Database,
    connection: sa.Connection,
    arrivals: Sequence[Prepared],
    *,
    now: datetime,
    published: AbstractSet[uuid.UUID] = frozenset(),
) -> int:
    """Record deliveries and their events; redeliveries change nothing. Return how many were new.

    Events in `published` are durable in another stream already, and only counted.
    """
    unique = {arrival.delivery["id"]: arrival for arrival in arrivals}
    new = database.insert_new(connection, delivery, [arrival.delivery for arrival in unique.values()])
    fresh = [arrival for identity, arrival in unique.items() if identity in new]
    rows = [row for arrival in fresh for row in arrival.events]
    inserted = insert_events(database, connection, [row for row in rows if row["id"] not in published])
    inserted |= {row["id"] for row in rows} & published
    counts: dict[ledger.Key, Counts] = {}
    for arrival in fresh:
        listed = len({row["id"] for row in arrival.events} & inserted)
        if listed:
            counts.setdefault(arrival.ledger_key, Counts()).listed += listed
    if counts:
        residency = fresh[0].delivery["residency"]
        ledger.add(database, connection, residency, counts.items(), now=now)
    return len(fresh)


def accept_reread(
    database: Database,
    connection: sa.Connection,
    row: Row,
    *,
    now: datetime,
    published: AbstractSet[uuid.UUID] = frozenset(),
) -> None:
    """Record the event of a resource that was read again, as one more thing of the webhooks' ledger.

    With its id in `published` it is durable in another stream already, and only counted.
    """
    if row["id"] in published or insert_events(database, connection, [row]):
        key = (row["tenant"], row["connection"], row["partition"], row["generation"])
        ledger.add(database, connection, row["residency"], [(key, Counts(listed=1))], now=now)


def insert_events(database: Database, connection: sa.Connection, rows: Sequence[Row]) -> set[uuid.UUID]:
    """Put events into the inbox; return the ids of those that were not there yet."""
    unique = {row["id"]: row for row in rows}
    return database.insert_new(connection, inbox, list(unique.values()))


def known_deliveries(connection: sa.Connection, residency: str, arrivals: Sequence[Prepared]) -> set[uuid.UUID]:
    """Return the ids of the deliveries that were recorded before."""
    ids = [arrival.delivery["id"] for arrival in arrivals]
    query = sa.select(delivery.c.id).where(delivery.c.residency == residency, delivery.c.id.in_(ids))
    return set(connection.execute(query).scalars())


def remember(
    database: Database, connection: sa.Connection, rows: Sequence[Row], *, expires_at: datetime
) -> set[uuid.UUID]:
    """Keep the ids of events from another stream, without their bodies; return those that were not known."""
    kept = [
        {**row, "body": b"", "state": "done", "lease": None, "reason": "", "expires_at": expires_at} for row in rows
    ]
    return insert_events(database, connection, kept)


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many events wait, and for how long the oldest of them has."""

    events: int = 0
    age: timedelta = timedelta(0)

    def __add__(self, other: Backlog) -> Backlog:
        """Return what waits in two places."""
        return Backlog(self.events + other.events, max(self.age, other.age))


def backlog(connection: sa.Connection, residency: str, *, now: datetime) -> Backlog:
    """Return what waits in the SQL inbox; `work.stream.backlog` has what waits in every stream."""
    query = sa.select(sa.func.count(), sa.func.min(inbox.c.created_at)).where(
        inbox.c.residency == residency, inbox.c.state == "ready"
    )
    count, oldest = connection.execute(query).one()
    return Backlog(int(count), now - oldest if oldest else timedelta(0))


def waiting(connection: sa.Connection, residency: str, name: str, *, limit: int) -> int:
    """Return how many events of a connection wait, counting to `limit` and no further."""
    theirs = (inbox.c.residency == residency, inbox.c.connection == name, inbox.c.state == "ready")
    some = sa.select(inbox.c.id).where(*theirs).limit(limit).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())


@dataclass(frozen=True)
class Lag:
    """Events of one connection that wait: how many, and since when the oldest of those that were looked at."""

    waiting: int
    since: datetime


MOST_WAITING = 1_000
"""Events that are looked at for the lag of one connection: what a page shows must not grow with a flood."""


def lags(connection: sa.Connection, residency: str, names: Sequence[str]) -> dict[str, Lag]:
    """Return what waits, for those of some connections that anything waits for."""
    found: dict[str, Lag] = {}
    for name in names:
        theirs = (inbox.c.residency == residency, inbox.c.connection == name, inbox.c.state == "ready")
        some = sa.select(inbox.c.created_at).where(*theirs).limit(MOST_WAITING).subquery()
        count, oldest = connection.execute(sa.select(sa.func.count(), sa.func.min(some.c.created_at))).one()
        if count:
            found[name] = Lag(int(count), oldest)
    return found
