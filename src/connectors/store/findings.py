"""Findings as people work with them: looked up, changed with a history, suppressed by fingerprint."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.errors import Conflict, NotFound
from connectors.model import FindingState
from connectors.store import moves
from connectors.store.columns import beginning, natural_id
from connectors.store.engine import Database, Row
from connectors.store.lifecycle import LIVING, change
from connectors.store.tables.findings import finding, finding_change, suppression

VERDICTS = {FindingState.FALSE_POSITIVE: "false_positive", FindingState.IGNORED: "accepted"}
"""States that say something about the value itself, wherever it turns up next."""
VERDICT_STATES = {verdict: state for state, verdict in VERDICTS.items()}
"""The states that verdicts put findings into; that a value is real, `confirmed`, moves nothing by itself."""

MOST_AT_ONCE = 1_000
"""Findings of one value that one verdict moves; those beyond it are judged when they are seen again."""


def get(connection: sa.Connection, residency: str, identity: uuid.UUID) -> Row:
    """Return one finding. Raises `NotFound`."""
    query = sa.select(finding).where(finding.c.residency == residency, finding.c.id == identity)
    row = connection.execute(query).first()
    if row is None:
        raise NotFound(f"there is no finding {identity}")
    return row._asdict()


def matching(connection: sa.Connection, residency: str, start: str) -> list[uuid.UUID]:
    """Return the ids of findings that begin with `start`, as people shorten them; at most two."""
    bounds = beginning(start)
    if bounds is None:
        return []
    query = sa.select(finding.c.id).where(finding.c.residency == residency, finding.c.id.between(*bounds))
    return list(connection.execute(query.limit(2)).scalars())


def listed(
    connection: sa.Connection,
    residency: str,
    *,
    states: Sequence[str] = (),
    name: str | None = None,
    detector: str | None = None,
    min_severity: int = 0,
    limit: int = 100,
) -> list[Row]:
    """Return findings, the latest first."""
    query = sa.select(finding).where(finding.c.residency == residency)
    if states:
        query = query.where(finding.c.state.in_(states))
    if name:
        query = query.where(finding.c.connection == name)
    if detector:
        query = query.where(sa.or_(finding.c.detector == detector, finding.c.family == detector))
    if min_severity:
        query = query.where(finding.c.severity >= min_severity)
    query = query.order_by(finding.c.last_seen.desc(), finding.c.id).limit(limit)
    return [row._asdict() for row in connection.execute(query)]


def every(database: Database, residency: str, *, page: int = 1000) -> Iterator[Row]:
    """Yield all findings of a residency, a page per transaction, in the order of their ids."""
    last: uuid.UUID | None = None
    while True:
        query = sa.select(finding).where(finding.c.residency == residency).order_by(finding.c.id).limit(page)
        if last is not None:
            query = query.where(finding.c.id > last)
        rows = database.read(lambda c, q=query: [row._asdict() for row in c.execute(q)])  # type: ignore[misc]
        yield from rows
        if len(rows) < page:
            return
        last = rows[-1]["id"]


def history(connection: sa.Connection, residency: str, identity: uuid.UUID) -> list[Row]:
    """Return every change of a finding's state, the oldest first."""
    query = (
        sa.select(finding_change)
        .where(finding_change.c.residency == residency, finding_change.c.finding_id == identity)
        .order_by(finding_change.c.revision)
    )
    return [row._asdict() for row in connection.execute(query)]


def latest_of(connection: sa.Connection, residency: str, resource_key: uuid.UUID) -> Row | None:
    """Return the finding of a resource that was seen last: it names the resource best. None when it has none."""
    query = (
        sa.select(finding)
        .where(finding.c.residency == residency, finding.c.resource_key == resource_key)
        .order_by(finding.c.last_seen.desc(), finding.c.id)
        .limit(1)
    )
    row = connection.execute(query).first()
    return row._asdict() if row else None


