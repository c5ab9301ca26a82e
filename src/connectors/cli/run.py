"""`connectors serve`, `worker` and `up`: the processes of an installation."""

from __future__ import annotations

import gc
import os
import queue
import signal
from collections.abc import Callable, Iterator

import click
import structlog
from starlette.applications import Starlette

from connectors import tracing
from connectors.assembly import handlers, site
from connectors.cli.state import State, pass_state
from connectors.config import Config
from connectors.dashboard import announce, link_alerts
from connectors.errors import ConfigError, ConnectorsError
from connectors.gateway.exchange import Exchangeable
from connectors.gateway.serve import server
from connectors.logs import configure
from connectors.metrics import Metrics
from connectors.runtime import Runtime
from connectors.store.migrations import schema_state, upgrade
from connectors.work.context import Connections
from connectors.work.worker import Worker

log = structlog.get_logger()


@click.command()
@click.option("--host", help="Address to listen on; the configuration's by default.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; the configuration's by default.")
@click.option("--residency", "residencies", multiple=True, help="Serve only tenants of this residency.")
@pass_state
def serve(state: State, host: str | None, port: int | None, residencies: tuple[str, ...]) -> None:
    """Serve webhooks, the developer API, the dashboard, health and metrics, until SIGTERM.

    SIGHUP reads the configuration again. One with mistakes changes nothing but a line in the log.
    """
    _serve(state.listening(host, port), "gateway", residencies=residencies)


@click.command()
@click.option("--host", help="Address to listen on; the configuration's by default.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; the configuration's by default.")
@pass_state
def up(state: State, host: str | None, port: int | None) -> None:
    """Run gateway and worker together: all that a small installation needs. SIGHUP and SIGTERM as for those."""
    _serve(state.listening(host, port), "up")


@click.command()
@click.option("--residency", "residencies", multiple=True, help="Work only for rows of this residency.")
@click.option("--metrics-port", type=int, default=0, help="Serve Prometheus metrics on this port.")
@click.option("--metrics-host", default="127.0.0.1", show_default=True, help="Address to serve metrics on.")
@pass_state
def worker(state: State, residencies: tuple[str, ...], metrics_port: int, metrics_host: str) -> None:
    """Process events and jobs until SIGTERM; what is held then is finished first.

    SIGHUP reads the configuration again. One with mistakes changes nothing but a line in the log.
    """
    asked: queue.SimpleQueue[str] = queue.SimpleQueue()
    on_signals(stop=lambda: asked.put("stop"), reload=lambda: asked.put("reload"))
    runtime = opened(state, "worker", residencies=residencies)
    step_back(runtime.config)
    link_alerts(runtime)
    metrics = Metrics()
    if metrics_port:
        from prometheus_client import start_http_server

        start_http_server(metrics_port, addr=metrics_host, registry=metrics.registry)
    working = started(runtime, metrics, residencies=residencies)
    while asked.get() == "reload":
        fresh = reloaded(state, working.runtime)
        if fresh is not None:
            link_alerts(fresh)
            working.stop()
            working.runtime.close()
            working = started(fresh, metrics, residencies=residencies)
            tell_reloaded(fresh)
    working.stop()
    working.runtime.close()


def _serve(state: State, service: str, *, residencies: tuple[str, ...] = ()) -> None:
    """Run the site, beside a worker when the service is `up`."""
    runtime = opened(state, service, residencies=residencies)
    if runtime.config.residency in runtime.databases.residencies:
        announce(runtime)
    metrics = Metrics()
    working = started(runtime, metrics) if service == "up" else None
    served = Exchangeable(
        site(runtime, metrics=metrics),
        begun=lambda app: tell_reloaded(app.state.runtime),
        retired=lambda app: app.state.runtime.close(),
    )
    settle()
    current = runtime

    def fresh() -> Starlette | None:
        nonlocal working, current
        made = reloaded(state, current)
        if made is None:
            return None
        app = site(made, metrics=metrics)
        if working is not None:
            working.stop()
            working = started(made, metrics)
        current = made
        settle()
        return app

    # The server stops by itself at SIGTERM and then raises it again: by then there is still something to finish.
    on_signals(stop=lambda: None, reload=lambda: served.exchange(fresh))
    try:
        server(served, runtime.config.gateway).run()
    finally:
        if working is not None:
            working.stop()
        current.close()


