"""Taking a connection out of the database: what it left behind, counted first, deleted in small transactions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import sqlalchemy as sa

from connectors.store.engine import Database
from connectors.store.tables import metadata

BATCH = 500

WORKING = (
    "inbox", "job", "delivery", "sync_partition", "connection_value", "rate_budget", "ledger", "gap", "container",
    "schedule", "connection",
)  # fmt: skip
"""What a connection works with: always deleted, the row that names it last."""

RESULTS = ("finding_change", "receipt", "alert", "action_run", "finding", "resource", "tally")
"""What came of it: kept unless asked otherwise. Rows that only others point to come first."""


def tables(*, findings: bool) -> tuple[str, ...]:
    """Return the tables whose rows of a connection are deleted, in order."""
    return (*RESULTS, *WORKING) if findings else WORKING


def count(connection: sa.Connection, residency: str, name: str, *, findings: bool) -> dict[str, int]:
    """Return how many rows of a connection would be deleted, by table; tables without any are left out."""
    counted = {
        table.name: connection.execute(
            sa.select(sa.func.count()).select_from(table).where(table.c.residency == residency, theirs)
        ).scalar_one()
        for table, theirs in _theirs(residency, name, findings=findings)
    }
    return {table: rows for table, rows in counted.items() if rows}


def remove(database: Database, residency: str, name: str, *, findings: bool) -> dict[str, int]:
    """Delete a connection's rows, `BATCH` at a time; return how many, by table. Cut off, it can be run again."""
    deleted: dict[str, int] = {}
    for table, theirs in _theirs(residency, name, findings=findings):
        while rows := database.run(partial(_delete_some, table=table, residency=residency, theirs=theirs)):
            deleted[table.name] = deleted.get(table.name, 0) + rows
    return deleted


def known(connection: sa.Connection, residency: str) -> set[str]:
    """Return the names of the connections that have rows, configured or not."""
    found: set[str] = set()
    for name in ("connection", "sync_partition", "finding"):
        table = metadata.tables[name]
        column = table.c.name if name == "connection" else table.c.connection
        found |= set(connection.execute(sa.select(column).where(table.c.residency == residency).distinct()).scalars())
    return found


def _theirs(residency: str, name: str, *, findings: bool) -> Iterator[tuple[sa.Table, sa.ColumnElement[bool]]]:
    """Yield each table with the condition that finds the connection's rows in it."""
    through: Mapping[str, tuple[str, str]] = {
        "finding_change": ("finding_id", "finding"),
        "receipt": ("alert_id", "alert"),
    }
    for each in tables(findings=findings):
        table: Any = metadata.tables[each]
        if each in through:
            column, owner = through[each]
            held = metadata.tables[owner]
            ids = sa.select(held.c.id).where(held.c.residency == residency, held.c.connection == name)
            yield table, table.c[column].in_(ids)
        elif each == "schedule":
            yield table, table.c.name.in_([f"{kind}:{name}" for kind in ("sync", "full", "subscribe", "recheck")])
        else:
            yield table, (table.c.name if each == "connection" else table.c.connection) == name


def _delete_some(connection: sa.Connection, table: sa.Table, residency: str, theirs: sa.ColumnElement[bool]) -> int:
    some = sa.select(table.c.id).where(table.c.residency == residency, theirs).limit(BATCH)
    statement = sa.delete(table).where(table.c.residency == residency, table.c.id.in_(some))
    return len(connection.execute(statement.returning(table.c.id)).scalars().all())