def same_value(
    connection: sa.Connection, row: Mapping[str, Any], *, limit: int = 50, states: Sequence[str] = ()
) -> list[Row]:
    """Return the other places of a finding's value, in any state or in these."""
    query = sa.select(finding).where(
        finding.c.residency == row["residency"],
        finding.c.tenant == row["tenant"],
        finding.c.fingerprint == row["fingerprint"],
        finding.c.id != row["id"],
        *([finding.c.state.in_(states)] if states else []),
    )
    return [found._asdict() for found in connection.execute(query.limit(limit))]


def set_state(
    database: Database,
    connection: sa.Connection,
    row: Mapping[str, Any],
    state: FindingState,
    *,
    actor: str,
    comment: str = "",
    suppress: bool = False,
    now: datetime,
) -> Row:
    """Change a finding's state from what `row` says it is; return the new row.

    Raises `Conflict` when somebody changed it since `row` was read. With `suppress`, a false positive or an
    accepted value is not told again wherever it turns up, and its findings elsewhere take the same state at once.
    Any other state lifts that; opening or acknowledging it also opens those that had been closed with it.
    """
    before = row["state"]
    revision = row["revision"] + 1
    values = {
        "state": state,
        "revision": revision,
        "note": comment[:2000] or row["note"],
        "resolved_at": now if state is FindingState.RESOLVED else None,
        "updated_at": now,
        "expires_at": None,
    }
    guarded = (
        sa.update(finding)
        .where(finding.c.residency == row["residency"], finding.c.id == row["id"])
        .where(finding.c.revision == row["revision"])
        .values(**values)
        .returning(finding.c.id)
    )
    if connection.execute(guarded).first() is None:
        raise Conflict("somebody changed this finding first", hint="look at it again, then decide")
    new = {**row, **values}
    made = change(new, before, state, now=now, comment=comment[:2000], actor=actor)
    database.insert_new(connection, finding_change, [made])
    moves.follow(database, connection, row["residency"], [(row, new)], now=now)
    if suppress:
        _suppress(database, connection, new, state, actor=actor, comment=comment, now=now)
    return new


def say(
    database: Database,
    connection: sa.Connection,
    row: Mapping[str, Any],
    verdict: str,
    *,
    actor: str,
    comment: str,
    now: datetime,
) -> list[Row]:
    """Keep what an analyst says of a value, wherever it turns up next; return its findings that moved.

    A false positive and an accepted value close its findings; a resolved one stays as it is, save for the one that
    was looked at. That a value is real opens what the opposite had closed.
    """
    closed = VERDICT_STATES.get(_verdict(connection, row) or "")
    set_suppression(database, connection, row, verdict, actor=actor, comment=comment, now=now)
    state = VERDICT_STATES.get(verdict)
    if state is not None:
        here = row["state"] != state
        moved = tuple(each for each in (*LIVING, *VERDICTS) if each != state)
    else:
        here = row["state"] in VERDICTS
        moved = (closed,) if closed is not None else ()
    targets = [row] if here else []
    if moved:
        targets += same_value(connection, row, limit=MOST_AT_ONCE, states=moved)
    wanted = state or FindingState.OPEN
    return [set_state(database, connection, each, wanted, actor=actor, comment=comment, now=now) for each in targets]


def take_back(
    database: Database, connection: sa.Connection, row: Mapping[str, Any], *, actor: str, comment: str, now: datetime
) -> list[Row]:
    """Forget what was said of a value, and open what that had closed; return the findings that moved.

    Where nothing was said of the value, a verdict on this one finding is taken back.
    """
    said = _verdict(connection, row)
    targets = [row] if row["state"] in VERDICTS and said in (None, VERDICTS[FindingState(row["state"])]) else []
    if said is not None:
        set_suppression(database, connection, row, None, actor=actor, comment=comment, now=now)
        if said in VERDICT_STATES:
            targets += same_value(connection, row, limit=MOST_AT_ONCE, states=(VERDICT_STATES[said],))
    return [
        set_state(database, connection, each, FindingState.OPEN, actor=actor, comment=comment, now=now)
        for each in targets
    ]


