"""Batches of events: claim, scan, record. Everything here may run twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from connectors import tracing
from connectors.errors import (
    AuthError,
    ConfigError,
    ConnectorsError,
    PluginFault,
    RateLimited,
    Transient,
)
from connectors.metrics import Metrics
from connectors.model import EventKind, Gap, UnitFailure
from connectors.pipeline import Pipeline, Scan, Task
from connectors.runtime import Runtime, covered
from connectors.store import containers, leases, ledger, resources
from connectors.store.engine import Database, Row
from connectors.store.inbox import REREAD, open_event
from connectors.store.leases import LostLease
from connectors.store.merging import Finished, Recorded
from connectors.store.recording import record
from connectors.store.resources import Held
from connectors.work.context import Connections
from connectors.work.stream import EventStream, Heartbeat
from connectors.work.trouble import Trouble

log = structlog.get_logger()

DEFAULT_WAIT = 60.0
"""Seconds to wait when an app says "too fast" without saying how long."""

CONTAINERS_KEPT = 10_000
"""Containers whose names this process remembers."""

LISTINGS_LAG = timedelta(minutes=2)
"""How long after a deletion an app's listings may still show what is gone."""

PLUGIN_ATTEMPTS = 3
"""How often an event is tried that a plugin's bug refuses."""

UNSTORABLE = (sa.exc.SQLAlchemyError, ValueError, ArithmeticError)
"""What the database's driver raises for a value that it cannot take."""


