"""Which connections must be left alone for now: throttled by their app, or broken until an admin repairs them."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from connectors.errors import ConnectorsError
from connectors.runtime import Runtime
from connectors.store import connections, jobs
from connectors.store.jobs import Job

log = structlog.get_logger()

REFRESH = timedelta(seconds=5)
"""How old this process's view of other processes' troubles may be."""


class Trouble:
    """What this process knows of troubled connections; shared by its threads."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._until: dict[str, datetime] = {}
        self._broken: dict[str, set[str]] = {}
        self._looked: dict[str, datetime] = {}

    def avoided(self, residency: str, now: datetime) -> tuple[str, ...]:
        """Return the connections of a residency that must wait."""
        with self._lock:
            looked = self._looked.get(residency)
            due = looked is None or now - looked >= REFRESH
            if due:
                self._looked[residency] = now
        if due:
            self._look(residency, now)
        with self._lock:
            throttled = {name for name, until in self._until.items() if until > now}
            return tuple(sorted(throttled | self._broken.get(residency, set())))

    def throttled(self, connection: str, until: datetime) -> None:
        """Leave a connection alone until its app allows it again."""
        with self._lock:
            self._until[connection] = max(until, self._until.get(connection, until))

    def broke(self, connection: str, error: ConnectorsError) -> None:
        """Mark a connection broken and tell the operators, once."""
        owner, now = self._runtime.owner(connection), self._runtime.now()
        database = self._runtime.databases.of(owner.residency)
        reason = str(error)

        def mark(c: sa.Connection) -> bool:
            news = connections.set_status(database, c, owner, broken=True, reason=reason, hint=error.hint, now=now)
            if news:
                wanted = Job(
                    "notice",
                    f"{connection}/broken/{now.isoformat()}",
                    owner.residency,
                    owner.tenant,
                    connection,
                    {"title": f"{connection} is broken", "message": reason},
                )
                jobs.enqueue(database, c, [wanted], vault=self._runtime.vault, now=now)
            return news

        if database.run(mark):
            log.error("connection_broken", connection=connection, reason=reason)
        with self._lock:
            self._broken.setdefault(owner.residency, set()).add(connection)

    def repaired(self, connection: str) -> None:
        """Let a connection work again."""
        owner, now = self._runtime.owner(connection), self._runtime.now()
        database = self._runtime.databases.of(owner.residency)
        if database.run(lambda c: connections.set_status(database, c, owner, broken=False, now=now)):
            log.info("connection_repaired", connection=connection)
        with self._lock:
            self._broken.get(owner.residency, set()).discard(connection)

    def _look(self, residency: str, now: datetime) -> None:
        database = self._runtime.databases.of(residency)
        broken = database.read(lambda c: connections.broken(c, residency))
        with self._lock:
            self._broken[residency] = set(broken)
            self._until = {name: until for name, until in self._until.items() if until > now}
