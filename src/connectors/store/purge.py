"""Deleting what has expired: the twin of CockroachDB's row-level TTL."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa

from connectors.config.models import RetentionSettings
from connectors.store.engine import Database
from connectors.store.tables import metadata

BATCH = 500


def purge(database: Database, residency: str, retention: RetentionSettings, *, now: datetime) -> int:
    """Delete a residency's expired rows, `BATCH` at a time; return how many."""
    _set_expiry(database, residency, retention, now)
    deleted = 0
    for table in metadata.sorted_tables:
        if "expires_at" in table.c:
            while True:
                count = database.run(partial(_delete_some, table=table, residency=residency, now=now))
                deleted += count
                if count < BATCH:
                    break
    return deleted


def _set_expiry(database: Database, residency: str, retention: RetentionSettings, now: datetime) -> None:
    """Give resolved findings and alerts that are over their end, as the configuration has it today.

    An alert of which something is open stays, or nobody could close it where it was told.
    """
    finding, alert = metadata.tables["finding"], metadata.tables["alert"]
    over = sa.or_(alert.c.resolved_at.is_not(None), alert.c.state == "failed")
    ended: list[tuple[sa.Table, sa.ColumnElement[bool], timedelta]] = [(alert, over, retention.alerts)]
    if retention.findings:
        ended.append((finding, finding.c.state == "resolved", retention.findings))
    for table, condition, kept in ended:
        some = (
            sa.select(table.c.id)
            .where(table.c.residency == residency, table.c.expires_at.is_(None), condition)
            .limit(BATCH)
        )
        statement = sa.update(table).where(table.c.residency == residency, table.c.id.in_(some))
        while _execute(database, statement.values(expires_at=now + kept)) == BATCH:
            pass


def _execute(database: Database, statement: sa.Update) -> int:
    return database.run(lambda c: c.execute(statement).rowcount)


def _delete_some(connection: sa.Connection, table: sa.Table, residency: str, now: datetime) -> int:
    expired = sa.select(table.c.id).where(table.c.residency == residency, table.c.expires_at < now).limit(BATCH)
    statement = sa.delete(table).where(table.c.residency == residency, table.c.id.in_(expired))
    return len(connection.execute(statement.returning(table.c.id)).scalars().all())
