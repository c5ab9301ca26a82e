"""The worker process: threads that take batches of events and, between them, jobs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial

import sqlalchemy as sa
import structlog
from structlog.contextvars import bound_contextvars

from connectors.errors import (
    AuthError,
    ConnectorsError,
    RateLimited,
    StoreUnavailable,
)
from connectors.host import where
from connectors.metrics import Metrics
from connectors.runtime import Runtime
from connectors.store import jobs, leases
from connectors.store.engine import Database, Row
from connectors.store.leases import LostLease, Queue
from connectors.store.tables.intake import job as job_table
from connectors.work import acting, alerting, housekeeping, rereading, sync
from connectors.work.context import Connections
from connectors.work.events import DEFAULT_WAIT, EventWorker
from connectors.work.job import Ended, Handler, JobRun
from connectors.work.stream import EventStream, Heartbeat, SqlStream, backlog
from connectors.work.trouble import Trouble

log = structlog.get_logger()

HANDLERS: Mapping[str, Handler] = {
    "alert": alerting.deliver,
    "summary": alerting.deliver_summary,
    "notice": alerting.deliver_notice,
    "resolve": alerting.resolve,
    "action": acting.act,
    "reread": rereading.reread,
    "exposure": acting.judge_again,
    "revoked": acting.revoke,
    "discover": sync.discover,
    "sync": sync.read,
    "reconcile": sync.reconcile,
    "subscribe": housekeeping.subscribe,
    "recheck": housekeeping.recheck,
    "purge": housekeeping.purge_expired,
    "cdc": housekeeping.export_changes,
}
"""What each queue's jobs mean, in the order in which an idle thread looks at them."""

APP_QUEUES = ("sync", "discover", "action", "reread", "subscribe")
"""Queues whose jobs speak to the connection's app: a refusal there is the connection's, elsewhere a destination's."""

MEMORY = timedelta(days=1)
"""How long at least an event from Kafka is known again."""

TICK = 5.0
"""Seconds between looks at the clock."""