class EventWorker:
    """Processes events of one residency, in one thread at a time."""

    def __init__(
        self,
        runtime: Runtime,
        residency: str,
        stream: EventStream,
        *,
        connectors: Connections,
        trouble: Trouble,
        heartbeat: Heartbeat,
        metrics: Metrics,
    ) -> None:
        self._runtime = runtime
        self._residency = residency
        self._database: Database = runtime.databases.of(residency)
        self._stream = stream
        self._connectors = connectors
        self._trouble = trouble
        self._heartbeat = heartbeat
        self._metrics = metrics
        self._containers: containers.Known = {}
        self._pipeline = Pipeline(
            scanner=runtime.engine,
            extraction=runtime.extraction,
            policies=runtime.policies,
            vault=runtime.vault,
            rules=runtime.rules,
            asks=runtime.validity,
        )

    def run_once(self) -> int:
        """Process one batch; return how many events it held."""
        settings, now = self._runtime.config.work, self._runtime.now()
        avoid = self._trouble.avoided(self._residency, now)
        rows = self._stream.claim(settings.batch, now=now, avoid=avoid)
        if not rows:
            return 0
        ticket = self._heartbeat.hold(self._database, self._stream.queue, rows) if self._stream.queue else None
        try:
            self._process(rows)
        finally:
            if ticket is not None:
                self._heartbeat.release(ticket)
        return len(rows)

    def close(self) -> None:
        """Let go of the stream."""
        self._stream.close()

    def _process(self, rows: Sequence[Row]) -> None:
        keys = [row["resource_key"] for row in rows]
        known = self._database.read(lambda c: resources.held(c, self._residency, keys))
        ready: list[tuple[Row, Task]] = []
        stale: list[Finished] = []
        restored: set[object] = set()
        for row, task in self._tasks(rows, known):
            held = known.get(row["resource_key"])
            if held is not None and _restores(row, task, held):
                restored.add(row["id"])
            elif _already_seen(row, task, held):
                stale.append(Finished(row, task, Scan()))
                continue
            ready.append((row, task))
        self._record(stale)
        while ready:
            with tracing.span("scan", [row["resource_key"] for row, _ in ready], events=len(ready)):
                scans = self._pipeline.process([task for _, task in ready])
            finished = []
            for (row, task), scan in zip(ready, scans, strict=False):
                if scan.failure is None:
                    finished.append(Finished(row, task, scan, row["id"] in restored))
                else:
                    self._failed(row, task, scan.failure)
            self._record(finished)
            ready = ready[len(scans) :]

    def _tasks(self, rows: Sequence[Row], known: Mapping[object, Held]) -> list[tuple[Row, Task]]:
        """Return what there is to do, with the containers and their names that some doors do not tell."""
        tasks = [
            (row, _placed(task, known.get(row["resource_key"])))
            for row in rows
            if (task := self._task(row)) is not None
        ]
        places = {(task.connection, task.event.resource.container.id) for _, task in tasks}
        unknown = [place for place in places if place not in self._containers]
        if unknown:
            if len(self._containers) > CONTAINERS_KEPT:
                self._containers.clear()
            self._containers.update(self._database.read(lambda c: containers.known(c, self._residency, unknown)))
        told: dict[str, containers.Known] = {}
        for _, task in tasks:
            own = task.event.resource.container
            place = (task.connection, own.id)
            if own.name and self._containers.get(place) != own:
                told.setdefault(task.tenant, {})[place] = self._containers[place] = own
        now = self._runtime.now()
        for tenant, new in told.items():
            self._database.run(
                lambda c, t=tenant, n=new: containers.remember(self._database, c, self._residency, t, n, now=now)  # type: ignore[misc]
            )
        return [(row, self._completed(task)) for row, task in tasks]

    def _completed(self, task: Task) -> Task:
        place = (task.connection, task.event.resource.container.id)
        event = containers.completed(task.event, self._containers.get(place))
        if event is task.event:
            return task
        settings, own = self._runtime.config.connections[task.connection], event.resource.container
        return replace(task, event=event, covered=covered(settings.include, settings.exclude, own.id, own.name))

    def _task(self, row: Row) -> Task | None:
        """Return what there is to do for a row; a row that cannot be worked on is dealt with here."""
        name = row["connection"]
        settings = self._runtime.config.connections.get(name)
        if settings is None:
            self._bury(row, "the connection is no longer configured")
            return None
        if row["attempts"] > self._runtime.config.work.attempts + PLUGIN_ATTEMPTS:
            # Workers died with it before they could say so: it must not take another one down.
            self._bury(row, f"gave up after {row['attempts'] - 1} attempts that did not end")
            return None
        try:
            event = open_event(row, self._runtime.vault)
            connector = self._connectors.get(name)
        except (ConfigError, PluginFault) as error:
            self._stream.retry(row, due_at=self._later(row), reason=str(error))
            return None
        container = event.resource.container
        return Task(
            event=event,
            tenant=row["tenant"],
            connection=name,
            connector=connector,
            plugin=self._runtime.host.owners[settings.connector],
            app=settings.connector,
            covered=covered(settings.include, settings.exclude, container.id, container.name),
        )

    def _failed(self, row: Row, task: Task, error: ConnectorsError) -> None:
        now = self._runtime.now()
        self._metrics.event_failures.labels(task.app, error.code).inc()
        if isinstance(error, RateLimited):
            wait = timedelta(seconds=error.after if error.after is not None else DEFAULT_WAIT)
            self._trouble.throttled(task.connection, now + wait)
            self._stream.retry(row, due_at=now + wait, reason=str(error), refund=True)
        elif isinstance(error, AuthError):
            self._trouble.broke(task.connection, error)
            self._stream.retry(row, due_at=now + timedelta(minutes=1), reason=str(error), refund=True)
        else:
            limit = PLUGIN_ATTEMPTS if isinstance(error, PluginFault) else self._runtime.config.work.attempts
            log.warning("event_failed", **_ids(row), error=str(error))
            if row["attempts"] >= limit:
                reason = Gap.PLUGIN_FAULT if isinstance(error, PluginFault) else Gap.GAVE_UP
                self._bury(row, str(error), task=task, gap=reason)
            else:
                self._stream.retry(row, due_at=self._later(row), reason=str(error))

    def _bury(self, row: Row, reason: str, *, task: Task | None = None, gap: Gap = Gap.GAVE_UP) -> None:
        """Make a row a dead letter, and a failed part of the ledger."""
        now = self._runtime.now()
        expires = self._runtime.until(self._runtime.config.retention.failed)
        thing = task.event.resource if task else None
        failure = ledger.gap_row(
            UnitFailure("", gap, reason),
            residency=self._residency,
            tenant=row["tenant"],
            connection=row["connection"],
            partition=row["partition"],
            resource_key=row["resource_key"],
            resource_id=thing.id if thing else f"event:{row['id']}",
            label=thing.label if thing else "",
            now=now,
        )
        key = (row["tenant"], row["connection"], row["partition"], row["generation"])

        def account(connection: sa.Connection) -> None:
            ledger.add(self._database, connection, self._residency, [(key, ledger.Counts(failed=1))], now=now)
            ledger.put_gaps(self._database, connection, self._residency, [failure])

        if self._stream.bury(row, reason=reason, expires_at=expires, effects=account):
            log.error("event_buried", **_ids(row), reason=reason)

    def _record(self, finished: Sequence[Finished]) -> None:
        if not finished:
            return
        try:
            with tracing.span("record", [item.row["resource_key"] for item in finished], events=len(finished)):
                done = self._commit(finished)
        except (LostLease, *UNSTORABLE):
            # One slow row, or one that no database takes, must not take the others with it.
            for item in finished:
                self._record_alone(item)
            return
        self._stream.acknowledge([item.row for item in finished])
        self._count(finished, done)

    def _record_alone(self, item: Finished) -> None:
        try:
            done = self._commit([item])
        except LostLease:
            log.info("lease_lost", **_ids(item.row))
        except UNSTORABLE as error:
            self._failed(item.row, item.task, Transient(f"it cannot be stored ({type(error).__name__})"))
            return
        else:
            self._count([item], done)
        self._stream.acknowledge([item.row])

    def _commit(self, finished: Sequence[Finished]) -> Recorded:
        now = self._runtime.now()
        keep_until = self._runtime.until(self._runtime.config.retention.bodies)
        remember_until = self._runtime.until(self._stream.remember)
        return self._database.run(
            lambda c: record(
                self._database,
                c,
                self._stream.queue,
                finished,
                routes=self._runtime.routes,
                vault=self._runtime.vault,
                now=now,
                keep_until=keep_until,
                remember_until=remember_until,
            )
        )

    def _count(self, finished: Sequence[Finished], done: Recorded) -> None:
        for item in finished:
            log.debug("event_recorded", **_ids(item.row), findings=len(item.scan.drafts), gaps=len(item.scan.gaps))
            self._metrics.events.labels(item.task.app, item.row["source"]).inc()
            for failure in item.scan.gaps:
                self._metrics.gaps.labels(item.task.app, failure.reason.value).inc()
            if item.scan.mismatches:
                self._metrics.mismatches.labels(item.task.app).inc(item.scan.mismatches)
            for draft in item.scan.drafts:
                if draft.validity is not None:
                    self._metrics.validity.labels(str(draft.validity.evidence["vendor"]), draft.validity.state).inc()
        self._metrics.findings.labels("opened").inc(done.opened)
        self._metrics.findings.labels("reopened").inc(done.reopened)
        self._metrics.findings.labels("resolved").inc(done.resolved)

    def _later(self, row: Row) -> datetime:
        return self._runtime.now() + leases.backoff(row["attempts"])


