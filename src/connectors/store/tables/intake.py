"""What came in: deliveries, and the inbox of events that wait for a worker."""

from __future__ import annotations

import sqlalchemy as sa

from connectors.model import EventKind
from connectors.store.columns import UtcDateTime, choice, key_columns
from connectors.store.tables.base import claim_index, index_of, lease_columns, metadata

delivery = sa.Table(
    "delivery",
    metadata,
    *key_columns(),
    sa.Column("connection", sa.String(128), nullable=False),
    sa.Column("delivery_id", sa.String(255), nullable=False),
    choice("state", ("accepted", "failed", "replayed")),
    sa.Column("reason", sa.String(500), nullable=False),
    sa.Column("events", sa.Integer, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary, comment="encrypted; kept for failed deliveries only"),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime),
    sa.Index("ix_delivery_connection", "residency", "connection", "received_at"),
    index_of("ix_delivery_failed", "residency", "received_at", "id", state="failed"),
    sa.Index("ix_delivery_expiry", "residency", "expires_at"),
)

inbox = sa.Table(
    "inbox",
    metadata,
    *key_columns(),
    sa.Column("connection", sa.String(128), nullable=False),
    choice("source", ("webhook", "sync", "reread")),
    sa.Column("partition", sa.String(255), nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    choice("kind", EventKind),
    sa.Column("resource_key", sa.Uuid(), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False, comment="the event, encrypted"),
    *lease_columns(),
    claim_index("inbox"),
    # The state before the partition: what waits for a connection is asked for more often than for one partition.
    sa.Index("ix_inbox_connection", "residency", "connection", "state", "partition"),
    index_of("ix_inbox_dead", "residency", "created_at", state="dead"),
    sa.Index("ix_inbox_expiry", "residency", "expires_at"),
)

job = sa.Table(
    "job",
    metadata,
    *key_columns(),
    sa.Column("queue", sa.String(32), nullable=False),
    sa.Column("key", sa.String(500), nullable=False, comment="names the work: one row for one thing to do"),
    sa.Column("connection", sa.String(128), nullable=False),
    sa.Column("body", sa.LargeBinary, comment="arguments, encrypted; never content"),
    sa.Column(
        "requests",
        sa.Integer,
        nullable=False,
        comment="how often it was asked for; more during a run means run again",
    ),
    sa.Column("held_until", UtcDateTime, comment="when the app may be asked again; asking for the job does not help"),
    *lease_columns(),
    claim_index("job", "queue"),
    sa.Index("ix_job_state", "residency", "state", "queue"),
    sa.Index("ix_job_expiry", "residency", "expires_at"),
)
