"""Durable jobs: one row for one thing to do, whoever asks for it and how often."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.store.columns import natural_id, shard_of
from connectors.store.engine import Database, Row
from connectors.store.leases import LostLease, Queue
from connectors.store.tables.intake import job
from connectors.vault import Vault


@dataclass(frozen=True)
class Job:
    """Something to do. `key` names it: asking twice for the same key is asking once.

    `arguments` rest encrypted and never hold scanned content.
    """

    queue: str
    key: str
    residency: str
    tenant: str = ""
    connection: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict, repr=False)
    due_at: datetime | None = None

    @property
    def id(self) -> uuid.UUID:
        """Return the row's id."""
        return natural_id("job", self.residency, self.queue, self.key)


def enqueue(
    database: Database,
    connection: sa.Connection,
    jobs: Sequence[Job],
    *,
    vault: Vault | None = None,
    now: datetime,
    again: bool = True,
) -> None:
    """Ask for jobs. One that waits is brought forward; one that runs is run again afterwards; a dead one revives.

    One that waits because its app said so is not brought forward before that time.
    With `again=False`, as the clock asks, one that runs is what was asked for, and what somebody asked of one that
    waits stands.
    The vault seals arguments: jobs that their key says all about need none.
    """
    unique = {wanted.id: wanted for wanted in jobs}
    rows = [_row(database, wanted, vault, now) for wanted in unique.values()]
    database.upsert(connection, job, rows, update=_asked if again else _reminded)


def _asked(new: Any) -> dict[str, Any]:
    idle = job.c.lease.is_(None)
    held = job.c.held_until > new.due_at
    sooner = sa.case((held, job.c.due_at), (new.due_at < job.c.due_at, new.due_at), else_=job.c.due_at)
    waiting = sa.and_(idle, job.c.state == "ready")
    return {
        "state": "ready",
        "due_at": sa.case((waiting, sooner), (idle, new.due_at), else_=job.c.due_at),
        "attempts": sa.case((idle, 0), else_=job.c.attempts),
        "requests": job.c.requests + 1,
        "body": new.body,
        "expires_at": None,
    }


def _reminded(new: Any) -> dict[str, Any]:
    requests = sa.case((job.c.lease.is_(None), job.c.requests + 1), else_=job.c.requests)
    return {**_asked(new), "requests": requests, "body": sa.func.coalesce(job.c.body, new.body)}


def arguments(row: Row, vault: Vault) -> dict[str, Any]:
    """Return the arguments of a claimed job."""
    opened = vault.open(row["body"], context=f"job:{row['id']}") if row["body"] else {}
    return dict(opened)


def finish_job(
    connection: sa.Connection, queue: Queue, row: Row, *, now: datetime, again_at: datetime | None = None
) -> None:
    """End a claimed job; when it was asked for again meanwhile, or `again_at` is given, make it ready once more.

    Raises `LostLease` when the lease is gone.
    """
    held = [job.c.residency == queue.residency, job.c.id == row["id"], job.c.lease == row["lease"]]
    if again_at is None:
        ended = sa.delete(job).where(*held, job.c.requests == row["requests"]).returning(job.c.id)
        if connection.execute(ended).first() is not None:
            return
    asked_again = job.c.requests != row["requests"]
    # A job that was asked for again starts afresh; one that only continues keeps its note.
    ready = (
        sa.update(job)
        .where(*held)
        .values(lease=None, due_at=again_at or now, attempts=0, reason=sa.case((asked_again, ""), else_=job.c.reason))
    )
    if connection.execute(ready.returning(job.c.id)).first() is None:
        raise LostLease("the job was taken over")


def ready_queues(connection: sa.Connection, residency: str, *, now: datetime) -> set[str]:
    """Return the queues in which something is due, by reading alone."""
    query = (
        sa.select(job.c.queue)
        .where(job.c.residency == residency, job.c.state == "ready", job.c.due_at <= now)
        .distinct()
    )
    return set(connection.execute(query).scalars())


def listed(
    connection: sa.Connection,
    residency: str,
    *,
    state: str | None = None,
    queue: str | None = None,
    limit: int = 100,
) -> list[Row]:
    """Return jobs for people to look at, newest first, without their arguments."""
    columns = [column for column in job.c if column.name != "body"]
    query = sa.select(*columns).where(job.c.residency == residency).order_by(job.c.created_at.desc()).limit(limit)
    if state:
        query = query.where(job.c.state == state)
    if queue:
        query = query.where(job.c.queue == queue)
    return [row._asdict() for row in connection.execute(query)]


def _row(database: Database, wanted: Job, vault: Vault | None, now: datetime) -> dict[str, Any]:
    body = None
    if wanted.arguments:
        assert vault is not None, f"the arguments of a {wanted.queue} job need a vault"  # noqa: S101 (a bug of ours)
        body = vault.seal(dict(wanted.arguments), context=f"job:{wanted.id}")
    return {
        "residency": wanted.residency,
        "id": wanted.id,
        "tenant": wanted.tenant,
        "queue": wanted.queue,
        "key": wanted.key,
        "connection": wanted.connection,
        "body": body,
        "requests": 1,
        "held_until": None,
        "shard": shard_of(wanted.id, database.shards),
        "state": "ready",
        "due_at": wanted.due_at or now,
        "lease": None,
        "attempts": 0,
        "reason": "",
        "created_at": now,
        "expires_at": None,
    }
