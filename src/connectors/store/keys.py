"""API keys: made once, shown once, kept as a hash.

A key reads `ck_<residency>_<30 random characters><6 of checksum>`. The residency says in which database its
row lives, so that no other region is asked; the checksum refuses typing errors without asking any.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from connectors.errors import NotFound
from connectors.store import tenants
from connectors.store.engine import Database
from connectors.store.tables.platform import api_key as table

PREFIX = "ck"
ALPHABET = string.digits + string.ascii_letters
RANDOM = 30
"""Characters of randomness: 178 bits, so that a plain hash cannot be searched."""

SCOPES = (
    "scan",
    "findings:read",
    "findings:write",
    "policies:read",
    "policies:write",
    "deliveries:read",
    "usage:read",
)
"""What a key may be allowed to do."""

SHAPE = re.compile(rf"{PREFIX}_([A-Za-z0-9][A-Za-z0-9_.-]{{0,31}})_([0-9A-Za-z]{{{RANDOM}}})([0-9A-Za-z]{{6}})")


@dataclass(frozen=True, slots=True)
class Key:
    """A key's record. Never the key itself."""

    residency: str
    id: UUID
    tenant: str
    name: str
    hint: str
    scopes: frozenset[str]
    hash: str
    created_at: datetime
    valid_until: datetime | None
    revoked_at: datetime | None
    used_on: str
    limits: tenants.Limits
    active: bool
    """Whether the tenant is active."""

    def works(self, now: datetime) -> bool:
        """Tell whether the key opens anything at `now`."""
        expired = self.valid_until is not None and now >= self.valid_until
        return self.active and self.revoked_at is None and not expired

    def why_not(self) -> str:
        """Say in one word why the key opens nothing."""
        if not self.active:
            return "suspended"
        return "revoked" if self.revoked_at is not None else "expired"


def new_key(residency: str) -> str:
    """Make a key for a tenant of `residency`."""
    body = f"{PREFIX}_{residency}_" + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
    return body + _checksum(body)


def residency_of(key: str) -> str | None:
    """Return the residency that a key names, or None for what is not a key."""
    found = SHAPE.fullmatch(key)
    if not found or _checksum(key[:-6]) != found[3]:
        return None
    return found[1]


def digest(key: str) -> str:
    """Return what is stored of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def key_id(hashed: str) -> UUID:
    """Return the id of the row for a key's digest: found by primary key, telling nothing of the key."""
    return UUID(bytes=hashlib.sha256(b"key id\x1f" + hashed.encode()).digest()[:16], version=4)


def create(
    connection: sa.Connection,
    database: Database,
    *,
    key: str,
    tenant: str,
    name: str,
    scopes: Sequence[str],
    actor: str,
    now: datetime,
    valid_until: datetime | None = None,
) -> UUID:
    """Store a new key of a tenant that exists. Doing it again for the same key changes nothing."""
    residency = residency_of(key)
    if residency is None:
        raise ValueError("not a key")
    hashed = digest(key)
    row = {
        "residency": residency, "id": key_id(hashed), "tenant": tenant, "name": name, "hash": hashed,
        "hint": key[-4:], "scopes": sorted(set(scopes)), "created_at": now, "created_by": actor,
        "valid_until": valid_until, "revoked_at": None, "used_on": "",
    }  # fmt: skip
    database.insert_new(connection, table, [row])
    return key_id(hashed)


def load(connection: sa.Connection, *, residency: str, ids: Iterable[UUID]) -> dict[UUID, Key]:
    """Read keys by id, with the limits of their tenants."""
    wanted = sorted(ids)
    if not wanted:
        return {}
    query = sa.select(table).where(table.c.residency == residency, table.c.id.in_(wanted))
    return {key.id: key for key in _keys(connection, residency, query)}


def of_tenant(connection: sa.Connection, *, residency: str, tenant: str | None = None) -> list[Key]:
    """List the keys of one tenant, or of all, newest first."""
    query = sa.select(table).where(table.c.residency == residency)
    if tenant is not None:
        query = query.where(table.c.tenant == tenant)
    return sorted(_keys(connection, residency, query), key=lambda key: key.created_at, reverse=True)


def revoke(connection: sa.Connection, *, residency: str, which: UUID, now: datetime) -> None:
    """End a key. Every node stops taking it within five seconds. Raises `NotFound`."""
    when = sa.func.coalesce(table.c.revoked_at, sa.literal(now, table.c.revoked_at.type))
    statement = (
        sa.update(table)
        .where(table.c.residency == residency, table.c.id == which)
        .values(revoked_at=when)
        .returning(table.c.id)
    )
    if connection.execute(statement).first() is None:
        raise NotFound(f"there is no key {which}", hint="connectors keys list shows them")


def rotate(
    connection: sa.Connection,
    database: Database,
    *,
    which: UUID,
    key: str,
    actor: str,
    now: datetime,
    until: datetime,
) -> UUID:
    """Store `key` with name and scopes of the key `which`, which works until `until`. Raises `NotFound`."""
    residency = residency_of(key) or ""
    old = load(connection, residency=residency, ids=[which]).get(which)
    if old is None or not old.works(now):
        raise NotFound(f"there is no working key {which}", hint="connectors keys list shows them")
    end = min(until, old.valid_until) if old.valid_until else until
    where = table.c.residency == residency, table.c.id == which
    connection.execute(sa.update(table).where(*where).values(valid_until=end))
    return create(
        connection,
        database,
        key=key,
        tenant=old.tenant,
        name=old.name,
        scopes=sorted(old.scopes),
        actor=actor,
        now=now,
    )


def mark_used(connection: sa.Connection, *, residency: str, ids: Iterable[UUID], day: str) -> None:
    """Note the day on which keys were used: one write a day and key."""
    statement = (
        sa.update(table)
        .where(table.c.residency == residency, table.c.id.in_(sorted(ids)), table.c.used_on != day)
        .values(used_on=day)
    )
    connection.execute(statement)


def same(one: str, other: str) -> bool:
    """Compare two digests in constant time."""
    return hmac.compare_digest(one, other)


def _keys(connection: sa.Connection, residency: str, query: sa.Select[Any]) -> list[Key]:
    rows = connection.execute(query).all()
    owners = tenants.load(connection, residency=residency, names={row.tenant for row in rows})
    return [_key(row, owners[row.tenant]) for row in rows if row.tenant in owners]


def _key(row: Any, owner: tenants.Tenant) -> Key:
    return Key(
        residency=row.residency,
        id=row.id,
        tenant=row.tenant,
        name=row.name,
        hint=row.hint,
        scopes=frozenset(row.scopes),
        hash=row.hash,
        created_at=row.created_at,
        valid_until=row.valid_until,
        revoked_at=row.revoked_at,
        used_on=row.used_on,
        limits=owner.limits,
        active=owner.active,
    )


def _checksum(text: str) -> str:
    number, letters = zlib.crc32(text.encode()), []
    for _ in range(6):
        number, digit = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[digit])
    return "".join(reversed(letters))
