"""The counters behind the charts, counted again from the findings, while everything goes on.

What the counters miss is worked out in one statement, that is of one moment, and then added to them. Additions of
others in between do not matter: sums do not care for their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.errors import Conflict
from connectors.store import tallies
from connectors.store.columns import natural_id
from connectors.store.engine import Database
from connectors.store.lifecycle import LIVING
from connectors.store.tables.dashboard import tally
from connectors.store.tables.findings import finding, finding_change
from connectors.store.tallies import EXPOSED, NOW, STANDING, Key, Sums

MARK = "recount"
"""The dimension of the row that tells how often was counted again: of two at once, the second starts over."""

STEP = 2_000
"""Counters of one transaction."""

NAMES = ("tenant", "connection", "day", "dimension", "value")
NUMBERS = ("found", "closed", "living", "seconds")


def recount(database: Database, residency: str, *, since: datetime | None = None) -> int:
    """Put right what stands now, and with `since` the days from then on; return how many counters were wrong.

    Days are counted from the history of the findings that are kept, as severe and visible as these are today.
    Raises `Conflict` when somebody else counts again at the same time.
    """
    _begin(database, residency)

    def look(c: sa.Connection) -> tuple[int, dict[Key, Sums]]:
        seen = c.execute(sa.select(tally.c.found).where(*_mark(residency))).scalar_one()
        rows = c.execute(missing(database, residency, since)).all()
        return seen, {tuple(row[:5]): Sums(*(int(number) for number in row[5:])) for row in rows}

    seen, wrong = database.read(look)
    keys = list(wrong)
    chunks = [keys[start : start + STEP] for start in range(0, len(keys), STEP)] or [[]]

    def put_right(c: sa.Connection) -> None:
        taken = sa.update(tally).where(*_mark(residency), tally.c.found == seen).values(found=seen + 1)
        if c.execute(taken.returning(tally.c.id)).first() is None:
            raise Conflict("somebody else counted again at the same time", hint="run it again")
        for chunk in chunks:
            tallies.add(database, c, residency, {key: wrong[key] for key in chunk})

    database.run(put_right)
    return len(wrong)


def missing(database: Database, residency: str, since: datetime | None) -> sa.Select[Any]:
    """Return the statement that says, by counter, what its shards lack of what the findings sum up to."""
    parts: list[sa.Select[Any]] = []
    for dimension, value in _dimensions().items():
        parts.append(_standing(residency, dimension, value))
        if since is not None and dimension != STANDING:
            parts.extend(_history(database, residency, dimension, value, since))
    counted = [tally.c.day == NOW] if since is None else [sa.or_(tally.c.day == NOW, tally.c.day >= _day(since))]
    there = sa.select(*(tally.c[name] for name in NAMES), *(-tally.c[name] for name in NUMBERS)).where(
        tally.c.residency == residency, tally.c.dimension != MARK, *counted
    )
    both = sa.union_all(*parts, there).subquery("both")
    sums = [sa.func.sum(both.c[name]) for name in NUMBERS]
    return (
        sa.select(*(both.c[name] for name in NAMES), *sums)
        .group_by(*(both.c[name] for name in NAMES))
        .having(sa.or_(*(each != 0 for each in sums)))
    )


def _dimensions() -> dict[str, sa.ColumnElement[str]]:
    """Return the dimensions of `tallies.dimensions`, as SQL."""
    container = sa.case((finding.c.container_name != "", finding.c.container_name), else_=finding.c.container)
    return {
        "severity": sa.cast(finding.c.severity, sa.String),
        "detector": finding.c.detector,
        "container": container,
        STANDING: container,
    }


def _standing(residency: str, dimension: str, value: sa.ColumnElement[str]) -> sa.Select[Any]:
    where = [finding.c.residency == residency, finding.c.state.in_(LIVING)]
    if dimension == STANDING:
        where.append(finding.c.visibility.in_(EXPOSED))
    return _counted(NOW, dimension, value, where, living=sa.literal_column("1"))


def _history(
    database: Database, residency: str, dimension: str, value: sa.ColumnElement[str], since: datetime
) -> Sequence[sa.Select[Any]]:
    start = datetime.fromisoformat(_day(since) + "T00:00:00+00:00")
    found = [finding.c.residency == residency, finding.c.first_seen >= start]
    closed = [
        finding_change.c.residency == residency,
        finding_change.c.at >= start,
        finding_change.c.before.in_(LIVING),
        finding_change.c.after.not_in(LIVING),
    ]
    took = database.seconds(finding_change.c.at) - database.seconds(finding.c.first_seen)
    one: sa.ColumnElement[Any] = sa.literal_column("1")
    closed += [finding.c.residency == finding_change.c.residency, finding.c.id == finding_change.c.finding_id]
    of_change = _counted(database.day(finding_change.c.at), dimension, value, closed, closed=one, seconds=took)
    return _counted(database.day(finding.c.first_seen), dimension, value, found, found=one), of_change


def _counted(
    day: str | sa.ColumnElement[str],
    dimension: str,
    value: sa.ColumnElement[str],
    where: Sequence[sa.ColumnElement[bool]],
    **numbers: sa.ColumnElement[Any],
) -> sa.Select[Any]:
    """Return one row for each finding or change, under the names that `tally` has; the sums are made outside."""
    named = {"tenant": finding.c.tenant, "connection": finding.c.connection, "value": value}
    named["day"] = sa.literal(day) if isinstance(day, str) else day
    named["dimension"] = sa.literal(dimension)
    return sa.select(
        *(named[name].label(name) for name in NAMES),
        *(sa.cast(numbers.get(name, sa.literal_column("0")), sa.BigInteger).label(name) for name in NUMBERS),
    ).where(*where)


def _day(moment: datetime) -> str:
    return moment.date().isoformat()


def _mark(residency: str) -> list[sa.ColumnElement[bool]]:
    return [tally.c.residency == residency, tally.c.id == natural_id("tally", residency, MARK)]


def _begin(database: Database, residency: str) -> None:
    row = {
        "residency": residency, "id": natural_id("tally", residency, MARK), "tenant": "", "connection": "", "day": NOW,
        "dimension": MARK, "value": "", "shard": 0, "found": 0, "closed": 0, "living": 0, "seconds": 0,
    }  # fmt: skip
    database.run(lambda c: database.insert_new(c, tally, [row]))
