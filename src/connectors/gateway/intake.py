"""Durable acceptance: concurrent deliveries are committed together, and answered when they are."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from connectors.errors import StoreUnavailable
from connectors.host import where
from connectors.store import inbox
from connectors.store.engine import Database
from connectors.store.inbox import Prepared

log = structlog.get_logger()

LARGEST_BATCH = 256
PACE = 0.025
"""Seconds from one transaction to the next while deliveries come together, unless `ENOUGH` wait.

A transaction costs as much as a hundred rows do: few at a time cost each of them several times what it must. One
delivery after the other, as when little comes, never waits.
"""

ENOUGH = 24
NAP = 0.002

ATTEMPTS = 4
"""A gateway answers 503 rather than keep an app waiting for a busy database."""


class Sink(Protocol):
    """Where accepted deliveries become durable. Called by one thread."""

    def write(self, arrivals: Sequence[Prepared]) -> None:
        """Make deliveries durable, all or none. Raises `StoreUnavailable`."""


class SqlSink:
    """Writes deliveries and their events into the inbox."""

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def write(self, arrivals: Sequence[Prepared]) -> None:
        """Commit a batch in one transaction."""
        now = self._now()
        self._database.run(lambda c: inbox.accept(self._database, c, arrivals, now=now), attempts=ATTEMPTS)


@dataclass(frozen=True, slots=True)
class _Waiting:
    arrival: Prepared
    future: asyncio.Future[None]
    loop: asyncio.AbstractEventLoop


class Intake:
    """Collects what arrives while a transaction commits, and commits it in the next."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="intake", daemon=True)
        self._thread.start()

    async def accept(self, arrival: Prepared) -> None:
        """Return when the delivery is durable. Raises `StoreUnavailable` when it cannot be made so."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._queue.put(_Waiting(arrival, future, loop))
        await future

    def close(self) -> None:
        """Write what waits, then end the thread."""
        self._queue.put(None)
        self._thread.join(10)

    def _write(self) -> None:
        closing, together, began = False, False, 0.0
        while not closing:
            batch: list[_Waiting] = []
            item = self._queue.get()
            while together and time.monotonic() < began + PACE and self._queue.qsize() < ENOUGH:
                time.sleep(NAP)
            began = time.monotonic()
            while True:
                if item is None:
                    closing = True
                    break
                batch.append(item)
                if len(batch) >= LARGEST_BATCH:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            if batch:
                self._commit(batch)
            together = len(batch) > 1

    def _commit(self, batch: Sequence[_Waiting]) -> None:
        error: Exception | None = None
        try:
            self._sink.write([waiting.arrival for waiting in batch])
        except StoreUnavailable as failure:
            error = failure
        except Exception as failure:  # noqa: BLE001 (every waiting request must get its answer)
            if len(batch) > 1:
                # One delivery that cannot be stored must not take the others with it.
                for waiting in batch:
                    self._commit([waiting])
                return
            log.error("delivery_not_stored", error=type(failure).__name__, where=where(failure))
            error = StoreUnavailable(type(failure).__name__)
        loops = {waiting.loop for waiting in batch}
        for loop in loops:
            futures = [waiting.future for waiting in batch if waiting.loop is loop]
            loop.call_soon_threadsafe(_settle, futures, error)


def _settle(futures: Sequence[asyncio.Future[None]], error: Exception | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
