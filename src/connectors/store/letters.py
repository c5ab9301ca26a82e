"""Dead letters: what was given up, and how it is taken up again."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from connectors.store import leases, ledger
from connectors.store.engine import Database, Row
from connectors.store.leases import Queue
from connectors.store.ledger import Counts
from connectors.store.tables.intake import inbox, job

MOST_AT_ONCE = 1_000
"""Ids in one statement."""

DEAD = sa.literal("dead", literal_execute=True)
"""Written out in a statement: dead events have an index of their own, which a bound value would not name."""


def dead_events(connection: sa.Connection, residency: str, *, limit: int = 100) -> list[Row]:
    """Return the events that were given up, without their bodies."""
    columns = [column for column in inbox.c if column.name != "body"]
    query = sa.select(*columns).where(inbox.c.residency == residency, inbox.c.state == DEAD)
    return [row._asdict() for row in connection.execute(query.order_by(inbox.c.created_at.desc()).limit(limit))]


def revive(
    database: Database, connection: sa.Connection, residency: str, ids: Sequence[str] = (), *, now: datetime
) -> int:
    """Make dead letters ready again: those whose id starts with one of `ids`, or all; return how many.

    An event that was counted as failed is pending again, so that the ledger goes on adding up.
    """
    revived = 0
    for table in (inbox, job):
        dead = [table.c.residency == residency, table.c.state == DEAD]
        chosen = [
            identity
            for identity in connection.execute(sa.select(table.c.id).where(*dead)).scalars()
            if not ids or any(str(identity).startswith(start) for start in ids)
        ]
        for first in range(0, len(chosen), MOST_AT_ONCE):
            some = leases.revive(connection, Queue(table, residency), chosen[first : first + MOST_AT_ONCE], now=now)
            revived += len(some)
            if table is inbox:
                _pending_again(database, connection, residency, some, now)
    return revived


def _pending_again(
    database: Database, connection: sa.Connection, residency: str, ids: set[uuid.UUID], now: datetime
) -> None:
    key = (inbox.c.tenant, inbox.c.connection, inbox.c.partition, inbox.c.generation)
    query = sa.select(*key, sa.func.count()).where(inbox.c.residency == residency, inbox.c.id.in_(ids)).group_by(*key)
    counted = [
        ((tenant, name, partition, generation), Counts(failed=-number))
        for tenant, name, partition, generation, number in connection.execute(query)
    ]
    ledger.add(database, connection, residency, counted, now=now)
