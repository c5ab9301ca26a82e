"""What follows from findings: alerts, actions and other jobs, planned in the transaction that records them."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.model import EventKind
from connectors.store.columns import natural_id
from connectors.store.engine import Database
from connectors.store.jobs import Job
from connectors.store.merging import Finished
from connectors.store.tables.routing import action_run, alert


class Routes:
    """What the recording needs to know of policies: where findings go and what is to be done with them."""

    def __init__(
        self,
        destinations: Callable[[Iterable[str]], Mapping[str, tuple[str, ...]]],
        actions: Callable[[Iterable[str]], Sequence[tuple[str, timedelta]]],
    ) -> None:
        self.destinations = destinations
        self.actions = actions


def alert_jobs(
    database: Database, connection: sa.Connection, news: Sequence[Mapping[str, Any]], routes: Routes, now: datetime
) -> list[Job]:
    """Write one alert per policy, destination and resource, and ask for its delivery."""
    groups: dict[tuple[str, str, uuid.UUID], list[Mapping[str, Any]]] = defaultdict(list)
    for row in news:
        for destination, policies in routes.destinations(row["policies"]).items():
            groups[policies[0], destination, row["resource_key"]].append(row)
    rows, wanted = [], []
    for (policy, destination, resource_key), members in groups.items():
        first = members[0]
        named = sorted(f"{member['id']}:{member['revision']}" for member in members)
        identity = natural_id("alert", first["residency"], policy, destination, *named)
        rows.append(
            {
                "residency": first["residency"],
                "id": identity,
                "tenant": first["tenant"],
                "policy": policy,
                "destination": destination,
                "connection": first["connection"],
                "resource_key": resource_key,
                "label": first["label"],
                "severity": max(member["severity"] for member in members),
                "findings": [str(member["id"]) for member in members],
                "state": "pending",
                "created_at": now,
                "delivered_at": None,
                "summary": None,
                "resolved_at": None,
                "expires_at": None,
            }
        )
        wanted.append(Job("alert", str(identity), first["residency"], first["tenant"], first["connection"]))
    database.insert_new(connection, alert, rows)
    return wanted


def action_jobs(
    database: Database,
    connection: sa.Connection,
    news: Sequence[Mapping[str, Any]],
    routes: Routes,
    now: datetime,
) -> list[Job]:
    """Plan the actions that policies ask for, each after its delay."""
    rows, wanted = [], []
    for row in news:
        for action, after in routes.actions(row["policies"]):
            identity = natural_id("action", row["residency"], str(row["id"]), row["revision"], action)
            rows.append(
                {
                    "residency": row["residency"],
                    "id": identity,
                    "tenant": row["tenant"],
                    "finding_id": row["id"],
                    "connection": row["connection"],
                    "action": action,
                    "actor": "policy",
                    "why": "policy " + ", ".join(row["policies"]),
                    "dry_run": False,
                    "state": "pending",
                    "message": "",
                    "before_hash": "",
                    "remaining": "",
                    "batch": None,
                    "created_at": now,
                    "ended_at": None,
                }
            )
            wanted.append(
                Job(
                    "action",
                    str(identity),
                    row["residency"],
                    row["tenant"],
                    row["connection"],
                    due_at=now + after,
                )
            )
    database.insert_new(connection, action_run, rows)
    return wanted


def follow_ups(item: Finished) -> Iterable[Job]:
    """Turn the events that are not about one resource into jobs."""
    event, task = item.task.event, item.task
    residency = item.row["residency"]
    if event.kind is EventKind.SYNC and event.partition is not None:
        arguments = {
            "partition": {"id": event.partition.id, "label": event.partition.label},
            "cursor": dict(event.cursor) if event.cursor is not None else None,
        }
        key = f"{task.connection}/{event.partition.id}"
        yield Job("sync", key, residency, task.tenant, task.connection, arguments)
    elif event.kind is EventKind.EXPOSURE:
        container = event.resource.container
        exposed = {
            "container": container.id,
            "name": container.name,
            "visibility": container.visibility.value,
        }
        yield Job(
            "exposure",
            f"{task.connection}/{container.id}",
            residency,
            task.tenant,
            task.connection,
            exposed,
        )
    elif event.kind is EventKind.REVOKED:
        yield Job("revoked", task.connection, residency, task.tenant, task.connection)
