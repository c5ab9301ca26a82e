"""What containers are called and who sees them: some doors tell only their ids, policies ask for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from connectors.model import Container, Event, Visibility
from connectors.store.columns import natural_id
from connectors.store.engine import Database
from connectors.store.tables.findings import container as table

Known = dict[tuple[str, str], Container]
"""Containers by (connection, container id)."""


def known(connection: sa.Connection, residency: str, wanted: Sequence[tuple[str, str]]) -> Known:
    """Return what is known of containers."""
    ids = [natural_id("container", residency, name, identity) for name, identity in wanted]
    query = sa.select(table).where(table.c.residency == residency, table.c.id.in_(ids))
    return {
        (row.connection, row.container): Container(row.container, row.name, Visibility(row.visibility))
        for row in connection.execute(query)
    }


def remember(
    database: Database,
    connection: sa.Connection,
    residency: str,
    tenant: str,
    told: Mapping[tuple[str, str], Container],
    *,
    now: datetime,
) -> None:
    """Keep what events told of containers."""
    rows = [
        {
            "residency": residency,
            "id": natural_id("container", residency, name, identity),
            "tenant": tenant,
            "connection": name,
            "container": identity[:255],
            "name": container.name[:255],
            "visibility": container.visibility.value,
            "updated_at": now,
        }
        for (name, identity), container in told.items()
    ]
    database.upsert(connection, table, rows, update=("name", "visibility", "updated_at"))


def completed(event: Event, container: Container | None) -> Event:
    """Return an event with its container's name and visibility filled in where the event does not tell them."""
    own = event.resource.container
    if container is None or (own.name and own.visibility is not Visibility.UNKNOWN):
        return event
    visibility = container.visibility if own.visibility is Visibility.UNKNOWN else own.visibility
    filled = Container(own.id, own.name or container.name, visibility)
    label = event.resource.label
    if not own.name and own.id:
        label = label.replace(own.id, container.name)
    return replace(event, resource=replace(event.resource, container=filled, label=label))
