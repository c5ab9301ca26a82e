"""The one transaction that ends a batch of events: findings, their lifecycle, alerts, ledger, and the inbox rows.

It runs at most once for each event, because it ends with the lease or not at all; and it may be retried at any
time, because everything in it is an upsert on a natural key.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.model import EventKind, FindingState, Validity
from connectors.pipeline import Draft, Scan, Task, policy_place
from connectors.store import inbox, jobs, leases, ledger, tallies
from connectors.store.columns import natural_id
from connectors.store.engine import Database, Row
from connectors.store.jobs import Job
from connectors.store.ledger import Counts
from connectors.store.tables.findings import finding, finding_change, resource, suppression
from connectors.store.tables.routing import action_run, alert
from connectors.vault import Vault

LIVING = (FindingState.OPEN, FindingState.ACKNOWLEDGED)
"""States that end by themselves when the value is gone."""

MAX_DEPTH = 16
"""Levels of resources below a deleted one that go with it: a project, an issue, its comments, their files."""

SUPPRESSED = {"false_positive": FindingState.FALSE_POSITIVE, "accepted": FindingState.IGNORED}

REFRESHED = (
    "label", "url", "container", "container_name", "visibility", "author_id", "author", "author_email",
    "detector", "confidence", "severity", "policies", "preview", "places", "count", "state", "revision", "version",
    "validity", "validity_checked_at", "validity_evidence", "last_seen", "resolved_at", "updated_at", "expires_at",
)  # fmt: skip


PROVEN = ("validity", "validity_checked_at", "validity_evidence")
"""What the vendor said of a value, when, and what that rests on."""


class Routes:
    """What the recording needs to know of policies: where findings go and what is to be done with them."""

    def __init__(
        self,
        destinations: Callable[[Iterable[str]], Mapping[str, tuple[str, ...]]],
        actions: Callable[[Iterable[str]], Sequence[tuple[str, timedelta]]],
    ) -> None:
        self.destinations = destinations
        self.actions = actions


@dataclass(frozen=True)
class Finished:
    """One claimed inbox row with what came of it."""

    row: Row
    task: Task
    scan: Scan
    restores: bool = False
    """Whether a sync listed a resource that counts as deleted: it is there again, whatever its version."""


@dataclass
class Recorded:
    """What a transaction changed, for logs and metrics."""

    opened: int = 0
    reopened: int = 0
    resolved: int = 0
    alerts: int = 0
    superseded: int = 0
    follow_ups: list[Job] = field(default_factory=list)


def record(
    database: Database,
    connection: sa.Connection,
    queue: leases.Queue | None,
    finished: Sequence[Finished],
    *,
    routes: Routes,
    vault: Vault,
    now: datetime,
    keep_until: datetime | None = None,
    remember_until: datetime | None = None,
) -> Recorded:
    """End a batch. Raises `LostLease`, with nothing written, when another worker took a row over.

    `queue` is None when the events did not come from the SQL inbox and its rows need no end. A stream that may
    bring an event twice gives `remember_until`: an event that is known then is neither recorded nor counted again.
    """
    if queue is not None:
        leases.finish(connection, queue, [item.row for item in finished], expires_at=keep_until)
    if remember_until is not None:
        rows = [item.row for item in finished]
        new = inbox.remember(database, connection, rows, expires_at=remember_until)
        finished = finished if queue is not None else [item for item in finished if item.row["id"] in new]
    done = Recorded()
    current = _current(database, connection, finished, now, done)
    merged = _merge(connection, current, now, done)
    database.upsert(connection, finding, merged.rows, update=REFRESHED)
    if merged.changes:
        connection.execute(sa.insert(finding_change), merged.changes)
    if merged.moves:
        tallies.count(database, connection, finished[0].row["residency"], merged.moves, now)
    wanted = alert_jobs(database, connection, merged.news, routes, now)
    done.alerts = len(wanted)
    wanted.extend(_actions(database, connection, merged.news, routes, now))
    wanted.extend(follow_up for item in current for follow_up in _follow_ups(item))
    jobs.enqueue(database, connection, wanted, vault=vault, now=now)
    _account(database, connection, finished, current, now)
    return done


def _current(
    database: Database, connection: sa.Connection, finished: Sequence[Finished], now: datetime, done: Recorded
) -> list[Finished]:
    """Keep the events that are newer than anything seen of their resource, and remember their versions.

    The upsert locks each resource until COMMIT: two workers cannot merge one resource's findings at once.
    """
    newest: dict[uuid.UUID, Finished] = {}
    for item in finished:
        if item.task.event.kind not in (EventKind.CHANGED, EventKind.DELETED):
            continue
        key = item.row["resource_key"]
        if key not in newest or _order(item) > _order(newest[key]):
            newest[key] = item
    rows = [_resource_row(item, now) for item in newest.values()]
    restored = [key for key, item in newest.items() if item.restores]

    def merge(new: Any) -> dict[str, Any]:
        live = new.partition == ledger.LIVE  # a webhook does not take a resource out of the partition that lists it
        return {
            "version": sa.case((new.version > resource.c.version, new.version), else_=resource.c.version),
            "partition": sa.case((live, resource.c.partition), else_=new.partition),
            "listed_in": sa.case((live, resource.c.listed_in), else_=new.listed_in),
            # Some doors, deletions above all, do not tell the container: it stays what it was.
            "container": sa.case((new.container == "", resource.c.container), else_=new.container),
            **{name: new[name] for name in ("parent_key", "deleted", "scanned_at")},
        }

    def newer(new: Any) -> sa.ColumnElement[bool]:
        deletion = sa.and_(new.deleted, sa.not_(resource.c.deleted))
        back = sa.and_(resource.c.deleted, resource.c.id.in_(restored)) if restored else sa.false()
        return sa.or_(resource.c.version < new.version, deletion, back)

    written = database.upsert(connection, resource, rows, update=merge, where=newer)
    _mark_listed(connection, newest.values(), written)
    others = [item for item in finished if item.task.event.kind not in (EventKind.CHANGED, EventKind.DELETED)]
    done.superseded = len(finished) - len(others) - len(written)
    return [item for key, item in newest.items() if key in written] + others


def _order(item: Finished) -> tuple[int, bool]:
    return item.task.event.version, item.task.event.kind is EventKind.DELETED


def _resource_row(item: Finished, now: datetime) -> dict[str, Any]:
    event, row = item.task.event, item.row
    parent = event.resource.parent
    residency, name = row["residency"], item.task.connection
    return {
        "residency": residency,
        "id": row["resource_key"],
        "tenant": item.task.tenant,
        "connection": name,
        "resource_id": event.resource.id[:1024],
        "partition": row["partition"],
        "parent_key": natural_id("resource", residency, name, parent) if parent else None,
        "container": event.resource.container.id[:255],
        "version": event.version,
        "deleted": item.scan.gone,
        "listed_in": row["generation"],
        "scanned_at": now,
    }


def _mark_listed(connection: sa.Connection, items: Iterable[Finished], written: set[uuid.UUID]) -> None:
    """Remember that a sync listed what it already knew, so that the deletion reconcile does not take it for gone."""
    seen: dict[tuple[str, str, int], list[uuid.UUID]] = defaultdict(list)
    for item in items:
        row = item.row
        if row["source"] == "sync" and row["resource_key"] not in written:
            seen[row["residency"], row["partition"], row["generation"]].append(row["resource_key"])
    for (residency, partition, generation), keys in seen.items():
        statement = (
            sa.update(resource)
            .where(resource.c.residency == residency, resource.c.id.in_(keys))
            .values(partition=partition, listed_in=generation)
        )
        connection.execute(statement)


@dataclass
class _Merged:
    rows: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    news: list[dict[str, Any]] = field(default_factory=list)
    """The findings that are new or reopened: alerts go out for these and no others."""
    moves: list[tallies.Move] = field(default_factory=list)


def _merge(connection: sa.Connection, current: Sequence[Finished], now: datetime, done: Recorded) -> _Merged:
    scanned = [item for item in current if item.task.event.kind in (EventKind.CHANGED, EventKind.DELETED)]
    merged = _Merged()
    if not scanned:
        return merged
    residency = scanned[0].row["residency"]
    known = _known(connection, residency, scanned)
    verdicts = _suppressions(connection, residency, scanned)
    for item in scanned:
        _merge_one(item, known.get(item.row["resource_key"], {}), verdicts, merged, now, done)
    orphans = [item for item in scanned if item.scan.gone]
    if orphans:
        _resolve_children(connection, residency, orphans, merged, now, done)
    return merged


def _known(
    connection: sa.Connection, residency: str, scanned: Sequence[Finished]
) -> dict[uuid.UUID, dict[uuid.UUID, dict[str, Any]]]:
    keys = [item.row["resource_key"] for item in scanned]
    query = sa.select(finding).where(finding.c.residency == residency, finding.c.resource_key.in_(keys))
    known: dict[uuid.UUID, dict[uuid.UUID, dict[str, Any]]] = defaultdict(dict)
    for row in connection.execute(query):
        known[row.resource_key][row.id] = row._asdict()
    return known


def _suppressions(connection: sa.Connection, residency: str, scanned: Sequence[Finished]) -> dict[tuple[str, str], str]:
    prints = {draft.fingerprint for item in scanned for draft in item.scan.drafts}
    if not prints:
        return {}
    query = sa.select(suppression.c.tenant, suppression.c.fingerprint, suppression.c.verdict).where(
        suppression.c.residency == residency, suppression.c.fingerprint.in_(prints)
    )
    return {(row.tenant, row.fingerprint): row.verdict for row in connection.execute(query)}


def _merge_one(
    item: Finished,
    known: Mapping[uuid.UUID, dict[str, Any]],
    verdicts: Mapping[tuple[str, str], str],
    merged: _Merged,
    now: datetime,
    done: Recorded,
) -> None:
    seen = set()
    for draft in item.scan.drafts:
        row = _finding_row(item, draft, now)
        seen.add(row["id"])
        old = known.get(row["id"])
        if old is None:
            verdict = SUPPRESSED.get(verdicts.get((item.task.tenant, draft.fingerprint), ""))
            row["state"] = verdict or FindingState.OPEN
            merged.changes.append(change(row, "", row["state"], now=now, comment="known value" if verdict else ""))
            if verdict is None:
                merged.news.append(row)
                done.opened += 1
        else:
            row.update(first_seen=old["first_seen"], state=old["state"], revision=old["revision"], note=old["note"])
            if row["validity"] in (None, Validity.UNVERIFIED) and old["validity"] is not None:
                row.update({name: old[name] for name in PROVEN})  # what proves nothing takes no proof away
            verdict = SUPPRESSED.get(verdicts.get((item.task.tenant, draft.fingerprint), ""))
            if old["state"] == FindingState.RESOLVED and verdict is not None:
                row.update(state=verdict, revision=old["revision"] + 1)
                merged.changes.append(change(row, old["state"], verdict, now=now, comment="known value"))
            elif old["state"] == FindingState.RESOLVED:
                row.update(state=FindingState.OPEN, revision=old["revision"] + 1)
                merged.changes.append(change(row, old["state"], FindingState.OPEN, now=now, comment="seen again"))
                merged.news.append(row)
                done.reopened += 1
        merged.rows.append(row)
        merged.moves.append((old, row))
    for identity, old in known.items():
        if identity not in seen and old["state"] in LIVING and _vanished(item, old["part"]):
            comment = "the resource is gone" if item.scan.gone else "no longer in the current content"
            merged.rows.append(resolved(old, now, merged.changes, comment=comment))
            merged.moves.append((old, merged.rows[-1]))
            done.resolved += 1


def _vanished(item: Finished, part: str) -> bool:
    """Tell whether a part was looked at and the value was not there; a part that could not be read proves nothing."""
    scan = item.scan
    if scan.gone or part in scan.parts:
        return True
    unread = any(failure.part in ("", part) for failure in scan.gaps)
    return item.task.event.complete and not unread


def _resolve_children(
    connection: sa.Connection,
    residency: str,
    orphans: Sequence[Finished],
    merged: _Merged,
    now: datetime,
    done: Recorded,
) -> None:
    keys = delete_below(connection, residency, [item.row["resource_key"] for item in orphans], now=now)
    merged_ids = {row["id"] for row in merged.rows}
    for row in living_findings(connection, residency, keys):
        if row["id"] not in merged_ids:
            merged.rows.append(resolved(row, now, merged.changes, comment="its parent is gone"))
            merged.moves.append((row, merged.rows[-1]))
            done.resolved += 1


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


def _finding_row(item: Finished, draft: Draft, now: datetime) -> dict[str, Any]:
    event, row, task = item.task.event, item.row, item.task
    thing, author = event.resource, draft.author
    part = draft.part[:500]
    identity = natural_id("finding", row["residency"], task.connection, thing.id, part, draft.family, draft.fingerprint)
    return {
        "residency": row["residency"],
        "id": identity,
        "tenant": task.tenant,
        "connection": task.connection,
        "app": task.app,
        "resource_key": row["resource_key"],
        "resource_id": thing.id[:1024],
        "resource_kind": thing.kind[:64],
        "container": thing.container.id[:255],
        "container_name": thing.container.name[:255],
        "label": thing.label[:500],
        "url": draft.url[:2048],
        "author_id": author.id[:255] if author else "",
        "author": author.name[:255] if author else "",
        "author_email": author.email[:320] if author else "",
        "visibility": policy_place(task.tenant, task.connection, thing).visibility.value,
        "part": part,
        "detector": draft.detector,
        "family": draft.family,
        "confidence": int(draft.confidence),
        "severity": int(draft.severity),
        "policies": list(draft.policies),
        "fingerprint": draft.fingerprint,
        "preview": draft.preview[:255],
        "places": [
            {
                name: value
                for name, value in (
                    ("start", p.start),
                    ("end", p.end),
                    ("path", p.path),
                    ("row", p.row),
                    ("column", p.column),
                    ("mismatch", p.mismatch),
                )
                if value not in ("", None)
            }
            for p in draft.places
        ],
        "count": draft.count,
        "state": FindingState.OPEN,
        "revision": 1,
        "version": event.version,
        "note": "",
        "validity": draft.validity.state if draft.validity else None,
        "validity_checked_at": draft.validity.at if draft.validity else None,
        "validity_evidence": dict(draft.validity.evidence) if draft.validity else None,
        "first_seen": now,
        "last_seen": now,
        "resolved_at": None,
        "updated_at": now,
        "expires_at": None,
    }


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
                "expires_at": None,
            }
        )
        wanted.append(Job("alert", str(identity), first["residency"], first["tenant"], first["connection"]))
    database.insert_new(connection, alert, rows)
    return wanted


def _actions(
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


def _follow_ups(item: Finished) -> Iterable[Job]:
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


def _account(
    database: Database,
    connection: sa.Connection,
    finished: Sequence[Finished],
    current: Sequence[Finished],
    now: datetime,
) -> None:
    """Balance the ledger for every ended event, and keep the gaps of those that were current."""
    counts: dict[ledger.Key, Counts] = {}
    fresh = {id(item) for item in current}
    gap_rows: list[dict[str, Any]] = []
    for item in finished:
        row, task, scan = item.row, item.task, item.scan
        key = (task.tenant, task.connection, row["partition"], row["generation"])
        counted = ledger.count_parts(len(scan.parts), scan.gaps) if id(item) in fresh else Counts(scanned=1)
        counts.setdefault(key, Counts()).add(counted)
        if id(item) in fresh:
            gap_rows.extend(_gap_rows(item, now))
    if not finished:
        return
    residency = finished[0].row["residency"]
    ledger.add(database, connection, residency, counts.items(), now=now)
    replaced = {
        item.row["resource_key"]: item.row["created_at"]
        for item in current
        if item.task.event.kind is EventKind.CHANGED or item.scan.gone
    }
    ledger.put_gaps(database, connection, residency, gap_rows, replace=replaced)


def _gap_rows(item: Finished, now: datetime) -> Iterable[dict[str, Any]]:
    thing = item.task.event.resource
    for failure in item.scan.gaps:
        yield ledger.gap_row(
            failure,
            residency=item.row["residency"],
            tenant=item.task.tenant,
            connection=item.task.connection,
            partition=item.row["partition"],
            resource_key=item.row["resource_key"],
            resource_id=thing.id,
            label=thing.label,
            now=now,
        )
