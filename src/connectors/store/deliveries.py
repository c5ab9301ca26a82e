"""Deliveries as people look for them; that they are recorded is the inbox's work."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from connectors.store.columns import beginning
from connectors.store.engine import Row
from connectors.store.tables.intake import delivery


def listed(
    connection: sa.Connection,
    residency: str,
    *,
    tenant: str | None = None,
    names: Collection[str] | None = None,
    state: str | None = None,
    before: tuple[datetime, uuid.UUID] | None = None,
    limit: int = 50,
) -> list[Row]:
    """Return the latest deliveries, without their bodies: of the connections in `names`, if given, after `before`."""
    columns = [column for column in delivery.c if column.name != "body"]
    query = sa.select(*columns).where(delivery.c.residency == residency)
    if tenant:
        query = query.where(delivery.c.tenant == tenant)
    if state:
        # Written out: failed deliveries have an index of their own, which a bound value would not name.
        query = query.where(delivery.c.state == sa.literal(state, literal_execute=True))
    if names is not None:
        query = query.where(delivery.c.connection.in_(names))
    if before is not None:
        at, identity = delivery.c.received_at, delivery.c.id
        query = query.where(
            sa.tuple_(at, identity) < sa.tuple_(sa.literal(before[0], at.type), sa.literal(before[1], identity.type))
        )
    query = query.order_by(delivery.c.received_at.desc(), delivery.c.id.desc())
    return [row._asdict() for row in connection.execute(query.limit(limit))]


def failed(connection: sa.Connection, residency: str, start: str) -> Row | None:
    """Return the failed delivery whose id begins with `start`, with its body; None when there is not just one."""
    bounds = beginning(start)
    if bounds is None:
        return None
    query = sa.select(delivery).where(
        delivery.c.residency == residency, delivery.c.state == "failed", delivery.c.id.between(*bounds)
    )
    rows = connection.execute(query.limit(2)).all()
    return rows[0]._asdict() if len(rows) == 1 else None


def mark_replayed(connection: sa.Connection, residency: str, identity: uuid.UUID) -> None:
    """Keep that a failed delivery was taken in again, and drop its body."""
    mine = [delivery.c.residency == residency, delivery.c.id == identity]
    connection.execute(sa.update(delivery).where(*mine).values(state="replayed", body=None))
