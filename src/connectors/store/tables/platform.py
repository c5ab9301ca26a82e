"""The developer platform's records: tenants, keys, quotas, usage, request log, uploads, results, rules."""

from __future__ import annotations

import sqlalchemy as sa

from connectors.store.columns import Json, UtcDateTime, choice, key_columns
from connectors.store.tables.base import metadata

tenant = sa.Table(
    "tenant",
    metadata,
    *key_columns(),
    choice("status", ("active", "suspended")),
    sa.Column("tier", sa.String(32), nullable=False),
    sa.Column("rate", sa.Float, comment="requests a second; the tier's when null"),
    sa.Column("burst", sa.Integer, comment="the tier's when null"),
    sa.Column("monthly_bytes", sa.BigInteger, comment="the tier's when null"),
    sa.Column("signing_secret", sa.LargeBinary, nullable=False, comment="signs result webhooks; encrypted"),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

api_key = sa.Table(
    "api_key",
    metadata,
    *key_columns(),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False, comment="SHA-256 of the key, which is never stored"),
    sa.Column("hint", sa.String(16), nullable=False, comment="its last characters"),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(255), nullable=False),
    sa.Column("valid_until", UtcDateTime),
    sa.Column("revoked_at", UtcDateTime),
    sa.Column("used_on", sa.String(10), nullable=False, comment="the last day it was used"),
    sa.Index("ix_api_key_tenant", "residency", "tenant"),
)

quota = sa.Table(
    "quota",
    metadata,
    *key_columns(),
    sa.Column("period", sa.String(7), nullable=False, comment="the month, as 2026-11"),
    sa.Column("taken", sa.BigInteger, nullable=False, comment="bytes spent or lent to nodes in blocks"),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime),
    sa.Index("ix_quota_expiry", "residency", "expires_at"),
)

usage = sa.Table(
    "usage",
    metadata,
    *key_columns(),
    sa.Column("key_id", sa.Uuid(), nullable=False),
    sa.Column("endpoint", sa.String(64), nullable=False),
    sa.Column("day", sa.String(10), nullable=False),
    sa.Column("shard", sa.SmallInteger, nullable=False, comment="nodes add to different rows; readers sum"),
    sa.Column("requests", sa.BigInteger, nullable=False),
    sa.Column("errors", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("findings", sa.BigInteger, nullable=False),
    sa.Column("microseconds", sa.BigInteger, nullable=False),
    sa.Column("expires_at", UtcDateTime),
    sa.Index("ix_usage_tenant", "residency", "tenant", "day"),
    sa.Index("ix_usage_expiry", "residency", "expires_at"),
)

request_log = sa.Table(
    "request_log",
    metadata,
    *key_columns(),
    sa.Column("key_id", sa.Uuid(), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("endpoint", sa.String(64), nullable=False),
    sa.Column("method", sa.String(8), nullable=False),
    sa.Column("status", sa.SmallInteger, nullable=False),
    sa.Column("code", sa.Integer, nullable=False, comment="of the error body; 0 for none"),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("findings", sa.Integer, nullable=False),
    sa.Column("microseconds", sa.BigInteger, nullable=False),
    sa.Column("expires_at", UtcDateTime),
    sa.Index("ix_request_log_tenant", "residency", "tenant", "at"),
    sa.Index("ix_request_log_expiry", "residency", "expires_at"),
)

upload = sa.Table(
    "upload",
    metadata,
    *key_columns(),
    sa.Column("key_id", sa.Uuid(), nullable=False),
    choice("state", ("open", "finished", "scanning", "done", "failed")),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("chunk_size", sa.Integer, nullable=False),
    sa.Column("media_type", sa.String(255), nullable=False),
    sa.Column("request", sa.LargeBinary, comment="policy and metadata of the scan, encrypted"),
    sa.Column("result_id", sa.Uuid()),
    sa.Column("reason", sa.String(500), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime),
    sa.Index("ix_upload_tenant", "residency", "tenant", "state"),
    sa.Index("ix_upload_expiry", "residency", "expires_at"),
)

upload_piece = sa.Table(
    "upload_piece",
    metadata,
    *key_columns(),
    sa.Column("upload_id", sa.Uuid(), nullable=False),
    sa.Column("start", sa.BigInteger, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False, comment="encrypted; gone after the scan"),
    sa.Column("expires_at", UtcDateTime),
    sa.Index("ix_upload_piece_upload", "residency", "upload_id", "start"),
    sa.Index("ix_upload_piece_expiry", "residency", "expires_at"),
)

scan_result = sa.Table(
    "scan_result",
    metadata,
    *key_columns(),
    sa.Column("body", sa.LargeBinary, nullable=False, comment="findings as the API answers them, encrypted"),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime),
    sa.Index("ix_scan_result_expiry", "residency", "expires_at"),
)

stored_rule = sa.Table(
    "stored_rule",
    metadata,
    *key_columns(),
    choice("kind", ("rule", "policy")),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False, comment="as the API takes it, encrypted"),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Index("ix_stored_rule_tenant", "residency", "tenant", "kind"),
)
