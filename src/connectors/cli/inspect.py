"""`connectors coverage`, `deliveries`, `jobs` and `alerts`: what happened, and what did not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
import sqlalchemy as sa
from rich.markup import escape

from connectors.cli.state import State, connection_named, pass_state
from connectors.cli.terminal import Styled, ago, console, print_json, severity, table
from connectors.runtime import Runtime
from connectors.store import alerts as alert_store
from connectors.store import deliveries as delivered
from connectors.store import jobs as job_store
from connectors.store import ledger, letters
from connectors.store.engine import Row
from connectors.store.ledger import Coverage


def over_residencies(runtime: Runtime, read: Callable[[sa.Connection, str], Sequence[Any]]) -> list[Any]:
    """Read something from every residency and put it together."""
    found: list[Any] = []
    for residency in runtime.databases.residencies:
        found.extend(runtime.databases.of(residency).read(lambda c, r=residency: read(c, r)))  # type: ignore[misc]
    return found


def coverage_table(lines: Sequence[Coverage]) -> Any:
    """Return the ledger as a table; a line that does not add up is marked."""
    rows = [
        (
            line.connection,
            line.label or line.partition,
            line.state,
            line.counts.listed,
            line.counts.scanned,
            line.counts.skipped,
            line.counts.failed,
            line.counts.pending or Styled("[green]=[/]"),
        )
        for line in lines
    ]
    numbers = ("listed", "scanned", "skipped", "failed", "pending")
    return table("", ("connection", "partition", "state", *numbers), rows, right=numbers)


@click.command()
@click.argument("connection", required=False)
@click.option("--gaps", is_flag=True, help="List what was not scanned, and why.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def coverage(state: State, connection: str | None, *, gaps: bool, as_json: bool) -> None:
    """Show the ledger: listed = scanned + skipped + failed, per partition.

    Exits with 1 when a partition that is read to its end does not add up.
    """
    with state.runtime() as runtime:
        name = connection_named(runtime, connection) if connection else None
        lines = over_residencies(runtime, lambda c, r: ledger.coverage(c, r, name=name))
        missing = over_residencies(runtime, lambda c, r: ledger.gaps(c, r, name=name))
    wrong = [line for line in lines if line.state in ("done", "failed") and line.counts.pending < 0]
    if as_json:
        print_json({"partitions": [_line(line) for line in lines], "gaps": missing, "adds_up": not wrong})
    else:
        console().print(coverage_table(lines))
        if gaps:
            rows = [
                (gap["connection"], gap["label"] or gap["resource_id"], gap["part"], gap["reason"], gap["detail"])
                for gap in missing
            ]
            console().print(table("\nNot scanned", ("connection", "resource", "part", "reason", "detail"), rows))
        elif missing:
            console().print(f"\n{len(missing)} parts were not scanned; `connectors coverage --gaps` lists them.")
    sys.exit(1 if wrong else 0)


def _line(line: Coverage) -> dict[str, Any]:
    return {
        "connection": line.connection,
        "partition": line.partition,
        "label": line.label,
        "state": line.state,
        "listed": line.counts.listed,
        "scanned": line.counts.scanned,
        "skipped": line.counts.skipped,
        "failed": line.counts.failed,
        "pending": line.counts.pending,
        "adds_up": line.holds,
    }


@click.group(invoke_without_command=True)
@click.option("--connection", help="Only of this connection.")
@click.option("--failed", is_flag=True, help="Only those that could not be understood.")
@click.option("--limit", default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def deliveries(ctx: click.Context, connection: str | None, *, failed: bool, limit: int, as_json: bool) -> None:
    """List the webhooks that arrived, the latest first."""
    if ctx.invoked_subcommand:
        return
    state: State = ctx.obj
    with state.runtime() as runtime:
        wanted = "failed" if failed else None
        rows = over_residencies(
            runtime,
            lambda c, r: delivered.listed(c, r, names=(connection,) if connection else None, state=wanted, limit=limit),
        )
        now = runtime.now()
    if as_json:
        print_json(rows)
        return
    cells = [
        (
            str(row["id"])[:8],
            row["connection"],
            row["state"],
            row["events"],
            row["size"],
            ago(row["received_at"], now),
            row["reason"],
        )
        for row in rows
    ]
    console().print(
        table(
            "", ("id", "connection", "state", "events", "bytes", "received", "reason"), cells, right=("events", "bytes")
        )
    )


@deliveries.command("replay")
@click.argument("delivery")
@pass_state
def replay(state: State, delivery: str) -> None:
    """Take a failed delivery in again, after its plugin was repaired."""
    from connectors.gateway.replay import replay_delivery

    with state.runtime() as runtime:
        console().print(replay_delivery(runtime, delivery), markup=False)


@click.group(invoke_without_command=True)
@click.option("--dead", is_flag=True, help="Only dead letters.")
@click.option("--limit", default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def jobs(ctx: click.Context, *, dead: bool, limit: int, as_json: bool) -> None:
    """List jobs and dead letters."""
    if ctx.invoked_subcommand:
        return
    state: State = ctx.obj
    with state.runtime() as runtime:
        wanted = "dead" if dead else None
        rows = over_residencies(runtime, lambda c, r: job_store.listed(c, r, state=wanted, limit=limit))
        rows += over_residencies(runtime, lambda c, r: letters.dead_events(c, r, limit=limit))
        now = runtime.now()
    if as_json:
        print_json(rows)
        return
    cells = [_job_cells(row, now) for row in rows]
    console().print(table("", ("id", "queue", "for", "state", "tries", "due", "reason"), cells, right=("tries",)))


def _job_cells(row: Row, now: Any) -> tuple[object, ...]:
    state = Styled("[red]dead[/]") if row["state"] == "dead" else "running" if row["lease"] else row["state"]
    due = "now" if row["due_at"] <= now else f"in {(row['due_at'] - now).total_seconds():.0f} s"
    named = row.get("key") or row["connection"]
    return (str(row["id"])[:8], row.get("queue", "event"), named, state, row["attempts"], due, row["reason"])


@jobs.command("retry")
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All dead letters.")
@pass_state
def retry(state: State, ids: tuple[str, ...], *, everything: bool) -> None:
    """Make dead letters ready again, by id (or its beginning)."""
    if not ids and not everything:
        raise click.UsageError("name ids, or say --all")
    revived = 0
    with state.runtime() as runtime:
        for residency in runtime.databases.residencies:
            database = runtime.databases.of(residency)
            now = runtime.now()
            revived += database.run(lambda c, d=database, r=residency, n=now: letters.revive(d, c, r, ids, now=n))  # type: ignore[misc]
    if ids and not revived:
        raise click.UsageError(f"no dead letter's id starts with {' or '.join(ids)}: see connectors jobs --dead")
    console().print("1 dead letter is ready again." if revived == 1 else f"{revived} dead letters are ready again.")


@click.command()
@click.option("--limit", default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def alerts(state: State, limit: int, *, as_json: bool) -> None:
    """List the alerts that went out, to whom, and those that did not."""
    with state.runtime() as runtime:
        rows = over_residencies(runtime, lambda c, r: alert_store.listed(c, r, limit=limit))
        now = runtime.now()
    if as_json:
        print_json(rows)
    else:
        console().print(alerts_table(rows, now))


def alerts_table(rows: Sequence[Mapping[str, Any]], now: Any) -> Any:
    """Return alerts with the recipient or the reason of the last attempt."""
    cells = []
    for row in rows:
        last = row["receipts"][-1] if row["receipts"] else {}
        told = last.get("recipient") or last.get("reference") or last.get("detail") or ""
        state = Styled(f"[red]{escape(row['state'])}[/]") if row["state"] == "failed" else row["state"]
        cells.append(
            (
                severity(row["severity"]),
                row["policy"],
                row["label"],
                row["destination"],
                told,
                state,
                ago(row["created_at"], now),
            )
        )
    return table("", ("severity", "policy", "where", "destination", "to", "state", "when"), cells)
