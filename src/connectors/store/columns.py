"""Column types and keys that mean the same on every database."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql", "cockroachdb")


class UtcDateTime(sa.TypeDecorator[datetime]):
    """An aware UTC time everywhere; SQLite would drop the zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Refuse naive times, which mean something else on every machine."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 (the signature is SQLAlchemy's)
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_RANDOM_BITS = ~(0xF000 << 64 | 0xC000 << 48)
_VERSION_4 = 0x4000 << 64 | 0x8000 << 48


def joined(*parts: str | int) -> str:
    """Return the parts of a natural key as one: `natural_id` takes either."""
    return "\x1f".join(map(str, parts))


def natural_id(*parts: str | int) -> uuid.UUID:
    """Return the same UUID for the same natural key, spread evenly over the key space.

    A row's identity is its natural key, so that every write can be an upsert on one arbiter, and random-looking,
    so that no index grows at one end: it is shaped as a version 4 UUID, which CockroachDB spreads best.
    """
    digest = hashlib.sha256(joined(*parts).encode("utf-8", "surrogatepass")).digest()
    return uuid.UUID(int=int.from_bytes(digest[:16], "big") & _RANDOM_BITS | _VERSION_4)


def shard_of(key: uuid.UUID, shards: int) -> int:
    """Return the shard that a key belongs to."""
    return key.int % shards


def choice(
    name: str, values: type[StrEnum] | Sequence[str], *, nullable: bool = False, **options: Any
) -> sa.Column[str]:
    """Return a text column that a CHECK confines to `values`: altering a native enum is a schema job.

    The CHECK stands at the table, where migrations see it: `confine` puts it there.
    """
    allowed = [str(value) for value in values]
    return sa.Column(name, sa.String(32), nullable=nullable, info={"values": allowed}, **options)


def confine(metadata: sa.MetaData) -> None:
    """Give every `choice` column of the tables its CHECK."""
    for table in metadata.tables.values():
        for column in table.c:
            if "values" in column.info:
                listed = ", ".join(f"'{value}'" for value in column.info["values"])
                table.append_constraint(sa.CheckConstraint(f"{column.name} IN ({listed})", name=column.name))


def key_columns() -> tuple[sa.Column[Any], ...]:
    """Return the first columns of every table: residency leads each primary key."""
    return (
        sa.Column("residency", sa.String(32), primary_key=True),
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False),
    )


def beginning(start: str) -> tuple[uuid.UUID, uuid.UUID] | None:
    """Return the least and the greatest id that begin with `start`, as people shorten ids; None where none can."""
    digits = start.replace("-", "").lower()
    if not digits or len(digits) > 32 or any(character not in "0123456789abcdef" for character in digits):
        return None
    return uuid.UUID(digits.ljust(32, "0")), uuid.UUID(digits.ljust(32, "f"))
