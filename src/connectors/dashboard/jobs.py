"""What workers do for the dashboard: bulk runs, in slices."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from connectors.store.dashboard import bulk
from connectors.work.job import Ended, Handler, JobRun

SLICE = timedelta(seconds=20)
"""How long one claim works before it lets others in."""


def run_bulk(run: JobRun) -> Ended:
    """Go on with a bulk run from its place, step by step, each its own transaction."""
    row = run.database.read(lambda c: bulk.load(c, run.residency, uuid.UUID(run.row["key"])))
    if row is None:
        return Ended()
    end = run.now() + SLICE
    while run.now() < end and not run.stopping.is_set():
        step = partial(bulk.step, run.database, row=row, vault=run.runtime.vault, now=run.now())
        if not run.database.run(step):
            return Ended()
    return Ended(again_at=run.now())


HANDLERS: Mapping[str, Handler] = {"bulk": run_bulk}
"""Job handlers by queue."""