class Worker:
    """One worker process: `start` its threads, `stop` to let each finish what it holds.

    `residencies` confines it to rows of these; by default it works for all of the configuration's.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        residencies: tuple[str, ...] = (),
        metrics: Metrics | None = None,
        handlers: Mapping[str, Handler] | None = None,
    ) -> None:
        self.runtime = runtime
        self.metrics = metrics or Metrics()
        self.stopping = threading.Event()
        self._residencies = residencies or runtime.config.residencies()
        self._handlers = dict(handlers if handlers is not None else HANDLERS)
        self._connectors = Connections(runtime)
        self._trouble = Trouble(runtime)
        self._heartbeat = Heartbeat(runtime.config.work.lease)
        self._threads: list[threading.Thread] = []
        self._down: set[str] = set()

    def start(self) -> None:
        """Start the threads."""
        _ = self.runtime.vault, self.runtime.engine  # made once, before the threads want them; what is wrong shows now
        for number in range(self.runtime.config.work.threads):
            self._spawn(self._work, f"worker-{number}")
        self._spawn(self._keep_time, "worker-clock")

    def stop(self, timeout: float = 60.0) -> None:
        """Ask the threads to finish what they hold, and wait for them."""
        self.stopping.set()
        for thread in self._threads:
            thread.join(timeout)

    def run(self) -> None:
        """Work until `stop` is asked for, in another thread or by a signal handler that sets `stopping`."""
        self.start()
        self.stopping.wait()
        self.stop()

    def drain(self) -> int:
        """Work in this thread until nothing is due; return how many events and jobs that were. For tests and tools."""
        workers = self._event_workers()
        total = 0
        for residency in self._residencies:
            housekeeping.tick(self.runtime, residency)
        while True:
            done = sum(worker.run_once() for worker in workers)
            done += sum(self._run_job(residency) for residency in self._residencies)
            if done == 0:
                for worker in workers:
                    worker.close()
                return total
            total += done

    def _spawn(self, target: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _work(self) -> None:
        workers = self._event_workers()
        while not self.stopping.is_set():
            idle = True
            for worker in workers:
                idle = not self._guarded("events", worker.run_once) and idle
            for residency in self._residencies:
                idle = not self._guarded("jobs", partial(self._run_job, residency)) and idle
            if idle:
                self.stopping.wait(self.runtime.config.work.poll)
        for worker in workers:
            worker.close()

    def _event_workers(self) -> list[EventWorker]:
        return [
            EventWorker(
                self.runtime,
                residency,
                stream,
                connectors=self._connectors,
                trouble=self._trouble,
                heartbeat=self._heartbeat,
                metrics=self.metrics,
            )
            for residency in self._residencies
            for stream in self._streams(residency)
        ]

    def _streams(self, residency: str) -> Iterator[EventStream]:
        """Yield where events of a residency wait: the SQL inbox and, when there is one, Kafka before it."""
        database, config = self.runtime.databases.of(residency), self.runtime.config
        publisher = self.runtime.publisher
        if publisher is None:
            yield SqlStream(database, residency, lease=config.work.lease)
            return
        from connectors.work.kafka import AsideStream, KafkaStream

        remember = max(config.retention.deliveries, MEMORY)
        yield KafkaStream(config.stream, publisher, database, residency, remember=remember)
        yield AsideStream(database, residency, lease=config.work.lease, publisher=publisher, remember=remember)

    def _keep_time(self) -> None:
        """Beat three times per lease, and look at the clock every few seconds."""
        pause = min(TICK, self.runtime.config.work.lease.total_seconds() / 3)
        last = -TICK
        while not self.stopping.is_set():
            if time.monotonic() - last >= TICK:
                last = time.monotonic()
                for residency in self._residencies:
                    self._guarded("clock", partial(housekeeping.tick, self.runtime, residency))
                    self._guarded("clock", partial(self._measure, residency))
            self._guarded("heartbeat", self._beat)
            self.stopping.wait(pause)

    def _beat(self) -> int:
        self._heartbeat.beat(self.runtime.now())
        return 0

    def _measure(self, residency: str) -> int:
        database, now = self.runtime.databases.of(residency), self.runtime.now()
        waiting = backlog(self.runtime, residency)
        self.metrics.backlog.labels(residency).set(waiting.events)
        self.metrics.backlog_age.labels(residency).set(waiting.age.total_seconds())
        self.metrics.broken.labels(residency).set(len(self._trouble.avoided(residency, now)))
        self.metrics.retries.set(database.retries)
        return 0

    def _guarded(self, doing: str, work: Callable[[], int]) -> int:
        """Run one step inside the wall around worker jobs: whatever it raises, the thread goes on."""
        try:
            done = work()
        except StoreUnavailable as error:
            if doing not in self._down:
                self._down.add(doing)
                log.error("database_away", doing=doing, error=str(error))
            self.stopping.wait(1.0)
            return 0
        except ConnectorsError as error:
            log.error("step_failed", doing=doing, error=str(error))
        except Exception as error:  # noqa: BLE001 (the wall around worker jobs)
            log.error("step_failed", doing=doing, error=type(error).__name__, where=where(error))
        else:
            if doing in self._down:
                self._down.discard(doing)
                log.info("database_back", doing=doing)
            return int(done)
        self.stopping.wait(0.5)
        return 0

    def _run_job(self, residency: str) -> int:
        """Claim and run one job; return whether there was one."""
        database = self.runtime.databases.of(residency)
        now = self.runtime.now()
        ready = database.read(lambda c: jobs.ready_queues(c, residency, now=now))
        for name in self._handlers:
            if name not in ready:
                continue
            queue = Queue(job_table, residency, name)
            avoid = self._trouble.avoided(residency, now) if name in APP_QUEUES else ()
            rows = database.run(
                lambda c, q=queue, a=avoid: leases.claim(  # type: ignore[misc]
                    database, c, q, limit=1, now=now, lease=self.runtime.config.work.lease, avoid=a
                )
            )
            if rows:
                self._run_claimed(database, queue, rows[0])
                return 1
        return 0

    def _run_claimed(self, database: Database, queue: Queue, row: Row) -> None:
        """Run a claimed job; every line that is logged meanwhile says which."""
        ids = {"residency": queue.residency, "queue": queue.name, "job": str(row["id"])}
        with bound_contextvars(connection=row["connection"], tenant=row["tenant"], **ids):
            self._run_held(database, queue, row)

    def _run_held(self, database: Database, queue: Queue, row: Row) -> None:
        held = [row]
        ticket = self._heartbeat.hold(database, queue, held)
        try:
            run = JobRun(
                runtime=self.runtime,
                residency=queue.residency,
                queue=queue,
                row=row,
                arguments=jobs.arguments(row, self.runtime.vault),
                connectors=self._connectors,
                trouble=self._trouble,
                metrics=self.metrics,
                stopping=self.stopping,
            )
            if row["connection"] and row["connection"] not in self.runtime.config.connections:
                ended = Ended()
            else:
                ended = self._handlers[queue.name](run)
            self._finish(database, queue, row, ended)
            self.metrics.jobs.labels(queue.name, "dead" if ended.dead else "done").inc()
            log.debug("job_done")
        except LostLease:
            log.info("lease_lost")
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 (the wall around worker jobs)
            self._job_failed(database, queue, row, error)
        finally:
            self._heartbeat.release(ticket)

    def _finish(self, database: Database, queue: Queue, row: Row, ended: Ended) -> None:
        now, expires = self.runtime.now(), self.runtime.until(self.runtime.config.retention.failed)

        def end(c: sa.Connection) -> None:
            if not ended.dead:
                jobs.finish_job(c, queue, row, now=now, again_at=ended.again_at)
            elif not leases.bury(c, queue, row, reason=ended.dead, expires_at=expires):
                raise LostLease("the job was taken over")
            if ended.effects is not None:
                ended.effects(c)

        database.run(end)

    def _job_failed(self, database: Database, queue: Queue, row: Row, error: Exception) -> None:
        """Decide what a failed job means: wait, try again, or a dead letter that people see."""
        now = self.runtime.now()
        code = error.code if isinstance(error, ConnectorsError) else type(error).__name__
        reason = str(error) if isinstance(error, ConnectorsError) else f"{code} ({where(error)})"
        self.metrics.jobs.labels(queue.name, code).inc()
        log.warning("job_failed", error=reason)
        if isinstance(error, RateLimited):
            wait = timedelta(seconds=error.after if error.after is not None else DEFAULT_WAIT)
            database.run(lambda c: leases.retry(c, queue, row, due_at=now + wait, reason=reason, refund=True))
            return
        if isinstance(error, AuthError) and queue.name in APP_QUEUES and row["connection"]:
            self._trouble.broke(row["connection"], error)
            wait = timedelta(minutes=1)
            database.run(lambda c: leases.retry(c, queue, row, due_at=now + wait, reason=reason, refund=True))
            return
        if row["attempts"] < self.runtime.config.work.attempts:
            due_at = now + leases.backoff(row["attempts"])
            database.run(lambda c: leases.retry(c, queue, row, due_at=due_at, reason=reason))
            return
        expires = self.runtime.until(self.runtime.config.retention.failed)
        database.run(lambda c: leases.bury(c, queue, row, reason=reason, expires_at=expires))
        log.error("job_buried", reason=reason)
