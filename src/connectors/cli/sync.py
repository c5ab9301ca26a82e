"""`connectors sync`: read history and changes now, and watch it."""

from __future__ import annotations

import time
from datetime import timedelta

import click

from connectors.cli.inspect import over_residencies
from connectors.cli.run import prepare
from connectors.cli.state import State, connection_named, pass_state
from connectors.cli.terminal import ago, console, print_json, table
from connectors.config.models import parse_duration
from connectors.logs import configure
from connectors.runtime import Runtime
from connectors.store import jobs, ledger
from connectors.store.ledger import Coverage
from connectors.work import sync as work_sync
from connectors.work.stream import busy
from connectors.work.worker import Worker


@click.command()
@click.argument("connection", required=False)
@click.option("--since", help="Read history no older than this, such as 90d.")
@click.option("--full", is_flag=True, help="Read from the beginning again, which also finds deletions.")
@click.option("--again", is_flag=True, help="Scan what has not changed too: after policies or detectors were changed.")
@click.option("--status", is_flag=True, help="Show how far each partition is, and start nothing.")
@click.option("--detach", is_flag=True, help="Only ask for it; a running worker does it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON (with --status).")
@pass_state
def sync(
    state: State,
    connection: str | None,
    since: str | None,
    *,
    full: bool,
    again: bool,
    status: bool,
    detach: bool,
    as_json: bool,
) -> None:
    """Read a connection's history and changes, from where the last reading stopped."""
    with state.runtime() as runtime:
        configure(runtime.config.log)
        prepare(runtime)
        if status:
            _show_status(runtime, connection, as_json=as_json)
            return
        if connection is None:
            raise click.UsageError("name a connection, or say --status")
        name = connection_named(runtime, connection)
        window = _window(since)
        request(runtime, name, from_start=full or window is not None, again=again, since=window)
        if detach:
            console().print(f"{name}: asked for; `connectors sync --status` shows how far it is.")
            return
        watch(runtime, (name,))


def request(
    runtime: Runtime, name: str, *, from_start: bool, again: bool = False, since: timedelta | None = None
) -> None:
    """Ask for a sync of one connection."""
    owner, now = runtime.owner(name), runtime.now()
    database = runtime.databases.of(owner.residency)
    oldest = (now - since).isoformat() if since else None
    job = work_sync.request(
        name, residency=owner.residency, tenant=owner.tenant, from_start=from_start, again=again, since=oldest
    )
    database.run(lambda c: jobs.enqueue(database, c, [job], vault=runtime.vault, now=now))


def watch(runtime: Runtime, names: tuple[str, ...]) -> list[Coverage]:
    """Work until the connections are read and processed, showing how far it is; return their ledger."""
    from connectors.cli.progress import Progress

    worker = Worker(runtime)
    worker.start()
    try:
        with Progress() as progress:
            while not worker.stopping.is_set():
                lines = covered(runtime, names)
                progress.show(lines, runtime.now())
                if settled(runtime, names):
                    break
                time.sleep(0.2)
    finally:
        worker.stop()
    return covered(runtime, names)


def covered(runtime: Runtime, names: tuple[str, ...]) -> list[Coverage]:
    """Return the ledger lines of some connections."""
    lines: list[Coverage] = over_residencies(runtime, ledger.coverage)
    return [line for line in lines if line.connection in names]


def settled(runtime: Runtime, names: tuple[str, ...]) -> bool:
    """Tell whether nothing is left to read or to process for some connections."""
    for name in names:
        owner = runtime.owner(name)
        database = runtime.databases.of(owner.residency)
        if database.read(lambda c, o=owner: busy(runtime, c, o)):  # type: ignore[misc]
            return False
    return True


def _window(since: str | None) -> timedelta | None:
    if since is None:
        return None
    try:
        window = parse_duration(since)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from error
    assert isinstance(window, timedelta)  # noqa: S101 (parse_duration of a string)
    return window


def _show_status(runtime: Runtime, connection: str | None, *, as_json: bool) -> None:
    names = (connection_named(runtime, connection),) if connection else tuple(runtime.config.connections)
    now = runtime.now()
    lines = [line for line in covered(runtime, names) if line.state != "live"]
    if as_json:
        print_json([{**vars(line), "counts": vars(line.counts), "eta_seconds": line.eta(now)} for line in lines])
        return
    rows = [
        (
            line.connection,
            line.label,
            line.state,
            line.pages,
            f"{line.counts.listed}" + (f" of about {line.estimate}" if line.estimate else ""),
            line.counts.pending,
            _eta(line.eta(now)),
            ago(line.finished_at, now) if line.finished_at else line.reason,
        )
        for line in lines
    ]
    columns = ("connection", "partition", "state", "pages", "listed", "pending", "ready in", "finished")
    console().print(table("", columns, rows, right=("pages", "pending")))


def _eta(seconds: float | None) -> str:
    return "" if seconds is None else str(timedelta(seconds=round(seconds)))
