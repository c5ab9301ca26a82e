"""The ledger: what was listed, scanned, skipped (with reason) and failed, per partition. Listed is always the sum.

It counts parts. A resource counts as one until its parts are known; then it counts as many as it has.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.model import FAULTS, UnitFailure
from connectors.store.columns import natural_id
from connectors.store.engine import Database, Row
from connectors.store.tables.syncs import gap, ledger, sync_partition

LEDGER_SHARDS = 8

LIVE = "live"
"""The partition that webhook events are counted in."""


@dataclass
class Counts:
    """What is to be added to one partition's ledger."""

    listed: int = 0
    scanned: int = 0
    skipped: int = 0
    failed: int = 0

    @property
    def pending(self) -> int:
        """Return how many parts still wait for a worker."""
        return self.listed - self.scanned - self.skipped - self.failed

    def add(self, other: Counts) -> None:
        """Add another count to this one."""
        self.listed += other.listed
        self.scanned += other.scanned
        self.skipped += other.skipped
        self.failed += other.failed


def count_parts(parts: int, gaps: Sequence[UnitFailure]) -> Counts:
    """Return what one processed event adds: it was listed as one, and turned out to have so many parts."""
    failed = sum(1 for failure in gaps if failure.reason in FAULTS)
    skipped = len(gaps) - failed
    total = parts + skipped + failed
    if total == 0:
        return Counts(scanned=1)
    return Counts(listed=total - 1, scanned=parts, skipped=skipped, failed=failed)


Key = tuple[str, str, str, int]
"""(tenant, connection, partition, generation)."""


def add(
    database: Database,
    connection: sa.Connection,
    residency: str,
    counts: Iterable[tuple[Key, Counts]],
    *,
    now: datetime,
) -> None:
    """Add counts to the ledger. Each process adds to rows of its own, so that no row is everybody's."""
    shard = os.getpid() % LEDGER_SHARDS
    rows = [
        {
            "residency": residency,
            "id": natural_id("ledger", residency, name, partition, generation, shard),
            "tenant": tenant,
            "connection": name,
            "partition": partition,
            "generation": generation,
            "shard": shard,
            "listed": added.listed,
            "scanned": added.scanned,
            "skipped": added.skipped,
            "failed": added.failed,
            "updated_at": now,
        }
        for (tenant, name, partition, generation), added in counts
    ]

    def merge(new: Any) -> dict[str, Any]:
        summed = {name: ledger.c[name] + new[name] for name in ("listed", "scanned", "skipped", "failed")}
        return {**summed, "updated_at": new.updated_at}

    database.upsert(connection, ledger, rows, update=merge)


def gap_row(
    failure: UnitFailure,
    *,
    residency: str,
    tenant: str,
    connection: str,
    partition: str,
    resource_key: uuid.UUID,
    resource_id: str,
    label: str,
    now: datetime,
) -> dict[str, Any]:
    """Return the row that keeps one gap for people to see."""
    return {
        "residency": residency,
        "id": natural_id("gap", residency, connection, resource_id, failure.part),
        "tenant": tenant,
        "connection": connection,
        "partition": partition,
        "resource_key": resource_key,
        "resource_id": resource_id[:1024],
        "part": failure.part[:500],
        "label": label[:500],
        "outcome": "failed" if failure.reason in FAULTS else "skipped",
        "reason": failure.reason.value,
        "detail": failure.detail[:500],
        "at": now,
    }


def put_gaps(
    database: Database,
    connection: sa.Connection,
    residency: str,
    rows: Sequence[Row],
    *,
    replace: Mapping[uuid.UUID, datetime] | None = None,
) -> None:
    """Write gaps; those of the resources in `replace` that are no longer there are dropped.

    `replace` says when each resource's event was recorded: a gap of that very moment came in the same page, as
    what the app does not let anybody read of the resource, and stays.
    """
    if replace:
        stale = sa.delete(gap).where(
            gap.c.residency == residency, gap.c.resource_key.in_(replace), gap.c.at.not_in(set(replace.values()))
        )
        connection.execute(stale)
    unique = {row["id"]: row for row in rows}
    database.upsert(
        connection,
        gap,
        list(unique.values()),
        update=("partition", "label", "outcome", "reason", "detail", "at"),
    )


@dataclass(frozen=True)
class Coverage:
    """One partition's line of the ledger, with its progress."""

    connection: str
    partition: str
    label: str
    state: str
    counts: Counts
    pages: int = 0
    estimate: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    reason: str = ""

    @property
    def holds(self) -> bool:
        """Tell whether listed = scanned + skipped + failed, which is so whenever nothing is pending."""
        return self.counts.pending == 0

    def eta(self, now: datetime) -> float | None:
        """Return the seconds until the partition is read, as far as its speed so far tells."""
        if self.state != "reading" or not self.estimate or not self.started_at or self.counts.listed == 0:
            return None
        speed = self.counts.listed / max((now - self.started_at).total_seconds(), 0.001)
        return max(self.estimate - self.counts.listed, 0) / speed


def coverage(connection: sa.Connection, residency: str, *, name: str | None = None) -> list[Coverage]:
    """Return the ledger of every partition in its current generation, and of the webhooks."""
    sums = [sa.func.sum(ledger.c[column]).label(column) for column in ("listed", "scanned", "skipped", "failed")]
    query = (
        sa.select(ledger.c.connection, ledger.c.partition, ledger.c.generation, *sums)
        .where(ledger.c.residency == residency)
        .group_by(ledger.c.connection, ledger.c.partition, ledger.c.generation)
    )
    partitions = sa.select(sync_partition).where(sync_partition.c.residency == residency)
    if name:
        query = query.where(ledger.c.connection == name)
        partitions = partitions.where(sync_partition.c.connection == name)
    counted = {
        (row.connection, row.partition, row.generation): Counts(
            int(row.listed), int(row.scanned), int(row.skipped), int(row.failed)
        )
        for row in connection.execute(query)
    }
    lines = [
        Coverage(
            connection=row.connection,
            partition=row.partition,
            label=row.label,
            state=row.state,
            counts=counted.get((row.connection, row.partition, row.generation), Counts()),
            pages=row.pages,
            estimate=row.estimate,
            started_at=row.started_at,
            finished_at=row.finished_at,
            reason=row.reason,
        )
        for row in connection.execute(partitions)
    ]
    lines.extend(
        Coverage(connection=key[0], partition=LIVE, label="webhooks", state="live", counts=counts)
        for key, counts in counted.items()
        if key[1] == LIVE
    )
    return sorted(lines, key=lambda line: (line.connection, line.partition != LIVE, line.label))


def gaps(connection: sa.Connection, residency: str, *, name: str | None = None, limit: int = 1000) -> list[Row]:
    """Return what was not scanned, and why."""
    query = sa.select(gap).where(gap.c.residency == residency).order_by(gap.c.connection, gap.c.reason).limit(limit)
    if name:
        query = query.where(gap.c.connection == name)
    return [row._asdict() for row in connection.execute(query)]


def gap_reasons(connection: sa.Connection, residency: str) -> list[Row]:
    """Return how many gaps each connection has, by reason."""
    query = (
        sa.select(gap.c.connection, gap.c.outcome, gap.c.reason, sa.func.count().label("count"))
        .where(gap.c.residency == residency)
        .group_by(gap.c.connection, gap.c.outcome, gap.c.reason)
        .order_by(gap.c.connection, gap.c.reason)
    )
    return [row._asdict() for row in connection.execute(query)]
