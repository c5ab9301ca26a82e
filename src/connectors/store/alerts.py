"""Alerts and the receipts of their delivery."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.model import (
    Confidence,
    Container,
    Finding,
    FindingState,
    PersonRef,
    Place,
    Resource,
    Severity,
    Validity,
    Visibility,
)
from connectors.store.columns import natural_id
from connectors.store.engine import Database, Row
from connectors.store.jobs import Job
from connectors.store.lifecycle import LIVING
from connectors.store.tables.findings import finding
from connectors.store.tables.routing import alert, receipt

SUMMARY = "summary-"
"""Starts the id of an alert that tells what a throttle held back."""


@dataclass(frozen=True)
class Told:
    """One alert with its findings."""

    id: uuid.UUID
    residency: str
    tenant: str
    policy: str
    destination: str
    severity: Severity
    state: str
    created_at: datetime
    findings: tuple[Finding, ...]
    summary: str = ""
    """Id of the alert that told it together with others, when a throttle held it back."""
    resolved_at: datetime | None = None

    @property
    def living(self) -> bool:
        """Tell whether any of its findings is open or acknowledged."""
        return any(finding.state in LIVING for finding in self.findings)


def load(connection: sa.Connection, residency: str, identity: uuid.UUID) -> Told | None:
    """Return one alert with its findings; None when there is none, or all its findings are gone."""
    query = sa.select(alert).where(alert.c.residency == residency, alert.c.id == identity)
    row = connection.execute(query).first()
    return _told(connection, row._asdict()) if row else None


def held(connection: sa.Connection, residency: str, destination: str, policy: str, *, limit: int = 500) -> list[Told]:
    """Return the alerts that a throttle holds back."""
    query = (
        sa.select(alert)
        .where(alert.c.residency == residency, alert.c.destination == destination)
        .where(alert.c.policy == policy, alert.c.state == "held")
        .order_by(alert.c.created_at)
        .limit(limit)
    )
    told = (_told(connection, row._asdict()) for row in connection.execute(query).all())
    return [each for each in told if each is not None]


def closings(connection: sa.Connection, residency: str, ended: Sequence[Mapping[str, Any]]) -> list[Job]:
    """Return the jobs that look whether the alerts of findings that ended are over; one for all of a summary."""
    gone = {str(row["id"]) for row in ended}
    query = sa.select(alert.c.id, alert.c.tenant, alert.c.summary, alert.c.findings).where(
        alert.c.residency == residency,
        alert.c.resource_key.in_({row["resource_key"] for row in ended}),
        alert.c.resolved_at.is_(None),
    )
    rows = [row for row in connection.execute(query) if gone.intersection(row.findings)]
    return [Job("resolve", row.summary or str(row.id), residency, row.tenant) for row in rows]


def closings_of(connection: sa.Connection, residency: str, ids: Sequence[uuid.UUID]) -> list[Job]:
    """Return what `closings` returns for those of some findings that have ended by now."""
    query = sa.select(finding.c.id, finding.c.resource_key).where(
        finding.c.residency == residency, finding.c.id.in_(ids), finding.c.state.not_in(LIVING)
    )
    ended = [row._asdict() for row in connection.execute(query)]
    return closings(connection, residency, ended) if ended else []


def told_together(connection: sa.Connection, residency: str, key: str) -> list[Told]:
    """Return what `closings` names by `key`, locked: one alert, or all that a summary told."""
    which = alert.c.summary == key if key.startswith(SUMMARY) else alert.c.id == uuid.UUID(key)
    query = sa.select(alert).where(alert.c.residency == residency, which).order_by(alert.c.id).with_for_update()
    told = (_told(connection, row._asdict()) for row in connection.execute(query).all())
    return [each for each in told if each is not None]


def sent_since(
    connection: sa.Connection, residency: str, destination: str, policy: str, since: datetime, *, limit: int
) -> int:
    """Return how many alerts of a policy a destination has had, counting to `limit` and no further."""
    some = (
        sa.select(alert.c.id)
        .where(alert.c.residency == residency, alert.c.destination == destination)
        .where(alert.c.policy == policy, alert.c.state == "delivered", alert.c.delivered_at >= since)
        .limit(limit)
        .subquery()
    )
    return int(connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())


def set_state(connection: sa.Connection, residency: str, identity: uuid.UUID, state: str) -> None:
    """Set an alert's state."""
    where = [alert.c.residency == residency, alert.c.id == identity]
    connection.execute(sa.update(alert).where(*where).values(state=state))


@dataclass(frozen=True)
class Attempt:
    """How one attempt to tell a destination ended: `result` is delivered, resolved, retry or failed."""

    result: str
    number: int
    at: datetime
    recipient: str = ""
    reference: str = ""
    detail: str = ""


