"""What the host remembers of each connection: its health, its push channel, its plugin's values, its budgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.contract import Budget
from connectors.model import Subscription
from connectors.store.columns import natural_id
from connectors.store.engine import Database, Row
from connectors.store.tables.syncs import connection as connection_table
from connectors.store.tables.syncs import connection_value, rate_budget
from connectors.vault import Vault


@dataclass(frozen=True)
class Owner:
    """Whose rows: one connection of one tenant in one residency."""

    residency: str
    tenant: str
    connection: str
    app: str = ""

    @property
    def where(self) -> list[sa.ColumnElement[bool]]:
        """Return the condition that finds the connection's row."""
        table = connection_table
        return [
            table.c.residency == self.residency,
            table.c.id == natural_id("connection", self.residency, self.connection),
        ]


def touch(
    database: Database,
    connection: sa.Connection,
    owner: Owner,
    *,
    now: datetime,
    only_news: bool = False,
    **values: Any,
) -> bool:
    """Make the connection's row if there is none, and set `values` in it; return whether anything was written.

    With `only_news` a row whose status is that of `values` already stays as it is.
    """
    row = {
        "residency": owner.residency,
        "id": natural_id("connection", owner.residency, owner.connection),
        "tenant": owner.tenant,
        "name": owner.connection,
        "app": owner.app,
        "status": "ok",
        "reason": "",
        "hint": "",
        "since": now,
        "last_error": "",
        "updated_at": now,
        **values,
    }
    update = [*values, "updated_at"]
    where = (lambda new: connection_table.c.status != new.status) if only_news else None
    return bool(database.upsert(connection, connection_table, [row], update=update, where=where))


def set_status(
    database: Database,
    connection: sa.Connection,
    owner: Owner,
    *,
    broken: bool,
    reason: str = "",
    hint: str = "",
    now: datetime,
) -> bool:
    """Mark the connection broken or well; return whether that is news, so that it is told once."""
    values = {"status": "broken" if broken else "ok", "reason": reason[:500], "hint": hint[:500], "since": now}
    known = connection.execute(sa.select(connection_table.c.id).where(*owner.where)).first()
    if known is None and not broken:
        return False
    # Of two workers that see it at once, the second finds it marked.
    return touch(database, connection, owner, now=now, only_news=True, **values)


def broken(connection: sa.Connection, residency: str) -> dict[str, str]:
    """Return the broken connections with their reasons."""
    table = connection_table
    query = sa.select(table.c.name, table.c.reason).where(table.c.residency == residency, table.c.status == "broken")
    return {row.name: row.reason for row in connection.execute(query)}


def health(connection: sa.Connection, residency: str) -> list[Row]:
    """Return every connection's row, without its push channel."""
    columns = [column for column in connection_table.c if column.name != "subscription"]
    query = sa.select(*columns).where(connection_table.c.residency == residency).order_by(connection_table.c.name)
    return [row._asdict() for row in connection.execute(query)]


def get_value(connection: sa.Connection, owner: Owner, key: str, vault: Vault) -> Any:
    """Return what a plugin stored under `key`, or None."""
    identity = natural_id("value", owner.residency, owner.connection, key)
    table = connection_value
    query = sa.select(table.c.value).where(table.c.residency == owner.residency, table.c.id == identity)
    stored = connection.execute(query).scalar()
    return vault.open(stored, context=f"value:{identity}") if stored is not None else None


def put_value(
    database: Database, connection: sa.Connection, owner: Owner, key: str, value: bytes, *, now: datetime
) -> None:
    """Store a sealed value; seal it with `value_context`."""
    row = {
        "residency": owner.residency,
        "id": natural_id("value", owner.residency, owner.connection, key),
        "tenant": owner.tenant,
        "connection": owner.connection,
        "key": key,
        "value": value,
        "updated_at": now,
    }
    database.upsert(connection, connection_value, [row], update=("value", "updated_at"))


def value_context(owner: Owner, key: str) -> str:
    """Return what a stored value is bound to."""
    return f"value:{natural_id('value', owner.residency, owner.connection, key)}"


LOOK_AGAIN = timedelta(days=1)
"""How long a push channel without an end is left alone."""


