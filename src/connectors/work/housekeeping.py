"""What happens by the clock: syncs, renewals of push channels, re-checks of broken connections, purging."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import sqlalchemy as sa
import structlog

from connectors.contract import Subscribes, powers
from connectors.errors import ConnectorsError
from connectors.host import guarded, wall
from connectors.model import Level
from connectors.runtime import Runtime
from connectors.store import connections, jobs, purge, schedules
from connectors.store.jobs import Job
from connectors.store.schedules import Entry
from connectors.work.context import Connections
from connectors.work.job import Ended, JobRun

log = structlog.get_logger()

PURGE_EVERY = timedelta(minutes=10)
RECHECK_EVERY = timedelta(minutes=10)
RENEW_EVERY = timedelta(minutes=10)
"""How often push channels are looked at: often enough for those that live an hour."""


def entries(runtime: Runtime, residency: str) -> Iterator[Entry]:
    """Yield what is to happen how often in one residency. The names are stable: they key the rows."""
    yield Entry("purge", PURGE_EVERY, Job("purge", "purge", residency))
    # CockroachDB writes the files itself: `connectors cdc apply`.
    if runtime.config.cdc.url_of(residency) and not runtime.databases.of(residency).feeds_changes:
        yield Entry("cdc", runtime.config.cdc.every, Job("cdc", "cdc", residency))
    for name, settings in runtime.config.connections.items():
        owner = runtime.owner(name)
        if owner.residency != residency or not settings.enabled:
            continue
        connector = runtime.host.connectors.get(settings.connector)
        if connector is None:
            continue
        able = powers(connector)
        if settings.sync.enabled and "Syncs" in able:
            asked = Job("discover", name, residency, owner.tenant, name)
            yield Entry(f"sync:{name}", settings.sync.every, asked)
            if settings.sync.full_every:
                full = Job("discover", name, residency, owner.tenant, name, {"from_start": True})
                yield Entry(f"full:{name}", settings.sync.full_every, full, at_once=False)
        if "Subscribes" in able and runtime.config.gateway.public_url:
            yield Entry(f"subscribe:{name}", RENEW_EVERY, Job("subscribe", name, residency, owner.tenant, name))
        yield Entry(f"recheck:{name}", RECHECK_EVERY, Job("recheck", name, residency, owner.tenant, name))


def tick(runtime: Runtime, residency: str) -> int:
    """Ask for every job whose time has come; any number of workers may tick, each job is asked for once."""
    database = runtime.databases.of(residency)
    planned = list(entries(runtime, residency))
    now = runtime.now()

    def ask(c: sa.Connection) -> int:
        due = schedules.due(database, c, residency, planned, now=now)
        # A full sync is more than the one that may be running.
        more = [job for job in due if job.arguments]
        jobs.enqueue(database, c, more, vault=runtime.vault, now=now)
        jobs.enqueue(database, c, [job for job in due if not job.arguments], now=now, again=False)
        return len(due)

    return database.run(ask)


def subscribe(run: JobRun) -> Ended:
    """Make or renew a connection's push channel, when three quarters of its time are over."""
    connector = run.connectors.get(run.connection)
    public = run.runtime.config.gateway.public_url.rstrip("/")
    if not isinstance(connector, Subscribes) or not public:
        return Ended()
    owner, now = run.runtime.owner(run.connection), run.now()
    channel = run.database.read(lambda c: connections.get_channel(c, owner, run.runtime.vault))
    if channel is not None and now < channel.renew_at:
        return Ended()
    current = channel.subscription if channel else None
    plugin = run.runtime.host.owners[owner.app]
    with wall(plugin, "subscribe"):
        renewed = connector.subscribe(f"{public}/webhooks/{run.connection}", current)
    log.info("subscribed", connection=run.connection, until=str(renewed.expires_at))
    return Ended(
        lambda c: connections.put_subscription(run.database, c, owner, renewed, vault=run.runtime.vault, now=now)
    )


def unsubscribe(runtime: Runtime, connectors: Connections, name: str) -> None:
    """End a connection's push channel at its app, if it has one. Raises what the connector raises."""
    owner = runtime.owner(name)
    database = runtime.databases.of(owner.residency)
    channel = database.read(lambda c: connections.get_channel(c, owner, runtime.vault))
    connector = connectors.get(name)
    if channel is None or not isinstance(connector, Subscribes):
        return
    with wall(runtime.host.owners[owner.app], "unsubscribe"):
        connector.unsubscribe(channel.subscription)
    log.info("unsubscribed", connection=name)


def recheck(run: JobRun) -> Ended:
    """Look at a broken connection again; when its check passes, let it work."""
    broken = run.database.read(lambda c: connections.broken(c, run.residency))
    if run.connection not in broken:
        return Ended()
    connector = run.connectors.get(run.connection)
    plugin = run.runtime.host.owners[run.runtime.config.connections[run.connection].connector]
    try:
        checks = list(guarded(plugin, "check", connector.check()))
    except ConnectorsError:
        return Ended()
    if not any(check.level is Level.FAILED for check in checks):
        run.trouble.repaired(run.connection)
    return Ended()


def export_changes(run: JobRun) -> Ended:
    """Write the findings that changed since the last time to the object storage."""
    from connectors.cdc.outbox import export
    from connectors.cdc.store import open_store

    settings = run.runtime.config.cdc
    url = settings.url_of(run.residency)
    if url:
        exported = export(run.database, run.residency, open_store(url, settings.options, folder=run.runtime.folder))
        if exported:
            log.info("changes_exported", rows=exported, residency=run.residency)
    return Ended()


def purge_expired(run: JobRun) -> Ended:
    """Delete what has expired, in small transactions."""
    deleted = purge.purge(run.database, run.residency, run.runtime.config.retention, now=run.now())
    if deleted:
        log.info("purged", rows=deleted, residency=run.residency)
    return Ended()
