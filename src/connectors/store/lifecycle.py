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
