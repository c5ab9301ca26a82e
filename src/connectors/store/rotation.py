"""What rests encrypted: whether there is any, and how it is encrypted again with the newest key."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import sqlalchemy as sa

from connectors.store.databases import Databases
from connectors.store.engine import Database
from connectors.store.tables import metadata
from connectors.vault import Vault

PAGE = 200

FINGERPRINTED = ("finding", "suppression")
"""Tables whose rows are recognised by fingerprint: with another key nothing would be known again."""


def sealed_columns() -> Iterator[tuple[sa.Table, sa.Column[bytes]]]:
    """Yield every column that rests encrypted."""
    for table in metadata.sorted_tables:
        for column in table.c:
            if isinstance(column.type, sa.LargeBinary) and "encrypted" in (column.comment or ""):
                yield table, column


def table_with_rows(database: Database) -> str:
    """Return the name of a table whose rows only the present keys can read or recognise; empty when there is none.

    Raises `StoreUnavailable`.
    """
    if database.absent:
        return ""
    keyed = [*sealed_columns(), *((metadata.tables[name], metadata.tables[name].c.id) for name in FINGERPRINTED)]

    def look(c: sa.Connection) -> str:
        there = set(sa.inspect(c).get_table_names())
        for table, column in keyed:
            query = sa.select(sa.literal(1)).select_from(table).where(column.is_not(None)).limit(1)
            if table.name in there and c.execute(query).first() is not None:
                return table.name
        return ""

    return database.read(look)


def rotate_all(databases: Databases, vault: Vault) -> int:
    """Rotate every encrypted column of every residency; return how many values that were."""
    return sum(
        _rotate(databases.of(residency), residency, table, column, vault)
        for residency in databases.residencies
        for table, column in sealed_columns()
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
