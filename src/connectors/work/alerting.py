"""Telling people: one job delivers one alert, keeps the receipt, and holds back what would be a flood."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa
import structlog

from connectors import tracing
from connectors.alerts.destination import Alert, Delivered
from connectors.alerts.grouping import Group, Throttle, notice, summarize
from connectors.contract import KnowsPeople
from connectors.errors import AuthError, ConfigError, ConnectorsError, RateLimited, Transient, Unsupported
from connectors.host import wall
from connectors.model import Person, PersonRef
from connectors.store import alerts, jobs
from connectors.store.alerts import Told
from connectors.store.columns import natural_id
from connectors.store.jobs import Job
from connectors.work.job import Ended, JobRun

log = structlog.get_logger()

AUTHOR_ATTEMPTS = 2

PEOPLE_KEPT = timedelta(hours=1)
"""How long this process remembers who somebody is: alerts should not eat an app's budget."""


def deliver(run: JobRun) -> Ended:
    """Deliver one alert, or hold it back for the summary when its destination has heard enough."""
    identity = uuid.UUID(run.row["key"])
    told = run.database.read(lambda c: alerts.load(c, run.residency, identity))
    if told is None or told.state not in ("pending", "held"):
        return Ended()
    if told.destination not in run.runtime.config.destinations:
        return Ended(partial(_receipt, run, told, error=ConfigError("the destination is no longer configured")))
    held_until = _held_until(run, told)
    if held_until is not None:
        return Ended(partial(_hold, run, told, held_until))
    try:
        with tracing.span("alert", _keys(run, told), destination=told.destination):
            delivered = _send(run, told.destination, _compose(run, told))
    except (AuthError, ConfigError, Unsupported) as error:
        # Trying again would not help; the receipt says why, and the alert can be revived when it is repaired.
        return Ended(partial(_receipt, run, told, error=error))
    except ConnectorsError as error:
        run.database.run(partial(_receipt, run, told, error=error, again=True))
        raise
    return Ended(partial(_receipt, run, told, delivered=delivered))


def _keys(run: JobRun, told: Told) -> list[uuid.UUID]:
    """Return the keys of the resources that an alert is about."""
    return [natural_id("resource", told.residency, run.connection, each.resource.id) for each in told.findings]


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

    def effects(c: sa.Connection) -> None:
        for told in held:
            alerts.receive(
                run.database, c, told, state="summarized", recipient=delivered.recipient,
                reference=delivered.reference, detail="in a summary", attempt=run.row["attempts"], now=run.now(),
            )  # fmt: skip

    return Ended(effects)


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
        author=_author(run, first.connection, first.resource.author),
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
    outcome = "delivered"
    try:
        with wall(f"destination {name}", "deliver"):
            return destination.deliver(alert)
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
    state = "delivered" if delivered else "pending" if again else "failed"
    alerts.receive(
        run.database,
        connection,
        told,
        state=state,
        recipient=delivered.recipient if delivered else "",
        reference=delivered.reference if delivered else "",
        detail=str(error) if error else "",
        attempt=run.row["attempts"],
        now=run.now(),
    )
    if error is not None and not again:
        log.error("alert_failed", alert=str(told.id), destination=told.destination, reason=str(error))
