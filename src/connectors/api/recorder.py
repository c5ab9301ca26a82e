"""The request log on its way to the database: no answer ever waits for it."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog

from connectors.api.ring import REFRESHED, Databases, KeyRing
from connectors.errors import StoreUnavailable
from connectors.metrics import Metrics
from connectors.store import keys, requests
from connectors.store.requests import Request

FLUSHED = 1.0
"""Seconds between writes."""
SLICE = 100
"""Requests written at a time while answers are given: some milliseconds of work, most of it not the interpreter's. A
quarter of it would take twice the time for each request."""
BREATH = 0.005
"""Seconds between slices."""
BATCH = 2_000
"""Requests written at a time at shutdown, or when more than this wait."""
MOST = 500_000
"""Requests kept while the database is away; beyond it the oldest are dropped and counted."""

log = structlog.get_logger(__name__)


class Recorder:
    """One thread that writes the request log and usage in batches, and keeps the key ring fresh."""

    def __init__(
        self,
        databases: Databases,
        ring: KeyRing,
        *,
        now: Callable[[], datetime],
        metrics: Metrics,
        kept: timedelta = requests.KEPT,
        shard: int = 0,
    ) -> None:
        self._databases = databases
        self._ring = ring
        self._now = now
        self._kept = kept
        self._shard = shard
        self._waiting: deque[Request] = deque()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._away = False
        self._written = metrics.api_log.labels("written")
        self._dropped = metrics.api_log.labels("dropped")
        metrics.api_log_waiting.set_function(lambda: len(self._waiting))

    def put(self, request: Request) -> None:
        """Take one answered request. Never waits, never fails."""
        self._waiting.append(request)
        if len(self._waiting) > MOST:
            self._waiting.popleft()
            self._dropped.inc()

    def start(self) -> None:
        """Start the thread, once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="api-recorder", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Write what is waiting and end the thread. Called at shutdown; the recorder may be started again."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        self._stop.clear()
        self._thread = None
        self._attempt(self.flush)

    def flush(self, *, size: int = BATCH, breath: float = 0.0) -> None:
        """Write everything that waits now, `size` at a time. Raises `StoreUnavailable`, with nothing lost."""
        left = len(self._waiting)
        size = size if left <= BATCH else BATCH
        while left > 0:
            batch = [self._waiting.popleft() for _ in range(min(size, left))]
            left -= len(batch)
            groups: dict[str, list[Request]] = defaultdict(list)
            for request in batch:
                groups[request.residency].append(request)
            while groups:
                residency, group = groups.popitem()
                try:
                    self._write(residency, group)
                except StoreUnavailable:
                    groups[residency] = group
                    self._waiting.extendleft(r for rest in groups.values() for r in reversed(rest))
                    raise
            if breath:
                self._stop.wait(breath)

    def _write(self, residency: str, batch: list[Request]) -> None:
        database = self._databases.of(residency)
        # Always in one order, so that nodes which write the same counters wait for each other, not for ever.
        ordered = sorted(batch, key=lambda request: request.id)
        database.run(lambda c: requests.write(c, database, ordered, shard=self._shard, kept=self._kept))
        self._written.inc(len(batch))

    def _run(self) -> None:
        ticks = 0
        while not self._stop.wait(FLUSHED):
            ticks += 1
            self._attempt(self._flush_gently)
            if ticks % round(REFRESHED / FLUSHED) == 0:
                self._attempt(self._refresh)
            if ticks % 60 == 1:
                self._attempt(self._mark_used)

    def _flush_gently(self) -> None:
        self.flush(size=SLICE, breath=BREATH)

    def _refresh(self) -> None:
        self._ring.refresh()

    def _mark_used(self) -> None:
        day = self._now().date().isoformat()
        for residency, used in self._ring.used().items():
            ids = [key.id for key in used if key.used_on != day]
            if ids:
                work = partial(keys.mark_used, residency=residency, ids=ids, day=day)
                self._databases.of(residency).run(work)

    def _attempt(self, work: Callable[[], None]) -> None:
        """Do one piece of background work; the database being away is said once, and again when it is back."""
        try:
            work()
        except StoreUnavailable:
            if not self._away:
                log.warning("request_log_waits_for_database", waiting=len(self._waiting))
            self._away = True
        else:
            if self._away:
                log.info("request_log_continues", waiting=len(self._waiting))
            self._away = False
