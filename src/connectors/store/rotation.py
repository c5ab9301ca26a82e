"""Encrypting everything that rests again, with the newest key, a page at a time."""

from __future__ import annotations

import uuid

import sqlalchemy as sa

from connectors.runtime import Runtime
from connectors.store.engine import Database
from connectors.store.tables import metadata
from connectors.vault import Vault

PAGE = 200


def rotate_all(runtime: Runtime) -> int:
    """Rotate every encrypted column of every residency; return how many values that were."""
    return sum(
        _rotate(runtime.databases.of(residency), residency, table, column, runtime.vault)
        for residency in runtime.databases.residencies
        for table in metadata.sorted_tables
        for column in table.c
        if isinstance(column.type, sa.LargeBinary) and "encrypted" in (column.comment or "")
    )


def _rotate(database: Database, residency: str, table: sa.Table, column: sa.Column[bytes], vault: Vault) -> int:
    last: uuid.UUID | None = None
    count = 0
    while True:
        query = sa.select(table.c.id, column).where(table.c.residency == residency, column.is_not(None))
        if last is not None:
            query = query.where(table.c.id > last)
        rows = database.read(lambda c, q=query: c.execute(q.order_by(table.c.id).limit(PAGE)).all())  # type: ignore[misc]
        if not rows:
            return count
        renewed = [(row[0], row[1], vault.rotate(row[1])) for row in rows]

        def write(c: sa.Connection, values: list[tuple[uuid.UUID, bytes, bytes]] = renewed) -> None:
            for identity, old, new in values:
                where = [table.c.residency == residency, table.c.id == identity, column == old]
                c.execute(sa.update(table).where(*where).values({column: new}))

        database.run(write)
        count += len(rows)
        last = rows[-1][0]
