"""Event rows as Kafka messages, and back."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import Any

from connectors.model import EventKind
from connectors.store.columns import shard_of
from connectors.store.engine import Row

HEADER = "connectors-event"
REASON = "connectors-reason"

LARGEST = 900_000
"""Bytes of one message; a larger event goes through the SQL inbox, because brokers refuse it (1 MB by default)."""


def encode(row: Row) -> tuple[bytes, bytes, bytes]:
    """Return key, value and header of an event row."""
    named = {
        "id": str(row["id"]),
        "residency": row["residency"],
        "tenant": row["tenant"],
        "connection": row["connection"],
        "source": row["source"],
        "partition": row["partition"],
        "generation": row["generation"],
        "kind": row["kind"],
        "resource_key": str(row["resource_key"]),
        "version": row["version"],
        "created_at": row["created_at"].isoformat(),
    }
    return row["resource_key"].bytes, row["body"], json.dumps(named, separators=(",", ":")).encode()


def decode(value: bytes | None, header: bytes | None, *, residency: str, shards: int) -> dict[str, Any]:
    """Return the event row of a message. Raises `ValueError` for one that this product did not write."""
    if value is None or header is None:
        raise ValueError("not an event of this product")
    try:
        row = json.loads(header)
        if not isinstance(row, dict) or row.pop("residency") != residency:
            raise ValueError("an event of another residency")
        key = uuid.UUID(row["resource_key"])
        created = datetime.fromisoformat(row["created_at"])
        if created.tzinfo is None:
            raise ValueError("a time without a zone")
        return {
            "residency": residency,
            "id": uuid.UUID(row["id"]),
            "tenant": str(row["tenant"]),
            "connection": str(row["connection"]),
            "source": str(row["source"]),
            "partition": str(row["partition"]),
            "generation": int(row["generation"]),
            "kind": EventKind(row["kind"]).value,
            "resource_key": key,
            "version": int(row["version"]),
            "body": value,
            "shard": shard_of(key, shards),
            "state": "ready",
            "due_at": created,
            "lease": None,
            "attempts": 1,
            "reason": "",
            "created_at": created,
            "expires_at": None,
        }
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not an event of this product ({type(error).__name__})") from None


def created_at(header: bytes | None) -> datetime | None:
    """Return when the event of a message came; None for a message that this product did not write."""
    try:
        found = datetime.fromisoformat(json.loads(header or b"")["created_at"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return found if found.tzinfo else None
