"""The dashboard's own rows: who may sign in, who is signed in, what they keep, and the counters behind its charts."""

from __future__ import annotations

import sqlalchemy as sa

from connectors.store.columns import Json, UtcDateTime, choice, key_columns
from connectors.store.tables.base import metadata

ROLES = ("viewer", "analyst", "admin")

dashboard_user = sa.Table(
    "dashboard_user",
    metadata,
    *key_columns(),
    sa.Column("name", sa.String(255), nullable=False, comment="as written at sign-in, lower case"),
    sa.Column("password", sa.String(255), nullable=False, comment="argon2id; empty for users of an identity provider"),
    sa.Column("totp", sa.LargeBinary, comment="secret of the second factor, encrypted"),
    sa.Column("totp_step", sa.BigInteger, nullable=False, comment="last time step used: a code counts once"),
    choice("role", ROLES),
    sa.Column("may_reveal", sa.Boolean, nullable=False),
    sa.Column("connections", Json, nullable=False, comment="wildcards of the connections that are seen"),
    sa.Column("tenants", Json, nullable=False, comment="wildcards of the tenants that are seen"),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("last_sign_in", UtcDateTime),
)

dashboard_session = sa.Table(
    "dashboard_session",
    metadata,
    *key_columns(),
    sa.Column("user_id", sa.Uuid(), nullable=False),
    sa.Column("chosen_tenant", sa.String(64), nullable=False),
    sa.Column("complete", sa.Boolean, nullable=False, comment="false until the second factor is given"),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Index("ix_dashboard_session_user", "residency", "user_id"),
    sa.Index("ix_dashboard_session_expiry", "residency", "expires_at"),
)

sign_in_attempt = sa.Table(
    "sign_in_attempt",
    metadata,
    *key_columns(),
    sa.Column("failures", sa.Integer, nullable=False, comment="in a row, for one name, known or not"),
    sa.Column("locked_until", UtcDateTime),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Index("ix_sign_in_attempt_expiry", "residency", "expires_at"),
)

used_link = sa.Table(
    "used_link",
    metadata,
    *key_columns(),
    sa.Column("purpose", sa.String(32), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Index("ix_used_link_expiry", "residency", "expires_at"),
)

saved_view = sa.Table(
    "saved_view",
    metadata,
    *key_columns(),
    sa.Column("user_id", sa.Uuid(), nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("query", sa.String(1000), nullable=False),
    sa.Column("sort", sa.String(32), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index("ix_saved_view_user", "residency", "user_id"),
)

bulk = sa.Table(
    "bulk",
    metadata,
    *key_columns(),
    sa.Column("actor", sa.String(255), nullable=False),
    sa.Column("query", sa.String(1000), nullable=False),
    sa.Column("connections", Json, nullable=False, comment="those the actor sees; null is all"),
    sa.Column("chosen", Json, nullable=False, comment="ids of findings, instead of all that fit; empty is all"),
    choice("kind", ("state", "action", "undo")),
    sa.Column("what", sa.String(64), nullable=False, comment="the state, the action, or the bulk that is undone"),
    sa.Column("dry_run", sa.Boolean, nullable=False),
    sa.Column("comment", sa.String(2000), nullable=False),
    choice("state", ("waiting", "running", "done", "stopped")),
    sa.Column("total", sa.Integer, nullable=False, comment="as counted when it was asked for"),
    sa.Column("looked", sa.Integer, nullable=False),
    sa.Column("changed", sa.Integer, nullable=False),
    sa.Column("conflicts", sa.Integer, nullable=False),
    sa.Column("cursor", sa.Uuid(), comment="the last finding that was worked on, in the order of ids"),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("expires_at", UtcDateTime),
    sa.Index("ix_bulk_at", "residency", "tenant", "created_at"),
    sa.Index("ix_bulk_expiry", "residency", "expires_at"),
)

bulk_item = sa.Table(
    "bulk_item",
    metadata,
    *key_columns(),
    sa.Column("bulk_id", sa.Uuid(), nullable=False),
    sa.Column("finding_id", sa.Uuid(), nullable=False),
    sa.Column("before", sa.String(32), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False, comment="of the finding after the change"),
    sa.Column("expires_at", UtcDateTime),
    sa.Index("ix_bulk_item_bulk", "residency", "bulk_id", "finding_id"),
    sa.Index("ix_bulk_item_expiry", "residency", "expires_at"),
)

tally = sa.Table(
    "tally",
    metadata,
    *key_columns(),
    sa.Column("connection", sa.String(128), nullable=False),
    sa.Column("day", sa.String(10), nullable=False, comment="ISO date, or empty for what stands now"),
    sa.Column("dimension", sa.String(16), nullable=False),
    sa.Column("value", sa.String(255), nullable=False),
    sa.Column("shard", sa.SmallInteger, nullable=False, comment="writers add to different rows; readers sum"),
    sa.Column("found", sa.BigInteger, nullable=False),
    sa.Column("closed", sa.BigInteger, nullable=False),
    sa.Column("living", sa.BigInteger, nullable=False, comment="open and acknowledged"),
    sa.Column("seconds", sa.BigInteger, nullable=False, comment="from first seen to closed, summed"),
    # It covers what the overview reads: thousands of counters are summed without a look at the table.
    sa.Index(
        "ix_tally_day",
        "residency",
        "tenant",
        "dimension",
        "day",
        "value",
        "connection",
        "living",
        "found",
        "closed",
        "seconds",
    ),
    sa.Index("ix_tally_value", "residency", "tenant", "dimension", "value", "day"),
)
