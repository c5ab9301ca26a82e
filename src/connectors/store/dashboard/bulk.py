"""Bulk runs: one decision about many findings, done in steps, each a transaction that also keeps the place."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.errors import Conflict
from connectors.model import FindingState
from connectors.store import actions, findings, jobs
from connectors.store.columns import natural_id
from connectors.store.dashboard import pages
from connectors.store.engine import Database
from connectors.store.jobs import Job
from connectors.store.search import search
from connectors.store.tables.dashboard import bulk, bulk_item
from connectors.store.tables.findings import finding
from connectors.store.tables.routing import action_run
from connectors.vault import Vault

STEP = 100
"""Findings of one transaction."""
KEPT = timedelta(days=90)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Wish:
    """What is asked for: `kind` is state, action or undo, `what` the state, the action or the run to undo."""

    residency: str
    tenant: str
    actor: str
    kind: str
    what: str
    query: str = ""
    connections: Sequence[str] | None = None
    chosen: Sequence[uuid.UUID] = ()
    dry_run: bool = False
    comment: str = ""
    total: int = 0


def start(database: Database, connection: sa.Connection, wish: Wish, *, vault: Vault, now: datetime) -> uuid.UUID:
    """Record a bulk run and the job that does it; return its id."""
    identity = natural_id("bulk", wish.residency, wish.actor, wish.kind, wish.what, now.isoformat())
    row = {
        "residency": wish.residency, "id": identity, "tenant": wish.tenant, "actor": wish.actor,
        "query": wish.query, "connections": None if wish.connections is None else list(wish.connections),
        "chosen": [str(each) for each in wish.chosen], "kind": wish.kind, "what": wish.what,
        "dry_run": wish.dry_run, "comment": wish.comment[:2000], "state": "waiting", "total": wish.total,
        "looked": 0, "changed": 0, "conflicts": 0, "cursor": None, "created_at": now, "ended_at": None,
        "expires_at": now + KEPT,
    }  # fmt: skip
    database.insert_new(connection, bulk, [row])
    actions.note(
        database, connection, residency=wish.residency, tenant=wish.tenant, actor=wish.actor, act="bulk",
        subject=f"bulk:{identity}", result="asked for", now=now,
        detail={
            "kind": wish.kind, "what": wish.what, "query": wish.query, "total": wish.total, "dry_run": wish.dry_run,
        },
    )  # fmt: skip
    wanted = Job("bulk", str(identity), wish.residency, wish.tenant)
    jobs.enqueue(database, connection, [wanted], vault=vault, now=now)
    return identity


def load(connection: sa.Connection, residency: str, identity: uuid.UUID) -> Row | None:
    """Return one run."""
    row = connection.execute(sa.select(bulk).where(bulk.c.residency == residency, bulk.c.id == identity)).first()
    return row._asdict() if row else None


def listed(connection: sa.Connection, residency: str, tenant: str, *, limit: int = 50) -> list[Row]:
    """Return the latest runs."""
    query = sa.select(bulk).where(bulk.c.residency == residency, bulk.c.tenant == tenant)
    return [row._asdict() for row in connection.execute(query.order_by(bulk.c.created_at.desc()).limit(limit))]


def stop(connection: sa.Connection, residency: str, identity: uuid.UUID, *, now: datetime) -> None:
    """Stop a run where it is; what it did stays done."""
    going = [bulk.c.residency == residency, bulk.c.id == identity, bulk.c.state.in_(("waiting", "running"))]
    connection.execute(sa.update(bulk).where(*going).values(state="stopped", ended_at=now))


def results(connection: sa.Connection, residency: str, identity: uuid.UUID) -> dict[str, int]:
    """Return how the action runs of a bulk run ended, by state."""
    query = (
        sa.select(action_run.c.state, sa.func.count())
        .where(action_run.c.residency == residency, action_run.c.batch == identity)
        .group_by(action_run.c.state)
    )
    return {state: int(count) for state, count in connection.execute(query)}


def runs(connection: sa.Connection, residency: str, identity: uuid.UUID, *, limit: int = 100) -> list[Row]:
    """Return the latest action runs of a bulk run."""
    query = (
        sa.select(action_run, finding.c.label, finding.c.detector)
        .outerjoin(
            finding, sa.and_(finding.c.residency == action_run.c.residency, finding.c.id == action_run.c.finding_id)
        )
        .where(action_run.c.residency == residency, action_run.c.batch == identity)
        .limit(limit)
    )
    return [row._asdict() for row in connection.execute(query)]


def step(database: Database, connection: sa.Connection, row: Row, *, vault: Vault, now: datetime) -> bool:
    """Do the next `STEP` findings of a run; return whether any are left. Never works past a stop."""
    current = load(connection, row["residency"], row["id"])
    if current is None or current["state"] not in ("waiting", "running"):
        return False
    found = _undoable(connection, current) if current["kind"] == "undo" else _next(connection, current, now)
    changed = conflicts = 0
    if current["kind"] == "action":
        changed = _plan(database, connection, current, [each for each, _ in found], vault, now)
    else:
        for each, wanted in found:
            moved = _move(database, connection, current, each, wanted, now)
            changed += moved is True
            conflicts += moved is None
    more = len(found) == STEP
    values: dict[str, Any] = {
        "looked": current["looked"] + len(found),
        "changed": current["changed"] + changed,
        "conflicts": current["conflicts"] + conflicts,
        "state": "running" if more else "done",
        "ended_at": None if more else now,
    }
    if found:
        values["cursor"] = found[-1][0]["id"]
    where = [bulk.c.residency == current["residency"], bulk.c.id == current["id"]]
    connection.execute(sa.update(bulk).where(*where).values(**values))
    return more


def condition(row: Row, now: datetime) -> list[sa.ColumnElement[bool]]:
    """Return the condition of the findings that a run is about, as they were when it was asked for."""
    where = pages.scope(row["residency"], row["tenant"], row["connections"])
    if row["chosen"]:
        where.append(finding.c.id.in_([uuid.UUID(each) for each in row["chosen"]]))
    elif row["query"]:
        where.extend(search(row["query"], now))
    # What is found while it runs was not looked at by whoever decided.
    return [*where, finding.c.first_seen <= now]


Found = list[tuple[Row, str]]
"""Findings, each with the state that is wanted."""


def _next(connection: sa.Connection, row: Row, now: datetime) -> Found:  # noqa: ARG001 (the run's own time counts)
    where = condition(row, row["created_at"])
    return [(each, row["what"]) for each in pages.ids_after(connection, where, after=row["cursor"], limit=STEP)]


def _undoable(connection: sa.Connection, row: Row) -> Found:
    """Return what the run to be undone changed, each with the state before; revisions tell what changed since."""
    query = (
        sa.select(bulk_item.c.before, bulk_item.c.revision.label("left_at"), finding)
        .join(finding, sa.and_(finding.c.residency == bulk_item.c.residency, finding.c.id == bulk_item.c.finding_id))
        .where(bulk_item.c.residency == row["residency"], bulk_item.c.bulk_id == uuid.UUID(row["what"]))
        .order_by(bulk_item.c.finding_id)
        .limit(STEP)
    )
    if row["cursor"] is not None:
        query = query.where(bulk_item.c.finding_id > row["cursor"])
    rows = [each._asdict() for each in connection.execute(query)]
    return [(each, each["before"] if each["left_at"] == each["revision"] else "") for each in rows]


def _move(
    database: Database, connection: sa.Connection, row: Row, found: Row, wanted: str, now: datetime
) -> bool | None:
    """Change one finding's state; False when it is so already, None when somebody changed it meanwhile."""
    if not wanted:
        return None
    if found["state"] == wanted:
        return False
    clean = {column.name: found[column.name] for column in finding.c}
    if not row["dry_run"]:
        try:
            made = findings.set_state(
                database, connection, clean, FindingState(wanted), actor=row["actor"], comment=row["comment"],
                suppress=True, now=now,
            )  # fmt: skip
        except Conflict:
            return None
        item = {
            "residency": row["residency"],
            "id": natural_id("bulk-item", row["residency"], str(row["id"]), str(found["id"])),
            "tenant": row["tenant"], "bulk_id": row["id"], "finding_id": found["id"], "before": found["state"],
            "revision": made["revision"], "expires_at": row["expires_at"],
        }  # fmt: skip
        database.insert_new(connection, bulk_item, [item])
    return True


def _plan(
    database: Database, connection: sa.Connection, row: Row, found: Sequence[Row], vault: Vault, now: datetime
) -> int:
    """Record an action run, and the job that does it, for each finding."""
    wanted = []
    for each in found:
        run = actions.plan(
            database, connection, each, row["what"], actor=row["actor"], why=row["comment"],
            dry_run=row["dry_run"], now=now, batch=row["id"],
        )  # fmt: skip
        wanted.append(Job("action", str(run), each["residency"], each["tenant"], each["connection"]))
    jobs.enqueue(database, connection, wanted, vault=vault, now=now)
    return len(wanted)
