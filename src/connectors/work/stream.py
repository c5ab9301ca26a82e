"""The seam between whoever brings events (gateway, sync) and the workers that process them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import sqlalchemy as sa

from connectors.runtime import Runtime
from connectors.store import inbox as inbox_store
from connectors.store import leases, syncs
from connectors.store.connections import Owner
from connectors.store.engine import Database, Row
from connectors.store.inbox import Backlog
from connectors.store.leases import Queue
from connectors.store.tables.intake import inbox


class EventStream(Protocol):
    """Where one residency's events wait.

    An event is a row of the inbox table, whatever carries it. `queue` is the leased queue whose rows end in the
    recording transaction; None when the stream is not in the database, and is acknowledged after COMMIT.
    """

    queue: Queue | None
    remember: timedelta | None
    """How long the id of an event is kept, to know it when it comes again; None where it cannot."""

    def claim(self, limit: int, *, now: datetime, avoid: Sequence[str]) -> list[Row]:
        """Return up to `limit` events to work on; those of connections in `avoid` wait."""

    def acknowledge(self, rows: Sequence[Row]) -> None:
        """Forget events whose recording is committed."""

    def retry(self, row: Row, *, due_at: datetime, reason: str, refund: bool = False) -> None:
        """Give an event back, to be claimed at `due_at`."""

    def bury(
        self, row: Row, *, reason: str, expires_at: datetime | None, effects: Callable[[sa.Connection], object]
    ) -> bool:
        """Make an event a dead letter, and run `effects` in that transaction; False when it is another worker's."""

    def close(self) -> None:
        """Let go of connections; what is held and not ended goes to another worker."""


def backlog(runtime: Runtime, residency: str) -> Backlog:
    """Return what waits for workers, wherever it waits. Raises `StoreUnavailable`."""
    now = runtime.now()
    waiting = runtime.databases.of(residency).read(lambda c: inbox_store.backlog(c, residency, now=now))
    return waiting + runtime.publisher.backlog(residency, now=now) if runtime.publisher else waiting


def unfinished(runtime: Runtime, connection: sa.Connection, owner: Owner, partition: str) -> int:
    """Return how many events of a partition are not processed yet, wherever they wait."""
    # What waits in another stream cannot be counted by partition there; the ledger knows what was not accounted for.
    count = syncs.unaccounted if runtime.publisher else syncs.pending
    return count(connection, owner.residency, owner.connection, partition)


def busy(runtime: Runtime, connection: sa.Connection, owner: Owner) -> bool:
    """Tell whether events or sync jobs of a connection are left to do, wherever they wait."""
    if syncs.busy(connection, owner.residency, owner.connection):
        return True
    return bool(runtime.publisher) and syncs.unaccounted(connection, owner.residency, owner.connection) > 0


class SqlStream:
    """The inbox table as a stream, by leases."""

    def __init__(self, database: Database, residency: str, *, lease: timedelta) -> None:
        self.queue: Queue | None = Queue(inbox, residency)
        self.remember: timedelta | None = None
        self._queue = Queue(inbox, residency)
        self._database = database
        self._lease = lease

    def claim(self, limit: int, *, now: datetime, avoid: Sequence[str]) -> list[Row]:
        """Claim rows that are due. An empty inbox is seen by reading alone, without a write transaction."""
        if not self._database.read(lambda c: leases.any_due(c, self._queue, now)):
            return []
        return self._database.run(
            lambda c: leases.claim(self._database, c, self._queue, limit=limit, now=now, lease=self._lease, avoid=avoid)
        )

    def acknowledge(self, rows: Sequence[Row]) -> None:
        """Do nothing: the rows ended in the recording transaction."""

    def retry(self, row: Row, *, due_at: datetime, reason: str, refund: bool = False) -> None:
        """Give a row back."""
        self._database.run(lambda c: leases.retry(c, self._queue, row, due_at=due_at, reason=reason, refund=refund))

    def bury(
        self, row: Row, *, reason: str, expires_at: datetime | None, effects: Callable[[sa.Connection], object]
    ) -> bool:
        """Make a row a dead letter."""

        def bury(c: sa.Connection) -> bool:
            buried = leases.bury(c, self._queue, row, reason=reason, expires_at=expires_at)
            if buried:
                effects(c)
            return buried

        return self._database.run(bury)

    def close(self) -> None:
        """Do nothing: leases end by themselves."""


class Heartbeat:
    """Keeps the leases of what this process works on; one thread for all of them."""

    def __init__(self, lease: timedelta) -> None:
        self._lease = lease
        self._held: dict[int, tuple[Database, Queue, Sequence[Row]]] = {}
        self._lock = threading.Lock()

    def hold(self, database: Database, queue: Queue, rows: Sequence[Row]) -> int:
        """Keep the leases of `rows` until `release` is called with the returned ticket."""
        ticket = id(rows)
        with self._lock:
            self._held[ticket] = (database, queue, rows)
        return ticket

    def release(self, ticket: int) -> None:
        """Let go."""
        with self._lock:
            self._held.pop(ticket, None)

    def beat(self, now: datetime) -> None:
        """Extend every held lease; call it three times per lease."""
        with self._lock:
            held = list(self._held.values())
        until = now + self._lease
        for database, queue, rows in held:
            database.run(partial(leases.extend, queue=queue, rows=rows, until=until))
