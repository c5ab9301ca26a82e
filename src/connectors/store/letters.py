"""Dead letters: what was given up, and how it is taken up again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from connectors.store import leases, ledger
from connectors.store.engine import Database, Row
from connectors.store.leases import Queue
from connectors.store.ledger import Counts
from connectors.store.tables.intake import inbox, job


def dead_events(connection: sa.Connection, residency: str, *, limit: int = 100) -> list[Row]:
    """Return the events that were given up, without their bodies."""
    columns = [column for column in inbox.c if column.name != "body"]
    query = sa.select(*columns).where(inbox.c.residency == residency, inbox.c.state == "dead")
    return [row._asdict() for row in connection.execute(query.order_by(inbox.c.created_at.desc()).limit(limit))]


def revive(
    database: Database, connection: sa.Connection, residency: str, ids: Sequence[str] = (), *, now: datetime
) -> int:
    """Make dead letters ready again: those whose id starts with one of `ids`, or all; return how many.

    An event that was counted as failed is pending again, so that the ledger goes on adding up.
    """
    revived = 0
    for table in (inbox, job):
        query = sa.select(table).where(table.c.residency == residency, table.c.state == "dead")
        rows = [row._asdict() for row in connection.execute(query)]
        chosen = [row for row in rows if not ids or any(str(row["id"]).startswith(start) for start in ids)]
        if not chosen:
            continue
        revived += leases.revive(connection, Queue(table, residency), [row["id"] for row in chosen], now=now)
        if table is inbox:
            counts: dict[ledger.Key, Counts] = {}
            for row in chosen:
                key = (row["tenant"], row["connection"], row["partition"], row["generation"])
                counts.setdefault(key, Counts()).failed -= 1
            ledger.add(database, connection, residency, counts.items(), now=now)
    return revived