def opened(state: State, service: str, *, residencies: tuple[str, ...] = ()) -> Runtime:
    """Return the runtime of a process that serves. Raises `ConfigError`."""
    config = state.config()
    configure(config.log)
    tracing.configure(service)
    runtime = Runtime.open(config, folder=state.folder, residencies=residencies)
    prepare(runtime)
    return runtime


def settle() -> None:
    """Keep the garbage collector away from what start-up made.

    Detectors, tables and models are some hundred thousand objects that stay: looking through all of them takes a tenth
    of a second, in which nothing is answered.
    """
    gc.unfreeze()  # what an installation left behind that was exchanged goes now
    gc.collect()
    gc.freeze()


def step_back(config: Config) -> None:
    """Lower the priority of this process by `work.nice`, so that a gateway on the same cores answers first."""
    if config.work.nice and hasattr(os, "nice"):
        os.nice(config.work.nice)


def started(runtime: Runtime, metrics: Metrics, *, residencies: tuple[str, ...] = ()) -> Worker:
    """Return a running worker."""
    working = Worker(runtime, residencies=residencies, metrics=metrics, handlers=handlers())
    working.start()
    return working


def prepare(runtime: Runtime) -> None:
    """Make an embedded database ready; refuse to start on a schema that this code does not run on."""
    for database in runtime.databases.all():
        state = schema_state(database)
        if state.pending and database.embedded:
            upgrade(database)
        elif state.problem:
            raise ConfigError(f"{database!r} {state.problem}")
        elif state.ahead:
            log.warning("schema_is_newer", schema=state.current, code=state.head)


def on_signals(*, stop: Callable[[], None], reload: Callable[[], None]) -> None:
    """Call `stop` at SIGTERM and SIGINT, and `reload` at SIGHUP, where there is one."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _signal, _frame: stop())
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda _signal, _frame: reload())


def reloaded(state: State, old: Runtime) -> Runtime | None:
    """Return a runtime of the configuration as it stands now; None, with a line in the log, when it has mistakes.

    Nothing of the old one is touched.
    """
    runtime = None
    try:
        runtime = Runtime.open(state.config(), folder=state.folder, now=old.now, residencies=old.databases.only)
        look_over(runtime)
        prepare(runtime)
    except ConnectorsError as error:
        problems = error.problems if isinstance(error, ConfigError) else (str(error),)
        log.error("reload_refused", problems=list(problems))
        if runtime is not None:
            runtime.close()
        return None
    for key in restart_needed(old.config, runtime.config):
        log.warning("restart_needed", key=key)
    return runtime


def tell_reloaded(runtime: Runtime) -> None:
    """Say that a new configuration is in force."""
    log.info("reloaded", connections=len(runtime.config.connections), policies=len(runtime.config.policies))


def restart_needed(old: Config, new: Config) -> Iterator[str]:
    """Yield the keys that changed and that a running process does not take up."""
    if old.log != new.log:
        yield "log"
    if old.work.nice != new.work.nice:
        yield "work.nice"
    for name in ("host", "port"):
        if getattr(old.gateway, name) != getattr(new.gateway, name):
            yield f"gateway.{name}"


def look_over(runtime: Runtime) -> None:
    """Build what a start would build later, and be as strict as `connectors check`.

    Raises `ConfigError` or `PluginFault` for what could not be used.
    """
    _ = runtime.policies, runtime.rules, runtime.engine, runtime.validity, runtime.publisher
    problems = [f"plugin {each.name}: {each.problem}" for each in runtime.host.plugins.values() if each.problem]
    problems += [
        f"policy {policy.name}: no detector answers to {', '.join(unknown)}"
        for policy in runtime.config.policies
        if (unknown := runtime.policies.unknown(policy.name))
    ]
    if problems:
        raise ConfigError("\n".join(problems), problems=tuple(problems))
    for name in runtime.config.destinations:
        runtime.destination(name)
    connections = Connections(runtime)
    for name, settings in runtime.config.connections.items():
        if settings.enabled and runtime.owner(name).residency in runtime.databases.residencies:
            connections.get(name)
