"""What was found: resources as last scanned, findings, and the history of each."""

from __future__ import annotations

import sqlalchemy as sa

from connectors.model import FindingState, Validity, Visibility
from connectors.store.columns import Json, UtcDateTime, choice, key_columns
from connectors.store.tables.base import metadata

resource = sa.Table(
    "resource",
    metadata,
    *key_columns(),
    sa.Column("connection", sa.String(128), nullable=False),
    sa.Column("resource_id", sa.String(1024), nullable=False),
    sa.Column("partition", sa.String(255), nullable=False),
    sa.Column("parent_key", sa.Uuid()),
    sa.Column("container", sa.String(255), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("deleted", sa.Boolean, nullable=False),
    sa.Column("listed_in", sa.Integer, nullable=False, comment="generation of the sync that last listed it"),
    sa.Column("scanned_at", UtcDateTime, nullable=False),
    sa.Index("ix_resource_partition", "residency", "connection", "partition", "listed_in"),
    sa.Index("ix_resource_parent", "residency", "parent_key"),
)

container = sa.Table(
    "container",
    metadata,
    *key_columns(),
    sa.Column("connection", sa.String(128), nullable=False),
    sa.Column("container", sa.String(255), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    choice("visibility", Visibility),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

finding = sa.Table(
    "finding",
    metadata,
    *key_columns(),
    sa.Column("connection", sa.String(128), nullable=False),
    sa.Column("app", sa.String(64), nullable=False),
    sa.Column("resource_key", sa.Uuid(), nullable=False),
    sa.Column("resource_id", sa.String(1024), nullable=False),
    sa.Column("resource_kind", sa.String(64), nullable=False),
    sa.Column("container", sa.String(255), nullable=False),
    sa.Column("container_name", sa.String(255), nullable=False),
    sa.Column("label", sa.String(500), nullable=False),
    sa.Column("url", sa.String(2048), nullable=False),
    sa.Column("author_id", sa.String(255), nullable=False),
    sa.Column("author", sa.String(255), nullable=False),
    sa.Column("author_email", sa.String(320), nullable=False),
    choice("visibility", Visibility),
    sa.Column("part", sa.String(500), nullable=False),
    sa.Column("detector", sa.String(128), nullable=False),
    sa.Column("family", sa.String(64), nullable=False),
    sa.Column("confidence", sa.SmallInteger, nullable=False),
    sa.Column("severity", sa.SmallInteger, nullable=False),
    sa.Column("policies", Json, nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False, comment="keyed; equal values have equal ones"),
    sa.Column("preview", sa.String(255), nullable=False),
    sa.Column("places", Json, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    choice("state", FindingState),
    sa.Column("revision", sa.Integer, nullable=False, comment="grows with each change of state"),
    sa.Column("version", sa.BigInteger, nullable=False, comment="of the resource, when last seen"),
    sa.Column("note", sa.String(2000), nullable=False),
    choice("validity", Validity, nullable=True, comment="what the vendor said; empty when nobody was asked"),
    sa.Column("validity_checked_at", UtcDateTime),
    sa.Column("validity_evidence", Json, comment="vendor, endpoint, status, reason, version of the check"),
    sa.Column("first_seen", UtcDateTime, nullable=False),
    sa.Column("last_seen", UtcDateTime, nullable=False),
    sa.Column("resolved_at", UtcDateTime),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime),
    sa.Index("ix_finding_resource", "residency", "resource_key"),
    sa.Index("ix_finding_recent", "residency", "tenant", "last_seen", "id"),
    sa.Index("ix_finding_state", "residency", "tenant", "state", "severity", "last_seen", "id"),
    sa.Index("ix_finding_connection", "residency", "tenant", "connection", "last_seen", "id"),
    sa.Index("ix_finding_detector", "residency", "tenant", "detector", "last_seen", "id"),
    sa.Index("ix_finding_container", "residency", "tenant", "container_name", "last_seen", "id"),
    sa.Index("ix_finding_first", "residency", "tenant", "first_seen", "id"),
    sa.Index("ix_finding_severity", "residency", "tenant", "severity", "last_seen", "id"),
    sa.Index("ix_finding_fingerprint", "residency", "tenant", "fingerprint"),
    sa.Index("ix_finding_expiry", "residency", "expires_at"),
)

finding_change = sa.Table(
    "finding_change",
    metadata,
    *key_columns(),
    sa.Column("finding_id", sa.Uuid(), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.String(255), nullable=False, comment="system, a user, a key or a link"),
    sa.Column("before", sa.String(32), nullable=False),
    sa.Column("after", sa.String(32), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("comment", sa.String(2000), nullable=False),
    sa.Column("batch", sa.Uuid(), comment="file of the change data that it was claimed for"),
    sa.Column("exported", sa.Boolean, nullable=False, default=False),
    sa.Index("ix_finding_change_finding", "residency", "finding_id", "revision"),
    sa.Index("ix_finding_change_at", "residency", "tenant", "at"),
    sa.Index(
        "ix_finding_change_export",
        "residency",
        "batch",
        postgresql_where=sa.text("NOT exported"),
        sqlite_where=sa.text("NOT exported"),
    ),
)

suppression = sa.Table(
    "suppression",
    metadata,
    *key_columns(),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("family", sa.String(64), nullable=False),
    choice("verdict", ("false_positive", "accepted", "confirmed")),
    sa.Column("actor", sa.String(255), nullable=False),
    sa.Column("comment", sa.String(2000), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime),
    sa.Index("ix_suppression_fingerprint", "residency", "tenant", "fingerprint"),
)

audit = sa.Table(
    "audit",
    metadata,
    *key_columns(),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.String(255), nullable=False),
    sa.Column("act", sa.String(64), nullable=False, comment="what was done: action, reveal, sign-in, replay ..."),
    sa.Column("subject", sa.String(255), nullable=False, comment="what it was done to: a finding, a connection ..."),
    sa.Column("result", sa.String(64), nullable=False),
    sa.Column("detail", Json, nullable=False),
    sa.Index("ix_audit_at", "residency", "tenant", "at"),
    sa.Index("ix_audit_subject", "residency", "subject", "at"),
)
