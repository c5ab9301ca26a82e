"""Action runs: what was asked for, by whom and why, and how it ended."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.model import Outcome, Visibility
from connectors.store import jobs, moves, planning
from connectors.store.columns import natural_id
from connectors.store.engine import Database
from connectors.store.lifecycle import LIVING
from connectors.store.tables.findings import audit, finding
from connectors.store.tables.routing import action_run
from connectors.vault import Vault


@dataclass(frozen=True)
class Planned:
    """An action run with the finding it is about."""

    run: Mapping[str, Any]
    finding: Mapping[str, Any] | None


def plan(
    database: Database,
    connection: sa.Connection,
    found: Mapping[str, Any],
    action: str,
    *,
    actor: str,
    why: str,
    dry_run: bool,
    now: datetime,
    batch: uuid.UUID | None = None,
) -> uuid.UUID:
    """Record that an action is asked for, and return its id. The same request by the same actor is one run."""
    stamp = str(batch) if batch else now.isoformat()
    identity = natural_id("action", found["residency"], str(found["id"]), action, actor, int(dry_run), stamp)
    row = {
        "residency": found["residency"],
        "id": identity,
        "tenant": found["tenant"],
        "finding_id": found["id"],
        "connection": found["connection"],
        "action": action,
        "actor": actor,
        "why": why[:2000],
        "dry_run": dry_run,
        "state": "pending",
        "message": "",
        "before_hash": "",
        "remaining": "",
        "batch": batch,
        "created_at": now,
        "ended_at": None,
    }
    database.insert_new(connection, action_run, [row])
    return identity


def load(connection: sa.Connection, residency: str, identity: uuid.UUID) -> Planned | None:
    """Return one action run with its finding."""
    query = sa.select(action_run).where(action_run.c.residency == residency, action_run.c.id == identity)
    row = connection.execute(query).first()
    if row is None:
        return None
    where = [finding.c.residency == residency, finding.c.id == row.finding_id]
    found = connection.execute(sa.select(finding).where(*where)).first()
    return Planned(row._asdict(), found._asdict() if found else None)


def end(database: Database, connection: sa.Connection, planned: Planned, outcome: Outcome, *, now: datetime) -> None:
    """Write how a run ended, and the audit row that says so for good."""
    run = planned.run
    where = [action_run.c.residency == run["residency"], action_run.c.id == run["id"]]
    values = {
        "state": outcome.result.value,
        "message": outcome.message[:2000],
        "before_hash": outcome.before_hash[:64],
        "remaining": outcome.remaining[:500],
        "ended_at": now,
    }
    connection.execute(sa.update(action_run).where(*where).values(**values))
    note(
        database,
        connection,
        residency=run["residency"],
        tenant=run["tenant"],
        actor=run["actor"],
        act=f"action:{run['action']}",
        subject=f"finding:{run['finding_id']}",
        result=outcome.result.value,
        detail={
            "why": run["why"],
            "dry_run": run["dry_run"],
            "message": outcome.message,
            "before_hash": outcome.before_hash,
            "remaining": outcome.remaining,
        },
        now=now,
        key=str(run["id"]),
    )


def note(
    database: Database,
    connection: sa.Connection,
    *,
    residency: str,
    tenant: str,
    actor: str,
    act: str,
    subject: str,
    result: str,
    detail: Mapping[str, Any],
    now: datetime,
    key: str = "",
) -> None:
    """Write an audit row. The same (act, subject, key or time) is one row, however often it is written."""
    row = {
        "residency": residency,
        "id": natural_id("audit", residency, act, subject, actor, key or now.isoformat()),
        "tenant": tenant,
        "at": now,
        "actor": actor[:255],
        "act": act[:64],
        "subject": subject[:255],
        "result": result[:64],
        "detail": dict(detail),
    }
    database.insert_new(connection, audit, [row])


def expose(
    database: Database,
    connection: sa.Connection,
    residency: str,
    name: str,
    container: str,
    visibility: Visibility,
    *,
    judged: Callable[[Mapping[str, Any]], tuple[str, ...] | None],
    routes: planning.Routes,
    vault: Vault,
    now: datetime,
) -> int:
    """Set the visibility of a container's living findings; alert those that a policy newly cares about."""
    query = sa.select(finding).where(
        finding.c.residency == residency,
        finding.c.connection == name,
        finding.c.container == container,
        finding.c.state.in_(LIVING),
    )
    rows, news, moved = [], [], []
    for found in connection.execute(query):
        row = found._asdict()
        moved.append((found._asdict(), row))
        before = set(row["policies"])
        row.update(visibility=visibility.value, updated_at=now)
        policies = judged(row)
        if policies is not None and set(policies) - before:
            row.update(policies=list(policies), revision=row["revision"] + 1)
            news.append({**row, "policies": [policy for policy in policies if policy not in before]})
        rows.append(row)
    database.upsert(connection, finding, rows, update=("visibility", "policies", "revision", "updated_at"))
    moves.follow(database, connection, residency, moved, now=now)
    wanted = planning.alert_jobs(database, connection, news, routes, now)
    jobs.enqueue(database, connection, wanted, vault=vault, now=now)
    return len(rows)
