"""Counters behind the charts: kept in the transaction that changes a finding, so that no page counts findings.

A counter is named by (tenant, connection, day, dimension, value); the day is empty for what stands now. Writers add
to shards of their own, readers sum.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.store.columns import natural_id
from connectors.store.engine import Database
from connectors.store.lifecycle import LIVING
from connectors.store.tables.dashboard import tally

EXPOSED = ("external", "link", "public")
"""Visibilities that reach beyond the organisation."""

STANDING = "exposed"
"""A dimension that is asked for what stands now only: it has no counters by day."""

NOW = ""
"""The day of the counters that say what stands now."""

Row = Mapping[str, Any]
Move = tuple[Row | None, Row]
"""A finding as it was, None when it is new, and as it is."""


@dataclass
class Sums:
    """What is to be added to one counter."""

    found: int = 0
    closed: int = 0
    living: int = 0
    seconds: int = 0

    def __bool__(self) -> bool:
        return bool(self.found or self.closed or self.living or self.seconds)


Key = tuple[str, str, str, str, str]
"""(tenant, connection, day, dimension, value)."""


def dimensions(row: Row) -> Iterator[tuple[str, str]]:
    """Yield the dimensions that a finding counts in, with its value in each."""
    container = row["container_name"] or row["container"]
    yield "severity", str(int(row["severity"]))
    yield "detector", row["detector"]
    yield "container", container
    if row["visibility"] in EXPOSED:
        yield STANDING, container


def sums(moves: Iterable[Move], now: datetime) -> dict[Key, Sums]:
    """Return what some changes of findings add to which counters. Pure."""
    added: dict[Key, Sums] = defaultdict(Sums)
    today = now.date().isoformat()
    for old, new in moves:
        lived = old is not None and old["state"] in LIVING
        lives = new["state"] in LIVING
        for dimension, value in dimensions(new):
            added[new["tenant"], new["connection"], NOW, dimension, value].living += lives
            if dimension == STANDING:
                continue
            daily = added[new["tenant"], new["connection"], today, dimension, value]
            daily.found += old is None
            if lived and not lives:
                daily.closed += 1
                daily.seconds += max(0, int((now - new["first_seen"]).total_seconds()))
        for dimension, value in dimensions(old) if old is not None else ():
            added[new["tenant"], new["connection"], NOW, dimension, value].living -= lived
    return {key: total for key, total in added.items() if total}


def count(database: Database, connection: sa.Connection, residency: str, moves: Sequence[Move], now: datetime) -> None:
    """Add changes of findings to the counters. Call it in the transaction that writes the changes."""
    if moves:
        add(database, connection, residency, sums(moves, now))


def add(database: Database, connection: sa.Connection, residency: str, added: Mapping[Key, Sums]) -> None:
    """Add sums to the counters, in this thread's shard."""
    shard = threading.get_ident() // 64 % database.shards
    rows = [
        {
            "residency": residency,
            "id": natural_id("tally", residency, *key, shard),
            "tenant": key[0],
            "connection": key[1],
            "day": key[2],
            "dimension": key[3],
            "value": key[4][:255],
            "shard": shard,
            **vars(total),
        }
        for key, total in added.items()
    ]

    def merge(new: Any) -> dict[str, Any]:
        return {name: tally.c[name] + new[name] for name in ("found", "closed", "living", "seconds")}

    database.upsert(connection, tally, rows, update=merge)


def _scope(residency: str, tenant: str, connections: Sequence[str] | None) -> list[sa.ColumnElement[bool]]:
    where = [tally.c.residency == residency, tally.c.tenant == tenant]
    return [*where, tally.c.connection.in_(connections)] if connections is not None else where


def by_day(
    connection: sa.Connection,
    *,
    residency: str,
    tenant: str,
    connections: Sequence[str] | None,
    dimension: str,
    since: str,
    values: Sequence[str] | None = None,
    apart: bool = False,
) -> list[Any]:
    """Return (day, value, found, closed, seconds) of the days from `since` (an ISO date) on.

    `apart` keeps connections apart, as `connection`.
    """
    names = [tally.c.day, tally.c.value, *([tally.c.connection] if apart else [])]
    query = sa.select(
        *names,
        sa.func.sum(tally.c.found).label("found"),
        sa.func.sum(tally.c.closed).label("closed"),
        sa.func.sum(tally.c.seconds).label("seconds"),
    ).where(*_scope(residency, tenant, connections), tally.c.dimension == dimension, tally.c.day >= since)
    if values is not None:
        query = query.where(tally.c.value.in_(values))
    return list(connection.execute(query.group_by(*names)))


def standing(
    connection: sa.Connection,
    *,
    residency: str,
    tenant: str,
    connections: Sequence[str] | None,
    dimension: str,
    limit: int | None = None,
    apart: bool = False,
) -> list[Any]:
    """Return (value, living) of what stands now, the most first; `apart` keeps connections apart."""
    living = sa.func.sum(tally.c.living).label("living")
    names = [tally.c.value, *([tally.c.connection] if apart else [])]
    query = (
        sa.select(*names, living)
        .where(*_scope(residency, tenant, connections), tally.c.dimension == dimension, tally.c.day == NOW)
        .group_by(*names)
        .having(living > 0)
        .order_by(living.desc(), tally.c.value)
    )
    return list(connection.execute(query.limit(limit) if limit else query))


def total(
    connection: sa.Connection, *, residency: str, tenant: str, connections: Sequence[str] | None, dimension: str
) -> int:
    """Return how many findings of a dimension stand now, whatever their value."""
    where = [*_scope(residency, tenant, connections), tally.c.dimension == dimension, tally.c.day == NOW]
    return int(connection.execute(sa.select(sa.func.sum(tally.c.living)).where(*where)).scalar() or 0)
