"""Findings as people work with them: listed, searched, judged. Every page rests on an index that tenant leads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from connectors.errors import Conflict, NotFound
from connectors.model import FindingState
from connectors.store import actions, findings
from connectors.store.engine import Database
from connectors.store.findings import MOST_AT_ONCE
from connectors.store.tables.findings import finding, suppression

Row = Mapping[str, Any]
After = tuple[datetime, UUID]
"""Time and id of the last row of the page before."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something, as the history and the audit show it."""

    name: str
    residency: str
    tenant: str


def listed(
    connection: sa.Connection,
    *,
    residency: str,
    tenant: str,
    where: Sequence[sa.ColumnElement[bool]] = (),
    limit: int,
    after: After | None = None,
) -> list[Row]:
    """Return findings, last seen first; `where` comes from `search`."""
    query = sa.select(finding).where(finding.c.residency == residency, finding.c.tenant == tenant, *where)
    return _page(connection, query, finding.c.last_seen, limit, after)


def find(connection: sa.Connection, *, residency: str, tenant: str, which: UUID) -> Row:
    """Return one finding. Raises `NotFound`."""
    query = sa.select(finding).where(
        finding.c.residency == residency, finding.c.id == which, finding.c.tenant == tenant
    )
    row = connection.execute(query).first()
    if row is None:
        raise NotFound("there is no such finding")
    return row._asdict()


def set_state(
    connection: sa.Connection,
    database: Database,
    actor: Actor,
    which: UUID,
    state: FindingState,
    *,
    comment: str,
    now: datetime,
    revision: int | None = None,
) -> Row:
    """Change the state of a finding; return it as it is then.

    With `revision`, only when nobody changed it since it was read. Raises `NotFound` or `Conflict`.
    """
    old = find(connection, residency=actor.residency, tenant=actor.tenant, which=which)
    if revision is not None and old["revision"] != revision:
        raise Conflict(f"the finding is at revision {old['revision']}, not {revision}", hint="read it again")
    if old["state"] == state:
        return old
    return findings.set_state(database, connection, old, state, actor=actor.name, comment=comment, now=now)


def annotate(
    connection: sa.Connection,
    database: Database,
    actor: Actor,
    which: UUID,
    verdict: str,
    *,
    comment: str,
    everywhere: bool,
    now: datetime,
) -> list[Row]:
    """Keep what an analyst says of a finding, and move it; return the findings that were moved.

    With `everywhere` the verdict holds for the value: see `findings.say`.
    """
    old = find(connection, residency=actor.residency, tenant=actor.tenant, which=which)
    moved: list[Row] = []
    state = findings.VERDICT_STATES.get(verdict)
    if everywhere:
        moved.extend(findings.say(database, connection, old, verdict, actor=actor.name, comment=comment, now=now))
    elif state is not None and old["state"] != state:
        moved.append(findings.set_state(database, connection, old, state, actor=actor.name, comment=comment, now=now))
    actions.note(
        database,
        connection,
        residency=actor.residency,
        tenant=actor.tenant,
        actor=actor.name,
        act="annotate",
        subject=f"finding:{which}",
        result=verdict,
        detail={"comment": comment, "everywhere": everywhere},
        now=now,
    )
    return moved


def annotation(connection: sa.Connection, *, residency: str, tenant: str, fingerprint: str) -> Row | None:
    """Return what was said of a value, if anything was."""
    query = sa.select(suppression).where(
        suppression.c.residency == residency,
        suppression.c.tenant == tenant,
        suppression.c.fingerprint == fingerprint,
    )
    row = connection.execute(query).first()
    return None if row is None else row._asdict()


def unannotate(
    connection: sa.Connection, database: Database, actor: Actor, which: UUID, *, comment: str, now: datetime
) -> list[Row]:
    """Take back what was said of the finding's value, and open what it had closed; return what was opened."""
    old = find(connection, residency=actor.residency, tenant=actor.tenant, which=which)
    moved: list[Row] = []
    moved.extend(findings.take_back(database, connection, old, actor=actor.name, comment=comment, now=now))
    return moved


def violations(
    connection: sa.Connection,
    *,
    residency: str,
    tenant: str,
    where: Sequence[sa.ColumnElement[bool]] = (),
    limit: int,
    after: After | None = None,
) -> list[Row]:
    """Return resources that have findings, each by the one of its findings that was seen last.

    A finding is passed over when the same resource has a later one that matches as well: one look into the
    index of resources each, so that a page costs what it shows.
    """
    later = finding.alias("later")
    swap = sa.sql.visitors.replacement_traverse
    moved = [swap(each, {}, lambda element, **_: _moved(element, later)) for each in where]
    newer = sa.or_(
        later.c.last_seen > finding.c.last_seen,
        sa.and_(later.c.last_seen == finding.c.last_seen, later.c.id > finding.c.id),
    )
    other = sa.select(sa.literal(1)).where(
        later.c.residency == residency,
        later.c.resource_key == finding.c.resource_key,
        later.c.tenant == tenant,
        newer,
        *moved,
    )
    query = sa.select(finding).where(
        finding.c.residency == residency, finding.c.tenant == tenant, *where, ~sa.exists(other)
    )
    return _page(connection, query, finding.c.last_seen, limit, after)


def of_violation(connection: sa.Connection, *, residency: str, tenant: str, which: UUID) -> list[Row]:
    """Return the findings of one resource, at most a thousand. Raises `NotFound` when there are none."""
    query = (
        sa.select(finding)
        .where(
            finding.c.residency == residency,
            finding.c.resource_key == which,
            finding.c.tenant == tenant,
        )
        .limit(MOST_AT_ONCE)
    )
    rows = [row._asdict() for row in connection.execute(query)]
    if not rows:
        raise NotFound("there is no such violation")
    return sorted(rows, key=lambda row: (row["last_seen"], row["id"]), reverse=True)


def _page(
    connection: sa.Connection, query: sa.Select[Any], time: sa.Column[Any], limit: int, after: After | None
) -> list[Row]:
    if after is not None:
        bound = sa.tuple_(sa.literal(after[0], time.type), sa.literal(after[1], sa.Uuid()))
        query = query.where(sa.tuple_(time, finding.c.id) < bound)
    query = query.order_by(time.desc(), finding.c.id.desc()).limit(limit)
    return [row._asdict() for row in connection.execute(query)]


def _moved(element: Any, alias: sa.FromClause) -> Any:
    """Say of another alias what was said of the finding table."""
    if isinstance(element, sa.Column) and element.table is finding:
        return alias.c[element.name]
    return None
