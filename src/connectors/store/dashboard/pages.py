"""What the dashboard's pages ask of the database: every query is bounded, and rests on an index."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.store.tables.findings import audit, finding
from connectors.store.tables.routing import action_run, alert, receipt

FACETS = ("severity", "state", "detector", "container_name", "connection", "visibility")
SAMPLE = 500
"""Findings that the facets of a search are counted over: the latest ones."""

LOOKED = 10_000
"""Findings that a search looks at for one page, where no index leads to what it looks for."""

FIRST = 1_000
"""Findings that such a search looks at first: what is common is among them, and the others cost ten times as much."""

Where = Sequence[sa.ColumnElement[bool]]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Sort:
    """An order of the list: columns of one index after the tenant."""

    name: str
    label: str
    columns: tuple[str, ...]
    ascending: bool = False


SORTS = {
    sort.name: sort
    for sort in (
        Sort("recent", "Last seen", ("last_seen", "id")),
        Sort("oldest", "Last seen, oldest first", ("last_seen", "id"), ascending=True),
        Sort("severity", "Severity", ("severity", "last_seen", "id")),
        Sort("first", "First seen", ("first_seen", "id")),
        Sort("detector", "Detector", ("detector", "last_seen", "id"), ascending=True),
        Sort("container", "Container", ("container_name", "last_seen", "id"), ascending=True),
    )
}


def scope(residency: str, tenant: str, connections: Sequence[str] | None) -> list[sa.ColumnElement[bool]]:
    """Return the condition of what a person sees; None is every connection."""
    where = [finding.c.residency == residency, finding.c.tenant == tenant]
    return [*where, finding.c.connection.in_(connections)] if connections is not None else where


def named(container: str) -> sa.ColumnElement[bool]:
    """Return the condition of what is in a container of this name."""
    return finding.c.container_name == container


def seen_after(since: datetime) -> sa.ColumnElement[bool]:
    """Return the condition of what was last seen after a time."""
    return finding.c.last_seen > since


JUDGED = (
    "tenant", "connection", "container", "container_name", "visibility", "detector", "confidence", "count", "validity",
    "resource_key",
)  # fmt: skip
"""What a policy asks of a finding, and what it would be told with."""


def to_judge(connection: sa.Connection, where: Where, *, limit: int) -> list[Row]:
    """Return what a policy asks of the latest findings of a search: thousands of them, so nothing else of each."""
    query = _ordered(sa.select(*(finding.c[name] for name in JUDGED)), where, SORTS["recent"], None, limit)
    return [row._asdict() for row in connection.execute(query)]


def any_of(connection: sa.Connection, where: Where) -> bool:
    """Tell whether there is any finding of a search."""
    return connection.execute(sa.select(finding.c.id).where(*where).limit(1)).first() is not None


def page(
    connection: sa.Connection,
    where: Where,
    *,
    sort: Sort,
    limit: int,
    after: Sequence[Any] | None = None,
    sifted: Where = (),
) -> list[Row]:
    """Return one page of findings; `after` holds the sort columns of the last row before it.

    `where` rests on an index. `sifted` does not: it is asked of the next `LOOKED` findings only, so that a page
    costs the same however rare what it looks for is.
    """
    if not sifted:
        return [row._asdict() for row in connection.execute(_ordered(sa.select(finding), where, sort, after, limit))]
    return _sifted(connection, where, sifted, sort, after, limit, enough=limit)


def _sifted(
    connection: sa.Connection, where: Where, sifted: Where, sort: Sort, after: Sequence[Any] | None, limit: int, *,
    enough: int, names: Sequence[str] | None = None,
) -> list[Row]:  # fmt: skip
    """Return what is left of the next findings, all columns or those in `names`; looks on for fewer than `enough`."""
    rows: list[Row] = []
    for most in sorted({min(FIRST, LOOKED), LOOKED}):
        looked = _ordered(sa.select(finding), where, sort, after, most).subquery("looked")
        columns = [looked.c[name] for name in sort.columns]
        query = sa.select(*(looked.c[name] for name in names) if names else looked.c).where(*_moved(sifted, looked))
        query = query.order_by(*(column if sort.ascending else column.desc() for column in columns)).limit(limit)
        rows = [row._asdict() for row in connection.execute(query)]
        if len(rows) >= enough:
            break
    return rows


def last_looked(
    connection: sa.Connection, where: Where, *, sort: Sort, after: Sequence[Any] | None = None
) -> Row | None:
    """Return the sort columns of the last finding that a sifted page looked at; None when it came to the end."""
    columns = [finding.c[name] for name in sort.columns]
    query = _ordered(sa.select(*columns), where, sort, after, 1).offset(LOOKED - 1)
    row = connection.execute(query).first()
    return row._asdict() if row else None


def sample(connection: sa.Connection, where: Where, *, sifted: Where = (), enough: int = SAMPLE) -> list[Row]:
    """Return id and facets of the latest findings of a search, the latest first; looks on for fewer than `enough`."""
    names = ("id", *FACETS)
    order = SORTS["recent"]
    if sifted:
        return _sifted(connection, where, sifted, order, None, SAMPLE, enough=enough, names=names)
    query = _ordered(sa.select(*(finding.c[name] for name in names)), where, order, None, SAMPLE)
    return [row._asdict() for row in connection.execute(query)]


def facets(sampled: Sequence[Row], *, values: int = 8) -> dict[str, list[tuple[Any, int]]]:
    """Return the commonest values of each facet among some findings. Pure."""
    return {name: Counter(row[name] for row in sampled).most_common(values) for name in FACETS}


def of_ids(connection: sa.Connection, residency: str, ids: Sequence[uuid.UUID]) -> list[Row]:
    """Return the findings of some ids, in their order."""
    query = sa.select(finding).where(finding.c.residency == residency, finding.c.id.in_(ids))
    found = {row.id: row._asdict() for row in connection.execute(query)}
    return [found[identity] for identity in ids if identity in found]


def _ordered(
    query: sa.Select[Any], where: Where, sort: Sort, after: Sequence[Any] | None, limit: int
) -> sa.Select[Any]:
    columns = [finding.c[name] for name in sort.columns]
    query = query.where(*where)
    if after is not None:
        bound = sa.tuple_(*(sa.literal(value, column.type) for value, column in zip(after, columns, strict=True)))
        place = sa.tuple_(*columns)
        query = query.where(place > bound if sort.ascending else place < bound)
    return query.order_by(*(column if sort.ascending else column.desc() for column in columns)).limit(limit)


def _moved(conditions: Where, to: sa.FromClause) -> list[sa.ColumnElement[bool]]:
    """Say of a subquery what was said of the finding table."""

    def move(element: Any, **_: Any) -> Any:
        return to.c[element.name] if isinstance(element, sa.Column) and element.table is finding else None

    return [sa.sql.visitors.replacement_traverse(each, {}, move) for each in conditions]


def count_to(connection: sa.Connection, where: Where, *, limit: int) -> int:
    """Count the findings of a search, to `limit` and no further."""
    some = sa.select(finding.c.id).where(*where).limit(limit).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())


def ids_after(connection: sa.Connection, where: Where, *, after: uuid.UUID | None, limit: int) -> list[Row]:
    """Return findings of a search in the order of their ids."""
    query = sa.select(finding).where(*where).order_by(finding.c.id).limit(limit)
    if after is not None:
        query = query.where(finding.c.id > after)
    return [row._asdict() for row in connection.execute(query)]


def alerts_of(connection: sa.Connection, row: Row) -> list[dict[str, Any]]:
    """Return the alerts that told of a finding, each with its receipts, the latest first."""
    query = (
        sa.select(alert)
        .where(alert.c.residency == row["residency"], alert.c.resource_key == row["resource_key"])
        .order_by(alert.c.created_at.desc())
        .limit(200)
    )
    told = [found._asdict() for found in connection.execute(query) if str(row["id"]) in found.findings]
    given = (
        sa.select(receipt)
        .where(receipt.c.residency == row["residency"], receipt.c.alert_id.in_([each["id"] for each in told]))
        .order_by(receipt.c.at)
    )
    receipts = [found._asdict() for found in connection.execute(given)] if told else []
    return [{**each, "receipts": [one for one in receipts if one["alert_id"] == each["id"]]} for each in told]


def runs_of(connection: sa.Connection, residency: str, identity: uuid.UUID) -> list[Row]:
    """Return what was done about a finding, the latest first."""
    query = (
        sa.select(action_run)
        .where(action_run.c.residency == residency, action_run.c.finding_id == identity)
        .order_by(action_run.c.created_at.desc())
        .limit(50)
    )
    return [row._asdict() for row in connection.execute(query)]


def audit_of(connection: sa.Connection, residency: str, subject: str) -> list[Row]:
    """Return the audit of one subject, the latest first."""
    query = (
        sa.select(audit)
        .where(audit.c.residency == residency, audit.c.subject == subject)
        .order_by(audit.c.at.desc())
        .limit(100)
    )
    return [row._asdict() for row in connection.execute(query)]


def audit_page(
    connection: sa.Connection,
    residency: str,
    tenants: Sequence[str],
    *,
    before: datetime | None = None,
    limit: int = 100,
) -> list[Row]:
    """Return the latest audit rows of some tenants."""
    query = sa.select(audit).where(audit.c.residency == residency, audit.c.tenant.in_(tenants))
    if before is not None:
        query = query.where(audit.c.at < before)
    return [row._asdict() for row in connection.execute(query.order_by(audit.c.at.desc()).limit(limit))]
