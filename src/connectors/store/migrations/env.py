"""Alembic's entry point: runs revisions on the connection it is given, or prints their SQL."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.rewriter import Rewriter
from alembic.migration import MigrationContext
from alembic.operations import ops

from connectors.store.columns import UtcDateTime
from connectors.store.tables import metadata


def render_item(kind: str, item: Any, autogenerate: AutogenContext) -> str | Literal[False]:
    """Write our own column types into new revisions by their names."""
    if kind == "type" and isinstance(item, UtcDateTime):
        autogenerate.imports.add("from connectors.store.columns import UtcDateTime")
        return "UtcDateTime()"
    return False


repeatable = Rewriter()
"""CockroachDB commits each statement by itself: a revision that was cut off must be able to run again."""


@repeatable.rewrites(ops.CreateTableOp)
@repeatable.rewrites(ops.CreateIndexOp)
def _make_once(_context: MigrationContext, _revision: Any, op: Any) -> Any:
    op.if_not_exists = True
    return op


@repeatable.rewrites(ops.DropTableOp)
@repeatable.rewrites(ops.DropIndexOp)
def _drop_once(_context: MigrationContext, _revision: Any, op: Any) -> Any:
    op.if_exists = True
    return op


connection = context.config.attributes.get("connection")
if connection is not None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_item=render_item,
        process_revision_directives=repeatable,
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
