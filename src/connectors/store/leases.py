"""Leased rows: how workers share a queue without losing or doubling work.

A claim moves a row's `due_at` to the end of the lease and writes a fencing token. Whoever finishes must still
hold the token; a worker that was too slow finds it gone and writes nothing. The work of a dead worker becomes
claimable when its lease ends, by the same query.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.errors import ConnectorsError
from connectors.store.engine import Database, Row


class LostLease(ConnectorsError):
    """Another worker has taken the row over; nothing was written."""

    code = "lost_lease"


@dataclass(frozen=True)
class Queue:
    """One claimable set of rows: a table, a residency and, for jobs, a queue name."""

    table: sa.Table
    residency: str
    name: str = ""

    def where(self) -> list[sa.ColumnElement[bool]]:
        """Return the equality prefix of the claim index."""
        conditions = [self.table.c.residency == self.residency]
        if self.name:
            conditions.append(self.table.c.queue == self.name)
        return conditions


def claim(
    database: Database,
    connection: sa.Connection,
    queue: Queue,
    *,
    limit: int,
    now: datetime,
    lease: timedelta,
    avoid: Sequence[str] = (),
) -> list[Row]:
    """Claim up to `limit` rows that are due, oldest first within a shard. Rows of connections in `avoid` wait.

    Shards are tried from a random one on, one index range each, because CockroachDB locks more rows than LIMIT
    says when the order is not the index's own.
    """
    table = queue.table
    token = uuid.uuid4()
    claimed: list[Row] = []
    first = random.randrange(database.shards)  # noqa: S311 (spread, not secrecy)
    for step in range(database.shards):
        wanted = limit - len(claimed)
        if wanted <= 0:
            break
        candidates = (
            sa.select(table.c.id)
            .where(*queue.where(), table.c.shard == (first + step) % database.shards)
            .where(table.c.state == "ready", table.c.due_at <= now)
            .order_by(table.c.due_at)
            .limit(wanted)
        )
        if avoid:
            candidates = candidates.where(table.c.connection.not_in(avoid))
        ids = connection.execute(database.skip_locked(candidates)).scalars().all()
        if not ids:
            continue
        statement = (
            sa.update(table)
            .where(
                table.c.residency == queue.residency,
                table.c.id.in_(ids),
                table.c.state == "ready",
                table.c.due_at <= now,
            )
            .values(due_at=now + lease, lease=token, attempts=table.c.attempts + 1)
            .returning(*table.c)
        )
        claimed.extend(row._asdict() for row in connection.execute(statement))
    return claimed


def claim_one(
    connection: sa.Connection, queue: Queue, identity: uuid.UUID, *, now: datetime, lease: timedelta
) -> Row | None:
    """Claim one row by its id; None when another worker has it already."""
    table = queue.table
    statement = (
        sa.update(table)
        .where(*queue.where(), table.c.id == identity, table.c.state == "ready", table.c.lease.is_(None))
        .values(due_at=now + lease, lease=uuid.uuid4(), attempts=table.c.attempts + 1)
        .returning(*table.c)
    )
    row = connection.execute(statement).first()
    return row._asdict() if row else None


def any_due(connection: sa.Connection, queue: Queue, now: datetime) -> bool:
    """Tell whether `claim` could return anything, by reading alone."""
    table = queue.table
    query = sa.select(table.c.id).where(*queue.where(), table.c.state == "ready", table.c.due_at <= now).limit(1)
    return connection.execute(query).first() is not None


def extend(connection: sa.Connection, queue: Queue, rows: Sequence[Row], *, until: datetime) -> None:
    """Push the end of the leases that are still held."""
    table = queue.table
    for token, ids in _by_token(rows).items():
        connection.execute(
            sa.update(table)
            .where(table.c.residency == queue.residency, table.c.id.in_(ids), table.c.lease == token)
            .values(due_at=until)
        )


def finish(connection: sa.Connection, queue: Queue, rows: Sequence[Row], *, expires_at: datetime | None) -> None:
    """End rows that were worked on: delete them, or keep them as done until `expires_at`.

    Raises `LostLease` when any of them is no longer held, so that the whole transaction is rolled back.
    """
    table = queue.table
    for token, ids in _by_token(rows).items():
        held = [
            table.c.residency == queue.residency,
            table.c.id.in_(ids),
            table.c.lease == token,
            table.c.state == "ready",
        ]
        ended: sa.Delete | sa.Update
        if expires_at is None:
            ended = sa.delete(table).where(*held)
        else:
            ended = sa.update(table).where(*held).values(state="done", lease=None, expires_at=expires_at)
        done = connection.execute(ended.returning(table.c.id)).scalars().all()
        if len(done) != len(ids):
            raise LostLease(f"{len(ids) - len(done)} of {len(ids)} leases were taken over")


def retry(
    connection: sa.Connection, queue: Queue, row: Row, *, due_at: datetime, reason: str, refund: bool = False
) -> bool:
    """Give a row back to be claimed at `due_at`; False when the lease is lost.

    With `refund` the attempt does not count: the app asked to wait, nothing went wrong; and nobody brings a job
    forward before that time.
    """
    table = queue.table
    values: dict[str, Any] = {"due_at": due_at, "lease": None, "attempts": table.c.attempts, "reason": reason[:500]}
    if refund:
        values["attempts"] = table.c.attempts - 1
        if "held_until" in table.c:
            values["held_until"] = due_at
    return _held(connection, queue, row, values)


def keep(connection: sa.Connection, queue: Queue, row: Row, *, until: datetime, note: str) -> bool:
    """Extend a lease and leave a note in `reason` for whoever continues; False when the lease is lost."""
    return _held(connection, queue, row, {"due_at": until, "attempts": 1, "reason": note[:500]})


def bury(connection: sa.Connection, queue: Queue, row: Row, *, reason: str, expires_at: datetime | None) -> bool:
    """Make a row a dead letter, which people can list and revive; False when the lease is lost."""
    return _held(
        connection,
        queue,
        row,
        {"state": "dead", "lease": None, "reason": reason[:500], "expires_at": expires_at},
    )


def revive(connection: sa.Connection, queue: Queue, ids: Sequence[uuid.UUID], *, now: datetime) -> set[uuid.UUID]:
    """Make dead letters ready again; return those that were: others may have been faster."""
    table = queue.table
    statement = (
        sa.update(table)
        .where(table.c.residency == queue.residency, table.c.id.in_(ids), table.c.state == "dead")
        .values(state="ready", due_at=now, attempts=0, lease=None, expires_at=None)
        .returning(table.c.id)
    )
    return set(connection.execute(statement).scalars())


def backoff(attempt: int, *, base: float = 2.0, cap: float = 600.0) -> timedelta:
    """Return how long to wait before the next attempt: doubling, capped, half of it random."""
    ceiling = min(base * 2 ** max(attempt - 1, 0), cap)
    return timedelta(seconds=random.uniform(ceiling / 2, ceiling))  # noqa: S311 (spread, not secrecy)


def _held(connection: sa.Connection, queue: Queue, row: Row, values: dict[str, Any]) -> bool:
    table = queue.table
    held = [table.c.residency == queue.residency, table.c.id == row["id"], table.c.lease == row["lease"]]
    return connection.execute(sa.update(table).where(*held).values(**values).returning(table.c.id)).first() is not None


def _by_token(rows: Sequence[Row]) -> dict[uuid.UUID, list[uuid.UUID]]:
    tokens: dict[uuid.UUID, list[uuid.UUID]] = {}
    for row in rows:
        tokens.setdefault(row["lease"], []).append(row["id"])
    return tokens
