"""What a job handler gets and gives back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.metrics import Metrics
from connectors.runtime import Runtime
from connectors.store.engine import Database, Row
from connectors.store.leases import Queue
from connectors.work.context import Connections
from connectors.work.trouble import Trouble


@dataclass(frozen=True)
class JobRun:
    """One claimed job, with what its handler may use."""

    runtime: Runtime
    residency: str
    queue: Queue
    row: Row
    arguments: Mapping[str, Any] = field(repr=False)
    connectors: Connections
    trouble: Trouble
    metrics: Metrics
    stopping: threading.Event

    @property
    def database(self) -> Database:
        """The database of the job's residency."""
        return self.runtime.databases.of(self.residency)

    @property
    def connection(self) -> str:
        """Name of the connection that the job is for, or empty."""
        return str(self.row["connection"])

    def now(self) -> datetime:
        """Return the time, aware, UTC."""
        return self.runtime.now()


@dataclass(frozen=True)
class Ended:
    """How a job ended: `effects` are written in the transaction that ends it; `again_at` keeps it for later.

    With `dead`, a reason, trying again would not help: it becomes a dead letter at once, which people revive when they
    have repaired what it names.
    """

    effects: Callable[[sa.Connection], object] | None = None
    again_at: datetime | None = None
    dead: str = ""


Handler = Callable[[JobRun], Ended]
"""Does one job. May be called any number of times for it. What it raises decides what happens next:
`RateLimited` and `Transient` try again, `AuthError` marks the connection broken, the rest is a dead letter."""
