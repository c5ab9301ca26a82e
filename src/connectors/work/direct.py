"""Running an action at once, for people who wait for its result; recorded like any other."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from connectors.contract import Remediates
from connectors.errors import ConnectorsError
from connectors.metrics import Metrics
from connectors.model import ActionSpec
from connectors.runtime import Runtime
from connectors.store import actions, jobs, leases
from connectors.store.jobs import finish_job
from connectors.store.leases import Queue
from connectors.store.tables.intake import job as job_table
from connectors.work import acting
from connectors.work.context import Connections
from connectors.work.job import JobRun
from connectors.work.trouble import Trouble

LEASE = timedelta(minutes=5)


def offered(runtime: Runtime, finding: Mapping[str, Any]) -> tuple[ActionSpec, ...]:
    """Return the actions that a finding's app offers for its kind of resource."""
    connector = Connections(runtime).get(finding["connection"])
    if not isinstance(connector, Remediates):
        return ()
    kind = finding["resource_kind"]
    return tuple(spec for spec in connector.actions if not spec.kinds or kind in spec.kinds)


def act_now(
    runtime: Runtime, finding: Mapping[str, Any], action: str, *, actor: str, why: str, dry_run: bool
) -> dict[str, Any]:
    """Record, run and end one action; return its row. Raises `ConnectorsError` when the app cannot be asked."""
    residency = finding["residency"]
    database = runtime.databases.of(residency)
    now = runtime.now()

    def ask(c: sa.Connection) -> Any:
        planned = actions.plan(database, c, finding, action, actor=actor, why=why, dry_run=dry_run, now=now)
        wanted = acting.request(
            planned, residency=residency, tenant=finding["tenant"], connection=finding["connection"]
        )
        jobs.enqueue(database, c, [wanted], vault=runtime.vault, now=now)
        return planned, wanted.id

    planned, job_id = database.run(ask)
    queue = Queue(job_table, residency, "action")
    row = database.run(lambda c: leases.claim_one(c, queue, job_id, now=runtime.now(), lease=LEASE))
    if row is not None:
        run = JobRun(
            runtime=runtime,
            residency=residency,
            queue=queue,
            row=row,
            arguments={},
            connectors=Connections(runtime),
            trouble=Trouble(runtime),
            metrics=Metrics(),
            stopping=threading.Event(),
        )
        try:
            ended = acting.act(run)
        except ConnectorsError as error:
            database.run(partial(leases.retry, queue=queue, row=row, due_at=runtime.now() + LEASE, reason=str(error)))
            raise

        def end(c: sa.Connection) -> None:
            finish_job(c, queue, row, now=runtime.now())
            if ended.effects is not None:
                ended.effects(c)

        database.run(end)
    result = database.read(lambda c: actions.load(c, residency, planned))
    assert result is not None  # noqa: S101 (it was just written)
    return dict(result.run)
