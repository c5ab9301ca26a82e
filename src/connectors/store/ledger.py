"""The ledger: what was listed, scanned, skipped (with reason) and failed, per partition. Listed is always the sum.

It counts parts. A resource counts as one until its parts are known; then it counts as many as it has.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.model import FAULTS, UnitFailure
from connectors.store.columns import natural_id
from connectors.store.engine import Database, Row
from connectors.store.tables.syncs import gap, ledger, sync_partition

LEDGER_SHARDS = 8

ADDENDS = ("listed", "scanned", "skipped", "failed")
PARTITION = ("residency", "connection", "partition")
SHARED = ("connection", "partition", "label", "state", "pages", "estimate", "started_at", "finished_at", "reason")
"""Columns of a partition that its line of the ledger shows."""

LIVE = "live"
"""The partition that webhook events are counted in."""

NOT_READ = "not read"
"""The partition of what is no partition: the kinds of places that a connector never reads, each with its reason."""


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
        summed = {name: ledger.c[name] + new[name] for name in ADDENDS}
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
    rows = sa.select(sync_partition).where(sync_partition.c.residency == residency)
    if name:
        rows = rows.where(sync_partition.c.connection == name)
    counted = _counted(connection, residency, [name] if name else None, None)
    lines = [_line(row, counted) for row in connection.execute(rows)]
    lines.extend(_live(key[0], counts) for key, counts in counted.items() if key[1] == LIVE)
    return sorted(lines, key=lambda line: (line.connection, line.partition != LIVE, line.label))


Counted = Mapping[tuple[str, str, int], Counts]
"""Counts by (connection, partition, generation)."""


def _counted(
    connection: sa.Connection, residency: str, names: Collection[str] | None, among: Collection[str] | None
) -> Counted:
    key = [ledger.c.connection, ledger.c.partition, ledger.c.generation]
    query = sa.select(*key, *(sa.func.sum(ledger.c[column]) for column in ADDENDS))
    query = query.where(ledger.c.residency == residency).group_by(*key)
    if names is not None:
        query = query.where(ledger.c.connection.in_(names))
    if among is not None:
        query = query.where(ledger.c.partition.in_(among))
    return {(row[0], row[1], row[2]): Counts(*map(int, row[3:])) for row in connection.execute(query)}


def _line(row: Any, counted: Counted) -> Coverage:
    shared = {name: getattr(row, name) for name in SHARED}
    return Coverage(counts=counted.get((row.connection, row.partition, row.generation), Counts()), **shared)


def _live(name: str, counts: Counts) -> Coverage:
    return Coverage(connection=name, partition=LIVE, label="webhooks", state="live", counts=counts)


@dataclass
class Summary:
    """The ledger of one connection in sum, with its partitions by state. What is never read stands apart."""

    counts: Counts = field(default_factory=Counts)
    states: dict[str, int] = field(default_factory=dict)
    never: int = 0
    """Kinds of places that are never read."""


def summaries(connection: sa.Connection, residency: str, names: Collection[str]) -> dict[str, Summary]:
    """Return the ledger of each connection in sum: of the current generation of its partitions, and the webhooks."""
    found = {name: Summary() for name in names}
    theirs = [sync_partition.c.residency == residency, sync_partition.c.connection.in_(names)]
    states = sa.select(sync_partition.c.connection, sync_partition.c.state, sa.func.count()).where(
        *theirs, sync_partition.c.partition != NOT_READ
    )
    for name, state, count in connection.execute(states.group_by(sync_partition.c.connection, sync_partition.c.state)):
        found[name].states[state] = int(count)
    current = sa.and_(*(sync_partition.c[each] == ledger.c[each] for each in (*PARTITION, "generation")))
    never = (ledger.c.partition == NOT_READ).label("never")
    sums = [sa.func.sum(ledger.c[column]) for column in ADDENDS]
    query = (
        sa.select(ledger.c.connection, never, *sums)
        .select_from(ledger.outerjoin(sync_partition, current))
        .where(ledger.c.residency == residency, ledger.c.connection.in_(names))
        .where(sa.or_(ledger.c.partition == LIVE, sync_partition.c.id.is_not(None)))
        .group_by(ledger.c.connection, never)
    )
    for name, apart, *numbers in connection.execute(query):
        if apart:
            found[name].never = int(numbers[0])
        else:
            found[name].counts = Counts(*map(int, numbers))
    return found


def partitions(
    connection: sa.Connection,
    residency: str,
    names: Collection[str],
    *,
    partition: str | None = None,
    limit: int,
    offset: int = 0,
) -> list[Coverage]:
    """Return a page of the partitions of some connections, those with trouble and those being read first.

    The webhooks' lines lead the first page. What is never read is no partition.
    """
    trouble = sa.case({"failed": 0, "reading": 1, "waiting": 2}, value=sync_partition.c.state, else_=3)
    order = (trouble, sync_partition.c.connection, sync_partition.c.label, sync_partition.c.id)
    query = sa.select(sync_partition).where(
        sync_partition.c.residency == residency, sync_partition.c.connection.in_(names),
        sync_partition.c.partition != NOT_READ if partition is None else sync_partition.c.partition == partition,
    )  # fmt: skip
    rows = connection.execute(query.order_by(*order).limit(limit).offset(offset)).all()
    wanted = {row.partition for row in rows} | ({LIVE} if not offset and partition in (None, LIVE) else set())
    counted = _counted(connection, residency, names, wanted)
    live = [_live(key[0], counts) for key, counts in sorted(counted.items()) if key[1] == LIVE]
    return [*live, *(_line(row, counted) for row in rows)]


def gaps(
    connection: sa.Connection,
    residency: str,
    *,
    name: str | None = None,
    partition: str | None = None,
    limit: int = 1000,
) -> list[Row]:
    """Return what was not scanned, and why."""
    order = (gap.c.connection, gap.c.partition, gap.c.outcome, gap.c.reason)
    query = sa.select(gap).where(gap.c.residency == residency).order_by(*order).limit(limit)
    if name:
        query = query.where(gap.c.connection == name)
    if partition is not None:
        query = query.where(gap.c.partition == partition)
    return [row._asdict() for row in connection.execute(query)]


def never_read(connection: sa.Connection, residency: str, names: Collection[str], *, limit: int = 500) -> list[Row]:
    """Return the kinds of places that some connections never read: `part` is the kind, with reason and detail."""
    columns = [gap.c[name] for name in ("connection", "part", "reason", "detail")]
    query = (
        sa.select(*columns)
        .where(gap.c.residency == residency, gap.c.connection.in_(names), gap.c.partition == NOT_READ)
        .order_by(gap.c.connection, gap.c.part)
        .limit(limit)
    )
    return [row._asdict() for row in connection.execute(query)]


def reasons(
    connection: sa.Connection,
    residency: str,
    names: Collection[str],
    *,
    partition: str | None = None,
    most: int,
) -> list[Row]:
    """Return how many parts of some connections were not scanned, by reason; counts to `most` and no further.

    What is never read is not among them.
    """
    mine = [gap.c.residency == residency, gap.c.connection.in_(names)]
    mine.append(gap.c.partition != NOT_READ if partition is None else gap.c.partition == partition)
    some = sa.select(gap.c.connection, gap.c.outcome, gap.c.reason).where(*mine).limit(most).subquery("some")
    query = sa.select(*some.c, sa.func.count().label("count")).group_by(*some.c)
    return [row._asdict() for row in connection.execute(query.order_by(some.c.connection, sa.desc("count")))]


def gap_reasons(connection: sa.Connection, residency: str) -> list[Row]:
    """Return how many gaps each connection has, by reason."""
    query = (
        sa.select(gap.c.connection, gap.c.outcome, gap.c.reason, sa.func.count().label("count"))
        .where(gap.c.residency == residency)
        .group_by(gap.c.connection, gap.c.outcome, gap.c.reason)
        .order_by(gap.c.connection, gap.c.reason)
    )
    return [row._asdict() for row in connection.execute(query)]
