"""`connectors connection`: what there is, and taking one out."""

from __future__ import annotations

import getpass
from typing import Any

import click

from connectors.cli.inspect import over_residencies
from connectors.cli.state import State, pass_state
from connectors.cli.terminal import ago, console, print_json, table
from connectors.errors import ConfigError, ConnectorsError
from connectors.runtime import Runtime
from connectors.store import actions, connections, removal
from connectors.work.context import Connections
from connectors.work.housekeeping import unsubscribe


@click.group()
def connection() -> None:
    """Look at connections, and take one out."""


@connection.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def list_connections(state: State, *, as_json: bool) -> None:
    """List the connections, how they are, and those that only the database still knows."""
    with state.runtime() as runtime:
        health = {row["name"]: row for row in over_residencies(runtime, connections.health)}
        left = {name for names in _known(runtime).values() for name in names}
        rows = [_line(runtime, name, health.get(name, {})) for name in sorted({*runtime.config.connections, *left})]
        now = runtime.now()
    if as_json:
        print_json(rows)
        return
    columns = ("connection", "app", "state", "last delivery", "last sync", "reason")
    cells = [
        (row["name"], row["app"], row["state"], ago(row["last_delivery"], now), ago(row["last_sync"], now),
         row["reason"]) for row in rows
    ]  # fmt: skip
    console().print(table("", columns, cells))


@connection.command("remove")
@click.argument("name")
@click.option("--findings", type=click.Choice(["keep", "purge"]), default="keep", show_default=True,
              help="What becomes of its findings, their alerts and actions.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and change nothing.")
@click.option("--why", default="", help="The reason, for the audit.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def remove(state: State, name: str, findings: str, why: str, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """End the push channels of connection NAME at its app, and delete what the database keeps of it.

    Set `enabled: false` first and let every process read it, or a worker would begin again. Afterwards take the
    connection out of the configuration. The audit is kept in any case.
    """
    purge = findings == "purge"
    with state.runtime() as runtime:
        homes = _homes(runtime, name)
        counts = _count(runtime, name, homes, purge=purge)
        channel = _channel(runtime, name)
        if dry_run:
            _show(name, counts, channel="would be ended" if channel else "none", done=False, as_json=as_json)
            return
        settings = runtime.config.connections.get(name)
        if settings is not None and settings.enabled:
            raise ConfigError(
                f"connection {name!r} is enabled",
                hint="set `enabled: false` on it, send the processes SIGHUP, then run this again",
            )
        if not yes:
            total = sum(counts.values())
            click.confirm(f"Delete {total} rows of {name}, findings {findings}. Go on?", abort=True, err=True)
        told = _unsubscribed(runtime, name, channel=channel)
        for residency in homes:
            _delete(runtime, residency, name, purge=purge, why=why, channel=told)
    _show(name, counts, channel=told, done=True, as_json=as_json)


def _homes(runtime: Runtime, name: str) -> list[str]:
    """Return the residencies that hold rows of a connection. Raises `ConfigError` when nothing is known of it."""
    known = _known(runtime)
    homes = [residency for residency, names in known.items() if name in names]
    if name in runtime.config.connections and not homes:
        homes = [runtime.owner(name).residency]
    if not homes:
        names = ", ".join(sorted({*runtime.config.connections}.union(*known.values()))) or "none"
        raise ConfigError(f"nothing is known of a connection {name!r}", hint=f"known: {names}")
    return homes


def _known(runtime: Runtime) -> dict[str, set[str]]:
    return {
        residency: runtime.databases.of(residency).read(lambda c, r=residency: removal.known(c, r))  # type: ignore[misc]
        for residency in runtime.databases.residencies
    }


def _count(runtime: Runtime, name: str, homes: list[str], *, purge: bool) -> dict[str, int]:
    counts: dict[str, int] = {}
    for home in homes:
        found: dict[str, int] = runtime.databases.of(home).read(
            lambda c, r=home: removal.count(c, r, name, findings=purge)  # type: ignore[misc]
        )
        for each, rows in found.items():
            counts[each] = counts.get(each, 0) + rows
    return counts


def _channel(runtime: Runtime, name: str) -> bool:
    """Tell whether the connection has a push channel at its app."""
    if name not in runtime.config.connections:
        return False
    owner = runtime.owner(name)
    held = runtime.databases.of(owner.residency).read(lambda c: connections.get_channel(c, owner, runtime.vault))
    return held is not None


def _unsubscribed(runtime: Runtime, name: str, *, channel: bool) -> str:
    """End the push channel; say how that went. What the app does not let us end ends by itself, or by its admin."""
    if not channel:
        return "none"
    try:
        unsubscribe(runtime, Connections(runtime), name)
    except ConnectorsError as error:
        return f"could not be ended: {error}"
    return "ended"


def _delete(runtime: Runtime, residency: str, name: str, *, purge: bool, why: str, channel: str) -> None:
    database, now = runtime.databases.of(residency), runtime.now()
    deleted = removal.remove(database, residency, name, findings=purge)
    settings = runtime.config.connections.get(name)
    tenant = runtime.owner(name).tenant if settings else ""
    database.run(
        lambda c: actions.note(
            database, c, residency=residency, tenant=tenant, actor=f"cli:{getpass.getuser()}", act="connection:remove",
            subject=f"connection:{name}", result="done", now=now,
            detail={"why": why, "findings": "purged" if purge else "kept", "push channel": channel, "rows": deleted},
        )
    )  # fmt: skip


def _line(runtime: Runtime, name: str, health: dict[str, Any]) -> dict[str, Any]:
    settings = runtime.config.connections.get(name)
    state = "not configured" if settings is None else "off" if not settings.enabled else health.get("status", "new")
    return {
        "name": name,
        "app": settings.connector if settings else health.get("app", ""),
        "state": state,
        "last_delivery": health.get("last_delivery"),
        "last_sync": health.get("last_sync"),
        "reason": health.get("reason", ""),
    }


def _show(name: str, counts: dict[str, int], *, channel: str, done: bool, as_json: bool) -> None:
    if as_json:
        print_json({"connection": name, "removed": done, "push_channel": channel, "rows": counts})
        return
    out = console()
    out.print(table("", ("table", "rows"), sorted(counts.items()), right=("rows",)))
    out.print(f"push channel: {channel}")
    if done:
        out.print(f"{name} is removed. Take it out of the configuration, and end its webhook and access at the app.")
    else:
        out.print("Nothing was changed.")
