"""Detection rules and policies that a tenant keeps here and names by UUID.

Bodies are encrypted, because word lists tell.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from connectors.errors import Conflict, NotFound
from connectors.store.engine import Database
from connectors.store.tables.platform import stored_rule as table


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored rule or policy; `body` is encrypted."""

    residency: str
    id: UUID
    tenant: str
    kind: str
    name: str
    body: bytes
    revision: int
    created_at: datetime
    updated_at: datetime


def add(connection: sa.Connection, database: Database, new: Stored) -> None:
    """Store a new rule or policy."""
    database.insert_new(connection, table, [{name: getattr(new, name) for name in Stored.__slots__}])


def listed(connection: sa.Connection, *, residency: str, tenant: str, kind: str) -> list[Stored]:
    """Return all rules or policies of a tenant, oldest first."""
    query = sa.select(table).where(table.c.residency == residency, table.c.tenant == tenant, table.c.kind == kind)
    rows = [Stored(**row._asdict()) for row in connection.execute(query)]
    return sorted(rows, key=lambda each: (each.created_at, each.id))


def count(connection: sa.Connection, *, residency: str, tenant: str, kind: str) -> int:
    """Return how many rules or policies a tenant has."""
    where = table.c.residency == residency, table.c.tenant == tenant, table.c.kind == kind
    return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(*where)).scalar_one())


def load(
    connection: sa.Connection, *, residency: str, tenant: str, kind: str, ids: Iterable[UUID]
) -> dict[UUID, Stored]:
    """Return those of `ids` that the tenant has."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    query = sa.select(table).where(
        table.c.residency == residency, table.c.id.in_(wanted), table.c.tenant == tenant, table.c.kind == kind
    )
    return {row.id: Stored(**row._asdict()) for row in connection.execute(query)}


def replace(connection: sa.Connection, changed: Stored, *, revision: int) -> None:
    """Replace name and body when the stored revision is still `revision`. Raises `Conflict` or `NotFound`."""
    where = _where(changed.residency, changed.tenant, changed.kind, changed.id)
    statement = (
        sa.update(table)
        .where(*where, table.c.revision == revision)
        .values(name=changed.name, body=changed.body, revision=revision + 1, updated_at=changed.updated_at)
        .returning(table.c.id)
    )
    if connection.execute(statement).first() is not None:
        return
    if connection.execute(sa.select(table.c.id).where(*where)).first() is None:
        raise NotFound(f"there is no {changed.kind} with this UUID")
    raise Conflict(f"the {changed.kind} was changed meanwhile", hint="read it again")


def remove(connection: sa.Connection, *, residency: str, tenant: str, kind: str, which: UUID) -> None:
    """Delete a rule or policy. Raises `NotFound`."""
    statement = sa.delete(table).where(*_where(residency, tenant, kind, which)).returning(table.c.id)
    if connection.execute(statement).first() is None:
        raise NotFound(f"there is no {kind} with this UUID")


def _where(residency: str, tenant: str, kind: str, which: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.residency == residency, table.c.id == which, table.c.tenant == tenant, table.c.kind == kind
