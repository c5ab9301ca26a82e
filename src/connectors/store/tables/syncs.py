"""How far each connection has been read, and the ledger that proves it."""

from __future__ import annotations

import sqlalchemy as sa

from connectors.store.columns import Json, UtcDateTime, choice, key_columns
from connectors.store.tables.base import metadata

connection = sa.Table(
    "connection",
    metadata,
    *key_columns(),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("app", sa.String(64), nullable=False),
    choice("status", ("ok", "broken")),
    sa.Column("reason", sa.String(500), nullable=False),
    sa.Column("hint", sa.String(500), nullable=False),
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("subscription", sa.LargeBinary, comment="the push channel, encrypted"),
    sa.Column("subscription_ends", UtcDateTime),
    sa.Column("last_delivery", UtcDateTime),
    sa.Column("last_sync", UtcDateTime),
    sa.Column("last_error", sa.String(500), nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

connection_value = sa.Table(
    "connection_value",
    metadata,
    *key_columns(),
    sa.Column("connection", sa.String(128), nullable=False),
    sa.Column("key", sa.String(255), nullable=False),
    sa.Column("value", sa.LargeBinary, nullable=False, comment="encrypted"),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

rate_budget = sa.Table(
    "rate_budget",
    metadata,
    *key_columns(),
    sa.Column("connection", sa.String(128), nullable=False),
    sa.Column("bucket", sa.String(128), nullable=False),
    sa.Column("tokens", sa.Float, nullable=False, comment="left at `refilled_at`"),
    sa.Column("refilled_at", UtcDateTime, nullable=False),
    sa.Column("blocked_until", UtcDateTime, comment="as the app asked"),
)

sync_partition = sa.Table(
    "sync_partition",
    metadata,
    *key_columns(),
    sa.Column("connection", sa.String(128), nullable=False),
    sa.Column("partition", sa.String(255), nullable=False),
    sa.Column("label", sa.String(255), nullable=False),
    choice("state", ("waiting", "reading", "done", "failed")),
    sa.Column("reason", sa.String(500), nullable=False),
    sa.Column("cursor", sa.LargeBinary, comment="where the next page starts, encrypted"),
    sa.Column("generation", sa.Integer, nullable=False, comment="grows with each reading from the beginning"),
    sa.Column("estimate", sa.BigInteger),
    sa.Column("pages", sa.BigInteger, nullable=False),
    sa.Column("started_at", UtcDateTime),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Index("ix_sync_partition_connection", "residency", "connection", "partition", "generation"),
)

ledger = sa.Table(
    "ledger",
    metadata,
    *key_columns(),
    sa.Column("connection", sa.String(128), nullable=False),
    sa.Column("partition", sa.String(255), nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("shard", sa.SmallInteger, nullable=False, comment="writers add to different rows; readers sum"),
    sa.Column("listed", sa.BigInteger, nullable=False),
    sa.Column("scanned", sa.BigInteger, nullable=False),
    sa.Column("skipped", sa.BigInteger, nullable=False),
    sa.Column("failed", sa.BigInteger, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Index("ix_ledger_connection", "residency", "connection", "partition", "generation"),
)

gap = sa.Table(
    "gap",
    metadata,
    *key_columns(),
    sa.Column("connection", sa.String(128), nullable=False),
    sa.Column("partition", sa.String(255), nullable=False),
    sa.Column("resource_key", sa.Uuid(), nullable=False),
    sa.Column("resource_id", sa.String(1024), nullable=False),
    sa.Column("part", sa.String(500), nullable=False),
    sa.Column("label", sa.String(500), nullable=False),
    choice("outcome", ("skipped", "failed")),
    sa.Column("reason", sa.String(64), nullable=False),
    sa.Column("detail", sa.String(500), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Index("ix_gap_connection", "residency", "connection", "partition", "outcome", "reason"),
    sa.Index("ix_gap_resource", "residency", "resource_key"),
)

schedule = sa.Table(
    "schedule",
    metadata,
    *key_columns(),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("next_at", UtcDateTime, nullable=False),
    sa.Column("last_at", UtcDateTime),
    sa.Column("state", Json, nullable=False),
)