def _suppress(
    database: Database,
    connection: sa.Connection,
    row: Mapping[str, Any],
    state: FindingState,
    *,
    actor: str,
    comment: str,
    now: datetime,
) -> None:
    """Let the verdict that a new state is hold for the value, or lift the one that holds."""
    if state in VERDICTS:
        say(database, connection, row, VERDICTS[state], actor=actor, comment=comment, now=now)
    elif _verdict(connection, row) in VERDICT_STATES:  # that a value is real stays true, whatever becomes of one place
        if state in LIVING:
            take_back(database, connection, row, actor=actor, comment=comment, now=now)
        else:
            set_suppression(database, connection, row, None, actor=actor, comment=comment, now=now)


def _verdict(connection: sa.Connection, row: Mapping[str, Any]) -> str | None:
    query = sa.select(suppression.c.verdict).where(
        suppression.c.residency == row["residency"],
        suppression.c.id == natural_id("suppression", row["residency"], row["tenant"], row["fingerprint"]),
    )
    return connection.execute(query).scalar()


def feedback(connection: sa.Connection, residency: str) -> list[Row]:
    """Return what analysts said, for the training of models: a row per value, detector and verdict.

    Verdicts on a value come first, then those on single findings. No value, preview, comment or name is in it;
    `count` is the number of findings that it rests on, 0 when they are no longer kept.
    """
    on_values = (
        sa.select(
            suppression.c.tenant, suppression.c.fingerprint, suppression.c.family, suppression.c.verdict,
            finding.c.detector, sa.func.max(finding.c.confidence).label("confidence"),
            sa.func.count(finding.c.id).label("count"), sa.func.max(suppression.c.at).label("at"),
        )
        .select_from(suppression.outerjoin(finding, _same_fingerprint()))
        .where(suppression.c.residency == residency)
        .group_by(
            suppression.c.tenant, suppression.c.fingerprint, suppression.c.family, suppression.c.verdict,
            finding.c.detector,
        )
        .order_by(suppression.c.tenant, suppression.c.fingerprint, finding.c.detector)
    )  # fmt: skip
    said = sa.exists(sa.select(sa.literal(1)).where(_same_fingerprint()))
    on_findings = (
        sa.select(
            finding.c.tenant, finding.c.fingerprint, finding.c.family, finding.c.state.label("verdict"),
            finding.c.detector, sa.func.max(finding.c.confidence).label("confidence"),
            sa.func.count(finding.c.id).label("count"), sa.func.max(finding.c.updated_at).label("at"),
        )
        .where(finding.c.residency == residency, finding.c.state.in_(list(VERDICTS)), ~said)
        .group_by(
            finding.c.tenant, finding.c.fingerprint, finding.c.family, finding.c.state, finding.c.detector
        )
        .order_by(finding.c.tenant, finding.c.fingerprint, finding.c.detector)
    )  # fmt: skip
    rows: list[Row] = [row._asdict() for row in connection.execute(on_values)]
    single = (row._asdict() for row in connection.execute(on_findings))
    rows.extend({**row, "verdict": VERDICTS[FindingState(row["verdict"])]} for row in single)
    return rows


def _same_fingerprint() -> sa.ColumnElement[bool]:
    return sa.and_(
        suppression.c.residency == finding.c.residency,
        suppression.c.tenant == finding.c.tenant,
        suppression.c.fingerprint == finding.c.fingerprint,
    )


def set_suppression(
    database: Database,
    connection: sa.Connection,
    row: Mapping[str, Any],
    verdict: str | None,
    *,
    actor: str,
    comment: str,
    now: datetime,
) -> None:
    """Remember what people say of a value, by its fingerprint; None forgets it."""
    identity = natural_id("suppression", row["residency"], row["tenant"], row["fingerprint"])
    if verdict is None:
        where = [suppression.c.residency == row["residency"], suppression.c.id == identity]
        connection.execute(sa.delete(suppression).where(*where))
        return
    values = {
        "residency": row["residency"],
        "id": identity,
        "tenant": row["tenant"],
        "fingerprint": row["fingerprint"],
        "family": row["family"],
        "verdict": verdict,
        "actor": actor[:255],
        "comment": comment[:2000],
        "at": now,
        "expires_at": None,
    }
    database.upsert(connection, suppression, [values], update=("verdict", "actor", "comment", "at"))