@dataclass(frozen=True)
class Channel:
    """A connection's push channel, and when it was made."""

    subscription: Subscription
    made_at: datetime

    @property
    def renew_at(self) -> datetime:
        """When three quarters of its time are over."""
        ends = self.subscription.expires_at
        return self.made_at + (0.75 * (ends - self.made_at) if ends else LOOK_AGAIN)


def get_channel(connection: sa.Connection, owner: Owner, vault: Vault) -> Channel | None:
    """Return the connection's push channel, or None."""
    table = connection_table
    row = connection.execute(sa.select(table.c.subscription, table.c.subscription_ends).where(*owner.where)).first()
    if row is None or row.subscription is None:
        return None
    stored = vault.open(row.subscription, context=f"subscription:{owner.connection}")
    made_at = datetime.fromisoformat(stored["made_at"])
    return Channel(Subscription(stored["id"], row.subscription_ends, stored["state"]), made_at)


def put_subscription(
    database: Database,
    connection: sa.Connection,
    owner: Owner,
    subscription: Subscription,
    *,
    vault: Vault,
    now: datetime,
) -> None:
    """Remember the connection's push channel."""
    value = {"id": subscription.id, "state": dict(subscription.state), "made_at": now.isoformat()}
    sealed = vault.seal(value, context=f"subscription:{owner.connection}")
    touch(database, connection, owner, now=now, subscription=sealed, subscription_ends=subscription.expires_at)


@dataclass(frozen=True)
class Grant:
    """Tokens of a rate budget that this process may spend, or how long to wait for some."""

    tokens: float
    wait: float = 0.0


def draw(
    database: Database,
    connection: sa.Connection,
    owner: Owner,
    bucket: str,
    budget: Budget,
    *,
    cost: float,
    block: float,
    now: datetime,
) -> Grant:
    """Take up to `block` tokens, at least `cost`, from a budget that all workers of a connection share."""
    rate = budget.units / budget.seconds
    burst = max(budget.burst or budget.units, cost)
    identity = natural_id("budget", owner.residency, owner.connection, bucket)
    where = [rate_budget.c.residency == owner.residency, rate_budget.c.id == identity]
    query = sa.select(rate_budget.c.tokens, rate_budget.c.refilled_at, rate_budget.c.blocked_until).where(*where)
    old = connection.execute(query.with_for_update()).first()
    tokens = burst
    if old is not None:
        if old.blocked_until is not None and old.blocked_until > now:
            return Grant(0.0, (old.blocked_until - now).total_seconds())
        tokens = min(burst, old.tokens + rate * max((now - old.refilled_at).total_seconds(), 0.0))
    if tokens < cost:
        return Grant(0.0, (cost - tokens) / rate)
    taken = min(max(block, cost), tokens)
    _put_budget(database, connection, owner, bucket, tokens=tokens - taken, refilled_at=now, blocked_until=None)
    return Grant(taken)


def block_budget(
    database: Database,
    connection: sa.Connection,
    owner: Owner,
    bucket: str,
    *,
    until: datetime,
    now: datetime,
) -> None:
    """Let nobody call in a bucket until the app allows it again."""
    _put_budget(database, connection, owner, bucket, tokens=0.0, refilled_at=now, blocked_until=until)


def blocked(connection: sa.Connection, residency: str, *, now: datetime) -> Mapping[str, timedelta]:
    """Return the connections that the app asked to wait, and for how long."""
    query = sa.select(rate_budget.c.connection, sa.func.max(rate_budget.c.blocked_until)).where(
        rate_budget.c.residency == residency, rate_budget.c.blocked_until > now
    )
    return {name: until - now for name, until in connection.execute(query.group_by(rate_budget.c.connection))}


def budgets(connection: sa.Connection, residency: str) -> list[Row]:
    """Return what is left of the rate budgets that were drawn from: tokens at a time, and until when none is given."""
    columns = [rate_budget.c[name] for name in ("connection", "bucket", "tokens", "refilled_at", "blocked_until")]
    query = sa.select(*columns).where(rate_budget.c.residency == residency)
    return [row._asdict() for row in connection.execute(query)]


def _put_budget(database: Database, connection: sa.Connection, owner: Owner, bucket: str, **values: Any) -> None:
    row = {
        "residency": owner.residency,
        "id": natural_id("budget", owner.residency, owner.connection, bucket),
        "tenant": owner.tenant,
        "connection": owner.connection,
        "bucket": bucket,
        **values,
    }
    database.upsert(connection, rate_budget, [row], update=list(values))
