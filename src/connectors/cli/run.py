"""`connectors serve`, `worker` and `up`: the processes of an installation."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import click

from connectors.api.jobs import HANDLERS as API_HANDLERS
from connectors.cli.state import State, pass_state
from connectors.dashboard import HANDLERS as DASHBOARD_HANDLERS
from connectors.dashboard import announce, link_alerts
from connectors.errors import ConfigError
from connectors.gateway.serve import server, site
from connectors.logs import configure
from connectors.metrics import Metrics
from connectors.runtime import Runtime
from connectors.store.migrations import pending_revisions, upgrade
from connectors.work.job import Handler
from connectors.work.worker import HANDLERS, Worker


@click.command()
@click.option("--host", help="Address to listen on; the configuration's by default.")
@click.option("--port", type=int, help="Port to listen on; the configuration's by default.")
@pass_state
def serve(state: State, host: str | None, port: int | None) -> None:
    """Serve webhooks, the developer API, the dashboard, health and metrics."""
    with state.runtime() as runtime:
        configure(runtime.config.log)
        prepare(runtime)
        announce(runtime)
        server(site(runtime), runtime.config.gateway, host=host, port=port).run()


@click.command()
@click.option("--residency", "residencies", multiple=True, help="Work only for rows of this residency.")
@click.option("--metrics-port", type=int, default=0, help="Serve Prometheus metrics on this loopback port.")
@pass_state
def worker(state: State, residencies: tuple[str, ...], metrics_port: int) -> None:
    """Process events and jobs until SIGTERM; what is held then is finished first."""
    with state.runtime() as runtime:
        configure(runtime.config.log)
        prepare(runtime)
        link_alerts(runtime)
        metrics = Metrics()
        if metrics_port:
            from prometheus_client import start_http_server

            start_http_server(metrics_port, addr="127.0.0.1", registry=metrics.registry)
        working = Worker(runtime, residencies=residencies, metrics=metrics, handlers=handlers())
        _stop_on_signals(working.stopping)
        working.run()


@click.command()
@click.option("--host", help="Address to listen on; the configuration's by default.")
@click.option("--port", type=int, help="Port to listen on; the configuration's by default.")
@pass_state
def up(state: State, host: str | None, port: int | None) -> None:
    """Run gateway and worker together: all that a small installation needs."""
    with state.runtime() as runtime:
        configure(runtime.config.log)
        prepare(runtime)
        announce(runtime)
        metrics = Metrics()
        working = Worker(runtime, metrics=metrics, handlers=handlers())
        working.start()
        try:
            server(site(runtime, metrics=metrics), runtime.config.gateway, host=host, port=port).run()
        finally:
            working.stop()


def handlers() -> dict[str, Handler]:
    """Return what every queue's jobs mean: the workers' own, the developer API's and the dashboard's."""
    return {**HANDLERS, **API_HANDLERS, **DASHBOARD_HANDLERS}


def prepare(runtime: Runtime) -> None:
    """Make an embedded database ready; refuse to start on a server's schema that is not current."""
    for database in runtime.databases.all():
        if not pending_revisions(database):
            continue
        if database.dialect != "sqlite":
            raise ConfigError(f"{database!r} has an old schema", hint="run `connectors db upgrade` first")
        upgrade(database)


def _stop_on_signals(stopping: threading.Event) -> None:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
