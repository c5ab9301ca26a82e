"""Telling people: one job delivers one alert, keeps the receipt, and holds back what would be a flood."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa
import structlog

from connectors import tracing
from connectors.alerts.destination import Alert, Delivered, Resolves
from connectors.alerts.throttle import Group, Throttle, notice, summarize
from connectors.contract import KnowsPeople
from connectors.errors import AuthError, ConfigError, ConnectorsError, RateLimited, Transient, Unsupported
from connectors.host import wall
from connectors.model import Finding, Person, PersonRef
from connectors.store import alerts, jobs
from connectors.store.alerts import Attempt, Told
from connectors.store.columns import natural_id
from connectors.store.jobs import Job
from connectors.work.job import Ended, JobRun

log = structlog.get_logger()

AUTHOR_ATTEMPTS = 2

TOLD = ("delivered", "summarized")
"""States of an alert that reached its destination."""

PEOPLE_KEPT = timedelta(hours=1)
"""How long this process remembers who somebody is: alerts should not eat an app's budget."""


def deliver(run: JobRun) -> Ended:
    """Deliver one alert, or hold it back for the summary when its destination has heard enough."""
    identity = uuid.UUID(run.row["key"])
    told = run.database.read(lambda c: alerts.load(c, run.residency, identity))
    if told is None or told.state in TOLD:
        return Ended()
    if told.destination not in run.runtime.config.destinations:
        return _given_up(run, told, ConfigError(f"the destination {told.destination!r} is not configured any more"))
    held_until = _held_until(run, told)
    if held_until is not None:
        return Ended(partial(_hold, run, told, held_until))
    try:
        with tracing.span("alert", _keys(told), destination=told.destination):
            delivered = _send(run, told.destination, _compose(run, told))
    except (AuthError, ConfigError, Unsupported) as error:
        return _given_up(run, told, error)
    except ConnectorsError as error:
        run.database.run(partial(_receipt, run, told, error=error, again=True))
        raise
    return Ended(partial(_receipt, run, told, delivered=delivered))


def _given_up(run: JobRun, told: Told, error: ConnectorsError) -> Ended:
    """Keep a receipt that says why, and a dead letter that tells the alert once the destination is repaired."""
    return Ended(partial(_receipt, run, told, error=error), dead=str(error))


def _keys(told: Told) -> list[uuid.UUID]:
    """Return the keys of the resources that an alert is about."""
    return [natural_id("resource", told.residency, each.connection, each.resource.id) for each in told.findings]


def deliver_summary(run: JobRun) -> Ended:
    """Tell, in one alert, what a throttle held back during its window."""
    destination, policy = str(run.arguments["destination"]), str(run.arguments["policy"])
    held = run.database.read(lambda c: alerts.held(c, run.residency, destination, policy))
    if not held or destination not in run.runtime.config.destinations:
        return Ended()
    groups = [Group(told.policy, told.destination, told.findings) for told in held if told.findings]
    message = _message(run, policy)
    summary = summarize(
        groups, tenant=run.row["tenant"], window_end=datetime.fromisoformat(run.arguments["until"]), message=message
    )
    delivered = _send(run, destination, summary)

    attempt = _delivered(run, delivered, detail="in a summary")

    def effects(c: sa.Connection) -> None:
        for told in held:
            alerts.keep_receipt(run.database, c, told, "summarized", attempt, summary=summary.id)
        _ask_to_close(run, c, [finding for told in held for finding in told.findings])

    return Ended(effects)


def resolve(run: JobRun) -> Ended:
    """Close an alert at its destination when nothing that it told is open any more; a summary closes as a whole."""
    told = run.database.run(lambda c: alerts.told_together(c, run.residency, run.row["key"]))
    if not told or any(each.living or each.state not in TOLD for each in told):
        # What is yet to be delivered asks again when it has been.
        return Ended()
    name = told[0].destination
    destination = run.runtime.destination(name) if name in run.runtime.config.destinations else None
    open_yet = [each for each in told if each.resolved_at is None]
    if not open_yet or not isinstance(destination, Resolves):
        return Ended(partial(_closed, run, open_yet, None))
    try:
        with tracing.span("resolve", _keys(told[0]), destination=name), _counted(run, name, "resolved"):
            done = _close(name, destination, _as_told(run, told))
    except ConnectorsError as error:
        failed = Attempt("retry", run.row["attempts"], run.now(), detail=str(error))
        run.database.run(partial(_closed, run, open_yet, failed, over=False))
        raise
    attempt = Attempt("resolved", run.row["attempts"], run.now(), done.recipient, done.reference)
    return Ended(partial(_closed, run, open_yet, attempt))


def _close(name: str, destination: Resolves, alert: Alert) -> Delivered:
    with wall(f"destination {name}", "resolve"):
        return destination.resolve(alert)


def _closed(
    run: JobRun, told: Sequence[Told], attempt: Attempt | None, connection: sa.Connection, *, over: bool = True
) -> None:
    for each in told:
        alerts.keep_closing(run.database, connection, each, attempt, over=over, now=run.now())


def _as_told(run: JobRun, told: Sequence[Told]) -> Alert:
    """Return the alert as its destination knows it: by its own id, or as the summary that told it."""
    first = told[0]
    if not first.summary:
        return _alert(run, first, author=None)
    groups = [Group(each.policy, each.destination, each.findings) for each in told]
    summary = summarize(groups, tenant=first.tenant, window_end=first.created_at)
    return replace(summary, id=first.summary)


