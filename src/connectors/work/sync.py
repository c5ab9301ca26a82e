"""Reading history and changes: one job lists a connection's partitions, one job each reads them, page by page."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
import structlog

from connectors.contract import Syncs
from connectors.errors import ConnectorsError, MissingScope, NotFound, Unsupported
from connectors.host import guarded
from connectors.model import Cursor, Gap, Page, Partition, UnitFailure
from connectors.runtime import covered
from connectors.store import connections, inbox, jobs, leases, syncs
from connectors.store.jobs import Job
from connectors.store.syncs import PreparedPage, Progress
from connectors.work.job import Ended, JobRun

log = structlog.get_logger()

SLICE = timedelta(seconds=10)
"""How long one partition may keep a thread before others have their turn."""

BACKLOG_LIMIT = 5_000
"""Events waiting from which on a sync stops reading, so that the inbox stays an inbox."""

PAUSE = timedelta(seconds=1)

CONTINUES = "continues"
"""Note on a job whose reading has begun: whoever takes it over goes on from the cursor."""

GAPS: dict[type[ConnectorsError], Gap] = {
    MissingScope: Gap.MISSING_SCOPE,
    NotFound: Gap.GONE,
    Unsupported: Gap.NOT_IN_API,
}


def discover(run: JobRun) -> Ended:
    """List a connection's partitions and ask for the reading of each that its include list covers."""
    connector = run.connectors.get(run.connection)
    if not isinstance(connector, Syncs):
        return Ended()
    settings = run.runtime.config.connections[run.connection]
    plugin = run.runtime.host.owners[settings.connector]
    from_start = bool(run.arguments.get("from_start"))
    wanted = []
    for partition in guarded(plugin, "partitions", connector.partitions()):
        if covered(settings.include, settings.exclude, partition.id, partition.label):
            wanted.append(_job(run, partition, from_start=from_start))
    owner = run.runtime.owner(run.connection)
    now = run.now()

    def effects(c: sa.Connection) -> None:
        jobs.enqueue(run.database, c, wanted, vault=run.runtime.vault, now=now)
        connections.touch(run.database, c, owner, now=now, last_sync=now)

    log.info("sync_discovered", connection=run.connection, partitions=len(wanted))
    return Ended(effects)


def read(run: JobRun) -> Ended:
    """Read one partition from its cursor on, committing page by page, for one slice of time."""
    connector = run.connectors.get(run.connection)
    if not isinstance(connector, Syncs):
        return Ended()
    settings = run.runtime.config.connections[run.connection]
    plugin = run.runtime.host.owners[settings.connector]
    progress = _begin(run)
    if _crowded(run):
        return Ended(again_at=run.now() + PAUSE)
    end = run.now() + SLICE
    try:
        for page in guarded(plugin, "read", connector.read(progress.partition, progress.cursor)):
            _commit(run, progress, page, plugin)
            if page.done:
                return Ended(lambda c: _after(run, c, progress, page))
            if run.stopping.is_set() or run.now() >= end or _crowded(run):
                return Ended(again_at=run.now())
    except (MissingScope, NotFound, Unsupported) as error:
        return Ended(lambda c, e=error: _not_covered(run, c, progress, e))  # type: ignore[misc]
    # A reading that stops without saying that it is done has nothing more for now.
    return Ended(lambda c: _mark_done(run, c, progress))


def reconcile(run: JobRun) -> Ended:
    """Resolve what a complete reading no longer listed, once everything it listed has been processed."""
    partition = str(run.arguments["partition"])
    waiting = run.database.read(lambda c: syncs.pending(c, run.residency, run.connection, partition))
    if waiting:
        return Ended(again_at=run.now() + PAUSE)
    now = run.now()
    gone, resolved = run.database.run(
        lambda c: syncs.reconcile(run.database, c, run.residency, run.connection, partition, now=now)
    )
    run.metrics.findings.labels("resolved").inc(resolved)
    return Ended(again_at=now) if gone else Ended()


def _job(run: JobRun, partition: Partition, *, from_start: bool = False) -> Job:
    arguments = {
        "partition": {"id": partition.id, "label": partition.label, "estimate": partition.estimate},
        "from_start": from_start,
    }
    key = f"{run.connection}/{partition.id}"
    return Job("sync", key, run.residency, run.row["tenant"], run.connection, arguments)


def _begin(run: JobRun) -> Progress:
    given = run.arguments["partition"]
    partition = Partition(given["id"], given.get("label", ""), given.get("estimate"))
    fallback: Cursor | None = run.arguments.get("cursor")
    # A slice that continues must not start over: only the first attempt of a request opens a new generation.
    from_start = bool(run.arguments.get("from_start")) and run.row["reason"] != CONTINUES
    return run.database.run(
        lambda c: syncs.begin(
            run.database,
            c,
            partition,
            residency=run.residency,
            tenant=run.row["tenant"],
            name=run.connection,
            vault=run.runtime.vault,
            now=run.now(),
            from_start=from_start,
            fallback=fallback,
        )
    )


def _commit(run: JobRun, progress: Progress, page: Page, plugin: str) -> None:
    """Commit one page, and with it the lease: a reader that was replaced writes nothing."""
    now = run.now()
    prepared: PreparedPage = syncs.prepare_page(
        progress, page, vault=run.runtime.vault, shards=run.database.shards, plugin=plugin, now=now
    )
    until = now + run.runtime.config.work.lease

    def commit(c: sa.Connection) -> None:
        if not leases.keep(c, run.queue, run.row, until=until, note=CONTINUES):
            raise leases.LostLease("the partition was taken over")
        syncs.commit_page(run.database, c, prepared, now=now)

    run.database.run(commit)


def _after(run: JobRun, connection: sa.Connection, progress: Progress, page: Page) -> None:
    if page.reconcile:
        wanted = Job(
            "reconcile",
            f"{run.connection}/{progress.partition.id}",
            run.residency,
            run.row["tenant"],
            run.connection,
            {"partition": progress.partition.id},
            due_at=run.now() + PAUSE,
        )
        jobs.enqueue(run.database, connection, [wanted], vault=run.runtime.vault, now=run.now())


def _mark_done(run: JobRun, connection: sa.Connection, progress: Progress) -> None:
    partition = progress.partition.id
    syncs.mark(connection, run.residency, run.connection, partition, state="done", reason="", now=run.now())


def _not_covered(run: JobRun, connection: sa.Connection, progress: Progress, error: ConnectorsError) -> None:
    """Write a partition that cannot be read into the ledger: it was listed, and it was not scanned."""
    failure = UnitFailure("", GAPS[type(error)], str(error))
    page = Page(failures=(failure,), listed=1)
    prepared = syncs.prepare_page(
        progress, page, vault=run.runtime.vault, shards=run.database.shards, plugin="", now=run.now()
    )
    syncs.commit_page(run.database, connection, prepared, now=run.now())
    partition = progress.partition.id
    syncs.mark(connection, run.residency, run.connection, partition, state="failed", reason=str(error), now=run.now())
    log.warning("partition_not_covered", connection=run.connection, partition=partition, reason=str(error))


def _crowded(run: JobRun) -> bool:
    def count(c: sa.Connection) -> int:
        return inbox.waiting(c, run.residency, limit=BACKLOG_LIMIT)

    return run.database.read(count) >= BACKLOG_LIMIT


def request(run_for: str, *, residency: str, tenant: str, from_start: bool = False) -> Job:
    """Return the job that starts a sync of a connection."""
    return Job("discover", run_for, residency, tenant, run_for, {"from_start": from_start})
