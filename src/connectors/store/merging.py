"""What a batch of scans makes of the findings that are known: new, seen again, gone, back."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.model import EventKind, FindingState, Validity
from connectors.pipeline import Draft, Scan, Task, whereabouts
from connectors.store import tallies
from connectors.store.columns import natural_id
from connectors.store.engine import Row
from connectors.store.lifecycle import LIVING, change, delete_below, living_findings, remaining, resolved
from connectors.store.tables.findings import finding, suppression

SUPPRESSED = {"false_positive": FindingState.FALSE_POSITIVE, "accepted": FindingState.IGNORED}

PROVEN = ("validity", "validity_checked_at", "validity_evidence")
"""What the vendor said of a value, when, and what that rests on."""


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


@dataclass
class Merged:
    rows: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    news: list[dict[str, Any]] = field(default_factory=list)
    """The findings that are new or reopened: alerts go out for these and no others."""
    moves: list[tallies.Move] = field(default_factory=list)


def merge(connection: sa.Connection, current: Sequence[Finished], now: datetime, done: Recorded) -> Merged:
    scanned = [item for item in current if item.task.event.kind in (EventKind.CHANGED, EventKind.DELETED)]
    merged = Merged()
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
    if done.resolved:
        _say_what_is_left(connection, residency, merged)
    return merged


def _say_what_is_left(connection: sa.Connection, residency: str, merged: Merged) -> None:
    """Let the history of what ended say where its value still is, where an action found that out."""
    ended = {each["finding_id"]: each for each in merged.changes if each["after"] == FindingState.RESOLVED}
    rows = [row for row in merged.rows if row["id"] in ended]
    for identity, left in remaining(connection, residency, rows).items():
        ended[identity]["comment"] += f"; {left}"


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
    merged: Merged,
    now: datetime,
    done: Recorded,
) -> None:
    seen = set()
    for draft in item.scan.drafts:
        row = finding_row(item, draft, now)
        if row["id"] in seen:
            continue  # the same value again, in a part that was scanned in pieces
        seen.add(row["id"])
        old = known.get(row["id"])
        if not draft.policies and (old is None or old["state"] == FindingState.RESOLVED):
            continue
        verdict = SUPPRESSED.get(verdicts.get((item.task.tenant, draft.fingerprint), ""))
        if old is None:
            _open(row, verdict, merged, now, done)
        else:
            _see_again(row, old, verdict, merged, now, done)
        merged.rows.append(row)
        merged.moves.append((old, row))
    for identity, old in known.items():
        if identity not in seen and old["state"] in LIVING and _vanished(item, old["part"]):
            comment = "the resource is gone" if item.scan.gone else "no longer in the current content"
            merged.rows.append(resolved(old, now, merged.changes, comment=comment))
            merged.moves.append((old, merged.rows[-1]))
            done.resolved += 1


def _open(row: dict[str, Any], verdict: FindingState | None, merged: Merged, now: datetime, done: Recorded) -> None:
    row["state"] = verdict or FindingState.OPEN
    merged.changes.append(change(row, "", row["state"], now=now, comment="known value" if verdict else ""))
    if verdict is None:
        merged.news.append(row)
        done.opened += 1


def _see_again(
    row: dict[str, Any],
    old: Mapping[str, Any],
    verdict: FindingState | None,
    merged: Merged,
    now: datetime,
    done: Recorded,
) -> None:
    row.update(first_seen=old["first_seen"], state=old["state"], revision=old["revision"], note=old["note"])
    proves_nothing = row["validity"] in (None, Validity.UNVERIFIED) and old["validity"] is not None
    if proves_nothing:
        row.update({name: old[name] for name in PROVEN})  # what proves nothing takes no proof away
    if proves_nothing or not row["policies"]:
        # Policies that cared because of what a vendor said go on caring.
        row["policies"] = [*row["policies"], *(name for name in old["policies"] if name not in row["policies"])]
        row["severity"] = max(row["severity"], old["severity"])
    if old["state"] == FindingState.RESOLVED:
        row.update(state=verdict or FindingState.OPEN, revision=old["revision"] + 1)
        comment = "known value" if verdict else "seen again"
        merged.changes.append(change(row, old["state"], row["state"], now=now, comment=comment))
        if verdict is None:
            merged.news.append(row)
            done.reopened += 1
    elif old["state"] in LIVING and row["validity"] == Validity.ACTIVE != old["validity"]:
        _tell_who_waited(row, old, merged)


def _tell_who_waited(row: dict[str, Any], old: Mapping[str, Any], merged: Merged) -> None:
    """Let the policies that wait for a live token hear of one that is known for longer."""
    waited = [name for name in row["policies"] if name not in old["policies"]]
    if waited:
        row["revision"] = old["revision"] + 1  # names the alert: this one was not told yet
        merged.news.append({**row, "policies": waited})


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
    merged: Merged,
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


def finding_row(item: Finished, draft: Draft, now: datetime) -> dict[str, Any]:
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
        "visibility": whereabouts(task.tenant, task.connection, thing).visibility.value,
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
