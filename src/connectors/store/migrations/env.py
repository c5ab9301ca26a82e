"""Alembic's entry point: runs revisions on the connection it is given, or prints their SQL."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from connectors.store.columns import UtcDateTime
from connectors.store.tables import metadata


def render_item(kind: str, item: Any, autogenerate: AutogenContext) -> str | Literal[False]:
    """Write our own column types into new revisions by their names."""
    if kind == "type" and isinstance(item, UtcDateTime):
        autogenerate.imports.add("from connectors.store.columns import UtcDateTime")
        return "UtcDateTime()"
    return False


connection = context.config.attributes.get("connection")
if connection is not None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_item=render_item,
        transaction_per_migration=True,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()
else:
    url = context.config.attributes["url"]
    context.configure(url=url, dialect_name=url.get_dialect().name, target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
