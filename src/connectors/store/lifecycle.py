"""The life of a finding: what ends by itself, and the history of every change."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.model import FindingState
from connectors.store.columns import natural_id
from connectors.store.tables.findings import finding, resource
from connectors.store.tables.routing import action_run

LIVING = (FindingState.OPEN, FindingState.ACKNOWLEDGED)
"""States that end by themselves when the value is gone."""

MAX_DEPTH = 16
"""Levels of resources below a deleted one that go with it: a project, an issue, its comments, their files."""


def delete_below(
    connection: sa.Connection, residency: str, parents: Sequence[uuid.UUID], *, now: datetime
) -> list[uuid.UUID]:
    """Mark everything that hangs on resources deleted, level by level, and return the keys of what that was."""
    found: list[uuid.UUID] = []
    level: Sequence[uuid.UUID] = parents
    for _ in range(MAX_DEPTH):
        if not level:
            break
        children = (
            sa.update(resource)
            .where(
                resource.c.residency == residency,
                resource.c.parent_key.in_(level),
                resource.c.deleted.is_(False),
            )
            .values(deleted=True, scanned_at=now)
            .returning(resource.c.id)
        )
        level = connection.execute(children).scalars().all()
        found.extend(level)
    return found


def living_findings(
    connection: sa.Connection, residency: str, resource_keys: Sequence[uuid.UUID]
) -> list[dict[str, Any]]:
    """Return the open and acknowledged findings of resources."""
    if not resource_keys:
        return []
    query = sa.select(finding).where(
        finding.c.residency == residency,
        finding.c.resource_key.in_(resource_keys),
        finding.c.state.in_(LIVING),
    )
    return [row._asdict() for row in connection.execute(query)]


def remaining(connection: sa.Connection, residency: str, findings: Sequence[Mapping[str, Any]]) -> dict[uuid.UUID, str]:
    """Return where the values of findings still are ("3 old versions still hold it"), as the last action on each said.

    What it said before the value was last seen is out of date.
    """
    seen = {row["id"]: row["last_seen"] for row in findings}
    query = (
        sa.select(action_run.c.finding_id, action_run.c.remaining, action_run.c.ended_at)
        .where(action_run.c.residency == residency, action_run.c.finding_id.in_(seen))
        .where(action_run.c.dry_run.is_(False), action_run.c.ended_at.is_not(None))
        .order_by(action_run.c.ended_at)
    )
    last = {row.finding_id: row for row in connection.execute(query)}
    return {
        identity: row.remaining for identity, row in last.items() if row.remaining and row.ended_at >= seen[identity]
    }


def resolved(old: Mapping[str, Any], now: datetime, changes: list[dict[str, Any]], *, comment: str) -> dict[str, Any]:
    """Return a finding's row as resolved, and note the change in `changes`."""
    row = dict(old)
    row.update(state=FindingState.RESOLVED, revision=old["revision"] + 1, resolved_at=now, updated_at=now)
    changes.append(change(row, old["state"], FindingState.RESOLVED, now=now, comment=comment))
    return row


def change(
    row: Mapping[str, Any],
    before: str,
    after: str,
    *,
    now: datetime,
    comment: str = "",
    actor: str = "system",
) -> dict[str, Any]:
    """Return the history row of one change of state."""
    return {
        "residency": row["residency"],
        "id": natural_id("change", row["residency"], str(row["id"]), row["revision"]),
        "tenant": row["tenant"],
        "finding_id": row["id"],
        "at": now,
        "actor": actor,
        "before": before,
        "after": after,
        "revision": row["revision"],
        "comment": comment,
    }
