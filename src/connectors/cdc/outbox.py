"""Writing what changed to object storage, where the database does not do it itself.

The history of findings is the outbox: a change is written in the transaction that makes it, and waits there until it
is in a file. Changes are claimed, never followed by a high-water mark: a mark on a sequence or a time passes over
rows that are committed out of order. A claim names the file; a crash after the claim leads to the same file again.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import partial

import sqlalchemy as sa

from connectors.cdc.files import file_name, line, packed
from connectors.cdc.store import Store
from connectors.store.engine import Database, Row
from connectors.store.tables.findings import finding, finding_change

BATCH = 2000


def export(database: Database, residency: str, store: Store, *, limit: int = BATCH) -> int:
    """Write every change that is not in a file yet; return how many there were. Raises `Transient`.

    At least once: a reader keeps the last message of each key by `updated`.
    """
    total = 0
    for batch in database.read(lambda c: unfinished(c, residency)):
        total += _write(database, residency, batch, store)
    while True:
        batch = uuid.uuid4()
        claimed = database.run(partial(claim, database, residency=residency, batch=batch, limit=limit))
        if not claimed:
            return total
        total += _write(database, residency, batch, store)


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


def _write(database: Database, residency: str, batch: uuid.UUID, store: Store) -> int:
    changes, findings = database.read(lambda c: _rows(c, residency, batch))
    if not changes:
        return 0
    updated = max(row["at"] for row in changes)
    latest = {row["finding_id"]: row["at"] for row in changes}
    files = {
        "finding_change": [line(finding_change, row, updated=row["at"]) for row in changes],
        "finding": [line(finding, row, updated=max(row["updated_at"], latest[row["id"]])) for row in findings],
    }
    for topic, messages in files.items():
        if messages:
            store.put(file_name(topic, batch, updated=updated), packed(messages))
    database.run(partial(_mark, residency=residency, batch=batch))
    return len(changes)


def _rows(connection: sa.Connection, residency: str, batch: uuid.UUID) -> tuple[list[Row], list[Row]]:
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


def _mark(connection: sa.Connection, residency: str, batch: uuid.UUID) -> None:
    own = [finding_change.c.residency == residency, finding_change.c.batch == batch]
    connection.execute(
        sa.update(finding_change).where(*own, finding_change.c.exported.is_(False)).values(exported=True)
    )
