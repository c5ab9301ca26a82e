"""How each connection is: its status, what waits for it, what is left of its rate limits, and its ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.contract import Budget
from connectors.dashboard.visit import Visit
from connectors.errors import ConfigError
from connectors.store import connections, inbox, ledger
from connectors.store.inbox import MOST_WAITING, Lag
from connectors.store.ledger import Counts, Summary

LOW = 0.2
"""What is left of a rate limit below which a page points at it."""


@dataclass(frozen=True)
class Headroom:
    """What is left of one rate limit: 1 is all of it. `wait` is how long the app asked not to be called."""

    bucket: str
    left: float
    wait: timedelta | None = None

    @property
    def low(self) -> bool:
        """Tell whether a page should point at it."""
        return self.wait is not None or self.left < LOW


@dataclass(frozen=True)
class Health:
    """One connection as the overview shows it."""

    name: str
    app: str
    status: str
    reason: str
    hint: str
    last_delivery: datetime | None
    last_sync: datetime | None
    subscription_ends: datetime | None
    headroom: tuple[Headroom, ...]
    """The tightest first."""
    lag: Lag | None
    counts: Counts
    partitions: int
    failed: int
    reading: int
    never: int
    """Kinds of places that are never read: no partition, and not in the counts."""

    @property
    def many(self) -> bool:
        """Tell whether more waits than was looked at."""
        return self.lag is not None and self.lag.waiting >= MOST_WAITING

    @property
    def rank(self) -> tuple[Any, ...]:
        """Return the place in a list that shows trouble first."""
        blocked = any(each.wait for each in self.headroom)
        return (self.status != "broken", not self.failed, not self.counts.failed, not blocked, not self.lag, self.name)


def health(c: sa.Connection, visit: Visit, names: Sequence[str] | None = None) -> list[Health]:
    """Return how each connection is that the person sees, or how those in `names` are."""
    names = visit.own_connections if names is None else names
    known = {row["name"]: row for row in connections.health(c, visit.residency)}
    drawn: dict[str, dict[str, Any]] = defaultdict(dict)
    for row in connections.budgets(c, visit.residency):
        drawn[row["connection"]][row["bucket"]] = row
    read = ledger.summaries(c, visit.residency, names)
    lags = inbox.lags(c, visit.residency, names)
    return [
        _health(visit, name, known.get(name, {}), read[name], headroom(_limits(visit, name), drawn[name], visit.now),
                lags.get(name))
        for name in names
    ]  # fmt: skip


def headroom(
    limits: Mapping[str, Budget], drawn: Mapping[str, Mapping[str, Any]], now: datetime
) -> tuple[Headroom, ...]:
    """Return what is left of each rate limit, the tightest first. Pure."""
    found = [_left(bucket, limits.get(bucket), drawn.get(bucket), now) for bucket in {**limits, **drawn}]
    return tuple(sorted(found, key=lambda each: (each.wait is None, each.left, each.bucket)))


def _left(bucket: str, limit: Budget | None, row: Mapping[str, Any] | None, now: datetime) -> Headroom:
    if row is None:
        return Headroom(bucket, 1.0)
    until = row["blocked_until"]
    if until is not None and until > now:
        return Headroom(bucket, 0.0, until - now)
    if limit is None:
        return Headroom(bucket, 1.0)
    whole = limit.burst or limit.units
    refilled = limit.units / limit.seconds * max((now - row["refilled_at"]).total_seconds(), 0.0)
    return Headroom(bucket, max(0.0, min(1.0, (row["tokens"] + refilled) / whole)))


def _limits(visit: Visit, name: str) -> Mapping[str, Budget]:
    try:
        return visit.runtime.host.connector_class(visit.runtime.config.connections[name].connector).budgets
    except ConfigError:
        return {}


def _health(
    visit: Visit, name: str, row: Mapping[str, Any], read: Summary, left: tuple[Headroom, ...],
    lag: Lag | None,
) -> Health:  # fmt: skip
    settings = visit.runtime.config.connections[name]
    return Health(
        name=name,
        app=settings.connector,
        status=row.get("status", "new") if settings.enabled else "off",
        reason=row.get("reason", "") or row.get("last_error", ""),
        hint=row.get("hint", ""),
        last_delivery=row.get("last_delivery"),
        last_sync=row.get("last_sync"),
        subscription_ends=row.get("subscription_ends"),
        headroom=left,
        lag=lag,
        counts=read.counts,
        partitions=sum(read.states.values()),
        failed=read.states.get("failed", 0),
        reading=read.states.get("reading", 0),
        never=read.never,
    )