def keep_receipt(
    database: Database, connection: sa.Connection, told: Told, state: str, attempt: Attempt, *, summary: str = ""
) -> None:
    """Keep the receipt of one attempt to deliver, and what became of the alert: `state`."""
    _keep(database, connection, told, state, attempt)
    values: dict[str, Any] = {"state": state}
    if state in ("delivered", "summarized"):
        values.update(delivered_at=attempt.at, summary=summary or None)
    _set(connection, told, values)


def keep_closing(
    database: Database, connection: sa.Connection, told: Told, attempt: Attempt | None, *, over: bool, now: datetime
) -> None:
    """Keep the receipt of one attempt to close; with `over` nobody looks at the alert again.

    An alert whose destination closes nothing is over without a receipt.
    """
    if attempt is not None:
        _keep(database, connection, told, f"resolve {attempt.result}", attempt)
    if over:
        _set(connection, told, {"resolved_at": now})


def _keep(database: Database, connection: sa.Connection, told: Told, step: str, kept: Attempt) -> None:
    row = {
        "residency": told.residency,
        "id": natural_id("receipt", told.residency, str(told.id), kept.number, step),
        "tenant": told.tenant,
        "alert_id": told.id,
        "attempt": kept.number,
        "result": kept.result,
        "recipient": kept.recipient[:320],
        "reference": kept.reference[:500],
        "detail": kept.detail[:500],
        "at": kept.at,
    }
    database.upsert(connection, receipt, [row], update=("result", "recipient", "reference", "detail", "at"))


def _set(connection: sa.Connection, told: Told, values: Mapping[str, Any]) -> None:
    where = [alert.c.residency == told.residency, alert.c.id == told.id]
    connection.execute(sa.update(alert).where(*where).values(**values))


def listed(connection: sa.Connection, residency: str, *, limit: int = 100) -> Sequence[Row]:
    """Return the latest alerts, newest first, each with its last receipt's recipient."""
    query = sa.select(alert).where(alert.c.residency == residency).order_by(alert.c.created_at.desc()).limit(limit)
    rows = [row._asdict() for row in connection.execute(query)]
    latest = receipts(connection, residency, [row["id"] for row in rows])
    for row in rows:
        row["receipts"] = latest.get(row["id"], [])
    return rows


def receipts(connection: sa.Connection, residency: str, ids: list[uuid.UUID]) -> dict[uuid.UUID, list[Row]]:
    """Return the receipts of alerts, oldest first."""
    found: dict[uuid.UUID, list[Row]] = {}
    if ids:
        query = sa.select(receipt).where(receipt.c.residency == residency, receipt.c.alert_id.in_(ids))
        for row in connection.execute(query.order_by(receipt.c.at)):
            found.setdefault(row.alert_id, []).append(row._asdict())
    return found


def finding_of(row: Mapping[str, Any]) -> Finding:
    """Return a finding's row as the value that destinations and exports know."""
    author = PersonRef(row["author_id"], row["author"], row["author_email"])
    resource = Resource(
        id=row["resource_id"],
        kind=row["resource_kind"],
        container=Container(row["container"], row["container_name"]),
        label=row["label"],
        url=row["url"],
        author=author if author.id or author.email else None,
        visibility=Visibility(row["visibility"]),
    )
    return Finding(
        id=str(row["id"]),
        connection=row["connection"],
        app=row["app"],
        resource=resource,
        part=row["part"],
        detector=row["detector"],
        family=row["family"],
        confidence=Confidence(row["confidence"]),
        severity=Severity(row["severity"]),
        fingerprint=row["fingerprint"],
        preview=row["preview"],
        places=tuple(Place(**place) for place in row["places"]),
        policies=tuple(row["policies"]),
        state=FindingState(row["state"]),
        version=row["version"],
        validity=Validity(row["validity"]) if row["validity"] else None,
    )


def _told(connection: sa.Connection, row: Row) -> Told | None:
    ids = [uuid.UUID(identity) for identity in row["findings"]]
    query = sa.select(finding).where(finding.c.residency == row["residency"], finding.c.id.in_(ids))
    findings = tuple(finding_of(found._asdict()) for found in connection.execute(query))
    if not findings:
        return None
    return Told(
        id=row["id"],
        residency=row["residency"],
        tenant=row["tenant"],
        policy=row["policy"],
        destination=row["destination"],
        severity=Severity(row["severity"]),
        state=row["state"],
        created_at=row["created_at"],
        findings=tuple(sorted(findings, key=lambda f: (-f.severity, f.detector, f.id))),
        summary=row["summary"] or "",
        resolved_at=row["resolved_at"],
    )
