"""Monthly byte quotas, lent to nodes in blocks.

A node takes a block in one small transaction and spends it in memory, so that no request waits for the hot
row. What a block held when its node died is lost to the tenant: the quota is kept, never exceeded.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.store.columns import natural_id
from connectors.store.engine import Database
from connectors.store.tables.platform import quota as table

KEPT = timedelta(days=400)
"""How long past periods are kept, for usage reports."""


def period_of(now: datetime) -> str:
    """Return the quota period that `now` is in: the calendar month, UTC."""
    now = now.astimezone(UTC)
    return f"{now.year}-{now.month:02d}"


def period_end(now: datetime) -> datetime:
    """Return when the period of `now` ends."""
    now = now.astimezone(UTC)
    year, month = (now.year + 1, 1) if now.month == 12 else (now.year, now.month + 1)
    return datetime(year, month, 1, tzinfo=UTC)


def take(
    connection: sa.Connection,
    database: Database,
    *,
    residency: str,
    tenant: str,
    amount: int,
    allowance: int,
    now: datetime,
) -> tuple[int, int]:
    """Take up to `amount` bytes of the tenant's allowance; return what was granted and what is left then."""
    key = natural_id("quota", tenant, period_of(now))
    row = {
        "residency": residency, "id": key, "tenant": tenant, "period": period_of(now), "taken": 0,
        "updated_at": now, "expires_at": period_end(now) + KEPT,
    }  # fmt: skip
    statement = database.insert(table).values([row])
    # The no-op update locks the row on every database, so that reading it and writing it are one step.
    locked = statement.on_conflict_do_update(index_elements=list(table.primary_key), set_={"updated_at": now})
    taken = connection.execute(locked.returning(table.c.taken)).scalar_one()
    granted = max(0, min(amount, allowance - taken))
    if granted:
        connection.execute(_add(residency, key, granted))
    return granted, max(0, allowance - taken - granted)


def give_back(connection: sa.Connection, *, residency: str, tenant: str, period: str, amount: int) -> None:
    """Return what a node did not spend."""
    connection.execute(_add(residency, natural_id("quota", tenant, period), -amount))


def taken(connection: sa.Connection, *, residency: str, tenant: str, now: datetime) -> int:
    """Return how many bytes of the current period are spent or lent."""
    key = natural_id("quota", tenant, period_of(now))
    query = sa.select(table.c.taken).where(table.c.residency == residency, table.c.id == key)
    return connection.execute(query).scalar() or 0


def _add(residency: str, key: Any, amount: int) -> sa.Update:
    where = table.c.residency == residency, table.c.id == key
    return sa.update(table).where(*where).values(taken=table.c.taken + amount)
