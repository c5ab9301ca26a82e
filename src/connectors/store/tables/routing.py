"""Who was told: alerts and the receipts of their delivery; what was done: action runs."""

from __future__ import annotations

import sqlalchemy as sa

from connectors.store.columns import Json, UtcDateTime, choice, key_columns
from connectors.store.tables.base import metadata

alert = sa.Table(
    "alert",
    metadata,
    *key_columns(),
    sa.Column("policy", sa.String(128), nullable=False),
    sa.Column("destination", sa.String(128), nullable=False),
    sa.Column("connection", sa.String(128), nullable=False),
    sa.Column("resource_key", sa.Uuid(), nullable=False),
    sa.Column("label", sa.String(500), nullable=False),
    sa.Column("severity", sa.SmallInteger, nullable=False),
    sa.Column("findings", Json, nullable=False, comment="ids"),
    choice("state", ("pending", "held", "delivered", "failed", "summarized")),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("delivered_at", UtcDateTime),
    sa.Column("summary", sa.String(64), comment="id of the alert that told it together with others"),
    sa.Column("resolved_at", UtcDateTime, comment="when nothing of it was open any more, and its destination knew"),
    sa.Column("expires_at", UtcDateTime),
    sa.Index("ix_alert_destination", "residency", "destination", "created_at"),
    sa.Index("ix_alert_resource", "residency", "resource_key"),
    sa.Index("ix_alert_summary", "residency", "summary"),
    sa.Index("ix_alert_expiry", "residency", "expires_at"),
)

receipt = sa.Table(
    "receipt",
    metadata,
    *key_columns(),
    sa.Column("alert_id", sa.Uuid(), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    choice("result", ("delivered", "retry", "failed", "resolved")),
    sa.Column("recipient", sa.String(320), nullable=False),
    sa.Column("reference", sa.String(500), nullable=False),
    sa.Column("detail", sa.String(500), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Index("ix_receipt_alert", "residency", "alert_id"),
)

action_run = sa.Table(
    "action_run",
    metadata,
    *key_columns(),
    sa.Column("finding_id", sa.Uuid(), nullable=False),
    sa.Column("connection", sa.String(128), nullable=False),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(255), nullable=False),
    sa.Column("why", sa.String(2000), nullable=False),
    sa.Column("dry_run", sa.Boolean, nullable=False),
    choice(
        "state",
        (
            "pending",
            "done",
            "nothing_to_do",
            "changed_meanwhile",
            "refused",
            "dry_run",
            "failed",
            "cancelled",
        ),
    ),
    sa.Column("message", sa.String(2000), nullable=False),
    sa.Column("before_hash", sa.String(64), nullable=False),
    sa.Column("remaining", sa.String(500), nullable=False),
    sa.Column("batch", sa.Uuid()),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime),
    sa.Index("ix_action_run_finding", "residency", "finding_id"),
    sa.Index("ix_action_run_batch", "residency", "batch"),
)

__all__ = ["action_run", "alert", "receipt"]
