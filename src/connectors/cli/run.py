"""`connectors serve`, `worker` and `up`: the processes of an installation."""

from __future__ import annotations

import queue
import signal

import click
import structlog

from connectors import tracing
from connectors.assembly import handlers, site
from connectors.cli.state import State, pass_state
from connectors.dashboard import announce, link_alerts
from connectors.errors import ConfigError, ConnectorsError
from connectors.gateway.serve import server
from connectors.logs import configure
from connectors.metrics import Metrics
from connectors.runtime import Runtime
from connectors.store.migrations import schema_state, upgrade
from connectors.work.worker import Worker

log = structlog.get_logger()


@click.command()
@click.option("--host", help="Address to listen on; the configuration's by default.")
@click.option("--port", type=int, help="Port to listen on; the configuration's by default.")
@pass_state
def serve(state: State, host: str | None, port: int | None) -> None:
    """Serve webhooks, the developer API, the dashboard, health and metrics."""
    with state.runtime() as runtime:
        configure(runtime.config.log)
        tracing.configure("gateway")
        prepare(runtime)
        announce(runtime)
        server(site(runtime), runtime.config.gateway, host=host, port=port).run()


@click.command()
@click.option("--residency", "residencies", multiple=True, help="Work only for rows of this residency.")
@click.option("--metrics-port", type=int, default=0, help="Serve Prometheus metrics on this port.")
@click.option("--metrics-host", default="127.0.0.1", show_default=True, help="Address to serve metrics on.")
@pass_state
def worker(state: State, residencies: tuple[str, ...], metrics_port: int, metrics_host: str) -> None:
    """Process events and jobs until SIGTERM; what is held then is finished first.

    SIGHUP reads the configuration again. One with mistakes changes nothing but a line in the log.
    """
    with state.runtime() as runtime:
        configure(runtime.config.log)
        tracing.configure("worker")
        prepare(runtime)
        link_alerts(runtime)
        metrics = Metrics()
        if metrics_port:
            from prometheus_client import start_http_server

            start_http_server(metrics_port, addr=metrics_host, registry=metrics.registry)
        signals = Signals()
        working = Worker(runtime, residencies=residencies, metrics=metrics, handlers=handlers())
        working.start()
        while signals.wait() == "reload":
            fresh = reloaded(state, working, residencies=residencies, metrics=metrics)
            if fresh is not None:
                working = fresh
                working.start()
        working.stop()
        working.runtime.close()


@click.command()
@click.option("--host", help="Address to listen on; the configuration's by default.")
@click.option("--port", type=int, help="Port to listen on; the configuration's by default.")
@pass_state
def up(state: State, host: str | None, port: int | None) -> None:
    """Run gateway and worker together: all that a small installation needs."""
    with state.runtime() as runtime:
        configure(runtime.config.log)
        tracing.configure("up")
        prepare(runtime)
        announce(runtime)
        metrics = Metrics()
        working = Worker(runtime, metrics=metrics, handlers=handlers())
        working.start()
        try:
            server(site(runtime, metrics=metrics), runtime.config.gateway, host=host, port=port).run()
        finally:
            working.stop()


def prepare(runtime: Runtime) -> None:
    """Make an embedded database ready; refuse to start on a schema that this code does not run on."""
    for database in runtime.databases.all():
        state = schema_state(database)
        if state.pending and database.dialect == "sqlite":
            upgrade(database)
        elif state.problem:
            raise ConfigError(f"{database!r} {state.problem}")
        elif state.ahead:
            log.warning("schema_is_newer", schema=state.current, code=state.head)


class Signals:
    """What the process was asked by signals, in order: `stop` (SIGTERM, SIGINT) or `reload` (SIGHUP)."""

    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[str] = queue.SimpleQueue()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _signal, _frame: self._asked.put("stop"))
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, lambda _signal, _frame: self._asked.put("reload"))

    def wait(self) -> str:
        """Return the next thing asked for."""
        return self._asked.get()


def reloaded(state: State, working: Worker, *, residencies: tuple[str, ...], metrics: Metrics) -> Worker | None:
    """Return a worker of the configuration as it stands now; None, with nothing changed, when it cannot be used.

    The new one is built and looked over before the old one finishes what it holds and ends.
    """
    old = working.runtime
    try:
        runtime = Runtime.open(state.config(), folder=state.folder, now=old.now)
        prepare(runtime)
        _ = runtime.policies, runtime.engine
    except ConnectorsError as error:
        log.error("reload_refused", error=str(error))
        return None
    link_alerts(runtime)
    working.stop()
    old.close()
    log.info("reloaded", connections=len(runtime.config.connections))
    return Worker(runtime, residencies=residencies, metrics=metrics, handlers=handlers())
