"""The files: newline-delimited JSON, gzipped, named and wrapped as CockroachDB's changefeeds write them.

https://www.cockroachlabs.com/docs/stable/changefeed-messages#wrapped-and-enriched and
https://www.cockroachlabs.com/docs/stable/create-changefeed#files:
`/[date]/[timestamp]-[uniquer]-[topic]-[schema].ndjson`.
"""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from connectors.store.tables.findings import finding, finding_change

SCHEMA = 1
"""Grows when a column is added to the files."""

UNEXPORTED = frozenset({"batch", "exported", "note", "expires_at"})
"""Columns that are of no use outside, or not for others."""


def columns(table: sa.Table) -> tuple[str, ...]:
    """Return the columns of a table that are written."""
    return tuple(column.name for column in table.c if column.name not in UNEXPORTED)


TOPICS: Mapping[str, sa.Table] = {"finding": finding, "finding_change": finding_change}


def line(table: sa.Table, row: Mapping[str, Any], *, updated: datetime) -> dict[str, Any]:
    """Return one message: the row after the change, its key, and when it changed."""
    after = {name: _plain(row[name]) for name in columns(table)}
    return {"after": after, "key": [after["residency"], after["id"]], "updated": f"{nanoseconds(updated)}.0000000000"}


def file_name(topic: str, batch: uuid.UUID, *, updated: datetime) -> str:
    """Return the same name for the same batch: a batch that is written again replaces itself."""
    moment = updated.astimezone(UTC)
    stamp = moment.strftime("%Y%m%d%H%M%S") + f"{moment.microsecond * 1000:09d}" + "0" * 10
    return f"{moment:%Y-%m-%d}/{stamp}-{batch.hex}-{topic}-{SCHEMA}.ndjson.gz"


def packed(messages: Iterable[Mapping[str, Any]]) -> bytes:
    """Return messages as the content of a file; the same messages are the same bytes."""
    text = "".join(json.dumps(message, ensure_ascii=False, separators=(",", ":")) + "\n" for message in messages)
    return gzip.compress(text.encode("utf-8", "replace"), mtime=0)


def nanoseconds(moment: datetime) -> int:
    """Return a time as CockroachDB's clock has it, exactly."""
    since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value) if isinstance(value, uuid.UUID) else value
