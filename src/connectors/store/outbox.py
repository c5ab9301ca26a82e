"""The history of findings as an outbox: changes are claimed for a file, and marked when they are in it.

Changes are claimed, never followed by a high-water mark: a mark on a sequence or a time passes over rows that are
committed out of order.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import sqlalchemy as sa

from connectors.store.engine import Database, Row
from connectors.store.tables.findings import finding, finding_change


def claim(database: Database, connection: sa.Connection, *, residency: str, batch: uuid.UUID, limit: int) -> int:
    """Claim up to `limit` changes for one file; return how many."""
    table = finding_change
    free = [table.c.residency == residency, table.c.batch.is_(None), table.c.exported.is_(False)]
    some = database.skip_locked(sa.select(table.c.id).where(*free).limit(limit))
    ids = connection.execute(some).scalars().all()
    claimed = 0
    for start in range(0, len(ids), 500):
        statement = sa.update(table).where(*free, table.c.id.in_(ids[start : start + 500])).values(batch=batch)
        claimed += len(connection.execute(statement.returning(table.c.id)).scalars().all())
    return claimed


def unfinished(connection: sa.Connection, residency: str) -> Sequence[uuid.UUID]:
    """Return the files that were claimed and are not known to be written."""
    table = finding_change
    query = sa.select(table.c.batch).where(
        table.c.residency == residency, table.c.exported.is_(False), table.c.batch.is_not(None)
    )
    return connection.execute(query.distinct()).scalars().all()


def waiting(connection: sa.Connection, residency: str) -> int:
    """Return how many changes are not in a file yet."""
    query = sa.select(sa.func.count()).where(
        finding_change.c.residency == residency, finding_change.c.exported.is_(False)
    )
    return int(connection.execute(query).scalar_one())


def rows_of(connection: sa.Connection, residency: str, batch: uuid.UUID) -> tuple[list[Row], list[Row]]:
    """Return the changes claimed for a file that are not known to be in it, and their findings as they are now."""
    own = sa.and_(finding_change.c.residency == residency, finding_change.c.batch == batch)
    changes = (
        sa.select(finding_change)
        .where(own, finding_change.c.exported.is_(False))
        .order_by(finding_change.c.at, finding_change.c.id)
    )
    touched = sa.select(finding_change.c.finding_id).where(own)
    findings = sa.select(finding).where(finding.c.residency == residency, finding.c.id.in_(touched))
    return (
        [row._asdict() for row in connection.execute(changes)],
        [row._asdict() for row in connection.execute(findings.order_by(finding.c.id))],
    )


def mark(connection: sa.Connection, residency: str, batch: uuid.UUID) -> None:
    """Keep that a file is written."""
    own = [finding_change.c.residency == residency, finding_change.c.batch == batch]
    connection.execute(
        sa.update(finding_change).where(*own, finding_change.c.exported.is_(False)).values(exported=True)
    )
