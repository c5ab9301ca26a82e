"""The shared metadata, with names for every constraint so that migrations can find them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from connectors.store.columns import UtcDateTime, choice

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def lease_columns() -> tuple[sa.Column[Any], ...]:
    """Return the columns of a table whose rows workers lease.

    A row is claimable when it is `ready` and `due_at` has come. Claiming moves `due_at` to the end of the lease,
    so that the work of a dead worker becomes claimable by itself; `lease` is the fencing token.
    """
    return (
        sa.Column("shard", sa.SmallInteger, nullable=False),
        choice("state", ("ready", "done", "dead")),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("lease", sa.Uuid()),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime),
    )


def index_of(name: str, *columns: str, state: str) -> sa.Index:
    """Return an index of the rows in one state: few among many, and looked for by people."""
    only = sa.text(f"state = '{state}'")
    return sa.Index(name, *columns, postgresql_where=only, sqlite_where=only)


def claim_index(table: str, *lead: str) -> sa.Index:
    """Return the index that serves a claim in exactly its order."""
    ready = sa.text("state = 'ready'")
    columns = ("residency", *lead, "shard", "due_at")
    return sa.Index(f"ix_{table}_claim", *columns, postgresql_where=ready, sqlite_where=ready)
