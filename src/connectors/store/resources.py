"""What is known of resources before anything is fetched for them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from connectors.store.tables.findings import resource


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of a resource before a batch."""

    version: int
    deleted: bool
    container: str
    at: datetime
    """When it was last scanned, or found to be gone."""


def held(connection: sa.Connection, residency: str, keys: Sequence[uuid.UUID]) -> dict[object, Held]:
    """Return what is known of some resources, by key."""
    query = sa.select(
        resource.c.id, resource.c.version, resource.c.deleted, resource.c.container, resource.c.scanned_at
    ).where(resource.c.residency == residency, resource.c.id.in_(keys))
    return {row[0]: Held(*row[1:]) for row in connection.execute(query)}


def partition_of(connection: sa.Connection, residency: str, key: uuid.UUID) -> str | None:
    """Return the partition that a resource was read in; None when no reading listed it."""
    query = sa.select(resource.c.partition).where(resource.c.residency == residency, resource.c.id == key)
    return connection.execute(query).scalar()
