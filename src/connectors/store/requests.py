"""The request log and usage counters, written in batches. Numbers and ids only, never content."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from connectors.store.columns import natural_id
from connectors.store.engine import Database
from connectors.store.tables.platform import request_log, usage

KEPT = timedelta(days=30)
USAGE_KEPT = timedelta(days=400)
COUNTED = ("requests", "errors", "bytes", "findings", "microseconds")


@dataclass(frozen=True, slots=True)
class Request:
    """One answered request. `bytes` counts scanned payload, `microseconds` the time to the answer."""

    residency: str
    id: UUID
    tenant: str
    key_id: UUID
    at: datetime
    endpoint: str
    method: str
    status: int
    code: int = 0
    bytes: int = 0
    items: int = 0
    findings: int = 0
    microseconds: int = 0


def write(
    connection: sa.Connection,
    database: Database,
    requests: Sequence[Request],
    *,
    shard: int = 0,
    kept: timedelta = KEPT,
) -> None:
    """Write answered requests of one residency, and add the new ones to the usage counters.

    A request that is there already counts nowhere again, so a batch may be written twice.
    """
    new = database.insert_new(connection, request_log, [_row(request, kept) for request in requests])
    counted = _counters([request for request in requests if request.id in new], shard)
    database.upsert(connection, usage, counted, update=_added)


def latest(
    connection: sa.Connection,
    *,
    residency: str,
    tenant: str,
    limit: int,
    before: tuple[datetime, UUID] | None = None,
) -> list[Any]:
    """Return log rows of a tenant, newest first, from `before` (time and id of the last one seen) on."""
    table = request_log
    query = sa.select(table).where(table.c.residency == residency, table.c.tenant == tenant)
    if before is not None:
        query = query.where(sa.tuple_(table.c.at, table.c.id) < sa.tuple_(*_bound(before)))
    return list(connection.execute(query.order_by(table.c.at.desc(), table.c.id.desc()).limit(limit)))


def totals(connection: sa.Connection, *, residency: str, tenant: str, since: str) -> list[Any]:
    """Return usage by day and endpoint from the day `since` (ISO date) on."""
    table = usage
    sums = [sa.func.sum(table.c[name]).label(name) for name in ("requests", "errors", "bytes", "findings")]
    query = (
        sa.select(table.c.day, table.c.endpoint, *sums)
        .where(table.c.residency == residency, table.c.tenant == tenant, table.c.day >= since)
        .group_by(table.c.day, table.c.endpoint)
        .order_by(table.c.day, table.c.endpoint)
    )
    return list(connection.execute(query))


def _added(row: Any) -> dict[str, sa.ColumnElement[Any]]:
    # A function that closes over nothing: the statement is compiled once, and not for each batch.
    return {name: usage.c[name] + row[name] for name in COUNTED}


def _bound(before: tuple[datetime, UUID]) -> tuple[Any, Any]:
    at, key = before
    return sa.literal(at, request_log.c.at.type), sa.literal(key, request_log.c.id.type)


def _row(request: Request, kept: timedelta) -> dict[str, Any]:
    row = {name: getattr(request, name) for name in Request.__slots__}
    return row | {"expires_at": request.at + kept}


def _counters(requests: Sequence[Request], shard: int) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str, UUID, str, str], list[Request]] = defaultdict(list)
    for request in requests:
        day = request.at.date().isoformat()
        groups[request.residency, request.tenant, request.key_id, request.endpoint, day].append(request)
    return [_counter(key, group, shard) for key, group in sorted(groups.items())]


def _counter(key: tuple[str, str, UUID, str, str], group: Sequence[Request], shard: int) -> dict[str, Any]:
    residency, tenant, key_id, endpoint, day = key
    return {
        "residency": residency,
        "id": natural_id("usage", tenant, str(key_id), endpoint, day, shard),
        "tenant": tenant,
        "key_id": key_id,
        "endpoint": endpoint,
        "day": day,
        "shard": shard,
        "requests": len(group),
        "errors": sum(request.status >= 400 for request in group),
        "bytes": sum(request.bytes for request in group),
        "findings": sum(request.findings for request in group),
        "microseconds": sum(request.microseconds for request in group),
        "expires_at": max(request.at for request in group) + USAGE_KEPT,
    }
