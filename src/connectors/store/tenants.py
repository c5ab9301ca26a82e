"""Tenants of the developer platform: their usage tier, and the secret that signs what is sent to them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from connectors.store.columns import natural_id
from connectors.store.engine import Database
from connectors.store.tables.platform import tenant as table


@dataclass(frozen=True, slots=True)
class Limits:
    """What a key may do: `rate` requests a second on average and `burst` at once, per key and endpoint and
    node; `monthly_bytes` of scanned payload per tenant and calendar month (UTC)."""

    rate: float
    burst: int
    monthly_bytes: int


TIERS: Mapping[str, Limits] = {
    "free": Limits(rate=5, burst=15, monthly_bytes=3 * 2**30),
    "enterprise": Limits(rate=10, burst=50, monthly_bytes=150 * 2**30),
    "internal": Limits(rate=1000, burst=5000, monthly_bytes=100 * 2**40),
}
"""Usage tiers. The averages and bursts of the first two are those that clients of the wire format expect."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant as the platform knows it."""

    name: str
    active: bool
    tier: str
    limits: Limits


def tenant_id(name: str) -> UUID:
    """Return the id of a tenant's row."""
    return natural_id("tenant", name)


def secret_context(name: str) -> str:
    """Name the place that a tenant's signing secret is encrypted for."""
    return f"tenant:{name}:signing"


def new_signing_secret() -> str:
    """Make a secret for signing result webhooks."""
    return secrets.token_urlsafe(32)


def ensure(
    connection: sa.Connection,
    database: Database,
    *,
    residency: str,
    name: str,
    tier: str,
    signing_secret: bytes,
    now: datetime,
) -> None:
    """Make the tenant's row when there is none, as the configuration describes it.

    `signing_secret` is encrypted already; a tenant that has one keeps it.
    """
    row = {
        "residency": residency, "id": tenant_id(name), "tenant": name, "status": "active", "tier": tier,
        "rate": None, "burst": None, "monthly_bytes": None, "signing_secret": signing_secret,
        "created_at": now, "updated_at": now,
    }  # fmt: skip
    database.insert_new(connection, table, [row])


def change(connection: sa.Connection, *, residency: str, name: str, now: datetime, values: Mapping[str, Any]) -> bool:
    """Set `status`, `tier` or overrides of its limits; tell whether there is such a tenant."""
    statement = (
        sa.update(table)
        .where(table.c.residency == residency, table.c.id == tenant_id(name))
        .values(updated_at=now, **values)
        .returning(table.c.id)
    )
    return connection.execute(statement).first() is not None


def hold(connection: sa.Connection, *, residency: str, name: str) -> None:
    """Keep others that hold the tenant's row waiting until the transaction ends.

    SQLite has one writer at a time as it is: its statement leaves FOR UPDATE out.
    """
    query = sa.select(table.c.id).where(table.c.residency == residency, table.c.id == tenant_id(name))
    connection.execute(query.with_for_update())


def load(connection: sa.Connection, *, residency: str, names: set[str]) -> dict[str, Tenant]:
    """Read tenants by name."""
    columns = table.c.tenant, table.c.status, table.c.tier, table.c.rate, table.c.burst, table.c.monthly_bytes
    query = sa.select(*columns).where(
        table.c.residency == residency, table.c.id.in_([tenant_id(name) for name in sorted(names)])
    )
    return {row.tenant: _tenant(row) for row in connection.execute(query)}


def signing_secret(connection: sa.Connection, *, residency: str, name: str) -> bytes | None:
    """Return the tenant's encrypted signing secret."""
    query = sa.select(table.c.signing_secret).where(table.c.residency == residency, table.c.id == tenant_id(name))
    secret: bytes | None = connection.execute(query).scalar()
    return secret


def _tenant(row: Any) -> Tenant:
    tier = TIERS.get(row.tier, TIERS["free"])
    limits = Limits(
        rate=tier.rate if row.rate is None else row.rate,
        burst=tier.burst if row.burst is None else row.burst,
        monthly_bytes=tier.monthly_bytes if row.monthly_bytes is None else row.monthly_bytes,
    )
    return Tenant(name=row.tenant, active=row.status == "active", tier=row.tier, limits=limits)