def _ids(row: Row) -> dict[str, str]:
    """Return what every line about an event says of it."""
    named = {name: str(row[name]) for name in ("residency", "tenant", "connection")}
    return {**named, "event_id": str(row["id"])}


def _already_seen(row: Row, task: Task, held: Held | None) -> bool:
    """Tell whether an event is superseded or a duplicate: then nothing is fetched for it.

    What was read again after an action is no duplicate: some apps' versions are seconds, and some changes make none.
    """
    if held is None or task.event.kind is not EventKind.CHANGED:
        return False
    if row["source"] == REREAD:
        return task.event.version < held.version
    return task.event.version <= held.version


def _restores(row: Row, task: Task, held: Held) -> bool:
    """Tell whether a sync found a resource there that counts as deleted.

    A webhook must be newer than the deletion, because apps deliver old ones late. A sync asked the app after the
    deletion, as who reads a resource again does; but some listings lag, so an old version has to be listed some time
    later to be believed.
    """
    if not held.deleted or row["source"] not in ("sync", REREAD) or task.event.kind is not EventKind.CHANGED:
        return False
    since: timedelta = row["created_at"] - held.at
    return since > (timedelta(0) if task.event.version >= held.version else LISTINGS_LAG)


def _placed(task: Task, held: Held | None) -> Task:
    """Put a resource whose event does not tell its container where it is known to be."""
    thing = task.event.resource
    if held is None or not held.container or thing.container.id:
        return task
    container = replace(thing.container, id=held.container)
    return replace(task, event=replace(task.event, resource=replace(thing, container=container)))