def _ask_to_close(run: JobRun, connection: sa.Connection, findings: Sequence[Finding]) -> None:
    """Ask to close what was just delivered, when all that it tells ended while it was under way."""
    wanted = alerts.closings_of(connection, run.residency, [uuid.UUID(finding.id) for finding in findings])
    jobs.enqueue(run.database, connection, wanted, now=run.now())


def deliver_notice(run: JobRun) -> Ended:
    """Tell the operators something about a connection."""
    settings = run.runtime.config.connections.get(run.connection)
    told = notice(
        run.row["key"],
        tenant=run.row["tenant"],
        connection=run.connection,
        app=settings.connector if settings else "",
        title=str(run.arguments["title"]),
        message=str(run.arguments["message"]),
        now=run.now(),
    )
    for name in run.runtime.config.operators:
        _send(run, name, told)
    return Ended()


def _compose(run: JobRun, told: Told) -> Alert:
    first = told.findings[0]
    return _alert(run, told, author=_author(run, first.connection, first.resource.author))


def _alert(run: JobRun, told: Told, *, author: Person | None) -> Alert:
    first = told.findings[0]
    return Alert(
        id=str(told.id),
        tenant=told.tenant,
        policy=told.policy,
        severity=told.severity,
        app=first.app,
        connection=first.connection,
        resource=first.resource,
        findings=told.findings,
        created_at=told.created_at,
        author=author,
        message=_message(run, told.policy),
        links=run.runtime.links(told) if run.runtime.links else {},
    )


def _author(run: JobRun, connection: str, ref: PersonRef | None) -> Person | None:
    """Resolve the author where the app can; otherwise take what the event knew.

    An app that does not answer holds an alert back for two attempts only: telling somebody comes first.
    """
    if ref is None:
        return None
    known = Person(ref.id, ref.name, ref.email)
    if ref.email or connection not in run.runtime.config.connections:
        return known
    cached = run.connectors.people.get((connection, ref.id))
    if cached is not None and cached[1] > run.now():
        return replace(cached[0], name=cached[0].name or ref.name)
    app = run.runtime.config.connections[connection].connector
    try:
        connector = run.connectors.get(connection)
        if not isinstance(connector, KnowsPeople):
            return known
        with wall(run.runtime.host.owners[app], "person"):
            person = connector.person(ref)
    except RateLimited:
        return known
    except Transient:
        if run.row["attempts"] <= AUTHOR_ATTEMPTS:
            raise
        return known
    except ConnectorsError as error:
        log.info("author_unknown", connection=connection, reason=error.code)
        person = known
    run.connectors.people[connection, ref.id] = (person, run.now() + PEOPLE_KEPT)
    return replace(person, name=person.name or ref.name)


def _message(run: JobRun, policy: str) -> str:
    settings = run.runtime.policies.settings.get(policy)
    return settings.message if settings else ""


def _send(run: JobRun, name: str, alert: Alert) -> Delivered:
    destination = run.runtime.destination(name)
    with _counted(run, name, "delivered"), wall(f"destination {name}", "deliver"):
        return destination.deliver(alert)


@contextmanager
def _counted(run: JobRun, name: str, outcome: str) -> Iterator[None]:
    """Count an attempt at a destination by how it ended: `outcome`, or the error's code."""
    try:
        yield
    except ConnectorsError as error:
        outcome = error.code
        raise
    finally:
        run.metrics.alerts.labels(name, outcome).inc()


def _held_until(run: JobRun, told: Told) -> datetime | None:
    settings = run.runtime.config.destinations[told.destination].throttle
    throttle = Throttle(settings.limit, settings.per)
    now = run.now()
    start, _ = throttle.window(now)
    sent = run.database.read(
        lambda c: alerts.sent_since(c, run.residency, told.destination, told.policy, start, limit=settings.limit)
    )
    return throttle.hold_until(sent, now)


def _hold(run: JobRun, told: Told, until: datetime, connection: sa.Connection) -> None:
    alerts.set_state(connection, run.residency, told.id, "held")
    wanted = Job(
        "summary",
        f"{told.destination}/{told.policy}/{until.isoformat()}",
        run.residency,
        told.tenant,
        "",
        {"destination": told.destination, "policy": told.policy, "until": until.isoformat()},
        due_at=until,
    )
    jobs.enqueue(run.database, connection, [wanted], vault=run.runtime.vault, now=run.now())


def _receipt(
    run: JobRun,
    told: Told,
    connection: sa.Connection,
    *,
    delivered: Delivered | None = None,
    error: ConnectorsError | None = None,
    again: bool = False,
) -> None:
    if delivered is not None:
        alerts.keep_receipt(run.database, connection, told, "delivered", _delivered(run, delivered))
        log.debug("alert_delivered", alert=str(told.id), destination=told.destination)
        _ask_to_close(run, connection, told.findings)
        return
    attempt = Attempt("retry" if again else "failed", run.row["attempts"], run.now(), detail=str(error))
    alerts.keep_receipt(run.database, connection, told, "pending" if again else "failed", attempt)
    if not again:
        log.error("alert_failed", alert=str(told.id), destination=told.destination, reason=str(error))


def _delivered(run: JobRun, delivered: Delivered, detail: str = "") -> Attempt:
    return Attempt("delivered", run.row["attempts"], run.now(), delivered.recipient, delivered.reference, detail)
