"""How far each partition has been read: pages are committed with their cursor, events and counts, or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.errors import PluginFault
from connectors.model import FAULTS, Cursor, Page, Partition, UnitFailure
from connectors.store import inbox, ledger, moves
from connectors.store.columns import natural_id
from connectors.store.engine import Database, Row
from connectors.store.inbox import EventRows
from connectors.store.ledger import NOT_READ, Counts
from connectors.store.lifecycle import delete_below, living_findings, resolved
from connectors.store.tables.findings import finding, finding_change, resource
from connectors.store.tables.intake import inbox as inbox_table
from connectors.store.tables.intake import job
from connectors.store.tables.syncs import gap as gap_table
from connectors.store.tables.syncs import ledger as ledger_table
from connectors.store.tables.syncs import sync_partition
from connectors.vault import Vault


@dataclass(frozen=True)
class Progress:
    """Where one partition stands."""

    residency: str
    tenant: str
    connection: str
    partition: Partition
    generation: int
    cursor: Cursor | None
    state: str
    pages: int = 0
    """Pages that were committed before, in this generation."""


def partition_id(residency: str, connection: str, partition: str) -> Any:
    """Return the row id of a partition."""
    return natural_id("partition", residency, connection, partition)


def begin(
    database: Database,
    connection: sa.Connection,
    partition: Partition,
    *,
    residency: str,
    tenant: str,
    name: str,
    vault: Vault,
    now: datetime,
    from_start: bool = False,
    fallback: Cursor | None = None,
) -> Progress:
    """Start or continue reading a partition, and return from where.

    `from_start` opens a new generation. `fallback` is a hint's cursor, for a partition that has none yet.
    """
    identity = partition_id(residency, name, partition.id)
    where = [sync_partition.c.residency == residency, sync_partition.c.id == identity]
    old = connection.execute(sa.select(sync_partition).where(*where)).first()
    cursor: Cursor | None = None
    generation = 1
    if old is not None:
        generation = old.generation + 1 if from_start else old.generation
        if old.cursor and not from_start:
            cursor = vault.open(old.cursor, context=f"cursor:{identity}")
    if cursor is None and not from_start:
        cursor = fallback
    restarted = old is None or from_start or old.started_at is None
    row = {
        "residency": residency,
        "id": identity,
        "tenant": tenant,
        "connection": name,
        "partition": partition.id,
        "label": (partition.label or (old.label if old else "") or partition.id)[:255],
        "state": "reading",
        "reason": "",
        "cursor": vault.seal(cursor, context=f"cursor:{identity}") if cursor is not None else None,
        "generation": generation,
        "estimate": partition.estimate if partition.estimate is not None else (old.estimate if old else None),
        "pages": 0 if old is None or restarted else old.pages,
        "started_at": now if old is None or restarted else old.started_at,
        "finished_at": None,
        "updated_at": now,
    }
    database.upsert(
        connection,
        sync_partition,
        [row],
        update=[name for name in row if name not in ("residency", "id", "tenant")],
    )
    state = old.state if old else "waiting"
    return Progress(residency, tenant, name, partition, generation, cursor, state, row["pages"])


@dataclass(frozen=True)
class PreparedPage:
    """A page as rows: encrypted outside of the transaction."""

    progress: Progress
    events: list[dict[str, Any]]
    gaps: list[dict[str, Any]]
    counts: Counts
    cursor: bytes | None
    done: bool
    estimate: int | None = None


def prepare_page(
    progress: Progress,
    page: Page,
    *,
    vault: Vault,
    shards: int,
    plugin: str,
    now: datetime,
    salt: str = "",
    again: bool = False,
) -> PreparedPage:
    """Make the rows of one page. Raises `PluginFault` when its count is not what it holds.

    `salt` tells apart two listings of one event, for a stream that knows what it brought before. With `again` what has
    not changed since it was scanned is scanned once more.
    """
    if page.listed != len(page.events) + len(page.failures):
        raise PluginFault(plugin, "read", ValueError()) from None
    named = {"residency": progress.residency, "tenant": progress.tenant, "connection": progress.connection}
    partition = progress.partition.id
    rows = EventRows(
        vault=vault,
        shards=shards,
        source=inbox.REREAD if again else "sync",
        partition=partition,
        generation=progress.generation,
        now=now,
        salt=salt,
        **named,
    )
    events = [rows.of(event) for event in page.events]
    gaps = []
    failed = 0
    for failure in page.failures:
        thing = failure.resource
        resource_id = thing.id if thing else f"partition:{partition}"
        key = natural_id("resource", progress.residency, progress.connection, resource_id)
        label = (thing.label if thing else "") or progress.partition.label
        gaps.append(
            ledger.gap_row(
                failure,
                partition=partition,
                resource_key=key,
                resource_id=resource_id,
                label=label,
                now=now,
                **named,
            )
        )
        failed += failure.reason in FAULTS
    counts = Counts(listed=page.listed, skipped=len(page.failures) - failed, failed=failed)
    identity = partition_id(progress.residency, progress.connection, partition)
    cursor = vault.seal(dict(page.cursor), context=f"cursor:{identity}") if page.cursor is not None else None
    return PreparedPage(progress, events, gaps, counts, cursor, page.done, page.estimate)


def commit_page(
    database: Database,
    connection: sa.Connection,
    page: PreparedPage,
    *,
    now: datetime,
    published: AbstractSet[uuid.UUID] = frozenset(),
) -> None:
    """Commit a page's events, gaps, counts and cursor. Call it in the transaction that extends the lease.

    Events in `published` are durable in another stream already, and only counted.
    """
    progress = page.progress
    inserted = inbox.insert_events(database, connection, [row for row in page.events if row["id"] not in published])
    inserted |= {row["id"] for row in page.events} & published
    # An event that waits already, or stands twice in the page, was listed once more and needs no second scan.
    already = len(page.events) - len(inserted)
    counts = Counts(page.counts.listed, page.counts.scanned + already, page.counts.skipped, page.counts.failed)
    key = (progress.tenant, progress.connection, progress.partition.id, progress.generation)
    ledger.add(database, connection, progress.residency, [(key, counts)], now=now)
    ledger.put_gaps(database, connection, progress.residency, page.gaps)
    values: dict[str, Any] = {"pages": sync_partition.c.pages + 1, "updated_at": now}
    if page.cursor is not None:
        values["cursor"] = page.cursor
    if page.estimate is not None:
        values["estimate"] = page.estimate
    if page.done:
        values.update(state="done", finished_at=now)
    identity = partition_id(progress.residency, progress.connection, progress.partition.id)
    where = [sync_partition.c.residency == progress.residency, sync_partition.c.id == identity]
    connection.execute(sa.update(sync_partition).where(*where).values(**values))


def declare(
    database: Database,
    connection: sa.Connection,
    places: Sequence[UnitFailure],
    *,
    residency: str,
    tenant: str,
    name: str,
    plugin: str,
    vault: Vault,
    now: datetime,
) -> None:
    """Keep which kinds of places a connection never reads: a partition of its own, counted anew when they change."""
    mine = [gap_table.c.residency == residency, gap_table.c.connection == name, gap_table.c.partition == NOT_READ]
    kept = connection.execute(sa.select(gap_table.c.part, gap_table.c.reason, gap_table.c.detail).where(*mine))
    if {tuple(row) for row in kept} == {(one.part[:500], one.reason.value, one.detail[:500]) for one in places}:
        return
    connection.execute(sa.delete(gap_table).where(*mine))
    partition = Partition(NOT_READ, "kinds of places that are not read")
    progress = begin(
        database,
        connection,
        partition,
        residency=residency,
        tenant=tenant,
        name=name,
        vault=vault,
        now=now,
        from_start=True,
    )
    page = Page(failures=tuple(replace(one, resource=None) for one in places), listed=len(places), done=True)
    prepared = prepare_page(progress, page, vault=vault, shards=database.shards, plugin=plugin, now=now)
    commit_page(database, connection, prepared, now=now)


def mark(
    connection: sa.Connection,
    residency: str,
    name: str,
    partition: str,
    *,
    state: str,
    reason: str,
    now: datetime,
) -> None:
    """Note why a partition waits or failed."""
    identity = partition_id(residency, name, partition)
    where = [sync_partition.c.residency == residency, sync_partition.c.id == identity]
    connection.execute(sa.update(sync_partition).where(*where).values(state=state, reason=reason[:500], updated_at=now))


def pending(connection: sa.Connection, residency: str, name: str, partition: str) -> int:
    """Return how many events of a partition still wait for a worker."""
    query = sa.select(sa.func.count()).where(
        inbox_table.c.residency == residency,
        inbox_table.c.connection == name,
        inbox_table.c.partition == partition,
        inbox_table.c.state == "ready",
    )
    return int(connection.execute(query).scalar_one())


def unaccounted(connection: sa.Connection, residency: str, name: str, partition: str | None = None) -> int:
    """Return how many listed things are neither scanned nor skipped nor failed yet, wherever their events wait."""
    table = ledger_table
    left = table.c.listed - table.c.scanned - table.c.skipped - table.c.failed
    query = sa.select(sa.func.sum(left)).where(table.c.residency == residency, table.c.connection == name)
    if partition is not None:
        query = query.where(table.c.partition == partition)
    return int(connection.execute(query).scalar_one() or 0)


def busy(connection: sa.Connection, residency: str, name: str) -> bool:
    """Tell whether events or sync jobs of a connection are left to do. Events that wait to be retried count."""
    waiting = sa.select(inbox_table.c.id).where(
        inbox_table.c.residency == residency, inbox_table.c.connection == name, inbox_table.c.state == "ready"
    )
    jobs = sa.select(job.c.id).where(
        job.c.residency == residency,
        job.c.connection == name,
        job.c.state == "ready",
        job.c.queue.in_(("discover", "sync", "reconcile", "alert")),
    )
    return any(connection.execute(query.limit(1)).first() is not None for query in (waiting, jobs))


def reconcile(
    database: Database,
    connection: sa.Connection,
    residency: str,
    name: str,
    partition: str,
    *,
    now: datetime,
    limit: int = 500,
) -> tuple[int, int]:
    """Resolve the findings of resources that a complete reading no longer listed.

    Works on up to `limit` resources; returns how many were gone and how many findings that resolved.
    """
    identity = partition_id(residency, name, partition)
    generation = connection.execute(
        sa.select(sync_partition.c.generation).where(
            sync_partition.c.residency == residency, sync_partition.c.id == identity
        )
    ).scalar_one()
    gone = (
        connection.execute(
            sa.select(resource.c.id)
            .where(
                resource.c.residency == residency,
                resource.c.connection == name,
                resource.c.partition == partition,
                resource.c.listed_in < generation,
                resource.c.deleted.is_(False),
            )
            .limit(limit)
        )
        .scalars()
        .all()
    )
    if not gone:
        return 0, 0
    where = [resource.c.residency == residency]
    connection.execute(sa.update(resource).where(*where, resource.c.id.in_(gone)).values(deleted=True, scanned_at=now))
    keys = [*gone, *delete_below(connection, residency, gone, now=now)]
    changes: list[dict[str, Any]] = []
    living = living_findings(connection, residency, keys)
    rows = [resolved(row, now, changes, comment="no longer listed by the app") for row in living]
    database.upsert(connection, finding, rows, update=("state", "revision", "resolved_at", "updated_at"))
    if changes:
        connection.execute(sa.insert(finding_change), changes)
    moves.follow(database, connection, residency, list(zip(living, rows, strict=True)), now=now)
    return len(gone), len(rows)


def partitions(connection: sa.Connection, residency: str, name: str) -> Sequence[Row]:
    """Return a connection's partitions, without their cursors."""
    columns = [column for column in sync_partition.c if column.name != "cursor"]
    query = sa.select(*columns).where(sync_partition.c.residency == residency, sync_partition.c.connection == name)
    return [row._asdict() for row in connection.execute(query)]


def read_cursor(row: Mapping[str, Any], vault: Vault) -> Cursor | None:
    """Return the cursor of a partition's row, for people who ask how far it is."""
    return vault.open(row["cursor"], context=f"cursor:{row['id']}") if row["cursor"] else None
