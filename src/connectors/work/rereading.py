"""Reading one resource again after something was done about it, so that its findings end without the app's word."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

from connectors.contract import Rereads, Syncs
from connectors.errors import NotFound, Unsupported
from connectors.host import wall
from connectors.model import Event, EventKind, Resource
from connectors.store import findings, inbox, jobs, resources
from connectors.store.alerts import finding_of
from connectors.store.jobs import Job
from connectors.store.ledger import LIVE
from connectors.work.job import Ended, JobRun

log = structlog.get_logger()


def request(finding: Mapping[str, Any]) -> Job:
    """Return the job that reads a finding's resource again; several findings of one resource ask for it once."""
    key = str(finding["resource_key"])
    return Job("reread", key, finding["residency"], finding["tenant"], finding["connection"])


def reread(run: JobRun) -> Ended:
    """Read a resource again and hand it to the pipeline as an event, or read the partition that it was listed in.

    The lease that ends with the job is in the event's id: the event is written once, however often this is tried.
    """
    found = run.database.read(lambda c: findings.latest_of(c, run.residency, _key(run)))
    if found is None:
        return Ended()
    event = _event(run, finding_of(found).resource)
    if event is None:
        return _read_partition(run)
    rows = inbox.EventRows(
        vault=run.runtime.vault,
        shards=run.database.shards,
        residency=run.residency,
        tenant=run.row["tenant"],
        connection=run.connection,
        source=inbox.REREAD,
        partition=LIVE,
        generation=0,
        now=run.now(),
        salt=str(run.row["lease"]),
    )
    row = rows.of(event)
    publisher = run.runtime.publisher
    published = publisher.publish(run.residency, [row]) if publisher else set()
    log.debug("resource_reread", connection=run.connection, kind=event.kind.value)
    return Ended(lambda c: inbox.accept_reread(run.database, c, row, now=run.now(), published=published))


def _event(run: JobRun, resource: Resource) -> Event | None:
    """Return the resource's event as of now, DELETED when it is gone; None when it cannot be read alone.

    What is known was read before: the event is not older, even where its app counts other doors' versions higher.
    """
    connector = run.connectors.get(run.connection)
    if not isinstance(connector, Rereads):
        return None
    plugin = run.runtime.host.owners[run.runtime.config.connections[run.connection].connector]
    held = run.database.read(lambda c: resources.held(c, run.residency, [_key(run)])).get(_key(run))
    try:
        with wall(plugin, "reread"):
            event: Event = connector.reread(resource)
    except Unsupported:
        return None
    except NotFound:
        event = Event(EventKind.DELETED, resource)
    return replace(event, version=max(event.version, held.version if held else 0))


def _read_partition(run: JobRun) -> Ended:
    """Ask for the partition that listed the resource: it brings what changed since."""
    partition = run.database.read(lambda c: resources.partition_of(c, run.residency, _key(run)))
    if partition in (None, LIVE) or not isinstance(run.connectors.get(run.connection), Syncs):
        return Ended()
    given = {"partition": {"id": partition, "label": ""}}
    wanted = Job("sync", f"{run.connection}/{partition}", run.residency, run.row["tenant"], run.connection, given)
    return Ended(lambda c: jobs.enqueue(run.database, c, [wanted], vault=run.runtime.vault, now=run.now()))


def _key(run: JobRun) -> uuid.UUID:
    return uuid.UUID(run.row["key"])
