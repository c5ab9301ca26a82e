"""Reading history and changes: one job lists a connection's partitions, one job each reads them, page by page."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa
import structlog

from connectors import tracing
from connectors.contract import Syncs
from connectors.errors import ConnectorsError, MissingScope, NotFound, Unsupported
from connectors.host import guarded
from connectors.model import Cursor, Gap, Page, Partition, UnitFailure
from connectors.runtime import covered
from connectors.store import connections, inbox, jobs, leases, syncs
from connectors.store.jobs import Job
from connectors.store.syncs import PreparedPage, Progress
from connectors.work.ahead import ReadAhead
from connectors.work.job import Ended, JobRun
from connectors.work.stream import unfinished

log = structlog.get_logger()

SLICE = timedelta(seconds=10)
"""How long one partition may keep a thread before others have their turn."""

BACKLOG_LIMIT = 5_000
"""Events of a connection waiting from which on its sync stops reading, so that the inbox stays an inbox.

Counted per connection: what waits for a throttled app must not stop the reading of the others.
"""

LOOK = timedelta(seconds=1)
"""How often a reading looks at the backlog."""

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
    wanted = [
        _job(run, partition, _since(run))
        for partition in guarded(plugin, "partitions", connector.partitions())
        if covered(settings.include, settings.exclude, partition.id, partition.container or partition.label)
    ]
    # Of two that a plugin names alike the later one counts, as in the ledger.
    places = {one.part: one for one in guarded(plugin, "not_read", connector.not_read())}
    owner = run.runtime.owner(run.connection)
    now = run.now()

    def effects(c: sa.Connection) -> None:
        jobs.enqueue(run.database, c, wanted, vault=run.runtime.vault, now=now)
        syncs.declare(
            run.database,
            c,
            list(places.values()),
            residency=run.residency,
            tenant=run.row["tenant"],
            name=run.connection,
            plugin=plugin,
            vault=run.runtime.vault,
            now=now,
        )
        connections.touch(run.database, c, owner, now=now, last_sync=now)

    log.info("sync_discovered", connection=run.connection, partitions=len(wanted))
    return Ended(effects)


def read(run: JobRun) -> Ended:
    """Read one partition from its cursor on, committing page by page, for one slice of time.

    The next page is read while one is stored. What was asked for is stored too: no call to the app is for nothing.
    """
    connector = run.connectors.get(run.connection)
    if not isinstance(connector, Syncs):
        return Ended()
    settings = run.runtime.config.connections[run.connection]
    plugin = run.runtime.host.owners[settings.connector]
    progress = _begin(run)
    if _crowded(run):
        return Ended(again_at=run.now() + PAUSE)
    turn = _Turn(run)
    try:
        with ReadAhead(guarded(plugin, "read", connector.read(progress.partition, progress.cursor))) as pages:
            for number, page in enumerate(pages, progress.pages):
                if not (page.done or turn.over()):
                    pages.begin()
                _commit(run, progress, page, plugin, number)
                if page.done:
                    return Ended(partial(_after, run, progress, page))
                if not pages.begun:
                    return Ended(again_at=run.now())
    except (MissingScope, NotFound, Unsupported) as error:
        return Ended(partial(_not_covered, run, progress, error))
    # A reading that stops without saying that it is done has nothing more for now.
    return Ended(partial(_mark_done, run, progress))


class _Turn:
    """How long a reading may go on before others have their turn."""

    def __init__(self, run: JobRun) -> None:
        self._run = run
        self._begun = self._looked = run.now()

    def over(self) -> bool:
        """Tell whether no further page is to be asked for now."""
        now = self._run.now()
        if self._run.stopping.is_set() or now >= self._begun + SLICE:
            return True
        if now < self._looked + LOOK:
            return False
        self._looked = now
        return _crowded(self._run)


def reconcile(run: JobRun) -> Ended:
    """Resolve what a complete reading no longer listed, once everything it listed has been processed."""
    partition = str(run.arguments["partition"])
    waiting = run.database.read(lambda c: unfinished(run.runtime, c, run.runtime.owner(run.connection), partition))
    if waiting:
        return Ended(again_at=run.now() + PAUSE)
    now = run.now()
    gone, resolved = run.database.run(
        lambda c: syncs.reconcile(run.database, c, run.residency, run.connection, partition, now=now)
    )
    run.metrics.findings.labels("resolved").inc(resolved)
    return Ended(again_at=now) if gone else Ended()


def _since(run: JobRun) -> str | None:
    """Return the time at which history is wanted to start: as asked for, or as the connection is configured."""
    asked: str | None = run.arguments.get("since")
    window = run.runtime.config.connections[run.connection].sync.since
    return asked or ((run.now() - window).isoformat() if window else None)


def _job(run: JobRun, partition: Partition, since: str | None) -> Job:
    arguments = {
        "partition": {"id": partition.id, "label": partition.label, "estimate": partition.estimate, "since": since},
        "from_start": bool(run.arguments.get("from_start")),
        "again": bool(run.arguments.get("again")),
    }
    key = f"{run.connection}/{partition.id}"
    return Job("sync", key, run.residency, run.row["tenant"], run.connection, arguments)


def _begin(run: JobRun) -> Progress:
    given = run.arguments["partition"]
    since = datetime.fromisoformat(given["since"]) if given.get("since") else None
    partition = Partition(given["id"], given.get("label", ""), given.get("estimate"), since)
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


def _commit(run: JobRun, progress: Progress, page: Page, plugin: str, number: int) -> None:
    """Commit one page, and with it the lease: a reader that was replaced writes nothing.

    A page that is read again because its commit failed has the same `number`, and so its events the same ids.
    """
    now, publisher = run.now(), run.runtime.publisher
    prepared: PreparedPage = syncs.prepare_page(
        progress,
        page,
        vault=run.runtime.vault,
        shards=run.database.shards,
        plugin=plugin,
        now=now,
        salt=f"page {number}" if publisher else "",
        again=bool(run.arguments.get("again")),
    )
    published = publisher.publish(run.residency, prepared.events) if publisher else set()
    until = now + run.runtime.config.work.lease

    def commit(c: sa.Connection) -> None:
        if not leases.keep(c, run.queue, run.row, until=until, note=CONTINUES):
            raise leases.LostLease("the partition was taken over")
        syncs.commit_page(run.database, c, prepared, now=now, published=published)

    with tracing.span("sync page", [row["resource_key"] for row in prepared.events], connection=run.connection):
        run.database.run(commit)


def _after(run: JobRun, progress: Progress, page: Page, connection: sa.Connection) -> None:
    # A reading that was asked to leave out old history does not know what is gone.
    if page.reconcile and progress.partition.since is None:
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


def _mark_done(run: JobRun, progress: Progress, connection: sa.Connection) -> None:
    partition = progress.partition.id
    syncs.mark(connection, run.residency, run.connection, partition, state="done", reason="", now=run.now())


def _not_covered(run: JobRun, progress: Progress, error: ConnectorsError, connection: sa.Connection) -> None:
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
    if run.runtime.publisher and run.runtime.publisher.backlog(run.residency, now=run.now()).events >= BACKLOG_LIMIT:
        return True

    def count(c: sa.Connection) -> int:
        return inbox.waiting(c, run.residency, run.connection, limit=BACKLOG_LIMIT)

    return run.database.read(count) >= BACKLOG_LIMIT


def request(
    name: str, *, residency: str, tenant: str, from_start: bool = False, again: bool = False, since: str | None = None
) -> Job:
    """Return the job that starts a sync of a connection; `since` is the ISO time that history starts at.

    `again` reads from the start and scans what has not changed too, for what policies and detectors are now.
    """
    given = {"from_start": from_start or again, "again": again, "since": since}
    return Job("discover", name, residency, tenant, name, given)
