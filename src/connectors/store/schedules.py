"""What happens by the clock, once for all workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from connectors.store.columns import natural_id
from connectors.store.engine import Database
from connectors.store.jobs import Job
from connectors.store.tables.syncs import schedule

TOGETHER = timedelta(seconds=1)
"""Ticks of several workers that are no further apart are one tick."""


@dataclass(frozen=True)
class Entry:
    """A job that is asked for every so often. `at_once` asks for it when it is seen for the first time."""

    name: str
    every: timedelta
    job: Job
    at_once: bool = True


def due(
    database: Database, connection: sa.Connection, residency: str, entries: Sequence[Entry], *, now: datetime
) -> list[Job]:
    """Return the jobs whose time has come, and move their times on; each is returned to one caller only."""
    query = sa.select(schedule.c.name, schedule.c.next_at, schedule.c.last_at).where(schedule.c.residency == residency)
    known = {row.name: row for row in connection.execute(query)}
    wanted, rows = [], []
    for entry in entries:
        old = known.get(entry.name)
        # A shorter interval in the configuration takes effect at once.
        next_at = old and (min(old.next_at, old.last_at + entry.every) if old.last_at else old.next_at)
        if next_at is not None and next_at > now:
            continue
        if old is not None or entry.at_once:
            wanted.append(entry.job)
        rows.append(
            {
                "residency": residency,
                "id": natural_id("schedule", residency, entry.name),
                "tenant": "",
                "name": entry.name,
                "next_at": now + entry.every,
                "last_at": now,
                "state": {},
            }
        )
    # Of two workers that tick at once, the second finds the time moved on.
    moved = database.upsert(
        connection,
        schedule,
        rows,
        update=("next_at", "last_at"),
        where=lambda _new: sa.or_(schedule.c.last_at.is_(None), schedule.c.last_at < now - TOGETHER),
    )
    taken = {row["name"] for row in rows if row["id"] in moved}
    by_name = {entry.name: entry.job for entry in entries}
    return [job for name, job in by_name.items() if name in taken and job in wanted]
