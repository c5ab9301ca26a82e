"""Saved views: a search with a name, kept where the tenant's rows live because a search may hold its words."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.store.columns import natural_id
from connectors.store.engine import Database
from connectors.store.tables.dashboard import saved_view


def listed(connection: sa.Connection, residency: str, tenant: str, user: uuid.UUID) -> list[Mapping[str, Any]]:
    """Return a user's views of a tenant, by name."""
    query = sa.select(saved_view).where(saved_view.c.residency == residency, saved_view.c.user_id == user)
    query = query.where(saved_view.c.tenant == tenant).order_by(saved_view.c.name).limit(100)
    return [row._asdict() for row in connection.execute(query)]


def save(
    database: Database,
    connection: sa.Connection,
    residency: str,
    tenant: str,
    user: uuid.UUID,
    *,
    name: str,
    query: str,
    sort: str,
    now: datetime,
) -> None:
    """Keep a search under a name; the same name is overwritten."""
    row = {
        "residency": residency,
        "id": natural_id("view", residency, tenant, str(user), name),
        "tenant": tenant,
        "user_id": user,
        "name": name[:100],
        "query": query[:1000],
        "sort": sort[:32],
        "created_at": now,
    }
    database.upsert(connection, saved_view, [row], update=("query", "sort"))


def drop(connection: sa.Connection, residency: str, user: uuid.UUID, identity: uuid.UUID) -> None:
    """Forget a user's view."""
    where = [saved_view.c.residency == residency, saved_view.c.id == identity, saved_view.c.user_id == user]
    connection.execute(sa.delete(saved_view).where(*where))
