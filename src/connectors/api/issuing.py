"""Making, listing and ending keys: what `connectors keys` and the dashboard do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from connectors.errors import ConfigError, NotFound
from connectors.runtime import Runtime
from connectors.store import actions, keys, tenants
from connectors.store.engine import Database
from connectors.store.keys import SCOPES, Key


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key. `text` is shown once and stored nowhere."""

    id: UUID
    text: str = field(repr=False)
    valid_until: datetime | None


def create(
    runtime: Runtime,
    *,
    tenant: str,
    name: str,
    scopes: Sequence[str] = SCOPES,
    actor: str,
    lifetime: timedelta | None = None,
) -> Issued:
    """Make a key of a configured tenant. Raises `ConfigError` for an unknown tenant or scope."""
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise ConfigError(f"there is no scope {', '.join(unknown)}", hint=f"scopes: {', '.join(SCOPES)}")
    residency, database, now = _place(runtime, tenant)
    text = keys.new_key(residency)
    until = now + lifetime if lifetime is not None else None
    tier = runtime.config.tenants[tenant].tier
    if tier not in tenants.TIERS:
        raise ConfigError(f"tenants.{tenant}.tier: there is no tier {tier!r}", hint=", ".join(tenants.TIERS))
    secret = runtime.vault.encrypt(tenants.new_signing_secret().encode(), context=tenants.secret_context(tenant))

    def work(connection: sa.Connection) -> UUID:
        tenants.ensure(
            connection,
            database,
            residency=residency,
            name=tenant,
            tier=tier,
            signing_secret=secret,
            now=now,
        )
        which = keys.create(
            connection,
            database,
            key=text,
            tenant=tenant,
            name=name,
            scopes=scopes,
            actor=actor,
            now=now,
            valid_until=until,
        )
        _note(connection, database, runtime, tenant, actor, "key_created", which)
        return which

    return Issued(database.run(work), text, until)


def listed(runtime: Runtime, *, tenant: str | None = None) -> list[Key]:
    """Return the keys of a tenant, or of all of them."""
    found: list[Key] = []
    for residency in runtime.databases.residencies:
        database = runtime.databases.of(residency)
        some = database.read(lambda c, r=residency: keys.of_tenant(c, residency=r, tenant=tenant))  # type: ignore[misc]  # a default binds the loop's value
        found.extend(some)
    return found


def revoke(runtime: Runtime, which: UUID, *, actor: str) -> None:
    """End a key at once: every node stops taking it within five seconds. Raises `NotFound`."""
    key = _find(runtime, which)
    database, now = runtime.databases.of(key.residency), runtime.now()

    def work(connection: sa.Connection) -> None:
        keys.revoke(connection, residency=key.residency, which=which, now=now)
        _note(connection, database, runtime, key.tenant, actor, "key_revoked", which)

    database.run(work)


def rotate(runtime: Runtime, which: UUID, *, overlap: timedelta, actor: str) -> Issued:
    """Make a key that replaces another one, which works on for `overlap`. Raises `NotFound`."""
    old = _find(runtime, which)
    database, now = runtime.databases.of(old.residency), runtime.now()
    text = keys.new_key(old.residency)

    def work(connection: sa.Connection) -> UUID:
        new = keys.rotate(connection, database, which=which, key=text, actor=actor, now=now, until=now + overlap)
        _note(connection, database, runtime, old.tenant, actor, "key_rotated", which)
        return new

    return Issued(database.run(work), text, None)


def signing_secret(runtime: Runtime, tenant: str) -> str:
    """Return the secret that signs the webhooks of a tenant. Raises `NotFound` before its first key."""
    residency, database, _ = _place(runtime, tenant)
    sealed = database.read(lambda c: tenants.signing_secret(c, residency=residency, name=tenant))
    if sealed is None:
        raise NotFound(f"tenant {tenant!r} has no key yet", hint="connectors keys create makes one")
    return runtime.vault.decrypt(sealed, context=tenants.secret_context(tenant)).decode()


def set_tier(
    runtime: Runtime,
    tenant: str,
    *,
    tier: str,
    rate: float | None = None,
    burst: int | None = None,
    monthly_bytes: int | None = None,
) -> None:
    """Set a tenant's tier, and what of it is different for this tenant. Raises `ConfigError` or `NotFound`."""
    if tier not in tenants.TIERS:
        raise ConfigError(f"there is no tier {tier!r}", hint=", ".join(tenants.TIERS))
    residency, database, now = _place(runtime, tenant)
    values = {"tier": tier, "rate": rate, "burst": burst, "monthly_bytes": monthly_bytes}
    if not database.run(lambda c: tenants.change(c, residency=residency, name=tenant, now=now, values=values)):
        raise NotFound(f"tenant {tenant!r} has no key yet", hint="connectors keys create makes one")


def _place(runtime: Runtime, tenant: str) -> tuple[str, Database, datetime]:
    if tenant not in runtime.config.tenants:
        known = ", ".join(sorted(runtime.config.tenants))
        raise ConfigError(f"there is no tenant {tenant!r}", hint=f"tenants in the configuration: {known}")
    residency = runtime.config.residency_of(tenant)
    return residency, runtime.databases.of(residency), runtime.now()


def _find(runtime: Runtime, which: UUID) -> Key:
    for residency in runtime.databases.residencies:
        database = runtime.databases.of(residency)
        found = database.read(lambda c, r=residency: keys.load(c, residency=r, ids=[which]))  # type: ignore[misc]  # a default binds the loop's value
        if which in found:
            return found[which]
    raise NotFound(f"there is no key {which}", hint="connectors keys list shows them")


def _note(
    connection: sa.Connection,
    database: Database,
    runtime: Runtime,
    tenant: str,
    actor: str,
    act: str,
    which: UUID,
) -> None:
    actions.note(
        database,
        connection,
        residency=runtime.config.residency_of(tenant),
        tenant=tenant,
        actor=actor,
        act=act,
        subject=str(which),
        result="done",
        detail={},
        now=runtime.now(),
    )
