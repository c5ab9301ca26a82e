"""The one transaction that ends a batch of events: findings, their lifecycle, alerts, ledger, and the inbox rows.

It runs at most once for each event, because it ends with the lease or not at all; and it may be retried at any
time, because everything in it is an upsert on a natural key.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.model import EventKind
from connectors.store import inbox, jobs, leases, ledger, moves
from connectors.store.columns import natural_id
from connectors.store.engine import Database
from connectors.store.ledger import Counts
from connectors.store.merging import Finished, Recorded, merge
from connectors.store.planning import Routes, action_jobs, alert_jobs, follow_ups
from connectors.store.tables.findings import finding, finding_change, resource
from connectors.vault import Vault

REFRESHED = (
    "label", "url", "container", "container_name", "visibility", "author_id", "author", "author_email",
    "detector", "confidence", "severity", "policies", "preview", "places", "count", "state", "revision", "version",
    "validity", "validity_checked_at", "validity_evidence", "last_seen", "resolved_at", "updated_at", "expires_at",
)  # fmt: skip


def record(
    database: Database,
    connection: sa.Connection,
    queue: leases.Queue | None,
    finished: Sequence[Finished],
    *,
    routes: Routes,
    vault: Vault,
    now: datetime,
    keep_until: datetime | None = None,
    remember_until: datetime | None = None,
) -> Recorded:
    """End a batch. Raises `LostLease`, with nothing written, when another worker took a row over.

    `queue` is None when the events did not come from the SQL inbox and its rows need no end. A stream that may
    bring an event twice gives `remember_until`: an event that is known then is neither recorded nor counted again.
    """
    if queue is not None:
        leases.finish(connection, queue, [item.row for item in finished], expires_at=keep_until)
    if remember_until is not None:
        rows = [item.row for item in finished]
        new = inbox.remember(database, connection, rows, expires_at=remember_until)
        finished = finished if queue is not None else [item for item in finished if item.row["id"] in new]
    done = Recorded()
    current = _current(database, connection, finished, now, done)
    merged = merge(connection, current, now, done)
    database.upsert(connection, finding, merged.rows, update=REFRESHED)
    if merged.changes:
        connection.execute(sa.insert(finding_change), merged.changes)
    if merged.moves:
        moves.follow(database, connection, finished[0].row["residency"], merged.moves, now=now)
    wanted = alert_jobs(database, connection, merged.news, routes, now)
    done.alerts = len(wanted)
    wanted.extend(action_jobs(database, connection, merged.news, routes, now))
    wanted.extend(follow_up for item in current for follow_up in follow_ups(item))
    jobs.enqueue(database, connection, wanted, vault=vault, now=now)
    _account(database, connection, finished, current, now)
    return done


def _current(
    database: Database, connection: sa.Connection, finished: Sequence[Finished], now: datetime, done: Recorded
) -> list[Finished]:
    """Keep the events that are newer than anything seen of their resource, and remember their versions.

    The upsert locks each resource until COMMIT: two workers cannot merge one resource's findings at once.
    """
    newest: dict[uuid.UUID, Finished] = {}
    for item in finished:
        if item.task.event.kind not in (EventKind.CHANGED, EventKind.DELETED):
            continue
        key = item.row["resource_key"]
        if key not in newest or _order(item) > _order(newest[key]):
            newest[key] = item
    rows = [_resource_row(item, now) for item in newest.values()]
    restored = [key for key, item in newest.items() if item.restores]
    reread = [key for key, item in newest.items() if item.row["source"] == inbox.REREAD]

    def merge(new: Any) -> dict[str, Any]:
        live = new.partition == ledger.LIVE  # a webhook does not take a resource out of the partition that lists it
        return {
            "version": sa.case((new.version > resource.c.version, new.version), else_=resource.c.version),
            "partition": sa.case((live, resource.c.partition), else_=new.partition),
            "listed_in": sa.case((live, resource.c.listed_in), else_=new.listed_in),
            # Some doors, deletions above all, do not tell container and parent: they stay what they were.
            "container": sa.case((new.container == "", resource.c.container), else_=new.container),
            "parent_key": sa.func.coalesce(new.parent_key, resource.c.parent_key),
            **{name: new[name] for name in ("deleted", "scanned_at")},
        }

    def newer(new: Any) -> sa.ColumnElement[bool]:
        deletion = sa.and_(new.deleted, sa.not_(resource.c.deleted))
        back = sa.and_(resource.c.deleted, resource.c.id.in_(restored)) if restored else sa.false()
        again = sa.and_(resource.c.version <= new.version, resource.c.id.in_(reread)) if reread else sa.false()
        return sa.or_(resource.c.version < new.version, deletion, back, again)

    written = database.upsert(connection, resource, rows, update=merge, where=newer)
    _mark_listed(connection, newest.values(), written)
    others = [item for item in finished if item.task.event.kind not in (EventKind.CHANGED, EventKind.DELETED)]
    done.superseded = len(finished) - len(others) - len(written)
    return [item for key, item in newest.items() if key in written] + others


def _order(item: Finished) -> tuple[int, bool, bool]:
    event = item.task.event
    return event.version, event.kind is EventKind.DELETED, item.row["source"] == inbox.REREAD


def _resource_row(item: Finished, now: datetime) -> dict[str, Any]:
    event, row = item.task.event, item.row
    parent = event.resource.parent
    residency, name = row["residency"], item.task.connection
    return {
        "residency": residency,
        "id": row["resource_key"],
        "tenant": item.task.tenant,
        "connection": name,
        "resource_id": event.resource.id[:1024],
        "partition": row["partition"],
        "parent_key": natural_id("resource", residency, name, parent) if parent else None,
        "container": event.resource.container.id[:255],
        "version": event.version,
        "deleted": item.scan.gone,
        "listed_in": row["generation"],
        "scanned_at": now,
    }


def _mark_listed(connection: sa.Connection, items: Iterable[Finished], written: set[uuid.UUID]) -> None:
    """Remember that a sync listed what it already knew, so that the deletion reconcile does not take it for gone."""
    seen: dict[tuple[str, str, int], list[uuid.UUID]] = defaultdict(list)
    for item in items:
        row = item.row
        if row["partition"] != ledger.LIVE and row["resource_key"] not in written:
            seen[row["residency"], row["partition"], row["generation"]].append(row["resource_key"])
    for (residency, partition, generation), keys in seen.items():
        statement = (
            sa.update(resource)
            .where(resource.c.residency == residency, resource.c.id.in_(keys))
            .values(partition=partition, listed_in=generation)
        )
        connection.execute(statement)


def _account(
    database: Database,
    connection: sa.Connection,
    finished: Sequence[Finished],
    current: Sequence[Finished],
    now: datetime,
) -> None:
    """Balance the ledger for every ended event, and keep the gaps of those that were current."""
    counts: dict[ledger.Key, Counts] = {}
    fresh = {id(item) for item in current}
    gap_rows: list[dict[str, Any]] = []
    for item in finished:
        row, task, scan = item.row, item.task, item.scan
        key = (task.tenant, task.connection, row["partition"], row["generation"])
        counted = ledger.count_parts(len(scan.parts), scan.gaps) if id(item) in fresh else Counts(scanned=1)
        counts.setdefault(key, Counts()).add(counted)
        if id(item) in fresh:
            gap_rows.extend(_gap_rows(item, now))
    if not finished:
        return
    residency = finished[0].row["residency"]
    ledger.add(database, connection, residency, counts.items(), now=now)
    replaced = {
        item.row["resource_key"]: item.row["created_at"]
        for item in current
        if item.task.event.kind is EventKind.CHANGED or item.scan.gone
    }
    ledger.put_gaps(database, connection, residency, gap_rows, replace=replaced)


def _gap_rows(item: Finished, now: datetime) -> Iterable[dict[str, Any]]:
    thing = item.task.event.resource
    for failure in item.scan.gaps:
        yield ledger.gap_row(
            failure,
            residency=item.row["residency"],
            tenant=item.task.tenant,
            connection=item.task.connection,
            partition=item.row["partition"],
            resource_key=item.row["resource_key"],
            resource_id=thing.id,
            label=thing.label,
            now=now,
        )
