"""An in-memory `Context`, for tests of connectors without a host."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import requests
import structlog
from structlog.typing import FilteringBoundLogger

from connectors.model import JSON


class MemoryState:
    """A `State` that lives as long as its test; values go through JSON as they do in the store."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def get(self, key: str) -> JSON | None:
        """Return the value under `key`, or None."""
        return json.loads(self._values[key]) if key in self._values else None

    def put(self, key: str, value: JSON) -> None:
        """Store `value`."""
        self._values[key] = json.dumps(value)


class MemoryContext:
    """A `Context` with no budget, a plain session and an in-memory state."""

    def __init__(
        self,
        connection: str = "test",
        *,
        tenant: str = "default",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.connection = connection
        self.tenant = tenant
        self.state = MemoryState()
        self.log: FilteringBoundLogger = structlog.get_logger().bind(connection=connection)
        self.sessions: list[str] = []
        self.waits: list[tuple[str, int]] = []
        self.throttles: list[tuple[str, float]] = []
        self._now = now

    def session(self, bucket: str = "default") -> requests.Session:
        """Return a session with no budget and no retries, and record its bucket."""
        self.sessions.append(bucket)
        return requests.Session()

    def wait(self, bucket: str = "default", cost: int = 1) -> None:
        """Record the wait and return at once."""
        self.waits.append((bucket, cost))

    def throttled(self, bucket: str, after: float) -> None:
        """Record what the connector said."""
        self.throttles.append((bucket, after))

    def now(self) -> datetime:
        """Return the clock's time."""
        return self._now()
